/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Disk and kernel, compared at start.
 */
#ifndef IPECTLD_RECONCILE_H
#define IPECTLD_RECONCILE_H

#include "manager.h"

/* Brings disk and kernel together: an activation that was cut off, a version selected for this boot.
 * Returns 0 or a negative errno, which was logged. */
int reconcile(Manager *manager);

#endif
