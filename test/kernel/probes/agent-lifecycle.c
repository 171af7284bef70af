/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Verbs on the life cycle of policies: all that its files say at one time, and writes in ways that are not usual. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"

#define IPE "/sys/kernel/security/ipe"
#define SLOTS_MAX 16

static const char *const top_files[] = { "confirm", "lock", "enforce", "success_audit" };
static const char *const policy_files[] = {
        "name",
        "version",
        "policy",
        "pkcs7",
        "active",
        "trial",
        "shadow",
        "stats",
        "next/version",
        "next/policy",
        "next/pkcs7",
        "next/stats",
        "previous/version",
        "previous/policy",
        "previous/pkcs7",
        "previous/stats",
};
#define N_TOP_FILES (sizeof(top_files) / sizeof(*top_files))
#define N_POLICY_FILES (sizeof(policy_files) / sizeof(*policy_files))

/* A policy whose files are kept open, which is what makes a snapshot fast. */
static struct {
        char name[256];
        int fds[N_POLICY_FILES];
} slots[SLOTS_MAX];
static int top_fds[N_TOP_FILES];

static uint32_t crc32(const char *data, size_t size) {
        uint32_t crc = ~0U;

        for (size_t i = 0; i < size; i++) {
                crc ^= (unsigned char) data[i];
                for (int bit = 0; bit < 8; bit++)
                        crc = crc >> 1 ^ (crc & 1 ? 0xedb88320U : 0);
        }
        return ~crc;
}

/*
 * Adds FILE=VALUE. An errno is '!' and its number, what is not text '#', its size and its CRC; the time left of a long
 * trial, which changes while one looks at it, is "running".
 */
static int add_value(struct answer *answer, const char *directory, const char *file, int fd) {
        static char data[70000];
        ssize_t n = fd < 0 ? -1 : pread(fd, data, sizeof(data) - 1, 0);
        int error = errno;

        answer_print(answer, "%s%s=", directory, file);
        if (n < 0) {
                answer_print(answer, "!%d\n", error);
                return error;
        }
        data[n] = 0;
        if (strcmp(file, "trial") == 0 && atoi(data) > 80000) {
                answer_print(answer, "running\n");
                return 0;
        }
        for (ssize_t i = 0; i < n; i++)
                if ((data[i] < ' ' && data[i] != '\n') || data[i] > '~') {
                        answer_print(answer, "#%zd:%08x\n", n, crc32(data, (size_t) n));
                        return 0;
                }
        answer_add(answer, data, (size_t) n);
        answer_add(answer, "\n", 1);
        return 0;
}

static void close_slot(int number) {
        for (size_t i = 0; slots[number].name[0] && i < N_POLICY_FILES; i++)
                if (slots[number].fds[i] >= 0)
                        close(slots[number].fds[i]);
        slots[number].name[0] = 0;
}

static void open_slot(int number, const char *name) {
        char path[512];

        close_slot(number);
        snprintf(slots[number].name, sizeof(slots[number].name), "%.255s", name);
        for (size_t i = 0; i < N_POLICY_FILES; i++) {
                snprintf(path, sizeof(path), IPE "/policies/%.255s/%s", name, policy_files[i]);
                slots[number].fds[i] = open(path, O_RDONLY | O_CLOEXEC);
        }
}

static int compare_names(const void *a, const void *b) {
        return strcmp(a, b);
}

static int list_policies(char names[SLOTS_MAX][256]) {
        DIR *directory = opendir(IPE "/policies");
        int n = 0;

        if (!directory)
                return 0;
        for (struct dirent *entry; n < SLOTS_MAX && (entry = readdir(directory));)
                if (entry->d_name[0] != '.')
                        strcpy(names[n++], entry->d_name);
        closedir(directory);
        qsort(names, (size_t) n, sizeof(*names), compare_names);
        return n;
}

static void add_policy(struct answer *answer, int number, const char *name) {
        char byte, directory[300];

        /* Files that were opened before a delete say ENOENT for ever. */
        if (strcmp(slots[number].name, name) || pread(slots[number].fds[0], &byte, 1, 0) < 0)
                open_slot(number, name);
        snprintf(directory, sizeof(directory), "%.255s/", name);
        for (size_t i = 0; i < N_POLICY_FILES; i++)
                add_value(answer, directory, policy_files[i], slots[number].fds[i]);
}

static int try_to_map(const char *path) {
        int fd = open(path, O_RDONLY | O_CLOEXEC), error = 0;
        void *page = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);

        if (page == MAP_FAILED)
                error = errno;
        else
                munmap(page, 4096);
        close(fd);
        return error;
}

