// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of the latest denials. It is used in the middle of a verdict, so it
 * neither allocates nor waits.
 */

#include <linux/random.h>
#include <linux/string.h>

#include "limiter.h"

/**
 * ipe_limiter_init() - Prepare a table
 * @limiter: all zero
 *
 * Context: any.
 */
void ipe_limiter_init(struct ipe_limiter *limiter)
{
	spin_lock_init(&limiter->lock);
	get_random_bytes(&limiter->secret, sizeof(limiter->secret));
}

/**
 * ipe_limiter_group() - The group of places for a key
 * @limiter: the table
 * @key: all bytes count
 *
 * Return: index into &ipe_limiter.entries.
 */
unsigned int ipe_limiter_group(const struct ipe_limiter *limiter,
			       const struct ipe_limit_key *key)
{
	return siphash(key, sizeof(*key), &limiter->secret) % IPE_LIMIT_GROUPS;
}

static struct ipe_limit_entry *find_entry(struct ipe_limit_entry *group,
					  const struct ipe_limit_key *key)
{
	unsigned int i;

	for (i = 0; i < IPE_LIMIT_PLACES; i++)
		if (!memcmp(&group[i].key, key, sizeof(*key)))
			return &group[i];
	return NULL;
}

/* An entry that was never taken counts as the oldest. */
static struct ipe_limit_entry *oldest_entry(struct ipe_limit_entry *group)
{
	struct ipe_limit_entry *found = group;
	unsigned int i;

	for (i = 1; i < IPE_LIMIT_PLACES; i++)
		if (group[i].start < found->start)
			found = &group[i];
	return found;
}

/* Hands out the count of denials without a known key, to be recorded next. */
static void take_unwritten(struct ipe_limiter *limiter,
			   struct ipe_limit_entry *ret_evicted)
{
	if (!limiter->unwritten)
		return;
	*ret_evicted = (struct ipe_limit_entry){
		.suppressed = limiter->unwritten,
	};
	limiter->unwritten = 0;
}

static struct ipe_limit_entry *entry_of(struct ipe_limit_entry *group,
					const struct ipe_limit_key *key,
					u64 now,
					struct ipe_limit_entry *ret_evicted)
{
	struct ipe_limit_entry *entry = find_entry(group, key);

	if (!entry) {
		entry = oldest_entry(group);
		if (entry->suppressed)
			*ret_evicted = *entry;
		*entry = (struct ipe_limit_entry){ .key = *key, .start = now };
	}
	if (now - entry->start >= IPE_LIMIT_WINDOW) {
		entry->start = now;
		entry->recorded = 0;
	}
	return entry;
}

static bool admit_entry(struct ipe_limit_entry *entry,
			const struct ipe_limit_trace *trace,
			u64 *ret_suppressed)
{
	entry->trace = *trace;
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
 * ipe_limiter_admit() - Decide whether a denial gets a record
 * @limiter: the table
 * @key: of the denial
 * @trace: of the denial
 * @now: jiffies, 64 bits
 * @ret_suppressed: if the denial gets a record, the number of equal denials
 *	before it without one
 * @ret_evicted: other denials, which left the table and need a record of their
 *	own; none if &ipe_limit_entry.suppressed is 0, as it always is if the
 *	denial gets no record
 *
 * Context: any but interrupts.
 * Return: %true if it gets a record.
 */
bool ipe_limiter_admit(struct ipe_limiter *limiter,
		       const struct ipe_limit_key *key,
		       const struct ipe_limit_trace *trace, u64 now,
		       u64 *ret_suppressed, struct ipe_limit_entry *ret_evicted)
{
	unsigned int group = ipe_limiter_group(limiter, key);
	struct ipe_limit_entry *entry;
	bool admitted;

	ret_evicted->suppressed = 0;
	spin_lock(&limiter->lock);
	entry = entry_of(limiter->entries[group], key, now, ret_evicted);
	admitted = admit_entry(entry, trace, ret_suppressed);
	if (admitted && !ret_evicted->suppressed)
		take_unwritten(limiter, ret_evicted);
	spin_unlock(&limiter->lock);
	return admitted;
}

/**
 * ipe_limiter_return() - Take a denial back that audit did not record
 * @limiter: the table
 * @key: of the denial
 * @suppressed: of ipe_limiter_admit()
 *
 * The next record counts this denial and those before it, and another denial
 * may get a record in its place. If the entry was taken over since, they are
 * counted without their key.
 *
 * Context: any but interrupts.
 */
void ipe_limiter_return(struct ipe_limiter *limiter,
			const struct ipe_limit_key *key, u64 suppressed)
{
	unsigned int group = ipe_limiter_group(limiter, key);
	struct ipe_limit_entry *entry;

	spin_lock(&limiter->lock);
	entry = find_entry(limiter->entries[group], key);
	if (entry) {
		if (entry->recorded)
			entry->recorded--;
		entry->suppressed += suppressed + 1;
	} else {
		limiter->unwritten += suppressed + 1;
	}
	spin_unlock(&limiter->lock);
}

/**
 * ipe_limiter_return_evicted() - Take evicted denials back that audit did not
 * record
 * @limiter: the table
 * @suppressed: of @ret_evicted of ipe_limiter_admit()
 *
 * Context: any but interrupts.
 */
void ipe_limiter_return_evicted(struct ipe_limiter *limiter, u64 suppressed)
{
	spin_lock(&limiter->lock);
	limiter->unwritten += suppressed;
	spin_unlock(&limiter->lock);
}
