/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Verbs on files: what a shell would do, each with the errno of the system call that failed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"

#define HELD_MAX 16

static int held[HELD_MAX];

int read_file(const char *path, char **ret, size_t *ret_size) {
        char *data = NULL;
        size_t size = 0;
        int fd = open(path, O_RDONLY | O_CLOEXEC), error = 0;

        if (fd < 0)
                return errno;
        for (;;) {
                ssize_t n;

                data = realloc(data, size + 65536 + 1);
                if (!data)
                        abort();
                n = read(fd, data + size, 65536);
                if (n < 0)
                        error = errno;
                if (n <= 0)
                        break;
                size += (size_t) n;
        }
        close(fd);
        data[size] = 0;
        *ret = data;
        *ret_size = size;
        if (error) {
                free(data);
                *ret = NULL;
                *ret_size = 0;
        }
        return error;
}

static int write_fd(int fd, const void *data, size_t size) {
        ssize_t n = write(fd, data, size);

        return n < 0 ? errno : (size_t) n == size ? 0 : EIO;
}

int write_once(const char *path, const void *data, size_t size) {
        int fd = open(path, O_WRONLY | O_CLOEXEC), error;

        if (fd < 0)
                return errno;
        error = write_fd(fd, data, size);
        close(fd);
        return error;
}

/* put PATH BYTES: writes to a file that is there */
static int put(struct answer *answer, int argc, struct word *argv) {
        return write_once(argv[0].data, argv[1].data, argv[1].size);
}

/* put-file PATH SOURCE: as put, with the content of a file */
static int put_file(struct answer *answer, int argc, struct word *argv) {
        char *data;
        size_t size;
        int error = read_file(argv[1].data, &data, &size);

        if (error)
                return ENOMEDIUM;
        error = write_once(argv[0].data, data, size);
        free(data);
        return error;
}

/* put-halves PATH BYTES: as put, with two calls of write() on one descriptor; the first error counts */
static int put_halves(struct answer *answer, int argc, struct word *argv) {
        int fd = open(argv[0].data, O_WRONLY | O_CLOEXEC), error;
        size_t half = argv[1].size / 2;

        if (fd < 0)
                return errno;
        error = write_fd(fd, argv[1].data, half);
        if (!error)
                error = write_fd(fd, argv[1].data + half, argv[1].size - half);
        close(fd);
        return error;
}

/* create PATH BYTES: a new or emptied file, executable */
static int create(struct answer *answer, int argc, struct word *argv) {
        int fd = open(argv[0].data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755), error;

        if (fd < 0)
                return errno;
        error = write_fd(fd, argv[1].data, argv[1].size);
        close(fd);
        return error;
}

/* copy SOURCE PATH */
static int copy(struct answer *answer, int argc, struct word *argv) {
        struct word words[2] = { argv[1] };
        int error = read_file(argv[0].data, &words[1].data, &words[1].size);

        if (error)
                return error;
        error = create(answer, 2, words);
        free(words[1].data);
        return error;
}

static int get(struct answer *answer, int argc, struct word *argv) {
        return read_file(argv[0].data, &answer->data, &answer->size);
}

static int list(struct answer *answer, int argc, struct word *argv) {
        DIR *directory = opendir(argv[0].data);

        if (!directory)
                return errno;
        for (struct dirent *entry; (entry = readdir(directory));)
                if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
                        answer_print(answer, "%s\n", entry->d_name);
        closedir(directory);
        return 0;
}

static int make_directory(struct answer *answer, int argc, struct word *argv) {
        return mkdir(argv[0].data, 0755) < 0 ? errno : 0;
}

static int unlink_file(struct answer *answer, int argc, struct word *argv) {
        return unlink(argv[0].data) < 0 ? errno : 0;
}

static int rename_file(struct answer *answer, int argc, struct word *argv) {
        return rename(argv[0].data, argv[1].data) < 0 ? errno : 0;
}

static int link_file(struct answer *answer, int argc, struct word *argv) {
        return link(argv[0].data, argv[1].data) < 0 ? errno : 0;
}

static int change_mode(struct answer *answer, int argc, struct word *argv) {
        return chmod(argv[0].data, (mode_t) strtoul(argv[1].data, NULL, 8)) < 0 ? errno : 0;
}

/* mode PATH: the permission bits, in octal */
static int mode(struct answer *answer, int argc, struct word *argv) {
        struct stat status;

        if (stat(argv[0].data, &status) < 0)
                return errno;
        answer_print(answer, "%04o", status.st_mode & 07777);
        return 0;
}

