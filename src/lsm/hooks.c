// SPDX-License-Identifier: GPL-2.0-only
/*
 * The questions: may this be executed, mapped executable, or loaded?
 *
 * Each hook names the operation and the file; judge.c does the rest. A provider
 * has hooks of its own, by which it learns about files.
 */

#define pr_fmt(fmt) "ipe: " fmt

#include <linux/binfmts.h>
#include <linux/cache.h>
#include <linux/dcache.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/kernel_read_file.h>
#include <linux/lsm_hooks.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/security.h>
#include <linux/string.h>

#include "blob.h"
#include "bytes.h"
#include "headers.h"
#include "hooks.h"
#include "ipe.h"
#include "judge.h"
#include "lock.h"
#include "provider.h"

/* Do all bytes that can be read now agree with the facts about the inode? */
static bool was_settled(const struct inode *inode)
{
	return !inode || !ipe_judge_flags(inode) ||
	       ipe_providers_have_no_old_pages(inode);
}

/*
 * Reads the program headers of a file that is about to be loaded: they may ask
 * for memory of unknown content. The headers belong to @q->inode only if its
 * pages are checked, and if it has the bytes before and after the reading.
 */
static void look_at_headers(struct ipe_question *q, struct file *file)
{
	q->inode = ipe_bytes_inode(file);
	if (q->inode)
		ipe_providers_settle(q->inode);
	q->flags = ipe_judge_flags(q->inode);
	q->lean = was_settled(q->inode) && ipe_headers_are_lean(file) &&
		  ipe_bytes_inode(file) == q->inode;
}

/*
 * Were all pages checked when the file was opened to be executed? The loaders
 * read the first bytes and the program headers before any hook is called. For a
 * stacked file, the kernel opens the file that has the bytes last.
 *
 * @opened: a copy from before our own reading, which may open the file again
 */
static bool was_checked(const struct ipe_task_blob *opened,
			const struct inode *inode)
{
	return !inode || !ipe_judge_flags(inode) ||
	       (opened->checked && opened->loaded == inode);
}

/* was_checked() sees an inode flag that comes after look_at_headers(). */
static noinline int judge_loaded(enum ipe_hook hook, struct file *file)
{
	const struct ipe_task_blob opened = *ipe_task_blob(current);
	struct ipe_question q = {
		.hook = hook,
		.op = IPE_OP_EXECUTE,
		.file = file,
	};
	int r = 0;

	if (ipe_judge_is_idle())
		return 0;
	look_at_headers(&q, file);
	/* on_mmap_backing_file() judges the mapping of a stacked file. */
	if (hook == IPE_HOOK_EXEC || !ipe_bytes_are_below(file))
		r = ipe_judge(&q);
	if (!r && (!q.lean || !was_checked(&opened, ipe_bytes_inode(file))))
		r = ipe_judge_unknown(hook, IPE_OP_EXECUTE, file);
	return r;
}

/* @file: allowed already, and not stacked */
static int judge_checked(enum ipe_hook hook, const struct file *file)
{
	if (was_checked(ipe_task_blob(current), file_inode(file)))
		return 0;
	return ipe_judge_unknown(hook, IPE_OP_EXECUTE, file);
}

static int on_exec(struct linux_binprm *bprm)
{
	struct file *file = bprm->file;

	ipe_task_blob(current)->executed = ipe_bytes_inode(file);
	if (ipe_judge_is_allowed(file, IPE_CACHE_LEAN, IPE_JUDGE_TO_EXECUTE))
		return judge_checked(IPE_HOOK_EXEC, file);
	return judge_loaded(IPE_HOOK_EXEC, file);
}

/*
 * The loader has read all program headers, and has mapped nothing yet. If
 * overlayfs copied the executable up since it was judged, the headers may
 * belong to another file. The interpreter is judged here, as it need not have a
 * part that is mapped executable.
 */
