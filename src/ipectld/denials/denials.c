/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads denials by turns of event-reader.c: once, a bounded number of lines, then a rest of REST_USEC, or of
 * REST_FULL_USEC after a storm.
 *
 * systemd keeps the descriptor of the kernel's "events" across restarts, as it has the position up to which this daemon
 * has read: a daemon that is restarted continues there. A daemon that was stopped in between starts with the next
 * denial, and reports the number of earlier ones that the kernel still had.
 */

#include <sys/socket.h>

#include <systemd/sd-daemon.h>

#include "announce-denial.h"
#include "audit.h"
#include "clock.h"
#include "denial-origin.h"
#include "denial-table.h"
#include "denials.h"
#include "event-reader.h"
#include "kernel-event.h"
#include "log.h"
#include "timer.h"

/* FileDescriptorName= of ipectld-audit.socket, and the name of the kernel's file in the store of systemd. */
#define FD_AUDIT "audit"
#define FD_EVENTS "events"

#define REST_USEC (100U * 1000)
#define REST_FULL_USEC (500U * 1000)
/* More lines than this at once are a storm. */
#define STORM_LINES 100U

/* The kernel keeps less than that, unless new denials come without end. */
#define READS_AT_END 16U

/* Calls that wait for an answer go first. */
#define PRIORITY (SD_EVENT_PRIORITY_NORMAL + 10)

struct Denials {
        Manager *manager;
        int fd;
        bool is_audit;
        uint64_t start_ns; /* CLOCK_BOOTTIME; older denials are only counted. 0: all are reported */
        uint64_t n_before;
        uint64_t lines;      /* of this read */
        KernelPolicy active; /* at this read, for records that name no policy */
        char active_version[IPE_VERSION_STRLEN];
        bool active_known;
        DenialTable *table;
        EventReader *reader;
        sd_event_source *due; /* of the table */
        DenialFunction watcher;
        void *watcher_userdata;
};

Denials *denials_free(Denials *denials) {
        if (!denials)
                return NULL;
        event_reader_free(denials->reader);
        sd_event_source_disable_unref(denials->due);
        denial_table_free(denials->table);
        kernel_policy_done(&denials->active);
        safe_close(denials->fd);
        free(denials);
        return NULL;
}

static void denials_freep(Denials **denials) {
        denials_free(*denials);
}

void denials_watch(Denials *denials, DenialFunction function, void *userdata) {
        if (!denials)
                return;
        denials->watcher = function;
        denials->watcher_userdata = userdata;
}

static void on_report(const DenialReport *report, void *userdata) {
        Denials *denials = userdata;

        announce_denied(&denials->manager->announcer, report);
}

/* Records of audit name no policy, so the policy that is active at this read gets them. Borrows the strings. */
static void name_active(Denials *denials, KernelEvent *event) {
        if (!denials->active_known) {
                kernel_policy_done(&denials->active);
                denials->active = (KernelPolicy) {};
                denials->active_known = true;
                if (kernel_find_active(denials->manager->kernel, &denials->active) > 0)
                        ipe_version_print(&denials->active.version, denials->active_version);
        }
        if (!denials->active.name)
                return;
        event->policy_name = denials->active.name;
        event->policy_version = denials->active_version;
}

static bool is_old(Denials *denials, const KernelEvent *event) {
        if (event->time_ns >= denials->start_ns)
                return false;
        denials->n_before++;
        return true;
}

static void log_lost(const KernelEvent *event) {
        if (event->lost == 0)
                return;
        if (event->uid == UINT32_MAX)
                log_debug("At least %" PRIu64 " denials could not be read.", event->lost);
        else
                log_debug("%" PRIu64 " denials of user %" PRIu32 " could not be read.", event->lost, event->uid);
}

static void on_event(const KernelEvent *event, void *userdata) {
        Denials *denials = userdata;
        _cleanup_free_ char *cgroup = NULL;
        KernelEvent named = *event;

        denials->lines++;
        log_lost(event);
        if (event->lost == 0 && (event->shadow || !event->denied || is_old(denials, event)))
                return;
        if (event->lost == 0 && denials->is_audit)
                name_active(denials, &named);
        if (denials->watcher)
                denials->watcher(&named, denials->watcher_userdata);
        if (named.uid == UINT32_MAX)
                named.uid = denial_origin_uid(named.pid);
        /* Without cgroup v2 the kernel reports "/" for every process. */
        if (named.uid != 0 && (!named.cgroup || streq(named.cgroup, "/")))
                named.cgroup = cgroup = denial_origin_cgroup(named.pid);
        denial_table_add(denials->table, clock_usec(CLOCK_MONOTONIC), &named,
                         named.uid != 0 && denial_origin_is_system(named.cgroup));
}

static int read_some(Denials *denials) {
        const KernelEvent lost = { .lost = 1, .uid = UINT32_MAX, .enforcing = -1 };
        int r;

        denials->lines = 0;
        denials->active_known = false;
        r = denials->is_audit ? audit_read_events(denials->fd, on_event, denials)
                              : kernel_read_some_events(denials->fd, on_event, denials);
        if (r == -ENOMEM) {
                on_event(&lost, denials);
                return 0;
        }
        return r;
}

