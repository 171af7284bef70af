/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The state of the provider of boot_verified.
 */
#ifndef _SECURITY_IPE_PROVIDERS_BOOT_H
#define _SECURITY_IPE_PROVIDERS_BOOT_H

#include <linux/types.h>

/* Did the bytes of an inode come with the initramfs? */
enum ipe_boot_state {
	IPE_BOOT_LATE,	    /* made after the initramfs was populated */
	IPE_BOOT_EARLY,	    /* made before, and never opened for writing */
	IPE_BOOT_TOUCHED,   /* opened for writing, or given another size */
	IPE_BOOT_FORGOTTEN, /* and no verdict from before is cached */
};

/**
 * struct ipe_boot_inode - did these bytes come with the initramfs?
 * @state: enum ipe_boot_state; set to EARLY by the task that allocates the
 *	inode; any task may advance it, and it never returns to EARLY
 */
struct ipe_boot_inode {
	u8 state;
};

/**
 * struct ipe_boot_sb - is the initramfs in this file system?
 * @initramfs: set once, before the first user process runs
 */
struct ipe_boot_sb {
	bool initramfs;
};

struct ipe_boot_bdev {
};

#endif