static int on_commit(struct linux_binprm *bprm, const struct file *file)
{
	const struct ipe_task_blob *task = ipe_task_blob(current);
	struct inode *own = ipe_bytes_inode(bprm->file);

	if (ipe_judge_is_idle())
		return 0;
	if (own != task->executed)
		return ipe_judge_unknown(IPE_HOOK_EXEC, IPE_OP_EXECUTE,
					 bprm->file);
	if (task->loaded == own)
		return 0;
	if (!was_checked(task, task->loaded))
		return ipe_judge_unknown(IPE_HOOK_EXEC, IPE_OP_EXECUTE,
					 bprm->file);
	scoped_guard(rcu)
		if (ipe_cache_hit(ipe_judge_cached(task->loaded),
				  &ipe_policies.active,
				  ipe_judge_flags(task->loaded),
				  IPE_JUDGE_TO_MAP))
			return 0;
	return ipe_judge(&(struct ipe_question){
		.hook = IPE_HOOK_EXEC,
		.op = IPE_OP_EXECUTE,
		.file = task->file ?: bprm->file,
		.inode = task->loaded,
	});
}

/*
 * The ELF loader maps the executable, or its interpreter, about which on_exec()
 * did not ask.
 */
static noinline int on_load(struct file *file)
{
	bool is_executable = rcu_access_pointer(current->mm->exe_file) == file;

	if (is_executable)
		return ipe_bytes_are_below(file) ||
				       ipe_judge_is_allowed(file, 0,
							    IPE_JUDGE_TO_MAP) ?
			       0 :
			       ipe_judge_file(IPE_HOOK_MMAP, IPE_OP_EXECUTE,
					      file);
	if (ipe_judge_is_allowed(file, IPE_CACHE_LEAN, IPE_JUDGE_TO_EXECUTE))
		return judge_checked(IPE_HOOK_MMAP, file);
	return judge_loaded(IPE_HOOK_MMAP, file);
}

/*
 * Executable memory without a file, or whose bytes may differ from the file's.
 *
 * Here, and where files are mapped, ipe_judge_is_idle() saves a call: without a
 * policy the cache is empty.
 */
static __always_inline int judge_memory(enum ipe_hook hook,
					const struct file *file)
{
	if (ipe_judge_is_allowed(NULL, 0, IPE_JUDGE_TO_MAP) ||
	    ipe_judge_is_idle())
		return 0;
	return ipe_judge_unknown(hook, IPE_OP_EXECUTE, file);
}

/* on_mmap_backing_file() judges the mapping of a stacked file. */
static int on_mmap(struct file *file, unsigned long reqprot,
		   unsigned long prot, unsigned long flags)
{
	if (!(prot & PROT_EXEC))
		return 0;
	/* Written pages differ from the file. */
	if (!file || (prot & PROT_WRITE && !(flags & MAP_SHARED)))
		return judge_memory(IPE_HOOK_MMAP, file);
	if (unlikely(current->in_execve))
		return on_load(file);
	if (ipe_judge_is_allowed(file, 0, IPE_JUDGE_TO_MAP) ||
	    ipe_bytes_are_below(file) || ipe_judge_is_idle())
		return 0;
	return ipe_judge_file(IPE_HOOK_MMAP, IPE_OP_EXECUTE, file);
}

/*
 * A mapping of a stacked file: @backing has the bytes that will be mapped. They
 * are those that reading @user gives, unless @user was copied up since it was
 * opened. Then the question is about unknown bytes, so that the ELF loader
 * cannot map one file by the program headers of another.
 *
 * Context: the lock of the address space is held for writing.
 */
static int on_mmap_backing_file(struct vm_area_struct *vma,
				struct file *backing, struct file *user)
{
	struct inode *inode;

