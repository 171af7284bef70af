/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The transitions of versions: each goes into the history and on the bus. manager.c alone calls this, once a change is on disk, or is
 * valid while the disk fails (behind.h); nothing here can fail.
 */
#ifndef IPECTLD_CHANGES_H
#define IPECTLD_CHANGES_H

#include "manager.h"

/* Reads the history, before there is a state. Returns 0 or -ENOMEM. */
int changes_open(Manager *manager);

/* Has later changes of a state that was lost, or is older than the history, get numbers that are not in it yet. */
void changes_number_on(Manager *manager);

/* Adds what the state knows and the history does not, as after a crash between the two. Returns 0 or -ENOMEM. */
int changes_catch_up(Manager *manager);

/* before: the state that manager->state has replaced. */
void changes_note(Manager *manager, const StoreState *before);

/* Writes what a disk that failed did not take, by a disk that works again. */
void changes_write(Manager *manager);

#endif
