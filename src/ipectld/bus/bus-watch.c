/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Changes of the kernel that others make: root writes to its files, PID 1 loads a policy, the kernel's own timer ends a
 * trial. trial.c records the end of a trial; this file announces all other changes as changes of properties. It decides
 * nothing.
 *
 * inotify reports each write to a file of securityfs, on any kernel. Only the end of a trial is no write, and for that
 * the LSM of this project has poll() on "confirm". The files of a policy appear with its directory, which a write
 * creates, too. Each look watches new directories before it reads, so no change falls between. A policy that is loaded
 * again has a new directory of the old name.
 */

#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "announce.h"
#include "bus-view.h"
#include "bus-watch.h"
#include "clock.h"
#include "kernel-extended.h"
#include "log.h"
#include "object-path.h"
#include "timer.h"
#include "trial.h"

/* One write may be the first of several. */
#define DELAY_USEC (20U * 1000)
#define ACCURACY_USEC 1000U
/* To the next attempt, after a file could not be watched. */
#define RETRY_USEC (10 * USEC_PER_SEC)
/* The kernel counts the time of a trial in whole seconds. */
#define ROUNDING_USEC (2 * USEC_PER_SEC)

/* The state that was announced last. */
typedef struct Announced {
        int switches[2];         /* by KernelSwitch; negative: not known */
        char *active, *trial;    /* "NAME VERSION"; NULL: none */
        uint64_t trial_end_usec; /* CLOCK_BOOTTIME */
        bool is_ours;
        Digest digest; /* of the stored version that was active */
} Announced;

/* The directory of a policy. An open file keeps a directory alive after its policy was deleted, so device and inode
 * tell whether it is still the one of that name; their numbers may be used again, so the end of the inode counts as
 * well. */
typedef struct WatchedPolicy {
        char *name;
        dev_t dev;
        ino_t ino;
        sd_event_source *source;
        bool gone;
} WatchedPolicy;

struct BusWatch {
        Bus *bus;
        Announced announced;
        WatchedPolicy *policies;
        size_t n_policies;
        sd_event_source *top, *confirm, *soon;
        int confirm_fd; /* open without a source: the kernel's file has no poll() */
        bool failed, retries;
};

static void forget_policy(BusWatch *watch, size_t i) {
        sd_event_source_disable_unref(watch->policies[i].source);
        free(watch->policies[i].name);
        watch->policies[i] = watch->policies[--watch->n_policies];
}

static void forget_policies(BusWatch *watch) {
        while (watch->n_policies > 0)
                forget_policy(watch, watch->n_policies - 1);
        free(watch->policies);
        watch->policies = NULL;
}

static void forget_trial(BusWatch *watch) {
        watch->confirm = sd_event_source_disable_unref(watch->confirm);
        watch->confirm_fd = safe_close(watch->confirm_fd);
}

BusWatch *bus_watch_free(BusWatch *watch) {
        if (!watch)
                return NULL;
        forget_policies(watch);
        forget_trial(watch);
        sd_event_source_disable_unref(watch->top);
        sd_event_source_disable_unref(watch->soon);
        free(watch->announced.active);
        free(watch->announced.trial);
        free(watch);
        return NULL;
}

static void log_failure(BusWatch *watch, int r) {
        if (!watch->failed)
                log_warning("Cannot watch the files of '" KERNEL_DIRECTORY
                            "', so ipectld may miss changes that others make there, trying again: %s",
                            strerror(-r));
        watch->failed = true;
}

static void look_in(BusWatch *watch, uint64_t usec) {
        int r = timer_start(watch->soon, usec);

        if (r < 0)
                log_failure(watch, r);
        watch->retries = usec > DELAY_USEC;
}

/* A timer that runs is not started again, so endless writes do not delay the look. */
static void look_soon(BusWatch *watch) {
        int enabled = SD_EVENT_OFF;

        (void) sd_event_source_get_enabled(watch->soon, &enabled);
        if (enabled == SD_EVENT_OFF || watch->retries)
                look_in(watch, DELAY_USEC);
}

