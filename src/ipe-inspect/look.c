/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The look at the system as a whole: begins and ends it, and collects its files.
 */

#include <mntent.h>
#include <search.h>

#include "inspect.h"

/* Bytes of the answer for users, and for services; root, and essential files, have the rest. */
#define USERS_BYTES (4U << 20)
#define SERVICES_BYTES (4U << 20)

static_assert(USERS_BYTES + SERVICES_BYTES <= INSPECTION_SIZE_MAX / 2, "there is room for root");

/* Finds the file system into which the kernel unpacked the initramfs, if it is still mounted somewhere. */
static dev_t find_initramfs(void) {
        FILE *mounts = setmntent("/proc/self/mounts", "re");
        struct mntent *entry;
        dev_t found = 0;
        struct stat st;

        while (mounts && found == 0 && (entry = getmntent(mounts)))
                if (streq(entry->mnt_type, "rootfs") && stat(entry->mnt_dir, &st) >= 0)
                        found = st.st_dev;
        if (mounts)
                endmntent(mounts);
        return found;
}

int look_new(uint64_t until_usec, Look **ret) {
        _cleanup_(look_freep) Look *look = calloc(1, sizeof(*look));

        if (!look)
                return -ENOMEM;
        look->inspection = calloc(1, sizeof(*look->inspection));
        if (!look->inspection)
                return -ENOMEM;
        look->scope = SCOPE_ESSENTIAL;
        look->budget = (Budget) { UINT64_MAX, UINT64_MAX, UINT64_MAX, until_usec };
        look->users_room = USERS_BYTES;
        look->services_room = SERVICES_BYTES;
        look->initramfs = find_initramfs();
        /* Only kernels that are built to verify signatures have this file. */
        look->verity_signatures = access("/proc/sys/fs/verity/require_signatures", F_OK) >= 0;
        *ret = TAKE_PTR(look);
        return 0;
}

Look *look_free(Look *look) {
        if (!look)
                return NULL;
        for (size_t i = 0; look->processes && i < look->inspection->n_files; i++)
                free(look->processes[i].text);
        free(look->processes);
        tdestroy(look->known, free);
        inspection_free(look->inspection);
        free(look);
        return NULL;
}

int look_take_file(Look *look, FileFacts *file, size_t *ret) {
        size_t n = look->inspection->n_files;
        ProcessList *larger = reallocarray(look->processes, n + 1, sizeof(*larger));
        int r;

        if (larger) {
                look->processes = larger;
                larger[n] = (ProcessList) {};
        } else
                /* inspection_add_file() refuses a file without a path. */
                file->path = (free(file->path), NULL);
        r = inspection_add_file(look->inspection, file);
        if (r >= 0)
                *ret = n;
        return r;
}

void look_finish(Look *look) {
        for (size_t i = 0; i < look->inspection->n_files; i++)
                if (look->processes[i].text) {
                        free(look->inspection->files[i].processes);
                        look->inspection->files[i].processes = TAKE_PTR(look->processes[i].text);
                }
}
