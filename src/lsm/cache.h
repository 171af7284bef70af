/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The last verdict on a file, kept with its inode, as long as nothing has
 * changed that it depends on.
 *
 * Only that something may be executed is kept: it is the answer nearly always,
 * and the one that nobody has to be told of. One number stands for the state of
 * everything else, the generation. Each change counts it up afterwards: of the
 * active policy, of the shadow, of the switches, of a volume, of a file. A
 * verdict kept under an older generation is ignored.
 *
 * No hook reports that an inode gets fs-verity; it is seen in the flags of the
 * inode, which are kept with the verdict.
 */
#ifndef _SECURITY_IPE_CACHE_H
#define _SECURITY_IPE_CACHE_H

#include <linux/atomic.h>
#include <linux/fs.h>
#include <linux/rcupdate.h>

#include "loaded.h"
#include "provider.h"

/* Never a generation: somebody is writing. */
#define IPE_CACHE_BUSY (-1)

/*
 * Beside the flags of an inode: its program headers ask for no memory of which
 * nothing is known, see headers.h.
 */
#define IPE_CACHE_LEAN IPE_PROVIDERS_FREE_FLAG

/**
 * struct ipe_cached - that a file may be executed
 * @generation: the state of everything in which this is so; 0 for none, or
 *	IPE_CACHE_BUSY
 * @reason: index of what decided in &ipe_stats.matches
 * @flags: of the inode, see &ipe_providers_inode_flags, and IPE_CACHE_LEAN
 *
 * 16 bytes, as every inode has one.
 */
struct ipe_cached {
	atomic64_t generation;
	u32 reason;
	u32 flags;
};

static_assert(sizeof(struct ipe_cached) == 16);

/**
 * struct ipe_cache_state - what verdicts of every CPU look at
 * @generation: counted up after every change, never to be the same again; odd
 *	while the active policy is being replaced, when nothing is kept
 * @unknown: the verdict on anonymous memory, and on other bytes of unknown
 *	origin
 *
 * Written when something changes and not for each verdict, so that every CPU
 * keeps the line.
 */
struct ipe_cache_state {
	atomic64_t generation;
	struct ipe_cached unknown;
} ____cacheline_aligned_in_smp;

extern struct ipe_cache_state ipe_cache_state;

void ipe_cache_invalidate(void);
void ipe_cache_replace_begin(void);
void ipe_cache_replace_end(void);
void ipe_cache_store(struct ipe_cached *cached, s64 generation,
		     unsigned int flags, unsigned int reason);

/**
 * ipe_cache_begin() - The state of everything before a verdict
 *
 * The verdict reads all that it depends on after this.
 *
 * Return: the generation.
 */
static inline s64 ipe_cache_begin(void)
{
	return atomic64_read_acquire(&ipe_cache_state.generation);
}

/**
 * ipe_cache_hit() - May a file be executed, as far as is known already?
 * @cached: of the file
 * @active: where the pointer to the active policy is
 * @flags: of its inode now, those of &ipe_providers_inode_flags
 * @mask: which bits of &ipe_cached.flags have to be @flags
 *
 * If so, the verdict is counted, as every other one. It is counted in the right
 * policy: what was kept under the present generation was decided by the policy
 * that is active all through it.
 *
 * Context: RCU read-side critical section.
 * Return: whether it may; %false if it has to be judged.
 */
static __always_inline bool
ipe_cache_hit(const struct ipe_cached *cached,
	      struct ipe_loaded __rcu *const *active, unsigned int flags,
	      unsigned int mask)
{
	s64 generation = atomic64_read_acquire(&cached->generation);
	const struct ipe_loaded *loaded;
	unsigned int reason;

	if ((READ_ONCE(cached->flags) & mask) != flags)
		return false;
	reason = READ_ONCE(cached->reason);
	loaded = rcu_dereference(*active);
	/* Somebody may have begun to write, or to replace the policy. */
	smp_rmb();
	if (atomic64_read(&cached->generation) != generation ||
	    atomic64_read(&ipe_cache_state.generation) != generation)
		return false;
	ipe_stats_count_match(&loaded->stats, reason);
	return true;
}

#endif
