/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Watches the places of a route by inotify, and the mounts by /proc/self/mountinfo.
 *
 * An inotify watch belongs to an inode: it reports nothing when a mount hides the inode, and nothing more once the
 * inode is gone. Therefore each renewal follows the paths again. A watch stays as long as its place is the same inode
 * and the kernel has not ended it. The descriptors of a route are closed after a renewal: an open one would keep a
 * mount busy.
 */

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "log.h"
#include "route.h"
#include "watcher.h"

typedef struct Watch {
        Watcher *watcher;
        Place *place;
        bool ended; /* by the kernel */
        sd_event_source *event_source;
} Watch;

typedef struct Watches {
        Watch **list; /* each allocated on its own: the event loop has their addresses */
        size_t n;
} Watches;

struct Watcher {
        sd_event *event;
        sd_event_source *mounts;
        WatcherHandler handler;
        void *userdata;
        Watches watches;
};

static Watch *watch_free(Watch *watch) {
        if (!watch)
                return NULL;
        sd_event_source_disable_unref(watch->event_source);
        place_free(watch->place);
        free(watch);
        return NULL;
}

static void watches_done(Watches *watches) {
        for (size_t i = 0; i < watches->n; i++)
                watch_free(watches->list[i]);
        free(watches->list);
        *watches = (Watches) {};
}

/* A file that is being written is complete when it is closed; links and directories are complete at once. A hard link
 * whose other name has gone since looks like a file that is being written, but nobody closes it. */
