/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the kernel's errnos mean, in sentences.
 */
#ifndef IPECTLD_EXPLAIN_H
#define IPECTLD_EXPLAIN_H

#include "manager.h"

extern const char explain_no_ipe[];

/* r: what a function of kernel.h or kernel-extended.h returned, below 0.
 * Returns the refusal that it stands for, or r for what is broken, as memory that is short. */
int explain_kernel(const Manager *manager, int r, Failure *reterr);

/* Puts a look at the kernel's files that failed into a sentence. what: as in "Cannot find out WHAT". Returns r: nothing is known, so it is
 * no refusal, and may be tried again. */
int explain_unknown(int r, const char *what, Failure *reterr);

#endif
