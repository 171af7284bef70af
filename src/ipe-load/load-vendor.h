/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ipe-load in an initrd: there is no store, so the policies that the initrd brings are loaded.
 */
#ifndef IPE_LOAD_LOAD_VENDOR_H
#define IPE_LOAD_LOAD_VENDOR_H

#include "kernel.h"

/* By its release file. */
bool load_vendor_is_initrd(void);

/* Activates the first policy of policy.d that the kernel takes, in the order of the files' names.
 *
 * Returns 0 if a policy is active or there is none to load; else a negative errno. Logged. */
int load_vendor(const Kernel *kernel);

#endif