	if (!(vma->vm_flags & VM_EXEC))
		return 0;
	/* on_mmap() has judged this. */
	if (vma->vm_flags & VM_WRITE && !(vma->vm_flags & VM_SHARED))
		return 0;
	inode = ipe_bytes_inode(backing);
	if (ipe_bytes_are_below(user) && ipe_bytes_inode(user) != inode)
		inode = NULL;
	/* It maps the file below itself, and the hook is called again. */
	else if (ipe_bytes_are_below(backing))
		return 0;
	return ipe_judge(&(struct ipe_question){
		.hook = IPE_HOOK_MMAP,
		.op = IPE_OP_EXECUTE,
		.file = user,
		.inode = inode,
	});
}

/*
 * May pages of the mapping differ from the file, because they were written?
 *
 * Context: the lock of the address space is held for writing, so that no first
 * page can be written.
 */
static bool is_modified(const struct vm_area_struct *vma, unsigned long prot)
{
	return !(vma->vm_flags & VM_SHARED) &&
	       (vma->anon_vma || prot & PROT_WRITE);
}

/* A mapping that has these rights already was judged when it got them. */
static bool is_more(const struct vm_area_struct *vma, unsigned long prot)
{
	if (!(vma->vm_flags & VM_EXEC))
		return true;
	return prot & PROT_WRITE && !(vma->vm_flags & VM_WRITE);
}

static int on_mprotect(struct vm_area_struct *vma, unsigned long reqprot,
		       unsigned long prot)
{
	const struct file *file = vma->vm_file;

	if (!(prot & PROT_EXEC) || !is_more(vma, prot))
		return 0;
	if (!file || is_modified(vma, prot))
		return judge_memory(IPE_HOOK_MPROTECT, file);
	if (ipe_judge_is_allowed(file, 0, IPE_JUDGE_TO_MAP) ||
	    ipe_judge_is_idle())
		return 0;
	return ipe_judge_file(IPE_HOOK_MPROTECT, IPE_OP_EXECUTE, file);
}

/**
 * struct purpose - what the kernel reads something for
 * @known: the language has a word for it
 * @op: that word
 */
struct purpose {
	bool known;
	enum ipe_op op;
};

/* Files and buffers are numbered alike. */
static const struct purpose purposes[] = {
	[READING_FIRMWARE] = { true, IPE_OP_FIRMWARE },
	[READING_MODULE] = { true, IPE_OP_KMODULE },
	[READING_KEXEC_IMAGE] = { true, IPE_OP_KEXEC_IMAGE },
	[READING_KEXEC_INITRAMFS] = { true, IPE_OP_KEXEC_INITRAMFS },
	[READING_POLICY] = { true, IPE_OP_POLICY },
	[READING_X509_CERTIFICATE] = { true, IPE_OP_X509_CERT },
};

/* A kernel that reads more things does not build without a decision on them. */
static_assert(ARRAY_SIZE(purposes) == (int)READING_MAX_ID);
static_assert(ARRAY_SIZE(purposes) == (int)LOADING_MAX_ID);
static_assert((int)READING_FIRMWARE == (int)LOADING_FIRMWARE);
static_assert((int)READING_MODULE == (int)LOADING_MODULE);
static_assert((int)READING_KEXEC_IMAGE == (int)LOADING_KEXEC_IMAGE);
static_assert((int)READING_KEXEC_INITRAMFS == (int)LOADING_KEXEC_INITRAMFS);
static_assert((int)READING_POLICY == (int)LOADING_POLICY);
static_assert((int)READING_X509_CERTIFICATE == (int)LOADING_X509_CERTIFICATE);

static enum ipe_op op_of(unsigned int id)
{
	if (id < ARRAY_SIZE(purposes) && purposes[id].known)
		return purposes[id].op;
	pr_warn_once("purpose %u has no operation\n", id);
	return IPE_OP_UNKNOWN;
}

/*
 * A stacked file may be copied up between this and the reading, which then
 * reads other bytes: on_kernel_has_read() sees that. If the kernel reads a part
 * of a file, no hook follows the reading.
 */
