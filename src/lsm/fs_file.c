// SPDX-License-Identifier: GPL-2.0-only
/*
 * Opening a file in the directory of a policy, and what it keeps.
 */

#include <linux/cleanup.h>
#include <linux/dcache.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "fs_file.h"

/**
 * ipe_fs_file_place() - Which version a file shows
 * @file: of a policy; its inode says
 *
 * Return: the place of the version.
 */
enum ipe_place ipe_fs_file_place(const struct file *file)
{
	return (unsigned long)file_inode(file)->i_private;
}

/**
 * ipe_fs_file_get_slot() - Find the slot of the directory that a file is in
 * @file: being opened
 *
 * Return: the slot, with a reference; NULL if the directory does not lead to a
 * slot yet, or any more.
 */
struct ipe_slot *ipe_fs_file_get_slot(const struct file *file)
{
	struct dentry *dir = file->f_path.dentry->d_parent;
	struct ipe_slot *slot;

	if (ipe_fs_file_place(file) != IPE_PLACE_CURRENT)
		dir = dir->d_parent;

	guard(rcu)();

	slot = READ_ONCE(d_inode(dir)->i_private);
	return slot && ipe_slot_get(slot) ? slot : NULL;
}

/**
 * ipe_fs_file_slot() - The slot of an open file
 * @file: opened by ipe_fs_file_open()
 *
 * Return: the slot, borrowed from @file.
 */
struct ipe_slot *ipe_fs_file_slot(const struct file *file)
{
	const struct ipe_fs_file *opened = file->private_data;

	return opened->slot;
}

/**
 * ipe_fs_file_get_version() - The version to read at an offset
 * @file: opened by ipe_fs_file_open()
 * @offset: where the reading goes on; %0 takes the version that is there now
 *
 * Return: a reference, or NULL if there is no version or no policy.
 */
struct ipe_loaded *ipe_fs_file_get_version(const struct file *file,
					   loff_t offset)
{
	struct ipe_fs_file *opened = file->private_data;

	guard(mutex)(&opened->lock);

	if (ipe_slot_is_active(opened->slot) < 0)
		return NULL;
	if (!offset || !opened->shown) {
		ipe_loaded_put(opened->shown);
		opened->shown =
			ipe_slot_version(opened->slot, ipe_fs_file_place(file));
	}
	return opened->shown ? ipe_loaded_get(opened->shown) : NULL;
}

/* Opens a file of a policy; -ENOENT if the policy is not visible. */
int ipe_fs_file_open(struct inode *inode, struct file *file)
{
	struct ipe_fs_file *opened =
		kzalloc(sizeof(*opened), GFP_KERNEL_ACCOUNT);

	if (!opened)
		return -ENOMEM;
	opened->slot = ipe_fs_file_get_slot(file);
	if (!opened->slot) {
		kfree(opened);
		return -ENOENT;
	}
	mutex_init(&opened->lock);
	file->private_data = opened;
	return 0;
}

/* The other end of ipe_fs_file_open(). */
int ipe_fs_file_release(struct inode *inode, struct file *file)
{
	struct ipe_fs_file *opened = file->private_data;

	ipe_loaded_put(opened->shown);
	ipe_slot_put(opened->slot);
	mutex_destroy(&opened->lock);
	kfree(opened);
	return 0;
}
