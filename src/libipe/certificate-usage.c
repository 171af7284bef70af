/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The usages of a key, as its certificate names them. A company's authority certifies many keys, and those of its web
 * servers must not sign policies.
 */

#include <openssl/x509v3.h>

#include "certificate.h"

int certificate_check_usage(X509 *certificate, bool is_signer, bool is_trusted, Failure *reterr) {
        uint32_t flags = X509_get_extension_flags(certificate);

        if (flags & EXFLAG_INVALID)
                return failure_set(reterr, FAILURE_KEY_NOT_TRUSTED,
                                   "The certificate '%s' has an extension that is not valid.",
                                   certificate_name(certificate).text);
        if (is_signer && (flags & EXFLAG_KUSAGE) && !(X509_get_key_usage(certificate) & KU_DIGITAL_SIGNATURE))
                return failure_set(reterr, FAILURE_KEY_NOT_TRUSTED,
                                   "The certificate '%s' has a keyUsage without digitalSignature, so its key may not "
                                   "sign: sign with "
                                   "another one.",
                                   certificate_name(certificate).text);
        if (!is_trusted && (flags & EXFLAG_XKUSAGE) && !(X509_get_extended_key_usage(certificate) & XKU_CODE_SIGN))
                return failure_set(reterr, FAILURE_KEY_NOT_TRUSTED,
                                   "The certificate '%s' has an extendedKeyUsage without codeSigning, so its key may "
                                   "not sign policies: "
                                   "sign with another one, or put this one itself into /etc/ipe/trust.d/ as NAME.pem.",
                                   certificate_name(certificate).text);
        return 0;
}
