// SPDX-License-Identifier: GPL-2.0-only
/*
 * Audit records: 1420 (access), 1421 (configuration), 1422 (policy load), 1404
 * (enforce). See ipe(7) for the fields.
 */

#include <linux/cred.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/sched.h>
#include <linux/uidgid.h>

#include "audit.h"

/**
 * ipe_audit_is_plain() - May a record have a text between quotes?
 * @text: not NUL-terminated
 * @len: bytes of @text
 *
 * Unlike for audit_log_untrustedstring(), a space is fine between quotes.
 *
 * Return: %true if it may.
 */
bool ipe_audit_is_plain(const char *text, size_t len)
{
	for (; len; len--, text++)
		if (*text < 0x20 || *text > 0x7e || *text == '"')
			return false;
	return true;
}

static void put_question(struct audit_buffer *ab, const struct ipe_event *event)
{
	audit_log_format(ab, "ipe_op=%s", ipe_op_name(event->verdict.op));
	audit_log_format(ab, " ipe_hook=%s", ipe_hook_name(event->hook));
	audit_log_format(ab, " enforcing=%d", event->enforcing);
}

static void put_task(struct audit_buffer *ab)
{
	char name[TASK_COMM_LEN];

	get_task_comm(name, current);
	audit_log_format(ab, " pid=%d comm=", task_tgid_nr(current));
	audit_log_untrustedstring(ab, name);
}

static void put_file(struct audit_buffer *ab, const struct file *file)
{
	audit_log_d_path(ab, " path=", &file->f_path);
	audit_log_format(ab, " dev=");
	audit_log_untrustedstring(ab, file_inode(file)->i_sb->s_id);
	audit_log_format(ab, " ino=%lu", file_inode(file)->i_ino);
}

static void put_rule(struct audit_buffer *ab, const struct ipe_event *event)
{
	if (!event->rule) {
		audit_log_format(ab, " rule=?");
	} else if (ipe_audit_is_plain(event->rule, event->rule_len)) {
		audit_log_format(ab, " rule=\"%s\"", event->rule);
	} else {
		audit_log_format(ab, " rule=");
		audit_log_n_hex(ab, event->rule, event->rule_len);
	}
}

/**
 * ipe_audit_access() - Record a verdict
 * @event: the verdict and its subject
 * @suppressed: number of equal denials before this one without a record
 *
 * Context: that of the verdict; does not sleep.
 * Return: %true if there is a record; %false if audit is off, has a rule
 * against records of this type, or has no room. The rate limit of audit itself
 * applies later, and is not reported.
 */
bool ipe_audit_access(const struct ipe_event *event, u64 suppressed)
{
	struct audit_buffer *ab = audit_log_start(audit_context(),
						  GFP_ATOMIC | __GFP_NOWARN,
						  AUDIT_IPE_ACCESS);

	if (!ab)
		return false;
	put_question(ab, event);
	put_task(ab);
	if (event->file)
		put_file(ab, event->file);
	else
		audit_log_format(ab, " path=? dev=? ino=?");
	put_rule(ab, event);
	if (suppressed)
		audit_log_format(ab, " suppressed=%llu", suppressed);
	if (event->shadow)
		audit_log_format(ab, " shadow=1");
	audit_log_end(ab);
	return true;
}

static void put_key(struct audit_buffer *ab, const struct ipe_limit_key *key)
{
	if (key->serial)
		audit_log_format(ab, "ipe_op=%s ipe_hook=%s enforcing=%d",
				 ipe_op_name(key->op), ipe_hook_name(key->hook),
				 key->enforcing);
	else
		audit_log_format(ab, "ipe_op=? ipe_hook=? enforcing=?");
}

static void put_trace(struct audit_buffer *ab,
		      const struct ipe_limit_trace *trace)
{
	audit_log_format(ab, " pid=? comm=");
	if (*trace->comm)
		audit_log_untrustedstring(ab, trace->comm);
	else
		audit_log_format(ab, "?");
	audit_log_format(ab, " path=? dev=");
	if (trace->file) {
		audit_log_untrustedstring(ab, trace->device);
		audit_log_format(ab, " ino=%lu", trace->ino);
	} else {
		audit_log_format(ab, "? ino=?");
	}
}

/**
 * ipe_audit_suppressed() - Record the number of denials without a record
 * @entry: of the limiter; without a key if the limiter does not know it any
 *	more
 *
 * The denials do not belong to the current system call, so the record is not
 * part of its audit event.
 *
 * Context: that of a verdict; does not sleep.
 * Return: as ipe_audit_access().
 */
