// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading the files in the directory of a policy.
 */

#include <linux/seq_file.h>
#include <linux/sprintf.h>
#include <linux/string.h>

#include "fs_file.h"
#include "fs_read.h"
#include "stats.h"

static ssize_t read_pkcs7(struct file *file, char __user *data, size_t len,
			  loff_t *offset)
{
	struct ipe_loaded *loaded __free(ipe_loaded_put) =
		ipe_fs_file_get_version(file, *offset);

	if (!loaded || !loaded->envelope.is_signed)
		return -ENOENT;
	return simple_read_from_buffer(data, len, offset, loaded->envelope.data,
				       loaded->envelope.len);
}

static ssize_t read_text(struct file *file, char __user *data, size_t len,
			 loff_t *offset)
{
	struct ipe_loaded *loaded __free(ipe_loaded_put) =
		ipe_fs_file_get_version(file, *offset);

	if (!loaded)
		return -ENOENT;
	return simple_read_from_buffer(data, len, offset, loaded->envelope.text,
				       loaded->envelope.text_len);
}

static ssize_t read_name(struct file *file, char __user *data, size_t len,
			 loff_t *offset)
{
	struct ipe_loaded *loaded __free(ipe_loaded_put) =
		ipe_fs_file_get_version(file, *offset);
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
		ipe_fs_file_get_version(file, *offset);
	char version[IPE_VERSION_STRLEN];

	if (!loaded)
		return -ENOENT;
	ipe_version_print(ipe_policy_version(loaded->policy), version);
	return simple_read_from_buffer(data, len, offset, version,
				       strlen(version));
}

/* @look: returns the number, or an errno */
static ssize_t show_number(struct file *file,
			   int (*look)(struct ipe_slot *slot),
			   char __user *data, size_t len, loff_t *offset)
{
	struct ipe_fs_file *opened = file->private_data;
	char text[16];
	int number;

	/* Before @look, so that poll() misses no change. */
	if (!*offset)
		WRITE_ONCE(opened->seen, ipe_policies_changes(&ipe_policies));
	number = look(opened->slot);
	if (number < 0)
		return number;
	snprintf(text, sizeof(text), "%d", number);
	return simple_read_from_buffer(data, len, offset, text, strlen(text));
}

/* read() of "active" */
ssize_t ipe_fs_read_active(struct file *file, char __user *data, size_t len,
			   loff_t *offset)
{
	return show_number(file, ipe_slot_is_active, data, len, offset);
}

/* read() of "shadow" */
ssize_t ipe_fs_read_shadow(struct file *file, char __user *data, size_t len,
			   loff_t *offset)
{
	return show_number(file, ipe_slot_is_shadowed, data, len, offset);
}

/* read() of "trial" */
ssize_t ipe_fs_read_trial(struct file *file, char __user *data, size_t len,
			  loff_t *offset)
{
	return show_number(file, ipe_slot_trial_seconds, data, len, offset);
}

/* poll() of "active" and "trial" */
__poll_t ipe_fs_poll_changes(struct file *file, poll_table *wait)
{
	const struct ipe_fs_file *opened = file->private_data;

	return ipe_policies_poll(&ipe_policies, file, wait,
				 READ_ONCE(opened->seen));
}

static int show_stats(struct seq_file *m, void *v)
{
	struct ipe_loaded *loaded __free(ipe_loaded_put) =
		ipe_slot_version(m->private, ipe_fs_file_place(m->file));

	return loaded ? ipe_stats_show(m, &loaded->stats, loaded->policy) :
			-ENOENT;
}

static int open_stats(struct inode *inode, struct file *file)
{
	struct ipe_slot *slot = ipe_fs_file_get_slot(file);
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

const struct file_operations ipe_fs_pkcs7_fops = {
	IPE_FS_FILE_FOPS,
	.read = read_pkcs7,
};

const struct file_operations ipe_fs_text_fops = {
	IPE_FS_FILE_FOPS,
	.read = read_text,
};

const struct file_operations ipe_fs_name_fops = {
	IPE_FS_FILE_FOPS,
	.read = read_name,
};

const struct file_operations ipe_fs_version_fops = {
	IPE_FS_FILE_FOPS,
	.read = read_version,
};

const struct file_operations ipe_fs_stats_fops = {
	.open = open_stats,
	.release = release_stats,
	.read = seq_read,
	.llseek = seq_lseek,
};
