/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * org.ipe.Manager(5) explains each error.
 */

#include <systemd/sd-bus.h>

#include "error-name.h"
#include "kernel.h"

#define PREFIX "org.ipe.Error."

static const char *const names[_FAILURE_MAX] = {
        [FAILURE_NO_SUCH_POLICY] = PREFIX "NoSuchPolicy",
        [FAILURE_ALREADY_EXISTS] = PREFIX "AlreadyExists",
        [FAILURE_SIGNATURE_INVALID] = PREFIX "SignatureInvalid",
        [FAILURE_KEY_NOT_TRUSTED] = PREFIX "KeyNotTrusted",
        [FAILURE_CERTIFICATE_EXPIRED] = PREFIX "CertificateExpired",
        [FAILURE_CERTIFICATE_REVOKED] = PREFIX "CertificateRevoked",
        [FAILURE_VERSION_TOO_OLD] = PREFIX "VersionTooOld",
        [FAILURE_SYNTAX_ERROR] = PREFIX "SyntaxError",
        [FAILURE_NAME_MISMATCH] = PREFIX "NameMismatch",
        [FAILURE_TRIAL_IN_PROGRESS] = PREFIX "TrialInProgress",
        [FAILURE_NO_TRIAL] = PREFIX "NoTrial",
        [FAILURE_LOCKED_DOWN] = PREFIX "LockedDown",
        [FAILURE_WOULD_LOCK_OUT] = PREFIX "WouldLockOut",
        [FAILURE_KERNEL_REJECTED] = PREFIX "KernelRejected",
        [FAILURE_NOT_SUPPORTED] = PREFIX "NotSupported",
        [FAILURE_TOO_LARGE] = SD_BUS_ERROR_LIMITS_EXCEEDED,
        [FAILURE_BUSY] = SD_BUS_ERROR_LIMITS_EXCEEDED,
        [FAILURE_NOT_THAT_VERSION] = PREFIX "NotThatVersion",
        [FAILURE_TOO_MANY_CALLS] = PREFIX "TooManyCalls",
        [FAILURE_INVALID_ARGUMENT] = SD_BUS_ERROR_INVALID_ARGS,
        [FAILURE_CANNOT_READ] = PREFIX "CannotRead",
};

const char *error_name_of(int result) {
        if (result > 0 && result < _FAILURE_MAX)
                return names[result];
        switch (result) {
        case -ENOMEM:
                return SD_BUS_ERROR_NO_MEMORY;
        case KERNEL_NOT_REACHED:
                return PREFIX "NotSupported";
        case -EACCES:
        case -EPERM:
                return SD_BUS_ERROR_ACCESS_DENIED;
        case -EIO:
                return SD_BUS_ERROR_IO_ERROR;
        case -ENOSPC:
                return "System.Error.ENOSPC";
        case -EROFS:
                return "System.Error.EROFS";
        default:
                return SD_BUS_ERROR_FAILED;
        }
}
