/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * watcher.c watches policy.d and trust.d; each change starts a scan:
 *
 *      renew the watches -> read certificates (on demand, the configuration) -> list files
 *      -> read a few files in each turn of the event loop -> write the state once -> announce one version in each turn
 * -> answer the callers that wait
 *
 * The list has all changes from before the watches; a later change starts a short timer, so that many changes at once
 * are one scan. There is no other way to notice a file. A scan also follows when the clock is set, as certificates have
 * dates, and when a mount leads a path elsewhere. After a failure to read, watch or store that may pass without a
 * change of a file, a timer repeats the scan, less and less often.
 *
 * A turn has the priority of the bus: it waits for one message at most, and no message waits longer than a turn.
 */

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include "clock.h"
#include "dropped.h"
#include "layers.h"
#include "log.h"
#include "source.h"
#include "stage.h"
#include "timer.h"
#include "watcher.h"

#define SETTLE_USEC (100 * 1000)

/* The length of a turn, which handles at least one file. */
#define TURN_USEC (2 * 1000)

/* A file that was created is read then, even if it is still open. */
#define LATER_USEC (5 * USEC_PER_SEC)

#define RETRY_MIN_USEC (5 * USEC_PER_SEC)
#define RETRY_MAX_USEC (300 * USEC_PER_SEC)

/* At most so many callers wait for one scan. */
#define WAITERS_MAX 256U

/* Policies of one write of the state. */
#define BATCH_MAX 4096U

typedef struct Waiter {
        ScanDone done;
        void *userdata;
} Waiter;

typedef struct Request {
        bool wanted;
        bool all_again;
        Waiter waiters[WAITERS_MAX];
        size_t n;
} Request;

/* The scan that runs. */
typedef struct Scan {
        bool running;
        bool all_again;
        bool retry; /* a failure may pass by itself */
        int result;
        Failure failure; /* the first one */
        LayeredFiles files;
        size_t next;
        DroppedFiles found;
        StageBatch *batch;
        bool committed;
} Scan;

struct Source {
        Manager *manager;
        sd_event *event;
        Watcher *watcher;
        sd_event_source *settle, *turn, *retry, *later, *clock;
        bool changed; /* while settle runs: files changed, not only mounts */
        uint64_t retry_usec;
        Request now, next; /* the callers of the scan that runs, and of the one after it */
        Scan scan;
        DroppedFiles known; /* from the scan before */
        Remarks remarks, watch_remarks;
};

static const char *const *const all_directories[] = { policy_directories, trust_directories, NULL };

/* The first failure is the answer of the scan. */
static void scan_failed(Scan *scan, int result, const Failure *failure) {
        if (scan->result != 0)
                return;
        scan->result = result;
        scan->failure = *failure;
}

static void scan_done(Scan *scan) {
        layers_done(&scan->files);
        dropped_done(&scan->found);
        stage_batch_free(scan->batch);
        *scan = (Scan) {};
}

static void answer(Request *request, int result, const Failure *failure) {
        Request answered = *request;

        *request = (Request) {};
        for (size_t i = 0; i < answered.n; i++)
                answered.waiters[i].done(result, failure, answered.waiters[i].userdata);
}

static void note_directory(const char *directory, int error, void *userdata) {
        Source *source = userdata;
        Failure failure = {};

        failure_set_errno(&failure, error, "Cannot read '%s', all other directories were read", directory);
        remarks_add(&source->remarks, "Cannot read '%s', continuing with the other directories: %s", directory,
                    strerror(-error));
        scan_failed(&source->scan, FAILURE_CANNOT_READ, &failure);
        source->scan.retry = true;
}

static int renew_watches(Source *source) {
        bool moved;
        int r;

        remarks_begin(&source->watch_remarks, source->scan.all_again);
        r = watcher_renew(source->watcher, all_directories, &source->watch_remarks, &moved);

        if (r == 0)
                source->scan.retry = true;
        return r < 0 ? r : 0;
}

