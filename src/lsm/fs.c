// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/security/ipe: the files at its top; fs_policy.c has the
 * directories of policies.
 */

#include <linux/cleanup.h>
#include <linux/cred.h>
#include <linux/init.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/security.h>
#include <linux/slab.h>
#include <linux/sprintf.h>
#include <linux/string.h>

#include "audit.h"
#include "cache.h"
#include "fs_events.h"
#include "fs_input.h"
#include "fs_new.h"
#include "fs_policy.h"
#include "ipe.h"
#include "lifecycle.h"
#include "lock.h"
#include "provider.h"
#include "recorder.h"

/**
 * struct ipe_switch - a file that shows and sets one bit
 * @value: read by verdicts with READ_ONCE(); written under @lock
 * @latched: one-way: once set, the bit cannot be switched off; written under
 *	@lock. NULL if nothing latches it
 * @lock: so that a record names the old value that was really replaced
 * @record: records a change or a failure
 */
struct ipe_switch {
	bool *value;
	const bool *latched;
	struct mutex lock;
	void (*record)(bool old, const char *new, int error);
};

static struct ipe_switch enforce_switch = {
	.value = &ipe_enforce,
	.latched = &ipe_mode_locked,
	.lock = __MUTEX_INITIALIZER(enforce_switch.lock),
	.record = ipe_audit_enforce,
};

static struct ipe_switch success_audit_switch = {
	.value = &ipe_success_audit,
	.lock = __MUTEX_INITIALIZER(success_audit_switch.lock),
	.record = ipe_audit_success_audit,
};

/* One word on each line; large enough for all words. */
static char features[256] __ro_after_init;
static size_t features_len __ro_after_init;

static ssize_t read_switch(struct file *file, char __user *data, size_t len,
			   loff_t *offset)
{
	const struct ipe_switch *s = file_inode(file)->i_private;

	return simple_read_from_buffer(data, len, offset,
				       READ_ONCE(*s->value) ? "1" : "0", 1);
}

/*
 * @ret_old: the value before
 * @ret_turn: of the record; 0 if nothing changed, which needs no record
 */
static int set_switch(struct ipe_switch *s, bool new, bool *ret_old,
		      u64 *ret_turn)
{
	guard(mutex)(&s->lock);

	*ret_turn = 0;
	*ret_old = *s->value;
	if (!new && s->latched && *s->latched)
		return -EPERM;
	if (*ret_old == new)
		return 0;
	WRITE_ONCE(*s->value, new);
	ipe_cache_invalidate();
	*ret_turn = ipe_recorder_turn();
	return 0;
}

static ssize_t write_switch(struct file *file, const char __user *data,
			    size_t len, loff_t *offset)
{
	struct ipe_switch *s = file_inode(file)->i_private;
	bool old = READ_ONCE(*s->value), new;
	const char *word = "?";
	u64 turn = 0;
	int r;

	r = ipe_input_permit(file);
	if (!r)
		r = ipe_input_flag(data, len, &new);
	if (!r) {
		word = new ? "1" : "0";
		r = set_switch(s, new, &old, &turn);
	}
	if (r) {
		s->record(old, word, r);
		return r;
	}
	if (turn) {
		ipe_recorder_begin(turn);
		s->record(old, word, 0);
		ipe_recorder_end(turn);
	}
	return len;
}

static ssize_t read_features(struct file *file, char __user *data, size_t len,
			     loff_t *offset)
{
	return simple_read_from_buffer(data, len, offset, features,
				       features_len);
}

static ssize_t read_keyrings(struct file *file, char __user *data, size_t len,
			     loff_t *offset)
{
	char lines[128];

	return simple_read_from_buffer(data, len, offset, lines,
				       ipe_providers_keyrings(lines,
							      sizeof(lines)));
}

/* The file's private data is the count of changes at the last read. */
static ssize_t read_confirm(struct file *file, char __user *data, size_t len,
			    loff_t *offset)
{
	unsigned long changes = ipe_policies_changes(&ipe_policies);
	struct ipe_loaded *tried __free(ipe_loaded_put) =
		ipe_policies_on_trial(&ipe_policies);
	char *line __free(kfree) = NULL;
	char version[IPE_VERSION_STRLEN];

	if (!*offset)
		WRITE_ONCE(file->private_data, (void *)changes);
	if (!tried)
		return 0;
	ipe_version_print(ipe_policy_version(tried->policy), version);
	line = kasprintf(GFP_KERNEL, "%s %s\n", ipe_policy_name(tried->policy),
			 version);
	if (!line)
		return -ENOMEM;
	return simple_read_from_buffer(data, len, offset, line, strlen(line));
}

static __poll_t poll_confirm(struct file *file, poll_table *wait)
{
	return ipe_policies_poll(&ipe_policies, file, wait,
				 (unsigned long)READ_ONCE(file->private_data));
}

static ssize_t end_trial(struct file *file, const char __user *data, size_t len,
			 enum ipe_write write)
{
	const struct ipe_request request = { .write = write };
	int r;

