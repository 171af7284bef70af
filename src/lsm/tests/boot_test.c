// SPDX-License-Identifier: GPL-2.0-only
/*
 * boot_verified, on a file system of the test's own that looks like the one
 * with the initramfs: which actions make a file lose the property.
 */

#include <kunit/test.h>
#include <linux/err.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/fs_struct.h>
#include <linux/initrd.h>
#include <linux/mount.h>

#include "blob.h"
#include "ipe.h"
#include "provider.h"

static struct vfsmount *mnt;

static int mount_fs(struct kunit *test)
{
	struct file_system_type *type;

	if (!ipe_enabled)
		kunit_skip(test, "lsm= does not name ipe");
	if (!IS_ENABLED(CONFIG_BLK_DEV_INITRD))
		kunit_skip(test, "no initramfs in this kernel");
	/* Files from here on are late ones. */
	wait_for_initramfs();
	type = get_fs_type("ramfs");
	KUNIT_ASSERT_NOT_NULL(test, type);
	mnt = kern_mount(type);
	put_filesystem(type);
	KUNIT_ASSERT_FALSE(test, IS_ERR(mnt));
	ipe_sb_blob(mnt->mnt_sb)->boot.initramfs = true;
	return 0;
}

static void unmount_fs(struct kunit *test)
{
	if (!IS_ERR_OR_NULL(mnt))
		kern_unmount(mnt);
	mnt = NULL;
}

static struct file *open_file(struct kunit *test, int flags)
{
	const struct path root = { .mnt = mnt, .dentry = mnt->mnt_root };
	struct file *file = file_open_root(&root, "f", flags, 0700);

	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	return file;
}

static void close_file(struct file *file)
{
	__fput_sync(file);
}

/* Makes "f", as if the initramfs had just been unpacked. */
static struct inode *unpack_file(struct kunit *test)
{
	struct file *file = open_file(test, O_CREAT | O_WRONLY);
	struct inode *inode = file_inode(file);

	close_file(file);
	ipe_inode_blob(inode)->boot.state = IPE_BOOT_EARLY;
	return inode;
}

static bool is_boot_verified(struct inode *inode)
{
	struct ipe_evidence evidence;
	u8 slot = ipe_vocabulary.slot[IPE_PROPERTY_BOOT_VERIFIED];

	rcu_read_lock();
	ipe_providers_collect(inode, &evidence);
	rcu_read_unlock();
	return evidence.facts.booleans & BIT(slot);
}

static void reading_keeps_it(struct kunit *test)
{
	struct inode *inode = unpack_file(test);

	KUNIT_EXPECT_TRUE(test, is_boot_verified(inode));
	close_file(open_file(test, O_RDONLY));
	close_file(open_file(test, O_RDONLY | O_CREAT));
	KUNIT_EXPECT_TRUE(test, is_boot_verified(inode));
}

static void opening_for_writing_loses_it(struct kunit *test)
{
	static const int flags[] = { O_WRONLY, O_RDWR, O_WRONLY | O_APPEND };
	struct inode *inode;
	int i;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		inode = unpack_file(test);
		close_file(open_file(test, flags[i]));
		KUNIT_EXPECT_FALSE_MSG(test, is_boot_verified(inode),
				       "flags %#o", flags[i]);
	}
}

/* Later openings do not invalidate the cache again. */
static void only_the_first_writer_invalidates_the_cache(struct kunit *test)
{
	struct inode *inode = unpack_file(test);
	s64 before = ipe_cache_begin(), after;

	close_file(open_file(test, O_WRONLY));
	after = ipe_cache_begin();
	KUNIT_EXPECT_GT(test, after, before);
	close_file(open_file(test, O_WRONLY));
	close_file(open_file(test, O_RDWR | O_TRUNC));
	KUNIT_EXPECT_EQ(test, after, ipe_cache_begin());
	KUNIT_EXPECT_FALSE(test, is_boot_verified(inode));
}

static void truncating_loses_it(struct kunit *test)
{
	struct inode *inode = unpack_file(test);

	close_file(open_file(test, O_RDONLY | O_TRUNC));
	KUNIT_EXPECT_FALSE(test, is_boot_verified(inode));
}

static int set_attributes(const struct file *file, struct iattr *attributes)
{
	struct dentry *dentry = file->f_path.dentry;
	int r;

	inode_lock(d_inode(dentry));
	r = notify_change(&nop_mnt_idmap, dentry, attributes, NULL);
	inode_unlock(d_inode(dentry));
	return r;
}

static void only_the_size_counts_among_attributes(struct kunit *test)
{
	struct iattr mode = { .ia_valid = ATTR_MODE, .ia_mode = S_IFREG | 0755 };
	struct iattr size = { .ia_valid = ATTR_SIZE, .ia_size = 100 };
	struct inode *inode = unpack_file(test);
	struct file *file = open_file(test, O_RDONLY);

	KUNIT_EXPECT_EQ(test, 0, set_attributes(file, &mode));
	KUNIT_EXPECT_TRUE(test, is_boot_verified(inode));
	KUNIT_EXPECT_EQ(test, 0, set_attributes(file, &size));
	KUNIT_EXPECT_FALSE(test, is_boot_verified(inode));
	close_file(file);
}

static void late_file_never_has_it(struct kunit *test)
{
	struct file *file = open_file(test, O_CREAT | O_RDONLY);

	KUNIT_EXPECT_FALSE(test, is_boot_verified(file_inode(file)));
	close_file(file);
}

static void other_file_systems_do_not_have_it(struct kunit *test)
{
	struct inode *inode = unpack_file(test);

	ipe_sb_blob(mnt->mnt_sb)->boot.initramfs = false;
	KUNIT_EXPECT_FALSE(test, is_boot_verified(inode));
}

static void root_file_system_of_this_kernel_is_known(struct kunit *test)
{
	const struct super_block *sb = current->fs->root.mnt->mnt_sb;

	KUNIT_EXPECT_TRUE(test, ipe_sb_blob(sb)->boot.initramfs);
}

static struct kunit_case boot_cases[] = {
	KUNIT_CASE(reading_keeps_it),
	KUNIT_CASE(opening_for_writing_loses_it),
	KUNIT_CASE(only_the_first_writer_invalidates_the_cache),
	KUNIT_CASE(truncating_loses_it),
	KUNIT_CASE(only_the_size_counts_among_attributes),
	KUNIT_CASE(late_file_never_has_it),
	KUNIT_CASE(other_file_systems_do_not_have_it),
	KUNIT_CASE(root_file_system_of_this_kernel_is_known),
	{}
};

static struct kunit_suite boot_suite = {
	.name = "ipe-boot",
	.init = mount_fs,
	.exit = unmount_fs,
	.test_cases = boot_cases,
};

kunit_test_suite(boot_suite);
