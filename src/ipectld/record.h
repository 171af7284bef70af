/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Changes of the state that more than one of the concepts makes: of copies, which their caller commits, and the marks that
 * say what the kernel is about to be asked for.
 */
#ifndef IPECTLD_RECORD_H
#define IPECTLD_RECORD_H

#include "manager.h"

/* Gives a version of a copy what follows from an event, and the time. Returns 0 or -EPERM. */
int version_apply(VersionRecord *record, VersionEvent event);

/* Changes a copy: record is confirmed, and what was confirmed or selected before gets its event.
 * Returns 0 or -EPERM. */
int confirm_in_state(StoreState *state, VersionRecord *record, VersionEvent confirmed_before);

/* The kernel is about to be asked to let a version decide, or to confirm it; a daemon that is killed then finds the mark.
 * Returns 0 or a negative errno. */
int activation_mark(Manager *manager, const Digest *digest, Failure *reterr);
void activation_unmark(Manager *manager);

/* The kernel is about to be asked to evaluate a version in the shadow of the one that decides. name: of its policy, which
 * the state may have forgotten by then. Returns 0 or a negative errno. */
int shadow_mark(Manager *manager, const char *name, const Digest *digest, Failure *reterr);
void shadow_unmark(Manager *manager);

#endif
