/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A provider knows one proof of where a file's bytes come from, and fills in
 * the facts of the properties that it answers.
 *
 * To add one: write providers/NAME.c with a struct ipe_provider_NAME, and
 * providers/NAME.h with struct ipe_NAME_inode, ipe_NAME_sb and ipe_NAME_bdev
 * (empty if it keeps nothing there); give it a symbol in Kconfig and a line in
 * Makefile. Nothing else knows its name.
 */
#ifndef _SECURITY_IPE_PROVIDER_H
#define _SECURITY_IPE_PROVIDER_H

#include <linux/bits.h>
#include <linux/fs.h>
#include <linux/lsm_hooks.h>

#include "policy/policy.h"

/* Longest digest that a provider reports, in bytes. */
#define IPE_EVIDENCE_DIGEST_MAX 64

/**
 * struct ipe_subject - the bytes that are judged
 * @inode: has the bytes; of a stacked file, that below. Never NULL: no provider
 *	is asked about anonymous memory. The caller holds a reference to its
 *	file
 */
struct ipe_subject {
	struct inode *inode;
};

/**
 * struct ipe_evidence - facts, and room for their digests
 * @facts: for the policy; digests point into @room, or to memory that stays
 *	until the end of the RCU read-side critical section
 * @passing: the facts are about to change and nobody will report it, so the
 *	verdict is not cached
 * @room: not initialised; one element for each digest property, by its slot
 *
 * Lives on the stack of one verdict. It is large, so it is not zeroed: see
 * ipe_providers_collect().
 */
struct ipe_evidence {
	struct ipe_facts facts;
	bool passing;
	u8 room[IPE_DIGESTS_MAX][IPE_EVIDENCE_DIGEST_MAX];
};

/**
 * struct ipe_answer - a property that a provider answers
 * @property: name and kind
 * @feature: its word in the file "features"; NULL for a property that every
 *	kernel with this LSM answers
 * @left_out: configured out: rules may name the property and never match
 * @slot: of its fact in struct ipe_facts; set while the LSM starts
 */
struct ipe_answer {
	struct ipe_property property;
	const char *feature;
	bool left_out;
	u8 slot;
};

/**
 * struct ipe_provider - a proof of origin
 * @name: for messages
 * @answers: its properties
 * @n_answers: elements of @answers
 * @hooks: LSM hooks of its own, registered after @init; may be NULL. The kernel
 *	has as many places for a hook as LSMs, so no hook may occur twice in IPE
 * @n_hooks: elements of @hooks
 * @init: called once while the LSM starts; may be NULL
 * @inode_flags: the S_ flags of an inode that change the facts about it. Every
 *	other change of facts is followed by ipe_cache_invalidate()
 * @written: the bytes of a file may change from now on: it is being opened for
 *	writing, or gets another size; may be NULL. Does not sleep
 * @settle: makes facts true, such as by dropping old pages; may be NULL. Called
 *	before @collect. May sleep, also under the lock of an address space
 * @has_no_old_pages: do the facts hold for all bytes of an inode that can be
 *	read, and could be since it was last opened, if it has one of
 *	@inode_flags or gets it? May be NULL
 * @keyrings: writes "NAME STATE", a line for each keyring whose keys the
 *	answers depend on, as scnprintf() does; may be NULL
 * @collect: fills in the facts. Called in an RCU read-side critical section:
 *	does not sleep or allocate
 */
struct ipe_provider {
	const char *name;
	struct ipe_answer *answers;
	unsigned int n_answers;
	struct security_hook_list *hooks;
	unsigned int n_hooks;
	int (*init)(void);
	unsigned int inode_flags;
	void (*written)(const struct inode *inode);
	void (*settle)(struct inode *inode);
	bool (*has_no_old_pages)(const struct inode *inode);
	size_t (*keyrings)(char *buf, size_t size);
	void (*collect)(const struct ipe_subject *subject,
			struct ipe_evidence *evidence);
};

/* The providers that are built, from Makefile. */
#define IPE_PROVIDER(name) extern struct ipe_provider ipe_provider_##name;
#include "provider-list.h"
#undef IPE_PROVIDER

/*
 * The properties that policies may name.
 *
 * Complete when the LSM has started, and constant from then on.
 */
extern struct ipe_vocabulary ipe_vocabulary;

/*
 * The inode flags that facts depend on, those of all providers.
 *
 * Constant once the LSM has started.
 */
extern unsigned int ipe_providers_inode_flags;

/* Never an inode flag of a provider: cache.h keeps a flag of its own there. */
#define IPE_PROVIDERS_FREE_FLAG BIT(31)

int ipe_providers_init(void);
int ipe_provider_answer(struct ipe_vocabulary *vocabulary,
			struct ipe_provider *provider);
void ipe_providers_collect(struct inode *inode, struct ipe_evidence *evidence);
void ipe_providers_settle(struct inode *inode);
bool ipe_providers_have_no_old_pages(const struct inode *inode);
void ipe_providers_written(const struct inode *inode);
size_t ipe_providers_keyrings(char *buf, size_t size);
size_t ipe_providers_features(char *buf, size_t size);

/**
 * ipe_evidence_true() - Say that a boolean property is TRUE of the subject
 * @evidence: gets the fact
 * @answer: a boolean property
 */
static inline void ipe_evidence_true(struct ipe_evidence *evidence,
				     const struct ipe_answer *answer)
{
	if (!answer->left_out)
		evidence->facts.booleans |= BIT(answer->slot);
}

/**
 * ipe_evidence_digest() - Say which digest the subject has
 * @evidence: gets the fact
 * @answer: a digest property
 * @digest: the fact; what it points to is constant, or in &ipe_evidence.room,
 *	or valid until the end of the RCU read-side critical section
 */
static inline void ipe_evidence_digest(struct ipe_evidence *evidence,
				       const struct ipe_answer *answer,
				       const struct ipe_digest *digest)
{
	if (!answer->left_out)
		evidence->facts.digests[answer->slot] = *digest;
}

#endif
