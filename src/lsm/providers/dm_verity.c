// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmverity_roothash, dmverity_signature, dmverity_cmdline: the file system of
 * the file is on a dm-verity volume, and on which one.
 *
 * dm-verity reports a volume each time its device is resumed: first the root
 * hash, then whether a signature of it was verified. The device may have had
 * another table before, and pages that were read by it may still be in memory.
 * So a volume proves nothing about a file system that was set up before it, and
 * nothing at all if the device has old pages that cannot be dropped.
 *
 * Neither does a volume prove anything about a file system that may have bytes
 * of other devices: see is_of_one_device().
 *
 * dm-verity does not report the end of a volume: device-mapper lets only
 * another verity table, or the error target, follow a verity table. But it lets
 * anything follow the error target, so root can put other bytes below a volume
 * that counts as verified, also below a mapped file. Only device-mapper can
 * refuse this.
 */

#define pr_fmt(fmt) "ipe: " fmt

#include <linux/cache.h>
#include <linux/crypto.h>
#include <linux/err.h>
#include <linux/hex.h>
#include <linux/highmem.h>
#include <linux/init.h>
#include <linux/magic.h>
#include <linux/pagemap.h>
#include <linux/rcupdate.h>
#include <linux/security.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "blob.h"
#include "cmdline.h"
#include "provider.h"

/**
 * struct ipe_verity_volume - a volume, as dm-verity reported it
 * @rcu: frees it after the last verdict that uses it
 * @order: a volume has a higher one than all volumes and super blocks before it
 * @cmdline: the command line names this root hash; constant
 * @is_signed: the kernel verified a signature of the root hash; set after
 *	@volume is published, with the device still suspended
 * @root_hash: in @algorithm and @value; constant
 * @value: raw root hash
 * @algorithm: as the crypto API spells it
 */
struct ipe_verity_volume {
	struct rcu_head rcu;
	u64 order;
	bool cmdline;
	bool is_signed;
	struct ipe_digest root_hash;
	u8 value[IPE_ROOT_HASH_MAX];
	char algorithm[CRYPTO_MAX_ALG_NAME];
};

enum { ROOT_HASH, SIGNATURE, CMDLINE };

static struct ipe_answer verity_answers[] __ro_after_init = {
	[ROOT_HASH] = {
		.property = { "dmverity_roothash", IPE_PROPERTY_DIGEST },
	},
	[SIGNATURE] = {
		.property = { "dmverity_signature", IPE_PROPERTY_BOOLEAN },
		.left_out = !IS_ENABLED(CONFIG_IPE_PROP_DM_VERITY_SIGNATURE),
	},
	[CMDLINE] = {
		.property = { "dmverity_cmdline", IPE_PROPERTY_BOOLEAN, true },
		.feature = "dmverity-cmdline",
	},
};

static struct ipe_cmdline_hashes authorised __ro_after_init;

/* Counted up for each volume. */
static atomic64_t last_order = ATOMIC64_INIT(0);

static void replace_volume(struct ipe_dm_verity_bdev *blob,
			   struct ipe_verity_volume *volume)
{
	struct ipe_verity_volume *old;

	old = rcu_replace_pointer(blob->volume, volume, true);
	if (!old && !volume)
		return;
	ipe_cache_invalidate();
	if (old)
		kfree_rcu(old, rcu);
}

static bool is_same_volume(const struct ipe_verity_volume *volume,
			   const struct dm_verity_digest *digest)
{
	return volume && volume->root_hash.value_len == digest->digest_len &&
	       !memcmp(volume->value, digest->digest, digest->digest_len) &&
	       !strcmp(volume->algorithm, digest->alg);
}

static struct ipe_verity_volume *
new_volume(const struct dm_verity_digest *digest)
{
	struct ipe_verity_volume *volume;

	volume = kzalloc(sizeof(*volume), GFP_KERNEL);
	if (!volume)
		return NULL;
	memcpy(volume->value, digest->digest, digest->digest_len);
	strscpy(volume->algorithm, digest->alg);
	volume->root_hash = (struct ipe_digest){
		.algorithm = volume->algorithm,
		.algorithm_len = strlen(volume->algorithm),
		.value = volume->value,
		.value_len = digest->digest_len,
	};
	volume->cmdline = ipe_cmdline_hashes_match(&authorised, volume->value,
						   digest->digest_len);
	volume->order = atomic64_inc_return(&last_order);
	return volume;
}