/*
 * snapshot PROGRAM [text]: maps a program executable, then reads every file of every policy; answers the CRC of it
 * all, or the text itself
 */
static int snapshot(struct answer *answer, int argc, struct word *argv) {
        static char names[SLOTS_MAX][256];
        struct answer text = { 0 };
        int n;

        answer_print(&text, "probe=%d\n", try_to_map(argv[0].data));
        for (size_t i = 0; i < N_TOP_FILES; i++) {
                char path[64];

                snprintf(path, sizeof(path), IPE "/%s", top_files[i]);
                if (top_fds[i] <= 0)
                        top_fds[i] = open(path, O_RDONLY | O_CLOEXEC);
                add_value(&text, "", top_files[i], top_fds[i]);
        }
        n = list_policies(names);
        for (int i = 0; i < n; i++)
                add_policy(&text, i, names[i]);
        for (int i = n; i < SLOTS_MAX; i++)
                close_slot(i);
        if (argc > 1)
                answer_add(answer, text.data, text.size);
        else
                answer_print(answer, "%08x", crc32(text.data, text.size));
        free(text.data);
        return 0;
}

/* snapshot-end: closes the files that snapshots have kept open */
static int snapshot_end(struct answer *answer, int argc, struct word *argv) {
        for (int i = 0; i < SLOTS_MAX; i++)
                close_slot(i);
        for (size_t i = 0; i < N_TOP_FILES; i++) {
                if (top_fds[i] > 0)
                        close(top_fds[i]);
                top_fds[i] = 0;
        }
        return 0;
}

/* put-at PATH OFFSET BYTES: as put, at an offset */
static int put_at(struct answer *answer, int argc, struct word *argv) {
        int fd = open(argv[0].data, O_WRONLY | O_CLOEXEC), error = 0;
        ssize_t n;

        if (fd < 0)
                return errno;
        n = pwrite(fd, argv[2].data, argv[2].size, strtoll(argv[1].data, NULL, 10));
        if (n < 0)
                error = errno;
        else if ((size_t) n != argv[2].size)
                error = EIO;
        close(fd);
        return error;
}

/* put-zeros PATH SIZE [BYTES]: as put, with SIZE bytes of 0, after BYTES */
static int put_zeros(struct answer *answer, int argc, struct word *argv) {
        size_t size = strtoull(argv[1].data, NULL, 10), before = argc > 2 ? argv[2].size : 0;
        char *data = calloc(1, before + size);
        int error;

        if (!data)
                return ENOMEDIUM;
        if (before)
                memcpy(data, argv[2].data, before);
        error = write_once(argv[0].data, data, before + size);
        free(data);
        return error;
}

/* put-unmapped PATH: a write of bytes that cannot be read */
static int put_unmapped(struct answer *answer, int argc, struct word *argv) {
        void *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        int error;

        if (page == MAP_FAILED)
                return ENOMEDIUM;
        error = write_once(argv[0].data, page, 2);
        munmap(page, 4096);
        return error;
}

/* get-at PATH OFFSET SIZE: one pread() */
static int get_at(struct answer *answer, int argc, struct word *argv) {
        int fd = open(argv[0].data, O_RDONLY | O_CLOEXEC), error = 0;
        size_t size = strtoull(argv[2].data, NULL, 10);
        char *data = calloc(1, size + 1);
        ssize_t n;

        if (fd < 0 || !data) {
                free(data);
                return errno;
        }
        n = pread(fd, data, size, strtoll(argv[1].data, NULL, 10));
        if (n < 0)
                error = errno;
        else
                answer_add(answer, data, (size_t) n);
        free(data);
        close(fd);
        return error;
}

/* clocks: milliseconds of the clock that stands still while the machine is suspended, and of the one that does not */
static int clocks(struct answer *answer, int argc, struct word *argv) {
        static const clockid_t ids[] = { CLOCK_MONOTONIC, CLOCK_BOOTTIME };
        struct timespec time;

        for (size_t i = 0; i < 2; i++) {
                if (clock_gettime(ids[i], &time) < 0)
                        return errno;
                answer_print(answer, "%lld\n", (long long) time.tv_sec * 1000 + time.tv_nsec / 1000000);
        }
        return 0;
}

/* make-fifo PATH, symlink TARGET PATH */
static int make_fifo(struct answer *answer, int argc, struct word *argv) {
        return mknod(argv[0].data, S_IFIFO | 0600, 0) < 0 ? errno : 0;
}

static int make_symlink(struct answer *answer, int argc, struct word *argv) {
        return symlink(argv[0].data, argv[1].data) < 0 ? errno : 0;
}

