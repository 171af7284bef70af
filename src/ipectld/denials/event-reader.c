/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Two event sources by turns: one that listens, and a timer for the rest.
 */

#include <sys/epoll.h>

#include "event-reader.h"
#include "timer.h"

struct EventReader {
        EventReaderHandler handler;
        void *userdata;
        sd_event_source *readable, *rest;
};

static void event_reader_freep(EventReader **reader) {
        event_reader_free(*reader);
}

static int on_rest_over(sd_event_source *rest, uint64_t usec, void *userdata) {
        const EventReader *reader = userdata;

        return sd_event_source_set_enabled(reader->readable, SD_EVENT_ON);
}

static int on_readable(sd_event_source *readable, int fd, uint32_t revents, void *userdata) {
        const EventReader *reader = userdata;
        uint64_t rest_usec = 0;
        int r;

        (void) sd_event_source_set_enabled(readable, SD_EVENT_OFF);
        r = reader->handler.read(reader->userdata, &rest_usec);
        if (r >= 0)
                r = timer_start(reader->rest, rest_usec);
        if (r < 0)
                reader->handler.failed(r, reader->userdata);
        return 0;
}

int event_reader_new(sd_event *event, int fd, int64_t priority, const EventReaderHandler *handler, void *userdata,
                     EventReader **ret) {
        _cleanup_(event_reader_freep) EventReader *reader = calloc(1, sizeof(*reader));
        int r;

        if (!reader)
                return -ENOMEM;
        reader->handler = *handler;
        reader->userdata = userdata;
        r = sd_event_add_io(event, &reader->readable, fd, EPOLLIN, on_readable, reader);
        if (r >= 0)
                r = sd_event_source_set_priority(reader->readable, priority);
        if (r >= 0)
                r = timer_new(event, 0, on_rest_over, reader, &reader->rest);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(reader);
        return 0;
}

EventReader *event_reader_free(EventReader *reader) {
        if (!reader)
                return NULL;
        sd_event_source_disable_unref(reader->readable);
        sd_event_source_disable_unref(reader->rest);
        free(reader);
        return NULL;
}
