// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of the latest denials. No allocation, no waiting: it is asked in
 * the middle of a verdict.
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
 * ipe_limiter_group() - Which places a key may have
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

/* A count that cannot be told apart any more goes out with the next chance. */
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

static struct ipe_limit_entry *place_of(struct ipe_limit_entry *group,
					const struct ipe_limit_key *key,
					u64 now,
					struct ipe_limit_entry *ret_evicted)
{
	struct ipe_limit_entry *entry = find(group, key);

	if (!entry) {
		entry = oldest(group);
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

static bool admit(struct ipe_limit_entry *entry,
		  const struct ipe_limit_trace *trace, u64 *ret_suppressed)
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
 * ipe_limiter_admit() - Is this denial to be recorded?
 * @limiter: the table
 * @key: what makes it equal to others
 * @trace: what else a record says of it
 * @now: jiffies, 64 bits
 * @ret_suppressed: if so, how many equal ones before it were not
 * @ret_evicted: other denials that the table counts no longer, and that a
 *	record of their own has to count; none if &ipe_limit_entry.suppressed
 *	is 0, as it always is where the denial is not to be recorded
 *
 * Context: any but interrupts.
 * Return: whether it is.
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
	entry = place_of(limiter->entries[group], key, now, ret_evicted);
	admitted = admit(entry, trace, ret_suppressed);
	if (admitted && !ret_evicted->suppressed)
		take_unwritten(limiter, ret_evicted);
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
 * one may be recorded in its place. Where that place has been taken over since,
 * they are counted without their key.
 *
 * Context: any but interrupts.
 */
void ipe_limiter_return(struct ipe_limiter *limiter,
			const struct ipe_limit_key *key, u64 suppressed)
{
	unsigned int group = ipe_limiter_group(limiter, key);
	struct ipe_limit_entry *entry;

	spin_lock(&limiter->lock);
	entry = find(limiter->entries[group], key);
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
 * ipe_limiter_return_evicted() - Say that there is no record of what was evicted
 * @limiter: the table
 * @suppressed: the number that ipe_limiter_admit() gave with it
 *
 * Context: any but interrupts.
 */
void ipe_limiter_return_evicted(struct ipe_limiter *limiter, u64 suppressed)
{
	spin_lock(&limiter->lock);
	limiter->unwritten += suppressed;
	spin_unlock(&limiter->lock);
}
