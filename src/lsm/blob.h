/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The LSM's part of inodes, superblocks, block devices and tasks. Each provider
 * keeps the struct of its own header there; a provider that is not built takes
 * no room. An inode also has a number and its cached verdict, a task the
 * program that it runs. The kernel allocates the blobs with their objects,
 * zeroed, and frees them with their objects.
 */
#ifndef _SECURITY_IPE_BLOB_H
#define _SECURITY_IPE_BLOB_H

#include <linux/atomic.h>
#include <linux/blk_types.h>
#include <linux/fs.h>
#include <linux/lsm_hooks.h>
#include <linux/sched.h>

#include "cache.h"
#include "provider-blobs.h"

/*
 * cached: see cache.h.
 * number: see ipe_inode_number(); 0 until somebody needs it.
 */
#define IPE_PROVIDER(name) struct ipe_##name##_inode name;
struct ipe_inode_blob {
	struct ipe_cached cached;
	atomic_t number;
#include "provider-list.h"
};

/* There are millions of inodes. */
static_assert(sizeof(struct ipe_inode_blob) <= 24);

#undef IPE_PROVIDER

#define IPE_PROVIDER(name) struct ipe_##name##_sb name;
struct ipe_sb_blob {
#include "provider-list.h"
};

#undef IPE_PROVIDER

#define IPE_PROVIDER(name) struct ipe_##name##_bdev name;
struct ipe_bdev_blob {
#include "provider-list.h"
};

#undef IPE_PROVIDER

/**
 * struct ipe_task_blob - the LSM's part of a task
 * @read: the inode that had the bytes of a stacked file when the kernel began
 *	to read it for this task; only compared, never followed
 * @loaded: the inode that was opened last to be executed: in execve() that of
 *	the executable, then that of its ELF interpreter. The file stays open as
 *	long as this is followed
 * @file: opened @loaded, and stays open as long; NULL for a file below a
 *	stacked one, which may be closed at once
 * @executed: the inode that had the bytes of the executable when it was judged;
 *	only compared
 * @checked: all pages of @loaded in memory were checked when it was opened
 * @program: number of the inode that the last execve() ran, see
 *	ipe_inode_number(); 0 for a kernel thread. A new task inherits it
 *
 * Only the task itself writes it.
 */
struct ipe_task_blob {
	const struct inode *read;
	struct inode *loaded;
	const struct file *file;
	const struct inode *executed;
	bool checked;
	u32 program;
};

/* Sizes until the LSM is prepared, then offsets in the kernel's blobs. */
extern struct lsm_blob_sizes ipe_blob_sizes;

static inline struct ipe_inode_blob *ipe_inode_blob(const struct inode *inode)
{
	return inode->i_security + ipe_blob_sizes.lbs_inode;
}

static inline struct ipe_task_blob *
ipe_task_blob(const struct task_struct *task)
{
	return task->security + ipe_blob_sizes.lbs_task;
}

static inline struct ipe_sb_blob *ipe_sb_blob(const struct super_block *sb)
{
	return sb->s_security + ipe_blob_sizes.lbs_superblock;
}

static inline struct ipe_bdev_blob *
ipe_bdev_blob(const struct block_device *bdev)
{
	return bdev->bd_security + ipe_blob_sizes.lbs_bdev;
}

#endif
