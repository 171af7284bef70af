/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads a source of kernel events as they come, and rests after each read. A storm of denials must not keep the daemon
 * busy, so it does not try to read all of them:
 *
 *      1. the first event after a quiet time wakes the daemon at once, and it reads
 *      2. the reader does not listen for a while
 *      3. then it listens again: one read gets all events that came meanwhile, and the kernel counts those
 *         that it had no room for
 *
 * Without events there are no wake-ups.
 */
#ifndef IPECTLD_EVENT_READER_H
#define IPECTLD_EVENT_READER_H

#include <systemd/sd-event.h>

#include "base.h"

typedef struct EventReader EventReader;

/* Reads. ret_rest_usec: how long to rest then. Returns 0 or more, or a negative errno. */
typedef int (*EventReaderRead)(void *userdata, uint64_t *ret_rest_usec);

/* Reading failed, or the timer of the rest: the reader does not listen any more. The function may free the reader. */
typedef void (*EventReaderFailed)(int error, void *userdata);

typedef struct EventReaderHandler {
        EventReaderRead read;
        EventReaderFailed failed;
} EventReaderHandler;

/* Listens from now on. fd: borrowed. priority: of sd-event. Returns 0 or a negative errno. */
int event_reader_new(sd_event *event, int fd, int64_t priority, const EventReaderHandler *handler, void *userdata,
                     EventReader **ret);

EventReader *event_reader_free(EventReader *reader);

#endif
