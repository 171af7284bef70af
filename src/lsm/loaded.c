// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loaded policies: from the verified envelope to the last verdict.
 */

#include <linux/atomic.h>
#include <linux/slab.h>

#include "loaded.h"
#include "provider.h"

static atomic64_t last_serial = ATOMIC64_INIT(0);

static void free_loaded(struct work_struct *work)
{
	struct ipe_loaded *loaded = container_of(to_rcu_work(work),
						 struct ipe_loaded, rcu_work);

	ipe_stats_free(&loaded->stats);
	ipe_policy_free(loaded->policy);
	ipe_envelope_release(&loaded->envelope);
	kfree(loaded);
}

/* On failure the caller frees what is there. */
static int compile(struct ipe_loaded *loaded,
		   const struct ipe_envelope *envelope,
		   struct ipe_parse_error *reterr)
{
	int r;

	r = ipe_policy_parse(envelope->text ?: "", envelope->text_len,
			     &ipe_vocabulary, &loaded->policy, reterr);
	if (r)
		return r;
	return ipe_stats_init(&loaded->stats,
			      ipe_policy_n_rules(loaded->policy));
}

/**
 * ipe_loaded_new() - Compile the policy of a verified envelope
 * @envelope: moved into the result on success, and empty then
 * @ret: a reference of the caller's; unchanged on failure
 * @reterr: zeroed by the caller; set to the mistake in the text
 *
 * Return: %0, %-ENOMEM, or an error of ipe_policy_parse().
 */
int ipe_loaded_new(struct ipe_envelope *envelope, struct ipe_loaded **ret,
		   struct ipe_parse_error *reterr)
{
	struct ipe_loaded *loaded;
	int r;

	if (WARN_ON_ONCE(!envelope->text && envelope->text_len))
		return -EBADMSG;
	loaded = kzalloc(sizeof(*loaded), GFP_KERNEL_ACCOUNT);
	if (!loaded)
		return -ENOMEM;
	r = compile(loaded, envelope, reterr);
	if (r) {
		ipe_stats_free(&loaded->stats);
		ipe_policy_free(loaded->policy);
		kfree(loaded);
		return r;
	}
	refcount_set(&loaded->refs, 1);
	INIT_RCU_WORK(&loaded->rcu_work, free_loaded);
	loaded->serial = atomic64_inc_return(&last_serial);
	loaded->envelope = *envelope;
	*envelope = (struct ipe_envelope){};
	*ret = loaded;
	return 0;
}

/**
 * ipe_loaded_get() - Take a reference
 * @loaded: the caller has one, or the lock of whoever has one; NULL is fine
 *
 * Return: @loaded.
 */
struct ipe_loaded *ipe_loaded_get(struct ipe_loaded *loaded)
{
	if (loaded)
		refcount_inc(&loaded->refs);
	return loaded;
}

/**
 * ipe_loaded_put() - Give a reference back
 * @loaded: freed some time after the last one; NULL is fine
 *
 * Context: any; does not wait.
 */
void ipe_loaded_put(struct ipe_loaded *loaded)
{
	if (loaded && refcount_dec_and_test(&loaded->refs))
		queue_rcu_work(system_unbound_wq, &loaded->rcu_work);
}
