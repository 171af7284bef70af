/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Verbs that set up what proves where bytes come from: dm-verity volumes, fs-verity files, and keys; and other
 * device-mapper tables.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <linux/fsverity.h>
#include <linux/keyctl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "agent.h"

#define BLOCK 4096

/* A device-mapper request with one target; with more of them, they follow in the parameters. */
struct dm_request {
        struct dm_ioctl header;
        struct dm_target_spec target;
        char parameters[2048];
};

static int dm_control(void) {
        return open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
}

static int dm_call(int fd, unsigned long command, struct dm_request *request, const char *name, uint32_t flags) {
        struct dm_ioctl *header = &request->header;

        header->version[0] = DM_VERSION_MAJOR;
        header->data_size = sizeof(*request);
        header->data_start = sizeof(*header);
        header->flags = flags;
        snprintf(header->name, sizeof(header->name), "%s", name);
        return ioctl(fd, command, header) < 0 ? errno : 0;
}

/* Loads a table of one verity target into a device that is there. */
static int load_verity(int fd, const char *name, char *argv[5], const char *key) {
        struct dm_request request = { .header.target_count = 1 };

        request.target.length = strtoull(argv[1], NULL, 10) * (BLOCK / 512);
        strcpy(request.target.target_type, "verity");
        snprintf(request.parameters, sizeof(request.parameters), "1 %s %s %d %d %s %s sha256 %s %s%s%s", argv[0],
                 argv[0], BLOCK, BLOCK, argv[1], argv[2], argv[3], argv[4], key ? " 2 root_hash_sig_key_desc " : "",
                 key ? key : "");
        return dm_call(fd, DM_TABLE_LOAD, &request, name, DM_READONLY_FLAG);
}

static int add_signature(const char *description, const char *path) {
        char *data;
        size_t size;
        int error = read_file(path, &data, &size);

        if (error)
                return ENOMEDIUM;
        if (syscall(SYS_add_key, "user", description, data, size, KEY_SPEC_PROCESS_KEYRING) < 0)
                error = errno;
        free(data);
        return error;
}

/*
 * verity NAME DEVICE BLOCKS HASH_START ROOT SALT [SIGNATURE]: answers the device node. A volume of that name
 * gets the new table.
 */
static int verity(struct answer *answer, int argc, struct word *argv) {
        char *arguments[5], key[128];
        struct dm_request create = { 0 }, resume = { 0 };
        int fd = dm_control(), error;

        if (fd < 0)
                return errno;
        for (int i = 0; i < 5; i++)
                arguments[i] = argv[i + 1].data;
        snprintf(key, sizeof(key), "signature:%s", argv[0].data);
        error = argc > 6 ? add_signature(key, argv[6].data) : 0;
        if (!error)
                error = dm_call(fd, DM_DEV_CREATE, &create, argv[0].data, 0);
        if (error == EBUSY)
                error = 0;
        if (!error)
                error = load_verity(fd, argv[0].data, arguments, argc > 6 ? key : NULL);
        if (!error)
                error = dm_call(fd, DM_DEV_SUSPEND, &resume, argv[0].data, 0);
        if (!error)
                answer_print(answer, "/dev/dm-%u", minor(resume.header.dev));
        else {
                struct dm_request gone = { 0 };

                dm_call(fd, DM_DEV_REMOVE, &gone, argv[0].data, 0);
        }
        close(fd);
        return error;
}

/* One request about a device that is there; ret_minor: of the device, may be NULL. */
static int dm_simple(unsigned long command, const char *name, uint32_t flags, unsigned int *ret_minor) {
        struct dm_request request = { 0 };
        int fd = dm_control(), error;

        if (fd < 0)
                return errno;
        error = dm_call(fd, command, &request, name, flags);
        if (!error && ret_minor)
                *ret_minor = minor(request.header.dev);
        close(fd);
        return error;
}

static int verity_remove(struct answer *answer, int argc, struct word *argv) {
        return dm_simple(DM_DEV_REMOVE, argv[0].data, 0, NULL);
}

/* Puts SECTORS TYPE PARAMETERS, as often as they come, into a request. */
static void pack_targets(struct dm_request *request, int argc, struct word *argv) {
        struct dm_target_spec *spec = &request->target;
        uint64_t at = 0;

        for (int i = 0; i + 2 < argc; i += 3) {
                char *parameters = (char *) (spec + 1);

                spec->sector_start = at;
                spec->length = strtoull(argv[i].data, NULL, 10);
                strcpy(spec->target_type, argv[i + 1].data);
                strcpy(parameters, argv[i + 2].data);
                at += spec->length;
                /* From the beginning of this one; the kernel wants it aligned. */
                spec->next = (uint32_t) (sizeof(*spec) + ((argv[i + 2].size + 8) & ~7UL));
                spec = (struct dm_target_spec *) ((char *) spec + spec->next);
                request->header.target_count++;
        }
}