static int on_write(sd_event_source *source, const struct inotify_event *event, void *userdata) {
        look_soon(userdata);
        return 0;
}

/* sd-event reports the end of the inode whatever the mask is. */
static int on_write_to_policy(sd_event_source *source, const struct inotify_event *event, void *userdata) {
        BusWatch *watch = userdata;

        for (size_t i = 0; i < watch->n_policies; i++)
                if (watch->policies[i].source == source && event->mask & (IN_IGNORED | IN_UNMOUNT))
                        watch->policies[i].gone = true;
        return on_write(source, event, userdata);
}

/* The read acknowledges the change: poll() waits for the next one. */
static int on_end_of_trial(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        BusWatch *watch = userdata;
        char byte;

        if (pread(fd, &byte, 1, 0) < 0) {
                log_failure(watch, -errno);
                forget_trial(watch);
                look_in(watch, RETRY_USEC);
                return 0;
        }
        look_soon(watch);
        return 0;
}

static WatchedPolicy *find_watched(const BusWatch *watch, const char *name) {
        for (size_t i = 0; i < watch->n_policies; i++)
                if (streq(watch->policies[i].name, name))
                        return &watch->policies[i];
        return NULL;
}

static int add_policy(BusWatch *watch, const char *name, const char *path, const struct stat *st) {
        WatchedPolicy *larger = reallocarray(watch->policies, watch->n_policies + 1, sizeof(*larger)), *new;
        int r;

        if (!larger)
                return -ENOMEM;
        watch->policies = larger;
        new = &larger[watch->n_policies];
        *new = (WatchedPolicy) { .name = strdup(name), .dev = st->st_dev, .ino = st->st_ino };
        if (!new->name)
                return -ENOMEM;
        r = sd_event_add_inotify(watch->bus->manager->event, &new->source, path, IN_MODIFY | IN_ONLYDIR,
                                 on_write_to_policy, watch);
        if (r < 0) {
                free(new->name);
                return r;
        }
        watch->n_policies++;
        return 0;
}

/* If the directory is replaced between stat() and the watch, the next look notices: the replacement is a write. */
static int watch_policy(BusWatch *watch, const char *name) {
        WatchedPolicy *known = find_watched(watch, name);
        _cleanup_free_ char *path = NULL;
        struct stat st = {};
        int r;

        if (asprintf(&path, KERNEL_DIRECTORY "/policies/%s", name) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        r = stat(path, &st) < 0 ? -errno : 0;
        if (known && r == 0 && !known->gone && known->dev == st.st_dev && known->ino == st.st_ino)
                return 0;
        if (known)
                forget_policy(watch, (size_t) (known - watch->policies));
        if (r == 0)
                r = add_policy(watch, name, path, &st);
        return r == -ENOENT ? 0 : r;
}

static bool is_listed(char **names, const char *name) {
        for (; names && *names; names++)
                if (streq(*names, name))
                        return true;
        return false;
}

static int watch_policies(BusWatch *watch) {
        _cleanup_(strv_freep) char **names = NULL;
        int result = 0, r = kernel_list(watch->bus->manager->kernel, &names);

        if (r < 0)
                return r;
        for (size_t i = watch->n_policies; i-- > 0;)
                if (!is_listed(names, watch->policies[i].name))
                        forget_policy(watch, i);
        for (char **name = names; name && *name; name++) {
                r = watch_policy(watch, *name);
                if (r < 0)
                        result = r;
        }
        return result;
}

static int watch_top(BusWatch *watch) {
        if (watch->top)
                return 0;
        return sd_event_add_inotify(watch->bus->manager->event, &watch->top, KERNEL_DIRECTORY, IN_MODIFY | IN_ONLYDIR,
                                    on_write, watch);
}

/* Only the LSM of this project has poll() there; elsewhere epoll refuses the file with -EPERM. */
static int watch_trial(BusWatch *watch) {
        int r;

        if (watch->confirm_fd >= 0 || !kernel_has_feature(watch->bus->manager->kernel, "trial"))
                return 0;
        watch->confirm_fd = kernel_open_trial(watch->bus->manager->kernel);
        if (watch->confirm_fd < 0)
                return watch->confirm_fd;
        r = sd_event_add_io(watch->bus->manager->event, &watch->confirm, watch->confirm_fd, EPOLLPRI, on_end_of_trial,
                            watch);
        if (r >= 0 || r == -EPERM)
                return 0;
        forget_trial(watch);
        return r;
}

/* A failure of one does not keep the others from being watched. */
static void watch_all(BusWatch *watch) {
        int results[] = { watch_top(watch), watch_trial(watch), watch_policies(watch) };
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(results); i++)
                if (results[i] < 0)
                        r = results[i];
        if (r < 0) {
                log_failure(watch, r);
                look_in(watch, RETRY_USEC);
                return;
        }
        if (watch->failed)
                log_notice("ipectld watches all files of '" KERNEL_DIRECTORY "' again.");
        watch->failed = false;
}

