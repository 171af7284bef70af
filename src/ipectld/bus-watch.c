/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Changes of the kernel that were made elsewhere: root writes to its files, PID 1 loads a policy, a trial ends by the kernel's own
 * time. They are told as changes of properties; nothing is decided here.
 *
 * Whatever writes to a file of securityfs, on any kernel, inotify tells; only the end of a trial is no write, and for that the
 * LSM of this project has poll() on "confirm". The files of a policy appear with its directory, which is created by a write,
 * too. Each look watches what is new before it reads: so no change falls between.
 */

#include <sys/epoll.h>
#include <sys/inotify.h>

#include "announce.h"
#include "bus-path.h"
#include "bus.h"
#include "clock.h"
#include "kernel-trial.h"
#include "log.h"

/* One write may be the first of several. */
#define DELAY_USEC (20U * 1000)
#define ACCURACY_USEC 1000U
/* The kernel tells whole seconds of a trial. */
#define ROUNDING_USEC (2 * USEC_PER_SEC)

/* What was told last. */
typedef struct Told {
        int switches[2]; /* by KernelSwitch; negative: not known */
        char *active, *trial; /* "NAME VERSION"; NULL: none */
        uint64_t trial_end_usec; /* CLOCK_BOOTTIME */
        bool is_ours;
        Digest digest; /* of the stored version that was active */
} Told;

struct BusWatch {
        Bus *bus;
        Told told;
        char **names; /* of the policies that are watched, sorted */
        sd_event_source **policies;
        size_t n_policies;
        sd_event_source *top, *confirm, *soon;
        int confirm_fd;
        bool failed;
};

static void forget_policies(BusWatch *watch) {
        for (size_t i = 0; i < watch->n_policies; i++)
                sd_event_source_disable_unref(watch->policies[i]);
        free(watch->policies);
        watch->policies = NULL;
        watch->n_policies = 0;
        watch->names = strv_free(watch->names);
}

BusWatch *bus_watch_free(BusWatch *watch) {
        if (!watch)
                return NULL;
        forget_policies(watch);
        sd_event_source_disable_unref(watch->top);
        sd_event_source_disable_unref(watch->confirm);
        sd_event_source_disable_unref(watch->soon);
        safe_close(watch->confirm_fd);
        free(watch->told.active);
        free(watch->told.trial);
        free(watch);
        return NULL;
}

static void say_failure(BusWatch *watch, int r) {
        if (!watch->failed)
                log_warning("Cannot watch the files of '" KERNEL_DIRECTORY "': what others write there is not told on the bus: %s",
                            strerror(-r));
        watch->failed = true;
}

static void look_soon(BusWatch *watch) {
        int r = sd_event_source_set_time_relative(watch->soon, DELAY_USEC);

        if (r >= 0)
                r = sd_event_source_set_enabled(watch->soon, SD_EVENT_ONESHOT);
        if (r < 0)
                say_failure(watch, r);
}

static int on_write(sd_event_source *source, const struct inotify_event *event, void *userdata) {
        BusWatch *watch = userdata;
        int enabled = SD_EVENT_OFF;

        /* Without end, writes do not put it off. */
        (void) sd_event_source_get_enabled(watch->soon, &enabled);
        if (enabled == SD_EVENT_OFF)
                look_soon(watch);
        return 0;
}

/* The read says which changes were seen. */
static int on_end_of_trial(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        char byte;

        if (pread(fd, &byte, 1, 0) < 0) {
                say_failure(userdata, -errno);
                return sd_event_source_set_enabled(source, SD_EVENT_OFF);
        }
        return on_write(source, NULL, userdata);
}

static bool names_equal(char **a, char **b) {
        for (; a && b && *a && *b; a++, b++)
                if (!streq(*a, *b))
                        return false;
        return !(a && *a) && !(b && *b);
}

