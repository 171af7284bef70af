/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The store, as it is found at start.
 */
#ifndef IPECTLD_OPEN_STORE_H
#define IPECTLD_OPEN_STORE_H

#include "manager.h"

/* Opens the store, and reads its state and history. After behind_attach().
 * Returns 0; -EBUSY if another ipectld runs; -ENOMEM or another negative errno, which was logged. */
int open_store(Manager *manager);

#endif