/* inode PATH: the inode number */
static int inode(struct answer *answer, int argc, struct word *argv) {
        struct stat status;

        if (stat(argv[0].data, &status) < 0)
                return errno;
        answer_print(answer, "%lu", (unsigned long) status.st_ino);
        return 0;
}

/* device PATH: the number of the device that has it, MAJOR:MINOR */
static int device(struct answer *answer, int argc, struct word *argv) {
        struct stat status;

        if (stat(argv[0].data, &status) < 0)
                return errno;
        answer_print(answer, "%u:%u", major(status.st_dev), minor(status.st_dev));
        return 0;
}

/* touch-open PATH: opens for writing and writes nothing */
static int touch_open(struct answer *answer, int argc, struct word *argv) {
        int fd = open(argv[0].data, O_RDWR | O_CLOEXEC);

        if (fd < 0)
                return errno;
        close(fd);
        return 0;
}

/* truncate-same PATH: sets the length that the file has */
static int truncate_same(struct answer *answer, int argc, struct word *argv) {
        struct stat status;

        if (stat(argv[0].data, &status) < 0)
                return errno;
        return truncate(argv[0].data, status.st_size) < 0 ? errno : 0;
}

/* mount SOURCE TARGET TYPE FLAGS [OPTIONS]; FLAGS: "rw", "ro" or "bind" */
static int mount_verb(struct answer *answer, int argc, struct word *argv) {
        unsigned long flags = strcmp(argv[3].data, "ro") == 0     ? MS_RDONLY
                              : strcmp(argv[3].data, "bind") == 0 ? MS_BIND
                                                                  : 0;

        mkdir(argv[1].data, 0755);
        return mount(argv[0].data, argv[1].data, argv[2].data, flags, argc > 4 ? argv[4].data : NULL) < 0 ? errno : 0;
}

static int umount_verb(struct answer *answer, int argc, struct word *argv) {
        return umount2(argv[0].data, 0) < 0 ? errno : 0;
}

/* hold SLOT PATH MODE: opens a file ("r", "w", "rw") and keeps it open */
static int hold(struct answer *answer, int argc, struct word *argv) {
        int flags = strcmp(argv[2].data, "r") == 0 ? O_RDONLY : strcmp(argv[2].data, "w") == 0 ? O_WRONLY : O_RDWR;
        int fd = open(argv[1].data, flags | O_CLOEXEC);

        if (fd < 0)
                return errno;
        held[atoi(argv[0].data) % HELD_MAX] = fd;
        return 0;
}

static int hold_write(struct answer *answer, int argc, struct word *argv) {
        return write_fd(held[atoi(argv[0].data) % HELD_MAX], argv[1].data, argv[1].size);
}

static int hold_read(struct answer *answer, int argc, struct word *argv) {
        char data[4096];
        ssize_t n = pread(held[atoi(argv[0].data) % HELD_MAX], data, sizeof(data), 0);

        if (n < 0)
                return errno;
        answer_add(answer, data, (size_t) n);
        return 0;
}

/* hold-next N SIZE: reads on from where the last hold-next of this file has come to */
static int hold_next(struct answer *answer, int argc, struct word *argv) {
        char data[4096];
        size_t size = strtoul(argv[1].data, NULL, 10);
        ssize_t n = read(held[atoi(argv[0].data) % HELD_MAX], data, size < sizeof(data) ? size : sizeof(data));

        if (n < 0)
                return errno;
        answer_add(answer, data, (size_t) n);
        return 0;
}

/* hold-poll N MSEC: waits for POLLPRI as of an attribute in sysfs; ETIME when nothing came */
static int hold_poll(struct answer *answer, int argc, struct word *argv) {
        struct pollfd entry = { .fd = held[atoi(argv[0].data) % HELD_MAX], .events = POLLPRI };
        int n = poll(&entry, 1, atoi(argv[1].data));

        if (n <= 0)
                return n < 0 ? errno : ETIME;
        return entry.revents == (POLLPRI | POLLERR) ? 0 : EPROTO;
}

/* hold-mmap N: maps what file N has executable; the errno is that of mmap() */
static int hold_mmap(struct answer *answer, int argc, struct word *argv) {
        void *memory = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, held[atoi(argv[0].data) % HELD_MAX], 0);

        if (memory == MAP_FAILED)
                return errno;
        munmap(memory, 4096);
        return 0;
}

