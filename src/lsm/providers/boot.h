/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SECURITY_IPE_PROVIDERS_BOOT_H
#define _SECURITY_IPE_PROVIDERS_BOOT_H

#include <linux/types.h>

/**
 * struct ipe_boot_inode - did these bytes come with the initramfs?
 * @early: made before the initramfs was populated; set when the inode is
 *	allocated, by whoever allocates it
 * @touched: opened for writing, or given another size, since then; set by any
 *	number of tasks, never cleared
 */
struct ipe_boot_inode {
	bool early;
	bool touched;
};

/**
 * struct ipe_boot_sb - is this the file system that the initramfs is in?
 * @initramfs: set once, before the first user process runs
 */
struct ipe_boot_sb {
	bool initramfs;
};

struct ipe_boot_bdev {
};

#endif
