/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ipectld: creates the manager, watches policy.d, connects the bus, and runs.
 */

#include <signal.h>

#include <systemd/sd-daemon.h>

#include "behind.h"
#include "bus-connection.h"
#include "clock.h"
#include "denials.h"
#include "forget.h"
#include "health.h"
#include "log.h"
#include "open-store.h"
#include "preflight.h"
#include "reconcile.h"
#include "source.h"
#include "trial.h"
#include "volumes.h"

/* READY=1 waits for the files of policy.d, but no longer than this. */
#define READY_USEC (2 * USEC_PER_SEC)

static void on_reloaded(int result, const Failure *failure, void *userdata) {
        if (result != -ECANCELED)
                (void) sd_notifyf(false, "READY=1\nSTATUS=%s",
                                  result != 0 ? "Could not reload everything; see the journal." : "");
}

/* Type=notify-reload waits for these two messages. */
static int on_hangup(sd_event_source *event_source, const struct signalfd_siginfo *info, void *userdata) {
        Failure failure = {};
        int r;

        (void) sd_notifyf(false, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long) clock_usec(CLOCK_MONOTONIC));
        r = source_scan(userdata, true, on_reloaded, NULL, &failure);
        if (r != 0)
                on_reloaded(r, &failure, NULL);
        return 0;
}

static int on_ready_timer(sd_event_source *timer, uint64_t usec, void *userdata) {
        (void) sd_notify(false, "READY=1");
        return 0;
}

static void on_first_scan(int result, const Failure *failure, void *userdata) {
        sd_event_source *timer = userdata;
        int enabled;

        if (result != -ECANCELED && sd_event_source_get_enabled(timer, &enabled) >= 0 && enabled != SD_EVENT_OFF)
                (void) sd_notify(false, "READY=1");
        sd_event_source_disable_unref(timer);
}

/* Usually all of policy.d is staged before READY=1. The bus answers from the start. */
static void scan_first(sd_event *event, Source *source) {
        sd_event_source *timer = NULL;
        Failure failure = {};
        int r;

        r = sd_event_add_time_relative(event, &timer, CLOCK_MONOTONIC, READY_USEC, 1, on_ready_timer, NULL);
        if (r >= 0)
                r = source_scan(source, true, on_first_scan, timer, &failure);
        if (r == 0)
                return;
        sd_event_source_disable_unref(timer);
        log_error("Cannot read the policy directories: %s", failure.sentence[0] ? failure.sentence : strerror(-r));
        (void) sd_notify(false, "READY=1");
}

/* Runs while the bus still delivers answers and signals. Records a trial that somebody has confirmed through the
 * kernel's files: after a reboot nobody would know. */
static int on_exit_loop(sd_event_source *source, void *userdata) {
        Manager *manager = userdata;
        Failure failure = {};
        int r;

        preflight_cancel(manager);
        denials_flush(manager->denials);
        r = trial_settle(manager, &failure);
        if (r < 0)
                log_error("Cannot record how a trial ended before ipectld stops: %s",
                          failure.sentence[0] ? failure.sentence : strerror(-r));
        behind_retry(manager);
        return 0;
}

/* sd-bus closes the connection with SD_EVENT_PRIORITY_IMPORTANT. */
static int handle_exit(sd_event *event, Manager *manager) {
        sd_event_source *source;
        int r = sd_event_add_exit(event, &source, on_exit_loop, manager);

        if (r < 0)
                return r;
        r = sd_event_source_set_priority(source, SD_EVENT_PRIORITY_IMPORTANT - 1);
        if (r >= 0)
                r = sd_event_source_set_floating(source, true);
        sd_event_source_unref(source);
        return r;
}

static int handle_signals(sd_event *event, Source *source) {
        sigset_t signals;
        int r;

        (void) sigemptyset(&signals);
        (void) sigaddset(&signals, SIGTERM);
        (void) sigaddset(&signals, SIGINT);
        (void) sigaddset(&signals, SIGHUP);
        if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
                return -errno;
        r = sd_event_add_signal(event, NULL, SIGTERM, NULL, NULL);
        if (r >= 0)
                r = sd_event_add_signal(event, NULL, SIGINT, NULL, NULL);
        if (r >= 0)
                r = sd_event_add_signal(event, NULL, SIGHUP, on_hangup, source);
        return r;
}

/* Returns 0 if the daemon was asked to end, a negative errno, or 1 if the bus closed the connection. */
static int run_loop(sd_event *event, Manager *manager) {
        _cleanup_(source_freep) Source *source = NULL;
        _cleanup_(bus_freep) Bus *bus = NULL;
        int r;

        manager->event = event;
        r = source_new(manager, event, &source);
        if (r >= 0)
                r = handle_signals(event, source);
        if (r >= 0)
                r = handle_exit(event, manager);
        if (r < 0) {
                log_error("Cannot watch the policy directories: %s", strerror(-r));
                return r;
        }
        r = bus_new(manager, source, event, &bus);
        if (r < 0)
                return r;
        /* A failure here is logged, and the daemon goes on: it can still answer, and switch enforcement off. */
        denials_start(manager);
        (void) reconcile(manager);
        volumes_attach(manager);
        (void) sd_event_set_watchdog(event, true);
        scan_first(event, source);
        r = sd_event_loop(event);
        manager->denials = denials_free(manager->denials);
        volumes_detach(manager);
        (void) sd_notify(false, "STOPPING=1");
        if (r < 0)
                log_error("The event loop failed: %s", strerror(-r));
        else if (r > 0)
                log_error("Lost the connection to the system bus: exiting, so that the service manager restarts "
                          "ipectld.");
        return r;
}

static int attach_parts(Manager *manager) {
        int r = trial_attach(manager);

        if (r >= 0)
                r = forget_attach(manager);
        if (r >= 0)
                r = behind_attach(manager);
        return r;
}

static void detach_parts(Manager *manager) {
        if (!manager)
                return;
        manager->n_listeners = 0;
        health_free(manager);
        behind_detach(manager);
        forget_detach(manager);
        trial_detach(manager);
}

int main(int argc, char **argv) {
        _cleanup_(manager_freep) Manager *manager = NULL;
        sd_event *event = NULL;
        int r;

        if (argc > 1) {
                fprintf(stderr, "%s is started by systemd and takes no arguments; see ipectld.service(8).\n", argv[0]);
                return EXIT_FAILURE;
        }
        log_open();
        r = sd_event_default(&event);
        if (r >= 0)
                r = manager_new(&manager);
        if (r >= 0)
                r = attach_parts(manager);
        if (r >= 0)
                r = open_store(manager);
        if (r >= 0)
                r = run_loop(event, manager);
        detach_parts(manager);
        manager = manager_free(manager);
        sd_event_unref(event);
        return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
