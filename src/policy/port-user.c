/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/*
 * The user-space side of port.h: memory from the C library, the keyed hash
 * from libcrypto.
 */

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <pthread.h>
#include <sys/random.h>

#include "port.h"

static _Thread_local int allocations_left = -1;

void ipe_port_fail_after(int n)
{
	allocations_left = n;
}

void *ipe_port_alloc(size_t n, size_t size)
{
	if (allocations_left == 0)
		return NULL;
	if (allocations_left > 0)
		allocations_left--;
	return calloc(n ? n : 1, size ? size : 1);
}

void ipe_port_free(const void *memory)
{
	free((void *)memory);
}

void ipe_port_key_init(struct ipe_port_key *key)
{
	/* Without randomness the index would be open to chosen collisions. */
	if (getrandom(key->siphash, sizeof(key->siphash), 0) !=
	    sizeof(key->siphash))
		abort();
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t context_key;
static EVP_MAC *siphash;

static void free_context(void *context)
{
	EVP_MAC_CTX_free(context);
}

/*
 * A library context of our own: openssl.cnf may leave the default one without
 * SipHash.
 */
static EVP_MAC *fetch_siphash(void)
{
	static OSSL_LIB_CTX *library;

	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	library = OSSL_LIB_CTX_new();
	if (!library || !OSSL_PROVIDER_load(library, "default"))
		return NULL;
	return EVP_MAC_fetch(library, "SIPHASH", NULL);
}

static void init(void)
{
	siphash = fetch_siphash();
	if (!siphash || pthread_key_create(&context_key, free_context) != 0)
		abort();
}

/* One context for each thread, as any number of threads may evaluate. */
static EVP_MAC_CTX *thread_context(void)
{
	EVP_MAC_CTX *context;

	pthread_once(&once, init);
	context = pthread_getspecific(context_key);
	if (context)
		return context;
	context = EVP_MAC_CTX_new(siphash);
	if (!context || pthread_setspecific(context_key, context) != 0)
		abort();
	return context;
}

u64 ipe_port_hash(const struct ipe_port_key *key, const void *data, size_t len)
{
	size_t size = sizeof(u64);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC_CTX *context = thread_context();
	size_t written = 0;
	u64 hash;

	if (EVP_MAC_init(context, key->siphash, sizeof(key->siphash),
			 params) != 1 ||
	    EVP_MAC_update(context, data, len) != 1 ||
	    EVP_MAC_final(context, (unsigned char *)&hash, &written,
			  sizeof(hash)) != 1 ||
	    written != sizeof(hash))
		abort();
	return hash;
}
