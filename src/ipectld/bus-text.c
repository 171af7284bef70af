/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * OpenPolicy(): the text of a version in sealed memory, which nobody can change any more. The last few texts are kept, so that
 * asking for one again costs nothing.
 */

#include <fcntl.h>

#include "bus.h"
#include "io.h"

/* So much is read for a unit of a user's budget. */
#define BYTES_PER_UNIT (16U << 10)

static BusText *find_text(Bus *bus, const Digest *digest) {
        for (size_t i = 0; i < ELEMENTSOF(bus->texts); i++)
                if (bus->texts[i].fd >= 0 && digest_equal(&bus->texts[i].digest, digest))
                        return &bus->texts[i];
        return NULL;
}

/* Takes the place of the text that was read the longest time ago. */
static int read_text(Bus *bus, const VersionRecord *record, BusText **ret, Failure *reterr) {
        _cleanup_(envelope_freep) Envelope *envelope = NULL;
        BusText *place = &bus->texts[bus->next_text];
        const char *text;
        size_t size;
        int r, fd;

        r = manager_open_envelope(bus->manager, record, &envelope, reterr);
        if (r != 0)
                return r;
        text = envelope_text(envelope, &size);
        fd = seal_memory("ipe-policy", text, size);
        if (fd < 0)
                return failure_set_errno(reterr, fd, "Cannot make memory for the text");
        safe_close(place->fd);
        *place = (BusText) { .digest = record->digest, .fd = fd };
        bus->next_text = (bus->next_text + 1) % ELEMENTSOF(bus->texts);
        *ret = place;
        return 0;
}

/* A descriptor of its own for each caller, who may move its position. */
static int reply_with_text(sd_bus_message *message, const BusText *text) {
        char path[sizeof("/proc/self/fd/") + 11];
        _cleanup_close_ int fd = -1;

        snprintf(path, sizeof(path), "/proc/self/fd/%d", text->fd);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        return fd < 0 ? -errno : sd_bus_reply_method_return(message, "h", fd);
}

int method_open_policy(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        Bus *bus = userdata;
        const VersionRecord *record;
        const char *name, *version;
        Failure failure = {};
        BusText *text;
        uid_t uid;
        int r;

        r = sd_bus_message_read(message, "ss", &name, &version);
        if (r < 0)
                return r;
        r = manager_find(bus->manager, name, version, &record, &failure);
        if (r != 0)
                return bus_refuse(reterr, r, &failure);
        text = find_text(bus, &record->digest);
        if (text)
                return reply_with_text(message, text);
        r = callers_find_uid(bus->callers, message, &uid);
        if (r < 0)
                return r;
        if (!callers_charge(bus->callers, uid, record->summary.size / BYTES_PER_UNIT))
                return bus_refuse_too_many(reterr, uid);
        r = read_text(bus, record, &text, &failure);
        return r != 0 ? bus_refuse(reterr, r, &failure) : reply_with_text(message, text);
}

void bus_text_init(Bus *bus) {
        for (size_t i = 0; i < ELEMENTSOF(bus->texts); i++)
                bus->texts[i].fd = -1;
}

void bus_text_done(Bus *bus) {
        for (size_t i = 0; i < ELEMENTSOF(bus->texts); i++)
                bus->texts[i].fd = safe_close(bus->texts[i].fd);
}
