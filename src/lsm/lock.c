// SPDX-License-Identifier: GPL-2.0-only
/*
 * A kernel that is loaded to be booted gets its command line from root, and has
 * no locks: with an lsm= that leaves us out it would be the way out of both.
 */

#include <linux/cache.h>
#include <linux/compiler.h>
#include <linux/errno.h>

#include "audit.h"
#include "lock.h"
#include "policies.h"

bool ipe_mode_locked __read_mostly;

/**
 * ipe_lock_forbids() - May something not be loaded since a lock was set?
 * @op: what it is loaded for
 *
 * A refusal is recorded. The policy is not asked, nor whether it is enforced.
 *
 * Context: Process context.
 * Return: whether the caller is to answer %-EPERM.
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
