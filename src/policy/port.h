/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/*
 * Services of the environment for src/policy. Only this file knows whether that
 * is the kernel or user space, which implements them in port-user.c.
 */
#ifndef IPE_POLICY_PORT_H
#define IPE_POLICY_PORT_H

#ifdef __KERNEL__

#include <linux/bitops.h>
#include <linux/build_bug.h>
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/siphash.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/types.h>
#include <linux/unaligned.h>
#include <linux/vmalloc.h>

/*
 * Secret of the digest index, so that nobody can choose digests that collide.
 */
struct ipe_port_key {
	siphash_key_t siphash;
};

static inline void ipe_port_key_init(struct ipe_port_key *key)
{
	get_random_bytes(&key->siphash, sizeof(key->siphash));
}

static inline u64 ipe_port_hash(const struct ipe_port_key *key,
				const void *data, size_t len)
{
	return siphash(data, len, &key->siphash);
}

/* Above this size kvmalloc() would round up to a power of two. */
#define IPE_PORT_PAGES SZ_64K

/* Zeroed; NULL if there is no memory or @n * @size overflows. */
static inline void *ipe_port_alloc(size_t n, size_t size)
{
	size_t bytes = array_size(n, size);

	if (bytes > IPE_PORT_PAGES)
		return __vmalloc(bytes, GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	return kvzalloc(bytes, GFP_KERNEL_ACCOUNT);
}

static inline void ipe_port_free(const void *memory)
{
	kvfree(memory);
}

/* For every few thousand steps of a long loop. */
static inline void ipe_port_relax(void)
{
	cond_resched();
}

/* Eight bytes, the first one lowest. */
static inline u64 ipe_port_load(const void *bytes)
{
	return get_unaligned_le64(bytes);
}

static inline u32 ipe_port_load32(const void *bytes)
{
	return get_unaligned_le32(bytes);
}

/* Four bytes, the lowest one first. */
static inline void ipe_port_store32(u8 *bytes, u32 word)
{
	put_unaligned_le32(word, bytes);
}

/* The number of the lowest bit that is set; @word is not 0. */
static inline unsigned int ipe_port_lowest_bit(u64 word)
{
	return __ffs64(word);
}

#else

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define U8_MAX UINT8_MAX
#define U16_MAX UINT16_MAX
#define U32_MAX UINT32_MAX
#define U64_MAX UINT64_MAX

struct ipe_port_key {
	u8 siphash[16];
};

/* SipHash-2-4 by libcrypto; aborts where the library cannot provide it. */
void ipe_port_key_init(struct ipe_port_key *key);
u64 ipe_port_hash(const struct ipe_port_key *key, const void *data, size_t len);

void *ipe_port_alloc(size_t n, size_t size);
void ipe_port_free(const void *memory);

/*
 * For tests: let the allocations after the next @n ones fail; -1 for none.
 * Counts in the calling thread alone.
 */
void ipe_port_fail_after(int n);

static inline void ipe_port_relax(void)
{
}

static inline u64 ipe_port_load(const void *bytes)
{
	u64 word;

	memcpy(&word, bytes, sizeof(word));
	return le64toh(word);
}

static inline u32 ipe_port_load32(const void *bytes)
{
	u32 word;

	memcpy(&word, bytes, sizeof(word));
	return le32toh(word);
}

static inline void ipe_port_store32(u8 *bytes, u32 word)
{
	word = htole32(word);
	memcpy(bytes, &word, sizeof(word));
}

static inline unsigned int ipe_port_lowest_bit(u64 word)
{
	return (unsigned int)__builtin_ctzll(word);
}

#endif

#endif
