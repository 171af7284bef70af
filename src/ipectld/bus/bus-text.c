/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * OpenPolicy(): the text of a version in sealed memory, which nobody can change.
 *
 * The memory counts as the daemon's until the last caller closes the descriptor. Therefore there is one text at most of
 * each version, kept as long as the version is stored: callers that keep their descriptors use no more memory. The
 * daemon cannot see whether callers still have the text of a version that was removed, so that text counts until the
 * daemon ends.
 */

#include <fcntl.h>

#include "bus-policy.h"
#include "bus-reply.h"
#include "bus-text.h"
#include "io.h"

/* A third of MemoryMax= of the unit. Beyond that only root gets texts. */
#define TEXTS_SIZE_MAX ((size_t) 256 << 20)

/* The text of a stored version. */
typedef struct Text {
        Digest digest;
        int fd;
        size_t size;
} Text;

struct BusTexts {
        Text *list;
        size_t n;
        size_t forgotten_size; /* of texts that callers may still have, though their versions are gone */
};

static const Text *find_text(const BusTexts *texts, const Digest *digest) {
        for (size_t i = 0; i < texts->n; i++)
                if (digest_equal(&texts->list[i].digest, digest))
                        return &texts->list[i];
        return NULL;
}

/* Closes texts of versions that are not stored any more. Returns the size of all texts that callers may have. */
static size_t forget_texts(const Bus *bus) {
        BusTexts *texts = bus->texts;
        size_t n = 0, size = 0;

        for (size_t i = 0; i < texts->n; i++) {
                Text *text = &texts->list[i];

                if (!store_state_find_digest(bus->manager->state, &text->digest)) {
                        safe_close(text->fd);
                        texts->forgotten_size += text->size;
                        continue;
                }
                size += text->size;
                texts->list[n++] = *text;
        }
        texts->n = n;
        return size + texts->forgotten_size;
}

/* Keeps a duplicate of the descriptor. Returns false on failure: then only the caller has the text. */
static bool keep_text(BusTexts *texts, const Digest *digest, int fd, size_t size) {
        Text *larger = reallocarray(texts->list, texts->n + 1, sizeof(*larger));
        int kept;

        if (!larger)
                return false;
        texts->list = larger;
        kept = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (kept < 0)
                return false;
        texts->list[texts->n++] = (Text) { .digest = *digest, .fd = kept, .size = size };
        return true;
}

/* Returns a descriptor, or -1 with a refusal or a negative errno in *ret_result. */
static int read_text(const Bus *bus, const VersionRecord *record, uid_t uid, int *ret_result, Failure *reterr) {
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
                *ret_result = failure_set(reterr, FAILURE_TOO_LARGE,
                                          "The texts of policies that were handed out take %zu MiB already, "
                                          "those of discarded versions included: only root gets another one until "
                                          "ipectld is started "
                                          "again.",
                                          known >> 20);
                return -1;
        }
        fd = seal_memory("ipe-policy", text, size);
        if (fd < 0) {
                *ret_result = failure_set_errno(reterr, fd, "Cannot create memory for the text");
                return -1;
        }
        if (room && !keep_text(bus->texts, &record->digest, fd, size))
                bus->texts->forgotten_size += size;
        return fd;
}

/* Each caller gets an open file of its own, so that the position in it is its own, too. */
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
        const Text *text;
        Failure failure = {};
        uid_t uid;
        int r;

        r = bus_policy_read(bus, message, &record, reterr);
        if (r < 0)
                return r;
        text = find_text(bus->texts, &record->digest);
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

int bus_text_start(Bus *bus) {
        bus->texts = calloc(1, sizeof(*bus->texts));
        return bus->texts ? 0 : -ENOMEM;
}

BusTexts *bus_text_free(BusTexts *texts) {
        if (!texts)
                return NULL;
        for (size_t i = 0; i < texts->n; i++)
                safe_close(texts->list[i].fd);
        free(texts->list);
        free(texts);
        return NULL;
}