/*
 * table NAME SECTORS TYPE PARAMETERS [SECTORS TYPE PARAMETERS]...: answers the device node. A device of that name gets
 * the new table.
 */
static int table(struct answer *answer, int argc, struct word *argv) {
        struct dm_request create = { 0 }, load = { 0 };
        int fd = dm_control(), error;
        unsigned int number;

        if (fd < 0)
                return errno;
        pack_targets(&load, argc - 1, argv + 1);
        error = dm_call(fd, DM_DEV_CREATE, &create, argv[0].data, 0);
        if (error == EBUSY)
                error = 0;
        if (!error)
                /* verity wants a device that cannot be written. */
                error = dm_call(fd, DM_TABLE_LOAD, &load, argv[0].data,
                                strcmp(argv[2].data, "verity") == 0 ? DM_READONLY_FLAG : 0);
        if (!error)
                error = dm_simple(DM_DEV_SUSPEND, argv[0].data, 0, &number);
        if (!error)
                answer_print(answer, "/dev/dm-%u", number);
        close(fd);
        return error;
}

/* table-suspend NAME: what is read or written waits, until table-resume */
static int table_suspend(struct answer *answer, int argc, struct word *argv) {
        return dm_simple(DM_DEV_SUSPEND, argv[0].data, DM_SUSPEND_FLAG | DM_SKIP_LOCKFS_FLAG | DM_NOFLUSH_FLAG, NULL);
}

static int table_resume(struct answer *answer, int argc, struct word *argv) {
        return dm_simple(DM_DEV_SUSPEND, argv[0].data, 0, NULL);
}

/* fsverity PATH [SIGNATURE]: enables fs-verity with SHA-256 */
static int fsverity(struct answer *answer, int argc, struct word *argv) {
        struct fsverity_enable_arg arg = {
                .version = 1,
                .hash_algorithm = FS_VERITY_HASH_ALG_SHA256,
                .block_size = BLOCK,
        };
        char *signature = NULL;
        size_t size = 0;
        int fd, error = 0;

        if (argc > 1 && read_file(argv[1].data, &signature, &size))
                return ENOMEDIUM;
        arg.sig_ptr = (uintptr_t) signature;
        arg.sig_size = (uint32_t) size;
        fd = open(argv[0].data, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || ioctl(fd, FS_IOC_ENABLE_VERITY, &arg) < 0)
                error = errno;
        if (fd >= 0)
                close(fd);
        free(signature);
        return error;
}

/* measure PATH: the fs-verity digest in hex */
static int measure(struct answer *answer, int argc, struct word *argv) {
        char buffer[sizeof(struct fsverity_digest) + 64] = { 0 };
        struct fsverity_digest *digest = (struct fsverity_digest *) buffer;
        int fd = open(argv[0].data, O_RDONLY | O_CLOEXEC), error = 0;

        digest->digest_size = 64;
        if (fd < 0 || ioctl(fd, FS_IOC_MEASURE_VERITY, digest) < 0)
                error = errno;
        for (int i = 0; !error && i < digest->digest_size; i++)
                answer_print(answer, "%02x", digest->digest[i]);
        if (fd >= 0)
                close(fd);
        return error;
}

static int find_keyring(const char *name) {
        char wanted[64], line[512];
        unsigned int id = 0;
        FILE *keys = fopen("/proc/keys", "re");

        snprintf(wanted, sizeof(wanted), " keyring   %s:", name);
        while (keys && fgets(line, sizeof(line), keys))
                if (strstr(line, wanted))
                        sscanf(line, "%x", &id);
        if (keys)
                fclose(keys);
        return (int) id;
}

/* key KEYRING FILE: adds a DER certificate; KEYRING is a name of /proc/keys, such as .fs-verity */
static int key(struct answer *answer, int argc, struct word *argv) {
        int keyring = find_keyring(argv[0].data), error;
        char *data;
        size_t size;

        if (!keyring)
                return ENOKEY;
        error = read_file(argv[1].data, &data, &size);
        if (error)
                return ENOMEDIUM;
        if (syscall(SYS_add_key, "asymmetric", "", data, size, keyring) < 0)
                error = errno;
        free(data);
        return error;
}

const struct verb volume_verbs[] = { { "verity", 6, 7, verity },
                                     { "verity-remove", 1, 1, verity_remove },
                                     { "table", 4, 31, table },
                                     { "table-suspend", 1, 1, table_suspend },
                                     { "table-resume", 1, 1, table_resume },
                                     { "fsverity", 1, 2, fsverity },
                                     { "measure", 1, 1, measure },
                                     { "key", 2, 2, key },
                                     { 0 } };
