/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names of policies may contain characters that look like others, so the values are escaped, as everywhere that people
 * read.
 */

#include "bus-details.h"
#include "utf8.h"

void bus_details_done(BusDetails *details) {
        for (size_t i = 1; i < details->n; i += 2)
                free((char *) details->list[i]);
        *details = (BusDetails) {};
}

int bus_details_add(BusDetails *details, const char *key, const char *value) {
        char *shown = utf8_escape_unsafe(value, strlen(value));

        if (!shown)
                return -ENOMEM;
        assert(details->n < 2 * BUS_DETAILS_MAX);
        details->list[details->n++] = key;
        details->list[details->n++] = shown;
        return 0;
}

int bus_details_add_names(BusDetails *details, const char *name, const char *version) {
        int r = bus_details_add(details, "name", name);

        return r < 0 ? r : bus_details_add(details, "version", version ?: "");
}

int bus_details_add_version(BusDetails *details, const char *name, const VersionRecord *record) {
        char version[IPE_VERSION_STRLEN], digest[DIGEST_HEX_SIZE];
        int r = bus_details_add(details, "name", name);

        if (r < 0 || !record)
                return r;
        ipe_version_print(&record->version, version);
        digest_to_hex(&record->digest, digest);
        r = bus_details_add(details, "version", version);
        return r < 0 ? r : bus_details_add(details, "digest", digest);
}

int bus_details_add_state(BusDetails *details, const char *name, const VersionRecord *record) {
        int r = bus_details_add_version(details, name, record);

        return r < 0 || !record ? r : bus_details_add(details, "transaction", record->transaction);
}
