/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How much is kept: KeepVersions= bounds the store, for each name.
 */
#ifndef IPECTLD_FORGET_H
#define IPECTLD_FORGET_H

#include "manager.h"

/* Removes surplus versions from now on: after each change, once the caller who made it is done. Returns 0 or -ENOMEM. */
int forget_attach(Manager *manager);
void forget_detach(Manager *manager);

/* Does so once, from the event loop; before there is one nothing is removed. */
void forget_soon(Manager *manager);

#endif
