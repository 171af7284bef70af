/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * policy.d and trust.d, watched by inotify.
 *
 * Of a directory that does not exist the nearest one above it is watched, for the name that is missing. Any change
 * that may matter starts a short timer, so that many changes at once are one scan; when it runs out all watches are set
 * up anew, and then all files are read. There is no other way in which a file is noticed, so none can be missed between
 * two events. When the clock is set the files are read again, too: dates of certificates are held against it.
 */

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/timerfd.h>

#include "io.h"
#include "layers.h"
#include "log.h"
#include "source.h"
#include "stage.h"

#define SETTLE_USEC (100 * 1000)

#define N_WATCHES 6

typedef struct Watch {
        Source *source;
        char *path;        /* of the directory that is watched */
        char *missing;     /* the entry that is waited for; NULL if path is what we want */
        sd_event_source *event_source;
} Watch;

/* A refusal that was announced. */
typedef struct Refusal {
        char *path;
        Digest digest; /* of the content; all zero if it could not be read */
        int result;
} Refusal;

typedef struct Refusals {
        Refusal *list;
        size_t n;
} Refusals;

struct Source {
        Manager *manager;
        sd_event *event;
        sd_event_source *timer;
        sd_event_source *clock;
        Watch watches[N_WATCHES];
        Refusals refusals;
};

static int on_settled(sd_event_source *timer, uint64_t usec, void *userdata);

static void refusals_done(Refusals *refusals) {
        for (size_t i = 0; i < refusals->n; i++)
                free(refusals->list[i].path);
        free(refusals->list);
        *refusals = (Refusals) {};
}

static bool refusals_have(const Refusals *refusals, const char *path, const Digest *digest, int result) {
        for (size_t i = 0; i < refusals->n; i++)
                if (streq(refusals->list[i].path, path) && refusals->list[i].result == result &&
                    digest_equal(&refusals->list[i].digest, digest))
                        return true;
        return false;
}

static int refusals_add(Refusals *refusals, const char *path, const Digest *digest, int result) {
        Refusal *larger = reallocarray(refusals->list, refusals->n + 1, sizeof(*larger));

        if (!larger)
                return -ENOMEM;
        refusals->list = larger;
        larger[refusals->n] = (Refusal) { .path = strdup(path), .digest = *digest, .result = result };
        if (!larger[refusals->n].path)
                return -ENOMEM;
        refusals->n++;
        return 0;
}

static int read_policy(const char *path, void **ret, size_t *ret_size, Failure *reterr) {
        int r = read_file_at(AT_FDCWD, path, ENVELOPE_SIZE_MAX, ret, ret_size);

        if (r == -EFBIG)
                return failure_set(reterr, FAILURE_TOO_LARGE, "The file has more than the %u bytes that any kernel takes.",
                                   ENVELOPE_SIZE_MAX);
        if (r == -EBADF || r == -EISDIR)
                return failure_set(reterr, FAILURE_SIGNATURE_INVALID, "This is not a regular file.");
        if (r < 0)
                return failure_set_errno(reterr, r, "Cannot read the file");
        return 0;
}

bool source_has(const char *name, const Digest *digest) {
        for (size_t i = 0; policy_directories[i]; i++) {
                _cleanup_free_ char *path = NULL;
                _cleanup_free_ void *data = NULL;
                Digest found;
                size_t size;

                if (asprintf(&path, "%s/%s" POLICY_SUFFIX, policy_directories[i], name) < 0) {
                        path = NULL;
                        return true;
                }
                if (read_file_at(AT_FDCWD, path, ENVELOPE_SIZE_MAX, &data, &size) < 0)
                        continue;
                if (digest_of(data, size, &found) < 0 || digest_equal(&found, digest))
                        return true;
        }
        return false;
}

