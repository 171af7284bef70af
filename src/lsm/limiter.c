// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of the latest denials. No allocation, no waiting: it is asked in
 * the middle of a verdict.
 */

#include <linux/jhash.h>
#include <linux/string.h>

#include "limiter.h"

/**
 * ipe_limiter_group() - Which places a key may have
 * @key: all bytes count
 *
 * Return: index into &ipe_limiter.entries.
 */
unsigned int ipe_limiter_group(const struct ipe_limit_key *key)
{
	return jhash(key, sizeof(*key), 0) % IPE_LIMIT_GROUPS;
}

static struct ipe_limit_entry *find(struct ipe_limit_entry *group,
				    const struct ipe_limit_key *key)
{
	unsigned int i;

	for (i = 0; i < IPE_LIMIT_PLACES; i++)
		if (!memcmp(&group[i].key, key, sizeof(*key)))
			return &group[i];
	return NULL;
}

/* One that nobody has taken yet is older than all others. */
static struct ipe_limit_entry *oldest(struct ipe_limit_entry *group)
{
	struct ipe_limit_entry *found = group;
	unsigned int i;

	for (i = 1; i < IPE_LIMIT_PLACES; i++)
		if (group[i].start < found->start)
			found = &group[i];
	return found;
}

static bool admit(struct ipe_limit_entry *group, const struct ipe_limit_key *key,
		  u64 now, u64 *ret_suppressed)
{
	struct ipe_limit_entry *entry = find(group, key);

	if (!entry) {
		entry = oldest(group);
		*entry = (struct ipe_limit_entry){ .key = *key, .start = now };
	}
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
	admitted = admit(limiter->entries[ipe_limiter_group(key)], key, now,
			 ret_suppressed);
	spin_unlock(&limiter->lock);
	return admitted;
}

/**
 * ipe_limiter_return() - Say that there is no record of what was admitted
 * @limiter: the table
 * @key: of the denial
 * @suppressed: the number that ipe_limiter_admit() gave with it
 *
 * The denial and those before it are counted for the next record, and another
 * one may be recorded in its place. Unless its place has been taken over since.
 *
 * Context: any but interrupts.
 */
void ipe_limiter_return(struct ipe_limiter *limiter,
			const struct ipe_limit_key *key, u64 suppressed)
{
	struct ipe_limit_entry *entry;

	spin_lock(&limiter->lock);
	entry = find(limiter->entries[ipe_limiter_group(key)], key);
	if (entry) {
		if (entry->recorded)
			entry->recorded--;
		entry->suppressed += suppressed + 1;
	}
	spin_unlock(&limiter->lock);
}
