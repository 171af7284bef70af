/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The daemon on the bus.
 */
#ifndef IPECTLD_BUS_H
#define IPECTLD_BUS_H

#include <systemd/sd-bus.h>

#include "manager.h"
#include "polkit.h"
#include "source.h"

/* What the handlers of the bus need. */
typedef struct Bus {
        sd_bus *bus;
        Polkit *polkit;
        Manager *manager; /* borrowed */
        Source *source;   /* borrowed */
        struct BusActivation *activation; /* bus-activate.c: the one that is being looked at; NULL if none is */
        struct BusVolumeCall *volume_calls; /* bus-volume.c: those that wait for their answer */
        struct BusBootCall *boot_calls;     /* bus-boot.c: likewise */
} Bus;

/* Connects to the system bus, offers the objects and takes the name. Returns 0 or a negative errno, which was logged. */
int bus_new(Manager *manager, Source *source, sd_event *event, Bus **ret);

Bus *bus_free(Bus *bus);

static inline void bus_freep(Bus **bus) {
        bus_free(*bus);
}

/* bus-reply.c: makes a bus error of what a function of the manager returned. Returns a negative errno, for a handler to return. */
int bus_refuse(sd_bus_error *reterr, int result, const Failure *failure);
/* Answers with the object of a version; record: NULL for none, which is "/". */
int bus_reply_with_path(sd_bus_message *message, const VersionRecord *record);
/* Appends a pair of name and version; two empty strings where name is NULL. */
int bus_append_pair(sd_bus_message *message, const char *name, const struct ipe_version *version);

/* The polkit action of that name. */
#define ACTION(name) "org.ipe.manager." name

/* bus-preflight.c: a handler. */
int method_preflight(sd_bus_message *message, void *userdata, sd_bus_error *reterr);

/* bus-activate.c: handlers, and the end of what they wait for. */
int method_activate(sd_bus_message *message, void *userdata, sd_bus_error *reterr);
int method_activate_with_options(sd_bus_message *message, void *userdata, sd_bus_error *reterr);
void bus_activation_cancel(Bus *bus);

/* bus-boot.c: handlers, and the end of what they wait for. */
int method_check_boot(sd_bus_message *message, void *userdata, sd_bus_error *reterr);
int method_confirm_boot(sd_bus_message *message, void *userdata, sd_bus_error *reterr);
void bus_boot_cancel(Bus *bus);

/* bus-volume.c: a handler, and the end of what it waits for. */
int method_list_volumes(sd_bus_message *message, void *userdata, sd_bus_error *reterr);
void bus_volume_cancel(Bus *bus);

/* bus-policy.c: the objects of versions, and what GetPolicy() and ListPolicies() say. */
int bus_policy_register(Bus *bus);
int bus_policy_append_list(sd_bus_message *reply, const Manager *manager);
int bus_policy_append_description(sd_bus_message *reply, const Manager *manager, const VersionRecord *record,
                                  Failure *reterr);
/* bus-log.c: org.freedesktop.LogControl1. */
int bus_log_register(Bus *bus);

#endif
