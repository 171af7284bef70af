/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Removes old versions: KeepVersions= bounds the store, for each policy.
 */
#ifndef IPECTLD_FORGET_H
#define IPECTLD_FORGET_H

#include "manager.h"

/* Removes surplus versions from now on, after each change, as soon as the caller who made the change is done. Returns 0
 * or -ENOMEM. */
int forget_attach(Manager *manager);
void forget_detach(Manager *manager);

/* Removes them once, from the event loop; does nothing before there is one. */
void forget_soon(Manager *manager);

#endif
