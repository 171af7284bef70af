// SPDX-License-Identifier: GPL-2.0-only
/*
 * The questions: may this be executed, mapped executable, or loaded?
 *
 * Each hook names the operation and the file; judge() does the rest: which
 * policy decides, what is known of the file, the verdict, the report, what the
 * shadow would have said, the errno. Hooks that a provider needs to learn about
 * files are the provider's.
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

#include "blob.h"
#include "hooks.h"
#include "ipe.h"
#include "provider.h"
#include "report.h"
#include "slot.h"

static const struct inode *metadata_inode(const struct file *file)
{
	return d_inode(d_real(file->f_path.dentry, D_REAL_METADATA));
}

/*
 * The inode that has the bytes of a file. Over overlayfs a file is opened,
 * mapped and given to mprotect() as different objects, and all of them lead to
 * that inode; unless the file was copied up since it was opened: then what is
 * mapped are the bytes from before, and nothing is known of those. Nor is
 * anything known of the bytes behind a device node.
 *
 * May sleep: overlayfs looks up what it has not looked up yet.
 */
static struct inode *inode_of_bytes(const struct file *file)
{
	const struct inode *opened = ipe_file_blob(file)->opened;
	struct inode *inode;

	if (opened && opened != metadata_inode(file))
		return NULL;
	inode = d_real_inode(file->f_path.dentry);
	return S_ISREG(inode->i_mode) ? inode : NULL;
}

static void evaluate(struct ipe_event *event, enum ipe_op op,
		     const struct ipe_loaded *loaded)
{
	event->loaded = loaded;
	event->verdict = ipe_policy_evaluate(loaded->policy, op, event->facts);
	if (WARN_ON_ONCE(event->verdict.action != IPE_ACTION_ALLOW &&
			 event->verdict.action != IPE_ACTION_DENY))
		event->verdict.action = IPE_ACTION_DENY;
}

/* Where no policy decides, a shadow is held against "everything is allowed". */
static bool nobody_to_ask(void)
{
	return !rcu_access_pointer(ipe_lifecycle.active) &&
	       !rcu_access_pointer(ipe_lifecycle.shadow);
}

/*
 * @file: NULL for anonymous memory and for buffers that user space hands in;
 *	of those nothing is known, and only DEFAULTs and rules that want a
 *	property to be FALSE match
 */
static int judge(enum ipe_hook hook, enum ipe_op op, const struct file *file)
{
	enum ipe_action decided = IPE_ACTION_ALLOW;
	const struct ipe_loaded *deciding, *shadow;
	struct ipe_evidence evidence;
	struct ipe_event event = {
		.hook = hook,
		.file = file,
		.facts = &evidence.facts,
	};

	if (nobody_to_ask())
		return 0;
	if (file)
		event.inode = inode_of_bytes(file);

	guard(rcu)();

	deciding = ipe_lifecycle_deciding(&ipe_lifecycle);
	shadow = ipe_lifecycle_shadowed(&ipe_lifecycle);
	event.enforcing = READ_ONCE(ipe_enforce);
	ipe_providers_collect(event.inode, &evidence);
	if (deciding) {
		evaluate(&event, op, deciding);
		decided = event.verdict.action;
		ipe_report(&event);
	}
	/* The same only for a moment, while it comes to decide. */
	if (unlikely(shadow) && shadow != deciding) {
		evaluate(&event, op, shadow);
		ipe_report_shadow(&event, decided);
	}

	return decided == IPE_ACTION_DENY && event.enforcing ? -EACCES : 0;
}

/**
 * ipe_hooks_vouch() - Does the active policy trust where a policy file is from?
 * @file: open, and nobody can open it for writing
 *
 * Only a rule of op=POLICY vouches for a file. A DEFAULT, and no policy at all,
 * say nothing of it, and a policy that is not enforced does not trust more.
 *
 * Context: Process context.
 * Return: %0 or %-EACCES.
 */
int ipe_hooks_vouch(const struct file *file)
{
	struct inode *inode = inode_of_bytes(file);
	const struct ipe_loaded *loaded;
	struct ipe_evidence evidence;
	struct ipe_verdict verdict;

	guard(rcu)();

	loaded = ipe_lifecycle_deciding(&ipe_lifecycle);
	if (!loaded)
		return -EACCES;
	ipe_providers_collect(inode, &evidence);
	verdict = ipe_policy_evaluate(loaded->policy, IPE_OP_POLICY,
				      &evidence.facts);
	return verdict.match == IPE_MATCH_RULE &&
	       verdict.action == IPE_ACTION_ALLOW ? 0 : -EACCES;
}

static int on_exec(struct linux_binprm *bprm)
{
	return judge(IPE_HOOK_EXEC, IPE_OP_EXECUTE, bprm->file);
}

static int on_mmap(struct file *file, unsigned long reqprot,
		   unsigned long prot, unsigned long flags)
{
	if (!(prot & PROT_EXEC))
		return 0;
	return judge(IPE_HOOK_MMAP, IPE_OP_EXECUTE, file);
}

/* What was mapped executable was judged then, if a policy was active. */
static int on_mprotect(struct vm_area_struct *vma, unsigned long reqprot,
		       unsigned long prot)
{
	if (!(prot & PROT_EXEC) || vma->vm_flags & VM_EXEC)
		return 0;
	return judge(IPE_HOOK_MPROTECT, IPE_OP_EXECUTE, vma->vm_file);
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
	pr_warn_once("purpose %u has no operation, only the global DEFAULT decides\n",
		     id);
	return IPE_OP_UNKNOWN;
}

static int on_kernel_read(struct file *file, enum kernel_read_file_id id,
			  bool contents)
{
	return judge(IPE_HOOK_READ_FILE, op_of(id), file);
}

static int on_kernel_load(enum kernel_load_data_id id, bool contents)
{
	return judge(IPE_HOOK_READ_BUFFER, op_of(id), NULL);
}

static int on_open(struct file *file)
{
	ipe_file_blob(file)->opened = metadata_inode(file);
	if (file->f_mode & FMODE_WRITE)
		ipe_providers_written(file_inode(file));
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
	LSM_HOOK_INIT(mmap_file, on_mmap),
	LSM_HOOK_INIT(file_mprotect, on_mprotect),
	LSM_HOOK_INIT(kernel_read_file, on_kernel_read),
	LSM_HOOK_INIT(kernel_load_data, on_kernel_load),
};

/**
 * ipe_hooks_register() - From now on, ask
 *
 * Context: while the LSM starts, once.
 */
void __init ipe_hooks_register(void)
{
	security_add_hooks(hooks, ARRAY_SIZE(hooks), &ipe_lsm_id);
}
