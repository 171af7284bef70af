/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Verbs that read IPE's file "events" as programs do, and that are denied often. A reader is a number; what it has not
 * read yet stays in the kernel between two commands.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"

#define EVENTS "/sys/kernel/security/ipe/events"
#define READERS_MAX 16
#define PAGE 4096

static int readers[READERS_MAX];

/* Where a reader's descriptor is kept; 0 if it is not open. */
static int *reader(const struct word *number) {
        return &readers[(unsigned int) atoi(number->data) % READERS_MAX];
}

/* events-open READER: not blocking */
static int events_open(struct answer *answer, int argc, struct word *argv) {
        int fd = open(EVENTS, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

        if (fd < 0)
                return errno;
        *reader(&argv[0]) = fd;
        return 0;
}

static int events_close(struct answer *answer, int argc, struct word *argv) {
        int fd = *reader(&argv[0]);

        *reader(&argv[0]) = 0;
        return close(fd) < 0 ? errno : 0;
}

/* events-read READER SIZE: what one read() of that many bytes gives */
static int events_read(struct answer *answer, int argc, struct word *argv) {
        size_t size = strtoul(argv[1].data, NULL, 10);
        char *data = malloc(size + 1);
        ssize_t n = data ? read(*reader(&argv[0]), data, size) : -1;
        int error = n < 0 ? errno : 0;

        if (n > 0)
                answer_add(answer, data, (size_t) n);
        free(data);
        return error;
}

/* What was read so far. */
struct tally {
        unsigned long lines, lost, first, last;
};

/* Counts a line; returns false if its number does not come after the last one. */
static bool count_line(struct tally *tally, const char *line) {
        unsigned long number, lost;

        if (sscanf(line, "lost=%lu uid=", &lost) == 1) {
                tally->lost += lost;
                return lost > 0;
        }
        if (sscanf(line, "seq=%lu time=", &number) != 1 || number <= tally->last)
                return false;
        if (!tally->first)
                tally->first = number;
        tally->last = number;
        tally->lines++;
        return true;
}

/* Reads until there is nothing; returns 0, EPROTO if lines are cut or out of order, or another errno. */
static int count_lines(int fd, struct tally *tally) {
        static char data[1 << 16];
        ssize_t n;

        while ((n = read(fd, data, sizeof(data) - 1)) > 0) {
                char *line = data, *end;

                data[n] = 0;
                if (data[n - 1] != '\n')
                        return EPROTO;
                for (; (end = strchr(line, '\n')); line = end + 1)
                        if (!count_line(tally, line))
                                return EPROTO;
        }
        return n == 0 ? EPROTO : errno == EAGAIN ? 0 : errno;
}

static void print_tally(struct answer *answer, const struct tally *tally) {
        answer_print(answer, "%lu %lu %lu %lu", tally->lines, tally->lost, tally->first, tally->last);
}

/* events-count READER: reads all there is; answers LINES LOST FIRST LAST, of which the last two are numbers of lines */
static int events_count(struct answer *answer, int argc, struct word *argv) {
        struct tally tally = { 0 };
        int error = count_lines(*reader(&argv[0]), &tally);

        print_tally(answer, &tally);
        return error;
}

/* Maps a page of a file executable; returns whether that was denied. */
static bool is_denied(int fd) {
        void *page = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);

        if (page == MAP_FAILED)
                return errno == EACCES;
        munmap(page, PAGE);
        return false;
}

/*
 * Maps a file again and again; returns how often that was denied. It is opened often, too: KASAN keeps what is freed
 * until somebody allocates who may sleep, and a denial never does.
 */
static unsigned long storm(const char *path, unsigned long times) {
        unsigned long denied = 0;

        while (times > 0) {
                int fd = open(path, O_RDONLY | O_CLOEXEC);

                if (fd < 0)
                        return denied;
                for (int i = 0; i < 64 && times > 0; i++, times--)
                        denied += is_denied(fd);
                close(fd);
        }
        return denied;
}

/* storm-files TIMES PATH: makes as many empty files, PATH and a number, and maps each once; answers how many were
 * denied */
static int storm_files(struct answer *answer, int argc, struct word *argv) {
        unsigned long times = strtoul(argv[0].data, NULL, 10), denied = 0;
        char path[256];

        for (unsigned long i = 0; i < times; i++) {
                int fd;

                snprintf(path, sizeof(path), "%s%lu", argv[1].data, i);
                fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
                if (fd < 0)
                        return errno;
                denied += is_denied(fd);
                close(fd);
                unlink(path);
        }
        answer_print(answer, "%lu", denied);
        return 0;
}

/* Starts a process that storms and then writes its count into the pipe, which it closes. */
static int start_storm(const char *path, unsigned long times) {
        int fds[2];

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -1;
        if (fork() == 0) {
                unsigned long denied = storm(path, times);

                _exit(write(fds[1], &denied, sizeof(denied)) != sizeof(denied));
        }
        close(fds[1]);
        return fds[0];
}

static unsigned long end_storm(int fd) {
        unsigned long denied = 0;

        if (read(fd, &denied, sizeof(denied)) != sizeof(denied))
                denied = 0;
        close(fd);
        return denied;
}

