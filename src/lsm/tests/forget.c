// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of one boot follow each other, and the bar only rises. So a kernel with
 * the KUnit tests, and no other, has ipe_test.forget_bar: any write to
 * /sys/module/ipe_test/parameters/forget_bar lowers the bar to 0.0.0.
 */

#include <linux/moduleparam.h>

#include "policies.h"

#undef MODULE_PARAM_PREFIX
#define MODULE_PARAM_PREFIX "ipe_test."

static int forget_bar(const char *value, const struct kernel_param *param)
{
	spin_lock_bh(&ipe_policies.lock);
	ipe_policies.bar = (struct ipe_version){};
	spin_unlock_bh(&ipe_policies.lock);
	return 0;
}

static const struct kernel_param_ops forget_bar_ops = { .set = forget_bar };

module_param_cb(forget_bar, &forget_bar_ops, NULL, 0200);