/*
 * Drops the pages that were read by another table. Does not wait for pages in
 * use, as the device is suspended; a page that stays may be an old one.
 */
static bool has_old_pages(struct block_device *bdev)
{
	invalidate_mapping_pages(bdev->bd_mapping, 0, -1);
	return READ_ONCE(bdev->bd_mapping->nrpages);
}

/*
 * A volume that is resumed with the same table keeps its object: otherwise its
 * signature would be missing for a moment.
 */
static int set_root_hash(struct block_device *bdev,
			 const struct dm_verity_digest *digest)
{
	struct ipe_dm_verity_bdev *blob = &ipe_bdev_blob(bdev)->dm_verity;
	struct ipe_verity_volume *volume;

	if (!digest) {
		replace_volume(blob, NULL);
		return 0;
	}
	if (is_same_volume(rcu_dereference_protected(blob->volume, true),
			   digest))
		return 0;
	if (WARN_ON_ONCE(digest->digest_len > sizeof(volume->value)))
		return -EINVAL;
	replace_volume(blob, NULL);
	if (has_old_pages(bdev)) {
		pr_warn("%pg: pages from before the verity table are in use: no dm-verity property until the table is loaded again\n",
			bdev);
		return 0;
	}
	volume = new_volume(digest);
	if (!volume)
		return -ENOMEM;
	replace_volume(blob, volume);
	return 0;
}

/* Called after set_root_hash(), which may have made no volume. */
static int set_signed(struct ipe_dm_verity_bdev *blob, bool is_signed)
{
	struct ipe_verity_volume *volume;

	volume = rcu_dereference_protected(blob->volume, true);
	if (!volume)
		return 0;
	if (volume->is_signed != is_signed) {
		WRITE_ONCE(volume->is_signed, is_signed);
		ipe_cache_invalidate();
	}
	return 0;
}

static int set_bdev_integrity(struct block_device *bdev,
			      enum lsm_integrity_type type, const void *value,
			      size_t size)
{
	if (type == LSM_INT_DMVERITY_ROOTHASH)
		return set_root_hash(bdev, value);
	if (type == LSM_INT_DMVERITY_SIG_VALID)
		return set_signed(&ipe_bdev_blob(bdev)->dm_verity,
				  value && size);
	return -EINVAL;
}

static void free_bdev(struct block_device *bdev)
{
	replace_volume(&ipe_bdev_blob(bdev)->dm_verity, NULL);
}

/* Called before the first block is read. */
static int see_new_sb(struct super_block *sb)
{
	ipe_sb_blob(sb)->dm_verity.order = atomic64_read(&last_order);
	return 0;
}

/* Offsets of the super block in an erofs image, and of a field in it. */
#define EROFS_OFFSET	1024
#define EROFS_INCOMPAT	80
#define EROFS_INCOMPAT_DEVICE_TABLE 0x8

/* Reads the device, whose bytes are verified before a property counts. */
static bool erofs_has_one_device(const struct super_block *sb)
{
	struct folio *folio;
	__le32 words[2];

	folio = read_mapping_folio(sb->s_bdev->bd_mapping, 0, NULL);
	if (IS_ERR(folio))
		return false;
	memcpy_from_folio((char *)&words[0], folio, EROFS_OFFSET,
			  sizeof(words[0]));
	memcpy_from_folio((char *)&words[1], folio,
			  EROFS_OFFSET + EROFS_INCOMPAT, sizeof(words[1]));
	folio_put(folio);
	return le32_to_cpu(words[0]) == EROFS_SUPER_MAGIC_V1 &&
	       !(le32_to_cpu(words[1]) & EROFS_INCOMPAT_DEVICE_TABLE);
}

/*
 * Any other file system may have bytes of further devices: XFS, f2fs and
 * bcachefs may have several, and the program behind a FUSE file system need not
 * read the device at all.
 *
 * The journal of ext4 may be on another device. It is replayed before anything
 * is read, but not to a read-only device, as a volume is: then mounting fails.
 */
static bool is_of_one_device(const struct super_block *sb)
{
	static const char *const names[] = { "ext4", "ext3", "ext2",
					     "squashfs" };
	const char *name = sb->s_type->name;

	if (!strcmp(name, "erofs"))
		return erofs_has_one_device(sb);
	return match_string(names, ARRAY_SIZE(names), name) >= 0;
}

