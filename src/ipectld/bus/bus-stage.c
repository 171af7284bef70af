/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Stage() and Discard(): a signed policy comes in as a descriptor, and a stored version goes.
 */

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "bus-details.h"
#include "bus-options.h"
#include "bus-reply.h"
#include "bus-stage.h"
#include "discard.h"
#include "io.h"
#include "stage.h"

/* "bus: pid 4711 (ipectl) of uid 0": the source of a policy. Returns NULL if there is no memory. */
static char *describe_sender(const Bus *bus, sd_bus_message *message) {
        sd_bus_creds *creds = NULL;
        const char *command = NULL;
        uid_t uid = (uid_t) -1;
        char *text = NULL;
        pid_t pid = 0;

        if (callers_ask(bus->callers, message,
                        SD_BUS_CREDS_EUID | SD_BUS_CREDS_PID | SD_BUS_CREDS_COMM | SD_BUS_CREDS_AUGMENT, &creds) >= 0) {
                (void) sd_bus_creds_get_euid(creds, &uid);
                (void) sd_bus_creds_get_pid(creds, &pid);
                (void) sd_bus_creds_get_comm(creds, &command);
        }
        if (asprintf(&text, "bus: pid %d (%s) of uid %u", pid, command ?: "?", uid) < 0)
                text = NULL;
        sd_bus_creds_unref(creds);
        return text;
}

/* Whether reading from the file system never waits for another process or machine. */
static bool is_local(const struct statfs *st) {
        static const long magics[] = { TMPFS_MAGIC,          RAMFS_MAGIC,       EXT4_SUPER_MAGIC,
                                       XFS_SUPER_MAGIC,      BTRFS_SUPER_MAGIC, F2FS_SUPER_MAGIC,
                                       EROFS_SUPER_MAGIC_V1, SQUASHFS_MAGIC,    MSDOS_SUPER_MAGIC };

        for (size_t i = 0; i < ELEMENTSOF(magics); i++)
                if ((long) st->f_type == magics[i])
                        return true;
        return false;
}

/* A file system of FUSE, which any user can have, could block the daemon forever, even in fstat(). */
static int check_descriptor(const Bus *bus, sd_bus_message *message, int fd, sd_bus_error *reterr) {
        if (fcntl(fd, F_GET_SEALS) >= 0 || polkit_is_root(bus->polkit, message))
                return 0;
        return sd_bus_error_set(reterr, SD_BUS_ERROR_INVALID_ARGS,
                                "The descriptor is not one of memory: pass the policy as memory "
                                "(memfd_create), as 'ipectl stage' does. Root may pass files.");
}

/* Root may have taken the wrong file, so this never waits for the content. It leaves the position of the descriptor as
 * it is. */
static int read_descriptor(int fd, void **ret, size_t *ret_size, Failure *reterr) {
        struct statfs fs;
        struct stat st;
        int r;

        if (fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return failure_set(reterr, FAILURE_INVALID_ARGUMENT,
                                   "The descriptor is neither one of a regular file nor of memory.");
        if (!is_local(&fs))
                return failure_set(reterr, FAILURE_INVALID_ARGUMENT,
                                   "The file is on a file system that may block a reader: pass the policy as memory "
                                   "(memfd_create), as 'ipectl stage' does.");
        r = pread_fd(fd, ENVELOPE_SIZE_MAX, ret, ret_size);
        if (r == -EFBIG)
                return failure_set(reterr, FAILURE_TOO_LARGE,
                                   "The policy has more than %u bytes, which no kernel "
                                   "accepts.",
                                   ENVELOPE_SIZE_MAX);
        if (r < 0 && r != -ENOMEM)
                return failure_set(reterr, FAILURE_INVALID_ARGUMENT, "Cannot read the descriptor: %s.", strerror(-r));
        return r;
}

/* The daemon reads no more than the size of the largest policy, so the caller pays for no more. */
static int charge_for_size(const Bus *bus, sd_bus_message *message, int fd, uint64_t *ret_units, sd_bus_error *reterr) {
        uint64_t size;
        struct stat st;
        uid_t uid;
        int r = callers_find_uid(bus->callers, message, &uid);

        if (r < 0)
                return r;
        if (fstat(fd, &st) < 0)
                return -errno;
        size = st.st_size < (off_t) ENVELOPE_SIZE_MAX ? (uint64_t) st.st_size : ENVELOPE_SIZE_MAX;
        *ret_units = size / CALLERS_BYTES_PER_UNIT;
        return callers_charge(bus->callers, uid, *ret_units) ? 0 : bus_refuse_too_many(reterr, uid);
}

/* Charges for the rest of a file that has grown before it was read. */
static void charge_for_rest(const Bus *bus, sd_bus_message *message, size_t size, uint64_t charged) {
        uint64_t units = size / CALLERS_BYTES_PER_UNIT;
        uid_t uid;

        if (units > charged && callers_find_uid(bus->callers, message, &uid) == 0)
                (void) callers_charge(bus->callers, uid, units - charged);
}

int method_stage(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        Bus *bus = userdata;
        _cleanup_free_ char *sender = NULL;
        _cleanup_free_ void *data = NULL;
        const VersionRecord *record;
        Failure failure = {};
        bool is_new = true;
        uint64_t units = 0;
        size_t size;
        int r, fd;

        r = sd_bus_message_read(message, "h", &fd);
        if (r >= 0)
                r = bus_read_options(message, &(const BusOption) {}, reterr);
        if (r >= 0)
                r = check_descriptor(bus, message, fd, reterr);
        if (r >= 0)
                r = polkit_check(bus->polkit, message, ACTION("stage"), NULL, reterr);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = charge_for_size(bus, message, fd, &units, reterr);
        if (r < 0)
                return r;
        sender = describe_sender(bus, message);
        if (!sender)
                return -ENOMEM;
        r = read_descriptor(fd, &data, &size, &failure);
        if (r == 0)
                charge_for_rest(bus, message, size, units);
        if (r == 0)
                r = stage_policy(bus->manager, data, size, sender, NULL, &record, &is_new, &failure);
        if (r == 0 && !is_new)
                r = failure_set(&failure, FAILURE_ALREADY_EXISTS, "This policy is stored already; its state is '%s'.",
                                version_state_to_string(record->state));
        if (r != 0) {
                if (is_new)
                        announce_rejected(&bus->manager->announcer, sender, r, &failure);
                return bus_refuse(reterr, r, &failure);
        }
        return bus_reply_with_path(message, record);
}

static int may_discard(const Bus *bus, sd_bus_message *message, const char *name, const char *version,
                       sd_bus_error *reterr) {
        _cleanup_(bus_details_done) BusDetails details = {};
        const VersionRecord *record = NULL;
        int r;

        (void) manager_find(bus->manager, name, version, &record, NULL);
        r = bus_details_add_version(&details, name, record);
        return r < 0 ? r : polkit_check(bus->polkit, message, ACTION("discard"), details.list, reterr);
}

int method_discard(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        Bus *bus = userdata;
        const char *name, *version;
        Failure failure = {};
        int r;

        r = bus_read_text(message, "name", &name, reterr);
        if (r >= 0)
                r = bus_read_text(message, "version", &version, reterr);
        if (r >= 0)
                r = may_discard(bus, message, name, version, reterr);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = discard_version(bus->manager, name, version, &failure);
        if (r != 0)
                return bus_refuse(reterr, r, &failure);
        return sd_bus_reply_method_return(message, "");
}