static int compare_names(const void *a, const void *b) {
        return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static int watch_policy(BusWatch *watch, const char *name) {
        sd_event_source **larger = reallocarray(watch->policies, watch->n_policies + 1, sizeof(*larger));
        _cleanup_free_ char *path = NULL;
        int r;

        if (!larger)
                return -ENOMEM;
        watch->policies = larger;
        if (asprintf(&path, KERNEL_DIRECTORY "/policies/%s", name) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        r = sd_event_add_inotify(watch->bus->manager->event, &larger[watch->n_policies], path, IN_MODIFY | IN_ONLYDIR, on_write, watch);
        /* It has just been deleted, which was a write. */
        if (r == -ENOENT)
                return 0;
        if (r >= 0)
                watch->n_policies++;
        return r;
}

static int watch_policies(BusWatch *watch) {
        _cleanup_(strv_freep) char **names = NULL;
        size_t n = 0;
        int r = kernel_list(watch->bus->manager->kernel, &names);

        if (r < 0)
                return r;
        while (names && names[n])
                n++;
        if (n > 0)
                qsort(names, n, sizeof(*names), compare_names);
        if (names_equal(names, watch->names))
                return 0;
        forget_policies(watch);
        for (size_t i = 0; i < n; i++) {
                r = watch_policy(watch, names[i]);
                if (r < 0)
                        return r;
        }
        watch->names = TAKE_PTR(names);
        return 0;
}

/* Returns the pair as text, or NULL for none; where r says that it cannot be read, what was told. */
static char *print_policy(int r, const KernelPolicy *policy, const char *told) {
        char version[IPE_VERSION_STRLEN], *text;

        if (r < 0)
                return told ? strdup(told) : NULL;
        if (r == 0)
                return NULL;
        ipe_version_print(&policy->version, version);
        return asprintf(&text, "%s %s", policy->name, version) < 0 ? NULL : text;
}

static bool text_equal(const char *a, const char *b) {
        return a && b ? streq(a, b) : a == b;
}

static void read_trial(const BusWatch *watch, Told *ret) {
        KernelTrial trial = {};
        int r = kernel_find_trial(watch->bus->manager->kernel, &trial);

        ret->trial = print_policy(r, &trial.policy, watch->told.trial);
        ret->trial_end_usec = r > 0 ? clock_usec(CLOCK_BOOTTIME) + trial.remaining_sec * USEC_PER_SEC : r < 0 ? watch->told.trial_end_usec : 0;
        kernel_policy_done(&trial.policy);
}

static void read_now(const BusWatch *watch, Told *ret) {
        const Manager *manager = watch->bus->manager;
        _cleanup_kernel_policy_ KernelPolicy active = {};
        const VersionRecord *ours;
        int r;

        *ret = (Told) { .switches = { kernel_get_switch(manager->kernel, KERNEL_ENFORCE),
                                      kernel_get_switch(manager->kernel, KERNEL_SUCCESS_AUDIT) } };
        r = kernel_find_active(manager->kernel, &active);
        ret->active = print_policy(r, &active, watch->told.active);
        read_trial(watch, ret);
        ours = bus_view_active(watch->bus, NULL);
        ret->is_ours = ours != NULL;
        if (ours)
                ret->digest = ours->digest;
}

static void tell_switches(BusWatch *watch, const Told *now) {
        for (KernelSwitch which = KERNEL_ENFORCE; which <= KERNEL_SUCCESS_AUDIT; which++)
                if (now->switches[which] >= 0 && watch->told.switches[which] >= 0 && now->switches[which] != watch->told.switches[which])
                        announce_switch_elsewhere(&watch->bus->manager->announcer, which == KERNEL_ENFORCE, now->switches[which]);
}

static void tell_object(const BusWatch *watch, const Told *told) {
        const VersionRecord *record = told->is_ours ? store_state_find_digest(watch->bus->manager->state, &told->digest) : NULL;
        _cleanup_free_ char *path = NULL;

        if (record && bus_path_of(record, &path) >= 0)
                (void) sd_bus_emit_properties_changed(watch->bus->bus, path, POLICY_INTERFACE, "Active", NULL);
}

static bool is_other_time(uint64_t a, uint64_t b) {
        return (a > b ? a - b : b - a) > ROUNDING_USEC;
}

static void tell_policies(BusWatch *watch, const Told *now) {
        sd_bus *bus = watch->bus->bus;
        const Told *before = &watch->told;

        if (!text_equal(now->active, before->active))
                (void) sd_bus_emit_properties_changed(bus, MANAGER_PATH, MANAGER_INTERFACE, "ActivePolicy", NULL);
        if (!text_equal(now->trial, before->trial) || is_other_time(now->trial_end_usec, before->trial_end_usec))
                (void) sd_bus_emit_properties_changed(bus, MANAGER_PATH, MANAGER_INTERFACE, "TrialPolicy", "TrialDeadlineUSec", NULL);
        if (now->is_ours == before->is_ours && digest_equal(&now->digest, &before->digest))
                return;
        tell_object(watch, before);
        tell_object(watch, now);
}

static void take_over(BusWatch *watch, Told *now) {
        for (size_t i = 0; i < ELEMENTSOF(now->switches); i++)
                if (now->switches[i] < 0)
                        now->switches[i] = watch->told.switches[i];
        free(watch->told.active);
        free(watch->told.trial);
        watch->told = *now;
}

static int on_soon(sd_event_source *source, uint64_t usec, void *userdata) {
        BusWatch *watch = userdata;
        Told now;
        int r = watch_policies(watch);

        if (r < 0)
                say_failure(watch, r);
        read_now(watch, &now);
        tell_switches(watch, &now);
        tell_policies(watch, &now);
        take_over(watch, &now);
        return 0;
}

void bus_watch_told(BusWatch *watch, KernelSwitch which, bool value) {
        if (watch)
                watch->told.switches[which] = value;
}

/* Only our kernel has poll() there; other files refuse it. */
static int watch_trial(BusWatch *watch) {
        int r;

        if (!kernel_has_feature(watch->bus->manager->kernel, "trial"))
                return 0;
        watch->confirm_fd = kernel_open_trial(watch->bus->manager->kernel);
        if (watch->confirm_fd < 0)
                return watch->confirm_fd;
        r = sd_event_add_io(watch->bus->manager->event, &watch->confirm, watch->confirm_fd, EPOLLPRI, on_end_of_trial, watch);
        return r == -EPERM ? 0 : r;
}

static int begin(BusWatch *watch) {
        sd_event *event = watch->bus->manager->event;
        Told now;
        int r;

        r = sd_event_add_time_relative(event, &watch->soon, CLOCK_MONOTONIC, DELAY_USEC, ACCURACY_USEC, on_soon, watch);
        if (r >= 0)
                r = sd_event_source_set_enabled(watch->soon, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_inotify(event, &watch->top, KERNEL_DIRECTORY, IN_MODIFY | IN_ONLYDIR, on_write, watch);
        if (r >= 0)
                r = watch_trial(watch);
        if (r >= 0)
                r = watch_policies(watch);
        read_now(watch, &now);
        take_over(watch, &now);
        return r;
}

int bus_watch_start(Bus *bus) {
        BusWatch *watch;
        int r;

        if (kernel_abi(bus->manager->kernel) == KERNEL_ABI_NONE)
                return 0;
        watch = calloc(1, sizeof(*watch));
        if (!watch)
                return -ENOMEM;
        *watch = (BusWatch) { .bus = bus, .told = { .switches = { -1, -1 } }, .confirm_fd = -1 };
        bus->watch = watch;
        r = begin(watch);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                say_failure(watch, r);
        return 0;
}
