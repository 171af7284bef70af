// SPDX-License-Identifier: GPL-2.0-only
/*
 * Root chooses the command line of a kernel that kexec boots, and that kernel
 * has no locks. With an lsm= that leaves us out, it would be the way around
 * both locks.
 */

#include <linux/cache.h>
#include <linux/compiler.h>
#include <linux/errno.h>

#include "audit.h"
#include "lock.h"
#include "policies.h"

bool ipe_mode_locked __read_mostly;

/**
 * ipe_lock_forbids() - Does a lock forbid to load something?
 * @op: what it is loaded for
 *
 * Records a refusal. Neither the policy nor enforcement matters.
 *
 * Context: Process context.
 * Return: %true if the caller has to return %-EPERM.
 */
bool ipe_lock_forbids(enum ipe_op op)
{
	if (op != IPE_OP_KEXEC_IMAGE && op != IPE_OP_KEXEC_INITRAMFS)
		return false;
	if (!READ_ONCE(ipe_mode_locked) &&
	    !ipe_policies_is_locked(&ipe_policies))
		return false;
	ipe_audit_lock("kexec", -EPERM);
	return true;
}
