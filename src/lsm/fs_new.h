/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The files "new_policy" and "load".
 */
#ifndef _SECURITY_IPE_FS_NEW_H
#define _SECURITY_IPE_FS_NEW_H

#include <linux/fs.h>

extern const struct file_operations ipe_fs_new_policy_fops;
extern const struct file_operations ipe_fs_load_fops;

#endif
