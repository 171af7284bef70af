/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Keys, certificates, revocation lists and signed messages, made by libcrypto while a test runs: nothing of them is
 * ever stored. The messages are made here and not by envelope_sign(), because most of them have to be wrong.
 */
#ifndef IDENTITY_H
#define IDENTITY_H

#include <openssl/cms.h>
#include <openssl/x509.h>

#include "base.h"

typedef struct Identity {
        EVP_PKEY *key;
        X509 *certificate;
} Identity;

typedef struct IdentityOptions {
        const char *name;       /* common name of the subject */
        const Identity *issuer; /* NULL: signed by itself */
        bool authority;         /* may issue certificates */
        bool rsa;               /* signatures of one length, always; else an elliptic curve, which is quick */
        unsigned bits;          /* of RSA; 0: 2048 */
        const char *curve;      /* NULL: P-256 */
        const char *algorithm;  /* of the key, such as "ED25519", in the place of both */
        const char *usage;      /* keyUsage; NULL: as it should be; "": none */
        const char *extended;   /* extendedKeyUsage; NULL: none */
        const EVP_MD *digest;   /* of the issuer's signature; NULL: SHA-256 */
        const Identity *like;   /* whose serial number it has; NULL: one of its own */
        bool nameless;          /* without key identifiers, so that its name alone finds it */
        int from, to;           /* validity in days from now; both 0: valid now */
} IdentityOptions;

#define identity_new(...) identity_make(&(const IdentityOptions) { __VA_ARGS__ })
Identity *identity_make(const IdentityOptions *options);
Identity *identity_free(Identity *identity);

static inline void identity_freep(Identity **identity) {
        identity_free(*identity);
}

#define _cleanup_identity_ _cleanup_(identity_freep)

/* In PEM; to be freed. passphrase: NULL for a key in plain text. */
char *identity_certificate(const Identity *identity);
char *identity_key(const Identity *identity, const char *passphrase);

/* A revocation list in PEM, to be freed. revoked: NULL for an empty list. from, to: in days from now. */
char *identity_revoke(const Identity *issuer, const Identity *revoked, int from, int to);

/* scope: "delta", or an issuing distribution point in the words of openssl.cnf, "critical,indirectCRL:TRUE". */
char *identity_revoke_in(const Identity *issuer, const Identity *revoked, int from, int to, const char *scope);

typedef struct MessageOptions {
        const char *text;
        size_t size;                /* 0: strlen(text) */
        const Identity *signers[4]; /* up to the first NULL */
        const Identity *others[4];  /* whose certificates are put in, too */
        const EVP_MD *digest;       /* NULL: SHA-256 */
        int content_type;           /* NID; 0: data */
        unsigned flags;             /* CMS_*, besides those that the kernel needs */
        unsigned without;           /* those of them to leave out */
        bool indefinite;            /* lengths that BER has and DER has not */
        const char *crl;            /* PEM of a revocation list to put in */
        const EVP_PKEY *pss;        /* the key of a signer whose signature is padded by PSS */
} MessageOptions;

/* To be freed. */
#define message_new(ret_size, ...) message_make(ret_size, &(const MessageOptions) { __VA_ARGS__ })
void *message_make(size_t *ret_size, const MessageOptions *options);

#endif
