/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Occasions, and marks in state.json: a mark names what the daemon is about to ask the kernel for.
 */
#ifndef IPECTLD_MARK_H
#define IPECTLD_MARK_H

#include "manager.h"

/* transaction: of which this is a part; NULL or empty begins a new one. */
Occasion occasion_now(const Manager *manager, const char *transaction);

/* Marks that the kernel is about to be asked to activate a version, or to confirm it. If the daemon is killed, the next
 * start finds the mark. trial: how its trial is to end; NULL if it has none, or to leave that as it is. Returns 0 or a
 * negative errno. */
int activation_mark(Manager *manager, const Digest *digest, const char *transaction, const StoreTrial *trial,
                    Failure *reterr);
/* The same for a rollback to a version. */
int rollback_mark(Manager *manager, const Digest *digest, Failure *reterr);
void activation_unmark(Manager *manager);

/* Marks that the kernel is about to be asked to evaluate a version in the shadow of the active policy. name: of its
 * policy; needed later, as the state may have lost the version by then. Returns 0 or a negative errno. */
int shadow_mark(Manager *manager, const char *name, const Digest *digest, Failure *reterr);
void shadow_unmark(Manager *manager);

#endif
