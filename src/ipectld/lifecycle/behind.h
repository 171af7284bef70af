/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A state that the disk does not have yet: the kernel has changed, but the disk refused the record. Going back to
 * safety comes first, its record follows.
 */
#ifndef IPECTLD_BEHIND_H
#define IPECTLD_BEHIND_H

#include "manager.h"

/* Call before open_store(). Returns 0 or -ENOMEM. */
int behind_attach(Manager *manager);
void behind_detach(Manager *manager);

/* As manager_commit(), for a change that the kernel has made already: it counts even if the disk fails, and the daemon
 * retries until the disk has it. new: taken over on success.
 *
 * Returns 0; 1 if the disk does not have it yet, with a sentence in reterr; -EINVAL, and then nothing changed. */
int behind_commit(Manager *manager, StoreState **new, Failure *reterr);

/* Call once there is an event loop: schedules a retry if the disk is behind already. */
void behind_begin(Manager *manager);

/* Tries the disk again now, if it is behind. */
void behind_retry(Manager *manager);

/* Notes that a damaged state.json lies on a read-only disk: it is put aside once the disk can be written. */
void behind_note_damaged(Manager *manager);

/* Notes a rollback in /run, before the kernel goes back while the disk fails. A reboot loses this note, and the kernel
 * forgets the rollback then, too. A failure here is logged, and does not stop the rollback. */
void behind_note_rollback(const Digest *to);

/* Reads that note. Returns 1, 0 if there is none, or a negative errno. */
int behind_find_rollback(Digest *ret);

/* Removes that note, if there is one. */
void behind_forget_rollback(void);

#endif
