/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Notices that files of some directories may have changed, by any change of a file, of a link on the way, of the name
 * of a parent, or by a mount. It never reads the files.
 */
#ifndef IPECTLD_WATCHER_H
#define IPECTLD_WATCHER_H

#include <systemd/sd-event.h>

#include "remarks.h"

typedef struct Watcher Watcher;

typedef enum WatcherEvent {
        WATCHER_CHANGE,   /* files may have changed */
        WATCHER_CREATION, /* a file was created: usually it is being written, and WATCHER_CHANGE follows when it is
                             closed */
        WATCHER_MOUNT,    /* a mount or unmount anywhere: watcher_renew() finds out whether it matters */
} WatcherEvent;

typedef void (*WatcherHandler)(WatcherEvent event, void *userdata);

/* Watches nothing before watcher_renew(). event: borrowed. Returns 0 or -ENOMEM. */
int watcher_new(sd_event *event, WatcherHandler handler, void *userdata, Watcher **ret);

Watcher *watcher_free(Watcher *watcher);

static inline void watcher_freep(Watcher **watcher) {
        watcher_free(*watcher);
}

/* Follows the paths again, and watches the places on their way. A caller that reads afterwards sees all earlier
 * changes; a later change calls the handler.
 *
 * directories: lists of absolute paths; each list ends with NULL, and NULL follows the last list.
 * remarks: gets the places that cannot be watched, with the reason.
 * ret_moved: whether a path leads to another place than before.
 *
 * Returns 1 if everything is watched, 0 if something is not, or -ENOMEM: then renew again. */
int watcher_renew(Watcher *watcher, const char *const *const *directories, Remarks *remarks, bool *ret_moved);

#endif