static int on_kernel_read(struct file *file, enum kernel_read_file_id id,
			  bool contents)
{
	struct inode *inode = ipe_bytes_inode(file);
	enum ipe_op op = op_of(id);

	if (ipe_lock_forbids(op))
		return -EPERM;
	if (ipe_bytes_are_below(file)) {
		if (!contents)
			inode = NULL;
		ipe_task_blob(current)->read = inode;
	}
	return ipe_judge(&(struct ipe_question){
		.hook = IPE_HOOK_READ_FILE,
		.op = op,
		.file = file,
		.inode = inode,
	});
}

/*
 * A file that is not stacked was judged before: nobody can write to the inode
 * while the kernel reads it.
 */
static int on_kernel_has_read(struct file *file, char *data, loff_t size,
			      enum kernel_read_file_id id)
{
	enum ipe_op op = op_of(id);
	struct inode *inode;

	/* The reading may have waited until the lock was set. */
	if (ipe_lock_forbids(op))
		return -EPERM;
	if (!ipe_bytes_are_below(file))
		return 0;
	inode = ipe_bytes_inode(file);
	if (inode != ipe_task_blob(current)->read)
		inode = NULL;
	return ipe_judge(&(struct ipe_question){
		.hook = IPE_HOOK_READ_FILE,
		.op = op,
		.file = file,
		.inode = inode,
	});
}

static int on_kernel_load(enum kernel_load_data_id id, bool contents)
{
	enum ipe_op op = op_of(id);

	if (ipe_lock_forbids(op))
		return -EPERM;
	return ipe_judge_unknown(IPE_HOOK_READ_BUFFER, op, NULL);
}

/*
 * This is the only hook for an upload of firmware that user space starts. The
 * fallback to user space asks a second time here.
 */
static int on_kernel_has_loaded(char *buf, loff_t size,
				enum kernel_load_data_id id, char *description)
{
	if (id != LOADING_FIRMWARE)
		return 0;
	/* on_kernel_load() has judged a copy in the machine's own firmware. */
	if (description && !strcmp(description, "platform"))
		return 0;
	return ipe_judge_unknown(IPE_HOOK_READ_BUFFER, IPE_OP_FIRMWARE, NULL);
}

static int on_open(struct file *file)
{
	struct inode *inode = file_inode(file);

	if (file->f_mode & FMODE_WRITE)
		ipe_providers_written(inode);
	if (file->f_flags & __FMODE_EXEC && S_ISREG(inode->i_mode)) {
		ipe_providers_settle(inode);
		ipe_task_blob(current)->loaded = inode;
		ipe_task_blob(current)->file =
			file->f_mode & FMODE_BACKING ? NULL : file;
		ipe_task_blob(current)->checked =
			ipe_providers_have_no_old_pages(inode);
	}
	return 0;
}

static int on_setattr(struct mnt_idmap *idmap, struct dentry *dentry,
		      struct iattr *attr)
{
	if (attr->ia_valid & ATTR_SIZE)
		ipe_providers_written(d_inode(dentry));
	return 0;
}

static struct security_hook_list hooks[] __ro_after_init = {
	LSM_HOOK_INIT(file_open, on_open),
	LSM_HOOK_INIT(inode_setattr, on_setattr),
	LSM_HOOK_INIT(bprm_check_security, on_exec),
	LSM_HOOK_INIT(bprm_creds_from_file, on_commit),
	LSM_HOOK_INIT(mmap_file, on_mmap),
	LSM_HOOK_INIT(mmap_backing_file, on_mmap_backing_file),
	LSM_HOOK_INIT(file_mprotect, on_mprotect),
	LSM_HOOK_INIT(kernel_read_file, on_kernel_read),
	LSM_HOOK_INIT(kernel_post_read_file, on_kernel_has_read),
	LSM_HOOK_INIT(kernel_load_data, on_kernel_load),
	LSM_HOOK_INIT(kernel_post_load_data, on_kernel_has_loaded),
};

/**
 * ipe_hooks_register() - Begin to judge
 *
 * Context: while the LSM starts, once.
 */
void __init ipe_hooks_register(void)
{
	security_add_hooks(hooks, ARRAY_SIZE(hooks), &ipe_lsm_id);
}