/* fill PATH: writes to a new file until the file system has no block left */
static int fill(struct answer *answer, int argc, struct word *argv) {
        int fd = open(argv[0].data, O_WRONLY | O_CREAT | O_EXCL, 0600), error = 0;
        static const char block[4096];

        if (fd < 0)
                return errno;
        /* What is not allocated until it is written back may turn out to fit after all. */
        for (int round = 0; round < 3; round++) {
                while (write(fd, block, sizeof(block)) == sizeof(block))
                        ;
                error = errno;
                fsync(fd);
        }
        close(fd);
        return error == ENOSPC ? 0 : error;
}

static int hold_close(struct answer *answer, int argc, struct word *argv) {
        return close(held[atoi(argv[0].data) % HELD_MAX]) < 0 ? errno : 0;
}

/* The child's half of "as" and "race": runs a verb and passes errno and answer through a pipe. */
static void run_in_child(int fd, int argc, struct word *argv) {
        struct answer answer = { 0 };
        int error = run_verb(&answer, argc, argv);

        if (write(fd, &error, sizeof(error)) < 0 || (answer.size && write(fd, answer.data, answer.size) < 0))
                _exit(1);
        _exit(0);
}

/* Runs a verb in a child that has given up what this function takes away; it returns 0, or -1. */
static int run_without(struct answer *answer, int (*give_up)(unsigned int id), unsigned int id, int argc,
                       struct word *argv) {
        int pipe_fds[2], error = EIO;
        char data[4096];
        ssize_t n;

        if (pipe(pipe_fds) < 0)
                return errno;
        if (fork() == 0) {
                if (give_up(id) < 0)
                        _exit(1);
                run_in_child(pipe_fds[1], argc, argv);
        }
        close(pipe_fds[1]);
        if (read(pipe_fds[0], &error, sizeof(error)) == sizeof(error))
                while ((n = read(pipe_fds[0], data, sizeof(data))) > 0)
                        answer_add(answer, data, (size_t) n);
        close(pipe_fds[0]);
        wait(NULL);
        return error;
}

static int become_user(unsigned int id) {
        return setgroups(0, NULL) < 0 || setresgid(id, id, id) < 0 || setresuid(id, id, id) < 0 ? -1 : 0;
}

/* as UID VERB...: runs a verb as another user, without capabilities */
static int as(struct answer *answer, int argc, struct word *argv) {
        return run_without(answer, become_user, (unsigned int) strtoul(argv[0].data, NULL, 10), argc - 1, argv + 1);
}

static int drop_capability(unsigned int id) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[2];

        if (syscall(SYS_capget, &header, data) < 0)
                return -1;
        data[id / 32].effective &= ~(1U << (id % 32));
        return syscall(SYS_capset, &header, data) < 0 ? -1 : 0;
}

/* without-mac-admin VERB...: runs a verb as root that lacks this one capability */
static int without_mac_admin(struct answer *answer, int argc, struct word *argv) {
        return run_without(answer, drop_capability, CAP_MAC_ADMIN, argc, argv);
}

/* named NAME VERB...: runs a verb while the agent's command name is another one */
static int named(struct answer *answer, int argc, struct word *argv) {
        char before[17] = "";
        int error;

        prctl(PR_GET_NAME, before);
        prctl(PR_SET_NAME, argv[0].data);
        error = run_verb(answer, argc - 1, argv + 1);
        prctl(PR_SET_NAME, before);
        return error;
}

/* failing N VERB...: runs a verb whose Nth allocation in the kernel fails; answers whether there were so many */
static int failing(struct answer *answer, int argc, struct word *argv) {
        struct answer ignored = { 0 };
        char left[16] = "";
        int fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC), error;

        if (fd < 0 || write(fd, argv[0].data, argv[0].size) < 0)
                return ENOMEDIUM;
        error = run_verb(&ignored, argc - 1, argv + 1);
        if (pread(fd, left, sizeof(left) - 1, 0) < 0 || pwrite(fd, "0", 1, 0) < 0)
                return ENOMEDIUM;
        close(fd);
        free(ignored.data);
        answer_print(answer, "%s", atoi(left) == 0 ? "yes" : "no");
        return error;
}

