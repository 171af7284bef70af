/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The store belongs to the user of ipectld, who may put anything there. So ipe-load, which runs as root, reads and
 * writes it with the file rights of that user alone: no link leads it further than that user gets, and the daemon can
 * read its files.
 */
#ifndef IPE_LOAD_LOAD_OWNER_H
#define IPE_LOAD_LOAD_OWNER_H

#include "base.h"

/* Opens files as the owner of the store from now on. Returns whether that is another user. */
bool load_owner_enter(void);

/* entered: what load_owner_enter() returned. */
void load_owner_leave(const bool *entered);

/* As the owner of the store until the end of the block. */
#define LOAD_AS_OWNER __attribute__((unused)) _cleanup_(load_owner_leave) bool _as_owner = load_owner_enter()

#endif
