/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Locks that last until reboot. lifecycle.c locks policies; both locks forbid
 * kexec, too.
 */
#ifndef _SECURITY_IPE_LOCK_H
#define _SECURITY_IPE_LOCK_H

#include <linux/types.h>

#include "policy/policy.h"

/*
 * Enforcement cannot be switched off any more. One-way; written by the file
 * "lock" under the lock of the switch, read with READ_ONCE().
 */
extern bool ipe_mode_locked;

bool ipe_lock_forbids(enum ipe_op op);

#endif
