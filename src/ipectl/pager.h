/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Output that is longer than the terminal goes through less(1).
 */
#ifndef IPECTL_PAGER_H
#define IPECTL_PAGER_H

/* From now on stdout, and stderr where it is the terminal too, are read by less, until the program exits. Nothing happens where
 * stdout is no terminal, less is not installed, or $SYSTEMD_PAGER or $PAGER is empty or "cat". */
void pager_open(void);

#endif
