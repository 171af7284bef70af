/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Certificates as texts and numbers.
 */

#include <time.h>

#include "certificate.h"
#include "clock.h"
#include "utf8.h"

static char *print_name(const X509_NAME *name) {
        BIO *bio = BIO_new(BIO_s_mem());
        char *text, *printed = NULL;
        long length;

        if (!bio)
                return NULL;
        /* RFC 2253, but letters of all languages unescaped. OpenSSL does not check that a string of type UTF8String
         * is UTF-8. */
        if (X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0) {
                length = BIO_get_mem_data(bio, &text);
                printed = utf8_escape(text, (size_t) length);
        }
        BIO_free(bio);
        return printed;
}

char *certificate_subject(X509 *certificate) {
        return print_name(X509_get_subject_name(certificate));
}

char *certificate_issuer(X509 *certificate) {
        return print_name(X509_get_issuer_name(certificate));
}

SubjectName certificate_name(X509 *certificate) {
        _cleanup_free_ char *subject = certificate_subject(certificate);
        SubjectName name;

        snprintf(name.text, sizeof(name.text), "%s", subject ?: "?");
        return name;
}

uint64_t certificate_time_usec(const ASN1_TIME *time) {
        struct tm tm;
        time_t seconds;

        if (ASN1_TIME_to_tm(time, &tm) != 1)
                return 0;
        seconds = timegm(&tm);
        return seconds > 0 ? (uint64_t) seconds * USEC_PER_SEC : 0;
}
