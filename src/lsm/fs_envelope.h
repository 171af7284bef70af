/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Policies that user space writes, or whose path it writes.
 */
#ifndef _SECURITY_IPE_FS_ENVELOPE_H
#define _SECURITY_IPE_FS_ENVELOPE_H

#include <linux/fs.h>

#include "policies.h"

int ipe_fs_envelope_load(struct ipe_envelope *envelope, bool staged, int r,
			 struct ipe_loaded **ret);
int ipe_fs_envelope_write(struct file *file, const char __user *data,
			  size_t len, struct ipe_slot *slot, bool staged,
			  struct ipe_loaded **ret);

#endif
