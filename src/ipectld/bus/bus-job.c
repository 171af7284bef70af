/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * StartPreflight(): a preflight as an object, /org/ipe/job/N, so that no call has to wait for minutes.
 *
 * The kernel evaluates one policy at a time beside the active one, so one job runs, and the others wait: root's before
 * those of other users, else in the order in which they came. At its end a job sends a signal to its caller alone, as
 * findings name programs of all users. If the caller leaves the bus, its jobs end.
 */

#include "bus-findings.h"
#include "bus-job.h"
#include "bus-options.h"
#include "bus-reply.h"
#include "log.h"
#include "object-path.h"
#include "preflight.h"
#include "shares.h"
#include "timer.h"

/* Interval of the announcements of progress. */
#define TICK_USEC (1000U * 1000)

typedef struct BusJob {
        Bus *bus; /* borrowed */
        char *path;
        char *caller; /* unique name */
        uid_t uid;
        PresenceWatch *watch; /* of the caller; NULL once it has left the bus */
        char *name;
        char version[IPE_VERSION_STRLEN];
        const char *state; /* as announced last, as is progress */
        unsigned progress;
        bool is_canceled;
        struct BusJob *next;
} BusJob;

typedef struct BusJobs {
        BusJob *list; /* the oldest first */
        BusJob *running;
        unsigned long long last_number;
        sd_event_source *next, *tick, *exit;
} BusJobs;

static BusJob *job_free(BusJob *job) {
        if (!job)
                return NULL;
        presence_watch_free(job->watch);
        free(job->path);
        free(job->caller);
        free(job->name);
        free(job);
        return NULL;
}

static void job_freep(BusJob **job) {
        job_free(*job);
}

static void job_add(BusJob *job) {
        BusJob **link = &job->bus->jobs->list;

        while (*link)
                link = &(*link)->next;
        *link = job;
}

static void job_remove(BusJob *job) {
        for (BusJob **link = &job->bus->jobs->list; *link; link = &(*link)->next)
                if (*link == job) {
                        *link = job->next;
                        break;
                }
}

static BusJob *job_find(const Bus *bus, const char *path) {
        for (BusJob *job = bus->jobs->list; job; job = job->next)
                if (streq(job->path, path))
                        return job;
        return NULL;
}

/* Appends the error of a job that has no findings. */
static int append_failure(sd_bus_message *message, const BusJob *job, int result, const Failure *failure) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        (void) bus_refuse(&error, result, failure);
        r = sd_bus_message_append(message, "a{sv}", 4, "Name", "s", job->name, "Version", "s", job->version, "Error",
                                  "s", error.name ?: SD_BUS_ERROR_NO_MEMORY, "Message", "s",
                                  error.message ?: strerror(ENOMEM));
        sd_bus_error_free(&error);
        return r;
}

static int send_finished(const BusJob *job, int result, const Failure *failure, const Findings *findings) {
        static const Findings nothing = {};
        sd_bus_message *message = NULL;
        int r = sd_bus_message_new_signal(job->bus->bus, &message, job->path, JOB_INTERFACE, "Finished");

        if (r >= 0)
                r = sd_bus_message_append(message, "s",
                                          job->is_canceled ? "canceled"
                                          : result == 0    ? "done"
                                                           : "failed");
        if (r >= 0)
                r = bus_findings_append(message, result == 0 ? findings : &nothing);
        if (r >= 0)
                r = result == 0 ? sd_bus_message_append(message, "a{sv}", 2, "Name", "s", job->name, "Version", "s",
                                                        job->version)
                                : append_failure(message, job, result, failure);
        if (r >= 0)
                r = sd_bus_send_to(job->bus->bus, message, job->caller, NULL);
        sd_bus_message_unref(message);
        return r;
}

