/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A preflight: the simulation, and then the shadow, in steps. On the right: what undoes or explains the step.
 *
 *       1. state.json: "shadowing" DIGEST       cleared at the next start, which also does step 5
 *       2. the kernel: shadow 1
 *       3. events are read as they come, until the time has passed; the daemon serves others meanwhile
 *       4. check that the kernel still evaluates this very policy: else the shadow may have ended at any time, and
 *          the result is unknown
 *       5. the kernel: shadow 0
 *       6. state.json without "shadowing", and the answer
 *
 * A policy that somebody else has put into the shadow stays there: steps 1 and 5 are left out.
 */

#include "activate.h"
#include "clock.h"
#include "event-reader.h"
#include "explain.h"
#include "kernel-event.h"
#include "kernel-extended.h"
#include "log.h"
#include "mark.h"
#include "policy-version.h"
#include "preflight.h"
#include "simulate.h"
#include "trial.h"

/* Pause between two readings of the events. */
#define REST_USEC (250U * 1000)

struct Preflight {
        Manager *manager;
        char *name;
        char version[IPE_VERSION_STRLEN];
        Digest digest;
        Simulation *simulation;          /* NULL once it has ended; only then the fields below are used */
        uint64_t start_ns;               /* CLOCK_BOOTTIME; earlier events are not from this preflight */
        uint64_t watch_usec, until_usec; /* length of the shadow, and its end in CLOCK_MONOTONIC; 0 before it */
        bool in_shadow;
        bool keep_shadow; /* somebody else has put it there */
        int events_fd;
        EventReader *reader;
        sd_event_source *timer;
        Findings findings;
        int error;
        PreflightDone done;
        void *userdata;
};

static Preflight *preflight_free(Preflight *preflight) {
        if (!preflight)
                return NULL;
        simulate_cancel(preflight->simulation);
        event_reader_free(preflight->reader);
        sd_event_source_disable_unref(preflight->timer);
        safe_close(preflight->events_fd);
        findings_done(&preflight->findings);
        free(preflight->name);
        free(preflight);
        return NULL;
}

static void preflight_freep(Preflight **preflight) {
        preflight_free(*preflight);
}

static void on_event(const KernelEvent *event, void *userdata) {
        Preflight *preflight = userdata;
        Finding *finding;
        int r;

        preflight->findings.missed += event->lost;
        if (!event->shadow || !event->denied || event->time_ns < preflight->start_ns || !event->policy_name ||
            !streq(event->policy_name, preflight->name) || !event->policy_version ||
            !streq(event->policy_version, preflight->version))
                return;
        /* Only findings of the simulation can block an activation. */
        r = findings_add(&preflight->findings, SCOPE_USERS, event->path, event->operation, event->rule, &finding);
        if (r >= 0 && finding)
                r = process_list_add(&finding->processes, event->comm ?: "", event->pid);
        if (r < 0)
                preflight->error = r;
}

/* Steps 5 and 6, without the answer. */
static void end_shadow(Manager *manager, const char *name) {
        int r = kernel_end_shadow(manager->kernel, name);

        if (r < 0)
                log_warning("Cannot take '%s' out of the kernel's shadow: %s", name, kernel_strerror(r));
        else
                shadow_unmark(manager);
}

/* Somebody, or another method of the daemon, may have ended the shadow without a trace. */
static int check_watched(const Preflight *preflight, Failure *reterr) {
        int r = manager_is_shadowed(preflight->manager, preflight->name, &preflight->digest);

        if (r < 0)
                return explain_unknown(r, "which policy the kernel has evaluated", reterr);
        if (r > 0)
                return 0;
        failure_set(reterr, FAILURE_BUSY,
                    "'%s' %s was replaced, activated or unloaded during the preflight, so its "
                    "result is unknown: run the preflight again.",
                    preflight->name, preflight->version);
        return -ECANCELED;
}

static int read_rest(Preflight *preflight, Failure *reterr) {
        int r = kernel_read_events(preflight->events_fd, on_event, preflight);

        if (r < 0)
                return failure_set_errno(reterr, r, "Cannot read the kernel's events");
        preflight->findings.missed += r > 0;
        return preflight->error;
}

/* Call before the shadow ends: after that, nobody can say what the kernel has evaluated. */
static int collect(Preflight *preflight, Failure *reterr) {
        int r = check_watched(preflight, reterr);

        return r < 0 ? r : read_rest(preflight, reterr);
}