bool ipe_audit_suppressed(const struct ipe_limit_entry *entry)
{
	const struct ipe_limit_key *key = &entry->key;
	struct audit_buffer *ab = audit_log_start(NULL,
						  GFP_ATOMIC | __GFP_NOWARN,
						  AUDIT_IPE_ACCESS);

	if (!ab)
		return false;
	put_key(ab, key);
	put_trace(ab, &entry->trace);
	audit_log_format(ab, " rule=? suppressed=%llu", entry->suppressed);
	if (key->shadow)
		audit_log_format(ab, " shadow=1");
	if (key->serial)
		audit_log_format(ab, " uid=%u auid=%u", key->uid,
				 key->loginuid);
	audit_log_end(ab);
	return true;
}

/**
 * struct names - the names of the fields of a policy
 * @name: of its name
 * @version: of its version
 * @digest: of its digest
 */
struct names {
	const char *name;
	const char *version;
	const char *digest;
};

static const struct names any_names = {
	"policy_name=", " policy_version=", " policy_digest=",
};

static const struct names old_names = {
	"old_active_pol_name=", " old_active_pol_version=",
	" old_policy_digest=",
};

static const struct names new_names = {
	" new_active_pol_name=", " new_active_pol_version=",
	" new_policy_digest=",
};

static void put_policy(struct audit_buffer *ab, const struct names *names,
		       struct ipe_identity policy)
{
	char version[IPE_VERSION_STRLEN] = "?";

	audit_log_format(ab, "%s", names->name);
	if (policy.name)
		audit_log_untrustedstring(ab, policy.name);
	else
		audit_log_format(ab, "?");

	if (policy.version)
		ipe_version_print(policy.version, version);
	audit_log_format(ab, "%s%s", names->version, version);

	audit_log_format(ab, "%s%s", names->digest,
			 policy.digest ? "sha256:" : "?");
	if (policy.digest)
		audit_log_n_hex(ab, policy.digest, SHA256_DIGEST_SIZE);
}

static void put_session(struct audit_buffer *ab)
{
	audit_log_format(ab, " auid=%u ses=%u",
			 from_kuid(&init_user_ns, audit_get_loginuid(current)),
			 audit_get_sessionid(current));
}

static void put_outcome(struct audit_buffer *ab, int error)
{
	put_session(ab);
	audit_log_format(ab, " lsm=ipe res=%d", !error);
	if (error)
		audit_log_format(ab, " errno=%d", error);
}

static struct audit_buffer *start_record(int type)
{
	return audit_log_start(audit_context(), GFP_KERNEL, type);
}

static void record_load(const char *suffix, struct ipe_identity policy,
			const struct ipe_parse_error *where, int error)
{
	struct audit_buffer *ab = start_record(AUDIT_IPE_POLICY_LOAD);

	if (!ab)
		return;
	put_policy(ab, &any_names, policy);
	put_outcome(ab, error);
	if (where && where->line)
		audit_log_format(ab, " line=%u column=%u", where->line,
				 where->column);
	audit_log_format(ab, "%s", suffix);
	audit_log_end(ab);
}

/**
 * ipe_audit_load() - Record that a policy was loaded, or refused
 * @policy: as far as it is known
 * @where: the place of a syntax error, or the header of a text that needs a
 *	signature; may be NULL
 * @error: 0 or a negative errno
 *
 * Context: Process context.
 */
void ipe_audit_load(struct ipe_identity policy,
		    const struct ipe_parse_error *where, int error)
{
	record_load("", policy, where, error);
}

/**
 * ipe_audit_stage() - Record that a policy was staged, or refused
 * @policy: as far as it is known
 * @where: the place of a syntax error, or the header of a text that needs a
 *	signature; may be NULL
 * @error: 0 or a negative errno
 *
 * Context: Process context.
 */
void ipe_audit_stage(struct ipe_identity policy,
		     const struct ipe_parse_error *where, int error)
{
	record_load(" stage=1", policy, where, error);
}

static void put_change(struct audit_buffer *ab, const struct ipe_loaded *old,
		       const struct ipe_loaded *new, int error)
{
	static const struct ipe_identity unknown;

	put_policy(ab, &old_names, old ? ipe_identity(old) : unknown);
	put_policy(ab, &new_names, new ? ipe_identity(new) : unknown);
	put_outcome(ab, error);
}

/**
 * ipe_audit_activation() - Record that a policy became active, or was refused
 * @old: the active policy until now; NULL if there is none
 * @new: the requested policy; NULL if it is deleted
 * @error: 0 or a negative errno
 *
 * Context: Process context.
 */
void ipe_audit_activation(const struct ipe_loaded *old,
			  const struct ipe_loaded *new, int error)
{
	struct audit_buffer *ab = start_record(AUDIT_IPE_CONFIG_CHANGE);

	if (!ab)
		return;
	put_change(ab, old, new, error);
	audit_log_end(ab);
}

