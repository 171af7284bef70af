/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * May the sender of a message do this? Asks polkit without waiting for it.
 *
 * A handler calls polkit_check() before it looks at anything that may change, and returns 1 at once if the answer is
 * pending. When it comes, sd-bus dispatches the same message again and the handler runs from its start; this time
 * polkit_check() has the answer. A call whose sender leaves the bus before that is forgotten.
 */
#ifndef IPECTLD_POLKIT_H
#define IPECTLD_POLKIT_H

#include <systemd/sd-bus.h>

#include "callers.h"
#include "presence.h"

typedef struct Polkit Polkit;

/* callers, presence: borrowed. Returns NULL if there is no memory. */
Polkit *polkit_new(Callers *callers, Presence *presence);

/* Forgets what is pending; nobody gets an answer any more. */
Polkit *polkit_free(Polkit *polkit);

/* Root may do everything, without polkit: it is needed before polkit runs.
 *
 * action: "org.ipe.manager.stage".
 *
 * Returns 1 if the sender may, 0 if the answer is pending, a negative errno with reterr set if not. */
int polkit_check(Polkit *polkit, sd_bus_message *message, const char *action, sd_bus_error *reterr);

/* Whether the handler of this message runs for the second time, with the answer of polkit. */
bool polkit_has_answer(const Polkit *polkit, const sd_bus_message *message);

#endif
