// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Reads files into the kernel on behalf of a test.
 *
 * Most kinds of files that the kernel reads need hardware, a second kernel or
 * another LSM to be asked for. Writing "read KIND PATH" to the parameter
 * "request" makes the kernel read a file as that kind, "load KIND" asks for
 * data without a file; the write fails with what the LSMs answered.
 * KIND is a word of kernel_read_file_id_str(), such as "firmware". "leak WORD"
 * loses memory with that word in it, so that a test can see that it is found.
 */
#include <linux/kernel_read_file.h>
#include <linux/module.h>
#include <linux/security.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

static int find_kind(const char *word)
{
	int i;

	for (i = 0; i < READING_MAX_ID; i++)
		if (!strcmp(kernel_read_file_id_str(i), word))
			return i;
	return -ENOENT;
}

static int read_as(int kind, const char *path)
{
	void *data = NULL;
	ssize_t size;

	size = kernel_read_file_from_path(path, 0, &data, INT_MAX, NULL, kind);
	if (size < 0)
		return size;
	vfree(data);
	return 0;
}

static int set_request(const char *value, const struct kernel_param *param)
{
	char verb[8], kind[32], path[256];
	int id, n;

	n = sscanf(value, "%7s %31s %255s", verb, kind, path);
	if (n < 2)
		return -EDOM;
	if (!strcmp(verb, "leak"))
		return kstrdup(kind, GFP_KERNEL) ? 0 : -ENOMEM;
	id = find_kind(kind);
	if (id < 0)
		return id;
	if (n == 3 && !strcmp(verb, "read"))
		return read_as(id, path);
	if (n == 2 && !strcmp(verb, "load"))
		return security_kernel_load_data(id, false);
	return -EDOM;
}

static const struct kernel_param_ops request_ops = { .set = set_request };

module_param_cb(request, &request_ops, NULL, 0200);
MODULE_DESCRIPTION("Reads files into the kernel on behalf of a test");
MODULE_LICENSE("GPL");