static void race_writer(int start, int result, const struct word *path, const struct word *data) {
        char go;
        int error;

        while (read(start, &go, 1) == 1) {
                error = write_once(path->data, data->data, data->size);
                if (write(result, &error, sizeof(error)) != sizeof(error))
                        break;
        }
        _exit(0);
}

#define OUTCOMES_MAX 64

/* How often each outcome of a race came. */
struct outcomes {
        char texts[OUTCOMES_MAX][128];
        unsigned int counts[OUTCOMES_MAX];
        int n;
};

static void count_outcome(struct outcomes *outcomes, const char *text) {
        int i = 0;

        while (i < outcomes->n && strcmp(outcomes->texts[i], text))
                i++;
        if (i == OUTCOMES_MAX)
                return;
        if (i == outcomes->n) {
                snprintf(outcomes->texts[i], sizeof(outcomes->texts[i]), "%s", text);
                outcomes->n++;
        }
        outcomes->counts[i]++;
}

/* What there is to see after a race: what a file says, or after "map:" whether it can be mapped executable. */
static void watch(const char *watched, char *ret, size_t size) {
        ssize_t n;
        int fd;

        if (strncmp(watched, "map:", 4) == 0) {
                snprintf(ret, size, "%d", try_to_map(watched + 4));
                return;
        }
        fd = open(watched, O_RDONLY | O_CLOEXEC);
        n = fd < 0 ? -1 : read(fd, ret, size - 1);
        if (n < 0)
                snprintf(ret, size, "!%d", errno);
        else
                ret[n] = 0;
        if (fd >= 0)
                close(fd);
        ret[strcspn(ret, "\n")] = 0;
}

/* One round: both writers start, and end, before it is looked at what came of it. */
static int run_race(struct outcomes *outcomes, const int start[2], const int result[2], int first,
                    const char *watched) {
        char text[128], value[64];
        int got[2];

        for (int side = 0; side < 2; side++)
                if (write(start[side ^ first], "g", 1) != 1)
                        return ENOMEDIUM;
        for (int side = 0; side < 2; side++)
                if (read(result[side], &got[side], sizeof(got[side])) != sizeof(got[side]))
                        return ENOMEDIUM;
        watch(watched, value, sizeof(value));
        snprintf(text, sizeof(text), "%d %d %s", got[0], got[1], value);
        count_outcome(outcomes, text);
        return 0;
}

/*
 * races COUNT WATCHED PATH BYTES PATH BYTES [PATH BYTES]...: COUNT times, two processes write at once, each its BYTES
 * to its PATH; then one looks at WATCHED, and the other files are written in turn. Answers how often each outcome came:
 * COUNT, errno, errno, what was seen.
 */
static int races(struct answer *answer, int argc, struct word *argv) {
        static struct outcomes outcomes;
        int start[2], result[2], error = 0;

        memset(&outcomes, 0, sizeof(outcomes));
        for (int side = 0; side < 2; side++) {
                int to[2], from[2];

                if (pipe2(to, O_CLOEXEC) < 0 || pipe2(from, O_CLOEXEC) < 0)
                        return errno;
                if (fork() == 0) {
                        /* A writer ends when the parent closes its side. */
                        close(to[1]);
                        if (side)
                                close(start[0]);
                        race_writer(to[0], from[1], &argv[2 + 2 * side], &argv[3 + 2 * side]);
                }
                close(to[0]);
                close(from[1]);
                start[side] = to[1];
                result[side] = from[0];
        }
        for (unsigned long i = strtoul(argv[0].data, NULL, 10); i > 0 && !error; i--) {
                error = run_race(&outcomes, start, result, (int) (i & 1), argv[1].data);
                for (int j = 6; j + 1 < argc; j += 2)
                        write_once(argv[j].data, argv[j + 1].data, argv[j + 1].size);
        }
        for (int side = 0; side < 2; side++) {
                close(start[side]);
                close(result[side]);
        }
        while (wait(NULL) > 0)
                ;
        for (int i = 0; i < outcomes.n; i++)
                answer_print(answer, "%u %s\n", outcomes.counts[i], outcomes.texts[i]);
        return error;
}

const struct verb lifecycle_verbs[] = { { "snapshot", 1, 2, snapshot },
                                        { "snapshot-end", 0, 0, snapshot_end },
                                        { "put-at", 3, 3, put_at },
                                        { "put-zeros", 2, 3, put_zeros },
                                        { "put-unmapped", 1, 1, put_unmapped },
                                        { "get-at", 3, 3, get_at },
                                        { "clocks", 0, 0, clocks },
                                        { "make-fifo", 1, 1, make_fifo },
                                        { "symlink", 2, 2, make_symlink },
                                        { "races", 6, 60, races },
                                        { 0 } };
