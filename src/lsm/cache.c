// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writing to the cache of verdicts, and declaring it void; reading is inline.
 */

#include "cache.h"
#include "ipe.h"

struct ipe_cache_state ipe_cache_state = {
	.generation = ATOMIC64_INIT(2),
};

/**
 * ipe_cache_invalidate() - Something has changed that verdicts depend on
 *
 * Comes after the change, and before anything is freed that was in force
 * before it.
 */
void ipe_cache_invalidate(void)
{
	/* Fully ordered: who sees the number sees the change. */
	atomic64_add_return(2, &ipe_cache_state.generation);
}

/**
 * ipe_cache_replace_begin() - The active policy is about to be replaced
 *
 * Until ipe_cache_replace_end() no verdict is kept or found. So whoever sees
 * the new policy sees a generation that is not the old policy's.
 *
 * Context: one at a time; &ipe_policies.lock is held.
 */
void ipe_cache_replace_begin(void)
{
	atomic64_inc_return(&ipe_cache_state.generation);
}

/**
 * ipe_cache_replace_end() - The active policy is replaced
 *
 * Context: as ipe_cache_replace_begin().
 */
void ipe_cache_replace_end(void)
{
	atomic64_inc_return(&ipe_cache_state.generation);
}

/**
 * ipe_cache_store() - Keep that a file may be executed
 * @cached: of the file
 * @generation: of ipe_cache_begin(), before anything was read
 * @flags: of the inode, read before anything else of it, and IPE_CACHE_LEAN
 * @reason: index of what decided in &ipe_stats.matches
 *
 * If two want to write, one does.
 *
 * Context: RCU read-side critical section of the verdict; does not sleep.
 */
void ipe_cache_store(struct ipe_cached *cached, s64 generation,
		     unsigned int flags, unsigned int reason)
{
	s64 old = atomic64_read(&cached->generation);

	if (!ipe_cache || generation & 1 || old == IPE_CACHE_BUSY)
		return;
	/* Fully ordered: who sees what follows sees that this is not valid. */
	if (atomic64_cmpxchg(&cached->generation, old, IPE_CACHE_BUSY) != old)
		return;
	WRITE_ONCE(cached->flags, flags);
	WRITE_ONCE(cached->reason, reason);
	atomic64_set_release(&cached->generation, generation);
}
