// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/security/ipe: new_policy and load, and the directory of each
 * policy.
 *
 * A directory's inode leads to the slot of its policy. Opening a file takes a
 * reference to the slot, so that a deleted policy's open files find an empty
 * slot, and say ENOENT, and not freed memory. Reading a file from its start takes
 * a reference to the version, so that what is read in pieces is of one. Writes
 * that fail here are recorded here, and so is a new policy, which ends with a
 * directory that is visible; the lifecycle records all else.
 */

#include <linux/dcache.h>
#include <linux/err.h>
#include <linux/kstrtox.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/rcupdate.h>
#include <linux/security.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/sprintf.h>
#include <linux/string.h>

#include "audit.h"
#include "fs.h"
#include "lifecycle.h"
#include "provenance.h"
#include "recorder.h"
#include "stats.h"

static struct dentry *policies_dir __ro_after_init;

/*
 * A text that a rule vouches for may lie there as an example or for a test: it
 * has to say itself that it is meant. The header is where it does not.
 */
static int check_intent(const struct ipe_loaded *loaded,
			struct ipe_parse_error *reterr)
{
	if (loaded->envelope.is_signed ||
	    ipe_policy_may_be_unsigned(loaded->policy))
		return 0;
	reterr->line = ipe_policy_header_line(loaded->policy);
	return -EACCES;
}

/* A verified envelope -> a loaded policy, or a record of why not. */
static int load_envelope(struct ipe_envelope *envelope, bool staged, int r,
			 struct ipe_loaded **ret)
{
	struct ipe_loaded *loaded __free(ipe_loaded_put) = NULL;
	struct ipe_identity identity = {};
	struct ipe_parse_error where = {};

	if (!r)
		r = ipe_loaded_new(envelope, &loaded, &where);
	if (!r)
		r = check_intent(loaded, &where);
	if (r) {
		if (loaded)
			identity = ipe_identity(loaded);
		else if (envelope->data)
			identity.digest = envelope->digest;
		if (staged)
			ipe_audit_stage(identity, &where, r);
		else
			ipe_audit_load(identity, &where, r);
	} else {
		*ret = no_free_ptr(loaded);
	}
	ipe_envelope_release(envelope);
	return r;
}

/*
 * Bytes of a write() -> a loaded policy, or a record of why not.
 *
 * @slot: whose next version this is to be; NULL for a new policy
 */
static int load_policy(struct file *file, const char __user *data, size_t len,
		       struct ipe_slot *slot, bool staged,
		       struct ipe_loaded **ret)
{
	struct ipe_envelope envelope = {};
	int r;

	r = ipe_input_permit(file);
	if (!r && slot)
		r = ipe_slot_is_active(slot) < 0 ? -ENOENT : 0;
	if (!r)
		r = ipe_envelope_copy(&envelope, data, len);
	if (!r)
		r = ipe_envelope_verify(&envelope);
	return load_envelope(&envelope, staged, r, ret);
}

/* Which version a file shows: its inode says. */
static enum ipe_place place_of(const struct file *file)
{
	return (unsigned long)file_inode(file)->i_private;
}

/* The slot of the directory that a file is in; NULL if it has none (any more). */
static struct ipe_slot *get_slot(const struct file *file)
{
	struct dentry *dir = file->f_path.dentry->d_parent;
	struct ipe_slot *slot;

	if (place_of(file) != IPE_PLACE_CURRENT)
		dir = dir->d_parent;

	guard(rcu)();

	slot = READ_ONCE(d_inode(dir)->i_private);
	return slot && ipe_slot_get(slot) ? slot : NULL;
}

/**
 * struct opened - an open file of a policy
 * @slot: of the policy, with a reference
 * @lock: of @shown: several threads may read one open file
 * @shown: the version that is read, with a reference; NULL before the first read
 * @seen: ipe_policies_changes() at the last read from the start
 */
struct opened {
	struct ipe_slot *slot;
	struct mutex lock;
	struct ipe_loaded *shown;
	unsigned long seen;
};

static struct ipe_slot *slot_of(const struct file *file)
{
	const struct opened *opened = file->private_data;

	return opened->slot;
}

/* The version to read at an offset, with a reference; NULL if there is none. */
static struct ipe_loaded *get_version(const struct file *file, loff_t offset)
{
	struct opened *opened = file->private_data;

