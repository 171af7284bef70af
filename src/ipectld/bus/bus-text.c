/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * OpenPolicy(): the text of a version in sealed memory, which nobody can change any more.
 *
 * The memory counts as the daemon's until the last caller closes the descriptor. Therefore each version has one at most, kept as long
 * as the version is stored: callers who keep their descriptors take no more than that. Nobody can see whether callers still have the
 * text of a version that is not stored any more, so it counts until the daemon ends.
 */

#include <fcntl.h>

#include "bus.h"
#include "io.h"

/* A third of what MemoryMax= of the unit permits. Root gets the rest of the texts, too. */
#define TEXTS_SIZE_MAX ((size_t) 256 << 20)

static const BusText *find_text(const Bus *bus, const Digest *digest) {
        for (size_t i = 0; i < bus->n_texts; i++)
                if (digest_equal(&bus->texts[i].digest, digest))
                        return &bus->texts[i];
        return NULL;
}

/* Closes texts of versions that are not stored any more. Returns the size of all texts that callers may have. */
static size_t forget_texts(Bus *bus) {
        size_t n = 0, size = 0;

        for (size_t i = 0; i < bus->n_texts; i++) {
                BusText *text = &bus->texts[i];

                if (!store_state_find_digest(bus->manager->state, &text->digest)) {
                        safe_close(text->fd);
                        bus->forgotten_size += text->size;
                        continue;
                }
                size += text->size;
                bus->texts[n++] = *text;
        }
        bus->n_texts = n;
        return size + bus->forgotten_size;
}

/* Keeps a descriptor of its own. Returns false without memory for that: the caller has the only one. */
static bool keep_text(Bus *bus, const Digest *digest, int fd, size_t size) {
        BusText *larger = reallocarray(bus->texts, bus->n_texts + 1, sizeof(*larger));
        int kept;

        if (!larger)
                return false;
        bus->texts = larger;
        kept = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (kept < 0)
                return false;
        bus->texts[bus->n_texts++] = (BusText) { .digest = *digest, .fd = kept, .size = size };
        return true;
}

/* Returns a descriptor, -1 after a refusal in *ret_result, or a negative errno there. */
static int read_text(Bus *bus, const VersionRecord *record, uid_t uid, int *ret_result, Failure *reterr) {
        _cleanup_(envelope_freep) Envelope *envelope = NULL;
        size_t size, known = forget_texts(bus);
        const char *text;
        bool room;
        int fd;

        *ret_result = manager_open_envelope(bus->manager, record, &envelope, reterr);
        if (*ret_result != 0)
                return -1;
        text = envelope_text(envelope, &size);
        room = size <= TEXTS_SIZE_MAX && known <= TEXTS_SIZE_MAX - size;
        if (!room && uid != 0) {
                *ret_result = failure_set(reterr, FAILURE_TOO_LARGE, "The texts of policies that were handed out take %zu MiB already, "
                                          "those of discarded versions included: only root gets another one until ipectld is started "
                                          "again.", known >> 20);
                return -1;
        }
        fd = seal_memory("ipe-policy", text, size);
        if (fd < 0) {
                *ret_result = failure_set_errno(reterr, fd, "Cannot make memory for the text");
                return -1;
        }
        if (room && !keep_text(bus, &record->digest, fd, size))
                bus->forgotten_size += size;
        return fd;
}

/* A descriptor of its own for each caller, who may move its position. */
static int reply_with_text(sd_bus_message *message, int text_fd) {
        char path[sizeof("/proc/self/fd/") + 11];
        _cleanup_close_ int fd = -1;

        snprintf(path, sizeof(path), "/proc/self/fd/%d", text_fd);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        return fd < 0 ? -errno : sd_bus_reply_method_return(message, "h", fd);
}

int method_open_policy(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        _cleanup_close_ int fd = -1;
        Bus *bus = userdata;
        const VersionRecord *record;
        const char *name, *version;
        const BusText *text;
        Failure failure = {};
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
                return reply_with_text(message, text->fd);
        r = callers_find_uid(bus->callers, message, &uid);
        if (r < 0)
                return r;
        if (!callers_charge(bus->callers, uid, record->summary.size / CALLERS_BYTES_PER_UNIT))
                return bus_refuse_too_many(reterr, uid);
        fd = read_text(bus, record, uid, &r, &failure);
        return fd < 0 ? bus_refuse(reterr, r, &failure) : reply_with_text(message, fd);
}

void bus_text_done(Bus *bus) {
        for (size_t i = 0; i < bus->n_texts; i++)
                safe_close(bus->texts[i].fd);
        free(bus->texts);
}
