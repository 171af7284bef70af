/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Verbs that make memory executable, or a file run, in every way that IPE has a say in. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"

#define PAGE 4096

/* Waits for a child that tells the errno of a failed exec through the pipe, which exec closes. */
static int exec_result(struct answer *answer, pid_t child, int fd) {
        int error = 0, status = 0;

        if (read(fd, &error, sizeof(error)) != sizeof(error))
                error = 0;
        close(fd);
        if (waitpid(child, &status, 0) < 0)
                return errno;
        if (error)
                return error;
        answer_print(answer, WIFEXITED(status) ? "exit %d" : "signal %d",
                     WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
        return 0;
}

int exec_fd(struct answer *answer, int fd, const char *path) {
        char *const arguments[] = { (char *) path, NULL }, *const environment[] = { NULL };
        int pipe_fds[2], error;
        pid_t child;

        if (pipe2(pipe_fds, O_CLOEXEC) < 0)
                return errno;
        child = fork();
        if (child == 0) {
                if (fd >= 0)
                        fexecve(fd, arguments, environment);
                else
                        execve(path, arguments, environment);
                error = errno;
                _exit(write(pipe_fds[1], &error, sizeof(error)) < 0);
        }
        close(pipe_fds[1]);
        return exec_result(answer, child, pipe_fds[0]);
}

/* exec PATH: answers how it ended, where it could be executed */
static int exec_verb(struct answer *answer, int argc, struct word *argv) {
        return exec_fd(answer, -1, argv[0].data);
}

/* Maps a page with one protection and asks for another one, if it is not 0. */
static int map_page(int fd, int flags, int protection, int then) {
        void *page = mmap(NULL, PAGE, protection, flags, fd, 0);
        int error = 0;

        if (page == MAP_FAILED)
                return errno;
        if (then && mprotect(page, PAGE, then) < 0)
                error = errno;
        munmap(page, PAGE);
        return error;
}

static int map_path(const char *path, int flags, int protection, int then) {
        int fd = open(path, O_RDONLY | O_CLOEXEC), error;

        if (fd < 0)
                return errno;
        error = map_page(fd, flags, protection, then);
        close(fd);
        return error;
}

/* mmap PATH: readable and executable */
static int mmap_verb(struct answer *answer, int argc, struct word *argv) {
        return map_path(argv[0].data, MAP_PRIVATE, PROT_READ | PROT_EXEC, 0);
}

static int mmap_shared(struct answer *answer, int argc, struct word *argv) {
        return map_path(argv[0].data, MAP_SHARED, PROT_READ | PROT_EXEC, 0);
}

/* mmap-read PATH: readable only */
static int mmap_read(struct answer *answer, int argc, struct word *argv) {
        return map_path(argv[0].data, MAP_PRIVATE, PROT_READ, 0);
}

/* mprotect PATH: mapped readable, then made executable */
static int mprotect_verb(struct answer *answer, int argc, struct word *argv) {
        return map_path(argv[0].data, MAP_PRIVATE, PROT_READ, PROT_READ | PROT_EXEC);
}

static void *kept = MAP_FAILED;

/* map-keep PATH: maps a page readable and executable and keeps it, for "map-again" */
static int map_keep(struct answer *answer, int argc, struct word *argv) {
        int fd = open(argv[0].data, O_RDONLY | O_CLOEXEC);

        if (fd < 0)
                return errno;
        kept = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
        close(fd);
        return kept == MAP_FAILED ? errno : 0;
}

/* map-again: gives the page that was kept another protection with which it stays executable */
static int map_again(struct answer *answer, int argc, struct word *argv) {
        return mprotect(kept, PAGE, PROT_EXEC) < 0 ? errno : 0;
}

static int anonymous_mmap(struct answer *answer, int argc, struct word *argv) {
        return map_page(-1, MAP_PRIVATE | MAP_ANONYMOUS, PROT_READ | PROT_EXEC, 0);
}

static int anonymous_mprotect(struct answer *answer, int argc, struct word *argv) {
        return map_page(-1, MAP_PRIVATE | MAP_ANONYMOUS, PROT_READ | PROT_WRITE, PROT_READ | PROT_EXEC);
}

static int shared_anonymous_mmap(struct answer *answer, int argc, struct word *argv) {
        return map_page(-1, MAP_SHARED | MAP_ANONYMOUS, PROT_READ | PROT_EXEC, 0);
}

static int memfd_of(const char *path) {
        int fd = memfd_create("probe", MFD_CLOEXEC);
        char *data = NULL;
        size_t size = 0;

        if (fd < 0 || read_file(path, &data, &size) || write(fd, data, size) != (ssize_t) size) {
                free(data);
                return -1;
        }
        free(data);
        return fd;
}

/* memfd-exec PATH, memfd-mmap PATH, memfd-mprotect PATH: the file's content in a memfd */
static int memfd_exec(struct answer *answer, int argc, struct word *argv) {
        int fd = memfd_of(argv[0].data), error;

        if (fd < 0)
                return ENOMEDIUM;
        error = exec_fd(answer, fd, argv[0].data);
        close(fd);
        return error;
}

static int memfd_mmap(struct answer *answer, int argc, struct word *argv) {
        int fd = memfd_of(argv[0].data), error;

        if (fd < 0)
                return ENOMEDIUM;
        error = map_page(fd, MAP_PRIVATE, PROT_READ | PROT_EXEC, 0);
        close(fd);
        return error;
}

static int memfd_mprotect(struct answer *answer, int argc, struct word *argv) {
        int fd = memfd_of(argv[0].data), error;

        if (fd < 0)
                return ENOMEDIUM;
        error = map_page(fd, MAP_PRIVATE, PROT_READ, PROT_READ | PROT_EXEC);
        close(fd);
        return error;
}

const struct verb memory_verbs[] = { { "exec", 1, 1, exec_verb },
                                     { "mmap", 1, 1, mmap_verb },
                                     { "mmap-shared", 1, 1, mmap_shared },
                                     { "mmap-read", 1, 1, mmap_read },
                                     { "mprotect", 1, 1, mprotect_verb },
                                     { "map-keep", 1, 1, map_keep },
                                     { "map-again", 0, 0, map_again },
                                     { "anonymous-mmap", 0, 0, anonymous_mmap },
                                     { "anonymous-mprotect", 0, 0, anonymous_mprotect },
                                     { "anonymous-shared-mmap", 0, 0, shared_anonymous_mmap },
                                     { "memfd-exec", 1, 1, memfd_exec },
                                     { "memfd-mmap", 1, 1, memfd_mmap },
                                     { "memfd-mprotect", 1, 1, memfd_mprotect },
                                     { 0 } };