	r = ipe_input_go(file, data, len);
	if (r)
		ipe_lifecycle_refuse(&ipe_policies, &request, r);
	else
		r = ipe_lifecycle_write(&ipe_policies, &request);
	return r ?: len;
}

static ssize_t write_confirm(struct file *file, const char __user *data,
			     size_t len, loff_t *offset)
{
	return end_trial(file, data, len, IPE_WRITE_CONFIRM);
}

static ssize_t write_revert(struct file *file, const char __user *data,
			    size_t len, loff_t *offset)
{
	return end_trial(file, data, len, IPE_WRITE_REVERT);
}

static int lock_mode(void)
{
	u64 turn;

	scoped_guard(mutex, &enforce_switch.lock) {
		WRITE_ONCE(ipe_mode_locked, true);
		turn = ipe_recorder_turn();
	}
	ipe_recorder_begin(turn);
	ipe_audit_lock("mode", 0);
	ipe_recorder_end(turn);
	return 0;
}

static int lock_policies(void)
{
	return ipe_lifecycle_lock(&ipe_policies);
}

/**
 * struct latch - a lock that lasts until reboot
 * @word: its name
 * @set: locks and records it; returns 0 or an errno
 */
struct latch {
	const char *word;
	int (*set)(void);
};

static const struct latch latches[] = {
	{ "mode", lock_mode },
	{ "policy", lock_policies },
};

static ssize_t read_latches(struct file *file, char __user *data, size_t len,
			    loff_t *offset)
{
	char words[32];

	snprintf(words, sizeof(words), "%s%s",
		 READ_ONCE(ipe_mode_locked) ? "mode\n" : "",
		 ipe_policies_is_locked(&ipe_policies) ? "policy\n" : "");
	return simple_read_from_buffer(data, len, offset, words, strlen(words));
}

static int find_latch(const char __user *data, size_t len,
		      const struct latch **ret)
{
	char *line __free(kfree) = ipe_input_line(data, len);
	const struct latch *latch;

	if (PTR_ERR(line) == -ENAMETOOLONG)
		return -EINVAL;
	if (IS_ERR(line))
		return PTR_ERR(line);
	for (latch = latches; latch < latches + ARRAY_SIZE(latches); latch++) {
		if (strcmp(line, latch->word))
			continue;
		*ret = latch;
		return 0;
	}
	return -EINVAL;
}

static ssize_t write_latch(struct file *file, const char __user *data,
			   size_t len, loff_t *offset)
{
	const struct latch *latch;
	int r;

	r = ipe_input_permit(file);
	if (!r)
		r = find_latch(data, len, &latch);
	if (r)
		ipe_audit_lock(NULL, r);
	else
		r = latch->set();
	return r ?: len;
}

static const struct file_operations switch_fops = {
	.read = read_switch,
	.write = write_switch,
};

static const struct file_operations features_fops = {
	.read = read_features,
};

static const struct file_operations keyrings_fops = {
	.read = read_keyrings,
};

static const struct file_operations confirm_fops = {
	.read = read_confirm,
	.write = write_confirm,
	.poll = poll_confirm,
};

static const struct file_operations revert_fops = {
	.write = write_revert,
};

static const struct file_operations lock_fops = {
	.read = read_latches,
	.write = write_latch,
};

/**
 * struct top_file - a file at the top
 * @name: of the file
 * @mode: permissions; writing also needs CAP_MAC_ADMIN
 * @private: for @fops
 * @fops: its operations
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
	{ "keyrings", 0444, NULL, &keyrings_fops },
	{ "new_policy", 0200, NULL, &ipe_fs_new_policy_fops },
	{ "load", 0200, NULL, &ipe_fs_load_fops },
	{ "confirm", 0600, NULL, &confirm_fops },
	{ "revert", 0200, NULL, &revert_fops },
	{ "events", 0400, NULL, &ipe_fs_events_fops },
	{ "lock", 0600, NULL, &lock_fops },
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

static void __init list_features(void)
{
	static const char before[] = "stage\ntrial\nrollback-floor\nshadow\n"
				     "stats\nevents\nappended-signature\n";
	static const char after[] = "provenance\nlock\nkeyrings\n";
	size_t size = sizeof(features);

	features_len = scnprintf(features, size, "%s", before);
	features_len += ipe_providers_features(features + features_len,
					       size - features_len);
	features_len += scnprintf(features + features_len, size - features_len,
				  "%s", after);
}

static int __init init_fs(void)
{
	struct dentry *root;
	int r;

	if (!ipe_enabled)
		return 0;
	list_features();
	root = securityfs_create_dir("ipe", NULL);
	if (IS_ERR(root))
		return PTR_ERR(root);
	r = ipe_fs_policy_init(root);
	if (!r)
		r = create_top_files(root);
	if (r) {
		pr_err("ipe: no files in securityfs: error %d\n", r);
		securityfs_recursive_remove(root);
	}
	return r;
}

fs_initcall(init_fs);
