// SPDX-License-Identifier: GPL-2.0-only
/*
 * The bytes of a write() to a file below /sys/kernel/security/ipe -> a value.
 * One write() brings one value, with or without a newline at its end.
 */

#include <linux/cleanup.h>
#include <linux/err.h>
#include <linux/kstrtox.h>
#include <linux/limits.h>
#include <linux/security.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "fs_input.h"

/**
 * ipe_input_permit() - May the task that opened this file change something?
 * @file: open for writing
 *
 * Return: %0 or %-EPERM.
 */
int ipe_input_permit(struct file *file)
{
	return file_ns_capable(file, &init_user_ns, CAP_MAC_ADMIN) ? 0 : -EPERM;
}

/**
 * ipe_input_line() - A line of text
 * @data: as write() gave it to us
 * @len: bytes of @data
 *
 * Return: the line without its newline, to be freed with kfree(); %-EINVAL if
 * it is empty or has a NUL, %-ENAMETOOLONG above PATH_MAX bytes, %-EFAULT,
 * %-ENOMEM.
 */
char *ipe_input_line(const char __user *data, size_t len)
{
	char *line;

	if (!len)
		return ERR_PTR(-EINVAL);
	if (len > PATH_MAX)
		return ERR_PTR(-ENAMETOOLONG);
	line = memdup_user_nul(data, len);
	if (IS_ERR(line))
		return line;
	if (line[len - 1] == '\n')
		line[--len] = '\0';
	if (!len || strlen(line) != len) {
		kfree(line);
		return ERR_PTR(-EINVAL);
	}
	return line;
}

/**
 * ipe_input_number() - A decimal number
 * @data: as write() gave it to us
 * @len: bytes of @data
 * @ret: unchanged on failure
 *
 * Return: %0; %-EINVAL if there is anything but digits, %-ERANGE if the number
 * is too large, %-EFAULT, %-ENOMEM.
 */
int ipe_input_number(const char __user *data, size_t len, unsigned int *ret)
{
	char *line __free(kfree) = ipe_input_line(data, len);

	if (PTR_ERR(line) == -ENAMETOOLONG)
		return -EINVAL;
	if (IS_ERR(line))
		return PTR_ERR(line);
	if (line[strspn(line, "0123456789")])
		return -EINVAL;
	return kstrtouint(line, 10, ret);
}

/**
 * ipe_input_flag() - A 0 or a 1, with or without a newline
 * @data: as write() gave it to us
 * @len: bytes of @data
 * @ret: unchanged on failure
 *
 * Return: %0, %-EINVAL if it is something else, %-EFAULT.
 */
int ipe_input_flag(const char __user *data, size_t len, bool *ret)
{
	char text[2] = { '\0', '\n' };

	if (!len || len > sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, data, len))
		return -EFAULT;
	if ((text[0] != '0' && text[0] != '1') || text[1] != '\n')
		return -EINVAL;
	*ret = text[0] == '1';
	return 0;
}

/**
 * ipe_input_go() - A 1, from a task that may change something
 * @file: open for writing
 * @data: as write() gave it to us
 * @len: bytes of @data
 *
 * Return: %0, %-EPERM, %-EINVAL if it is not a 1, %-EFAULT.
 */
int ipe_input_go(struct file *file, const char __user *data, size_t len)
{
	bool go;
	int r;

	r = ipe_input_permit(file);
	if (!r)
		r = ipe_input_flag(data, len, &go);
	if (!r && !go)
		r = -EINVAL;
	return r;
}

/**
 * ipe_input_true() - A true value, from a task that may change something
 * @file: open for writing
 * @data: as write() gave it to us
 * @len: bytes of @data
 *
 * As upstream, accepts every word that kstrtobool() takes for true.
 *
 * Return: %0, %-EPERM, %-EINVAL if it is false or no truth value, %-EFAULT.
 */
int ipe_input_true(struct file *file, const char __user *data, size_t len)
{
	bool wanted;
	int r;

	r = ipe_input_permit(file);
	if (!r)
		r = kstrtobool_from_user(data, len, &wanted);
	if (!r && !wanted)
		r = -EINVAL;
	return r;
}
