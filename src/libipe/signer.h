/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Signs policies. The certificate comes before the key, so that an unusable certificate is refused before anybody
 * types a passphrase.
 */
#ifndef LIBIPE_SIGNER_H
#define LIBIPE_SIGNER_H

#include "envelope.h"

typedef struct PolicySigner PolicySigner;

/* chain: PEM, the signer's certificate first; the signed policy gets the others, too.
 *
 * Returns 0; -EKEYREJECTED if a certificate cannot be read, or has a key, a signature or a usage that kernel or
 * daemon refuse; -ENOMEM, -ENOPKG. reterr has the sentence. */
int policy_signer_new(const char *chain, size_t chain_size, PolicySigner **ret, Failure *reterr);

PolicySigner *policy_signer_free(PolicySigner *signer);

static inline void policy_signer_freep(PolicySigner **signer) {
        policy_signer_free(*signer);
}

/* Warns of what may have the signature refused, now or soon: dates, and certificates that count only if they are in
 * trust.d themselves.
 * days: how many before its end a certificate is mentioned. */
void policy_signer_warn(const PolicySigner *signer, unsigned days, void (*warn)(const char *sentence, void *userdata),
                        void *userdata);

/* key: PEM. passphrase: for an encrypted key; NULL to be asked on the terminal.
 * Returns 0; -EKEYREJECTED if it cannot be read, or does not match the certificate. */
int policy_signer_set_key(PolicySigner *signer, const char *key, size_t key_size, const char *passphrase,
                          Failure *reterr);

/* Signs a policy text as the kernel wants it: SHA-256, no signed attributes, definite length. Reads and verifies the
 * result.
 *
 * ret: the envelope, to be freed.
 *
 * Returns 0; -EFBIG if the format cannot hold the text, -ENOMEM, -EKEYREJECTED if the kernel would refuse the result,
 * -EIO if libcrypto fails; reterr has the sentence. */
int policy_signer_sign(const PolicySigner *signer, const char *text, size_t text_size, EnvelopeFormat format,
                       void **ret, size_t *ret_size, Failure *reterr);

#endif
