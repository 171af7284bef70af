/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A question -> an errno: cached verdict, facts, active policy, report, shadow.
 *
 * A hook asks ipe_judge_is_allowed() first, which is inline and answers nearly
 * always, and judges the rest. Providers and policies that change meanwhile are
 * no concern of a hook.
 */
#ifndef _SECURITY_IPE_JUDGE_H
#define _SECURITY_IPE_JUDGE_H

#include <linux/fs.h>
#include <linux/rcupdate.h>

#include "blob.h"
#include "bytes.h"
#include "cache.h"
#include "event.h"
#include "policies.h"
#include "provider.h"

/*
 * Flags that have to be equal to the cached ones: for a mapping, for execve().
 */
#define IPE_JUDGE_TO_MAP (~(unsigned int)IPE_CACHE_LEAN)
#define IPE_JUDGE_TO_EXECUTE (~0U)

/**
 * struct ipe_question - what is to be judged
 * @hook: who asks
 * @op: what is about to happen
 * @file: as the caller names it; NULL for anonymous memory and for buffers that
 *	user space hands in
 * @inode: that has the bytes; NULL where nothing is known of them: then only
 *	DEFAULTs and rules that want a property to be FALSE match
 * @lean: the program headers ask for no memory but that of the file's bytes
 * @flags: of @inode when the program headers were read; used where @lean is set
 */
struct ipe_question {
	enum ipe_hook hook;
	enum ipe_op op;
	const struct file *file;
	struct inode *inode;
	bool lean;
	unsigned int flags;
};

int ipe_judge(const struct ipe_question *q);
int ipe_judge_file(enum ipe_hook hook, enum ipe_op op, const struct file *file);
int ipe_judge_unknown(enum ipe_hook hook, enum ipe_op op,
		      const struct file *file);
int ipe_judge_vouch(struct inode *inode);

/**
 * ipe_judge_is_idle() - Is there no policy to ask?
 *
 * A shadow without an active policy is compared with "everything is allowed".
 *
 * Context: any.
 * Return: %true if everything is allowed and nothing is reported.
 */
static inline bool ipe_judge_is_idle(void)
{
	return !rcu_access_pointer(ipe_policies.active) &&
	       !rcu_access_pointer(ipe_policies.shadow);
}

/* The flags of an inode that facts depend on; NULL has none. */
static inline unsigned int ipe_judge_flags(const struct inode *inode)
{
	return inode ? READ_ONCE(inode->i_flags) & ipe_providers_inode_flags :
		       0;
}

/* Nothing is known of bytes without an inode, and that does not change. */
static inline struct ipe_cached *ipe_judge_cached(const struct inode *inode)
{
	return inode ? &ipe_inode_blob(inode)->cached :
		       &ipe_cache_state.unknown;
}

/**
 * ipe_judge_is_allowed() - May a file be executed, by the cached verdict?
 * @file: as the caller names it; NULL for anonymous memory
 * @lean: IPE_CACHE_LEAN if the program headers have to be lean; else 0
 * @mask: IPE_JUDGE_TO_MAP or IPE_JUDGE_TO_EXECUTE
 *
 * Inline, and without a look at whether the file is a regular one: the cache
 * keeps no verdict on others. Each instruction here is paid for each mapping.
 *
 * Context: Process context; does not sleep.
 * Return: %false if the question has to be judged.
 */
static __always_inline bool ipe_judge_is_allowed(const struct file *file,
						 unsigned int lean,
						 unsigned int mask)
{
	const struct inode *inode;
	unsigned int flags;

	guard(rcu)();

	if (!file)
		return ipe_cache_hit(&ipe_cache_state.unknown,
				     &ipe_policies.active, 0, IPE_JUDGE_TO_MAP);
	if (ipe_bytes_are_below(file))
		return false;
	inode = file_inode(file);
	flags = READ_ONCE(inode->i_flags) & ipe_providers_inode_flags;
	return ipe_cache_hit(&ipe_inode_blob(inode)->cached,
			     &ipe_policies.active, flags | lean, mask);
}

#endif
