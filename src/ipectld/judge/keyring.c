/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads the keyring .fs-verity and the active policy, whoever loaded it, each time: nobody announces that a keyring was
 * sealed.
 */

#include "keyring.h"
#include "lint.h"
#include "simulate.h"

static const char *describe_keyring(KeyringState state) {
        switch (state) {
        case KEYRING_OPEN:
                return "the keyring .fs-verity is open: root can add a key and sign any file";
        case KEYRING_RESTRICTED:
                return "the keyring .fs-verity is restricted, not sealed: root can add a key that its restriction "
                       "accepts";
        default:
                return "this kernel does not say that the keyring .fs-verity is sealed: until it is, root can add a "
                       "key and sign any file";
        }
}

int keyring_warning(const Manager *manager, char **ret) {
        KeyringState state = kernel_get_keyring(manager->kernel, KEYRING_FSVERITY);
        _cleanup_(ruling_freep) Ruling *ruling = NULL;
        unsigned line;
        int r;

        *ret = NULL;
        if (state == KEYRING_SEALED)
                return 0;
        r = ruling_load(manager, &ruling);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return asprintf(ret,
                                "Cannot read the active policy (%s), so ipectld does not know whether it uses "
                                "fsverity_signature.",
                                kernel_strerror(r)) < 0
                               ? -ENOMEM
                               : 0;
        line = ruling ? ipe_lint_keyring_line(ruling_policy(ruling)) : 0;
        if (line == 0)
                return 0;
        return asprintf(ret,
                        "The active policy uses fsverity_signature (line %u), and %s. Run "
                        "'keyctl restrict_keyring %%:.fs-verity' at boot, once the keys are in.",
                        line, describe_keyring(state)) < 0
                       ? -ENOMEM
                       : 0;
}
