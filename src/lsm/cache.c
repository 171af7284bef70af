// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes the cache of verdicts, and invalidates it; reading is inline.
 */

#include "cache.h"
#include "ipe.h"

struct ipe_cache_state ipe_cache_state = {
	.generation = ATOMIC64_INIT(2),
};

/**
 * ipe_cache_invalidate() - Ignore all verdicts that were cached until now
 *
 * Whoever changes something that verdicts depend on calls this after the
 * change, and before it frees what it replaced.
 */
void ipe_cache_invalidate(void)
{
	/* Fully ordered: a reader of the number sees the change. */
	atomic64_add_return(2, &ipe_cache_state.generation);
}

/**
 * ipe_cache_replace_begin() - The active policy is about to be replaced
 *
 * Until ipe_cache_replace_end() no verdict is stored or found. So a reader that
 * sees the new policy never sees the old policy's generation.
 *
 * Context: one at a time; &ipe_policies.lock is held.
 */
void ipe_cache_replace_begin(void)
{
	atomic64_inc_return(&ipe_cache_state.generation);
}

/**
 * ipe_cache_replace_end() - The active policy was replaced
 *
 * Context: as ipe_cache_replace_begin().
 */
void ipe_cache_replace_end(void)
{
	atomic64_inc_return(&ipe_cache_state.generation);
}

/**
 * ipe_cache_store() - Remember that a file may be executed
 * @cached: of the file
 * @generation: of ipe_cache_begin(), from before the verdict
 * @flags: of the inode, read before anything else of it, and IPE_CACHE_LEAN
 * @reason: index of what decided in &ipe_stats.matches
 *
 * If two tasks write at once, one verdict is stored.
 *
 * Context: RCU read-side critical section of the verdict; does not sleep.
 */
void ipe_cache_store(struct ipe_cached *cached, s64 generation,
		     unsigned int flags, unsigned int reason)
{
	s64 old = atomic64_read(&cached->generation);

	if (!ipe_cache || generation & 1 || old == IPE_CACHE_BUSY)
		return;
	/* Fully ordered: a reader of the rest sees that it is not valid. */
	if (atomic64_cmpxchg(&cached->generation, old, IPE_CACHE_BUSY) != old)
		return;
	WRITE_ONCE(cached->flags, flags);
	WRITE_ONCE(cached->reason, reason);
	atomic64_set_release(&cached->generation, generation);
}
