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
#include "cache.h"
#include "hooks.h"
#include "ipe.h"
#include "lock.h"
#include "provider.h"
#include "report.h"
#include "slot.h"

/* Is it of a file system that has the bytes of its files elsewhere? */
static bool is_stacked(const struct file *file)
{
	return file->f_path.dentry->d_flags & DCACHE_OP_REAL;
}

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
	const struct inode *opened;
	struct inode *inode;

	if (is_stacked(file)) {
		opened = ipe_file_blob(file)->opened;
		if (opened && opened != metadata_inode(file))
			return NULL;
		inode = d_real_inode(file->f_path.dentry);
	} else {
		inode = d_inode(file->f_path.dentry);
	}
	return S_ISREG(inode->i_mode) ? inode : NULL;
}

static struct ipe_verdict evaluate(const struct ipe_loaded *loaded,
				   enum ipe_op op,
				   const struct ipe_facts *facts)
{
	struct ipe_verdict verdict;

	verdict = ipe_policy_evaluate(loaded->policy, op, facts);
	if (WARN_ON_ONCE(verdict.action != IPE_ACTION_ALLOW &&
			 verdict.action != IPE_ACTION_DENY))
		verdict.action = IPE_ACTION_DENY;
	return verdict;
}

/* Where no policy decides, a shadow is held against "everything is allowed". */
static bool nobody_to_ask(void)
{
	return !rcu_access_pointer(ipe_lifecycle.active) &&
	       !rcu_access_pointer(ipe_lifecycle.shadow);
}

/*
 * May it be executed, as far as is known already? This is the answer nearly
 * always, so it is found without a call, and without looking whether the file
 * is a regular one: nothing is kept with others.
 */
static __always_inline bool is_allowed(const struct file *file)
{
	const struct inode *inode;

	if (nobody_to_ask())
		return true;

	guard(rcu)();

	if (!file)
		return ipe_cache_hit(&ipe_cached_unknown, 0);
	if (is_stacked(file))
		return false;
	inode = file_inode(file);
	return ipe_cache_hit(&ipe_inode_blob(inode)->cached,
			     READ_ONCE(inode->i_flags) & ipe_cache_flags);
}

/* Of what has no inode nothing is known, and that does not change. */
static struct ipe_cached *cached_of(const struct inode *inode)
{
	return inode ? &ipe_inode_blob(inode)->cached : &ipe_cached_unknown;
}

static unsigned int flags_of(const struct inode *inode)
{
	return inode ? READ_ONCE(inode->i_flags) & ipe_cache_flags : 0;
}

/* A verdict that has to be told, and what a shadow has to say. */
static noinline int judge_aloud(struct ipe_event *event, enum ipe_op op,
				const struct ipe_loaded *deciding,
				const struct ipe_loaded *shadow)
{
	enum ipe_action decided = IPE_ACTION_ALLOW;

	event->enforcing = READ_ONCE(ipe_enforce);
	if (deciding) {
		event->loaded = deciding;
		event->verdict = evaluate(deciding, op, event->facts);
		decided = event->verdict.action;
		ipe_report(event);
	}
	/* The same only for a moment, while it comes to decide. */
	if (shadow && shadow != deciding) {
		event->loaded = shadow;
		event->verdict = evaluate(shadow, op, event->facts);
		ipe_report_shadow(event, decided);
	}
	return decided == IPE_ACTION_DENY && event->enforcing ? -EACCES : 0;
}

/*
 * @file: NULL for anonymous memory and for buffers that user space hands in;
 *	of those nothing is known, and only DEFAULTs and rules that want a
 *	property to be FALSE match
 * @inode: of inode_of_bytes()
 */
static __always_inline int judge_anew(enum ipe_hook hook, enum ipe_op op,
				      const struct file *file,
				      struct inode *inode)
{
	s64 generation = ipe_cache_begin();
	unsigned int flags = flags_of(inode), reason;
	const struct ipe_loaded *deciding, *shadow;
	struct ipe_evidence evidence __uninitialized;
	struct ipe_verdict verdict;

	deciding = ipe_lifecycle_deciding(&ipe_lifecycle);
	shadow = ipe_lifecycle_shadowed(&ipe_lifecycle);
	ipe_providers_collect(inode, &evidence);
	if (likely(deciding && !shadow && !READ_ONCE(ipe_success_audit))) {
		verdict = evaluate(deciding, op, &evidence.facts);
		if (verdict.action == IPE_ACTION_ALLOW) {
			reason = ipe_stats_count(deciding, &verdict);
			if (op == IPE_OP_EXECUTE && !evidence.passing)
				ipe_cache_store(cached_of(inode), generation,
						flags, deciding->stats, reason);
			return 0;
		}
	}
	return judge_aloud(&(struct ipe_event){
				   .hook = hook,
				   .file = file,
				   .inode = inode,
				   .facts = &evidence.facts,
			   }, op, deciding, shadow);
}

static noinline int judge(enum ipe_hook hook, enum ipe_op op,
			  const struct file *file)
{
	struct inode *inode;

	if (nobody_to_ask())
		return 0;
	inode = file ? inode_of_bytes(file) : NULL;

	guard(rcu)();

	/* Otherwise is_allowed() has looked there. */
	if (op == IPE_OP_EXECUTE && file && is_stacked(file) &&
	    ipe_cache_hit(cached_of(inode), flags_of(inode)))
		return 0;
	return judge_anew(hook, op, file, inode);
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
	if (is_allowed(bprm->file))
		return 0;
	return judge(IPE_HOOK_EXEC, IPE_OP_EXECUTE, bprm->file);
}

static int on_mmap(struct file *file, unsigned long reqprot,
		   unsigned long prot, unsigned long flags)
{
	if (!(prot & PROT_EXEC) || is_allowed(file))
		return 0;
	return judge(IPE_HOOK_MMAP, IPE_OP_EXECUTE, file);
}

/* What was mapped executable was judged then, if a policy was active. */
static int on_mprotect(struct vm_area_struct *vma, unsigned long reqprot,
		       unsigned long prot)
{
	if (!(prot & PROT_EXEC) || vma->vm_flags & VM_EXEC ||
	    is_allowed(vma->vm_file))
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
	if (ipe_lock_forbids(op_of(id)))
		return -EPERM;
	return judge(IPE_HOOK_READ_FILE, op_of(id), file);
}

static int on_kernel_load(enum kernel_load_data_id id, bool contents)
{
	if (ipe_lock_forbids(op_of(id)))
		return -EPERM;
	return judge(IPE_HOOK_READ_BUFFER, op_of(id), NULL);
}

static int on_open(struct file *file)
{
	if (is_stacked(file))
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
