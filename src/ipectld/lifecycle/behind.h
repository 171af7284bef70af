/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel has changed, and the disk refuses the record: the way back to safety comes first, and its record follows.
 */
#ifndef IPECTLD_BEHIND_H
#define IPECTLD_BEHIND_H

#include "manager.h"

/* Before open_store(), and after every other listener is there. Returns 0 or -ENOMEM. */
int behind_attach(Manager *manager);
void behind_detach(Manager *manager);

/* Like manager_commit(), for a change that the kernel has made already: it counts even if the disk fails, which is tried again until
 * it works. new: taken over on success.
 *
 * Returns 0; 1 if the disk does not have it yet, with a sentence in reterr; -EINVAL, and then nothing changed. */
int behind_commit(Manager *manager, StoreState **new, Failure *reterr);

/* Once there is an event loop: has the disk tried again, if it was behind before. */
void behind_begin(Manager *manager);

/* Tries the disk again, if it is behind. */
void behind_retry(Manager *manager);

/* The damaged state.json lies on a disk that is read-only: it is put aside once the disk can be written. */
void behind_note_damaged(Manager *manager);

/* Before the kernel goes back though the disk fails: notes it where only a reboot, after which the kernel has forgotten it too, makes it
 * forgotten. If that fails it is logged, and no reason to stay. */
void behind_note_rollback(const Digest *to);

/* Returns 1, 0 if there is none, or a negative errno. */
int behind_find_rollback(Digest *ret);

/* Removes what behind_note_rollback() left, if anything. */
void behind_forget_rollback(void);

#endif
