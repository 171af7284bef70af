/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A storm of denials must not keep the daemon busy, so it does not try to read all of it:
 *
 *      1. the first denial after a quiet time wakes the daemon at once, and it reads once, a bounded number of lines
 *      2. it does not listen for REST_USEC, or REST_FULL_USEC if there was much to read
 *      3. then it listens again: what came meanwhile is read in one go, and what the kernel had no room for any more comes as
 *         a number
 *
 * Without denials there are no wake-ups. The kernel's "events" are put into systemd's keeping, as that descriptor has the place
 * up to which they were read: a daemon that is restarted goes on from there. One that was stopped in between starts with the
 * next denial, and says how many of before the kernel still had.
 */

#include <sys/epoll.h>
#include <sys/socket.h>

#include <systemd/sd-daemon.h>

#include "announce-denial.h"
#include "audit.h"
#include "clock.h"
#include "denial-origin.h"
#include "denial-table.h"
#include "denials.h"
#include "kernel-event.h"
#include "log.h"

/* FileDescriptorName= of ipectld-audit.socket, and what the kernel's file is called in systemd's keeping. */
#define FD_AUDIT "audit"
#define FD_EVENTS "events"

#define REST_USEC (100U * 1000)
#define REST_FULL_USEC (500U * 1000)
/* More lines than this at once are a storm. */
#define STORM_LINES 100U

/* What the kernel keeps is less, unless it goes on and on. */
#define READS_AT_END 16U

/* Not before what callers wait for. */
#define PRIORITY (SD_EVENT_PRIORITY_NORMAL + 10)

struct Denials {
        Manager *manager;
        int fd;
        bool is_audit;
        uint64_t start_ns;   /* CLOCK_BOOTTIME; what is older is not told, but counted. 0: all is told */
        uint64_t n_before;
        uint64_t lines;      /* of this read */
        KernelPolicy active; /* the policy in force at this read, for records that name none */
        char active_version[IPE_VERSION_STRLEN];
        bool active_known;
        DenialTable *table;
        sd_event_source *readable, *rest, *due;
        DenialFunction watcher;
        void *watcher_userdata;
};

Denials *denials_free(Denials *denials) {
        if (!denials)
                return NULL;
        sd_event_source_disable_unref(denials->readable);
        sd_event_source_disable_unref(denials->rest);
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

static void tell_watcher(const Denials *denials, const KernelEvent *event) {
        const Denial denial = {
                .operation = event->operation, .path = event->path, .rule = event->rule,
                .policy_name = event->policy_name, .policy_version = event->policy_version, .comm = event->comm, .hook = event->hook,
                .cgroup = event->cgroup,
                .device = event->device, .file_system = event->file_system, .inode = event->inode, .pid = event->pid,
                .enforcing = event->enforcing, .lost = event->lost,
        };

        if (denials->watcher)
                denials->watcher(&denial, denials->watcher_userdata);
}

/* Records of audit name no policy: it is the one in force when they are read. Borrows the strings. */
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
        tell_watcher(denials, &named);
        if (named.uid == UINT32_MAX)
                named.uid = denial_origin_uid(named.pid);
        /* Without cgroup v2 the kernel says "/" of every process. */
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
        r = denials->is_audit ? audit_read_events(denials->fd, on_event, denials) :
                                kernel_read_some_events(denials->fd, on_event, denials);
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

static int on_rest_over(sd_event_source *source, uint64_t usec, void *userdata) {
        Denials *denials = userdata;

        return sd_event_source_set_enabled(denials->readable, SD_EVENT_ON);
}

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Denials *denials = userdata;
        int r = read_some(denials);

        (void) sd_event_source_set_enabled(source, SD_EVENT_OFF);
        if (r < 0) {
                log_warning("Cannot read what the kernel denies, nothing of it is told from here on: %s", strerror(-r));
                return 0;
        }
        wait_for_due(denials);
        r = sd_event_source_set_time_relative(denials->rest, denials->lines >= STORM_LINES ? REST_FULL_USEC : REST_USEC);
        return r < 0 ? r : sd_event_source_set_enabled(denials->rest, SD_EVENT_ONESHOT);
}

static int add_sources(Denials *denials) {
        sd_event *event = denials->manager->event;
        int r;

        r = sd_event_add_io(event, &denials->readable, denials->fd, EPOLLIN, on_readable, denials);
        if (r >= 0)
                r = sd_event_source_set_priority(denials->readable, PRIORITY);
        if (r >= 0)
                r = sd_event_add_time(event, &denials->rest, CLOCK_MONOTONIC, UINT64_MAX, 0, on_rest_over, denials);
        if (r >= 0)
                r = sd_event_source_set_enabled(denials->rest, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time(event, &denials->due, CLOCK_MONOTONIC, UINT64_MAX, 0, on_due, denials);
        return r < 0 ? r : sd_event_source_set_enabled(denials->due, SD_EVENT_OFF);
}

/* What systemd hands over; -1 for what it does not. Of the same name only the first is of use. */
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

/* kept: what an earlier life has read up to where it ended, or -1. */
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

/* Reads over what is older than the daemon. */
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
                log_notice("Denials are not told: this kernel has no 'events', and ipectld-audit.socket is not there.");
        else if (r < 0)
                log_warning("Cannot watch what the kernel denies, nothing of it is told: %s", strerror(-r));
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
