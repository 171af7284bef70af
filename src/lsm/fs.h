/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The files below /sys/kernel/security/ipe: what stands at its top (fs.c), and
 * a directory for each policy (fs_policy.c). Both only read what is written to
 * them (fs_input.c) and call the lifecycle.
 */
#ifndef _SECURITY_IPE_FS_H
#define _SECURITY_IPE_FS_H

#include <linux/fs.h>

extern const struct file_operations ipe_new_policy_fops;
extern const struct file_operations ipe_load_fops;

int ipe_fs_init_policies(struct dentry *root);

int ipe_input_permit(struct file *file);
int ipe_input_number(const char __user *data, size_t len, unsigned int *ret);
int ipe_input_flag(const char __user *data, size_t len, bool *ret);
int ipe_input_go(struct file *file, const char __user *data, size_t len);
char *ipe_input_line(const char __user *data, size_t len);

#endif
