/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The certificates of trust.d as data, each with its uses. A key may sign policies, or certify keys that do; that of
 * a revoked, expired or weak certificate may do neither.
 */

#include <openssl/x509v3.h>

#include "certificate.h"
#include "crypto.h"
#include "trust-internal.h"
#include "utf8.h"

static void certificate_done(TrustedCertificate *certificate) {
        free(certificate->subject);
        free(certificate->issuer);
        free(certificate->file);
        free(certificate->problem);
}

void trust_list_done(TrustList *list) {
        for (size_t i = 0; i < list->n; i++)
                certificate_done(&list->certificates[i]);
        free(list->certificates);
        *list = (TrustList) {};
}

static int describe(X509 *x509, const char *file, TrustedCertificate *certificate) {
        unsigned length = sizeof(certificate->fingerprint.bytes);

        certificate->not_before_usec = certificate_time_usec(X509_get0_notBefore(x509));
        certificate->not_after_usec = certificate_time_usec(X509_get0_notAfter(x509));
        certificate->subject = certificate_subject(x509);
        certificate->issuer = certificate_issuer(x509);
        certificate->file = utf8_escape(file, strlen(file));
        return certificate->subject && certificate->issuer && certificate->file &&
                               X509_digest(x509, crypto_sha256(), certificate->fingerprint.bytes, &length) == 1
                       ? 0
                       : -ENOMEM;
}

static int judge(const Trust *trust, X509 *x509, TrustedCertificate *certificate) {
        Failure failure = {};
        int r = trust_judge(trust, x509, &failure);

        if (r < 0)
                return r;
        certificate->revoked = r == FAILURE_CERTIFICATE_REVOKED;
        if (r == 0) {
                certificate->signs = certificate_check_usage(x509, true, true, &failure) == 0;
                certificate->certifies = certificate_check_usage(x509, false, true, &failure) == 0 &&
                                         X509_check_ca(x509) > 0;
        }
        if (certificate->signs || certificate->certifies)
                return 0;
        certificate->problem = strdup(failure.sentence);
        return certificate->problem ? 0 : -ENOMEM;
}

int trust_list(const Trust *trust, TrustList *ret) {
        size_t n = trust_count(trust);
        TrustList list = { .certificates = calloc(n + 1, sizeof(*list.certificates)) };
        int r = list.certificates ? 0 : -ENOMEM;

        for (; list.n < n && r >= 0; list.n++) {
                X509 *x509 = sk_X509_value(trust->trusted, (int) list.n);
                TrustedCertificate *certificate = &list.certificates[list.n];

                r = describe(x509, trust->files[list.n], certificate);
                if (r >= 0)
                        r = judge(trust, x509, certificate);
        }
        if (r < 0) {
                trust_list_done(&list);
                return r;
        }
        *ret = list;
        return 0;
}
