/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Is the system well under the policy on trial? The service manager is asked again and again as long as the trial lasts:
 * has a unit failed that had not failed before, are the units of the settings active, do the checks succeed that the daemon
 * starts; no path that is essential may be denied; and all that says something only while the kernel enforces. The first check
 * that fails ends the trial. The settings are those of the moment in which the trial began.
 */
#ifndef IPECTLD_HEALTH_H
#define IPECTLD_HEALTH_H

#include "manager.h"

typedef enum HealthState {
        HEALTH_PENDING,
        HEALTH_PASSED,
        HEALTH_FAILED,
        HEALTH_NONE, /* not configured, or nobody can tell: no result, which counts neither way */
        _HEALTH_STATE_MAX,
} HealthState;

/* "pending"... */
const char *health_state_to_string(HealthState state);

typedef struct HealthCheck {
        const char *name;  /* "units", "denials", "health-units", "health-command", "health-target", "enforcement" */
        HealthState state;
        Failure detail;    /* empty, or what was found */
} HealthCheck;

typedef void (*HealthGood)(Manager *manager);
/* reason: as in "The trial REASON". */
typedef void (*HealthBad)(Manager *manager, const char *reason);

/* Begins, or goes on, to watch over the trial that the state has; does nothing if it does already. ipe-health.target and
 * ipe-health.service are started at once, but where the trial has outlived a reboot.
 * deadline_usec: end of the trial, CLOCK_BOOTTIME; taken over in any case. */
void health_start(Manager *manager, uint64_t deadline_usec, HealthGood good, HealthBad bad);

/* The boot is up: what only a system that is up can pass is looked at from then on, and as soon as nothing is pending of it, the
 * checks are concluded as by health_conclude(). Only where the trial has outlived a reboot.
 * Returns false if health is not watched. */
bool health_boot_is_up(Manager *manager);

/* The trial is over, as far as the daemon knows: looks a last time, and then calls one of the two functions.
 * Returns false if health is not watched, so that nothing will be called. */
bool health_conclude(Manager *manager);

/* Whether the kernel enforces now, and was never seen not to in the course of this trial. */
bool health_is_enforced(Manager *manager);

/* Why the trial is to end; NULL as long as nothing is wrong. */
const char *health_failure(const Manager *manager);

/* Stops. What was found is kept until the next trial. */
void health_stop(Manager *manager);

/* The checks of the trial that is under way, or of the last one. Returns how many. */
size_t health_checks(const Manager *manager, const HealthCheck **ret);

void health_free(Manager *manager);

#endif