/* race PATH BYTES...: one process for each BYTES writes it to PATH, all at once; answers their errnos */
static int race(struct answer *answer, int argc, struct word *argv) {
        int start[2], result[2], error;
        char go;

        if (pipe(start) < 0 || pipe(result) < 0)
                return errno;
        for (int i = 1; i < argc; i++) {
                struct word words[3] = { { (char *) "put", 3 }, argv[0], argv[i] };

                if (fork() == 0) {
                        close(start[1]);
                        /* Ends when the parent closes its side. */
                        if (read(start[0], &go, 1) < 0)
                                _exit(1);
                        run_in_child(result[1], 3, words);
                }
        }
        close(start[0]);
        close(start[1]);
        close(result[1]);
        while (read(result[0], &error, sizeof(error)) == sizeof(error))
                answer_print(answer, "%d\n", error);
        close(result[0]);
        while (wait(NULL) > 0)
                ;
        return 0;
}

static pid_t writers[HELD_MAX];

/* write-on SLOT PATH BYTES [PATH BYTES]...: a process that writes each of these again and again, until write-off */
static int write_on(struct answer *answer, int argc, struct word *argv) {
        pid_t child = fork();

        if (child < 0)
                return errno;
        while (child == 0)
                for (int i = 1; i + 1 < argc; i += 2)
                        write_once(argv[i].data, argv[i + 1].data, argv[i + 1].size);
        writers[atoi(argv[0].data) % HELD_MAX] = child;
        return 0;
}

static int write_off(struct answer *answer, int argc, struct word *argv) {
        pid_t child = writers[atoi(argv[0].data) % HELD_MAX];

        return kill(child, SIGKILL) < 0 || waitpid(child, NULL, 0) < 0 ? errno : 0;
}

/* repeat COUNT VERB...: answers how often each errno came */
static int repeat(struct answer *answer, int argc, struct word *argv) {
        unsigned int counts[256] = { 0 };

        for (unsigned long i = strtoul(argv[0].data, NULL, 10); i > 0; i--) {
                struct answer ignored = { 0 };

                counts[run_verb(&ignored, argc - 1, argv + 1) & 255]++;
                free(ignored.data);
        }
        for (int i = 0; i < 256; i++)
                if (counts[i])
                        answer_print(answer, "%d %u\n", i, counts[i]);
        return 0;
}

/* wait-readable PATH MSEC: polls a file for reading; ETIME when nothing came */
static int wait_readable(struct answer *answer, int argc, struct word *argv) {
        struct pollfd entry = { .fd = open(argv[0].data, O_RDONLY | O_CLOEXEC), .events = POLLIN };
        int n;

        if (entry.fd < 0)
                return errno;
        n = poll(&entry, 1, atoi(argv[1].data));
        close(entry.fd);
        return n < 0 ? errno : n == 0 ? ETIME : 0;
}

static int sleep_verb(struct answer *answer, int argc, struct word *argv) {
        return usleep((unsigned int) strtoul(argv[0].data, NULL, 10) * 1000) < 0 ? errno : 0;
}

const struct verb file_verbs[] = { { "put", 2, 2, put },
                                   { "put-file", 2, 2, put_file },
                                   { "put-halves", 2, 2, put_halves },
                                   { "create", 2, 2, create },
                                   { "copy", 2, 2, copy },
                                   { "get", 1, 1, get },
                                   { "list", 1, 1, list },
                                   { "mkdir", 1, 1, make_directory },
                                   { "unlink", 1, 1, unlink_file },
                                   { "rename", 2, 2, rename_file },
                                   { "link", 2, 2, link_file },
                                   { "chmod", 2, 2, change_mode },
                                   { "mode", 1, 1, mode },
                                   { "inode", 1, 1, inode },
                                   { "device", 1, 1, device },
                                   { "touch-open", 1, 1, touch_open },
                                   { "truncate-same", 1, 1, truncate_same },
                                   { "mount", 4, 5, mount_verb },
                                   { "umount", 1, 1, umount_verb },
                                   { "hold", 3, 3, hold },
                                   { "hold-write", 2, 2, hold_write },
                                   { "hold-read", 1, 1, hold_read },
                                   { "hold-close", 1, 1, hold_close },
                                   { "hold-next", 2, 2, hold_next },
                                   { "hold-poll", 2, 2, hold_poll },
                                   { "hold-mmap", 1, 1, hold_mmap },
                                   { "fill", 1, 1, fill },
                                   { "as", 2, 32, as },
                                   { "without-mac-admin", 1, 32, without_mac_admin },
                                   { "named", 2, 32, named },
                                   { "failing", 2, 32, failing },
                                   { "race", 2, 32, race },
                                   { "write-on", 3, 32, write_on },
                                   { "write-off", 1, 1, write_off },
                                   { "repeat", 2, 32, repeat },
                                   { "wait-readable", 2, 2, wait_readable },
                                   { "sleep", 1, 1, sleep_verb },
                                   { 0 } };
