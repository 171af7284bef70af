/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Adds objects. A file of its own, because only this part of the store needs envelope.c: ipe-load is linked without it.
 */

#include "io.h"
#include "store-internal.h"

/* Returns 1 if the object is there and undamaged, 0 if not, or -ENOMEM. */
static int has_object(const Store *store, const Digest *digest, const void *data, size_t size) {
        _cleanup_free_ void *there = NULL;
        size_t there_size;
        int r;

        r = store_read(store, digest, &there, &there_size);
        if (r == -ENOMEM)
                return r;
        /* An unreadable object is replaced, whatever the reason. */
        return r >= 0 && there_size == size && memcmp(there, data, size) == 0;
}

int store_add(Store *store, const VerifiedEnvelope *envelope, Digest *ret) {
        const Digest *digest = envelope_digest(verified_envelope_get(envelope));
        char hex[DIGEST_HEX_SIZE];
        const void *data;
        size_t size;
        int there, r;

        if (store->lock_fd < 0)
                return -EROFS;
        data = envelope_data(verified_envelope_get(envelope), &size);
        there = has_object(store, digest, data, size);
        if (there < 0)
                return there;
        digest_to_hex(digest, hex);
        /* An earlier run may have stopped before it made the name durable. */
        r = there ? sync_directory(store->objects_fd) : replace_file_at(store->objects_fd, hex, data, size, 0600);
        if (r < 0)
                return r;
        *ret = *digest;
        return !there;
}
