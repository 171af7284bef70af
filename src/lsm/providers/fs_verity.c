// SPDX-License-Identifier: GPL-2.0-only
/*
 * fsverity_digest, fsverity_signature: the file itself has a hash tree, and the
 * kernel checks each page against it.
 */

#include <linux/cache.h>
#include <linux/fsverity.h>
#include <linux/security.h>
#include <linux/string.h>

#include "blob.h"
#include "provider.h"

static_assert(FS_VERITY_MAX_DIGEST_SIZE <= IPE_EVIDENCE_DIGEST_MAX);

enum { DIGEST, SIGNATURE };

static struct ipe_answer fsverity_answers[] __ro_after_init = {
	[DIGEST] = {
		.property = { "fsverity_digest", IPE_PROPERTY_DIGEST },
	},
	[SIGNATURE] = {
		.property = { "fsverity_signature", IPE_PROPERTY_BOOLEAN },
		.left_out = !IS_ENABLED(CONFIG_IPE_PROP_FS_VERITY_BUILTIN_SIG),
	},
};

static u8 name_len[HASH_ALGO__LAST] __ro_after_init;

static void collect_fs_verity(const struct ipe_subject *subject,
			      struct ipe_evidence *evidence)
{
	u8 *room = evidence->room[fsverity_answers[DIGEST].slot];
	struct inode *inode = subject->inode;
	struct ipe_digest digest;
	enum hash_algo algorithm;
	int len;

	if (!IS_VERITY(inode))
		return;
	len = fsverity_get_digest(inode, room, NULL, &algorithm);
	if (len > 0) {
		digest.algorithm = hash_algo_name[algorithm];
		digest.algorithm_len = name_len[algorithm];
		digest.value = room;
		digest.value_len = len;
		ipe_evidence_digest(evidence, &fsverity_answers[DIGEST],
				    &digest);
	} else {
		/* Verity is just being enabled; the flag is there first. */
		evidence->passing = true;
	}
	if (READ_ONCE(ipe_inode_blob(inode)->fs_verity.is_signed))
		ipe_evidence_true(evidence, &fsverity_answers[SIGNATURE]);
}

/* Comes before the inode has verity, so that it changes no verdict by itself. */
static int set_integrity(const struct inode *inode,
			 enum lsm_integrity_type type, const void *value,
			 size_t size)
{
	if (type != LSM_INT_FSVERITY_BUILTINSIG_VALID)
		return -EINVAL;
	WRITE_ONCE(ipe_inode_blob(inode)->fs_verity.is_signed, value && size);
	return 0;
}

/*
 * A signature is verified before verity is enabled, and enabling may fail after
 * that. What is written then is not what was signed, though verity be enabled
 * later without a signature. While it is being enabled nobody can write.
 */
static void forget_signature(const struct inode *inode)
{
	/* Of a file without verity nobody asks for it, so no verdict changes. */
	if (!IS_VERITY(inode))
		WRITE_ONCE(ipe_inode_blob(inode)->fs_verity.is_signed, false);
}

static int __init init_fs_verity(void)
{
	unsigned int i;

	for (i = 0; i < HASH_ALGO__LAST; i++)
		name_len[i] = strlen(hash_algo_name[i]);
	return 0;
}

static struct security_hook_list fsverity_hooks[] __ro_after_init = {
	LSM_HOOK_INIT(inode_setintegrity, set_integrity),
};

struct ipe_provider ipe_provider_fs_verity __ro_after_init = {
	.name = "fs_verity",
	.answers = fsverity_answers,
	.n_answers = ARRAY_SIZE(fsverity_answers),
	.hooks = fsverity_hooks,
	.n_hooks = ARRAY_SIZE(fsverity_hooks),
	.init = init_fs_verity,
	.inode_flags = S_VERITY,
	.written = forget_signature,
	.collect = collect_fs_verity,
};