/* Returns the pair as text, or NULL for none. r: of reading it; after a failure the text that was announced stays. */
static char *print_policy(int r, const KernelPolicy *policy, const char *announced) {
        char version[IPE_VERSION_STRLEN], *text;

        if (r < 0)
                return announced ? strdup(announced) : NULL;
        if (r == 0)
                return NULL;
        ipe_version_print(&policy->version, version);
        return asprintf(&text, "%s %s", policy->name, version) < 0 ? NULL : text;
}

static bool text_equal(const char *a, const char *b) {
        return a && b ? streq(a, b) : a == b;
}

static void read_trial(const BusWatch *watch, Announced *ret) {
        KernelTrial trial = {};
        int r = kernel_find_trial(watch->bus->manager->kernel, &trial);

        ret->trial = print_policy(r, &trial.policy, watch->announced.trial);
        ret->trial_end_usec = r > 0   ? clock_usec(CLOCK_BOOTTIME) + trial.remaining_sec * USEC_PER_SEC
                              : r < 0 ? watch->announced.trial_end_usec
                                      : 0;
        kernel_policy_done(&trial.policy);
}

static void read_now(const BusWatch *watch, Announced *ret) {
        const Manager *manager = watch->bus->manager;
        _cleanup_kernel_policy_ KernelPolicy active = {};
        const VersionRecord *ours;
        int r;

        *ret = (Announced) { .switches = { kernel_get_switch(manager->kernel, KERNEL_ENFORCE),
                                           kernel_get_switch(manager->kernel, KERNEL_SUCCESS_AUDIT) } };
        r = kernel_find_active(manager->kernel, &active);
        ret->active = print_policy(r, &active, watch->announced.active);
        read_trial(watch, ret);
        if (r < 0) {
                ret->is_ours = watch->announced.is_ours;
                ret->digest = watch->announced.digest;
                return;
        }
        ours = bus_view_active(watch->bus, NULL);
        ret->is_ours = ours != NULL;
        if (ours)
                ret->digest = ours->digest;
}

static void announce_switch_change(BusWatch *watch, KernelSwitch which, int now) {
        int before = watch->announced.switches[which];

        if (now >= 0 && before >= 0 && now != before)
                announce_switch_elsewhere(&watch->bus->manager->announcer, which == KERNEL_ENFORCE, now);
        if (now >= 0)
                watch->announced.switches[which] = now;
}

static void announce_object(const BusWatch *watch, const Announced *state) {
        const VersionRecord *record = state->is_ours
                                              ? store_state_find_digest(watch->bus->manager->state, &state->digest)
                                              : NULL;
        _cleanup_free_ char *path = NULL;

        if (record && object_path_of(record, &path) >= 0)
                (void) sd_bus_emit_properties_changed(watch->bus->bus, path, POLICY_INTERFACE, "Active", NULL);
}

