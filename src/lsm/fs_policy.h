/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The directories below /sys/kernel/security/ipe/policies, one for each name.
 */
#ifndef _SECURITY_IPE_FS_POLICY_H
#define _SECURITY_IPE_FS_POLICY_H

struct dentry;
struct ipe_slot;

/* At boot: the parent of them, and the directory of the boot policy. */
int ipe_fs_policy_init(struct dentry *root);

/* A new name gets its directory first, and is shown once it cannot fail. */
int ipe_fs_policy_create(struct ipe_slot *slot);
void ipe_fs_policy_show(struct ipe_slot *slot);

#endif
