/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The lists of essential files. Of libraries they have only those that a program loads when it needs them: programs
 * that already run have mapped the others.
 */

#include <fcntl.h>
#include <glob.h>
#include <libmount.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "essential.h"

/* Glob patterns. */
static const char *const built_in[] = {
        "/usr/lib/systemd/systemd",
        "/usr/lib/systemd/systemd-executor",
        "/usr/lib/systemd/systemd-shutdown",
        "/usr/lib/systemd/systemd-sulogin-shell",
        "/usr/lib/systemd/systemd-journald",
        "/usr/lib/systemd/systemd-udevd",
        "/usr/lib/systemd/systemd-logind",
        "/usr/lib/systemd/systemd-user-runtime-dir",
        "/usr/lib/systemd/systemd-veritysetup",
        LIBEXECDIR "/ipectld",
        LIBEXECDIR "/ipe-load",
        LIBEXECDIR "/ipe-inspect",
        LIBEXECDIR "/ipe-open",
        BINDIR "/ipectl",
        "/usr/bin/systemctl",
        "/usr/bin/dbus-daemon",
        "/usr/bin/dbus-broker",
        "/usr/bin/dbus-broker-launch",
        "/usr/lib/polkit-1/polkitd",
        "/usr/libexec/polkitd",
        "/usr/sbin/agetty",
        "/sbin/agetty",
        "/usr/bin/login",
        "/bin/login",
        "/usr/sbin/unix_chkpwd",
        "/sbin/unix_chkpwd",
        "/usr/lib*/security/pam_unix.so",
        "/usr/lib/*/security/pam_unix.so",
        "/usr/sbin/sshd",
        "/usr/lib*/openssh/sshd-session",
        "/usr/lib*/openssh/sshd-auth",
        "/usr/sbin/sulogin",
        "/sbin/sulogin",
        "/usr/bin/sh",
        "/bin/sh",
        "/lib*/ld-linux*.so.*",
        "/lib/ld-musl-*.so.*",
};

static const char *const tools[] = {
        "/usr/bin/busctl", "/usr/bin/su", "/bin/su", "/usr/bin/sudo", "/usr/bin/bash", "/bin/bash",
};

/* Adds the file to which a path leads. If the file cannot be examined, trusts its path. Returns 0 or -ENOMEM. */
static int add(char ***list, const char *path) {
        char *resolved = realpath(path, NULL), **larger;
        size_t n = 0;

        if (!resolved)
                resolved = strdup(path);
        if (!resolved)
                return -ENOMEM;
        if (strv_contains(*list, resolved)) {
                free(resolved);
                return 0;
        }
        while (*list && (*list)[n])
                n++;
        larger = reallocarray(*list, n + 2, sizeof(*larger));
        if (!larger) {
                free(resolved);
                return -ENOMEM;
        }
        larger[n] = resolved;
        larger[n + 1] = NULL;
        *list = larger;
        return 0;
}

static int add_matches(char ***list, const char *pattern) {
        glob_t found = {};
        int r = glob(pattern, 0, NULL, &found) == GLOB_NOSPACE ? -ENOMEM : 0;

        for (size_t i = 0; r >= 0 && i < found.gl_pathc; i++)
                r = add(list, found.gl_pathv[i]);
        globfree(&found);
        return r;
}

static int add_all(char ***list, const char *const *patterns, size_t n) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < n; i++)
                r = add_matches(list, patterns[i]);
        return r;
}

/* The programs of the configuration are added even if they do not exist, as this may change. */
static int add_configured(char ***list, const Config *config) {
        int r = 0;

        for (size_t i = 0; r >= 0 && config->essential_paths && config->essential_paths[i]; i++)
                r = add(list, config->essential_paths[i]);
        return r;
}

int essential_paths(const Config *config, char ***ret) {
        _cleanup_(strv_freep) char **list = NULL;
        int r = add_all(&list, built_in, ELEMENTSOF(built_in));

        if (r >= 0)
                r = add_configured(&list, config);
        if (r >= 0)
                *ret = TAKE_PTR(list);
        return r;
}

int essential_tools(char ***ret) {
        _cleanup_(strv_freep) char **list = NULL;
        int r = add_all(&list, tools, ELEMENTSOF(tools));

        if (r >= 0)
                *ret = TAKE_PTR(list);
        return r;
}

int essential_watched(const Config *config, char ***ret) {
        _cleanup_(strv_freep) char **list = NULL;
        int r = essential_paths(config, &list);

        if (r >= 0)
                r = add_all(&list, tools, ELEMENTSOF(tools));
        if (r >= 0)
                *ret = TAKE_PTR(list);
        return r;
}

/* Reads the name of a block device as the kernel prints it. Returns false if there is none, as for tmpfs, overlayfs and
 * the like. */
static bool read_device_name(dev_t device, char *ret, size_t size) {
        char link[64], target[PATH_MAX];
        const char *slash;
        ssize_t n;

        snprintf(link, sizeof(link), "/sys/dev/block/%u:%u", major(device), minor(device));
        n = readlink(link, target, sizeof(target) - 1);
        if (n < 0)
                return false;
        target[n] = '\0';
        slash = strrchr(target, '/');
        snprintf(ret, size, "%.63s", slash ? slash + 1 : target);
        return true;
}

/* Finds the device number of the mounted superblock; stat() has the one of a subvolume. Returns whether it is known. */
static bool find_file_system(uint64_t mount, dev_t *ret) {
        struct libmnt_table *table = mnt_new_table_from_file("/proc/self/mountinfo");
        struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
        struct libmnt_fs *fs;
        bool found = false;

        while (!found && table && iter && mnt_table_next_fs(table, iter, &fs) == 0) {
                found = mnt_fs_get_id(fs) >= 0 && (uint64_t) mnt_fs_get_id(fs) == mount;
                if (found)
                        *ret = mnt_fs_get_devno(fs);
        }
        mnt_free_iter(iter);
        mnt_unref_table(table);
        return found;
}

/* Compares by the number of the file system, if the kernel reports it, else by its name. */
static EssentialMatch match_file_system(const struct statx *there, const char *device, dev_t file_system) {
        char name[64];
        dev_t number = 0;

        if (file_system != 0) {
                if (!(there->stx_mask & STATX_MNT_ID) || !find_file_system(there->stx_mnt_id, &number))
                        return ESSENTIAL_UNSURE;
                return number == file_system ? ESSENTIAL_YES : ESSENTIAL_NO;
        }
        if (!device || !read_device_name(makedev(there->stx_dev_major, there->stx_dev_minor), name, sizeof(name)))
                return ESSENTIAL_UNSURE;
        return streq(name, device) ? ESSENTIAL_YES : ESSENTIAL_NO;
}

EssentialMatch essential_match(char *const *list, const char *path, const char *device, dev_t file_system,
                               uint64_t inode) {
        struct statx there;

        if (!strv_contains(list, path))
                return ESSENTIAL_NO;
        if (statx(AT_FDCWD, path, AT_STATX_SYNC_AS_STAT, STATX_INO | STATX_MNT_ID, &there) < 0)
                return errno == ENOENT || errno == ENOTDIR ? ESSENTIAL_NO : ESSENTIAL_UNSURE;
        return there.stx_ino == inode ? match_file_system(&there, device, file_system) : ESSENTIAL_NO;
}
