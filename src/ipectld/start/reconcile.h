/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Compares disk and kernel at start.
 */
#ifndef IPECTLD_RECONCILE_H
#define IPECTLD_RECONCILE_H

#include "manager.h"

/* Brings the disk in line with the kernel: an activation that was cut off, a version selected for this boot.
 * Returns 0 or a negative errno, which it has logged. */
int reconcile(Manager *manager);

#endif
