/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Timers of CLOCK_MONOTONIC that are made once, so that starting one needs no memory.
 */
#ifndef IPECTLD_TIMER_H
#define IPECTLD_TIMER_H

#include <systemd/sd-event.h>

/* Makes a timer that does not run. accuracy_usec: 0 for the default of sd-event. Returns 0 or a negative errno. */
int timer_new(sd_event *event, uint64_t accuracy_usec, sd_event_time_handler_t handler, void *userdata,
              sd_event_source **ret);

/* Lets the handler run once, after so much time from now, also if the timer runs already. Returns 0 or a negative
 * errno. */
int timer_start(sd_event_source *timer, uint64_t usec);

#endif
