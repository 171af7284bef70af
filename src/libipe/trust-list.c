/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The certificates of trust.d as data, each with what it is good for. A key may sign policies, or certify keys that do; a
 * certificate that is revoked, outdated or weak is good for neither.
 */

#include <openssl/x509v3.h>
#include <time.h>

#include "clock.h"
#include "crypto.h"
#include "envelope-internal.h"
#include "trust-internal.h"
#include "utf8.h"

uint64_t certificate_time_usec(const ASN1_TIME *time) {
        struct tm tm;
        time_t seconds;

        if (ASN1_TIME_to_tm(time, &tm) != 1)
                return 0;
        seconds = timegm(&tm);
        return seconds > 0 ? (uint64_t) seconds * USEC_PER_SEC : 0;
}

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

static int describe(X509 *anchor, const char *file, TrustedCertificate *certificate) {
        unsigned length = sizeof(certificate->fingerprint.bytes);

        certificate->not_before_usec = certificate_time_usec(X509_get0_notBefore(anchor));
        certificate->not_after_usec = certificate_time_usec(X509_get0_notAfter(anchor));
        certificate->subject = certificate_subject(anchor);
        certificate->issuer = certificate_issuer(anchor);
        certificate->file = utf8_escape(file, strlen(file));
        return certificate->subject && certificate->issuer && certificate->file &&
               X509_digest(anchor, crypto_sha256(), certificate->fingerprint.bytes, &length) == 1 ? 0 : -ENOMEM;
}

static int judge(const Trust *trust, X509 *anchor, TrustedCertificate *certificate) {
        Failure failure = {};
        int r = trust_judge(trust, anchor, &failure);

        if (r < 0)
                return r;
        certificate->revoked = r == FAILURE_CERTIFICATE_REVOKED;
        if (r == 0) {
                certificate->signs = check_usage(anchor, true, true, &failure) == 0;
                certificate->certifies = check_usage(anchor, false, true, &failure) == 0 && X509_check_ca(anchor) > 0;
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
                X509 *anchor = sk_X509_value(trust->anchors, (int) list.n);
                TrustedCertificate *certificate = &list.certificates[list.n];

                r = describe(anchor, trust->files[list.n], certificate);
                if (r >= 0)
                        r = judge(trust, anchor, certificate);
        }
        if (r < 0) {
                trust_list_done(&list);
                return r;
        }
        *ret = list;
        return 0;
}
