/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The whole LSM shares this: the switches, and who we are.
 *
 * Reading order: hooks.c (a question comes in), judge.h (from the question to
 * an errno), provider.h (facts about the file), policy/policy.h (the verdict),
 * report.h (reports). The writers' side: fs.c, fs_new.c and fs_write.c
 * (securityfs), envelope.h (is it signed?), loaded.h (a policy in memory),
 * policies.h (all policies), transition.c (is a change permitted?), lifecycle.c
 * and change.c (changes).
 */
#ifndef _SECURITY_IPE_IPE_H
#define _SECURITY_IPE_IPE_H

#include <linux/lsm_hooks.h>
#include <linux/types.h>

/*
 * A DENY becomes an error; otherwise it is only recorded.
 *
 * ipe.enforce= on the command line; written by the file "enforce" under its
 * lock, read with READ_ONCE(), once for a verdict and its record.
 */
extern bool ipe_enforce;

/*
 * An ALLOW is recorded, too.
 *
 * ipe.success_audit= on the command line; written by the file "success_audit"
 * under its lock, read with READ_ONCE().
 */
extern bool ipe_success_audit;

/* Verdicts are cached with inodes; ipe.cache= on the command line, constant. */
extern bool ipe_cache;

/* The LSM is in use: lsm= or CONFIG_LSM names it. */
extern bool ipe_enabled;

extern const struct lsm_id ipe_lsm_id;

/* boot_text.S: the boot policy, up to ipe_boot_text_end; may be empty. */
extern const char ipe_boot_text[];
extern const char ipe_boot_text_end[];

#endif
