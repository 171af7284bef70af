/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Opens the store at start.
 */
#ifndef IPECTLD_OPEN_STORE_H
#define IPECTLD_OPEN_STORE_H

#include "manager.h"

/* Opens the store, and reads its state and history. Call after behind_attach().
 * Returns 0; -EBUSY if another ipectld runs; -ENOMEM or another negative errno, which it has logged. */
int open_store(Manager *manager);

#endif
