// SPDX-License-Identifier: GPL-2.0-only
/*
 * Starts the LSM: switches, blobs, hooks, the boot policy. hooks.c and the
 * providers say what each hook does.
 */

#define pr_fmt(fmt) "ipe: " fmt

#include <linux/moduleparam.h>
#include <linux/panic.h>
#include <uapi/linux/lsm.h>

#include "blob.h"
#include "cmdline.h"
#include "envelope.h"
#include "hooks.h"
#include "ipe.h"
#include "lifecycle.h"
#include "loaded.h"
#include "provider.h"
#include "report.h"
#include "subject.h"

bool ipe_enforce __read_mostly = true;
bool ipe_success_audit __read_mostly;
bool ipe_cache __ro_after_init = true;
bool ipe_enabled __ro_after_init;

/* kbuild takes the prefix "ipe." of these from the name of this file: it is ABI. */
module_param_named(enforce, ipe_enforce, bool, 0400);
MODULE_PARM_DESC(enforce, "Deny what the policy denies (0: record it only)");
module_param_named(success_audit, ipe_success_audit, bool, 0400);
MODULE_PARM_DESC(success_audit, "Record what the policy allows, too");
module_param_named(cache, ipe_cache, bool, 0400);
MODULE_PARM_DESC(cache, "Keep verdicts with inodes (0: give each anew)");

struct lsm_blob_sizes ipe_blob_sizes __ro_after_init = {
	.lbs_bdev = sizeof(struct ipe_bdev_blob),
	.lbs_inode = sizeof(struct ipe_inode_blob),
	.lbs_superblock = sizeof(struct ipe_sb_blob),
	.lbs_task = sizeof(struct ipe_task_blob),
};

const struct lsm_id ipe_lsm_id = {
	.id = LSM_ID_IPE,
	.name = "ipe",
};

static int __init load_boot_policy(void)
{
	size_t len = ipe_boot_text_end - ipe_boot_text;
	struct ipe_parse_error error = {};
	struct ipe_envelope envelope;
	struct ipe_loaded *loaded;
	int r;

	if (!len)
		return 0;
	envelope = ipe_envelope_unsigned(ipe_boot_text, len);
	r = ipe_loaded_new(&envelope, &loaded, &error);
	/* Without the policy that was built in, everything would be allowed. */
	if (r)
		panic("ipe: boot policy, line %u, column %u: %s\n", error.line,
		      error.column, error.sentence ?: "not usable");
	r = ipe_lifecycle_boot(&ipe_policies, loaded);
	if (r)
		panic("ipe: boot policy: error %d\n", r);
	return 0;
}

static void __init ignore_cmdline(void)
{
	if (!ipe_enforce || ipe_success_audit)
		pr_notice("ignoring ipe.enforce= and ipe.success_audit= of this command line\n");
	ipe_enforce = true;
	ipe_success_audit = false;
}

static int __init init_lsm(void)
{
	int r;

	if (!ipe_cmdline_is_believed())
		ignore_cmdline();
	ipe_lifecycle_init(&ipe_policies);
	r = ipe_providers_init();
	if (!r)
		r = ipe_report_init();
	if (r)
		return r;
	ipe_subject_register();
	ipe_hooks_register();
	ipe_enabled = true;
	return load_boot_policy();
}

DEFINE_LSM(ipe) = {
	.name = "ipe",
	.blobs = &ipe_blob_sizes,
	.init = init_lsm,
};