static bool is_other_time(uint64_t a, uint64_t b) {
        return (a > b ? a - b : b - a) > ROUNDING_USEC;
}

static void announce_policies(BusWatch *watch, const Announced *now) {
        sd_bus *bus = watch->bus->bus;
        const Announced *before = &watch->announced;

        if (!text_equal(now->active, before->active))
                (void) sd_bus_emit_properties_changed(bus, MANAGER_PATH, MANAGER_INTERFACE, "ActivePolicy", NULL);
        if (!text_equal(now->trial, before->trial) || is_other_time(now->trial_end_usec, before->trial_end_usec))
                (void) sd_bus_emit_properties_changed(bus, MANAGER_PATH, MANAGER_INTERFACE, "TrialPolicy",
                                                      "TrialDeadlineUSec", NULL);
        if (now->is_ours == before->is_ours && digest_equal(&now->digest, &before->digest))
                return;
        announce_object(watch, before);
        announce_object(watch, now);
}

static void take_over(BusWatch *watch, const Announced *now) {
        free(watch->announced.active);
        free(watch->announced.trial);
        watch->announced = *now;
}

static bool has_news_of_trial(const BusWatch *watch, const Announced *now) {
        return !text_equal(now->trial, watch->announced.trial) ||
               is_other_time(now->trial_end_usec, watch->announced.trial_end_usec) ||
               store_state_find_state(watch->bus->manager->state, VERSION_TRIAL);
}

/* Records the end of a trial before this file announces anything: the properties come from the state. This runs from
 * the event loop, so no caller holds a pointer to a record. trial.c logs a failure and tries again. */
static void settle(BusWatch *watch, Announced *now) {
        Failure ignored = {};

        (void) trial_settle(watch->bus->manager, &ignored);
        free(now->active);
        free(now->trial);
        read_now(watch, now);
}

static int on_soon(sd_event_source *source, uint64_t usec, void *userdata) {
        BusWatch *watch = userdata;
        Announced now;

        watch->retries = false;
        watch_all(watch);
        read_now(watch, &now);
        if (has_news_of_trial(watch, &now))
                settle(watch, &now);
        for (KernelSwitch which = KERNEL_ENFORCE; which <= KERNEL_SUCCESS_AUDIT; which++) {
                announce_switch_change(watch, which, now.switches[which]);
                now.switches[which] = watch->announced.switches[which];
        }
        announce_policies(watch, &now);
        take_over(watch, &now);
        return 0;
}

void bus_watch_before_switch(BusWatch *watch, KernelSwitch which) {
        if (watch)
                announce_switch_change(watch, which, kernel_get_switch(watch->bus->manager->kernel, which));
}

void bus_watch_switch_announced(BusWatch *watch, KernelSwitch which, bool value) {
        if (watch)
                watch->announced.switches[which] = value;
}

static int begin(BusWatch *watch) {
        Announced now;
        int r = timer_new(watch->bus->manager->event, ACCURACY_USEC, on_soon, watch, &watch->soon);

        if (r < 0)
                return r;
        watch_all(watch);
        read_now(watch, &now);
        take_over(watch, &now);
        return 0;
}

int bus_watch_start(Bus *bus) {
        BusWatch *watch;
        int r;

        if (kernel_abi(bus->manager->kernel) == KERNEL_ABI_NONE)
                return 0;
        watch = calloc(1, sizeof(*watch));
        if (!watch)
                return -ENOMEM;
        *watch = (BusWatch) { .bus = bus, .announced = { .switches = { -1, -1 } }, .confirm_fd = -1 };
        r = begin(watch);
        if (r < 0) {
                bus_watch_free(watch);
                if (r == -ENOMEM)
                        return r;
                log_warning("Cannot set a timer, so ipectld misses changes that others make in '" KERNEL_DIRECTORY
                            "': %s",
                            strerror(-r));
                return 0;
        }
        bus->watch = watch;
        return 0;
}
