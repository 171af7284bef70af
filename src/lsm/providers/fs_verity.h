/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SECURITY_IPE_PROVIDERS_FS_VERITY_H
#define _SECURITY_IPE_PROVIDERS_FS_VERITY_H

#include <linux/types.h>

/**
 * struct ipe_fs_verity_inode - the builtin signature of a file
 * @is_signed: fs-verity has verified one with its keyring; set by the
 *	inode_setintegrity hook when the file's verity information is read, and
 *	only looked at while the file is a verity file
 */
struct ipe_fs_verity_inode {
	bool is_signed;
};

struct ipe_fs_verity_sb {
};

struct ipe_fs_verity_bdev {
};

#endif