/* Announces the end of a job, and frees it. */
static void job_finish(BusJob *job, int result, const Failure *failure, const Findings *findings) {
        Failure own = *failure;
        int r = 0;

        if (job->is_canceled)
                failure_set(&own, FAILURE_BUSY, "The preflight of '%s' %s was canceled.", job->name, job->version);
        if (job->watch)
                r = send_finished(job, result, &own, findings);
        if (r >= 0)
                r = sd_bus_emit_object_removed(job->bus->bus, job->path);
        if (r < 0)
                log_warning("Cannot announce that the preflight of '%s' has ended: %s", job->name, strerror(-r));
        job_remove(job);
        job_free(job);
}

static void on_done(int result, const Failure *failure, const Findings *findings, void *userdata) {
        BusJob *job = userdata;
        Bus *bus = job->bus;

        bus->jobs->running = NULL;
        job_finish(job, result, failure, findings);
        bus_job_next(bus);
}

/* If the job runs, on_done() follows. */
static void job_cancel(BusJob *job) {
        const Failure failure = {};

        job->is_canceled = true;
        if (job->bus->jobs->running == job) {
                preflight_cancel(job->bus->manager);
                return;
        }
        job_finish(job, -ECANCELED, &failure, NULL);
}

static void on_caller_gone(void *userdata) {
        BusJob *job = userdata;

        job->watch = presence_watch_free(job->watch);
        job_cancel(job);
}

static const char *find_state(const BusJob *job, unsigned *ret_progress) {
        *ret_progress = 0;
        if (job != job->bus->jobs->running)
                return "waiting";
        return preflight_is_watching(job->bus->manager, ret_progress) ? "watching" : "inspecting";
}

static void announce_progress(BusJob *job) {
        unsigned progress;
        const char *state = find_state(job, &progress);
        int r = 0;

        if (!streq(state, job->state))
                r = sd_bus_emit_properties_changed(job->bus->bus, job->path, JOB_INTERFACE, "State", "Progress", NULL);
        else if (progress != job->progress)
                r = sd_bus_emit_properties_changed(job->bus->bus, job->path, JOB_INTERFACE, "Progress", NULL);
        if (r < 0)
                log_debug("Cannot announce the progress of the preflight of '%s', ignoring: %s", job->name,
                          strerror(-r));
        job->state = state;
        job->progress = progress;
}

static int on_tick(sd_event_source *tick, uint64_t usec, void *userdata) {
        const Bus *bus = userdata;

        if (!bus->jobs->running)
                return 0;
        announce_progress(bus->jobs->running);
        return timer_start(tick, TICK_USEC);
}

/* Without the timer the job announces no progress, and runs all the same. */
static void start_tick(const Bus *bus) {
        int r = timer_start(bus->jobs->tick, TICK_USEC);

        if (r < 0)
                log_debug("Cannot start a timer, ignoring: %s", strerror(-r));
}

/* Returns as preflight_start(). */
static int job_start(BusJob *job, Failure *reterr) {
        int r = preflight_start(job->bus->manager, job->name, job->version, on_done, job, reterr);

        if (r == 0) {
                job->bus->jobs->running = job;
                start_tick(job->bus);
        }
        return r;
}

static BusJob *find_next(const BusJobs *jobs) {
        for (BusJob *job = jobs->list; job; job = job->next)
                if (job->uid == 0)
                        return job;
        return jobs->list;
}

static int on_next(sd_event_source *source, void *userdata) {
        Bus *bus = userdata;
        BusJob *job = bus->manager->preflight ? NULL : find_next(bus->jobs);
        Failure failure = {};
        int r;

        if (!job)
                return 0;
        r = job_start(job, &failure);
        if (r == 0) {
                announce_progress(job);
                return 0;
        }
        job_finish(job, r, &failure, NULL);
        bus_job_next(bus);
        return 0;
}

/* Later, from the event loop: the preflight that has ended is still being freed. At the end of the daemon there are no
 * jobs. */
void bus_job_next(const Bus *bus) {
        int r = bus->jobs && bus->jobs->list ? sd_event_source_set_enabled(bus->jobs->next, SD_EVENT_ONESHOT) : 0;

        if (r < 0)
                log_error("Cannot go on with the next preflight: %s", strerror(-r));
}

