// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/security/ipe/policies: a directory for each policy, from its
 * making to "delete".
 */

#include <linux/dcache.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/security.h>

#include "fs_file.h"
#include "fs_input.h"
#include "fs_policy.h"
#include "fs_read.h"
#include "fs_write.h"
#include "lifecycle.h"

static struct dentry *policies_dir __ro_after_init;

static void hide_policy(struct ipe_slot *slot)
{
	WRITE_ONCE(d_inode(slot->dir)->i_private, NULL);
	securityfs_recursive_remove(slot->dir);
	slot->dir = NULL;
}

static ssize_t write_delete(struct file *file, const char __user *data,
			    size_t len, loff_t *offset)
{
	const struct ipe_request request = {
		.write = IPE_WRITE_DELETE,
		.slot = ipe_fs_file_slot(file),
	};
	ssize_t r;

	r = ipe_fs_write_request(&request, len,
				 ipe_input_true(file, data, len));
	if (r < 0)
		return r;
	/* Only one task gets here. This file's reference keeps the slot. */
	hide_policy(request.slot);
	ipe_lifecycle_forget(request.slot);
	return r;
}

static const struct file_operations delete_fops = {
	IPE_FS_FILE_FOPS,
	.write = write_delete,
};

/**
 * struct policy_file - a file in each policy's directory
 * @fops: its operations
 * @mode: permissions; writing also needs CAP_MAC_ADMIN
 * @name: of the file
 * @every: each version has one
 */
struct policy_file {
	const struct file_operations *fops;
	umode_t mode;
	const char *name;
	bool every;
};

static const struct policy_file policy_files[] = {
	{ &ipe_fs_active_fops, 0600, "active" },
	{ &delete_fops, 0200, "delete" },
	{ &ipe_fs_name_fops, 0444, "name" },
	{ &ipe_fs_pkcs7_fops, 0444, "pkcs7", true },
	{ &ipe_fs_text_fops, 0444, "policy", true },
	{ &ipe_fs_rollback_fops, 0200, "rollback" },
	{ &ipe_fs_shadow_fops, 0600, "shadow" },
	{ &ipe_fs_stage_fops, 0200, "stage" },
	{ &ipe_fs_stats_fops, 0400, "stats", true },
	{ &ipe_fs_trial_fops, 0600, "trial" },
	{ &ipe_fs_update_fops, 0200, "update" },
	{ &ipe_fs_version_fops, 0444, "version", true },
};

/* The subdirectory of a version; the current one has none. */
static const char *const version_dirs[IPE_PLACE_COUNT] = {
	[IPE_PLACE_NEXT] = "next",
	[IPE_PLACE_PREVIOUS] = "previous",
};

static int create_files(struct dentry *dir, unsigned long place)
{
	const struct policy_file *f = policy_files;
	struct dentry *dentry;

	for (; f < policy_files + ARRAY_SIZE(policy_files); f++) {
		if (place != IPE_PLACE_CURRENT && !f->every)
			continue;
		dentry = securityfs_create_file(f->name, f->mode, dir,
						(void *)place, f->fops);
		if (IS_ERR(dentry))
			return PTR_ERR(dentry);
	}
	return 0;
}

static int create_version(struct dentry *dir, enum ipe_place place)
{
	if (version_dirs[place])
		dir = securityfs_create_dir(version_dirs[place], dir);
	return IS_ERR(dir) ? PTR_ERR(dir) : create_files(dir, place);
}

/**
 * ipe_fs_policy_create() - Make the directory of a policy
 * @slot: of the policy; its files return ENOENT until ipe_fs_policy_show()
 *
 * Context: Process context.
 * Return: %0, %-EACCES if the name cannot be that of a directory,
 * %-ENAMETOOLONG or %-ENOMEM.
 */
int ipe_fs_policy_create(struct ipe_slot *slot)
{
	enum ipe_place place;
	struct dentry *dir;
	int r = 0;

	dir = securityfs_create_dir(slot->name, policies_dir);
	if (IS_ERR(dir))
		return PTR_ERR(dir);
	for (place = 0; !r && place < IPE_PLACE_COUNT; place++)
		r = create_version(dir, place);
	if (r)
		securityfs_recursive_remove(dir);
	else
		slot->dir = dir;
	return r;
}

/**
 * ipe_fs_policy_show() - Make a policy visible
 * @slot: has a directory
 */
void ipe_fs_policy_show(struct ipe_slot *slot)
{
	/* Pairs with the dependent load in ipe_fs_file_get_slot(). */
	smp_store_release(&d_inode(slot->dir)->i_private, slot);
	ipe_lifecycle_show(slot);
}

/**
 * ipe_fs_policy_init() - Make the directory of policies, with the boot policy's
 * @root: /sys/kernel/security/ipe
 *
 * Context: an initcall; nobody else is there yet.
 * Return: %0 or an error of securityfs.
 */
int __init ipe_fs_policy_init(struct dentry *root)
{
	struct ipe_slot *slot;
	int r;

	policies_dir = securityfs_create_dir("policies", root);
	if (IS_ERR(policies_dir))
		return PTR_ERR(policies_dir);
	list_for_each_entry(slot, &ipe_policies.slots, list) {
		r = ipe_fs_policy_create(slot);
		/* The policy is active all the same. */
		if (r)
			pr_err("ipe: no directory for the boot policy: error %d\n",
			       r);
		else
			ipe_fs_policy_show(slot);
	}
	return 0;
}
