// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bytes of a write() -> envelope -> loaded policy, or a record of the failure.
 */

#include <linux/cleanup.h>
#include <linux/errno.h>

#include "audit.h"
#include "fs_envelope.h"
#include "fs_input.h"

/*
 * A rule may vouch for a text that is only an example or a test. So the header
 * of an unsigned text has to say that it may be loaded without a signature.
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

/**
 * ipe_fs_envelope_load() - Compile the policy of an envelope
 * @envelope: verified, or as far as it could be read; released
 * @staged: the policy is to be staged: a failure is recorded as one of staging
 * @r: %0, or the errno of reading or verifying @envelope
 * @ret: the policy, a reference of the caller's; unchanged on failure
 *
 * Records a failure, also that of @r.
 *
 * Return: %0, @r, %-EACCES if an unsigned text does not say that it may be
 * unsigned, or an error of ipe_loaded_new().
 */
int ipe_fs_envelope_load(struct ipe_envelope *envelope, bool staged, int r,
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

/**
 * ipe_fs_envelope_write() - Compile the signed policy that a write() brings
 * @file: that is written
 * @data: bytes of the signed policy
 * @len: of @data
 * @slot: that gets the policy as a new version; NULL for a new policy
 * @staged: as of ipe_fs_envelope_load()
 * @ret: the policy, a reference of the caller's; unchanged on failure
 *
 * Records a failure.
 *
 * Return: %0, %-EPERM, %-ENOENT if @slot is deleted, or an error of
 * ipe_envelope_copy(), ipe_envelope_verify() or ipe_fs_envelope_load().
 */
int ipe_fs_envelope_write(struct file *file, const char __user *data,
			  size_t len, struct ipe_slot *slot, bool staged,
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
	return ipe_fs_envelope_load(&envelope, staged, r, ret);
}
