/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who may sign policies, as far as user space is concerned: the certificates of trust.d. The kernel checks again,
 * against its own keyrings, and has the last word.
 */
#ifndef LIBIPE_TRUST_H
#define LIBIPE_TRUST_H

#include "base.h"
#include "envelope.h"
#include "failure.h"

typedef struct Trust Trust;

/* The places of trust.d, highest layer first, NULL at the end. */
extern const char *const trust_directories[];

/* Told of each file that is not taken, and why. */
typedef void (*TrustProblem)(const char *path, const char *sentence, void *userdata);

/* Reads the anchors: NAME.pem has certificates and revocation lists, one or more of them; NAME.crl.pem has revocation lists.
 *
 * A file that cannot be used is left out. If it is a revocation list, or may have one, nobody knows whom it revokes: then no
 * certificate counts that was issued by somebody else, unless there is another list by its issuer.
 *
 * directories: highest layer first, NULL at the end.
 *
 * Returns 0, with no anchors where there are none; -ENOMEM, -ENOPKG of crypto_init(); a negative errno if a directory cannot be
 * read. */
int trust_load(const char *const *directories, TrustProblem problem, void *userdata, Trust **ret);

/* Trusts nobody, until trust_refresh() reads the anchors. Returns 0 or -ENOMEM. */
int trust_new(Trust **ret);

/* Reads the anchors again, unless device, inode and times of all directories and files prove that they are those that were read.
 *
 * trust: unchanged on failure. problem: told of what it was not told before; NULL is permitted.
 *
 * Returns 0 if nothing changed, 1 if they were read, or as trust_load(). */
int trust_refresh(Trust *trust, const char *const *directories, TrustProblem problem, void *userdata);

Trust *trust_free(Trust *trust);

static inline void trust_freep(Trust **trust) {
        trust_free(*trust);
}

size_t trust_count(const Trust *trust);

/* Tells of each file that was not taken. */
void trust_tell_problems(const Trust *trust, TrustProblem problem, void *userdata);

/* The path of a file that has, or may have, a revocation list that counts for nothing; NULL if there is none. */
const char *trust_doubt(const Trust *trust);

/* Checks the signatures of an envelope, and that one signer is an anchor or chains to one. Each certificate on the way has to be
 * strong enough (RSA of 2048 bits, no MD5, no SHA-1), and one that is no anchor has extendedKeyUsage codeSigning or none.
 *
 * envelope: owned by *ret on success; set to NULL then.
 *
 * Validity in time is judged by the clock, as a signature without attributes has no time of its own; the kernel does
 * not look at it. any_time: the dates of certificates do not matter; those of revocation lists do.
 *
 * Returns 0, FAILURE_SIGNATURE_INVALID, FAILURE_KEY_NOT_TRUSTED, FAILURE_CERTIFICATE_EXPIRED (or not valid yet),
 * FAILURE_CERTIFICATE_REVOKED, or -ENOMEM. The sentence names the certificate that is at fault. */
int trust_verify(const Trust *trust, bool any_time, Envelope **envelope, VerifiedEnvelope **ret, Failure *reterr);

/* A certificate of trust.d. Its texts are fit for print. */
typedef struct TrustedCertificate {
        char *subject, *issuer;   /* RFC 2253 */
        char *file;               /* path */
        Digest fingerprint;       /* SHA-256 over the certificate */
        uint64_t not_before_usec; /* since 1970; 0: before that, or unreadable */
        uint64_t not_after_usec;  /* likewise */
        bool revoked;
        bool signs;               /* a policy that its key signs is accepted */
        bool certifies;           /* so is one by a signer whom it certifies */
        char *problem;            /* why neither is so; NULL if one is */
} TrustedCertificate;

typedef struct TrustList {
        TrustedCertificate *certificates; /* in the order of their files' names */
        size_t n;
} TrustList;

/* Judges each certificate by the clock and the revocation lists. ret: to be freed with trust_list_done().
 * Returns 0 or -ENOMEM. */
int trust_list(const Trust *trust, TrustList *ret);

void trust_list_done(TrustList *list);

#endif
