/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the LSM keeps with inodes, superblocks and block devices: for each
 * provider the struct of its own header, one behind the other. A provider that
 * is not built takes no room. An inode has a number and its last verdict
 * besides, a task has the program that it runs. The kernel allocates the blobs
 * zeroed with their objects, and frees them with those.
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
 * number: see ipe_inode_number(); 0 until it is asked for.
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
 * struct ipe_task_blob - what is kept with a task
 * @read: the inode that had the bytes of a file of a stacked file system when
 *	the kernel began to read it for this task; to be compared with, not to
 *	be looked at
 * @loaded: the inode that was opened last to be executed: in execve() that of
 *	the executable, and then that of its ELF interpreter, which are open as
 *	long as it is looked at
 * @file: by which @loaded was opened, as long; NULL where that is a file below
 *	another one, which may be closed at once
 * @executed: the inode that had the bytes of the executable when it was judged;
 *	to be compared with
 * @checked: all pages of @loaded in memory were checked when it was opened
 * @program: number of the inode that its last execve() ran, see
 *	ipe_inode_number(); 0 for a kernel thread. A new task has its parent's
 *
 * Written by the task alone.
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
