/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A verdict and all that there is to tell of it.
 */
#ifndef _SECURITY_IPE_EVENT_H
#define _SECURITY_IPE_EVENT_H

#include <linux/fs.h>

#include "loaded.h"
#include "policy/policy.h"

/* Where the question came from: what is executed, and what the kernel reads. */
enum ipe_hook {
	IPE_HOOK_EXEC,
	IPE_HOOK_MPROTECT,
	IPE_HOOK_MMAP,
	IPE_HOOK_READ_FILE,
	IPE_HOOK_READ_BUFFER,
	IPE_HOOK_COUNT,
};

/* Bytes of a rule that anybody is told; what is longer is cut. */
#define IPE_REPORT_RULE_MAX 1024

/**
 * struct ipe_event - a verdict and what it is about; on the hook's stack
 * @hook: who asked
 * @enforcing: a DENY becomes an error; read once for this verdict
 * @shadow: @verdict decides nothing: it is what @loaded would have said
 * @file: as the caller named it; NULL for anonymous memory and kernel buffers
 * @inode: that has the bytes of @file; NULL where that is, and where nothing
 *	is known of the bytes
 * @facts: what is known; valid as long as @loaded
 * @loaded: the policy that gave the verdict; under RCU
 * @verdict: its answer
 * @rule: text of the rule or DEFAULT that matched, set by ipe_report() while it
 *	tells somebody; NULL where there is no memory for it
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
