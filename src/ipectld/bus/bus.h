/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The daemon on the bus.
 */
#ifndef IPECTLD_BUS_H
#define IPECTLD_BUS_H

#include <systemd/sd-bus.h>

#include "callers.h"
#include "findings.h"
#include "manager.h"
#include "polkit.h"
#include "presence.h"
#include "source.h"

/* How old an answer is that was read from the kernel. */
typedef struct BusAge {
        uint64_t until_usec; /* CLOCK_MONOTONIC: may be given again before; 0: there is none */
        uint64_t iteration;  /* of the event loop in which it was found */
        uint64_t commits;    /* of the manager at that time */
} BusAge;

/* A stored version that the kernel has loaded. */
typedef struct BusPlace {
        Digest digest;
        KernelPlace place;
} BusPlace;

/* bus-view.c */
typedef struct BusView {
        BusAge active_age, warning_age, places_age;
        BusPlace *places;
        size_t n_places;
        KernelPolicy active;
        bool active_is_ours; /* a version of the store, that of active_digest */
        bool active_failed, places_failed; /* to be read, at the latest look */
        Digest active_digest;
        bool selected_known, any_selected; /* a version is loaded at the next boot, that of selected_digest */
        Digest selected_digest;
        uint64_t selected_commits; /* of the manager when that was found */
        char *warning; /* NULL for none */
} BusView;

/* bus-text.c: text of a policy in sealed memory */
typedef struct BusText {
        Digest digest;
        int fd;
        size_t size;
} BusText;

typedef struct BusFlood BusFlood;
typedef struct BusWatch BusWatch;

/* What the handlers of the bus need. */
typedef struct Bus {
        sd_bus *bus;
        Callers *callers;
        Presence *presence;
        Polkit *polkit;
        struct Subscribers *subscribers;
        BusView view;
        BusText *texts;
        size_t n_texts;
        size_t forgotten_size; /* bus-text.c: of texts that callers may still have, though their versions are gone */
        TrustList trust;  /* bus-trust.c */
        BusAge trust_age;
        BusWatch *watch;  /* bus-watch.c; NULL without IPE */
        BusFlood *flood;  /* bus-flood.c */
        Manager *manager; /* borrowed */
        Source *source;   /* borrowed */
        struct BusActivation *activation; /* bus-activate.c: the one that is being looked at; NULL if none is */
        struct BusVolumeCall *volume_calls; /* bus-volume.c: those that wait for their answer */
        struct InspectCall *volume_inspect; /* bus-volume.c: the inspection that they wait for, or NULL */
        struct BusBootCall *boot_calls;     /* bus-boot.c: likewise */
        struct BusJobs *jobs;               /* bus-job.c: preflights that run or wait */
} Bus;

/* Connects to the system bus, offers the objects and takes the name. Returns 0 or a negative errno, which was logged. */
int bus_new(Manager *manager, Source *source, sd_event *event, Bus **ret);

Bus *bus_free(Bus *bus);

static inline void bus_freep(Bus **bus) {
        bus_free(*bus);
}

/* bus-reply.c: makes a bus error of what a function of the manager returned. Returns a negative errno, for a handler to return. */
int bus_refuse(sd_bus_error *reterr, int result, const Failure *failure);
/* Makes the error of a user whose budget of calls is used up. Returns as bus_refuse(). */
int bus_refuse_too_many(sd_bus_error *reterr, uid_t uid);
/* Sends an answer, and frees it. r: of filling it. Returns 1, or a negative errno. */
int bus_send_reply(sd_bus_message *reply, int r);
/* Answers with the object of a version; record: NULL for none, which is "/". */
int bus_reply_with_path(sd_bus_message *message, const VersionRecord *record);
/* Appends a pair of name and version; two empty strings where name is NULL. */
int bus_append_pair(sd_bus_message *message, const char *name, const struct ipe_version *version);

/* The polkit action of that name. */
#define ACTION(name) "org.ipe.manager." name

/* bus-reload.c: a handler. */
int method_reload(sd_bus_message *message, void *userdata, sd_bus_error *reterr);

/* bus-preflight.c: a handler; and what it answers with. */
int method_preflight(sd_bus_message *message, void *userdata, sd_bus_error *reterr);
int bus_append_findings(sd_bus_message *message, const Findings *findings);

/* bus-job.c: a handler, and objects. There is one preflight at a time: whoever ends one that is no job says so. */
int method_start_preflight(sd_bus_message *message, void *userdata, sd_bus_error *reterr);
int bus_job_register(Bus *bus);
void bus_job_next(Bus *bus);
/* Ends them all, with a signal to each caller. */
void bus_job_cancel(Bus *bus);