static bool may_be_complete(const Watch *watch, const struct inotify_event *event) {
        _cleanup_free_ char *path = NULL;
        struct stat st;

        if (!(event->mask & IN_CREATE) || event->len == 0)
                return true;
        if (asprintf(&path, "%s/%s", watch->place->path, event->name) < 0) {
                path = NULL;
                return true;
        }
        return lstat(path, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink > 1;
}

static int on_change(sd_event_source *event_source, const struct inotify_event *event, void *userdata) {
        Watch *watch = userdata;

        if (event->mask & (IN_IGNORED | IN_UNMOUNT | IN_DELETE_SELF | IN_Q_OVERFLOW))
                watch->ended = true;
        else if (event->len > 0 && !place_has(watch->place, event->name))
                return 0;
        watch->watcher->handler(may_be_complete(watch, event) ? WATCHER_CHANGE : WATCHER_CREATION,
                                watch->watcher->userdata);
        return 0;
}

/* The kernel reports a change to each reader once, whether it reads or not. */
static int on_mounts(sd_event_source *event_source, int fd, uint32_t revents, void *userdata) {
        Watcher *watcher = userdata;

        watcher->handler(WATCHER_MOUNT, watcher->userdata);
        return 0;
}

static int watch_mounts(Watcher *watcher) {
        _cleanup_close_ int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
        int r = fd < 0 ? -errno : sd_event_add_io(watcher->event, &watcher->mounts, fd, EPOLLPRI, on_mounts, watcher);

        if (r >= 0)
                r = sd_event_source_set_io_fd_own(watcher->mounts, true);
        if (r >= 0)
                (void) TAKE_FD(fd);
        return r;
}

int watcher_new(sd_event *event, WatcherHandler handler, void *userdata, Watcher **ret) {
        _cleanup_(watcher_freep) Watcher *watcher = calloc(1, sizeof(*watcher));
        int r;

        if (!watcher)
                return -ENOMEM;
        watcher->event = event;
        watcher->handler = handler;
        watcher->userdata = userdata;
        r = watch_mounts(watcher);
        if (r < 0)
                log_warning("Cannot watch mounts, a mount over a directory of policies goes unnoticed: %s",
                            strerror(-r));
        *ret = TAKE_PTR(watcher);
        return 0;
}

Watcher *watcher_free(Watcher *watcher) {
        if (!watcher)
                return NULL;
        watches_done(&watcher->watches);
        sd_event_source_disable_unref(watcher->mounts);
        free(watcher);
        return NULL;
}

static int follow_all(const char *const *const *directories, Route *route, Remarks *remarks) {
        int complete = 1;

        for (; *directories; directories++)
                for (size_t i = 0; (*directories)[i]; i++) {
                        int r = route_add_directory(route, (*directories)[i]);

                        if (r == -ENOMEM)
                                return r;
                        if (r == -E2BIG)
                                remarks_add(remarks,
                                            "Too many links on the way to the files of '%s' to watch them all; ipectld "
                                            "reads "
                                            "them from time to time.",
                                            (*directories)[i]);
                        else if (r < 0)
                                remarks_add(remarks, "Cannot watch '%s', trying again from time to time: %s",
                                            (*directories)[i], strerror(-r));
                        if (r < 0)
                                complete = 0;
                }
        return complete;
}

/* Takes the old watch of the same inode out of the list; NULL if there is none. */
static Watch *take_old(Watcher *watcher, const Place *place) {
        for (size_t i = 0; i < watcher->watches.n; i++) {
                Watch *watch = watcher->watches.list[i];

                if (watch && !watch->ended && watch->event_source && watch->place->device == place->device &&
                    watch->place->inode == place->inode)
                        return TAKE_PTR(watcher->watches.list[i]);
        }
        return NULL;
}

static int watch_place(Watch *watch) {
        return sd_event_add_inotify_fd(watch->watcher->event, &watch->event_source, watch->place->fd,
                                       IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE |
                                               IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR,
                                       on_change, watch);
}

/* Takes ownership of the place. Returns 1 if it is watched, or 0. */
static int add_watch(Watcher *watcher, Watches *watches, Watch *watch, Place *place, Remarks *remarks) {
        int r = 0;

        place_free(watch->place);
        watch->place = place;
        watch->watcher = watcher;
        watches->list[watches->n++] = watch;
        if (!watch->event_source)
                r = watch_place(watch);
        place->fd = safe_close(place->fd);
        if (r < 0)
                remarks_add(remarks, "Cannot watch '%s', trying again from time to time: %s%s", place->path,
                            strerror(-r),
                            r == -ENOSPC ? " (for watches: see fs.inotify.max_user_watches in inotify(7))" : "");
        return r >= 0;
}

/* Moves the places of the route into new watches. */
static int watch_all(Watcher *watcher, Route *route, Watches *new, Remarks *remarks) {
        int complete = 1;

        new->list = calloc(route->n + 1, sizeof(*new->list));
        if (!new->list)
                return -ENOMEM;
        for (size_t i = 0; i < route->n; i++) {
                Watch *watch = take_old(watcher, route->places[i]) ?: calloc(1, sizeof(*watch));

                if (!watch)
                        return -ENOMEM;
                if (!add_watch(watcher, new, watch, TAKE_PTR(route->places[i]), remarks))
                        complete = 0;
        }
        return complete;
}

static bool leads_elsewhere(const Watches *old, const Route *route) {
        if (old->n != route->n)
                return true;
        for (size_t i = 0; i < old->n; i++) {
                const Place *place = old->list[i]->place;

                if (place->device != route->places[i]->device || place->inode != route->places[i]->inode)
                        return true;
        }
        return false;
}

int watcher_renew(Watcher *watcher, const char *const *const *directories, Remarks *remarks, bool *ret_moved) {
        _cleanup_(route_done) Route route = {};
        _cleanup_(watches_done) Watches new = {};
        Watches old;
        int complete, r;

        complete = follow_all(directories, &route, remarks);
        if (complete < 0)
                return complete;
        *ret_moved = leads_elsewhere(&watcher->watches, &route);
        r = watch_all(watcher, &route, &new, remarks);
        /* Also without memory: the caller renews again. */
        old = watcher->watches;
        watcher->watches = new;
        new = old;
        return r < 0 ? r : r && complete;
}
