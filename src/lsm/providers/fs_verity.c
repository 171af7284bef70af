// SPDX-License-Identifier: GPL-2.0-only
/*
 * fsverity_digest, fsverity_signature: the file itself has a hash tree, and the
 * kernel checks each page against it when it reads it.
 *
 * Pages that were in memory before fs-verity was enabled are not checked, and
 * may come from a device that returned other bytes while the hash tree was
 * built. So an inode that got its first name without fs-verity has its pages
 * dropped before its properties count; one that had fs-verity from the start
 * never had such pages. See also ipe_providers_have_no_old_pages() for reads
 * before that.
 *
 * The kernel reports a good signature before the inode gets its digest, and
 * never reports that there is none: enabling may fail and be tried again
 * without a signature, and if two tasks open the file at once, only one sets
 * the digest. So this verifies the signature once more, against the digest that
 * the inode has.
 */

#include <linux/cache.h>
#include <linux/cleanup.h>
#include <linux/fs.h>
#include <linux/fsverity.h>
#include <linux/key-type.h>
#include <linux/overflow.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/security.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/verification.h>

#include "blob.h"
#include "provider.h"

static_assert(FS_VERITY_MAX_DIGEST_SIZE <= IPE_EVIDENCE_DIGEST_MAX);

#define KEYRING ".fs-verity"

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

/* Of fs-verity; NULL in a kernel without its signatures. */
static struct key *keyring;

static u8 state_of(const struct inode *inode)
{
	/* Pairs with settle_fs_verity(): the state comes after the work. */
	return smp_load_acquire(&ipe_inode_blob(inode)->fs_verity.state);
}

static bool is_settled(u8 state)
{
	return state == IPE_FS_VERITY_UNSIGNED || state == IPE_FS_VERITY_SIGNED;
}

static void collect_fs_verity(const struct ipe_subject *subject,
			      struct ipe_evidence *evidence)
{
	u8 *room = evidence->room[fsverity_answers[DIGEST].slot];
	struct inode *inode = subject->inode;
	struct ipe_digest digest;
	enum hash_algo algorithm;
	u8 state;
	int len;

	if (!IS_VERITY(inode))
		return;
	state = state_of(inode);
	/* No facts yet: they may come soon, so the verdict is not cached. */
	if (!is_settled(state)) {
		evidence->passing = true;
		return;
	}
	len = fsverity_get_digest(inode, room, NULL, &algorithm);
	if (WARN_ON_ONCE(len <= 0))
		return;
	digest.algorithm = hash_algo_name[algorithm];
	digest.algorithm_len = name_len[algorithm];
	digest.value = room;
	digest.value_len = len;
	ipe_evidence_digest(evidence, &fsverity_answers[DIGEST], &digest);
	if (state == IPE_FS_VERITY_SIGNED)
		ipe_evidence_true(evidence, &fsverity_answers[SIGNATURE]);
}

static int verify_descriptor(struct inode *inode,
			     const struct fsverity_descriptor *descriptor,
			     size_t room)
{
	DEFINE_RAW_FLEX(struct fsverity_formatted_digest, digest, digest,
			FS_VERITY_MAX_DIGEST_SIZE);
	size_t signature_len = le32_to_cpu(descriptor->sig_size);
	u8 algorithm;
	int len;

	if (!signature_len || signature_len > room)
		return -ENODATA;
	len = fsverity_get_digest(inode, digest->digest, &algorithm, NULL);
	if (len <= 0)
		return -ENODATA;
	memcpy(digest->magic, "FSVerity", sizeof(digest->magic));
	digest->digest_algorithm = cpu_to_le16(algorithm);
	digest->digest_size = cpu_to_le16(len);
	return verify_pkcs7_signature(digest, struct_size(digest, digest, len),
				      descriptor->signature, signature_len,
				      keyring, VERIFYING_UNSPECIFIED_SIGNATURE,
				      NULL, NULL);
}

/* Has a key of the keyring signed the digest that the inode has? 0 or errno. */
static int verify_signature(struct inode *inode)
{
	const struct fsverity_operations *ops = inode->i_sb->s_vop;
	struct fsverity_descriptor *descriptor __free(kvfree) = NULL;
	int size;

	if (!keyring || !ops)
		return -ENOKEY;
	size = ops->get_verity_descriptor(inode, NULL, 0);
	if (size < 0)
		return size;
	if (size < sizeof(*descriptor) || size > FS_VERITY_MAX_DESCRIPTOR_SIZE)
		return -EMSGSIZE;
	descriptor = kvmalloc(size, GFP_KERNEL);
	if (!descriptor)
		return -ENOMEM;
	if (ops->get_verity_descriptor(inode, descriptor, size) != size)
		return -EIO;
	return verify_descriptor(inode, descriptor, size - sizeof(*descriptor));
}

