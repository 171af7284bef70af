/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Verbs that set up what proves where bytes come from: dm-verity volumes, fs-verity files, and keys; and a file
 * system of which nothing does.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <linux/fsverity.h>
#include <linux/fuse.h>
#include <linux/keyctl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include "agent.h"

#define BLOCK 4096

/* How long the kernel may rely on what it was told of a served file. */
#define SERVED_SEC 86400

/* A device-mapper request with one target. */
struct dm_request {
        struct dm_ioctl header;
        struct dm_target_spec target;
        char parameters[2048];
};

static int dm_control(void)
{
        return open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
}

static int dm_call(int fd, unsigned long command, struct dm_request *request, const char *name, uint32_t flags)
{
        struct dm_ioctl *header = &request->header;

        header->version[0] = DM_VERSION_MAJOR;
        header->data_size = sizeof(*request);
        header->data_start = sizeof(*header);
        header->flags = flags;
        snprintf(header->name, sizeof(header->name), "%s", name);
        return ioctl(fd, command, header) < 0 ? errno : 0;
}

/* Loads a table of one verity target into a device that is there. */
static int load_verity(int fd, const char *name, char *argv[5], const char *key)
{
        struct dm_request request = { .header.target_count = 1 };

        request.target.length = strtoull(argv[1], NULL, 10) * (BLOCK / 512);
        strcpy(request.target.target_type, "verity");
        snprintf(request.parameters, sizeof(request.parameters), "1 %s %s %d %d %s %s sha256 %s %s%s%s", argv[0],
                 argv[0], BLOCK, BLOCK, argv[1], argv[2], argv[3], argv[4],
                 key ? " 2 root_hash_sig_key_desc " : "", key ? key : "");
        return dm_call(fd, DM_TABLE_LOAD, &request, name, DM_READONLY_FLAG);
}

static int add_signature(const char *description, const char *path)
{
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
static int verity(struct answer *answer, int argc, struct word *argv)
{
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

static int verity_remove(struct answer *answer, int argc, struct word *argv)
{
        struct dm_request request = { 0 };
        int fd = dm_control(), error;

        if (fd < 0)
                return errno;
        error = dm_call(fd, DM_DEV_REMOVE, &request, argv[0].data, 0);
        close(fd);
        return error;
}

/* fsverity PATH [SIGNATURE]: enables fs-verity with SHA-256 */
static int fsverity(struct answer *answer, int argc, struct word *argv)
{
        struct fsverity_enable_arg arg = {
                .version = 1, .hash_algorithm = FS_VERITY_HASH_ALG_SHA256, .block_size = BLOCK,
        };
        char *signature = NULL;
        size_t size = 0;
        int fd, error = 0;

        if (argc > 1 && read_file(argv[1].data, &signature, &size))
                return ENOMEDIUM;
        arg.sig_ptr = (uintptr_t)signature;
        arg.sig_size = (uint32_t)size;
        fd = open(argv[0].data, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || ioctl(fd, FS_IOC_ENABLE_VERITY, &arg) < 0)
                error = errno;
        if (fd >= 0)
                close(fd);
        free(signature);
        return error;
}

/* measure PATH: the fs-verity digest in hex */
static int measure(struct answer *answer, int argc, struct word *argv)
{
        char buffer[sizeof(struct fsverity_digest) + 64] = { 0 };
        struct fsverity_digest *digest = (struct fsverity_digest *)buffer;
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

static int find_keyring(const char *name)
{
        char wanted[64], line[512];
        unsigned int id = 0;
        FILE *keys = fopen("/proc/keys", "re");

        snprintf(wanted, sizeof(wanted), " keyring   %s:", name);
        while (keys && fgets(line, sizeof(line), keys))
                if (strstr(line, wanted))
                        sscanf(line, "%x", &id);
        if (keys)
                fclose(keys);
        return (int)id;
}

/* key KEYRING FILE: adds a DER certificate; KEYRING is a name of /proc/keys, such as .fs-verity */
static int key(struct answer *answer, int argc, struct word *argv)
{
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

static struct iovec part_of(const struct word *content, const struct fuse_read_in *wanted)
{
        size_t offset = wanted->offset < content->size ? wanted->offset : content->size;
        size_t left = content->size - offset;

        return (struct iovec){ content->data + offset, wanted->size < left ? wanted->size : left };
}

/*
 * Answers for a file system in which each name is a program with this content, until it is unmounted. The kernel
 * goes on without what it does not offer, and takes no answer to what needs none.
 */
static void answer_fuse(int fd, const struct word *content)
{
        static struct {
                struct fuse_in_header header;
                union {
                        struct fuse_read_in read;
                        char any[FUSE_MIN_READ_BUFFER];
                };
        } request;
        struct fuse_init_out init = {
                .major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION, .max_write = BLOCK,
        };
        struct fuse_entry_out entry = {
                .nodeid = 2, .entry_valid = SERVED_SEC, .attr_valid = SERVED_SEC,
                .attr = { .ino = 2, .mode = S_IFREG | 0755, .nlink = 1, .size = content->size },
        };

        while (read(fd, &request, sizeof(request)) > 0) {
                struct fuse_out_header header = { .unique = request.header.unique };
                struct iovec parts[2] = { { &header, sizeof(header) } };

                switch (request.header.opcode) {
                case FUSE_INIT:
                        parts[1] = (struct iovec){ &init, sizeof(init) };
                        break;
                case FUSE_LOOKUP:
                        parts[1] = (struct iovec){ &entry, sizeof(entry) };
                        break;
                case FUSE_READ:
                        parts[1] = part_of(content, &request.read);
                        break;
                default:
                        header.error = -ENOSYS;
                }
                header.len = (uint32_t)(sizeof(header) + parts[1].iov_len);
                (void)!writev(fd, parts, 2);
        }
        _exit(0);
}

/* fuse DEVICE DIRECTORY CONTENT: mounts the device, and serves the content instead of what is on it */
static int fuse(struct answer *answer, int argc, struct word *argv)
{
        char options[80];
        int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC), error;

        if (fd < 0)
                return errno;
        mkdir(argv[1].data, 0755);
        snprintf(options, sizeof(options), "fd=%d,rootmode=40755,user_id=0,group_id=0,blksize=%d", fd, BLOCK);
        error = mount(argv[0].data, argv[1].data, "fuseblk", MS_RDONLY, options) < 0 ? errno : 0;
        if (!error && fork() == 0)
                answer_fuse(fd, &argv[2]);
        close(fd);
        return error;
}

const struct verb volume_verbs[] = {
        { "verity", 6, 7, verity },
        { "verity-remove", 1, 1, verity_remove },
        { "fsverity", 1, 2, fsverity },
        { "measure", 1, 1, measure },
        { "key", 2, 2, key },
        { "fuse", 3, 3, fuse },
        { 0 }
};
