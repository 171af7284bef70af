/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Collects the facts of a file that the kernel's providers would use, as far as user space can see them. Looks at
 * each file once.
 */

#include <fcntl.h>
#include <search.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include <linux/fsverity.h>
#include <linux/magic.h>

#include "inspect.h"
#include "utf8.h"

#define BTRFS_MAGIC 0x9123683E
#define FUSE_MAGIC 0x65735546

typedef struct Known {
        dev_t device;
        ino_t inode;
        enum ipe_op operation;
        size_t number;
} Known;

static int compare(const void *a, const void *b) {
        const Known *x = a, *y = b;

        if (x->device != y->device)
                return x->device < y->device ? -1 : 1;
        if (x->inode != y->inode)
                return x->inode < y->inode ? -1 : 1;
        return (int) x->operation - (int) y->operation;
}

/* Bytes of the answer for a file, without its path and processes. */
#define ENTRY_SIZE 400U

static int add_file(Look *look, FileFacts *file, const char *path, const char *note, size_t *ret) {
        _cleanup_free_ char *printable = utf8_escape(path, strlen(path));
        int r = printable ? budget_take(&look->budget.bytes, ENTRY_SIZE + 2 * strlen(printable)) : -ENOMEM;

        if (r < 0)
                return r;
        file->scope = look->scope;
        file->path = TAKE_PTR(printable);
        file->processes = strdup("");
        file->note = strdup(note);
        return look_take_file(look, file, ret);
}

int look_at_nothing(Look *look, const char *path, enum ipe_op operation, const char *note, size_t *ret) {
        FileFacts file = { .operation = operation, .volume = SIZE_MAX };

        return add_file(look, &file, path, note, ret);
}

/* Returns the number of the file's volume, or SIZE_MAX. A file on FUSE has none, as its program may serve other bytes
 * than the device has. fs: NULL if it is unknown, which may be FUSE. */
static size_t find_volume(const Look *look, const struct statx *stx, const struct statfs *fs) {
        if (!fs || fs->f_type == FUSE_MAGIC)
                return SIZE_MAX;
        for (size_t i = 0; i < look->inspection->n_volumes; i++)
                if (look->inspection->volumes[i].major == stx->stx_dev_major &&
                    look->inspection->volumes[i].minor == stx->stx_dev_minor)
                        return i;
        return SIZE_MAX;
}

static void measure(int fd, FactDigest *ret) {
        static const char *const algorithms[] = {
                [FS_VERITY_HASH_ALG_SHA256] = "sha256", [FS_VERITY_HASH_ALG_SHA512] = "sha512"
        };
        union {
                struct fsverity_digest digest;
                uint8_t space[sizeof(struct fsverity_digest) + sizeof(ret->value)];
        } measured = { .digest.digest_size = sizeof(ret->value) };

        if (ioctl(fd, FS_IOC_MEASURE_VERITY, &measured) < 0 ||
            measured.digest.digest_algorithm >= ELEMENTSOF(algorithms) ||
            !algorithms[measured.digest.digest_algorithm] || measured.digest.digest_size > sizeof(ret->value))
                return;
        snprintf(ret->algorithm, sizeof(ret->algorithm), "%s", algorithms[measured.digest.digest_algorithm]);
        ret->size = measured.digest.digest_size;
        memcpy(ret->value, measured.space + offsetof(struct fsverity_digest, digest), ret->size);
}

/* The kernel has verified the signature when it opened the file; otherwise the open would have failed. */
static bool has_signature(int fd) {
        uint8_t byte;
        struct fsverity_read_metadata_arg arg = {
                .metadata_type = FS_VERITY_METADATA_TYPE_SIGNATURE,
                .length = 1,
                .buf_ptr = (uintptr_t) &byte,
        };

        return ioctl(fd, FS_IOC_READ_VERITY_METADATA, &arg) > 0;
}

static void look_at_verity(const Look *look, int fd, FileFacts *file) {
        char path[sizeof("/proc/self/fd/") + 12];
        _cleanup_close_ int readable = -1;

        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        readable = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (readable < 0)
                return;
        measure(readable, &file->fsverity);
        file->fsverity_signed = look->verity_signatures && file->fsverity.size > 0 && has_signature(readable);
}

static const char *note_of(const struct statfs *fs) {
        if (!fs)
                return "its file system cannot be determined";
        if (fs->f_type == OVERLAYFS_SUPER_MAGIC)
                return "it is on overlayfs, and what the kernel knows of its layers cannot be seen here";
        if (fs->f_type == BTRFS_MAGIC)
                return "it is on btrfs, which has no volume of its own";
        return "";
}

static int use_known(Look *look, size_t number, size_t *ret) {
        FileFacts *file = &look->inspection->files[number];

        if (look->scope > file->scope)
                file->scope = look->scope;
        *ret = number;
        return 0;
}

int look_at_file(Look *look, int fd, const char *path, enum ipe_op operation, size_t *ret) {
        FileFacts file = { .operation = operation };
        struct statfs space, *fs;
        Known **found, *known;
        struct statx stx;
        const char *note;
        int r;

        if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO, &stx) < 0)
                return -errno;
        known = malloc(sizeof(*known));
        if (!known)
                return -ENOMEM;
        *known = (Known) { .device = makedev(stx.stx_dev_major, stx.stx_dev_minor),
                           .inode = stx.stx_ino,
                           .operation = operation };
        found = tsearch(known, &look->known, compare);
        if (!found || *found != known) {
                free(known);
                return found ? use_known(look, (*found)->number, ret) : -ENOMEM;
        }
        fs = fstatfs(fd, &space) >= 0 ? &space : NULL;
        file.volume = find_volume(look, &stx, fs);
        file.is_initramfs = look->initramfs != 0 && known->device == look->initramfs;
        if (stx.stx_attributes & STATX_ATTR_VERITY)
                look_at_verity(look, fd, &file);
        note = note_of(fs);
        file.is_incomplete = note[0] != '\0';
        r = add_file(look, &file, path, note, &known->number);
        if (r < 0) {
                tdelete(known, &look->known, compare);
                free(known);
                return r;
        }
        *ret = known->number;
        return 0;
}

/* A file that cannot be opened may be anything. A lack of memory or descriptors, however, is a failure of our own. */
static int look_at_closed(Look *look, const char *path, enum ipe_op operation, int error) {
        size_t number;
        int r;

        if (error == -ENOENT || error == -ENOTDIR)
                return 0;
        if (error == -ENOMEM || error == -EMFILE || error == -ENFILE)
                return error;
        r = look_at_nothing(look, path, operation, "it cannot be opened", &number);
        if (r >= 0)
                look->inspection->files[number].is_incomplete = true;
        return r;
}

int look_at_path(Look *look, const char *path, enum ipe_op operation) {
        _cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC);
        struct stat st;
        size_t number;

        if (fd < 0 || fstat(fd, &st) < 0)
                return look_at_closed(look, path, operation, -errno);
        return S_ISREG(st.st_mode) ? look_at_file(look, fd, path, operation, &number) : 0;
}
