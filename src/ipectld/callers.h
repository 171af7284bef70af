/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who calls, and how often: users other than root have a budget of calls, all connections of a user together.
 */
#ifndef IPECTLD_CALLERS_H
#define IPECTLD_CALLERS_H

#include <systemd/sd-bus.h>

#include "base.h"

typedef struct Callers Callers;

/* Returns NULL if there is no memory. */
Callers *callers_new(void);

Callers *callers_free(Callers *callers);

/* The effective user of the sender of a message. The bus is asked once for each connection.
 * Returns 0 or a negative errno, as where the sender has left the bus. */
int callers_find_uid(Callers *callers, sd_bus_message *message, uid_t *ret);

/* Takes units out of the budget of a user, which may fall below zero once. A unit is an answer that takes no time worth
 * mentioning. Returns whether the user had any left; root always has. */
bool callers_charge(Callers *callers, uid_t uid, uint64_t units);

#endif
