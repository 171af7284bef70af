/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The path of a version has its name and version, each escaped into one element.
 */

#include <systemd/sd-bus.h>

#include "object-path.h"

#define TEMPLATE POLICY_PREFIX "/%/%"

int object_path_of(const VersionRecord *record, char **ret) {
        char version[IPE_VERSION_STRLEN];
        int r;

        ipe_version_print(&record->version, version);
        r = sd_bus_path_encode_many(ret, TEMPLATE, record->name, version);
        return r < 0 ? r : 0;
}

const VersionRecord *object_path_find(const char *path, const StoreState *state) {
        _cleanup_free_ char *name = NULL, *text = NULL;
        struct ipe_version version;

        if (sd_bus_path_decode_many(path, TEMPLATE, &name, &text) <= 0)
                return NULL;
        if (ipe_version_parse(text, strlen(text), &version) < 0)
                return NULL;
        return store_state_find(state, name, &version);
}
