/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fault.h"
#include "test-unit.h"

/* The calls that the store and io.c make on files. The sanitizers' own calls, like mmap, are none of these. */
static const int watched[] = {
        SYS_openat,   SYS_read,  SYS_write,     SYS_fsync,      SYS_close,     SYS_mkdirat,
        SYS_unlinkat, SYS_flock, SYS_ftruncate, SYS_getdents64, SYS_renameat2,
#ifdef SYS_renameat
        SYS_renameat,
#endif
#ifdef SYS_open
        SYS_open,     SYS_mkdir, SYS_rename,    SYS_unlink,
#endif
};

#define N_WATCHED (sizeof(watched) / sizeof(watched[0]))

/* Returns the descriptor of notifications, or -1. */
static int install_filter(void) {
        struct sock_filter filter[N_WATCHED + 3];
        struct sock_fprog program = { .len = N_WATCHED + 3, .filter = filter };

        filter[0] = (struct sock_filter) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
        for (size_t i = 0; i < N_WATCHED; i++)
                filter[i + 1] = (struct sock_filter) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned) watched[i],
                                                              (uint8_t) (N_WATCHED - i), 0);
        filter[N_WATCHED + 1] = (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
        filter[N_WATCHED + 2] = (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -1;
        return (int) syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

/* A message with one descriptor. */
typedef struct Message {
        struct msghdr header;
        struct iovec iovec;
        char byte;
        union {
                char space[CMSG_SPACE(sizeof(int))];
                struct cmsghdr align;
        } control;
} Message;

static void message_init(Message *message) {
        memset(message, 0, sizeof(*message));
        message->iovec = (struct iovec) { &message->byte, 1 };
        message->header = (struct msghdr) {
                .msg_iov = &message->iovec,
                .msg_iovlen = 1,
                .msg_control = message->control.space,
                .msg_controllen = sizeof(message->control.space),
        };
}

static int send_descriptor(int socket, int fd) {
        Message message;
        struct cmsghdr *header;

        message_init(&message);
        header = CMSG_FIRSTHDR(&message.header);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(fd));
        memcpy(CMSG_DATA(header), &fd, sizeof(fd));
        return sendmsg(socket, &message.header, 0) == 1 ? 0 : -1;
}

/* Returns -1 if the child could not install its filter. */
static int receive_descriptor(int socket) {
        struct cmsghdr *header;
        Message message;
        int fd = -1;

        message_init(&message);
        if (recvmsg(socket, &message.header, MSG_CMSG_CLOEXEC) != 1)
                return -1;
        header = CMSG_FIRSTHDR(&message.header);
        if (header)
                memcpy(&fd, CMSG_DATA(header), sizeof(fd));
        return fd;
}

static _Noreturn void run_child(const FaultPlan *plan, int socket) {
        int fd = install_filter();

        if (fd < 0 || send_descriptor(socket, fd) < 0)
                _exit(1);
        plan->run(plan->userdata);
        _exit(0);
}

/* Answers one call. Returns false if there are no more. */
static bool answer(const FaultPlan *plan, int listener, pid_t child, FaultResult *result) {
        struct pollfd pollfd = { .fd = listener, .events = POLLIN };
        struct seccomp_notif call = {};
        struct seccomp_notif_resp response = {};
        size_t n;

        assert_int_equal(poll(&pollfd, 1, -1), 1);
        if (!(pollfd.revents & POLLIN))
                return false;
        assert_return_code(ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call), errno);
        n = result->n_calls++;
        assert_in_range(n, 0, FAULT_CALLS_MAX - 1);
        result->calls[n].number = call.data.nr;
        memcpy(result->calls[n].arguments, call.data.args, sizeof(call.data.args));
        if (n == plan->at && plan->error == 0) {
                result->killed = true;
                kill(child, SIGKILL);
                return false;
        }
        response.id = call.id;
        if (n == plan->at)
                response.error = -plan->error;
        else
                response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
        assert_return_code(ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response), errno);
        return true;
}

void fault_run(const FaultPlan *plan, FaultResult *ret) {
        int sockets[2], listener, status;
        pid_t child;

        memset(ret, 0, sizeof(*ret));
        assert_return_code(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), errno);
        fflush(NULL);
        child = fork();
        assert_return_code(child, errno);
        if (child == 0)
                run_child(plan, sockets[1]);
        close(sockets[1]);
        listener = receive_descriptor(sockets[0]);
        close(sockets[0]);
        while (listener >= 0 && answer(plan, listener, child, ret))
                ;
        if (listener >= 0)
                close(listener);
        assert_int_equal(waitpid(child, &status, 0), child);
        if (listener < 0) {
                print_message("# seccomp notifications are not permitted here\n");
                skip();
        }
        if (!ret->killed)
                ret->status = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
}
