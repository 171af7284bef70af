/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The agent is PID 1 of a test machine: it carries out one command a line and answers each with one line.
 *
 * A command is a verb and its arguments, an answer an errno (0 is success) and bytes that depend on the verb.
 * Words are separated by spaces; '%XX' stands for a byte that is not plain. The verbs are what the tests need
 * the kernel to be asked for; judging the answers is the host's work.
 */
#ifndef AGENT_H
#define AGENT_H

#include <pthread.h>
#include <stddef.h>

/* An argument; data is followed by a NUL that size does not count. */
struct word {
        char *data;
        size_t size;
};

/* What a verb says besides its errno; grows as needed. */
struct answer {
        char *data;
        size_t size;
};

/* Returns 0 or a positive errno. argv[0] is the first argument, not the verb. */
typedef int (*verb_function)(struct answer *answer, int argc, struct word *argv);

struct verb {
        const char *name;
        int min_args, max_args;
        verb_function run;
};

extern const struct verb file_verbs[], memory_verbs[], volume_verbs[], kernel_verbs[], audit_verbs[], lifecycle_verbs[],
        stress_verbs[], event_verbs[], bench_verbs[], stall_verbs[], code_verbs[], attack_verbs[];

void answer_add(struct answer *answer, const void *data, size_t size);
__attribute__((format(printf, 2, 3))) void answer_print(struct answer *answer, const char *format, ...);

/* Finds the verb argv[0] and runs it; EDOM if there is no such verb, or not with so many arguments. */
int run_verb(struct answer *answer, int argc, struct word *argv);

/* Reads a whole file into memory that the caller frees, with a NUL behind it; returns 0 or an errno. */
int read_file(const char *path, char **ret, size_t *ret_size);

/* Opens a file, writes all of it with one write() and closes it; returns 0 or the errno of what failed. */
int write_once(const char *path, const void *data, size_t size);

/*
 * Executes the file that fd has, or path if fd is negative, in a child; answers how that ended. Returns 0, or the errno
 * of what failed before.
 */
int exec_fd(struct answer *answer, int fd, const char *path);

/*
 * A task that misses the page, which nobody has touched, comes to a point (see agent-stall.c) and then finds the
 * content there; the thread that sees to it is left to itself.
 */
int fill_when_missed(void *page, const struct word *content, pthread_t *ret);

#endif
