/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The event loop of verbs that run until Ctrl-C.
 */
#ifndef IPECTL_LOOP_H
#define IPECTL_LOOP_H

#include <systemd/sd-event.h>

#include "ipectl.h"

/* Makes an event loop that SIGINT and SIGTERM end with STATUS_OK. ret: to be unreferenced. */
int loop_new(sd_event **ret);

/* Flushes stdout. Ends the loop if that fails: the reader is gone, or the disk is full. */
void loop_flush(sd_event *event);

/* Runs the loop to its end; output_finish() reports errors of stdout. */
ExitStatus loop_run(sd_event *event);

#endif
