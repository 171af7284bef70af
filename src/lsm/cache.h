/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The last verdict on a file, cached with its inode until something changes
 * that it depends on.
 *
 * The cache only holds that a file may be executed: this is the answer nearly
 * always, and needs no report. One number, the generation, stands for the state
 * of everything else. Each change of the active policy, the shadow, the
 * switches, a volume or a file counts it up afterwards. A verdict kept under an
 * older generation is ignored.
 *
 * No hook reports that an inode gets fs-verity; the flags of the inode show it,
 * and are cached with the verdict.
 */
#ifndef _SECURITY_IPE_CACHE_H
#define _SECURITY_IPE_CACHE_H

#include <linux/atomic.h>
#include <linux/fs.h>
#include <linux/rcupdate.h>

#include "loaded.h"
#include "provider.h"

/* Not a generation: a task is writing. */
#define IPE_CACHE_BUSY (-1)

/*
 * Stored beside the flags of an inode: its program headers ask for no memory of
 * unknown content, see headers.h.
 */
#define IPE_CACHE_LEAN IPE_PROVIDERS_FREE_FLAG

/**
 * struct ipe_cached - a cached verdict: the file may be executed
 * @generation: under which the verdict holds; 0 for no verdict, or
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
 * struct ipe_cache_state - the state that every verdict reads
 * @generation: counted up after every change, never repeats; odd while the
 *	active policy is being replaced, when nothing is stored
 * @unknown: the verdict on anonymous memory, and on other bytes of unknown
 *	origin
 *
 * Written when something changes, not for each verdict: the cache line stays
 * with every CPU.
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
 * ipe_cache_begin() - The generation before a verdict
 *
 * The verdict reads everything that it depends on afterwards.
 *
 * Return: the generation.
 */
static inline s64 ipe_cache_begin(void)
{
	return atomic64_read_acquire(&ipe_cache_state.generation);
}

/**
 * ipe_cache_hit() - May a file be executed, by its cached verdict?
 * @cached: of the file
 * @active: where the pointer to the active policy is
 * @flags: of its inode now, those of &ipe_providers_inode_flags
 * @mask: bits of &ipe_cached.flags that have to be equal to @flags
 *
 * Counts the verdict, as every other one, and in the right policy: one policy
 * is active throughout a generation.
 *
 * Context: RCU read-side critical section.
 * Return: %true if it may; %false if the question has to be judged.
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
	/* A task may have begun to write, or to replace the policy. */
	smp_rmb();
	if (atomic64_read(&cached->generation) != generation ||
	    atomic64_read(&ipe_cache_state.generation) != generation)
		return false;
	ipe_stats_count_match(&loaded->stats, reason);
	return true;
}

#endif
