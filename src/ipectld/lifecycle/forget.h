/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How much is kept: the store is bounded by KeepVersions=, for each name.
 */
#ifndef IPECTLD_FORGET_H
#define IPECTLD_FORGET_H

#include "manager.h"

/* Forgets what is too much, once whoever changed the state is done with it. Without an event loop nothing happens. */
void forget_soon(Manager *manager);

void forget_free(Manager *manager);

#endif