static int begin(Source *source) {
        Scan *scan = &source->scan;
        Failure failure = {};
        int r;

        remarks_begin(&source->remarks, scan->all_again);
        r = renew_watches(source);
        if (r < 0)
                return r;
        r = manager_reload(source->manager, scan->all_again, &failure);
        if (r < 0)
                return r;
        if (r > 0) {
                scan->retry = true;
                scan_failed(scan, r, &failure);
        }
        r = layers_list_readable(policy_directories, POLICY_SUFFIX, note_directory, source, &scan->files);
        if (r < 0)
                return r;
        scan->batch = stage_batch_new(source->manager);
        return scan->batch ? 0 : -ENOMEM;
}

/* Whether a refusal of the same file, with the same content and for the same reason, was announced. */
static bool was_announced(const Source *source, const Dropped *file, const Dropped *before) {
        return before && !source->scan.all_again && before->result == file->result &&
               digest_equal(&before->digest, &file->digest);
}

/* A lack of memory or disk space, or a wrong clock, may pass without a change in policy.d. */
static bool may_pass(int result) {
        return result < 0 || result == FAILURE_CERTIFICATE_EXPIRED;
}

static const Dropped *find_before(const Source *source, const Dropped *file) {
        const LayeredFile layered = { .name = file->name, .path = file->path };

        return dropped_find(&source->known, &layered);
}

static void refuse(Source *source, Dropped *file, int result, const Failure *failure) {
        file->result = result;
        source->scan.retry = source->scan.retry || may_pass(result);
        if (!was_announced(source, file, find_before(source, file)))
                announce_rejected(&source->manager->announcer, file->path, result, failure);
}

static int read_and_stage(Source *source, Dropped *file, Failure *reterr) {
        _cleanup_free_ char *name = strndup(file->name, stem_length(file->name, POLICY_SUFFIX));
        const VersionRecord *known;
        _cleanup_free_ void *data = NULL;
        size_t size;
        int r;

        if (!name)
                return -ENOMEM;
        r = dropped_read(file, &data, &size, reterr);
        if (r != 0)
                return r;
        if (store_state_is_discarded(source->manager->state, &file->digest)) {
                log_debug("Not staging '%s' again, it was discarded.", file->path);
                return 0;
        }
        r = stage_batch_add(source->scan.batch, data, size, file->path, name, &known, reterr);
        file->in_batch = r == 0 && !known;
        return r;
}

/* An unchanged file that was staged is not read: neither trust nor the clock would undo that. */
static bool needs_no_look(const Source *source, const Dropped *before) {
        const StoreState *state = source->manager->state;

        return before && !source->scan.all_again && before->result == 0 && dropped_is_unchanged(before) &&
               (store_state_find_digest(state, &before->digest) || store_state_is_discarded(state, &before->digest));
}

static int scan_file(Source *source, const LayeredFile *layered) {
        const Dropped *before = dropped_find(&source->known, layered);
        Dropped *file = dropped_add(&source->scan.found, layered);
        Failure failure = {};
        int r;

        if (!file)
                return -ENOMEM;
        if (needs_no_look(source, before)) {
                file->st = before->st;
                file->settled = true;
                file->digest = before->digest;
                return 0;
        }
        r = read_and_stage(source, file, &failure);
        if (r != 0)
                refuse(source, file, r, &failure);
        return 0;
}

static void on_refused(const Digest *digest, int result, const Failure *failure, void *userdata) {
        Source *source = userdata;
        DroppedFiles *found = &source->scan.found;

        for (size_t i = 0; i < found->n; i++)
                if (found->list[i].in_batch && digest_equal(&found->list[i].digest, digest))
                        refuse(source, &found->list[i], result, failure);
}

static void commit(Source *source) {
        stage_batch_commit(source->scan.batch, on_refused, source);
        for (size_t i = 0; i < source->scan.found.n; i++)
                source->scan.found.list[i].in_batch = false;
        source->scan.committed = true;
}

/* If a discarded file has gone and comes again, it is new. */
static void forget_discarded(Source *source) {
        _cleanup_(store_state_freep) StoreState *new = NULL;
        const StoreState *state = source->manager->state;
        Failure failure = {};
        int r = 0;

        for (size_t i = 0; i < state->n_discarded && r >= 0; i++) {
                const DiscardedFile *file = &state->discarded[i];

                if (dropped_have(&source->scan.found, &file->digest) || dropped_is_there(file->name, &file->digest))
                        continue;
                if (!new && !(new = store_state_copy(state)))
                        r = -ENOMEM;
                else
                        (void) store_state_set_discarded(new, file->name, &file->digest, false);
        }
        if (r >= 0 && new)
                r = manager_commit(source->manager, &new, &failure);
        if (r < 0)
                log_warning("Cannot remove the mark of a discarded policy whose file is gone, ignoring: %s",
                            failure.sentence[0] ? failure.sentence : strerror(-r));
}

