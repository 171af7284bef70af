// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/security/ipe/new_policy and load: policies come in. A
 * policy that is added is recorded here, once its directory is visible; what
 * cannot be loaded in fs_envelope.c, what "load" stages in lifecycle.c.
 */

#include <linux/cleanup.h>
#include <linux/err.h>
#include <linux/slab.h>

#include "audit.h"
#include "fs_envelope.h"
#include "fs_input.h"
#include "fs_new.h"
#include "fs_policy.h"
#include "lifecycle.h"
#include "provenance.h"
#include "recorder.h"

/* Adds a loaded policy, and makes it visible. */
static int add_policy(struct ipe_loaded *loaded)
{
	struct ipe_slot *slot;
	u64 turn;
	int r;

	r = ipe_lifecycle_add(&ipe_policies, loaded, &slot);
	if (!r) {
		r = ipe_fs_policy_create(slot);
		if (r)
			ipe_lifecycle_forget(slot);
	}
	/*
	 * Taken before anybody can activate it, so that records are in order.
	 */
	turn = ipe_recorder_turn();
	if (!r)
		ipe_fs_policy_show(slot);
	ipe_recorder_begin(turn);
	ipe_audit_load(ipe_identity(loaded), NULL, r);
	ipe_recorder_end(turn);
	return r;
}

/* Adds a policy of a new name; stages one of a name that is taken. */
static int add_or_stage_policy(struct ipe_loaded *loaded)
{
	struct ipe_request request = {
		.write = IPE_WRITE_STAGE,
		.loaded = loaded,
	};
	int r;

	request.slot = ipe_policies_find(&ipe_policies,
					 ipe_policy_name(loaded->policy));
	if (!request.slot)
		return add_policy(loaded);
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
	r = ipe_fs_envelope_load(&envelope, false, r, &loaded);
	if (!r)
		r = add_or_stage_policy(loaded);
	return r ?: len;
}

const struct file_operations ipe_fs_load_fops = {
	.write = write_load,
};

static ssize_t write_new_policy(struct file *file, const char __user *data,
				size_t len, loff_t *offset)
{
	struct ipe_loaded *loaded __free(ipe_loaded_put) = NULL;
	int r;

	r = ipe_fs_envelope_write(file, data, len, NULL, false, &loaded);
	if (!r)
		r = add_policy(loaded);
	return r ?: len;
}

const struct file_operations ipe_fs_new_policy_fops = {
	.write = write_new_policy,
};
