/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * May the sender of a message do this? Asks polkit without waiting for it.
 *
 * A handler reads and checks all of its arguments, calls a function of these before it changes anything, and returns 1 at once if the
 * answer is pending. When it comes, sd-bus dispatches the same message again and the handler runs from its start; this time the
 * function has the answer. A call that needs several actions asks for one after the other, and runs again after each answer.
 * A call whose sender leaves the bus before that is forgotten.
 *
 * Details say what the call would do as things are: rules of polkit decide by them, and its dialog may show them. Things may change
 * while somebody types a password, so a call whose details differ when it runs again is refused.
 */
#ifndef IPECTLD_POLKIT_H
#define IPECTLD_POLKIT_H

#include <systemd/sd-bus.h>

#include "callers.h"
#include "presence.h"

typedef struct Polkit Polkit;

/* A call needs at most so many actions. */
#define POLKIT_ACTIONS_MAX 4U

typedef enum PolkitAnswer {
        POLKIT_NO,
        POLKIT_CHALLENGE, /* if somebody authenticates */
        POLKIT_YES,
} PolkitAnswer;

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

/* The same for all of several actions, with details.
 *
 * actions: constants, NULL at the end, in the order in which they are asked for.
 * details: a key and a value by turns, NULL at the end; NULL for none. */
int polkit_check_all(Polkit *polkit, sd_bus_message *message, const char *const *actions, const char *const *details,
                     sd_bus_error *reterr);

/* Whether polkit_check_all() would say yes; nobody is asked for a password. ret: the answer that stands most in the way. Returns as
 * polkit_check_all(), where 1 means that *ret is set. */
int polkit_find_out(Polkit *polkit, sd_bus_message *message, const char *const *actions, const char *const *details,
                    PolkitAnswer *ret, sd_bus_error *reterr);

/* Whether the handler of this message runs for another time, with an answer of polkit. */
bool polkit_has_answer(const Polkit *polkit, const sd_bus_message *message);

/* Whether the sender is root, whom polkit is not asked about. */
bool polkit_is_root(Polkit *polkit, sd_bus_message *message);

#endif
