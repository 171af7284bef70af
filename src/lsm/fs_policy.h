/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The directories of policies.
 */
#ifndef _SECURITY_IPE_FS_POLICY_H
#define _SECURITY_IPE_FS_POLICY_H

#include <linux/fs.h>

#include "policies.h"

int ipe_fs_policy_init(struct dentry *root);
int ipe_fs_policy_create(struct ipe_slot *slot);
void ipe_fs_policy_show(struct ipe_slot *slot);

#endif
