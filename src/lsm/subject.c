// SPDX-License-Identifier: GPL-2.0-only
/*
 * The user is the task's own, not that of credentials that the kernel lends it
 * for a moment, as overlayfs does. The program is the file that the last
 * execve() ran, whatever PR_SET_MM_EXE_FILE has set since.
 */

#include <linux/binfmts.h>
#include <linux/cache.h>
#include <linux/cgroup.h>
#include <linux/cred.h>
#include <linux/init.h>
#include <linux/highuid.h>
#include <linux/lsm_hooks.h>
#include <linux/sched.h>
#include <linux/uidgid.h>
#include <linux/user_namespace.h>

#include "blob.h"
#include "ipe.h"
#include "subject.h"

/* Deep enough for services in containers in containers. */
#define CGROUP_LEVEL_MAX 32

/*
 * Root may make a namespace for a container with thousands of users. Its root
 * does not count as root: it would share root's part of the memory for events.
 *
 * Returns INVALID_UID if the owner is root. All namespaces whose root has no
 * user in the initial namespace count as one.
 */
static kuid_t owner_of(struct user_namespace *ns)
{
	kuid_t uid;

	/* The kernel nests at most 32. */
	while (ns->level > 1)
		ns = ns->parent;
	uid = ns->owner;
	if (uid_eq(uid, GLOBAL_ROOT_UID))
		uid = make_kuid(ns, 0);
	if (!uid_valid(uid))
		uid = make_kuid(&init_user_ns, overflowuid);
	return uid_eq(uid, GLOBAL_ROOT_UID) ? INVALID_UID : uid;
}

/**
 * ipe_subject_uid_of() - The user to whom the denials of a task count
 * @cred: of the task
 *
 * In a user namespace this is the owner of the outermost one below the initial
 * one, so that all users whom that owner can become count as one. If the owner
 * is root, it is the user who is root inside.
 *
 * Context: any.
 * Return: uid in the initial user namespace.
 */
u32 ipe_subject_uid_of(const struct cred *cred)
{
	kuid_t owner = INVALID_UID, uid = cred->uid;

	if (cred->user_ns != &init_user_ns && !uid_eq(uid, GLOBAL_ROOT_UID))
		owner = owner_of(cred->user_ns);
	return from_kuid(&init_user_ns, uid_valid(owner) ? owner : uid);
}

/**
 * ipe_subject_uid() - The user to whom the denials of this task count
 *
 * Context: any but interrupts.
 * Return: as ipe_subject_uid_of().
 */
u32 ipe_subject_uid(void)
{
	return ipe_subject_uid_of(current_real_cred());
}

/**
 * ipe_subject_program() - The program that this task runs
 *
 * Context: any but interrupts.
 * Return: as ipe_inode_number(); %0 for a kernel thread.
 */
u32 ipe_subject_program(void)
{
	return ipe_task_blob(current)->program;
}

/**
 * ipe_subject_cgroup() - The control group of this task
 * @buf: gets its path
 * @size: of @buf
 *
 * The one of cgroup v2, which a service manager names after its units. Finding
 * a path takes time that grows with the square of the depth, with interrupts
 * off, and users may nest groups without a limit. So a deep group gets no path.
 *
 * Context: RCU read-side critical section.
 * Return: @buf; NULL if the path does not fit with a byte to spare, or is very
 * deep, or there are no control groups.
 */
const char *ipe_subject_cgroup(char *buf, size_t size)
{
#ifdef CONFIG_CGROUPS
	struct cgroup *cgroup = task_dfl_cgroup(current);
	int len = -E2BIG;

	if (cgroup->level <= CGROUP_LEVEL_MAX)
		len = cgroup_path(cgroup, buf, size);
	/* Linux 6.12 reports no error for a path that it cut. */
	if (len >= 0 && len < size - 1)
		return buf;
#endif
	return NULL;
}

/**
 * ipe_inode_number() - A number by which the limiter knows an inode
 * @inode: gets one with the first call
 *
 * Unlike device and inode number it is not used again until 2^32 inodes had
 * one. From then on two inodes may have the same number, and share the limit of
 * their records. Nothing else depends on it.
 *
 * Context: any.
 * Return: the number, never %0.
 */
u32 ipe_inode_number(struct inode *inode)
{
	static atomic_t last = ATOMIC_INIT(0);
	atomic_t *number = &ipe_inode_blob(inode)->number;
	int old = atomic_read(number), new;

	if (old)
		return old;
	do
		new = atomic_inc_return(&last);
	while (!new);
	return atomic_cmpxchg(number, 0, new) ?: new;
}

static void on_committing_creds(const struct linux_binprm *bprm)
{
	ipe_task_blob(current)->program =
		ipe_inode_number(file_inode(bprm->file));
}

static int on_task_alloc(struct task_struct *task, unsigned long clone_flags)
{
	*ipe_task_blob(task) = *ipe_task_blob(current);
	return 0;
}

static struct security_hook_list hooks[] __ro_after_init = {
	LSM_HOOK_INIT(bprm_committing_creds, on_committing_creds),
	LSM_HOOK_INIT(task_alloc, on_task_alloc),
};

/**
 * ipe_subject_register() - Begin to note which program a task runs
 *
 * Context: while the LSM starts, once.
 */
void __init ipe_subject_register(void)
{
	security_add_hooks(hooks, ARRAY_SIZE(hooks), &ipe_lsm_id);
}
