/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Answers of handlers.
 */
#ifndef IPECTLD_BUS_REPLY_H
#define IPECTLD_BUS_REPLY_H

#include <systemd/sd-bus.h>

#include "failure.h"
#include "store.h"

/* Makes a bus error of a refusal or an errno that a function of the manager returned. Returns a negative errno, for a
 * handler to return. */
int bus_refuse(sd_bus_error *reterr, int result, const Failure *failure);

/* Makes the error of a user whose budget of calls is used up. Returns as bus_refuse(). */
int bus_refuse_too_many(sd_bus_error *reterr, uid_t uid);

/* Sends the same error as bus_refuse(), to a call whose handler has returned. Returns 0 or a negative errno. */
int bus_reply_with_error(sd_bus_message *call, int result, const Failure *failure);

/* Sends an answer, and frees it. r: of filling it. Returns 1, or a negative errno. */
int bus_send_reply(sd_bus_message *reply, int r);

/* Answers with the object of a version; record: NULL for none, which is "/". */
int bus_reply_with_path(sd_bus_message *message, const VersionRecord *record);

/* Appends a pair of name and version; two empty strings where name is NULL. */
int bus_append_pair(sd_bus_message *message, const char *name, const struct ipe_version *version);

#endif