/* bus-can.c: handlers. */
int method_can_activate(sd_bus_message *message, void *userdata, sd_bus_error *reterr);
int method_can_confirm(sd_bus_message *message, void *userdata, sd_bus_error *reterr);
int method_can_end_trial(sd_bus_message *message, void *userdata, sd_bus_error *reterr);
int method_can_roll_back(sd_bus_message *message, void *userdata, sd_bus_error *reterr);
int method_can_deactivate(sd_bus_message *message, void *userdata, sd_bus_error *reterr);
int method_can_discard(sd_bus_message *message, void *userdata, sd_bus_error *reterr);
int method_can_stage(sd_bus_message *message, void *userdata, sd_bus_error *reterr);
int method_can_preflight(sd_bus_message *message, void *userdata, sd_bus_error *reterr);
int method_can_inspect(sd_bus_message *message, void *userdata, sd_bus_error *reterr);
int method_can_set_enforce(sd_bus_message *message, void *userdata, sd_bus_error *reterr);
int method_can_set_success_audit(sd_bus_message *message, void *userdata, sd_bus_error *reterr);

/* bus-activate.c: handlers, and the end of what they wait for. */
int method_activate(sd_bus_message *message, void *userdata, sd_bus_error *reterr);
int method_activate_with_options(sd_bus_message *message, void *userdata, sd_bus_error *reterr);
void bus_activation_cancel(Bus *bus);

/* bus-trial.c: handlers. */
int method_confirm(sd_bus_message *message, void *userdata, sd_bus_error *reterr);
int method_confirm_with_options(sd_bus_message *message, void *userdata, sd_bus_error *reterr);
int method_end_trial(sd_bus_message *message, void *userdata, sd_bus_error *reterr);
int method_rollback(sd_bus_message *message, void *userdata, sd_bus_error *reterr);
int method_rollback_with_options(sd_bus_message *message, void *userdata, sd_bus_error *reterr);
int method_deactivate(sd_bus_message *message, void *userdata, sd_bus_error *reterr);

/* bus-boot.c: handlers, and the end of what they wait for. */
int method_check_boot(sd_bus_message *message, void *userdata, sd_bus_error *reterr);
int method_confirm_boot(sd_bus_message *message, void *userdata, sd_bus_error *reterr);
void bus_boot_cancel(Bus *bus);

/* bus-volume.c: a handler, and the end of what it waits for. */
int method_list_volumes(sd_bus_message *message, void *userdata, sd_bus_error *reterr);
void bus_volume_cancel(Bus *bus);

/* bus-text.c: a handler, and what it keeps. */
int method_open_policy(sd_bus_message *message, void *userdata, sd_bus_error *reterr);
void bus_text_done(Bus *bus);

/* bus-history.c, bus-trust.c: handlers. */
int method_list_transitions(sd_bus_message *message, void *userdata, sd_bus_error *reterr);
int method_list_trust(sd_bus_message *message, void *userdata, sd_bus_error *reterr);

/* bus-watch.c: tells on the bus what others have changed in the kernel. Returns 0 or -ENOMEM; what else fails is logged. */
int bus_watch_start(Bus *bus);
BusWatch *bus_watch_free(BusWatch *watch);
/* A switch is about to be set: announces first what somebody else has made of it. watch: may be NULL. */
void bus_watch_before_switch(BusWatch *watch, KernelSwitch which);
/* The change of a switch was announced. watch: may be NULL. */
void bus_watch_told(BusWatch *watch, KernelSwitch which, bool value);

/* bus-flood.c: counts calls, and refuses those that are too many. Returns 0 or a negative errno. */
int bus_flood_start(Bus *bus, sd_event *event);
BusFlood *bus_flood_free(BusFlood *flood);

/* bus-view.c: whether an answer of that age is too old for the present caller. */
bool bus_age_is_stale(const Bus *bus, const BusAge *age);
/* An answer was found, since a time of CLOCK_MONOTONIC. */
void bus_age_set(const Bus *bus, BusAge *age, uint64_t begun_usec);
/* Which stored version the kernel enforces, or NULL; valid until the next change.
 * ret_active: what the kernel says, borrowed; NULL, or an empty name if none. */
const VersionRecord *bus_view_active(Bus *bus, const KernelPolicy **ret_active);
/* Whether the kernel enforces a stored version. */
bool bus_view_is_active(Bus *bus, const VersionRecord *record);
/* Whether the next boot tries this version first. */
bool bus_view_is_selected(Bus *bus, const VersionRecord *record);
/* Where the kernel has a stored version. Returns whether it has it anywhere; it may be the active one. */
bool bus_view_place(Bus *bus, const VersionRecord *record, KernelPlace *ret);
/* The warning of the manager, borrowed; NULL for none. Returns 0 or -ENOMEM. */
int bus_view_warning(Bus *bus, const char **ret);
void bus_view_done(Bus *bus);

/* bus-policy.c: the objects of versions, and what GetPolicy() and ListPolicies() say. */
int bus_policy_register(Bus *bus);
int bus_policy_append_list(sd_bus_message *reply, Bus *bus);
int bus_policy_append_description(sd_bus_message *reply, Bus *bus, const VersionRecord *record);
/* bus-log.c: org.freedesktop.LogControl1. */
int bus_log_register(Bus *bus);

#endif
