// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writing the files in the directory of a policy.
 */

#include <linux/cleanup.h>

#include "fs_envelope.h"
#include "fs_file.h"
#include "fs_input.h"
#include "fs_read.h"
#include "fs_write.h"
#include "lifecycle.h"

/**
 * ipe_fs_write_request() - Pass a request to the lifecycle
 * @request: as far as it could be read
 * @len: bytes that were written
 * @r: %0, or the errno of reading the request: then it is only recorded
 *
 * Return: @len, or a negative errno.
 */
ssize_t ipe_fs_write_request(const struct ipe_request *request, size_t len,
			     int r)
{
	if (r)
		ipe_lifecycle_refuse(&ipe_policies, request, r);
	else
		r = ipe_lifecycle_write(&ipe_policies, request);
	return r ?: len;
}

static ssize_t write_active(struct file *file, const char __user *data,
			    size_t len, loff_t *offset)
{
	const struct ipe_request request = {
		.write = IPE_WRITE_ACTIVATE,
		.slot = ipe_fs_file_slot(file),
	};

	return ipe_fs_write_request(&request, len,
				    ipe_input_true(file, data, len));
}

static ssize_t write_rollback(struct file *file, const char __user *data,
			      size_t len, loff_t *offset)
{
	const struct ipe_request request = {
		.write = IPE_WRITE_ROLLBACK,
		.slot = ipe_fs_file_slot(file),
	};

	return ipe_fs_write_request(&request, len,
				    ipe_input_go(file, data, len));
}

static ssize_t write_trial(struct file *file, const char __user *data,
			   size_t len, loff_t *offset)
{
	struct ipe_request request = {
		.write = IPE_WRITE_TRIAL,
		.slot = ipe_fs_file_slot(file),
	};
	int r;

	r = ipe_input_permit(file);
	if (!r)
		r = ipe_input_number(data, len, &request.seconds);
	if (!r && (!request.seconds || request.seconds > IPE_TRIAL_SECONDS_MAX))
		r = -ERANGE;
	return ipe_fs_write_request(&request, len, r);
}

static ssize_t write_shadow(struct file *file, const char __user *data,
			    size_t len, loff_t *offset)
{
	struct ipe_request request = {
		.write = IPE_WRITE_SHADOW,
		.slot = ipe_fs_file_slot(file),
	};
	bool on = true;
	int r;

	r = ipe_input_permit(file);
	if (!r)
		r = ipe_input_flag(data, len, &on);
	if (!on)
		request.write = IPE_WRITE_UNSHADOW;
	return ipe_fs_write_request(&request, len, r);
}

static ssize_t write_version(struct file *file, const char __user *data,
			     size_t len, enum ipe_write write)
{
	struct ipe_loaded *loaded __free(ipe_loaded_put) = NULL;
	struct ipe_request request = {
		.write = write,
		.slot = ipe_fs_file_slot(file),
	};
	int r;

	r = ipe_fs_envelope_write(file, data, len, request.slot,
				  write == IPE_WRITE_STAGE, &loaded);
	if (r)
		return r;
	request.loaded = loaded;
	return ipe_fs_write_request(&request, len, 0);
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

const struct file_operations ipe_fs_active_fops = {
	IPE_FS_FILE_FOPS,
	.read = ipe_fs_read_active,
	.write = write_active,
	.poll = ipe_fs_poll_changes,
};

const struct file_operations ipe_fs_update_fops = {
	IPE_FS_FILE_FOPS,
	.write = write_update,
};

const struct file_operations ipe_fs_stage_fops = {
	IPE_FS_FILE_FOPS,
	.write = write_stage,
};

const struct file_operations ipe_fs_trial_fops = {
	IPE_FS_FILE_FOPS,
	.read = ipe_fs_read_trial,
	.write = write_trial,
	.poll = ipe_fs_poll_changes,
};

const struct file_operations ipe_fs_rollback_fops = {
	IPE_FS_FILE_FOPS,
	.write = write_rollback,
};

const struct file_operations ipe_fs_shadow_fops = {
	IPE_FS_FILE_FOPS,
	.read = ipe_fs_read_shadow,
	.write = write_shadow,
};
