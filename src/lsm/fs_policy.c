// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/security/ipe: new_policy, and the directory of each policy.
 *
 * A directory's inode leads to the slot of its policy. Opening a file takes a
 * reference to the slot, so that a deleted policy's open files find an empty
 * slot, and say ENOENT, and not freed memory. What fails is recorded here; what
 * succeeds is recorded by the lifecycle, or here where it ends with a directory
 * that is visible.
 */

#include <linux/dcache.h>
#include <linux/err.h>
#include <linux/kstrtox.h>
#include <linux/rcupdate.h>
#include <linux/security.h>
#include <linux/string.h>

#include "audit.h"
#include "fs.h"
#include "lifecycle.h"

static struct dentry *policies_dir __ro_after_init;

/*
 * Bytes of a write() -> a loaded policy, or a record of why not.
 *
 * @slot: whose next version this is to be; NULL for a new policy
 */
static int load_policy(struct file *file, const char __user *data, size_t len,
		       struct ipe_slot *slot, struct ipe_loaded **ret)
{
	struct ipe_identity identity = {};
	struct ipe_parse_error where = {};
	struct ipe_envelope envelope = {};
	int r;

	r = ipe_fs_permit(file);
	if (!r && slot)
		r = ipe_slot_is_active(slot) < 0 ? -ENOENT : 0;
	if (!r)
		r = ipe_envelope_copy(&envelope, data, len);
	if (!r)
		r = ipe_envelope_verify(&envelope);
	if (!r)
		r = ipe_loaded_new(&envelope, ret, &where);
	if (r) {
		if (envelope.data)
			identity.digest = envelope.digest;
		ipe_audit_load(identity, &where, r);
	}
	ipe_envelope_release(&envelope);
	return r;
}

/* The slot of the directory that a file is in; NULL if it has none (any more). */
static struct ipe_slot *get_slot(const struct file *file)
{
	struct inode *dir = d_inode(file->f_path.dentry->d_parent);
	struct ipe_slot *slot;

	guard(rcu)();

	slot = READ_ONCE(dir->i_private);
	return slot && ipe_slot_get(slot) ? slot : NULL;
}

static int open_file(struct inode *inode, struct file *file)
{
	file->private_data = get_slot(file);
	return file->private_data ? 0 : -ENOENT;
}

static int release_file(struct inode *inode, struct file *file)
{
	ipe_slot_put(file->private_data);
	return 0;
}

static ssize_t read_pkcs7(struct file *file, char __user *data, size_t len,
			  loff_t *offset)
{
	struct ipe_loaded *loaded __free(ipe_loaded_put) =
		ipe_slot_policy(file->private_data);

	/* The boot policy is not signed. */
	if (!loaded || !loaded->envelope.data)
		return -ENOENT;
	return simple_read_from_buffer(data, len, offset,
				       loaded->envelope.data,
				       loaded->envelope.len);
}

static ssize_t read_text(struct file *file, char __user *data, size_t len,
			 loff_t *offset)
{
	struct ipe_loaded *loaded __free(ipe_loaded_put) =
		ipe_slot_policy(file->private_data);

	if (!loaded)
		return -ENOENT;
	return simple_read_from_buffer(data, len, offset,
				       loaded->envelope.text,
				       loaded->envelope.text_len);
}

static ssize_t read_name(struct file *file, char __user *data, size_t len,
			 loff_t *offset)
{
	struct ipe_loaded *loaded __free(ipe_loaded_put) =
		ipe_slot_policy(file->private_data);
	const char *name;

	if (!loaded)
		return -ENOENT;
	name = ipe_policy_name(loaded->policy);
	return simple_read_from_buffer(data, len, offset, name, strlen(name));
}

static ssize_t read_version(struct file *file, char __user *data, size_t len,
			    loff_t *offset)
{
	struct ipe_loaded *loaded __free(ipe_loaded_put) =
		ipe_slot_policy(file->private_data);
	char version[IPE_VERSION_STRLEN];

	if (!loaded)
		return -ENOENT;
	ipe_version_print(ipe_policy_version(loaded->policy), version);
	return simple_read_from_buffer(data, len, offset, version,
				       strlen(version));
}

static ssize_t read_active(struct file *file, char __user *data, size_t len,
			   loff_t *offset)
{
	int active = ipe_slot_is_active(file->private_data);

	if (active < 0)
		return active;
	return simple_read_from_buffer(data, len, offset, active ? "1" : "0",
				       1);
}

/* Writing anything but a true value to "active" or "delete" means nothing. */
static int parse_request(struct file *file, const char __user *data, size_t len)
{
	bool wanted;
	int r;

	r = ipe_fs_permit(file);
	if (!r)
		r = kstrtobool_from_user(data, len, &wanted);
	if (!r && !wanted)
		r = -EINVAL;
	return r;
}

static ssize_t write_active(struct file *file, const char __user *data,
			    size_t len, loff_t *offset)
{
	struct ipe_loaded *active __free(ipe_loaded_put) = NULL;
	struct ipe_loaded *loaded __free(ipe_loaded_put) = NULL;
	struct ipe_slot *slot = file->private_data;
	int r;

	r = parse_request(file, data, len);
	if (!r)
		r = ipe_lifecycle_activate(slot);
	if (!r)
		return len;
	active = ipe_lifecycle_active(&ipe_lifecycle);
	loaded = ipe_slot_policy(slot);
	ipe_audit_activation(active, loaded, r);
	return r;
}

