/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading the files in the directory of a policy: the operations of the files
 * that nobody writes, and the readers of those that fs_write.c completes.
 */
#ifndef _SECURITY_IPE_FS_READ_H
#define _SECURITY_IPE_FS_READ_H

#include <linux/fs.h>
#include <linux/poll.h>

extern const struct file_operations ipe_fs_pkcs7_fops;
extern const struct file_operations ipe_fs_text_fops;
extern const struct file_operations ipe_fs_name_fops;
extern const struct file_operations ipe_fs_version_fops;
extern const struct file_operations ipe_fs_stats_fops;

ssize_t ipe_fs_read_active(struct file *file, char __user *data, size_t len,
			   loff_t *offset);
ssize_t ipe_fs_read_shadow(struct file *file, char __user *data, size_t len,
			   loff_t *offset);
ssize_t ipe_fs_read_trial(struct file *file, char __user *data, size_t len,
			  loff_t *offset);
__poll_t ipe_fs_poll_changes(struct file *file, poll_table *wait);

#endif