/**
 * ipe_audit_step() - Record the end of a trial, or a rollback
 * @op: "confirm", "revert", "expire" or "rollback"
 * @old: the active policy until now; NULL if there is none
 * @new: the active policy afterwards, or the requested one; NULL if there is
 *	none
 * @error: 0 or a negative errno
 *
 * Context: Process context.
 */
void ipe_audit_step(const char *op, const struct ipe_loaded *old,
		    const struct ipe_loaded *new, int error)
{
	struct audit_buffer *ab = start_record(AUDIT_IPE_CONFIG_CHANGE);

	if (!ab)
		return;
	audit_log_format(ab, "op=%s ", op);
	put_change(ab, old, new, error);
	audit_log_end(ab);
}

/**
 * ipe_audit_trial() - Record that a trial began, or was refused
 * @old: the active policy until now; NULL if there is none
 * @new: the policy on trial; NULL if it is deleted
 * @seconds: the length of the trial; 0 if it could not be read
 * @error: 0 or a negative errno
 *
 * Context: Process context.
 */
void ipe_audit_trial(const struct ipe_loaded *old, const struct ipe_loaded *new,
		     unsigned int seconds, int error)
{
	struct audit_buffer *ab = start_record(AUDIT_IPE_CONFIG_CHANGE);

	if (!ab)
		return;
	audit_log_format(ab, "op=trial ");
	put_change(ab, old, new, error);
	audit_log_format(ab, " seconds=%u", seconds);
	audit_log_end(ab);
}

/**
 * ipe_audit_delete() - Record that a policy was deleted, or was kept
 * @policy: as far as it is known
 * @error: 0 or a negative errno
 *
 * Context: Process context.
 */
void ipe_audit_delete(struct ipe_identity policy, int error)
{
	struct audit_buffer *ab = start_record(AUDIT_IPE_CONFIG_CHANGE);

	if (!ab)
		return;
	audit_log_format(ab, "op=delete ");
	put_policy(ab, &any_names, policy);
	put_outcome(ab, error);
	audit_log_end(ab);
}

/**
 * ipe_audit_enforce() - Record that enforcement was switched, or a failure
 * @old: the value before
 * @new: the requested value, "0" or "1"; "?" if it could not be read
 * @error: 0 or a negative errno
 *
 * Context: Process context.
 */
void ipe_audit_enforce(bool old, const char *new, int error)
{
	struct audit_buffer *ab = start_record(AUDIT_MAC_STATUS);

	if (!ab)
		return;
	audit_log_format(ab, "enforcing=%s old_enforcing=%d", new, old);
	put_session(ab);
	audit_log_format(ab, " enabled=1 old-enabled=1 lsm=ipe res=%d", !error);
	if (error)
		audit_log_format(ab, " errno=%d", error);
	audit_log_end(ab);
}

/**
 * ipe_audit_success_audit() - Record that success_audit was switched, or a
 * failure
 * @old: the value before
 * @new: the requested value, "0" or "1"; "?" if it could not be read
 * @error: 0 or a negative errno
 *
 * Context: Process context.
 */
void ipe_audit_success_audit(bool old, const char *new, int error)
{
	struct audit_buffer *ab = start_record(AUDIT_IPE_CONFIG_CHANGE);

	if (!ab)
		return;
	audit_log_format(ab, "op=success_audit success_audit=%s old_success_audit=%d",
			 new, old);
	put_outcome(ab, error);
	audit_log_end(ab);
}

/**
 * ipe_audit_shadow() - Record that a shadow begins or ends, or a failure
 * @policy: as far as it is known
 * @on: "1" to begin, "0" to end, "?" if the value could not be read
 * @error: 0 or a negative errno
 *
 * Context: Process context.
 */
void ipe_audit_shadow(struct ipe_identity policy, const char *on, int error)
{
	struct audit_buffer *ab = start_record(AUDIT_IPE_CONFIG_CHANGE);

	if (!ab)
		return;
	audit_log_format(ab, "op=shadow ");
	put_policy(ab, &any_names, policy);
	audit_log_format(ab, " shadow=%s", on);
	put_outcome(ab, error);
	audit_log_end(ab);
}

/**
 * ipe_audit_lock() - Record that something was locked until reboot, or a
 * failure
 * @word: of the lock; NULL if it is unknown
 * @error: 0 or a negative errno
 *
 * Context: Process context.
 */
void ipe_audit_lock(const char *word, int error)
{
	struct audit_buffer *ab = start_record(AUDIT_IPE_CONFIG_CHANGE);

	if (!ab)
		return;
	audit_log_format(ab, "op=lock lock=%s", word ?: "?");
	put_outcome(ab, error);
	audit_log_end(ab);
}