static ssize_t write_update(struct file *file, const char __user *data,
			    size_t len, loff_t *offset)
{
	struct ipe_loaded *loaded __free(ipe_loaded_put) = NULL;
	struct ipe_slot *slot = file->private_data;
	int r;

	r = load_policy(file, data, len, slot, &loaded);
	if (r)
		return r;
	r = ipe_lifecycle_update(slot, loaded);
	if (!r)
		return len;
	ipe_audit_load(ipe_identity(loaded), NULL, r);
	return r;
}

static void hide_policy(struct ipe_slot *slot)
{
	WRITE_ONCE(d_inode(slot->dir)->i_private, NULL);
	securityfs_recursive_remove(slot->dir);
	slot->dir = NULL;
}

static void record_failed_delete(struct ipe_slot *slot, int error)
{
	struct ipe_loaded *loaded __free(ipe_loaded_put) =
		ipe_slot_policy(slot);
	struct ipe_identity identity = { .name = slot->name };

	if (loaded)
		identity = ipe_identity(loaded);
	ipe_audit_delete(identity, error);
}

static ssize_t write_delete(struct file *file, const char __user *data,
			    size_t len, loff_t *offset)
{
	struct ipe_slot *slot = file->private_data;
	int r;

	r = parse_request(file, data, len);
	if (!r)
		r = ipe_lifecycle_delete(slot);
	if (r) {
		record_failed_delete(slot, r);
		return r;
	}
	/* One task alone gets here. This file's reference keeps the slot. */
	hide_policy(slot);
	ipe_lifecycle_forget(slot);
	return len;
}

/* The members that every file of a policy has. */
#define POLICY_FOPS .open = open_file, .release = release_file

static const struct file_operations pkcs7_fops = {
	POLICY_FOPS, .read = read_pkcs7,
};

static const struct file_operations text_fops = {
	POLICY_FOPS, .read = read_text,
};

static const struct file_operations name_fops = {
	POLICY_FOPS, .read = read_name,
};

static const struct file_operations version_fops = {
	POLICY_FOPS, .read = read_version,
};

static const struct file_operations active_fops = {
	POLICY_FOPS, .read = read_active, .write = write_active,
};

static const struct file_operations update_fops = {
	POLICY_FOPS, .write = write_update,
};

static const struct file_operations delete_fops = {
	POLICY_FOPS, .write = write_delete,
};

/**
 * struct policy_file - a file in each policy's directory
 * @fops: what it does
 * @mode: permissions; a change needs CAP_MAC_ADMIN besides
 * @name: of the file
 */
struct policy_file {
	const struct file_operations *fops;
	umode_t mode;
	const char *name;
};

static const struct policy_file policy_files[] = {
	{ &active_fops, 0600, "active" },
	{ &delete_fops, 0200, "delete" },
	{ &name_fops, 0444, "name" },
	{ &pkcs7_fops, 0444, "pkcs7" },
	{ &text_fops, 0444, "policy" },
	{ &update_fops, 0200, "update" },
	{ &version_fops, 0444, "version" },
};

/*
 * Makes the directory of a policy; its files say ENOENT until show_policy().
 *
 * Returns 0, -EACCES if the name cannot be one of a directory, -ENAMETOOLONG or
 * -ENOMEM.
 */
static int create_directory(struct ipe_slot *slot)
{
	const struct policy_file *f = policy_files;
	struct dentry *dir, *dentry;

	dir = securityfs_create_dir(slot->name, policies_dir);
	if (IS_ERR(dir))
		return PTR_ERR(dir);
	for (; f < policy_files + ARRAY_SIZE(policy_files); f++) {
		dentry = securityfs_create_file(f->name, f->mode, dir, NULL,
						f->fops);
		if (IS_ERR(dentry)) {
			securityfs_recursive_remove(dir);
			return PTR_ERR(dentry);
		}
	}
	slot->dir = dir;
	return 0;
}

static void show_policy(struct ipe_slot *slot)
{
	/* Pairs with the dependent load in get_slot(). */
	smp_store_release(&d_inode(slot->dir)->i_private, slot);
}

static ssize_t write_new_policy(struct file *file, const char __user *data,
				size_t len, loff_t *offset)
{
	struct ipe_loaded *loaded __free(ipe_loaded_put) = NULL;
	struct ipe_slot *slot;
	int r;

	r = load_policy(file, data, len, NULL, &loaded);
	if (r)
		return r;
	r = ipe_lifecycle_add(&ipe_lifecycle, loaded, &slot);
	if (!r) {
		r = create_directory(slot);
		if (r)
			ipe_lifecycle_forget(slot);
	}
	/* Before anybody can activate it, so that records are in order. */
	ipe_audit_load(ipe_identity(loaded), NULL, r);
	if (r)
		return r;
	show_policy(slot);
	return len;
}

const struct file_operations ipe_new_policy_fops = {
	.write = write_new_policy,
};

/**
 * ipe_fs_init_policies() - Make the directory of policies, the boot policy's in it
 * @root: /sys/kernel/security/ipe
 *
 * Context: an initcall; nobody else is there yet.
 * Return: %0 or an error of securityfs.
 */
int __init ipe_fs_init_policies(struct dentry *root)
{
	struct ipe_slot *slot;
	int r;

	policies_dir = securityfs_create_dir("policies", root);
	if (IS_ERR(policies_dir))
		return PTR_ERR(policies_dir);
	list_for_each_entry(slot, &ipe_lifecycle.slots, list) {
		r = create_directory(slot);
		if (r)
			return r;
		show_policy(slot);
	}
	return 0;
}