static void schedule_retry(Source *source, bool retry) {
        int r;

        if (!retry) {
                source->retry_usec = RETRY_MIN_USEC;
                (void) sd_event_source_set_enabled(source->retry, SD_EVENT_OFF);
                return;
        }
        r = timer_start(source->retry, source->retry_usec);
        if (r < 0)
                log_error("Cannot start a timer, failures of this scan are not tried again: %s", strerror(-r));
        source->retry_usec = source->retry_usec < RETRY_MAX_USEC / 2 ? 2 * source->retry_usec : RETRY_MAX_USEC;
}

static void start_next(Source *source);

/* result: -ENOMEM, or 0. */
static void finish(Source *source, int result) {
        Scan scan = source->scan;

        if (result < 0) {
                log_error("Cannot stage all policies: %s", strerror(-result));
                scan.result = result;
                scan.retry = true;
        } else {
                forget_discarded(source);
                dropped_done(&source->known);
                source->known = scan.found;
                scan.found = (DroppedFiles) {};
        }
        source->scan = (Scan) {};
        schedule_retry(source, scan.retry);
        answer(&source->now, scan.result, &scan.failure);
        scan_done(&scan);
        start_next(source);
}

/* Returns 1 if there is more to do, 0 at the end, or -ENOMEM. */
static int step(Source *source) {
        Scan *scan = &source->scan;

        if (scan->committed) {
                if (stage_batch_announce(scan->batch))
                        return 1;
                if (scan->next >= scan->files.n)
                        return 0;
                stage_batch_free(scan->batch);
                scan->committed = false;
                scan->batch = stage_batch_new(source->manager);
                return scan->batch ? 1 : -ENOMEM;
        }
        if (scan->next < scan->files.n && stage_batch_count(scan->batch) < BATCH_MAX) {
                int r = scan_file(source, &scan->files.files[scan->next++]);

                return r < 0 ? r : 1;
        }
        commit(source);
        return 1;
}

static int on_turn(sd_event_source *timer, uint64_t usec, void *userdata) {
        Source *source = userdata;
        uint64_t end = clock_usec(CLOCK_MONOTONIC) + TURN_USEC;
        int r = 0;

        if (!source->scan.running) {
                source->scan = (Scan) { .running = true, .all_again = source->now.all_again };
                r = begin(source);
        }
        do
                r = r < 0 ? r : step(source);
        while (r > 0 && clock_usec(CLOCK_MONOTONIC) < end);
        if (r > 0)
                r = timer_start(source->turn, 0) ?: 1;
        if (r <= 0)
                finish(source, r);
        return 0;
}

/* Begins a scan, if one is wanted and none runs. */
static void start_next(Source *source) {
        int r;

        if (source->now.wanted || !source->next.wanted)
                return;
        source->now = source->next;
        source->next = (Request) {};
        r = timer_start(source->turn, 0);
        if (r < 0)
                finish(source, r);
}

int source_scan(Source *source, bool all_again, ScanDone done, void *userdata, Failure *reterr) {
        Request *next = &source->next;

        if (done && next->n >= WAITERS_MAX)
                return failure_set(reterr, FAILURE_BUSY, "Too many callers wait for a scan of policy.d already.");
        next->wanted = true;
        next->all_again = next->all_again || all_again;
        if (done)
                next->waiters[next->n++] = (Waiter) { done, userdata };
        start_next(source);
        return 0;
}

/* Whether a mount has changed the place of a directory, or of a file in policy.d. */
static bool leads_elsewhere(Source *source) {
        bool moved = true;

        remarks_begin(&source->watch_remarks, false);
        if (watcher_renew(source->watcher, all_directories, &source->watch_remarks, &moved) < 0 || moved)
                return true;
        for (size_t i = 0; i < source->known.n; i++)
                if (dropped_is_elsewhere(&source->known.list[i]))
                        return true;
        return false;
}

