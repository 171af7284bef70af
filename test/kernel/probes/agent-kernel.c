/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Verbs by which the kernel reads files for itself, and those on IPE's own files that a loop must be close to. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kexec.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent.h"

#define IPE "/sys/kernel/security/ipe"

/* insmod PATH [PARAMETERS]: the kernel reads the file (finit_module) */
static int insmod(struct answer *answer, int argc, struct word *argv) {
        int fd = open(argv[0].data, O_RDONLY | O_CLOEXEC), error = 0;

        if (fd < 0)
                return errno;
        if (syscall(SYS_finit_module, fd, argc > 1 ? argv[1].data : "", 0) < 0)
                error = errno;
        close(fd);
        return error;
}

/* insmod-data PATH: we read the file (init_module) */
static int insmod_data(struct answer *answer, int argc, struct word *argv) {
        char *data;
        size_t size;
        int error = read_file(argv[0].data, &data, &size);

        if (error)
                return error;
        if (syscall(SYS_init_module, data, size, "") < 0)
                error = errno;
        free(data);
        return error;
}

static int rmmod(struct answer *answer, int argc, struct word *argv) {
        return syscall(SYS_delete_module, argv[0].data, O_NONBLOCK) < 0 ? errno : 0;
}

/* kexec IMAGE INITRD: loads a kernel, and unloads it again */
static int kexec(struct answer *answer, int argc, struct word *argv) {
        int image = open(argv[0].data, O_RDONLY | O_CLOEXEC), initrd = open(argv[1].data, O_RDONLY | O_CLOEXEC);
        int error = 0;

        if (image < 0 || initrd < 0)
                return ENOMEDIUM;
        if (syscall(SYS_kexec_file_load, image, initrd, 1UL, "", 0UL) < 0)
                error = errno;
        else
                syscall(SYS_kexec_file_load, -1, -1, 0UL, NULL, (unsigned long) KEXEC_FILE_UNLOAD);
        close(image);
        close(initrd);
        return error;
}

/* kexec-go IMAGE INITRD CMDLINE: starts a kernel, once this is answered */
static int kexec_go(struct answer *answer, int argc, struct word *argv) {
        int image = open(argv[0].data, O_RDONLY | O_CLOEXEC), initrd = open(argv[1].data, O_RDONLY | O_CLOEXEC);
        int error = 0;

        if (syscall(SYS_kexec_file_load, image, initrd, argv[2].size + 1, argv[2].data, 0UL) < 0)
                error = errno;
        close(image);
        close(initrd);
        if (!error && fork() == 0) {
                usleep(200000);
                reboot(RB_KEXEC);
                _exit(1);
        }
        return error;
}

/* kexec-data: asks for a kernel that we have read, in no segments, which loads nothing */
static int kexec_data(struct answer *answer, int argc, struct word *argv) {
        return syscall(SYS_kexec_load, 0UL, 0UL, NULL, (unsigned long) KEXEC_ARCH_DEFAULT) < 0 ? errno : 0;
}

static int delete_policy(const char *name) {
        char path[512];

        snprintf(path, sizeof(path), IPE "/policies/%s/delete", name);
        return write_once(path, "1", 1);
}

/* Deletes every policy that is not active; returns how many there were. */
static int delete_inactive(void) {
        DIR *directory = opendir(IPE "/policies");
        int n = 0;

        if (!directory)
                return 0;
        for (struct dirent *entry; (entry = readdir(directory));)
                if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") && delete_policy(entry->d_name) == 0)
                        n++;
        closedir(directory);
        return n;
}

/* try-policy PATH: loads a signed policy, and deletes it again; answers how many there were to delete */
static int try_policy(struct answer *answer, int argc, struct word *argv) {
        char *data;
        size_t size;
        int error = read_file(argv[0].data, &data, &size);

        if (error)
                return ENOMEDIUM;
        error = write_once(IPE "/new_policy", data, size);
        free(data);
        if (!error)
                answer_print(answer, "%d", delete_inactive());
        return error;
}

/* use-policy PATH NAME: loads and activates a signed policy, and deletes the one that was active before */
static int use_policy(struct answer *answer, int argc, struct word *argv) {
        char *data, path[512];
        size_t size;
        int error = read_file(argv[0].data, &data, &size);

        if (error)
                return ENOMEDIUM;
        error = write_once(IPE "/new_policy", data, size);
        free(data);
        if (error)
                return error;
        snprintf(path, sizeof(path), IPE "/policies/%s/active", argv[1].data);
        error = write_once(path, "1", 1);
        delete_inactive();
        return error;
}

static int power_off(struct answer *answer, int argc, struct word *argv) {
        sync();
        return reboot(RB_POWER_OFF) < 0 ? errno : 0;
}

const struct verb kernel_verbs[] = { { "insmod", 1, 2, insmod },         { "insmod-data", 1, 1, insmod_data },
                                     { "rmmod", 1, 1, rmmod },           { "kexec", 2, 2, kexec },
                                     { "kexec-data", 0, 0, kexec_data }, { "kexec-go", 3, 3, kexec_go },
                                     { "try-policy", 1, 1, try_policy }, { "use-policy", 2, 2, use_policy },
                                     { "power-off", 0, 0, power_off },   { 0 } };
