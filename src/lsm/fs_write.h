/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writing the files in the directory of a policy, but for "delete".
 */
#ifndef _SECURITY_IPE_FS_WRITE_H
#define _SECURITY_IPE_FS_WRITE_H

#include <linux/fs.h>

#include "transition.h"

extern const struct file_operations ipe_fs_active_fops;
extern const struct file_operations ipe_fs_update_fops;
extern const struct file_operations ipe_fs_stage_fops;
extern const struct file_operations ipe_fs_trial_fops;
extern const struct file_operations ipe_fs_rollback_fops;
extern const struct file_operations ipe_fs_shadow_fops;

ssize_t ipe_fs_write_request(const struct ipe_request *request, size_t len,
			     int r);

#endif