static void cancel_all(const Bus *bus) {
        while (bus->jobs->list)
                job_cancel(bus->jobs->list);
}

/* While the bus still delivers signals: sd-bus closes the connection with SD_EVENT_PRIORITY_IMPORTANT. */
static int on_exit_loop(sd_event_source *source, void *userdata) {
        cancel_all(userdata);
        return 0;
}

void bus_job_cancel(Bus *bus) {
        if (!bus->jobs)
                return;
        cancel_all(bus);
        sd_event_source_disable_unref(bus->jobs->next);
        sd_event_source_disable_unref(bus->jobs->tick);
        sd_event_source_disable_unref(bus->jobs->exit);
        free(bus->jobs);
        bus->jobs = NULL;
}

/* Jobs that run or wait. */
static bool has_room(const BusJobs *jobs, uid_t uid) {
        static const ShareLimits limits = { .root = 16, .others = 16, .per_user = 4 };
        Shares shares = { .uid = uid };

        for (const BusJob *job = jobs->list; job; job = job->next)
                shares_count(&shares, job->uid);
        return shares_have_room(&shares, &limits);
}

static int job_new(Bus *bus, sd_bus_message *message, uid_t uid, const VersionRecord *record, BusJob **ret) {
        _cleanup_(job_freep) BusJob *job = calloc(1, sizeof(*job));
        int r;

        if (!job)
                return -ENOMEM;
        job->bus = bus;
        job->uid = uid;
        job->state = "waiting";
        job->name = strdup(record->name);
        job->caller = strdup(sd_bus_message_get_sender(message));
        if (!job->name || !job->caller || asprintf(&job->path, JOB_PREFIX "/%llu", ++bus->jobs->last_number) < 0)
                return -ENOMEM;
        ipe_version_print(&record->version, job->version);
        r = presence_watch(bus->presence, message, on_caller_gone, job, &job->watch);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(job);
        return 0;
}

/* ret: in the list, and running if no other preflight is. */
static int job_begin(Bus *bus, sd_bus_message *message, uid_t uid, const VersionRecord *record, BusJob **ret,
                     Failure *reterr) {
        _cleanup_(job_freep) BusJob *job = NULL;
        int r = job_new(bus, message, uid, record, &job);

        if (r == 0 && !bus->manager->preflight && !bus->jobs->list)
                r = job_start(job, reterr);
        if (r != 0)
                return r;
        job->state = find_state(job, &job->progress);
        *ret = TAKE_PTR(job);
        job_add(*ret);
        return 0;
}

/* Checks all that can refuse the call, and makes the job. */
static int start(Bus *bus, sd_bus_message *message, const char *name, const char *version, BusJob **ret,
                 sd_bus_error *reterr) {
        const VersionRecord *record;
        Failure failure = {};
        uid_t uid;
        int r = callers_find_uid(bus->callers, message, &uid);

        if (r < 0)
                return r;
        if (!has_room(bus->jobs, uid))
                return sd_bus_error_set(reterr, SD_BUS_ERROR_LIMITS_EXCEEDED, "Too many preflights wait already.");
        r = preflight_find(bus->manager, name, version, &record, &failure);
        if (r == 0)
                r = job_begin(bus, message, uid, record, ret, &failure);
        return r != 0 ? bus_refuse(reterr, r, &failure) : 0;
}

int method_start_preflight(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        Bus *bus = userdata;
        const char *name, *version = NULL;
        const BusOption options[] = { { "version", "s", &version }, {} };
        BusJob *job;
        int r = bus_read_text(message, "name", &name, reterr);

        if (r >= 0)
                r = bus_read_options(message, options, reterr);
        if (r >= 0)
                r = bus_findings_authorise(bus, message, name, version, reterr);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = start(bus, message, name, version, &job, reterr);
        if (r < 0)
                return r;
        r = sd_bus_emit_object_added(bus->bus, job->path);
        if (r < 0)
                log_warning("Cannot announce that a preflight of '%s' has begun, ignoring: %s", name, strerror(-r));
        return sd_bus_reply_method_return(message, "o", job->path);
}

