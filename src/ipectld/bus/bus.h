/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Shared by the handlers of all calls. Each file of this room has a header of its own, which includes this one.
 */
#ifndef IPECTLD_BUS_H
#define IPECTLD_BUS_H

#include <systemd/sd-bus.h>

#include "callers.h"
#include "manager.h"
#include "polkit.h"
#include "presence.h"

typedef struct BusFlood BusFlood;
typedef struct BusTexts BusTexts;
typedef struct BusTrust BusTrust;
typedef struct BusView BusView;
typedef struct BusWatch BusWatch;

typedef struct Bus {
        sd_bus *bus;
        Callers *callers;
        Presence *presence;
        Polkit *polkit;
        struct Subscribers *subscribers;
        Manager *manager;      /* borrowed */
        struct Source *source; /* borrowed */

        /* Each of these belongs to the file that is named behind it. */
        BusFlood *flood;                    /* bus-flood.c */
        BusTexts *texts;                    /* bus-text.c */
        BusTrust *trust;                    /* bus-trust.c */
        BusView *view;                      /* bus-view.c */
        BusWatch *watch;                    /* bus-watch.c; NULL without IPE */
        struct BusJobs *jobs;               /* bus-job.c: preflights that run or wait */
        struct BusActivation *activation;   /* bus-activate.c: the one that is being prepared, or NULL */
        struct BusWaiter *boot_calls;       /* bus-boot.c: calls that wait for the health checks */
        struct BusWaiter *volume_calls;     /* bus-volume.c: calls that wait for the inspection */
        struct InspectCall *volume_inspect; /* bus-volume.c: that inspection, or NULL */
} Bus;

/* The polkit action of that name. */
#define ACTION(name) "org.ipe.manager." name

#endif
