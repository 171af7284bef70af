// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of the latest denials. No allocation, no waiting: it is asked in
 * the middle of a verdict.
 */

#include <linux/jhash.h>
#include <linux/string.h>

#include "limiter.h"

/**
 * ipe_limiter_place() - Which entry a key has
 * @key: all bytes count
 *
 * Return: index into &ipe_limiter.entries.
 */
unsigned int ipe_limiter_place(const struct ipe_limit_key *key)
{
	return jhash(key, sizeof(*key), 0) % IPE_LIMIT_ENTRIES;
}

static bool admit(struct ipe_limit_entry *entry, const struct ipe_limit_key *key,
		  u64 now, u64 *ret_suppressed)
{
	if (memcmp(&entry->key, key, sizeof(*key)))
		*entry = (struct ipe_limit_entry){ .key = *key, .start = now };

	if (now - entry->start >= IPE_LIMIT_WINDOW) {
		entry->start = now;
		entry->recorded = 0;
	}
	if (entry->recorded >= IPE_LIMIT_BURST) {
		entry->suppressed++;
		return false;
	}
	entry->recorded++;
	*ret_suppressed = entry->suppressed;
	entry->suppressed = 0;
	return true;
}

/**
 * ipe_limiter_admit() - Is this denial to be recorded?
 * @limiter: the table
 * @key: what makes it equal to others
 * @now: jiffies, 64 bits
 * @ret_suppressed: if so, how many equal ones before it were not
 *
 * Context: any but interrupts.
 * Return: whether it is.
 */
bool ipe_limiter_admit(struct ipe_limiter *limiter,
		       const struct ipe_limit_key *key, u64 now,
		       u64 *ret_suppressed)
{
	bool admitted;

	spin_lock(&limiter->lock);
	admitted = admit(&limiter->entries[ipe_limiter_place(key)], key, now,
			 ret_suppressed);
	spin_unlock(&limiter->lock);
	return admitted;
}
