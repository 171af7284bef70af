/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Puts the kernel's errnos into sentences.
 */
#ifndef IPECTLD_EXPLAIN_H
#define IPECTLD_EXPLAIN_H

#include "manager.h"

extern const char explain_no_ipe[];

/* r: the negative errno that a function of kernel.h or kernel-extended.h returned.
 * Returns the refusal that it stands for; or r if it says nothing about the policy, such as -ENOMEM. */
int explain_kernel(const Manager *manager, int r, Failure *reterr);

/* Explains why the kernel's files could not be read. what: as in "Cannot find out WHAT". Returns r: this is no refusal,
 * as the caller may try again. */
int explain_unknown(int r, const char *what, Failure *reterr);

#endif
