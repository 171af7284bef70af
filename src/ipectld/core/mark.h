/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the concepts share that change the state: occasions, and the marks that say what the kernel is about to be asked for.
 */
#ifndef IPECTLD_MARK_H
#define IPECTLD_MARK_H

#include "manager.h"

/* transaction: what this belongs to; NULL, or empty, for a new one. */
Occasion occasion_now(const Manager *manager, const char *transaction);

/* The kernel is about to be asked to let a version decide, or to confirm it; a daemon that is killed then finds the mark.
 * trial: how its trial is to end; NULL if it has none, or to leave that as it is. Returns 0 or a negative errno. */
int activation_mark(Manager *manager, const Digest *digest, const char *transaction, const StoreTrial *trial, Failure *reterr);
/* The same of a version that is to be gone back to. */
int rollback_mark(Manager *manager, const Digest *digest, Failure *reterr);
void activation_unmark(Manager *manager);

/* The kernel is about to be asked to evaluate a version in the shadow of the one that decides. name: of its policy, which
 * the state may have forgotten by then. Returns 0 or a negative errno. */
int shadow_mark(Manager *manager, const char *name, const Digest *digest, Failure *reterr);
void shadow_unmark(Manager *manager);

#endif
