// SPDX-License-Identifier: GPL-2.0-only
/*
 * boot_verified: the bytes of the file came with the initramfs, for which
 * secure or measured boot vouches.
 *
 * The kernel unpacks the initramfs into rootfs, where files may be written
 * later. So a file is boot verified if it is on rootfs, was there when the
 * kernel had unpacked the initramfs, and was not opened for writing nor changed
 * in size since. rootfs is in memory: its inodes stay as long as their files,
 * so the state in an inode is never lost.
 *
 * This notices every way to change the bytes through the file: write, shared
 * mappings, fallocate, copy_file_range, clones and io_uring need a file that is
 * open for writing; truncate and O_TRUNC change the size. Opening for writing
 * is enough, as no hook reports each write. Two ways remain, see ipe(7): an
 * executable mapping from before the opening shows what is written later, and
 * pages of a tmpfs may be changed on the swap device.
 */

#include <linux/cache.h>
#include <linux/fs_struct.h>
#include <linux/sched.h>

#include "blob.h"
#include "provider.h"

static struct ipe_answer boot_answers[] __ro_after_init = {
	{ .property = { "boot_verified", IPE_PROPERTY_BOOLEAN } },
};

/* Written once, by the thread that unpacks, before any user process runs. */
static bool populated __ro_after_init;

static void collect_boot(const struct ipe_subject *subject,
			 struct ipe_evidence *evidence)
{
	const struct ipe_boot_inode *inode;

	if (!ipe_sb_blob(subject->inode->i_sb)->boot.initramfs)
		return;
	inode = &ipe_inode_blob(subject->inode)->boot;
	if (READ_ONCE(inode->state) == IPE_BOOT_EARLY)
		ipe_evidence_true(evidence, &boot_answers[0]);
}

/*
 * Each of the first writers invalidates the cache by itself, as another one may
 * not have done so yet. Later writers find that done: nobody can invalidate the
 * cache again and again by opening such a file.
 */
static void touch_boot(const struct inode *inode)
{
	struct ipe_boot_inode *blob = &ipe_inode_blob(inode)->boot;
	/* Pairs with the release at the end of this function. */
	u8 state = smp_load_acquire(&blob->state);

	if (state == IPE_BOOT_LATE || state == IPE_BOOT_FORGOTTEN ||
	    !S_ISREG(inode->i_mode) ||
	    !ipe_sb_blob(inode->i_sb)->boot.initramfs)
		return;
	WRITE_ONCE(blob->state, IPE_BOOT_TOUCHED);
	ipe_cache_invalidate();
	/* A reader that sees this state sees the generation, too. */
	smp_store_release(&blob->state, IPE_BOOT_FORGOTTEN);
}

/* Runs in the thread that unpacked the initramfs into its root. */
static void remember_initramfs(void)
{
	const struct super_block *sb = current->fs->root.mnt->mnt_sb;

	ipe_sb_blob(sb)->boot.initramfs = true;
	populated = true;
	ipe_cache_invalidate();
}

static int mark_new_inode(struct inode *inode)
{
	if (!populated)
		ipe_inode_blob(inode)->boot.state = IPE_BOOT_EARLY;
	return 0;
}

static struct security_hook_list boot_hooks[] __ro_after_init = {
	LSM_HOOK_INIT(initramfs_populated, remember_initramfs),
	LSM_HOOK_INIT(inode_alloc_security, mark_new_inode),
};

struct ipe_provider ipe_provider_boot __ro_after_init = {
	.name = "boot",
	.answers = boot_answers,
	.n_answers = ARRAY_SIZE(boot_answers),
	.hooks = boot_hooks,
	.n_hooks = ARRAY_SIZE(boot_hooks),
	.written = touch_boot,
	.collect = collect_boot,
};