static void finish(Manager *manager, int result, const Failure *failure) {
        _cleanup_(preflight_freep) Preflight *preflight = TAKE_PTR(manager->preflight);

        if (result == 0)
                result = findings_finish(&preflight->findings);
        if (preflight->in_shadow && !preflight->keep_shadow)
                end_shadow(manager, preflight->name);
        if (result != 0)
                findings_done(&preflight->findings);
        preflight->done(result, failure, &preflight->findings, preflight->userdata);
}

static int on_time(sd_event_source *timer, uint64_t usec, void *userdata) {
        Manager *manager = userdata;
        Failure failure = {};
        int r = collect(manager->preflight, &failure);

        finish(manager, r, &failure);
        return 0;
}

/* If everything is denied at once, the kernel keeps the events that it has room for, and counts the others. */
static int read_and_rest(void *userdata, uint64_t *ret_rest_usec) {
        Preflight *preflight = userdata;

        *ret_rest_usec = REST_USEC;
        return kernel_read_events(preflight->events_fd, on_event, preflight);
}

static void on_failed(int error, void *userdata) {
        const Preflight *preflight = userdata;
        Failure failure = {};

        failure_set_errno(&failure, error, "Cannot read the kernel's events");
        finish(preflight->manager, error, &failure);
}

static int watch(Preflight *preflight) {
        static const EventReaderHandler handler = { .read = read_and_rest, .failed = on_failed };
        Manager *manager = preflight->manager;
        int r;

        preflight->watch_usec = manager->config.preflight_sec * USEC_PER_SEC;
        preflight->until_usec = clock_usec(CLOCK_MONOTONIC) + preflight->watch_usec;
        r = event_reader_new(manager->event, preflight->events_fd, SD_EVENT_PRIORITY_NORMAL, &handler, preflight,
                             &preflight->reader);
        if (r >= 0)
                r = sd_event_add_time(manager->event, &preflight->timer, CLOCK_MONOTONIC, preflight->until_usec, 0,
                                      on_time, manager);
        preflight->start_ns = 1000 * clock_usec(CLOCK_BOOTTIME);
        return r < 0 ? r : 0;
}

static int put_into_shadow(Preflight *preflight, const VersionRecord *record, const PolicyVersion *version,
                           Failure *reterr) {
        Manager *manager = preflight->manager;
        size_t size;
        const void *data = envelope_data(verified_envelope_get(version->verified), &size);
        const struct ipe_version number = record->version;
        Digest digest = record->digest;
        int r;

        r = manager_is_shadowed(manager, preflight->name, &digest);
        if (r < 0)
                return explain_kernel(manager, r, reterr);
        preflight->keep_shadow = r > 0;
        if (!preflight->keep_shadow) {
                r = shadow_mark(manager, preflight->name, &digest, reterr);
                if (r < 0)
                        return r;
        }
        r = kernel_shadow(manager->kernel, preflight->name, &number, data, size);
        preflight->in_shadow = r >= 0;
        if (r >= 0)
                return 0;
        if (!preflight->keep_shadow)
                shadow_unmark(manager);
        if (r == -EEXIST)
                return failure_set(reterr, FAILURE_BUSY,
                                   "The kernel has another version of '%s' loaded, which a preflight would replace: "
                                   "discard that version, or write 1 to " KERNEL_DIRECTORY "/policies/%s/delete.",
                                   preflight->name, preflight->name);
        if (r == -EBUSY)
                return failure_set(reterr, FAILURE_BUSY,
                                   "The kernel already evaluates another policy in the shadow of the active one, or "
                                   "that version is on trial.");
        return explain_kernel(manager, r, reterr);
}

static bool can_watch(const Manager *manager) {
        return manager->config.preflight_sec > 0 && kernel_has_feature(manager->kernel, "shadow") &&
               kernel_has_feature(manager->kernel, "events");
}

/* The version may have changed during the simulation. */
static int start_watch(Preflight *preflight, Failure *reterr) {
        Manager *manager = preflight->manager;
        const VersionRecord *record = store_state_find_digest(manager->state, &preflight->digest);
        _cleanup_(policy_version_freep) PolicyVersion *version = NULL;
        _cleanup_(envelope_freep) Envelope *envelope = NULL;
        int r;

        if (!record)
                return failure_set(reterr, FAILURE_NO_SUCH_POLICY, "'%s' %s was discarded meanwhile.", preflight->name,
                                   preflight->version);
        r = manager_open_envelope(manager, record, &envelope, reterr);
        if (r == 0)
                r = policy_version_new(manager, &envelope, &version, reterr);
        if (r != 0)
                return r;
        preflight->events_fd = kernel_open_events(manager->kernel);
        if (preflight->events_fd < 0)
                return failure_set_errno(reterr, preflight->events_fd, "Cannot open the kernel's events");
        r = watch(preflight);
        if (r < 0)
                return failure_set_errno(reterr, r, "Cannot wait for the kernel's events");
        return put_into_shadow(preflight, record, version, reterr);
}