/* Is the error about the signature, rather than about this moment? */
static bool is_final(int error)
{
	return error != -ENOMEM && error != -EINTR && error != -ETIMEDOUT &&
	       error != -EIO && !fatal_signal_pending(current);
}

/*
 * Works only once fs-verity has set the digest: from then on it checks each
 * page that is read. If several tasks get here, each does all the work, and the
 * first one sets the state. The next verdict repeats what failed for the
 * moment.
 */
static void settle_fs_verity(struct inode *inode)
{
	struct ipe_fs_verity_inode *blob = &ipe_inode_blob(inode)->fs_verity;
	u8 state = state_of(inode);
	int r = -ENODATA;

	if (!IS_VERITY(inode) || is_settled(state) || !fsverity_active(inode))
		return;
	if (state != IPE_FS_VERITY_BORN &&
	    invalidate_inode_pages2(inode->i_mapping))
		return;
	if (READ_ONCE(blob->claims_signature)) {
		r = verify_signature(inode);
		if (r && !is_final(r))
			return;
	}
	cmpxchg(&blob->state, state, r ? IPE_FS_VERITY_UNSIGNED :
					 IPE_FS_VERITY_SIGNED);
}

/* True if no byte that can be read comes from an unchecked page. */
static bool has_no_old_pages(const struct inode *inode)
{
	u8 state = state_of(inode);

	return state == IPE_FS_VERITY_BORN || is_settled(state);
}

/*
 * An inode gets a name before it can be opened. If it has fs-verity then, it
 * had it on the disk. The flag is read before the exchange: nobody can enable
 * fs-verity on an inode without a name.
 */
static void see_first_name(struct dentry *dentry, struct inode *inode)
{
	u8 state;

	if (!inode || !S_ISREG(inode->i_mode))
		return;
	state = IS_VERITY(inode) ? IPE_FS_VERITY_BORN : IPE_FS_VERITY_PLAIN;
	cmpxchg(&ipe_inode_blob(inode)->fs_verity.state, IPE_FS_VERITY_NAMELESS,
		state);
}

/*
 * Called before the inode gets a digest, if it gets one: see
 * settle_fs_verity().
 */
static int set_inode_integrity(const struct inode *inode,
			       enum lsm_integrity_type type, const void *value,
			       size_t size)
{
	if (type != LSM_INT_FSVERITY_BUILTINSIG_VALID)
		return -EINVAL;
	if (value && size)
		WRITE_ONCE(ipe_inode_blob(inode)->fs_verity.claims_signature,
			   true);
	return 0;
}

/*
 * User space cannot make a keyring whose name begins with a dot. The kernel
 * makes this one when it starts, or panics, and never frees it.
 */
static int see_keyring(struct key *key, const struct cred *cred,
		       unsigned long flags)
{
	if (!keyring && key->type == &key_type_keyring &&
	    !strcmp(key->description, KEYRING))
		WRITE_ONCE(keyring, key);
	return 0;
}

static size_t print_keyring(char *buf, size_t size)
{
	const struct key *key = READ_ONCE(keyring);
	const struct key_restriction *restriction;
	const char *state = "open";

	if (!key)
		return 0;
	restriction = READ_ONCE(key->restrict_link);
	if (restriction)
		state = restriction->check == restrict_link_reject ?
				"sealed" : "restricted";
	return scnprintf(buf, size, KEYRING " %s\n", state);
}

static int __init init_fs_verity(void)
{
	unsigned int i;

	for (i = 0; i < HASH_ALGO__LAST; i++)
		name_len[i] = strlen(hash_algo_name[i]);
	return 0;
}

static struct security_hook_list fsverity_hooks[] __ro_after_init = {
	LSM_HOOK_INIT(d_instantiate, see_first_name),
	LSM_HOOK_INIT(inode_setintegrity, set_inode_integrity),
	LSM_HOOK_INIT(key_alloc, see_keyring),
};

struct ipe_provider ipe_provider_fs_verity __ro_after_init = {
	.name = "fs_verity",
	.answers = fsverity_answers,
	.n_answers = ARRAY_SIZE(fsverity_answers),
	.hooks = fsverity_hooks,
	.n_hooks = ARRAY_SIZE(fsverity_hooks),
	.init = init_fs_verity,
	.inode_flags = S_VERITY,
	.settle = settle_fs_verity,
	.has_no_old_pages = has_no_old_pages,
	.keyrings = print_keyring,
	.collect = collect_fs_verity,
};