/* storm TIMES PATH...: a process for each path; answers how often they were denied */
static int storm_verb(struct answer *answer, int argc, struct word *argv) {
        unsigned long denied = 0;
        int fds[32];

        for (int i = 1; i < argc; i++)
                fds[i] = start_storm(argv[i].data, strtoul(argv[0].data, NULL, 10));
        for (int i = 1; i < argc; i++)
                denied += end_storm(fds[i]);
        answer_print(answer, "%lu", denied);
        return 0;
}

/* events-storm READER TIMES PATH: reads while a process storms; answers DENIED, and as "events-count" */
static int events_storm(struct answer *answer, int argc, struct word *argv) {
        struct tally tally = { 0 };
        struct pollfd waits[2] = {
                { .fd = *reader(&argv[0]), .events = POLLIN },
                { .fd = start_storm(argv[2].data, strtoul(argv[1].data, NULL, 10)), .events = POLLIN },
        };
        int error = 0;

        while (!error && !(waits[1].revents & (POLLIN | POLLHUP))) {
                if (poll(waits, 2, -1) < 0)
                        error = errno;
                else if (waits[0].revents)
                        error = count_lines(waits[0].fd, &tally);
        }
        answer_print(answer, "%lu ", end_storm(waits[1].fd));
        if (!error)
                error = count_lines(waits[0].fd, &tally);
        print_tally(answer, &tally);
        return error;
}

/* events-poll READER: what poll() says without waiting, as a number */
static int events_poll(struct answer *answer, int argc, struct word *argv) {
        struct pollfd wait = { .fd = *reader(&argv[0]), .events = POLLIN | POLLRDNORM };

        if (poll(&wait, 1, 0) < 0)
                return errno;
        answer_print(answer, "%d", wait.revents);
        return 0;
}

static bool sleeps(pid_t process) {
        char path[64], text[512] = "", *state;
        FILE *file;

        snprintf(path, sizeof(path), "/proc/%d/stat", process);
        file = fopen(path, "re");
        if (!file)
                return false;
        state = fgets(text, sizeof(text), file) ? strrchr(text, ')') : NULL;
        fclose(file);
        return state && state[1] == ' ' && state[2] == 'S';
}

static void no_action(int signal) {
}

/* Starts a process that waits until we sleep, and then is denied PATH, or sends a signal where that is "-". */
static pid_t start_waker(const char *path) {
        struct sigaction action = { .sa_handler = no_action };
        pid_t parent = getpid(), child;

        sigaction(SIGUSR1, &action, NULL);
        child = fork();
        if (child)
                return child;
        while (!sleeps(parent))
                usleep(1000);
        if (strcmp(path, "-") == 0)
                kill(parent, SIGUSR1);
        else
                storm(path, 1);
        _exit(0);
}

/* events-wait READER HOW PATH: blocks in a "poll" or a "read" until a process is denied PATH; "-": until a signal comes
 */
static int events_wait(struct answer *answer, int argc, struct word *argv) {
        int fd = *reader(&argv[0]), error = 0;
        struct pollfd wait = { .fd = fd, .events = POLLIN };
        char data[PAGE];
        pid_t child;
        ssize_t n;

        if (fcntl(fd, F_SETFL, 0) < 0)
                return errno;
        child = start_waker(argv[2].data);
        if (strcmp(argv[1].data, "poll") == 0)
                n = poll(&wait, 1, -1);
        else
                n = read(fd, data, sizeof(data));
        if (n < 0)
                error = errno;
        else if (strcmp(argv[1].data, "poll") != 0)
                answer_add(answer, data, (size_t) n);
        waitpid(child, NULL, 0);
        fcntl(fd, F_SETFL, O_NONBLOCK);
        return error;
}

/* events-seek READER: the errnos of lseek(), pread() and of a read() into memory that is not there */
static int events_seek(struct answer *answer, int argc, struct word *argv) {
        int fd = *reader(&argv[0]);
        void *nothing = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        char data[PAGE];

        answer_print(answer, "%d ", lseek(fd, 0, SEEK_SET) < 0 ? errno : 0);
        answer_print(answer, "%d ", pread(fd, data, sizeof(data), 0) < 0 ? errno : 0);
        answer_print(answer, "%d", read(fd, nothing, PAGE) < 0 ? errno : 0);
        munmap(nothing, PAGE);
        return 0;
}

/* events-write: what a write() says */
static int events_write(struct answer *answer, int argc, struct word *argv) {
        int fd = open(EVENTS, O_RDWR | O_CLOEXEC), error;

        if (fd < 0)
                return ENOMEDIUM;
        error = write(fd, "1", 1) < 0 ? errno : 0;
        close(fd);
        return error;
}

const struct verb event_verbs[] = { { "storm", 2, 31, storm_verb },         { "storm-files", 2, 2, storm_files },
                                    { "events-open", 1, 1, events_open },   { "events-close", 1, 1, events_close },
                                    { "events-read", 2, 2, events_read },   { "events-count", 1, 1, events_count },
                                    { "events-storm", 3, 3, events_storm }, { "events-poll", 1, 1, events_poll },
                                    { "events-wait", 3, 3, events_wait },   { "events-seek", 1, 1, events_seek },
                                    { "events-write", 0, 0, events_write }, { 0 } };