	guard(mutex)(&opened->lock);

	if (ipe_slot_is_active(opened->slot) < 0)
		return NULL;
	if (!offset || !opened->shown) {
		ipe_loaded_put(opened->shown);
		opened->shown = ipe_slot_version(opened->slot, place_of(file));
	}
	return opened->shown ? ipe_loaded_get(opened->shown) : NULL;
}

static int open_file(struct inode *inode, struct file *file)
{
	struct opened *opened = kzalloc(sizeof(*opened), GFP_KERNEL_ACCOUNT);

	if (!opened)
		return -ENOMEM;
	opened->slot = get_slot(file);
	if (!opened->slot) {
		kfree(opened);
		return -ENOENT;
	}
	mutex_init(&opened->lock);
	file->private_data = opened;
	return 0;
}

static int release_file(struct inode *inode, struct file *file)
{
	struct opened *opened = file->private_data;

	ipe_loaded_put(opened->shown);
	ipe_slot_put(opened->slot);
	mutex_destroy(&opened->lock);
	kfree(opened);
	return 0;
}

static ssize_t read_pkcs7(struct file *file, char __user *data, size_t len,
			  loff_t *offset)
{
	struct ipe_loaded *loaded __free(ipe_loaded_put) =
		get_version(file, *offset);

	if (!loaded || !loaded->envelope.is_signed)
		return -ENOENT;
	return simple_read_from_buffer(data, len, offset,
				       loaded->envelope.data,
				       loaded->envelope.len);
}

static ssize_t read_text(struct file *file, char __user *data, size_t len,
			 loff_t *offset)
{
	struct ipe_loaded *loaded __free(ipe_loaded_put) =
		get_version(file, *offset);

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
		get_version(file, *offset);
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
		get_version(file, *offset);
	char version[IPE_VERSION_STRLEN];

	if (!loaded)
		return -ENOENT;
	ipe_version_print(ipe_policy_version(loaded->policy), version);
	return simple_read_from_buffer(data, len, offset, version,
				       strlen(version));
}

/* @look: what is shown, or an errno */
static ssize_t show_number(struct file *file, int (*look)(struct ipe_slot *slot),
			   char __user *data, size_t len, loff_t *offset)
{
	struct opened *opened = file->private_data;
	char text[16];
	int number;

	/* Before the look, so that poll() misses no change. */
	if (!*offset)
		WRITE_ONCE(opened->seen, ipe_policies_changes(&ipe_policies));
	number = look(opened->slot);
	if (number < 0)
		return number;
	snprintf(text, sizeof(text), "%d", number);
	return simple_read_from_buffer(data, len, offset, text, strlen(text));
}

static ssize_t read_active(struct file *file, char __user *data, size_t len,
			   loff_t *offset)
{
	return show_number(file, ipe_slot_is_active, data, len, offset);
}

static ssize_t read_shadow(struct file *file, char __user *data, size_t len,
			   loff_t *offset)
{
	return show_number(file, ipe_slot_is_shadowed, data, len, offset);
}

static ssize_t read_trial(struct file *file, char __user *data, size_t len,
			  loff_t *offset)
{
	return show_number(file, ipe_slot_trial_seconds, data, len, offset);
}

static __poll_t poll_changes(struct file *file, poll_table *wait)
{
	const struct opened *opened = file->private_data;

	return ipe_policies_poll(&ipe_policies, file, wait,
				 READ_ONCE(opened->seen));
}

static int show_stats(struct seq_file *m, void *v)
{
	struct ipe_loaded *loaded __free(ipe_loaded_put) =
		ipe_slot_version(m->private, place_of(m->file));

	return loaded ? ipe_stats_show(m, loaded) : -ENOENT;
}

static int open_stats(struct inode *inode, struct file *file)
{
	struct ipe_slot *slot = get_slot(file);
	int r;

	if (!slot)
		return -ENOENT;
	r = single_open(file, show_stats, slot);
	if (r)
		ipe_slot_put(slot);
	return r;
}

static int release_stats(struct inode *inode, struct file *file)
{
	struct seq_file *m = file->private_data;

	ipe_slot_put(m->private);
	return single_release(inode, file);
}

