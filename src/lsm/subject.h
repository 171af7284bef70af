/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The subject of a denial: its user, its program and its control group, as the
 * kernel knows them; none of them is what the task says of itself.
 */
#ifndef _SECURITY_IPE_SUBJECT_H
#define _SECURITY_IPE_SUBJECT_H

#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/types.h>

u32 ipe_subject_uid_of(const struct cred *cred);
u32 ipe_subject_uid(void);
u32 ipe_subject_program(void);
const char *ipe_subject_cgroup(char *buf, size_t size);
u32 ipe_inode_number(struct inode *inode);
void ipe_subject_register(void);

#endif
