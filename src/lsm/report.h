/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What becomes of a verdict besides an errno.
 */
#ifndef _SECURITY_IPE_REPORT_H
#define _SECURITY_IPE_REPORT_H

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

/**
 * struct ipe_event - a verdict and what it is about; on the hook's stack
 * @hook: who asked
 * @enforcing: a DENY becomes an error; read once for this verdict
 * @file: as the caller named it; NULL for anonymous memory and kernel buffers
 * @inode: that has the bytes of @file; NULL where that is
 * @loaded: the policy that decided; under RCU
 * @verdict: its answer
 */
struct ipe_event {
	enum ipe_hook hook;
	bool enforcing;
	const struct file *file;
	const struct inode *inode;
	const struct ipe_loaded *loaded;
	struct ipe_verdict verdict;
};

void ipe_report(const struct ipe_event *event);

#endif
