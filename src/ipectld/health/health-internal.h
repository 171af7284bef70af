/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Shared by the files of health: health.c has the checks and the times, health-bus.c the connection to the service
 * manager, and each of the others is responsible for some of the checks.
 */
#ifndef IPECTLD_HEALTH_INTERNAL_H
#define IPECTLD_HEALTH_INTERNAL_H

#include <systemd/sd-bus.h>

#include "health.h"

/* The service manager needs some seconds to reload its units. */
#define HEALTH_ANSWER_USEC (10 * USEC_PER_SEC)

typedef enum CheckIndex {
        CHECK_UNITS,
        CHECK_DENIALS,
        CHECK_HEALTH_UNITS,
        CHECK_HEALTH_COMMAND,
        CHECK_HEALTH_TARGET,
        CHECK_ENFORCEMENT,
        _CHECK_MAX,
} CheckIndex;

/* One of the lists of units that the daemon asks for again and again. */
typedef struct Question {
        sd_bus_slot *call; /* NULL while no call is running */
        bool answered;     /* the latest call was answered; once "concluding", only calls since then count */
} Question;

/* One of our own units, which the daemon starts: health-start.c. */
typedef struct HealthUnit {
        Health *health;
        const char *name;
        CheckIndex check;
        sd_bus_slot *call; /* of RestartUnit() */
        bool wanted;       /* it has something to do */
        bool accepted;     /* the service manager has accepted the start */
        bool asked;        /* the latest call for states includes it */
} HealthUnit;

typedef enum MembersKnown {
        MEMBERS_UNKNOWN,
        MEMBERS_NONE,
        MEMBERS_SOME,
} MembersKnown;

/* The first denial in a unit: if the unit fails, the likely reason. */
typedef struct UnitDenial {
        char *unit, *path;
} UnitDenial;

#define UNIT_DENIALS_MAX 32

struct Health {
        Manager *manager;
        sd_bus *bus;           /* NULL before the first question */
        char *service_manager; /* unique bus name; NULL before the first answer */
        HealthGood good;
        HealthBad bad;
        sd_event_source *timer;
        uint64_t deadline_usec; /* end of the trial, CLOCK_BOOTTIME */
        TrialHealth settings;
        char **essential;                    /* paths that must not be denied */
        UnitDenial denied[UNIT_DENIALS_MAX]; /* the first denial of each unit; of the latest units */
        size_t n_denied;                     /* of all so far */
        Question failed, states;
        size_t n_asked; /* units of "states" */
        HealthUnit command, target;
        sd_bus_slot *members_call;
        MembersKnown members; /* whether ipe-health.target has any unit */
        sd_bus_slot *restarts_match;
        struct Restarting *restarting; /* health-restarts.c */
        bool running;
        bool starts;     /* our own units may be started */
        bool up;         /* the boot is up: conclude once nothing is pending */
        bool concluding; /* the calls that run now are the last ones */
        bool unenforced; /* the kernel was seen not to enforce */
        Failure reason;  /* empty as long as nothing is wrong */
        HealthCheck checks[_CHECK_MAX];
};

/* One element of a list of units; strings are borrowed from the reply. */
typedef struct UnitRow {
        const char *name, *state, *sub_state; /* "active", "running" */
        uint32_t job;                         /* 0 if none is queued */
} UnitRow;

/* health.c */
void health_set_check(Health *health, CheckIndex index, HealthState state);
/* A check has failed: the trial ends soon, with the first such failure as its reason. */
void health_fail(Health *health, CheckIndex index, const char *format, ...) _printf_(3, 4);
/* Adds a remark to a check that has not failed. */
void health_set_detail(Health *health, CheckIndex index, const Failure *detail);
bool health_has_failed(const Health *health);
/* An answer has come; concludes if it was the last one. question: NULL for a call beside the lists. */
void health_answered(Health *health, Question *question);
void health_not_answered(Health *health, const char *why);
/* The kernel was seen not to enforce. */
void health_note_unenforced(Health *health);

/* health-bus.c */
int health_connect(Health *health);
int health_new_call(sd_bus *bus, const char *method, sd_bus_message **ret);
/* Lists the units that have failed, or wait for an automatic restart. */
int health_new_failed_call(sd_bus *bus, sd_bus_message **ret);
#define UNIT_ROWS "(ssssssouso)"
/* Returns 1, 0 at the end, or a negative errno. */
int health_read_row(sd_bus_message *reply, UnitRow *ret);
/* Whether a unit waits for an automatic restart. */
bool health_row_restarts(const UnitRow *row);
const char *health_error_text(const sd_bus_error *error);
/* Whether an error comes from the bus or the library, so that the service manager itself has not answered. */
bool health_is_of_the_bus(sd_bus_message *reply);
void health_forget(Question *question);
/* Drops all calls that run on the connection. */
void health_forget_calls(Health *health);

/* health-units.c */
/* Whether a failure of this unit counts. */
bool health_unit_counts(const Health *health, const char *name);
bool health_has_states(const Health *health);
int health_ask_failed(Health *health);
int health_ask_states(Health *health);

/* health-start.c */
void health_prepare_units(Health *health);
/* Whether every call beside the lists was answered. */
bool health_units_are_known(const Health *health);
bool health_units_are_pending(const Health *health);
int health_start_units(Health *health);
void health_judge_started(Health *health, HealthUnit *unit, const UnitRow *row);
void health_stop_units(Health *health);

/* health-restarts.c */
typedef enum RestartsSeen {
        RESTARTS_FINE,
        RESTARTS_FAILING,
        RESTARTS_UNKNOWN, /* a call is running */
} RestartsSeen;

int health_watch_restarts(Health *health);
/* For a unit that waits for an automatic restart. */
RestartsSeen health_see_restart(Health *health, const UnitRow *row);
void health_forget_restart_calls(Health *health);
void health_forget_restarts(Health *health);

/* health-denials.c: Returns 0 or -ENOMEM. */
int health_watch_denials(Health *health);
/* Returns the first file that the version on trial denied a unit; NULL if none is known. */
const char *health_find_denied(const Health *health, const char *unit);
void health_end_denials(Health *health);

#endif
