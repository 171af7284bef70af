/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The store belongs to the user of ipectld, and has in it whatever that user has put there. So ipe-load, which is root, reads and
 * writes it with the rights of that user alone: nothing there leads it further than the user gets, and the daemon can read what it
 * writes.
 */
#ifndef IPE_LOAD_LOAD_OWNER_H
#define IPE_LOAD_LOAD_OWNER_H

#include "base.h"

/* From here on, files are opened as the owner of the store. Returns whether that is somebody else. */
bool load_owner_enter(void);

/* entered: what load_owner_enter() has returned. */
void load_owner_leave(const bool *entered);

/* As the owner of the store until the end of the block. */
#define LOAD_AS_OWNER __attribute__((unused)) _cleanup_(load_owner_leave) bool _as_owner = load_owner_enter()

#endif
