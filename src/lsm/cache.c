// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writing to the cache of verdicts, and declaring it void; reading is inline.
 */

#include <linux/cache.h>

#include "cache.h"
#include "ipe.h"

atomic64_t ipe_cache_generation = ATOMIC64_INIT(1);
struct ipe_cached ipe_cached_unknown;
unsigned int ipe_cache_flags __ro_after_init;

/**
 * ipe_cache_invalidate() - Something has changed that verdicts depend on
 *
 * Comes after the change, and before anything is freed that was in force
 * before it.
 */
void ipe_cache_invalidate(void)
{
	/* Fully ordered: who sees the number sees the change. */
	atomic64_inc_return(&ipe_cache_generation);
}

/**
 * ipe_cache_store() - Keep that a file may be executed
 * @cached: of the file
 * @generation: of ipe_cache_begin(), before anything was read
 * @flags: of the inode, read before anything else of it
 * @stats: counters of the policy that decided
 * @reason: index of what decided in &ipe_stats.matches
 *
 * If two want to write, one does.
 *
 * Context: RCU read-side critical section of the verdict; does not sleep.
 */
void ipe_cache_store(struct ipe_cached *cached, s64 generation,
		     unsigned int flags, struct ipe_stats *stats,
		     unsigned int reason)
{
	s64 old = atomic64_read(&cached->generation);

	if (!ipe_cache || old == IPE_CACHE_BUSY)
		return;
	/* Fully ordered: who sees what follows sees that this is not valid. */
	if (atomic64_cmpxchg(&cached->generation, old, IPE_CACHE_BUSY) != old)
		return;
	WRITE_ONCE(cached->flags, flags);
	WRITE_ONCE(cached->stats, stats);
	WRITE_ONCE(cached->reason, reason);
	atomic64_set_release(&cached->generation, generation);
}
