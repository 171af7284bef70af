/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Does the active policy depend on a keyring that root can add keys to?
 */
#ifndef IPECTLD_KEYRING_H
#define IPECTLD_KEYRING_H

#include "manager.h"

/* ret: a sentence for people, to be freed; NULL if there is nothing to warn of. An active policy that cannot be read is
 * something to warn of, unless the keyring is sealed. Returns 0 or -ENOMEM. */
int keyring_warning(const Manager *manager, char **ret);

#endif
