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

/* Reads the anchors: NAME.pem has one or more certificates, NAME.crl.pem one or more revocation lists.
 *
 * directories: highest layer first, NULL at the end.
 *
 * Returns 0, with no anchors where there are none; -EBADMSG if a revocation list cannot be read, as
 * what it revokes would be trusted; a negative errno if a directory cannot be read. */
int trust_load(const char *const *directories, TrustProblem problem, void *userdata, Trust **ret);

Trust *trust_free(Trust *trust);

static inline void trust_freep(Trust **trust) {
        trust_free(*trust);
}

size_t trust_count(const Trust *trust);

/* Checks the signature of an envelope, which has one, and that the signer is an anchor or chains to one.
 *
 * envelope: owned by *ret on success; set to NULL then.
 *
 * Validity in time is judged by the clock, as a signature without attributes has no time of its own; the kernel does
 * not look at it.
 *
 * Returns 0, FAILURE_SIGNATURE_INVALID, FAILURE_KEY_NOT_TRUSTED, FAILURE_CERTIFICATE_EXPIRED (or not valid yet),
 * FAILURE_CERTIFICATE_REVOKED, or -ENOMEM. */
int trust_verify(const Trust *trust, Envelope **envelope, VerifiedEnvelope **ret, Failure *reterr);

#endif
