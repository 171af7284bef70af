/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Certificates: how people and the bus see them, and which of them may sign policies. certificate-kernel.c knows what
 * the kernel can read, certificate-usage.c what a key is for.
 */
#ifndef LIBIPE_CERTIFICATE_H
#define LIBIPE_CERTIFICATE_H

#include <openssl/x509.h>

#include "failure.h"

/* The names of its subject and issuer, RFC 2253; to be freed. NULL if there is no memory. */
char *certificate_subject(X509 *certificate);
char *certificate_issuer(X509 *certificate);

/* The subject in a buffer, for a sentence; cut where it is too long. */
typedef struct SubjectName {
        char text[256];
} SubjectName;

SubjectName certificate_name(X509 *certificate);

/* A time of a certificate in microseconds since 1970; 0 for one before, or one that cannot be read. */
uint64_t certificate_time_usec(const ASN1_TIME *time);

/* certificate-kernel.c: whether the kernel's parser takes a certificate, and can use its key.
 * Returns 0 or FAILURE_SIGNATURE_INVALID. */
int certificate_check_kernel(X509 *certificate, Failure *reterr);

/* Whether the kernel's parser takes a time: with seconds, in UTC, and the form that X.509 prescribes for the year. */
bool certificate_is_kernel_time(const ASN1_TIME *time);

/* certificate-usage.c: whether a key may sign policies, as far as its certificate restricts its use.
 * is_trusted: the certificate itself is in trust.d, so the administrator has chosen it and extendedKeyUsage does not
 * matter.
 * Returns 0 or the refusal. */
int certificate_check_usage(X509 *certificate, bool is_signer, bool is_trusted, Failure *reterr);

#endif
