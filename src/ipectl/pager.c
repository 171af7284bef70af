/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * less(1) as a child, in its secure mode: it runs no commands, whoever called ipectl.
 */

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include "base.h"
#include "pager.h"
#include "terminal.h"

extern char **environ;

static pid_t pager;

static bool is_unwanted(void) {
        const char *name = getenv("SYSTEMD_PAGER") ?: getenv("PAGER");

        return name && (!*name || streq(name, "cat"));
}

/* Returns 0, or -1 if there is no less. */
static int spawn_less(int input) {
        char *const arguments[] = { (char *) "less", NULL };
        posix_spawn_file_actions_t actions;
        int r;

        /* The options of systemd's tools: a text that fits is only printed, long lines are cut, colours pass, Ctrl-C
         * ends it. */
        if (setenv("LESS", "FRSXMK", 1) < 0 || setenv("LESSSECURE", "1", 1) < 0 ||
            posix_spawn_file_actions_init(&actions) != 0)
                return -1;
        r = posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
        if (r == 0)
                r = posix_spawnp(&pager, "less", &actions, NULL, arguments, environ);
        posix_spawn_file_actions_destroy(&actions);
        if (r != 0)
                pager = 0;
        return r == 0 ? 0 : -1;
}

/* The shell gets the terminal back when less has ended. */
static void close_at_exit(void) {
        (void) fflush(stdout);
        (void) close(STDOUT_FILENO);
        (void) close(STDERR_FILENO);
        (void) waitpid(pager, NULL, 0);
}

void pager_open(void) {
        bool has_errors = isatty(STDERR_FILENO);
        int pipe_fds[2];

        if (!terminal_is_smart() || is_unwanted() || pipe2(pipe_fds, O_CLOEXEC) < 0)
                return;
        if (spawn_less(pipe_fds[0]) == 0 && atexit(close_at_exit) == 0) {
                terminal_keep();
                (void) dup2(pipe_fds[1], STDOUT_FILENO);
                if (has_errors)
                        (void) dup2(pipe_fds[1], STDERR_FILENO);
        }
        close(pipe_fds[0]);
        close(pipe_fds[1]);
}
