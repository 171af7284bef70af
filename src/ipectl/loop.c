/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The event loop of "watch" and "log --follow".
 */

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "loop.h"
#include "output.h"

int loop_new(sd_event **ret) {
        sd_event *event = NULL;
        int r;

        r = sd_event_new(&event);
        /* Without a handler the loop ends, with the last argument as its result. */
        if (r >= 0)
                r = sd_event_add_signal(event, NULL, SIGINT | SD_EVENT_SIGNAL_PROCMASK, NULL, NULL);
        if (r >= 0)
                r = sd_event_add_signal(event, NULL, SIGTERM | SD_EVENT_SIGNAL_PROCMASK, NULL, NULL);
        if (r < 0) {
                sd_event_unref(event);
                return r;
        }
        *ret = event;
        return 0;
}

void loop_flush(sd_event *event) {
        if (fflush(stdout) != 0)
                (void) sd_event_exit(event, STATUS_FAILED);
}

ExitStatus loop_run(sd_event *event) {
        int r = sd_event_loop(event);

        if (r >= 0)
                return r;
        say_error("Failed to wait for events: %s", strerror(-r));
        return STATUS_FAILED;
}
