/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The signers that user space trusts: the certificates of trust.d. The kernel checks again, against its own keyrings,
 * and has the last word.
 */
#ifndef LIBIPE_TRUST_H
#define LIBIPE_TRUST_H

#include "base.h"
#include "envelope.h"
#include "failure.h"

typedef struct Trust Trust;

/* The directories trust.d, highest layer first, NULL at the end. */
extern const char *const trust_directories[];

/* Called for each file that is not used, with the reason. */
typedef void (*TrustProblem)(const char *path, const char *sentence, void *userdata);

/* Reads the trusted certificates: NAME.pem has one or more certificates and revocation lists; NAME.crl.pem has
 * revocation lists.
 *
 * A file that cannot be used is left out. If it is a revocation list, or may contain one, nobody knows which
 * certificates it revokes: then no certificate counts that another one issued, unless there is another list by its
 * issuer.
 *
 * directories: highest layer first, NULL at the end.
 *
 * Returns 0, also if there are no certificates; -ENOMEM, -ENOPKG of crypto_init(); a negative errno if a directory
 * cannot be read. */
int trust_load(const char *const *directories, TrustProblem problem, void *userdata, Trust **ret);

/* Trusts nobody, until trust_refresh() reads the certificates. Returns 0 or -ENOMEM. */
int trust_new(Trust **ret);

/* Reads the certificates again, unless device, inode and times of all directories and files prove that nothing changed.
 *
 * trust: unchanged on failure. problem: called for new problems; may be NULL.
 *
 * Returns 0 if nothing changed, 1 if they were read, or as trust_load(). */
int trust_refresh(Trust *trust, const char *const *directories, TrustProblem problem, void *userdata);

Trust *trust_free(Trust *trust);

static inline void trust_freep(Trust **trust) {
        trust_free(*trust);
}

size_t trust_count(const Trust *trust);

/* Reports each file that was not used. */
void trust_report_problems(const Trust *trust, TrustProblem problem, void *userdata);

/* The path of a file that is, or may contain, a revocation list that cannot be used; NULL if there is none. */
const char *trust_doubt(const Trust *trust);

/* Checks the signatures of an envelope, and that one signer is in trust.d or chains to a certificate there. Each
 * certificate on the way has to be strong enough (RSA of 2048 bits, no MD5, no SHA-1), and one outside trust.d needs
 * extendedKeyUsage codeSigning or none.
 *
 * envelope: owned by *ret on success; set to NULL then.
 *
 * Validity in time is judged by the clock, as a signature without attributes has no time of its own; the kernel does
 * not look at dates. any_time: ignore the dates of certificates, but not those of revocation lists.
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
        bool signs;     /* its key may sign policies */
        bool certifies; /* its key may certify signers */
        char *problem;  /* the reason if it may do neither; else NULL */
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
