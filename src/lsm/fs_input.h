/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Values that user space writes to files.
 */
#ifndef _SECURITY_IPE_FS_INPUT_H
#define _SECURITY_IPE_FS_INPUT_H

#include <linux/fs.h>

int ipe_input_permit(struct file *file);
int ipe_input_number(const char __user *data, size_t len, unsigned int *ret);
int ipe_input_flag(const char __user *data, size_t len, bool *ret);
int ipe_input_go(struct file *file, const char __user *data, size_t len);
int ipe_input_true(struct file *file, const char __user *data, size_t len);
char *ipe_input_line(const char __user *data, size_t len);

#endif
