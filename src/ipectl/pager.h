/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pipes output that is longer than the terminal through less(1).
 */
#ifndef IPECTL_PAGER_H
#define IPECTL_PAGER_H

/* From now on less reads stdout, and stderr if that is the terminal too, until the program exits. Does nothing if
 * stdout is no terminal, if less is not installed, or if $SYSTEMD_PAGER or $PAGER is empty or "cat". */
void pager_open(void);

#endif
