/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether files of some directories may have changed, whatever replaces them: a file, a link on the way, a parent that is
 * renamed, a mount. It knows nothing of what is in the files.
 */
#ifndef IPECTLD_WATCHER_H
#define IPECTLD_WATCHER_H

#include <systemd/sd-event.h>

#include "remarks.h"

typedef struct Watcher Watcher;

typedef enum WatcherEvent {
        WATCHER_CHANGE,   /* files may have changed */
        WATCHER_CREATION, /* a file is being written, as a rule: a change follows when it is closed */
        WATCHER_MOUNT,    /* something was mounted or unmounted somewhere: watcher_renew() knows whether it matters */
} WatcherEvent;

typedef void (*WatcherHandler)(WatcherEvent event, void *userdata);

/* Watches nothing before watcher_renew(). event: borrowed. Returns 0 or -ENOMEM. */
int watcher_new(sd_event *event, WatcherHandler handler, void *userdata, Watcher **ret);

Watcher *watcher_free(Watcher *watcher);

static inline void watcher_freep(Watcher **watcher) {
        watcher_free(*watcher);
}

/* Follows the paths again and watches what they lead over now. A change that comes before it is seen by a caller that reads
 * afterwards; a later one calls the handler.
 *
 * directories: lists of absolute paths, NULL at the end of each, and a NULL behind the last list.
 * remarks: gets what cannot be watched, and why.
 * ret_moved: whether a path leads to another place than before.
 *
 * Returns 1 if everything is watched, 0 if something is not, or -ENOMEM: then renew again. */
int watcher_renew(Watcher *watcher, const char *const *const *directories, Remarks *remarks, bool *ret_moved);

#endif
