/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The users of callers, and their budgets. All connections of a user have one budget together.
 */
#ifndef IPECTLD_CALLERS_H
#define IPECTLD_CALLERS_H

#include <systemd/sd-bus.h>

#include "base.h"

typedef struct Callers Callers;

/* Connects to the bus. If the connection is lost the event loop ends. Returns 0 or a negative errno. */
int callers_new(sd_event *event, Callers **ret);

Callers *callers_free(Callers *callers);

/* Finds the effective user of the sender of a message. Asks the bus once for each connection.
 * Returns 0 or a negative errno: -EBUSY while the bus does not answer, -ENXIO if the sender has left the bus. */
int callers_find_uid(Callers *callers, sd_bus_message *message, uid_t *ret);

/* Asks the bus and /proc about the sender of a message, never over the connection that has the message.
 * mask: as for sd_bus_get_name_creds(3). Returns as callers_find_uid(). */
int callers_ask(Callers *callers, sd_bus_message *message, uint64_t mask, sd_bus_creds **ret);

/* A unit pays for so many bytes that are read. */
#define CALLERS_BYTES_PER_UNIT (16U << 10)

/* Takes units out of the budget of a user, as budgets_charge(). A unit pays for an answer that takes almost no time. */
bool callers_charge(Callers *callers, uid_t uid, uint64_t units);

#endif