static int see_mount(const struct super_block *sb)
{
	if (sb->s_bdev && is_of_one_device(sb))
		WRITE_ONCE(ipe_sb_blob(sb)->dm_verity.one_device, true);
	return 0;
}

static void collect_dm_verity(const struct ipe_subject *subject,
			      struct ipe_evidence *evidence)
{
	const struct super_block *sb = subject->inode->i_sb;
	const struct ipe_dm_verity_sb *blob = &ipe_sb_blob(sb)->dm_verity;
	const struct ipe_verity_volume *volume;

	if (!READ_ONCE(blob->one_device))
		return;
	volume = rcu_dereference(ipe_bdev_blob(sb->s_bdev)->dm_verity.volume);
	if (!volume || volume->order > blob->order)
		return;
	ipe_evidence_digest(evidence, &verity_answers[ROOT_HASH],
			    &volume->root_hash);
	if (READ_ONCE(volume->is_signed))
		ipe_evidence_true(evidence, &verity_answers[SIGNATURE]);
	if (volume->cmdline)
		ipe_evidence_true(evidence, &verity_answers[CMDLINE]);
}

static void parse_root_hash(const char *hex, struct ipe_root_hash *ret)
{
	size_t digits = hex ? strlen(hex) : 0;

	ret->len = 0;
	if (digits % 2 || digits / 2 > sizeof(ret->value))
		return;
	if (digits && !hex2bin(ret->value, hex, digits / 2))
		ret->len = digits / 2;
}

/**
 * ipe_cmdline_hashes_parse() - Find roothash= and usrhash= in a command line
 * @cmdline: NUL-terminated; spoilt
 * @ret: overwritten
 *
 * Parameters are split and unquoted as the kernel's own are. They also count
 * behind a "--", as for systemd-veritysetup-generator. The last occurrence
 * counts; one that is not hex counts as none.
 */
void ipe_cmdline_hashes_parse(char *cmdline, struct ipe_cmdline_hashes *ret)
{
	char *param, *value;

	*ret = (struct ipe_cmdline_hashes){};
	cmdline = skip_spaces(cmdline);
	while (*cmdline) {
		cmdline = next_arg(cmdline, &param, &value);
		if (!strcmp(param, "roothash"))
			parse_root_hash(value, &ret->root);
		else if (!strcmp(param, "usrhash"))
			parse_root_hash(value, &ret->usr);
	}
}

static bool hash_matches(const struct ipe_root_hash *hash, const u8 *value,
			 size_t len)
{
	return len && hash->len == len && !memcmp(hash->value, value, len);
}

/**
 * ipe_cmdline_hashes_match() - Does the command line name this root hash?
 * @hashes: of the command line
 * @value: raw root hash; of any algorithm, as the command line names none
 * @len: bytes of @value
 *
 * Return: %true if it does.
 */
bool ipe_cmdline_hashes_match(const struct ipe_cmdline_hashes *hashes,
			      const u8 *value, size_t len)
{
	return hash_matches(&hashes->root, value, len) ||
	       hash_matches(&hashes->usr, value, len);
}

static int __init init_dm_verity(void)
{
	char *cmdline;

	if (!ipe_cmdline_is_believed())
		return 0;
	cmdline = kstrdup(saved_command_line, GFP_KERNEL);
	if (!cmdline)
		return -ENOMEM;
	ipe_cmdline_hashes_parse(cmdline, &authorised);
	kfree(cmdline);
	return 0;
}

static struct security_hook_list verity_hooks[] __ro_after_init = {
	LSM_HOOK_INIT(bdev_setintegrity, set_bdev_integrity),
	LSM_HOOK_INIT(bdev_free_security, free_bdev),
	LSM_HOOK_INIT(sb_alloc_security, see_new_sb),
	LSM_HOOK_INIT(sb_kern_mount, see_mount),
};

struct ipe_provider ipe_provider_dm_verity __ro_after_init = {
	.name = "dm_verity",
	.answers = verity_answers,
	.n_answers = ARRAY_SIZE(verity_answers),
	.hooks = verity_hooks,
	.n_hooks = ARRAY_SIZE(verity_hooks),
	.init = init_dm_verity,
	.collect = collect_dm_verity,
};
