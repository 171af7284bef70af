/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Records of changes, in the order of the changes, and without their locks.
 *
 * Audit may let a record wait for a minute, so no record is written under a
 * lock that a change needs. A writer takes a turn under the lock of the change,
 * drops the lock, and records when its turn comes.
 */
#ifndef _SECURITY_IPE_RECORDER_H
#define _SECURITY_IPE_RECORDER_H

#include <linux/types.h>

u64 ipe_recorder_turn(void);
void ipe_recorder_begin(u64 turn);
void ipe_recorder_end(u64 turn);

#endif
