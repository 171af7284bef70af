// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/security/ipe: enforce, success_audit, features, new_policy.
 */

#include <linux/cleanup.h>
#include <linux/cred.h>
#include <linux/init.h>
#include <linux/kstrtox.h>
#include <linux/mutex.h>
#include <linux/security.h>

#include "audit.h"
#include "fs.h"
#include "ipe.h"
#include "provider.h"

/**
 * struct ipe_switch - a file that shows and sets one bit
 * @value: read by verdicts with READ_ONCE(); written under @lock
 * @lock: so that the old value in a record is the one that was replaced
 * @record: tells of a change
 */
struct ipe_switch {
	bool *value;
	struct mutex lock;
	void (*record)(bool old, bool new);
};

static struct ipe_switch enforce_switch = {
	.value = &ipe_enforce,
	.lock = __MUTEX_INITIALIZER(enforce_switch.lock),
	.record = ipe_audit_enforce,
};

static struct ipe_switch success_audit_switch = {
	.value = &ipe_success_audit,
	.lock = __MUTEX_INITIALIZER(success_audit_switch.lock),
	.record = ipe_audit_success_audit,
};

/* One word a line; as long as all words there can be. */
static char features[256] __ro_after_init;
static size_t features_len __ro_after_init;

/**
 * ipe_fs_permit() - May whoever opened this file change something?
 * @file: open for writing
 *
 * Return: %0 or %-EPERM.
 */
int ipe_fs_permit(struct file *file)
{
	return file_ns_capable(file, &init_user_ns, CAP_MAC_ADMIN) ? 0 : -EPERM;
}

static ssize_t read_switch(struct file *file, char __user *data, size_t len,
			   loff_t *offset)
{
	const struct ipe_switch *s = file_inode(file)->i_private;

	return simple_read_from_buffer(data, len, offset,
				       READ_ONCE(*s->value) ? "1" : "0", 1);
}

static ssize_t write_switch(struct file *file, const char __user *data,
			    size_t len, loff_t *offset)
{
	struct ipe_switch *s = file_inode(file)->i_private;
	bool old, new;
	int r;

	r = ipe_fs_permit(file);
	if (!r)
		r = kstrtobool_from_user(data, len, &new);
	if (r)
		return r;

	guard(mutex)(&s->lock);

	old = *s->value;
	if (old != new) {
		s->record(old, new);
		WRITE_ONCE(*s->value, new);
	}
	return len;
}

static ssize_t read_features(struct file *file, char __user *data, size_t len,
			     loff_t *offset)
{
	return simple_read_from_buffer(data, len, offset, features,
				       features_len);
}

static const struct file_operations switch_fops = {
	.read = read_switch,
	.write = write_switch,
};

static const struct file_operations features_fops = {
	.read = read_features,
};

/**
 * struct top_file - a file at the top
 * @name: of the file
 * @mode: permissions; a change needs CAP_MAC_ADMIN besides
 * @private: for the file's operations
 * @fops: what it does
 */
struct top_file {
	const char *name;
	umode_t mode;
	void *private;
	const struct file_operations *fops;
};

static const struct top_file top_files[] __initconst = {
	{ "enforce", 0600, &enforce_switch, &switch_fops },
	{ "success_audit", 0600, &success_audit_switch, &switch_fops },
	{ "features", 0444, NULL, &features_fops },
	{ "new_policy", 0200, NULL, &ipe_new_policy_fops },
};

static int __init create_top_files(struct dentry *root)
{
	const struct top_file *f;
	struct dentry *dentry;

	for (f = top_files; f < top_files + ARRAY_SIZE(top_files); f++) {
		dentry = securityfs_create_file(f->name, f->mode, root,
						f->private, f->fops);
		if (IS_ERR(dentry))
			return PTR_ERR(dentry);
	}
	return 0;
}

static int __init init_fs(void)
{
	struct dentry *root;
	int r;

	if (!ipe_enabled)
		return 0;
	features_len = ipe_providers_features(features, sizeof(features));
	root = securityfs_create_dir("ipe", NULL);
	if (IS_ERR(root))
		return PTR_ERR(root);
	r = ipe_fs_init_policies(root);
	if (!r)
		r = create_top_files(root);
	if (r) {
		pr_err("ipe: no files in securityfs: error %d\n", r);
		securityfs_recursive_remove(root);
	}
	return r;
}

fs_initcall(init_fs);