/* Does what was asked for, unless it came to nothing before: @r. */
static ssize_t write_request(const struct ipe_request *request, size_t len,
			     int r)
{
	if (r)
		ipe_lifecycle_refuse(&ipe_policies, request, r);
	else
		r = ipe_lifecycle_write(&ipe_policies, request);
	return r ?: len;
}

/* Writing anything but a true value to "active" or "delete" means nothing. */
static int parse_true(struct file *file, const char __user *data, size_t len)
{
	bool wanted;
	int r;

	r = ipe_input_permit(file);
	if (!r)
		r = kstrtobool_from_user(data, len, &wanted);
	if (!r && !wanted)
		r = -EINVAL;
	return r;
}

static ssize_t write_active(struct file *file, const char __user *data,
			    size_t len, loff_t *offset)
{
	const struct ipe_request request = {
		.write = IPE_WRITE_ACTIVATE, .slot = slot_of(file),
	};

	return write_request(&request, len, parse_true(file, data, len));
}

static ssize_t write_rollback(struct file *file, const char __user *data,
			      size_t len, loff_t *offset)
{
	const struct ipe_request request = {
		.write = IPE_WRITE_ROLLBACK, .slot = slot_of(file),
	};

	return write_request(&request, len, ipe_input_go(file, data, len));
}

static ssize_t write_trial(struct file *file, const char __user *data,
			   size_t len, loff_t *offset)
{
	struct ipe_request request = {
		.write = IPE_WRITE_TRIAL, .slot = slot_of(file),
	};
	int r;

	r = ipe_input_permit(file);
	if (!r)
		r = ipe_input_number(data, len, &request.seconds);
	if (!r && (!request.seconds ||
		   request.seconds > IPE_TRIAL_SECONDS_MAX))
		r = -ERANGE;
	return write_request(&request, len, r);
}

static ssize_t write_shadow(struct file *file, const char __user *data,
			    size_t len, loff_t *offset)
{
	struct ipe_request request = {
		.write = IPE_WRITE_SHADOW, .slot = slot_of(file),
	};
	bool on = true;
	int r;

	r = ipe_input_permit(file);
	if (!r)
		r = ipe_input_flag(data, len, &on);
	if (!on)
		request.write = IPE_WRITE_UNSHADOW;
	return write_request(&request, len, r);
}

static ssize_t write_version(struct file *file, const char __user *data,
			     size_t len, enum ipe_write write)
{
	struct ipe_loaded *loaded __free(ipe_loaded_put) = NULL;
	struct ipe_request request = {
		.write = write, .slot = slot_of(file),
	};
	int r;

	r = load_policy(file, data, len, request.slot,
			write == IPE_WRITE_STAGE, &loaded);
	if (r)
		return r;
	request.loaded = loaded;
	return write_request(&request, len, 0);
}

static ssize_t write_update(struct file *file, const char __user *data,
			    size_t len, loff_t *offset)
{
	return write_version(file, data, len, IPE_WRITE_UPDATE);
}

static ssize_t write_stage(struct file *file, const char __user *data,
			   size_t len, loff_t *offset)
{
	return write_version(file, data, len, IPE_WRITE_STAGE);
}

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
		.write = IPE_WRITE_DELETE, .slot = slot_of(file),
	};
	ssize_t r;

	r = write_request(&request, len, parse_true(file, data, len));
	if (r < 0)
		return r;
	/* One task alone gets here. This file's reference keeps the slot. */
	hide_policy(request.slot);
	ipe_lifecycle_forget(request.slot);
	return r;
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
	.poll = poll_changes,
};

static const struct file_operations update_fops = {
	POLICY_FOPS, .write = write_update,
};

static const struct file_operations stage_fops = {
	POLICY_FOPS, .write = write_stage,
};

static const struct file_operations delete_fops = {
	POLICY_FOPS, .write = write_delete,
};

static const struct file_operations trial_fops = {
	POLICY_FOPS, .read = read_trial, .write = write_trial,
	.poll = poll_changes,
};

static const struct file_operations rollback_fops = {
	POLICY_FOPS, .write = write_rollback,
};

static const struct file_operations shadow_fops = {
	POLICY_FOPS, .read = read_shadow, .write = write_shadow,
};

