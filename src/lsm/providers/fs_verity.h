/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The state of the provider of fs-verity.
 */
#ifndef _SECURITY_IPE_PROVIDERS_FS_VERITY_H
#define _SECURITY_IPE_PROVIDERS_FS_VERITY_H

#include <linux/types.h>

/* How much of a file in memory fs-verity vouches for. */
enum ipe_fs_verity_state {
	IPE_FS_VERITY_NAMELESS, /* nobody has opened it */
	IPE_FS_VERITY_PLAIN,	/* it had no fs-verity when it got a name */
	IPE_FS_VERITY_BORN,	/* it had fs-verity when it got a name */
	IPE_FS_VERITY_UNSIGNED, /* all pages are checked */
	IPE_FS_VERITY_SIGNED,	/* and a key of the keyring signed the digest */
};

/**
 * struct ipe_fs_verity_inode - the state of an inode in memory
 * @state: enum ipe_fs_verity_state; only advances
 * @claims_signature: fs-verity found a good signature of some digest, which
 *	need not be the one that the inode got
 */
struct ipe_fs_verity_inode {
	u8 state;
	bool claims_signature;
};

struct ipe_fs_verity_sb {
};

struct ipe_fs_verity_bdev {
};

#endif
