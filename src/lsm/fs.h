/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The files below /sys/kernel/security/ipe: what stands at its top (fs.c), and
 * a directory for each policy (fs_policy.c). Both only read what is written to
 * them and call the lifecycle.
 */
#ifndef _SECURITY_IPE_FS_H
#define _SECURITY_IPE_FS_H

#include <linux/fs.h>

extern const struct file_operations ipe_new_policy_fops;

int ipe_fs_permit(struct file *file);
int ipe_fs_init_policies(struct dentry *root);

#endif