static void on_simulated(int result, const Failure *failure, Findings *findings, void *userdata) {
        Manager *manager = userdata;
        Preflight *preflight = manager->preflight;
        Failure own = *failure;

        preflight->simulation = NULL;
        preflight->findings = *findings;
        *findings = (Findings) {};
        if (result == 0 && can_watch(manager)) {
                result = start_watch(preflight, &own);
                if (result == 0)
                        return;
        }
        finish(manager, result, &own);
}

static int find_waiting(const Manager *manager, const char *name, const char *version, const VersionRecord **ret,
                        Failure *reterr) {
        const VersionRecord *record;
        int r = manager_find(manager, name, version, &record, reterr);

        if (r == 0 && record->state != VERSION_STAGED && record->state != VERSION_FAILED)
                return failure_set(reterr, FAILURE_NO_SUCH_POLICY,
                                   "'%s' %s does not wait to be activated: its state is '%s'.", name, version,
                                   version_state_to_string(record->state));
        if (r == 0)
                *ret = record;
        return r;
}

int preflight_find(Manager *manager, const char *name, const char *version, const VersionRecord **ret,
                   Failure *reterr) {
        const VersionRecord *record;
        int r = trial_settle(manager, reterr);

        if (r != 0)
                return r;
        if (version && *version)
                return find_waiting(manager, name, version, ret, reterr);
        record = activation_candidate(manager->state, name);
        if (!record || record->state == VERSION_CONFIRMED)
                return failure_set(reterr, FAILURE_NO_SUCH_POLICY,
                                   "No version of '%s' waits to be activated: put the signed policy into "
                                   "/etc/ipe/policy.d/.",
                                   name);
        *ret = record;
        return 0;
}

int preflight_start(Manager *manager, const char *name, const char *version, PreflightDone done, void *userdata,
                    Failure *reterr) {
        _cleanup_(preflight_freep) Preflight *preflight = calloc(1, sizeof(*preflight));
        const VersionRecord *record = NULL;
        int r;

        if (!preflight)
                return -ENOMEM;
        *preflight = (Preflight) { .manager = manager, .events_fd = -1, .done = done, .userdata = userdata };
        r = preflight_find(manager, name, version, &record, reterr);
        if (r == 0 && manager->preflight)
                r = failure_set(reterr, FAILURE_BUSY, "A preflight of '%s' is running: try again in a moment.",
                                manager->preflight->name);
        if (r != 0)
                return r;
        preflight->name = strdup(name);
        if (!preflight->name)
                return -ENOMEM;
        ipe_version_print(&record->version, preflight->version);
        preflight->digest = record->digest;
        r = simulate_start(manager, record, on_simulated, manager, &preflight->simulation, reterr);
        if (r == 0)
                manager->preflight = TAKE_PTR(preflight);
        return r;
}

bool preflight_is_watching(const Manager *manager, unsigned *ret) {
        const Preflight *preflight = manager->preflight;
        uint64_t now = clock_usec(CLOCK_MONOTONIC), left;

        if (!preflight || preflight->watch_usec == 0)
                return false;
        left = preflight->until_usec > now ? preflight->until_usec - now : 0;
        *ret = (unsigned) (100 - left * 100 / preflight->watch_usec);
        return true;
}

void preflight_cancel(Manager *manager) {
        Failure failure = {};

        if (!manager->preflight)
                return;
        failure_set(&failure, FAILURE_BUSY, "The preflight was cut off: ipectld stops, or its caller has gone.");
        finish(manager, -ECANCELED, &failure);
}

void preflight_recover(Manager *manager) {
        _cleanup_free_ char *name = manager->state->shadowing ? strdup(manager->state->shadowing) : NULL;
        int r;

        if (!name)
                return;
        r = manager_is_shadowed(manager, name, &manager->state->shadowing_digest);
        if (r > 0)
                end_shadow(manager, name);
        else if (r == 0 || r == -EOPNOTSUPP || r == -ENODEV)
                shadow_unmark(manager);
        else
                log_warning("Cannot find out whether '%s' is in the kernel's shadow: %s", name, kernel_strerror(r));
}
