/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Verbs that count instructions: the time stamp counter of a processor that qemu emulates with -icount shift=0
 * is one a nanosecond, and a nanosecond is one an instruction.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

#include "agent.h"

#define PAGE 4096
#define FILES_MAX 60

/* What one sample does, on an open file; returns 0 or an errno. ret: the instructions of what is to be measured. */
typedef int (*sample_function)(int fd, const char *path, uint64_t *ret);

static int sample_mmap(int fd, int flags, int protection, uint64_t *ret) {
        uint64_t begin = __rdtsc(), end;
        void *page = mmap(NULL, PAGE, protection, flags, fd, 0);
        int error = page == MAP_FAILED ? errno : 0;

        end = __rdtsc();
        *ret = end - begin;
        if (!error)
                munmap(page, PAGE);
        return error;
}

static int mmap_exec(int fd, const char *path, uint64_t *ret) {
        return sample_mmap(fd, MAP_PRIVATE, PROT_READ | PROT_EXEC, ret);
}

static int mmap_read(int fd, const char *path, uint64_t *ret) {
        return sample_mmap(fd, MAP_PRIVATE, PROT_READ, ret);
}

static int mmap_anonymous(int fd, const char *path, uint64_t *ret) {
        return sample_mmap(-1, MAP_PRIVATE | MAP_ANONYMOUS, PROT_READ | PROT_EXEC, ret);
}

static int mprotect_exec(int fd, const char *path, uint64_t *ret) {
        void *page = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
        uint64_t begin;
        int error;

        if (page == MAP_FAILED)
                return errno;
        begin = __rdtsc();
        error = mprotect(page, PAGE, PROT_READ | PROT_EXEC) < 0 ? errno : 0;
        *ret = __rdtsc() - begin;
        munmap(page, PAGE);
        return error;
}

/* From vfork() to the end of the program. */
static int exec_and_wait(int fd, const char *path, uint64_t *ret) {
        char *const arguments[] = { (char *) path, NULL }, *const environment[] = { NULL };
        uint64_t begin = __rdtsc();
        volatile int error = 0;
        int status = 0;
        pid_t child = vfork();

        if (child == 0) {
                execve(path, arguments, environment);
                error = errno;
                _exit(1);
        }
        if (child < 0 || waitpid(child, &status, 0) < 0)
                return errno;
        *ret = __rdtsc() - begin;
        return error;
}

static const struct sample {
        const char *name;
        sample_function run;
} samples[] = {
        { "mmap-exec", mmap_exec },    { "mmap-read", mmap_read }, { "mmap-anonymous", mmap_anonymous },
        { "mprotect", mprotect_exec }, { "exec", exec_and_wait },
};

static const struct sample *find_sample(const char *name) {
        for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++)
                if (!strcmp(samples[i].name, name))
                        return &samples[i];
        return NULL;
}

/* The files are taken in turns. A sample that ends as the one before did not is no sample: EBADMSG. */
static int take_samples(struct answer *answer, const struct sample *sample, long n, int n_files, const int *fds,
                        const struct word *paths) {
        int first = 0, error;
        uint64_t count;

        for (long i = 0; i < n; i++) {
                int file = (int) (i % n_files);

                count = 0;
                error = sample->run(fds[file], paths[file].data, &count);
                if (i == 0) {
                        first = error;
                        answer_print(answer, "%d", error);
                } else if (error != first) {
                        return EBADMSG;
                }
                answer_print(answer, " %llu", (unsigned long long) count);
        }
        return 0;
}

/* count SAMPLE NUMBER PATH...: the errno of all samples, then the instructions of each */
static int count(struct answer *answer, int argc, struct word *argv) {
        const struct sample *sample = find_sample(argv[0].data);
        int fds[FILES_MAX], n = 0, n_files = argc - 2, error = 0;

        if (!sample)
                return EINVAL;
        for (; n < n_files && !error; n++) {
                fds[n] = open(argv[2 + n].data, O_RDONLY | O_CLOEXEC);
                if (fds[n] < 0) {
                        error = errno;
                        break;
                }
        }
        if (!error)
                error = take_samples(answer, sample, atol(argv[1].data), n_files, fds, argv + 2);
        while (n-- > 0)
                close(fds[n]);
        return error;
}

/* count-write PATH SOURCE: writes the content of a file with one write(); the instructions of that */
static int count_write(struct answer *answer, int argc, struct word *argv) {
        uint64_t begin = 0, end = 0;
        char *data = NULL;
        size_t size = 0;
        ssize_t n = -1;
        int fd, error;

        error = read_file(argv[1].data, &data, &size);
        if (error)
                return error;
        fd = open(argv[0].data, O_WRONLY | O_CLOEXEC);
        if (fd >= 0) {
                begin = __rdtsc();
                n = write(fd, data, size);
                end = __rdtsc();
        }
        if (n < 0)
                error = errno;
        if (fd >= 0)
                close(fd);
        free(data);
        answer_print(answer, "%llu", (unsigned long long) (end - begin));
        return error;
}

const struct verb bench_verbs[] = { { "count", 3, 2 + FILES_MAX, count }, { "count-write", 2, 2, count_write }, { 0 } };
