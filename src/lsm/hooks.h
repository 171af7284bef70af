/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SECURITY_IPE_HOOKS_H
#define _SECURITY_IPE_HOOKS_H

struct inode;

void ipe_hooks_register(void);
int ipe_hooks_vouch(struct inode *inode);

#endif
