/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The callers and their budgets: users other than root have a budget of calls, all connections of a user together.
 */
#ifndef IPECTLD_CALLERS_H
#define IPECTLD_CALLERS_H

#include <systemd/sd-bus.h>

#include "base.h"

typedef struct Callers Callers;

/* Connects to the bus. Without that connection the event loop ends. Returns 0 or a negative errno. */
int callers_new(sd_event *event, Callers **ret);

Callers *callers_free(Callers *callers);

/* The effective user of the sender of a message. The bus is asked once for each connection.
 * Returns 0 or a negative errno: -EBUSY while the bus does not answer, -ENXIO where the sender has left the bus. */
int callers_find_uid(Callers *callers, sd_bus_message *message, uid_t *ret);

/* Asks the bus and /proc about the sender of a message; mask: as that of sd_bus_get_name_creds(3). Never ask over the connection
 * that has the message. Returns as callers_find_uid(). */
int callers_ask(Callers *callers, sd_bus_message *message, uint64_t mask, sd_bus_creds **ret);

/* So much is read for a unit of a budget. */
#define CALLERS_BYTES_PER_UNIT (16U << 10)

/* Takes units out of the budget of a user, which may fall below zero once. A unit is an answer that takes no time worth
 * mentioning. Returns whether the user had any left; root always has. */
bool callers_charge(Callers *callers, uid_t uid, uint64_t units);

#endif