static void wait_for_due(Denials *denials) {
        uint64_t next = denial_table_next(denials->table);

        (void) sd_event_source_set_time(denials->due, next);
        (void) sd_event_source_set_enabled(denials->due, next == UINT64_MAX ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
}

static int on_due(sd_event_source *source, uint64_t usec, void *userdata) {
        Denials *denials = userdata;

        denial_table_tick(denials->table, clock_usec(CLOCK_MONOTONIC));
        wait_for_due(denials);
        return 0;
}

static int read_and_rest(void *userdata, uint64_t *ret_rest_usec) {
        Denials *denials = userdata;
        int r = read_some(denials);

        if (r < 0)
                return r;
        wait_for_due(denials);
        *ret_rest_usec = denials->lines >= STORM_LINES ? REST_FULL_USEC : REST_USEC;
        return 0;
}

static void on_failed(int error, void *userdata) {
        log_warning("Cannot read denials from the kernel, reporting none from here on: %s", strerror(-error));
}

static int add_sources(Denials *denials) {
        static const EventReaderHandler handler = { .read = read_and_rest, .failed = on_failed };
        sd_event *event = denials->manager->event;
        int r;

        r = event_reader_new(event, denials->fd, PRIORITY, &handler, denials, &denials->reader);
        return r < 0 ? r : timer_new(event, 0, on_due, denials, &denials->due);
}

/* Takes the descriptors that systemd passes, the first of each name; -1 for none. */
static void take_fds(int *ret_events, int *ret_audit) {
        char **names = NULL;
        int n = sd_listen_fds_with_names(true, &names);

        *ret_events = *ret_audit = -1;
        for (int i = 0; i < n; i++) {
                int fd = SD_LISTEN_FDS_START + i, *ret = NULL;

                if (streq(names[i], FD_EVENTS))
                        ret = ret_events;
                else if (streq(names[i], FD_AUDIT))
                        ret = ret_audit;
                if (ret && *ret < 0)
                        *ret = fd;
                else
                        safe_close(fd);
        }
        strv_free(names);
}

/* kept: the descriptor of an earlier ipectld, at the position up to which that has read; -1 for none. */
static int open_events(Denials *denials, int *kept) {
        if (*kept >= 0) {
                denials->fd = TAKE_FD(*kept);
                return 0;
        }
        denials->fd = kernel_open_events(denials->manager->kernel);
        if (denials->fd < 0)
                return denials->fd;
        denials->start_ns = 1000 * clock_usec(CLOCK_BOOTTIME);
        (void) sd_pid_notify_with_fds(0, false, "FDSTORE=1\nFDNAME=" FD_EVENTS "\nFDPOLL=0", &denials->fd, 1);
        return 0;
}

static int open_audit(Denials *denials, int *audit) {
        int r;

        if (*audit < 0)
                return -ENOENT;
        if (sd_is_socket(*audit, AF_NETLINK, 0, -1) <= 0)
                return -ENOTSOCK;
        denials->is_audit = true;
        denials->fd = TAKE_FD(*audit);
        r = audit_filter(denials->fd);
        if (r < 0)
                log_debug("Cannot filter the records of audit, ignoring: %s", strerror(-r));
        return 0;
}

/* Reads, and counts, the denials that are older than the daemon. */
static int skip_old(Denials *denials) {
        int r = 0;

        if (denials->start_ns > 0)
                r = kernel_read_events(denials->fd, on_event, denials);
        if (denials->n_before > 0)
                announce_denials_before(denials->n_before);
        return r;
}

static int start(Manager *manager, int *events, int *audit) {
        _cleanup_(denials_freep) Denials *denials = malloc(sizeof(*denials));
        int r;

        if (!denials)
                return -ENOMEM;
        *denials = (Denials) { .manager = manager, .fd = -1, .table = denial_table_new(on_report, denials) };
        if (!denials->table)
                return -ENOMEM;
        r = kernel_has_feature(manager->kernel, "events") ? open_events(denials, events) : open_audit(denials, audit);
        if (r >= 0)
                r = add_sources(denials);
        if (r >= 0)
                r = skip_old(denials);
        if (r < 0)
                return r;
        wait_for_due(denials);
        manager->denials = TAKE_PTR(denials);
        return 0;
}

void denials_start(Manager *manager) {
        int events, audit, r;

        take_fds(&events, &audit);
        r = kernel_abi(manager->kernel) == KERNEL_ABI_NONE ? 0 : start(manager, &events, &audit);
        if (r == -ENOENT)
                log_notice(
                        "Denials are not reported: this kernel has no 'events', and ipectld-audit.socket is missing.");
        else if (r < 0)
                log_warning("Cannot watch for denials of the kernel, reporting none: %s", strerror(-r));
        safe_close(events);
        safe_close(audit);
}

void denials_flush(Denials *denials) {
        if (!denials)
                return;
        for (unsigned i = 0; i < READS_AT_END && read_some(denials) > 0; i++)
                ;
        denial_table_flush(denials->table, clock_usec(CLOCK_MONOTONIC));
        wait_for_due(denials);
}
