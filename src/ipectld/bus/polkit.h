/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Asks polkit whether the sender of a message may do something, without blocking.
 *
 * A handler reads and checks all of its arguments, calls one of these functions before it changes anything, and returns
 * 1 at once if the answer is pending. When the answer comes, sd-bus dispatches the same message again and the handler
 * runs from its start; this time the function has the answer. A call that needs several actions asks for one after the
 * other, and runs again after each answer. If the sender leaves the bus before the answer, the call is forgotten.
 *
 * Details say what the call would do at this moment: rules of polkit decide by them, and its dialog may show them.
 * Things may change while a person types a password, so a call whose details differ when it runs again is refused.
 */
#ifndef IPECTLD_POLKIT_H
#define IPECTLD_POLKIT_H

#include <systemd/sd-bus.h>

#include "callers.h"
#include "presence.h"

typedef struct Polkit Polkit;

/* Actions that a call may need. */
#define POLKIT_ACTIONS_MAX 4U

typedef enum PolkitAnswer {
        POLKIT_NO,
        POLKIT_CHALLENGE, /* after authentication */
        POLKIT_YES,
} PolkitAnswer;

/* callers, presence: borrowed. Returns NULL if there is no memory. */
Polkit *polkit_new(Callers *callers, Presence *presence);

/* Forgets the calls that wait, without an answer. */
Polkit *polkit_free(Polkit *polkit);

/* Root may do everything, without polkit: root needs the daemon before polkit runs.
 *
 * action: "org.ipe.manager.stage", a constant.
 * details: a key and a value by turns, ends with NULL; NULL for none.
 *
 * Returns 1 if the sender may, 0 if the answer is pending, a negative errno with reterr set if not. */
int polkit_check(Polkit *polkit, sd_bus_message *message, const char *action, const char *const *details,
                 sd_bus_error *reterr);

/* The same for several actions, all of which the call needs. actions: in the order of the questions, ends with NULL. */
int polkit_check_all(Polkit *polkit, sd_bus_message *message, const char *const *actions, const char *const *details,
                     sd_bus_error *reterr);

/* Finds out whether polkit_check_all() would say yes, and asks nobody for a password. ret: the worst answer about the
 * actions. Returns as polkit_check_all(), where 1 means that *ret is set. */
int polkit_find_out(Polkit *polkit, sd_bus_message *message, const char *const *actions, const char *const *details,
                    PolkitAnswer *ret, sd_bus_error *reterr);

/* Whether the handler of this message runs again, with an answer of polkit. */
bool polkit_has_answer(const Polkit *polkit, const sd_bus_message *message);

/* Whether the sender is root. There are no questions to polkit about root. */
bool polkit_is_root(Polkit *polkit, sd_bus_message *message);

#endif