static int on_settled(sd_event_source *timer, uint64_t usec, void *userdata) {
        Source *source = userdata;
        bool changed = source->changed;

        source->changed = false;
        /* During a scan there is no need to find out: another one follows it. */
        if (!changed && !source->scan.running && !leads_elsewhere(source))
                return 0;
        source->retry_usec = RETRY_MIN_USEC;
        (void) source_scan(source, false, NULL, NULL, NULL);
        return 0;
}

/* Starts the timer unless it runs. */
static int keep_running(sd_event_source *timer, uint64_t usec) {
        int enabled, r = sd_event_source_get_enabled(timer, &enabled);

        return r >= 0 && enabled == SD_EVENT_OFF ? timer_start(timer, usec) : r;
}

/* The first of many changes starts the timer; later ones do not delay it. */
static void on_event(WatcherEvent event, void *userdata) {
        Source *source = userdata;
        int r;

        if (event == WATCHER_CREATION) {
                r = keep_running(source->later, LATER_USEC);
                if (r < 0)
                        log_error("Cannot start a timer, a new file in policy.d or trust.d may go unnoticed: %s",
                                  strerror(-r));
                return;
        }
        source->changed = source->changed || event == WATCHER_CHANGE;
        r = keep_running(source->settle, SETTLE_USEC);
        if (r < 0)
                log_error("Cannot start a timer, a change in policy.d or trust.d goes unnoticed: %s", strerror(-r));
}

static int on_retry(sd_event_source *timer, uint64_t usec, void *userdata) {
        (void) source_scan(userdata, false, NULL, NULL, NULL);
        return 0;
}

/* Makes the timer readable when the clock is set; its own time never comes. Returns 0 or a negative errno. */
static int wait_for_clock(int fd) {
        const struct itimerspec never = { .it_value.tv_sec = INT64_MAX / 1000000000 };

        return timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL) < 0 ? -errno : 0;
}

/* A certificate may have become valid. Time stamps of files from before do not compare with the new clock. */
static int on_clock(sd_event_source *event_source, int fd, uint32_t revents, void *userdata) {
        Source *source = userdata;
        uint64_t ignored;

        if (read(fd, &ignored, sizeof(ignored)) < 0 && errno == EAGAIN)
                return 0;
        log_debug("The clock was set, reading the directories of policies again.");
        (void) wait_for_clock(fd);
        for (size_t i = 0; i < source->known.n; i++)
                source->known.list[i].settled = false;
        (void) source_scan(source, false, NULL, NULL, NULL);
        return 0;
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
        source->retry_usec = RETRY_MIN_USEC;
        r = timer_new(event, 1, on_settled, source, &source->settle);
        if (r >= 0)
                r = timer_new(event, 1, on_turn, source, &source->turn);
        if (r >= 0)
                r = timer_new(event, 1, on_retry, source, &source->retry);
        if (r >= 0)
                r = timer_new(event, 1, on_retry, source, &source->later);
        if (r >= 0)
                r = watcher_new(event, on_event, source, &source->watcher);
        if (r < 0)
                return r;
        r = watch_clock(source);
        if (r < 0)
                log_warning("Cannot watch the clock, a certificate that becomes valid when the clock is set goes "
                            "unnoticed: %s",
                            strerror(-r));
        *ret = TAKE_PTR(source);
        return 0;
}

Source *source_free(Source *source) {
        if (!source)
                return NULL;
        answer(&source->now, -ECANCELED, &(Failure) {});
        answer(&source->next, -ECANCELED, &(Failure) {});
        scan_done(&source->scan);
        watcher_free(source->watcher);
        sd_event_source_disable_unref(source->settle);
        sd_event_source_disable_unref(source->turn);
        sd_event_source_disable_unref(source->retry);
        sd_event_source_disable_unref(source->later);
        sd_event_source_disable_unref(source->clock);
        sd_event_unref(source->event);
        dropped_done(&source->known);
        remarks_done(&source->remarks);
        remarks_done(&source->watch_remarks);
        free(source);
        return NULL;
}