/* refused: gets this file's refusal, if it is refused. Returns 0 or -ENOMEM. */
static int scan_file(Source *source, const LayeredFile *file, bool all_again, Refusals *refused) {
        _cleanup_free_ char *name = strndup(file->name, stem_length(file->name, POLICY_SUFFIX));
        const VersionRecord *record;
        _cleanup_free_ void *data = NULL;
        Failure failure = {};
        Digest digest = {};
        bool is_new;
        size_t size;
        int r;

        if (!name)
                return -ENOMEM;
        r = read_policy(file->path, &data, &size, &failure);
        if (r == 0) {
                r = digest_of(data, size, &digest);
                if (r < 0)
                        failure_set_errno(&failure, r, "Cannot use libcrypto");
        }
        if (r == 0)
                r = stage_policy(source->manager, data, size, file->path, name, &record, &is_new, &failure);
        if (r == 0 || r == -ENOMEM)
                return r;
        if (all_again || !refusals_have(&source->refusals, file->path, &digest, r))
                announce_rejected(&source->manager->announcer, file->path, r, &failure);
        return refusals_add(refused, file->path, &digest, r);
}

int source_scan(Source *source, bool all_again) {
        _cleanup_layers_ LayeredFiles files = {};
        Refusals refused = {};
        const char *path = "";
        int r;

        r = manager_reload(source->manager);
        if (r < 0)
                return r;
        r = layers_list(policy_directories, POLICY_SUFFIX, &files, &path);
        if (r < 0) {
                log_error("Cannot read '%s': %s", path, strerror(-r));
                return r;
        }
        for (size_t i = 0; i < files.n && r >= 0; i++)
                r = scan_file(source, &files.files[i], all_again, &refused);
        refusals_done(&source->refusals);
        source->refusals = refused;
        if (r < 0)
                log_error("Cannot take in all policies: %s", strerror(-r));
        return r;
}

/* The first of many changes starts it; later ones do not put it off. */
static int start_timer(Source *source) {
        int r, enabled;

        if (!source->timer)
                return sd_event_add_time_relative(source->event, &source->timer, CLOCK_MONOTONIC, SETTLE_USEC, 0,
                                                  on_settled, source);
        r = sd_event_source_get_enabled(source->timer, &enabled);
        if (r < 0 || enabled != SD_EVENT_OFF)
                return r;
        r = sd_event_source_set_time_relative(source->timer, SETTLE_USEC);
        if (r < 0)
                return r;
        return sd_event_source_set_enabled(source->timer, SD_EVENT_ONESHOT);
}

