/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Verbs that keep the kernel busy from several threads. What a thread does are verbs of the agent, one a line; it takes
 * them in random order until it is told to stop, and counts what each of them answered.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"

#define THREADS_MAX 12
#define LINES_MAX 24
#define WORDS_MAX 8

/* Shared by the agent and the process of the threads. */
struct shared {
        atomic_bool stop;
        unsigned int counts[THREADS_MAX][LINES_MAX][256];
};

static struct shared *shared;

struct thread {
        pthread_t id;
        unsigned int number, n_lines, seed;
        struct {
                int n_words;
                struct word words[WORDS_MAX];
        } lines[LINES_MAX];
};

static pid_t process;

static void *run_thread(void *pointer) {
        struct thread *thread = pointer;

        while (!shared->stop) {
                unsigned int line = (unsigned int) rand_r(&thread->seed) % thread->n_lines;
                struct answer ignored = { 0 };
                int error = run_verb(&ignored, thread->lines[line].n_words, thread->lines[line].words);

                shared->counts[thread->number][line][error & 255]++;
                free(ignored.data);
        }
        return NULL;
}

static void split_script(char *script, struct thread *ret) {
        char *next_line = script, *line;

        while ((line = strsep(&next_line, "\n")) && ret->n_lines < LINES_MAX) {
                char *next_word = line, *word;
                int n = 0;

                while ((word = strsep(&next_word, " ")) && n < WORDS_MAX)
                        ret->lines[ret->n_lines].words[n++] = (struct word) { word, strlen(word) };
                ret->lines[ret->n_lines++].n_words = n;
        }
}

static int run_threads(int argc, struct word *argv) {
        static struct thread threads[THREADS_MAX];

        for (int i = 0; i < argc; i++) {
                threads[i].number = threads[i].seed = (unsigned int) i;
                split_script(argv[i].data, &threads[i]);
                if (pthread_create(&threads[i].id, NULL, run_thread, &threads[i]))
                        return 1;
        }
        for (int i = 0; i < argc; i++)
                pthread_join(threads[i].id, NULL);
        return 0;
}

/* stress-on SCRIPT...: starts one thread for each; SCRIPT: verbs with their arguments, one a line */
static int stress_on(struct answer *answer, int argc, struct word *argv) {
        if (process)
                return EBUSY;
        shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (shared == MAP_FAILED)
                return errno;
        process = fork();
        if (process == 0)
                _exit(run_threads(argc, argv));
        return process < 0 ? errno : 0;
}

/* stress-count: answers THREAD LINE ERRNO COUNT, one a line */
static int stress_count(struct answer *answer, int argc, struct word *argv) {
        for (int i = 0; i < THREADS_MAX; i++)
                for (int j = 0; j < LINES_MAX; j++)
                        for (int error = 0; error < 256; error++)
                                if (shared->counts[i][j][error])
                                        answer_print(answer, "%d %d %d %u\n", i, j, error, shared->counts[i][j][error]);
        return 0;
}

/* stress-off: lets the threads end; answers as stress-count */
static int stress_off(struct answer *answer, int argc, struct word *argv) {
        int status, error = 0;

        if (!process)
                return ESRCH;
        shared->stop = 1;
        if (waitpid(process, &status, 0) < 0 || status)
                error = ECHILD;
        process = 0;
        stress_count(answer, 0, NULL);
        munmap(shared, sizeof(*shared));
        return error;
}

static void read_below(int parent, const char *name) {
        char data[4096];
        int fd = openat(parent, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        DIR *directory;

        if (fd < 0)
                return;
        directory = fdopendir(fd);
        if (!directory) {
                while (read(fd, data, sizeof(data)) > 0)
                        ;
                close(fd);
                return;
        }
        for (struct dirent *entry; (entry = readdir(directory));)
                if (entry->d_name[0] != '.')
                        read_below(fd, entry->d_name);
        closedir(directory);
}

/* read-below PATH: reads every file below a directory, whatever comes of it */
static int read_below_verb(struct answer *answer, int argc, struct word *argv) {
        read_below(AT_FDCWD, argv[0].data);
        return 0;
}

/*
 * faulty VERB...: runs a verb in a process of which allocations fail, as /sys/kernel/debug/failslab and
 * fail_page_alloc say
 */
static int faulty(struct answer *answer, int argc, struct word *argv) {
        struct answer ignored = { 0 };
        int error, status;
        pid_t child = fork();

        if (child == 0) {
                int fd = open("/proc/self/make-it-fail", O_WRONLY | O_CLOEXEC);

                if (fd < 0 || write(fd, "1", 1) != 1)
                        _exit(ENOMEDIUM);
                error = run_verb(&ignored, argc, argv);
                _exit(write(fd, "0", 1) == 1 ? error : ENOMEDIUM);
        }
        if (child < 0 || waitpid(child, &status, 0) < 0)
                return errno;
        return WIFEXITED(status) ? WEXITSTATUS(status) : ECHILD;
}

const struct verb stress_verbs[] = { { "stress-on", 1, THREADS_MAX, stress_on },
                                     { "stress-count", 0, 0, stress_count },
                                     { "stress-off", 0, 0, stress_off },
                                     { "read-below", 1, 1, read_below_verb },
                                     { "faulty", 1, 32, faulty },
                                     { 0 } };
