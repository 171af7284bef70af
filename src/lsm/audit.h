/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The form of audit records; others decide what is recorded. The documented
 * fields come first, in the documented order; ours come at the end. A value
 * that is not plain text is in hex without quotes, as everywhere in audit, so
 * that no name can pass for a field.
 */
#ifndef _SECURITY_IPE_AUDIT_H
#define _SECURITY_IPE_AUDIT_H

#include <linux/audit.h>

#include "event.h"
#include "limiter.h"
#include "loaded.h"

/**
 * struct ipe_identity - a policy, as a record names it
 * @name: NULL if it could not be read
 * @version: NULL if it could not be read
 * @digest: SHA-256 of the bytes that were written: the envelope, or the text
 *	of an unsigned policy; NULL if none could be read
 */
struct ipe_identity {
	const char *name;
	const struct ipe_version *version;
	const u8 *digest;
};

static inline struct ipe_identity
ipe_identity(const struct ipe_loaded *loaded)
{
	return (struct ipe_identity){
		.name = ipe_policy_name(loaded->policy),
		.version = ipe_policy_version(loaded->policy),
		.digest = loaded->envelope.digest,
	};
}

bool ipe_audit_access(const struct ipe_event *event, u64 suppressed);
bool ipe_audit_suppressed(const struct ipe_limit_entry *entry);
void ipe_audit_load(struct ipe_identity policy,
		    const struct ipe_parse_error *where, int error);
void ipe_audit_activation(const struct ipe_loaded *old,
			  const struct ipe_loaded *new, int error);
void ipe_audit_stage(struct ipe_identity policy,
		     const struct ipe_parse_error *where, int error);
void ipe_audit_step(const char *op, const struct ipe_loaded *old,
		    const struct ipe_loaded *new, int error);
void ipe_audit_trial(const struct ipe_loaded *old, const struct ipe_loaded *new,
		     unsigned int seconds, int error);
void ipe_audit_shadow(struct ipe_identity policy, const char *on, int error);
void ipe_audit_lock(const char *word, int error);
void ipe_audit_delete(struct ipe_identity policy, int error);
void ipe_audit_enforce(bool old, const char *new, int error);
void ipe_audit_success_audit(bool old, const char *new, int error);
bool ipe_audit_is_plain(const char *text, size_t len);

#endif
