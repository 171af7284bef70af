/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The state of the provider of dm-verity, and root hashes on the command line.
 */
#ifndef _SECURITY_IPE_PROVIDERS_DM_VERITY_H
#define _SECURITY_IPE_PROVIDERS_DM_VERITY_H

#include <linux/types.h>

/* Longest root hash that dm-verity makes, in bytes. */
#define IPE_ROOT_HASH_MAX 64

struct ipe_dm_verity_inode {
};

/**
 * struct ipe_dm_verity_sb - a file system
 * @order: &ipe_verity_volume.order of the last volume before the super block
 *	was made; constant
 * @one_device: all its bytes come from @s_bdev; set when it is mounted
 */
struct ipe_dm_verity_sb {
	u64 order;
	bool one_device;
};

/**
 * struct ipe_dm_verity_bdev - the volume on a block device
 * @volume: may be NULL. Read under RCU; written by the bdev_setintegrity hook,
 *	which device-mapper calls with the device suspended and its lock held;
 *	freed with the device
 */
struct ipe_dm_verity_bdev {
	struct ipe_verity_volume __rcu *volume;
};

/**
 * struct ipe_root_hash - a root hash of the kernel command line
 * @len: bytes of @value; 0 if the parameter is missing or not hex
 * @value: raw bytes
 */
struct ipe_root_hash {
	size_t len;
	u8 value[IPE_ROOT_HASH_MAX];
};

/**
 * struct ipe_cmdline_hashes - the root hashes of the kernel command line
 * @root: of roothash=
 * @usr: of usrhash=
 */
struct ipe_cmdline_hashes {
	struct ipe_root_hash root;
	struct ipe_root_hash usr;
};

void ipe_cmdline_hashes_parse(char *cmdline, struct ipe_cmdline_hashes *ret);
bool ipe_cmdline_hashes_match(const struct ipe_cmdline_hashes *hashes,
			      const u8 *value, size_t len);

#endif
