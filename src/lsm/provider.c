// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls the providers that are built, for vocabulary, hooks and facts.
 */

#define pr_fmt(fmt) "ipe: " fmt

#include <linux/cache.h>

#include "ipe.h"
#include "provider.h"

#define IPE_PROVIDER(name) &ipe_provider_##name,
static struct ipe_provider *const providers[] = {
#include "provider-list.h"
};

#undef IPE_PROVIDER

struct ipe_vocabulary ipe_vocabulary __ro_after_init;
unsigned int ipe_providers_inode_flags __ro_after_init;

/**
 * ipe_provider_answer() - Enter a provider's properties into a vocabulary
 * @vocabulary: not yet in use by any policy
 * @provider: the slots of its answers are set
 *
 * Return: %0, or the error of ipe_vocabulary_answer().
 */
int ipe_provider_answer(struct ipe_vocabulary *vocabulary,
			struct ipe_provider *provider)
{
	struct ipe_answer *answer;
	int id;

	for (answer = provider->answers;
	     answer < provider->answers + provider->n_answers; answer++) {
		if (answer->left_out)
			continue;
		id = ipe_vocabulary_answer(vocabulary, &answer->property);
		if (id < 0)
			return id;
		answer->slot = vocabulary->slot[id];
	}
	return 0;
}

/**
 * ipe_providers_init() - Start the providers and register their hooks
 *
 * Context: while the LSM starts, once.
 * Return: %0, or an error: of a provider, of two providers with the same word,
 * or of more words than the language has room for.
 */
int __init ipe_providers_init(void)
{
	struct ipe_provider *provider;
	unsigned int i;
	int r;

	ipe_vocabulary_init(&ipe_vocabulary);
	for (i = 0; i < ARRAY_SIZE(providers); i++) {
		provider = providers[i];
		ipe_providers_inode_flags |= provider->inode_flags;
		r = ipe_provider_answer(&ipe_vocabulary, provider);
		if (!r && provider->init)
			r = provider->init();
		if (r) {
			pr_err("provider %s: error %d\n", provider->name, r);
			return r;
		}
	}
	if (WARN_ON(ipe_providers_inode_flags & IPE_PROVIDERS_FREE_FLAG))
		return -EINVAL;
	for (i = 0; i < ARRAY_SIZE(providers); i++)
		if (providers[i]->n_hooks)
			security_add_hooks(providers[i]->hooks,
					   providers[i]->n_hooks, &ipe_lsm_id);
	return 0;
}

/**
 * ipe_providers_written() - The bytes of a file may change from now on
 * @inode: that has the bytes, or one of a stacked file system
 *
 * Context: Process context.
 */
void ipe_providers_written(const struct inode *inode)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(providers); i++)
		if (providers[i]->written)
			providers[i]->written(inode);
}

/**
 * ipe_providers_settle() - Make facts true that need work, such as dropping
 * pages
 * @inode: of the bytes
 *
 * Context: Process context; may sleep.
 */
void ipe_providers_settle(struct inode *inode)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(providers); i++)
		if (providers[i]->settle)
			providers[i]->settle(inode);
}

/**
 * ipe_providers_have_no_old_pages() - Do the facts hold for all readable bytes?
 * @inode: of the bytes
 *
 * Return: %false if pages that no provider has checked may be in memory.
 */
bool ipe_providers_have_no_old_pages(const struct inode *inode)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(providers); i++)
		if (providers[i]->has_no_old_pages &&
		    !providers[i]->has_no_old_pages(inode))
			return false;
	return true;
}

/**
 * ipe_providers_collect() - Collect the facts about a file
 * @inode: of the bytes; NULL for bytes of unknown origin
 * @evidence: overwritten
 *
 * Context: RCU read-side critical section, which must last as long as
 * @evidence is used.
 */
void ipe_providers_collect(struct inode *inode, struct ipe_evidence *evidence)
{
	const struct ipe_subject subject = { .inode = inode };
	unsigned int i;

	RCU_LOCKDEP_WARN(!rcu_read_lock_held(), "facts borrow under RCU");

	/* Without a @value there is no digest. */
	evidence->facts.booleans = 0;
	for (i = 0; i < IPE_DIGESTS_MAX; i++)
		evidence->facts.digests[i].value = NULL;
	evidence->passing = false;
	if (!inode)
		return;
	for (i = 0; i < ARRAY_SIZE(providers); i++)
		providers[i]->collect(&subject, evidence);
}

/**
 * ipe_providers_features() - Words for the file "features", one a line
 * @buf: NUL-terminated if @size is not 0, cut where it does not fit
 * @size: bytes of @buf
 *
 * Return: bytes written, without the NUL.
 */
size_t ipe_providers_features(char *buf, size_t size)
{
	const struct ipe_provider *provider;
	const struct ipe_answer *answer;
	unsigned int i, j;
	size_t len = 0;

	for (i = 0; i < ARRAY_SIZE(providers); i++) {
		provider = providers[i];
		for (j = 0; j < provider->n_answers; j++) {
			answer = &provider->answers[j];
			if (answer->left_out || !answer->feature)
				continue;
			len += scnprintf(buf + len, size - len, "%s\n",
					 answer->feature);
		}
	}
	return len;
}

/**
 * ipe_providers_keyrings() - Lines for the file "keyrings"
 * @buf: NUL-terminated if @size is not 0, cut where it does not fit
 * @size: bytes of @buf
 *
 * Return: bytes written, without the NUL.
 */
size_t ipe_providers_keyrings(char *buf, size_t size)
{
	size_t len = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(providers); i++)
		if (providers[i]->keyrings)
			len += providers[i]->keyrings(buf + len, size - len);
	return len;
}
