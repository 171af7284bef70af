/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The agent as audit daemon: records come through netlink, complete, where the console would lose some.
 *
 * Reading is exact without waiting: the agent sends a record of its own, which the kernel queues behind all
 * earlier ones, and reads until it comes back.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"

static int audit_fd = -1;

struct message {
        struct nlmsghdr header;
        char data[9000];
};

static int send_message(int type, const void *data, size_t size) {
        struct message message = {
                .header = { .nlmsg_len = (unsigned int) NLMSG_LENGTH(size),
                            .nlmsg_type = (unsigned short) type,
                            .nlmsg_flags = NLM_F_REQUEST },
        };

        memcpy(message.data, data, size);
        return send(audit_fd, &message, message.header.nlmsg_len, 0) < 0 ? errno : 0;
}

/* audit-start: from now on records are kept for "audit" */
static int audit_start(struct answer *answer, int argc, struct word *argv) {
        struct audit_status status = {
                .mask = AUDIT_STATUS_ENABLED | AUDIT_STATUS_PID | AUDIT_STATUS_BACKLOG_LIMIT | AUDIT_STATUS_RATE_LIMIT,
                .enabled = 1,
                .pid = (unsigned int) getpid(),
        };
        int size = 64 << 20;

        audit_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT);
        if (audit_fd < 0)
                return errno;
        setsockopt(audit_fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
        return send_message(AUDIT_SET, &status, sizeof(status));
}

/* audit: the records since the last call, one a line: TYPE TEXT */
static int audit(struct answer *answer, int argc, struct word *argv) {
        static unsigned int count;
        struct message message;
        char mark[64];
        int error;

        snprintf(mark, sizeof(mark), "agent mark %u.", ++count);
        error = send_message(AUDIT_FIRST_USER_MSG2, mark, strlen(mark) + 1);
        while (!error) {
                ssize_t n = recv(audit_fd, &message, sizeof(message) - 1, 0);
                int type = message.header.nlmsg_type;

                if (n < (ssize_t) sizeof(message.header))
                        return n < 0 ? errno : EIO;
                ((char *) &message)[n] = 0;
                if (type == AUDIT_FIRST_USER_MSG2 && strstr(message.data, mark))
                        break;
                if (type >= AUDIT_FIRST_USER_MSG && type != AUDIT_FIRST_USER_MSG2)
                        answer_print(answer, "%d %s\n", type, message.data);
        }
        return error;
}

/* audit-lost: how many records the kernel could not keep for us since it started */
static int audit_lost(struct answer *answer, int argc, struct word *argv) {
        struct message message;
        struct audit_status status;
        int error = send_message(AUDIT_GET, "", 0);

        while (!error) {
                ssize_t n = recv(audit_fd, &message, sizeof(message), 0);

                if (n < (ssize_t) NLMSG_LENGTH(sizeof(status)))
                        return n < 0 ? errno : EIO;
                if (message.header.nlmsg_type == AUDIT_GET)
                        break;
        }
        memcpy(&status, message.data, sizeof(status));
        answer_print(answer, "%u", status.lost);
        return error;
}

/* audit-exclude TYPE on|off: a rule against records of a type */
static int audit_exclude(struct answer *answer, int argc, struct word *argv) {
        struct audit_rule_data rule = {
                .flags = AUDIT_FILTER_EXCLUDE,
                .action = AUDIT_NEVER,
                .field_count = 1,
                .fields = { AUDIT_MSGTYPE },
                .fieldflags = { AUDIT_EQUAL },
                .values = { (unsigned int) atoi(argv[0].data) },
        };

        return send_message(strcmp(argv[1].data, "on") == 0 ? AUDIT_ADD_RULE : AUDIT_DEL_RULE, &rule, sizeof(rule));
}

/* Puts a copy in the place of a mapping, with the same content and no file. */
static int replace_mapping(char *start, size_t size, const char *protection) {
        int flags = (protection[0] == 'r' ? PROT_READ : 0) | (protection[1] == 'w' ? PROT_WRITE : 0) |
                    (protection[2] == 'x' ? PROT_EXEC : 0);
        char *copy = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (copy == MAP_FAILED)
                return -1;
        memcpy(copy, start, size);
        if (mprotect(copy, size, flags) < 0)
                return -1;
        return mremap(copy, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, start) == MAP_FAILED ? -1 : 0;
}

/* The kernel changes /proc/self/exe only while nothing of the old program is mapped. */
static int replace_program(void) {
        char *maps, *line, *rest, exe[256], protection[5], path[256];
        ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
        unsigned long start, end;
        size_t size;
        int r = 0;

        if (n < 0 || read_file("/proc/self/maps", &maps, &size))
                return -1;
        exe[n] = 0;
        for (line = strtok_r(maps, "\n", &rest); line && r == 0; line = strtok_r(NULL, "\n", &rest))
                if (sscanf(line, "%lx-%lx %4s %*s %*s %*s %255s", &start, &end, protection, path) == 4 &&
                    strcmp(path, exe) == 0)
                        r = replace_mapping((char *) start, end - start, protection);
        return r;
}

static int claim_program(const char *path) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        char exe[256];
        ssize_t n;

        if (fd < 0 || replace_program() < 0 || prctl(PR_SET_MM, PR_SET_MM_EXE_FILE, fd, 0, 0) < 0)
                return -1;
        n = readlink("/proc/self/exe", exe, sizeof(exe));
        return n == (ssize_t) strlen(path) && memcmp(exe, path, strlen(path)) == 0 ? 0 : -1;
}

static int join_session(const char *uid) {
        return write_once("/proc/self/loginuid", uid, strlen(uid)) ? -1 : 0;
}

/* Runs a verb in a process that has done something before; ENOMEDIUM if it could not. */
static int run_after(int (*before)(const char *), int argc, struct word *argv) {
        struct answer ignored = { 0 };
        int status;

        if (fork() == 0) {
                if (before(argv[0].data) < 0)
                        _exit(ENOMEDIUM);
                _exit(run_verb(&ignored, argc - 1, argv + 1));
        }
        wait(&status);
        return WIFEXITED(status) ? WEXITSTATUS(status) : ENOMEDIUM;
}

/* claiming PATH VERB...: runs a verb in a process whose /proc/self/exe is that program, which it did not execute */
static int claiming(struct answer *answer, int argc, struct word *argv) {
        return run_after(claim_program, argc, argv);
}

/* in-session UID VERB...: runs a verb in a process with that login UID */
static int in_session(struct answer *answer, int argc, struct word *argv) {
        return run_after(join_session, argc, argv);
}

const struct verb audit_verbs[] = { { "audit-start", 0, 0, audit_start },
                                    { "audit", 0, 0, audit },
                                    { "audit-lost", 0, 0, audit_lost },
                                    { "audit-exclude", 2, 2, audit_exclude },
                                    { "claiming", 2, 32, claiming },
                                    { "in-session", 2, 32, in_session },
                                    { 0 } };
