/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Checks whether the system is well under the version on trial. As long as the trial lasts, the daemon asks the service
 * manager again and again: has a unit failed that had not failed before, are the units of the settings active, do the
 * checks succeed that the daemon starts? Besides, the policy must not deny an essential path, and the kernel must
 * enforce, as otherwise the rest says nothing. The first check that fails ends the trial. The settings are those of the
 * moment in which the trial began.
 */
#ifndef IPECTLD_HEALTH_H
#define IPECTLD_HEALTH_H

#include "manager.h"

typedef enum HealthState {
        HEALTH_PENDING,
        HEALTH_PASSED,
        HEALTH_FAILED,
        HEALTH_NONE, /* not configured, or unknown: a result that counts neither way */
        _HEALTH_STATE_MAX,
} HealthState;

/* Returns "pending", and so on. */
const char *health_state_to_string(HealthState state);

typedef struct HealthCheck {
        const char *name; /* "units", "denials", "health-units", "health-command", "health-target", "enforcement" */
        HealthState state;
        Failure detail; /* empty, or the finding */
} HealthCheck;

typedef void (*HealthGood)(Manager *manager);
/* reason: as in "The trial REASON". */
typedef void (*HealthBad)(Manager *manager, const char *reason);

/* Begins, or continues, to watch the trial that the state has. Starts ipe-health.target and ipe-health.service at once,
 * or, if the trial has continued after a reboot, once the boot is up.
 * deadline_usec: end of the trial, CLOCK_BOOTTIME; taken over in any case. */
void health_start(Manager *manager, uint64_t deadline_usec, HealthGood good, HealthBad bad);

/* The boot is up: begins the checks that only such a system can pass, and concludes as health_conclude() as soon as
 * none of them is pending. Only for a trial that has continued after a reboot.
 * Returns false if health is not watched. */
bool health_begin_boot_checks(Manager *manager);

/* The daemon's time of the trial has passed: looks a last time, and then calls one of the two functions.
 * Returns false if health is not watched, and then calls neither. */
bool health_conclude(Manager *manager);

/* Whether the kernel enforces now, and was never seen not to during this trial. */
bool health_check_enforcement(Manager *manager);

/* Why the trial is to end; NULL as long as nothing is wrong. */
const char *health_failure(const Manager *manager);

/* Stops. The results stay until the next trial. */
void health_stop(Manager *manager);

/* The checks of the current trial, or of the last one. Returns how many. */
size_t health_checks(const Manager *manager, const HealthCheck **ret);

void health_free(Manager *manager);

#endif
