/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A verdict, with everything that a report needs.
 */
#ifndef _SECURITY_IPE_EVENT_H
#define _SECURITY_IPE_EVENT_H

#include <linux/fs.h>

#include "loaded.h"
#include "policy/policy.h"

/* Which hook asked. */
enum ipe_hook {
	IPE_HOOK_EXEC,
	IPE_HOOK_MPROTECT,
	IPE_HOOK_MMAP,
	IPE_HOOK_READ_FILE,
	IPE_HOOK_READ_BUFFER,
	IPE_HOOK_COUNT,
};

/* Bytes of a rule in a report; a longer rule is cut. */
#define IPE_REPORT_RULE_MAX 1024

/**
 * struct ipe_event - a verdict and its subject; on the hook's stack
 * @hook: asked
 * @enforcing: a DENY becomes an error; read once for this verdict
 * @shadow: @loaded is the shadow: @verdict decides nothing
 * @file: as the caller named it; NULL for anonymous memory and kernel buffers
 * @inode: has the bytes of @file; NULL if @file is NULL, or the bytes are of
 *	unknown origin
 * @facts: about @inode; valid as long as @loaded
 * @loaded: the policy that gave the verdict; under RCU
 * @verdict: the answer of @loaded
 * @rule: text of the rule or DEFAULT that matched, set by report.c for the
 *	length of a report; NULL if there is no memory for it
 * @rule_len: bytes of @rule, at most IPE_REPORT_RULE_MAX
 */
struct ipe_event {
	enum ipe_hook hook;
	bool enforcing;
	bool shadow;
	const struct file *file;
	struct inode *inode;
	const struct ipe_facts *facts;
	const struct ipe_loaded *loaded;
	struct ipe_verdict verdict;
	const char *rule;
	size_t rule_len;
};

const char *ipe_hook_name(enum ipe_hook hook);

#endif