static const struct file_operations stats_fops = {
	.open = open_stats, .release = release_stats,
	.read = seq_read, .llseek = seq_lseek,
};

/**
 * struct policy_file - a file in each policy's directory
 * @fops: what it does
 * @mode: permissions; a change needs CAP_MAC_ADMIN besides
 * @name: of the file
 * @every: there is one for each version
 */
struct policy_file {
	const struct file_operations *fops;
	umode_t mode;
	const char *name;
	bool every;
};

static const struct policy_file policy_files[] = {
	{ &active_fops, 0600, "active" },
	{ &delete_fops, 0200, "delete" },
	{ &name_fops, 0444, "name" },
	{ &pkcs7_fops, 0444, "pkcs7", true },
	{ &text_fops, 0444, "policy", true },
	{ &rollback_fops, 0200, "rollback" },
	{ &shadow_fops, 0600, "shadow" },
	{ &stage_fops, 0200, "stage" },
	{ &stats_fops, 0400, "stats", true },
	{ &trial_fops, 0600, "trial" },
	{ &update_fops, 0200, "update" },
	{ &version_fops, 0444, "version", true },
};

/* Where the files of a version are; that of the current one has no name. */
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

/*
 * Makes the directory of a policy; its files say ENOENT until show_policy().
 *
 * Returns 0, -EACCES if the name cannot be one of a directory, -ENAMETOOLONG or
 * -ENOMEM.
 */
static int create_directory(struct ipe_slot *slot)
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

static void show_policy(struct ipe_slot *slot)
{
	/* Pairs with the dependent load in get_slot(). */
	smp_store_release(&d_inode(slot->dir)->i_private, slot);
	ipe_lifecycle_show(slot);
}

/* Makes a loaded policy one that user space sees. */
static int take_in(struct ipe_loaded *loaded)
{
	struct ipe_slot *slot;
	u64 turn;
	int r;

	r = ipe_lifecycle_add(&ipe_policies, loaded, &slot);
	if (!r) {
		r = create_directory(slot);
		if (r)
			ipe_lifecycle_forget(slot);
	}
	/* Before anybody can activate it, so that records are in order. */
	turn = ipe_recorder_turn();
	if (!r)
		show_policy(slot);
	ipe_recorder_begin(turn);
	ipe_audit_load(ipe_identity(loaded), NULL, r);
	ipe_recorder_end(turn);
	return r;
}

/* A new policy is taken in, one of a name that is there is staged. */
static int take_in_or_stage(struct ipe_loaded *loaded)
{
	struct ipe_request request = {
		.write = IPE_WRITE_STAGE, .loaded = loaded,
	};
	int r;

	request.slot = ipe_policies_find(&ipe_policies,
					 ipe_policy_name(loaded->policy));
	if (!request.slot)
		return take_in(loaded);
	r = ipe_lifecycle_write(&ipe_policies, &request);
	ipe_slot_put(request.slot);
	return r;
}

static ssize_t write_load(struct file *file, const char __user *data,
			  size_t len, loff_t *offset)
{
	struct ipe_loaded *loaded __free(ipe_loaded_put) = NULL;
	char *path __free(kfree) = NULL;
	struct ipe_envelope envelope = {};
	int r;

	r = ipe_input_permit(file);
	if (!r) {
		path = ipe_input_line(data, len);
		r = PTR_ERR_OR_ZERO(path);
	}
	if (!r)
		r = ipe_provenance_read(path, &envelope);
	r = load_envelope(&envelope, false, r, &loaded);
	if (!r)
		r = take_in_or_stage(loaded);
	return r ?: len;
}

const struct file_operations ipe_load_fops = {
	.write = write_load,
};

static ssize_t write_new_policy(struct file *file, const char __user *data,
				size_t len, loff_t *offset)
{
	struct ipe_loaded *loaded __free(ipe_loaded_put) = NULL;
	int r;

	r = load_policy(file, data, len, NULL, false, &loaded);
	if (!r)
		r = take_in(loaded);
	return r ?: len;
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
	list_for_each_entry(slot, &ipe_policies.slots, list) {
		r = create_directory(slot);
		/* It decides all the same, and others can be loaded. */
		if (r)
			pr_err("ipe: no directory for the boot policy: error %d\n",
			       r);
		else
			show_policy(slot);
	}
	return 0;
}
