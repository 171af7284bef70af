/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs polkit's pkttyagent(1) as a child during one call.
 *
 * The agent registers itself for the process that started it, closes the descriptor NOTIFY_FD once it listens, and
 * steps back if the session already has an agent.
 */

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"

#define AGENT "/usr/bin/pkttyagent"

/* The number of the descriptor in the child. */
#define NOTIFY_FD 3

#define READY_TIMEOUT_MSEC (10 * 1000)

extern char **environ;

static int spawn_agent(int notify_fd, pid_t *ret) {
        char notify[16];
        char *const arguments[] = { (char *) "pkttyagent", (char *) "--notify-fd", notify, (char *) "--fallback",
                                    NULL };
        posix_spawn_file_actions_t actions;
        int r;

        snprintf(notify, sizeof(notify), "%d", NOTIFY_FD);
        if (posix_spawn_file_actions_init(&actions) != 0)
                return -1;
        r = posix_spawn_file_actions_adddup2(&actions, notify_fd, NOTIFY_FD);
        if (r == 0)
                r = posix_spawn(ret, AGENT, &actions, NULL, arguments, environ);
        posix_spawn_file_actions_destroy(&actions);
        return r == 0 ? 0 : -1;
}

pid_t agent_open(void) {
        int pipe_fds[2];
        pid_t pid = 0;

        if (geteuid() == 0 || !isatty(STDIN_FILENO) || access(AGENT, X_OK) < 0)
                return 0;
        if (pipe2(pipe_fds, O_CLOEXEC) < 0)
                return 0;
        /* Our end must not be NOTIFY_FD: dup2() in the child would then make no copy, and exec would close it. */
        if (pipe_fds[1] == NOTIFY_FD) {
                int moved = fcntl(pipe_fds[1], F_DUPFD_CLOEXEC, NOTIFY_FD + 1);

                if (moved >= 0) {
                        close(pipe_fds[1]);
                        pipe_fds[1] = moved;
                }
        }
        if (spawn_agent(pipe_fds[1], &pid) < 0)
                pid = 0;
        close(pipe_fds[1]);
        if (pid > 0) {
                struct pollfd ready = { .fd = pipe_fds[0] };

                (void) poll(&ready, 1, READY_TIMEOUT_MSEC);
        }
        close(pipe_fds[0]);
        return pid;
}

void agent_close(pid_t pid) {
        if (pid <= 0)
                return;
        (void) kill(pid, SIGTERM);
        (void) kill(pid, SIGCONT);
        (void) waitpid(pid, NULL, 0);
}
