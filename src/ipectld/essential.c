/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The list of what is essential. Libraries are not in it: those that these programs need are mapped by what runs already.
 */

#include <limits.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "essential.h"

/* As the kernel names files: where /bin and /sbin are links, it sees what they point to. */
static const char *const built_in[] = {
        "/usr/lib/systemd/systemd",
        "/usr/lib/systemd/systemd-executor",
        "/usr/lib/systemd/systemd-shutdown",
        "/usr/lib/systemd/systemd-sulogin-shell",
        LIBEXECDIR "/ipectld",
        LIBEXECDIR "/ipe-load",
        LIBEXECDIR "/ipe-inspect",
        BINDIR "/ipectl",
        "/usr/bin/systemctl",
        "/usr/bin/busctl",
        "/usr/bin/dbus-daemon",
        "/usr/bin/dbus-broker",
        "/usr/bin/dbus-broker-launch",
        "/usr/lib/polkit-1/polkitd",
        "/usr/sbin/agetty",
        "/sbin/agetty",
        "/usr/bin/login",
        "/bin/login",
        "/usr/sbin/sshd",
        "/usr/lib/openssh/sshd-session",
        "/usr/sbin/sulogin",
        "/sbin/sulogin",
        "/usr/bin/su",
        "/bin/su",
        "/usr/bin/sudo",
        "/usr/bin/sh",
        "/bin/sh",
        "/usr/bin/dash",
        "/bin/dash",
        "/usr/bin/bash",
        "/bin/bash",
        "/lib64/ld-linux-x86-64.so.2",
        "/lib/ld-linux-aarch64.so.1",
};

int essential_paths(const Config *config, char ***ret) {
        size_t n = ELEMENTSOF(built_in), own = 0;
        _cleanup_(strv_freep) char **list = NULL;

        while (config->essential_paths && config->essential_paths[own])
                own++;
        list = calloc(n + own + 1, sizeof(*list));
        if (!list)
                return -ENOMEM;
        for (size_t i = 0; i < n + own; i++) {
                list[i] = strdup(i < n ? built_in[i] : config->essential_paths[i - n]);
                if (!list[i])
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(list);
        return 0;
}

/* The name of a block device as the kernel prints it. Returns whether there is one: not for tmpfs, overlayfs and the like. */
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

bool essential_is(char *const *list, const char *path, const char *device, uint64_t inode) {
        char name[64];
        struct stat st;

        if (!strv_contains(list, path))
                return false;
        if (stat(path, &st) < 0)
                /* What cannot be looked at is taken for what it says. */
                return errno != ENOENT && errno != ENOTDIR;
        return st.st_ino == inode && (!device || !read_device_name(st.st_dev, name, sizeof(name)) || streq(name, device));
}
