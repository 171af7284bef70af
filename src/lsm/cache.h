/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The last verdict on a file, kept with its inode, as long as nothing has
 * changed that it depends on.
 *
 * Only that something may be executed is kept: it is the answer nearly always,
 * and the one of which nobody has to be told. There is one number for the state
 * of everything else, the generation, and whoever changes something counts it
 * up afterwards: which policy decides, whether there is a shadow, whether what
 * is allowed is recorded, what is known of a volume or a file. What a verdict
 * was read under an older number is not used any more, and not less true than a
 * verdict that was given at that moment.
 *
 * What no hook tells us of, that an inode gets fs-verity, is seen in the flags
 * of the inode, which are kept with the verdict.
 */
#ifndef _SECURITY_IPE_CACHE_H
#define _SECURITY_IPE_CACHE_H

#include <linux/atomic.h>
#include <linux/fs.h>
#include <linux/rcupdate.h>

#include "stats.h"

/* Never a generation: somebody is writing. */
#define IPE_CACHE_BUSY (-1)

/**
 * struct ipe_cached - that a file may be executed
 * @generation: the state of everything in which this is so; 0 for none, or
 *	IPE_CACHE_BUSY
 * @stats: counters of the policy that decided. There as long as @generation is
 *	the current one, and until all have left an RCU read-side critical
 *	section in which it was
 * @reason: index of what decided in &ipe_stats.matches
 * @flags: of the inode, see &ipe_cache_flags
 */
struct ipe_cached {
	atomic64_t generation;
	struct ipe_stats *stats;
	unsigned int reason;
	unsigned int flags;
};

/* Memory that no file stands behind, and what is as little known. */
extern struct ipe_cached ipe_cached_unknown;

/* Counted up after every change, never to be the same again. */
extern atomic64_t ipe_cache_generation;

/*
 * The inode flags that facts depend on, those of all providers.
 *
 * Constant once the LSM has started.
 */
extern unsigned int ipe_cache_flags;

void ipe_cache_invalidate(void);
void ipe_cache_store(struct ipe_cached *cached, s64 generation,
		     unsigned int flags, struct ipe_stats *stats,
		     unsigned int reason);

/**
 * ipe_cache_begin() - The state of everything before a verdict
 *
 * What the verdict depends on is read after this.
 *
 * Return: the generation.
 */
static inline s64 ipe_cache_begin(void)
{
	return atomic64_read_acquire(&ipe_cache_generation);
}

/**
 * ipe_cache_hit() - May a file be executed, as far as is known already?
 * @cached: of the file
 * @flags: of its inode now, those of &ipe_cache_flags
 *
 * If so, the verdict is counted, as every other one.
 *
 * Context: RCU read-side critical section.
 * Return: whether it may; %false if it has to be judged.
 */
static __always_inline bool ipe_cache_hit(const struct ipe_cached *cached,
					  unsigned int flags)
{
	s64 generation = atomic64_read_acquire(&cached->generation);
	struct ipe_stats *stats;
	unsigned int reason;

	if (generation != atomic64_read(&ipe_cache_generation) ||
	    READ_ONCE(cached->flags) != flags)
		return false;
	stats = READ_ONCE(cached->stats);
	reason = READ_ONCE(cached->reason);
	/* Somebody may have begun to write meanwhile. */
	smp_rmb();
	if (atomic64_read(&cached->generation) != generation)
		return false;
	ipe_stats_count_cached(stats, reason);
	return true;
}

#endif
