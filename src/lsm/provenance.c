// SPDX-License-Identifier: GPL-2.0-only
/*
 * A path -> a policy that the kernel reads itself: a signed policy, or a text
 * whose origin a rule of the active policy trusts. The header of the text has
 * to agree: see fs_envelope.c.
 */

#include <linux/atomic.h>
#include <linux/cleanup.h>
#include <linux/cred.h>
#include <linux/dcache.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kernel_read_file.h>
#include <linux/namei.h>
#include <linux/path.h>

#include "judge.h"
#include "provenance.h"
#include "provider.h"

/*
 * Below overlayfs another inode has the bytes, and may have writers of its own.
 * deny_write_access() would not look at it.
 */
static int deny_writers(struct inode *inode)
{
	return atomic_dec_unless_positive(&inode->i_writecount) ? 0 : -ETXTBSY;
}

static void allow_writers(struct inode *inode)
{
	atomic_inc(&inode->i_writecount);
}

/* Opens only regular files: some devices act on being opened. */
static struct file *open_regular(const char *name)
{
	struct file *file;
	struct path path;
	int r;

	r = kern_path(name, LOOKUP_FOLLOW, &path);
	if (r)
		return ERR_PTR(r);
	if (d_is_reg(path.dentry))
		r = path_permission(&path, MAY_READ);
	else
		r = -EINVAL;
	file = r ? ERR_PTR(r) : dentry_open(&path, O_RDONLY | O_LARGEFILE,
					    current_cred());
	path_put(&path);
	return file;
}

/* kernel_read_file() calls our hook, which refuses what the policy denies. */
static int read_bytes(struct file *file, struct ipe_envelope *envelope)
{
	void *data = NULL;
	ssize_t len;

	len = kernel_read_file(file, 0, &data, IPE_ENVELOPE_MAX, NULL,
			       READING_POLICY);
	if (len < 0)
		return len == -EFBIG ? -EMSGSIZE : len;
	ipe_envelope_adopt(envelope, data, len);
	return 0;
}

/*
 * A rule has to vouch for a text before and after the reading. In between the
 * file may be copied up, or get the property: then the bytes may differ.
 */
static int verify(const struct file *file, struct inode *inode, bool vouched,
		  struct ipe_envelope *envelope)
{
	int r;

	if (ipe_envelope_looks_signed(envelope))
		return ipe_envelope_verify(envelope);
	if (!vouched || d_real_inode(file->f_path.dentry) != inode)
		return -EACCES;
	r = ipe_judge_vouch(inode);
	if (!r)
		ipe_envelope_trust(envelope);
	return r;
}

/**
 * ipe_provenance_read() - Read a policy from a file
 * @path: absolute
 * @envelope: overwritten, with the bytes as far as they could be read; to be
 *	released, also after an error
 *
 * Nobody can write to the file between reading and judging.
 *
 * Context: Process context.
 * Return: %0; %-EINVAL if the file is not regular, or empty; %-EMSGSIZE above
 * IPE_ENVELOPE_MAX bytes; %-ETXTBSY if it is open for writing; %-EACCES if
 * op=POLICY of the active policy denies it, or it is not signed and no rule
 * allows it; an error of opening, of reading, or of ipe_envelope_verify().
 */
int ipe_provenance_read(const char *path, struct ipe_envelope *envelope)
{
	struct file *file __free(fput) = NULL;
	struct inode *inode;
	bool vouched;
	int r;

	*envelope = (struct ipe_envelope){};
	if (*path != '/')
		return -EINVAL;
	file = open_regular(path);
	if (IS_ERR(file))
		return PTR_ERR(file);
	inode = d_real_inode(file->f_path.dentry);
	r = deny_writers(inode);
	if (r)
		return r;
	ipe_providers_settle(inode);
	vouched = !ipe_judge_vouch(inode);
	r = read_bytes(file, envelope);
	if (!r)
		r = verify(file, inode, vouched, envelope);
	allow_writers(inode);
	return r;
}
