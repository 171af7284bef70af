/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Changes only the IDs for files: with its other IDs root's, that user can send this process no signal.
 */

#include <sys/fsuid.h>
#include <sys/stat.h>

#include "load-owner.h"
#include "store.h"

bool load_owner_enter(void) {
        struct stat st;

        /* Its parent belongs to root, so the path leads where the administrator wants. */
        if (stat(STORE_DIRECTORY, &st) < 0 || st.st_uid == geteuid())
                return false;
        (void) setfsgid(st.st_gid);
        (void) setfsuid(st.st_uid);
        return true;
}

void load_owner_leave(const bool *entered) {
        if (!*entered)
                return;
        (void) setfsuid(geteuid());
        (void) setfsgid(getegid());
}
