/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ipe-load in an initrd: there is no store, and what came with it decides.
 */
#ifndef IPE_LOAD_LOAD_VENDOR_H
#define IPE_LOAD_LOAD_VENDOR_H

#include "kernel.h"

/* Whether this is an initrd, as its release file says. */
bool load_is_initrd(void);

/* Puts the first policy of policy.d in force that the kernel takes, in the order of the names of the files.
 *
 * Returns 0 if a policy is in force, or none is there to be; else a negative errno. Logged. */
int load_vendor(const Kernel *kernel);

#endif
