/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Warns if the active policy depends on a keyring to which root can add keys.
 */
#ifndef IPECTLD_KEYRING_H
#define IPECTLD_KEYRING_H

#include "manager.h"

/* ret: a sentence for people, to be freed; NULL if there is nothing to warn about. Unless the keyring is sealed, an
 * active policy that cannot be read is worth a warning. Returns 0 or -ENOMEM. */
int keyring_warning(const Manager *manager, char **ret);

#endif
