/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An open file in the directory of a policy.
 *
 * The inode of the directory leads to the slot. Opening a file takes a
 * reference to the slot: open files of a deleted policy find an empty slot and
 * return ENOENT. Reading a file from its start takes a reference to the
 * version, so that a reader who reads in pieces gets one version.
 */
#ifndef _SECURITY_IPE_FS_FILE_H
#define _SECURITY_IPE_FS_FILE_H

#include <linux/fs.h>
#include <linux/mutex.h>

#include "policies.h"

/**
 * struct ipe_fs_file - an open file of a policy
 * @slot: of the policy, with a reference
 * @lock: of @shown: several threads may read one open file
 * @shown: the version that is being read, with a reference; NULL before the
 *	first read
 * @seen: ipe_policies_changes() at the last read from the start
 */
struct ipe_fs_file {
	struct ipe_slot *slot;
	struct mutex lock;
	struct ipe_loaded *shown;
	unsigned long seen;
};

/* The members that every file of a policy has. */
#define IPE_FS_FILE_FOPS                                                       \
	.open = ipe_fs_file_open, .release = ipe_fs_file_release

int ipe_fs_file_open(struct inode *inode, struct file *file);
int ipe_fs_file_release(struct inode *inode, struct file *file);
enum ipe_place ipe_fs_file_place(const struct file *file);
struct ipe_slot *ipe_fs_file_get_slot(const struct file *file);
struct ipe_slot *ipe_fs_file_slot(const struct file *file);
struct ipe_loaded *ipe_fs_file_get_version(const struct file *file,
					   loff_t offset);

#endif