/* Objects */

static int find_job(sd_bus *sd, const char *path, const char *interface, void *userdata, void **ret_found,
                    sd_bus_error *reterr) {
        BusJob *job = job_find(userdata, path);

        *ret_found = job;
        return job != NULL;
}

static int list_jobs(sd_bus *sd, const char *prefix, void *userdata, char ***ret_nodes, sd_bus_error *reterr) {
        const BusJobs *jobs = ((const Bus *) userdata)->jobs;
        char **nodes;
        size_t n = 0;

        for (const BusJob *job = jobs->list; job; job = job->next)
                n++;
        nodes = calloc(n + 1, sizeof(char *));
        n = 0;
        for (const BusJob *job = jobs->list; job && nodes; job = job->next)
                if (!(nodes[n++] = strdup(job->path)))
                        nodes = strv_free(nodes);
        if (!nodes)
                return -ENOMEM;
        *ret_nodes = nodes;
        return 1;
}

static int get_text(sd_bus *sd, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                    void *userdata, sd_bus_error *reterr) {
        const BusJob *job = userdata;
        unsigned progress;

        return sd_bus_message_append(reply, "s",
                                     streq(property, "State")  ? find_state(job, &progress)
                                     : streq(property, "Name") ? job->name
                                                               : job->version);
}

static int get_progress(sd_bus *sd, const char *path, const char *interface, const char *property,
                        sd_bus_message *reply, void *userdata, sd_bus_error *reterr) {
        unsigned progress;

        (void) find_state(userdata, &progress);
        return sd_bus_message_append(reply, "u", progress);
}

/* The caller needs no right to cancel a job of its own. */
static int method_cancel(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        BusJob *job = userdata;
        const char *sender = sd_bus_message_get_sender(message);
        int r = 1;

        if (!sender || !streq(sender, job->caller))
                r = bus_findings_authorise(job->bus, message, job->name, job->version, reterr);
        if (r <= 0)
                return r < 0 ? r : 1;
        job_cancel(job);
        return sd_bus_reply_method_return(message, "");
}

static const sd_bus_vtable job_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("Cancel", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method_cancel, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("Name", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Version", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("State", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Progress", "u", get_progress, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_SIGNAL_WITH_ARGS("Finished", SD_BUS_ARGS("s", result, "a(ssss)", findings, "a{sv}", details), 0),
        SD_BUS_VTABLE_END,
};

/* Runs before main.c cancels a preflight that is no job. */
static int add_exit(Bus *bus) {
        int r = sd_event_add_exit(bus->manager->event, &bus->jobs->exit, on_exit_loop, bus);

        return r < 0 ? r : sd_event_source_set_priority(bus->jobs->exit, SD_EVENT_PRIORITY_IMPORTANT - 2);
}

/* Both are off until there is a job. */
static int add_sources(Bus *bus) {
        sd_event *event = bus->manager->event;
        int r = sd_event_add_defer(event, &bus->jobs->next, on_next, bus);

        if (r >= 0)
                r = sd_event_source_set_enabled(bus->jobs->next, SD_EVENT_OFF);
        if (r >= 0)
                r = timer_new(event, 0, on_tick, bus, &bus->jobs->tick);
        return r < 0 ? r : add_exit(bus);
}

int bus_job_register(Bus *bus) {
        int r;

        bus->jobs = calloc(1, sizeof(*bus->jobs));
        if (!bus->jobs)
                return -ENOMEM;
        r = add_sources(bus);
        if (r >= 0)
                r = sd_bus_add_fallback_vtable(bus->bus, NULL, JOB_PREFIX, JOB_INTERFACE, job_vtable, find_job, bus);
        return r < 0 ? r : sd_bus_add_node_enumerator(bus->bus, NULL, JOB_PREFIX, list_jobs, bus);
}
