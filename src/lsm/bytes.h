/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The inode that has the bytes of a file. A stacked file system, as overlayfs,
 * has the bytes of its files in another one.
 */
#ifndef _SECURITY_IPE_BYTES_H
#define _SECURITY_IPE_BYTES_H

#include <linux/dcache.h>
#include <linux/fs.h>

/**
 * ipe_bytes_are_below() - Does a file belong to a stacked file system?
 * @file: open
 *
 * Return: %true if another file system has its bytes.
 */
static inline bool ipe_bytes_are_below(const struct file *file)
{
	return file->f_path.dentry->d_flags & DCACHE_OP_REAL;
}

/**
 * ipe_bytes_inode() - The inode that has the bytes of a file at this moment
 * @file: open
 *
 * overlayfs may copy the bytes up at any time, and then reads them from another
 * inode.
 *
 * Context: Process context. May sleep: overlayfs may have to look the inode up.
 * Return: NULL if the file is not a regular one: nothing is known of the bytes
 * behind a device node.
 */
static inline struct inode *ipe_bytes_inode(const struct file *file)
{
	struct inode *inode;

	inode = ipe_bytes_are_below(file) ? d_real_inode(file->f_path.dentry) :
					    file_inode(file);
	return S_ISREG(inode->i_mode) ? inode : NULL;
}

#endif