/* A file that is being written is of interest when it is closed; links and directories appear at once. */
static bool may_be_complete(const Watch *watch, const struct inotify_event *event) {
        _cleanup_free_ char *path = NULL;
        struct stat st;

        if (!(event->mask & IN_CREATE) || event->len == 0)
                return true;
        if (asprintf(&path, "%s/%s", watch->path, event->name) < 0) {
                path = NULL;
                return true;
        }
        return lstat(path, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink > 1;
}

static int on_change(sd_event_source *event_source, const struct inotify_event *event, void *userdata) {
        Watch *watch = userdata;
        int r;

        if (watch->missing && event->len > 0 && !streq(event->name, watch->missing))
                return 0;
        if (!may_be_complete(watch, event))
                return 0;
        r = start_timer(watch->source);
        if (r < 0)
                log_error("Cannot start a timer, the change of '%s' goes unnoticed: %s", watch->path, strerror(-r));
        return 0;
}

static void watch_done(Watch *watch) {
        watch->event_source = sd_event_source_disable_unref(watch->event_source);
        free(watch->path);
        free(watch->missing);
        *watch = (Watch) { .source = watch->source };
}

/* Watches a directory, or the nearest one above it that there is. */
static int watch_directory(Watch *watch, const char *directory) {
        uint32_t mask = IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_ATTRIB;
        int r;

        watch->path = strdup(directory);
        if (!watch->path)
                return -ENOMEM;
        for (;;) {
                char *slash;

                r = sd_event_add_inotify(watch->source->event, &watch->event_source,
                                         watch->path[0] ? watch->path : "/",
                                         mask | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR, on_change, watch);
                if (r != -ENOENT && r != -ENOTDIR)
                        return r < 0 ? r : 0;
                slash = strrchr(watch->path, '/');
                if (!slash)
                        return r;
                free(watch->missing);
                watch->missing = strdup(slash + 1);
                if (!watch->missing)
                        return -ENOMEM;
                *slash = '\0';
                mask = IN_CREATE | IN_MOVED_TO;
        }
}

static int rewatch(Source *source) {
        size_t n = 0;
        int r = 0;

        for (size_t i = 0; i < N_WATCHES; i++)
                watch_done(&source->watches[i]);
        for (size_t i = 0; policy_directories[i] && r >= 0; i++)
                r = watch_directory(&source->watches[n++], policy_directories[i]);
        for (size_t i = 0; trust_directories[i] && r >= 0; i++)
                r = watch_directory(&source->watches[n++], trust_directories[i]);
        return r;
}

static int on_settled(sd_event_source *timer, uint64_t usec, void *userdata) {
        int r = rewatch(userdata);

        if (r < 0)
                log_error("Cannot watch the directories of policies any more: %s", strerror(-r));
        (void) source_scan(userdata, false);
        return 0;
}

/* Waits until the clock is set, not for the time that the timer is set to. Returns 0 or a negative errno. */
static int wait_for_clock(int fd) {
        const struct itimerspec never = { .it_value.tv_sec = INT64_MAX / 1000000000 };

        return timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL) < 0 ? -errno : 0;
}

/* A certificate that was not valid yet may be so by now. */
static int on_clock(sd_event_source *event_source, int fd, uint32_t revents, void *userdata) {
        uint64_t ignored;

        if (read(fd, &ignored, sizeof(ignored)) < 0 && errno == EAGAIN)
                return 0;
        log_debug("The clock was set, reading the directories of policies again.");
        (void) wait_for_clock(fd);
        return source_scan(userdata, false) == -ENOMEM ? -ENOMEM : 0;
}

static int watch_clock(Source *source) {
        _cleanup_close_ int fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
        int r = fd < 0 ? -errno : wait_for_clock(fd);

        if (r >= 0)
                r = sd_event_add_io(source->event, &source->clock, fd, EPOLLIN, on_clock, source);
        if (r >= 0)
                r = sd_event_source_set_io_fd_own(source->clock, true);
        if (r >= 0)
                (void) TAKE_FD(fd);
        return r;
}

int source_new(Manager *manager, sd_event *event, Source **ret) {
        _cleanup_(source_freep) Source *source = calloc(1, sizeof(*source));
        int r;

        if (!source)
                return -ENOMEM;
        source->manager = manager;
        source->event = sd_event_ref(event);
        for (size_t i = 0; i < N_WATCHES; i++)
                source->watches[i].source = source;
        r = rewatch(source);
        if (r == -ENOMEM)
                return r;
        /* As where the watches of the user, or of the system, are used up. */
        if (r < 0)
                log_error("Cannot watch the directories of policies, what changes there is noticed with 'systemctl reload "
                          "ipectld' alone: %s", strerror(-r));
        r = watch_clock(source);
        if (r < 0)
                log_warning("Cannot watch the clock, a certificate that becomes valid when it is set is not noticed: %s", strerror(-r));
        *ret = TAKE_PTR(source);
        return 0;
}

Source *source_free(Source *source) {
        if (!source)
                return NULL;
        for (size_t i = 0; i < N_WATCHES; i++)
                watch_done(&source->watches[i]);
        sd_event_source_disable_unref(source->timer);
        sd_event_source_disable_unref(source->clock);
        sd_event_unref(source->event);
        refusals_done(&source->refusals);
        free(source);
        return NULL;
}
