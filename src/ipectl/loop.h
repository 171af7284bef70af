/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What verbs that go on until somebody ends them have in common.
 */
#ifndef IPECTL_LOOP_H
#define IPECTL_LOOP_H

#include <systemd/sd-event.h>

#include "ipectl.h"

/* An event loop that SIGINT and SIGTERM end well. ret: to be unreferenced. */
int loop_new(sd_event **ret);

/* Lets out what was printed. A reader that is gone, or a full disk, ends the loop. */
void loop_flush(sd_event *event);

/* Runs it to its end; what is wrong with stdout is said by output_finish(). */
ExitStatus loop_run(sd_event *event);

#endif
