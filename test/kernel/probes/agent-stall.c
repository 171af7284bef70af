/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Makes the kernel wait between two steps of what another process asked it for, so that an attack that is a matter of
 * luck elsewhere is a matter of order here.
 *
 * A verb runs in the background ("begin"), and comes to a point: a file that is read (fanotify permission
 * events), a request to a file system that is a program (FUSE), memory that is not there yet (userfaultfd). From
 * "stall-on" to "stall-off" each of them waits there until "stall-next". The agent itself never waits, but for memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"

#define PAGE 4096

/* How long the kernel may rely on what it was told of a served file. */
#define SERVED_SEC 86400

/* Shared by the agent and all processes that hold up others; the numbers count from stall-on. */
struct stall {
        atomic_bool on;
        atomic_uint arrived, released;
};

static struct stall *stall;

static int share_stall(void) {
        if (stall)
                return 0;
        stall = mmap(NULL, sizeof(*stall), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (stall != MAP_FAILED)
                return 0;
        stall = NULL;
        return errno;
}

static void wait_here(void) {
        unsigned int number;

        if (!stall->on)
                return;
        number = ++stall->arrived;
        while (stall->on && stall->released < number)
                usleep(1000);
}

static int stall_on(struct answer *answer, int argc, struct word *argv) {
        int error = share_stall();

        if (error)
                return error;
        stall->arrived = stall->released = 0;
        stall->on = true;
        return 0;
}

/* stall-wait MSEC: until somebody waits; ETIME if nobody came */
static int stall_wait(struct answer *answer, int argc, struct word *argv) {
        for (int left = atoi(argv[0].data); left > 0; left--) {
                if (stall->arrived > stall->released)
                        return 0;
                usleep(1000);
        }
        return ETIME;
}

/* stall-next: lets go who waits; the next one waits again */
static int stall_next(struct answer *answer, int argc, struct word *argv) {
        stall->released++;
        return 0;
}

static int stall_off(struct answer *answer, int argc, struct word *argv) {
        if (!stall)
                return ESRCH;
        stall->on = false;
        return 0;
}

/* Verbs in the background */

static pid_t background;
static int background_fd = -1;

/* begin VERB...: runs a verb in a process of its own */
static int begin(struct answer *answer, int argc, struct word *argv) {
        int fds[2];

        if (background)
                return EBUSY;
        if (pipe2(fds, O_CLOEXEC) < 0)
                return errno;
        background = fork();
        if (background == 0) {
                struct answer own = { 0 };
                int error = run_verb(&own, argc, argv);

                if (write(fds[1], &error, sizeof(error)) < 0 || (own.size && write(fds[1], own.data, own.size) < 0))
                        _exit(1);
                _exit(0);
        }
        close(fds[1]);
        background_fd = fds[0];
        return background < 0 ? errno : 0;
}

/* end MSEC: waits for the verb in the background and answers as it did; ETIME if it goes on, ECHILD if it was killed */
static int end(struct answer *answer, int argc, struct word *argv) {
        struct pollfd entry = { .fd = background_fd, .events = POLLIN };
        char data[PAGE];
        int error;
        ssize_t n;

        if (!background)
                return ESRCH;
        if (poll(&entry, 1, atoi(argv[0].data)) == 0)
                return ETIME;
        if (read(background_fd, &error, sizeof(error)) != sizeof(error))
                error = ECHILD;
        while ((n = read(background_fd, data, sizeof(data))) > 0)
                answer_add(answer, data, (size_t) n);
        close(background_fd);
        waitpid(background, NULL, 0);
        background = 0;
        return error;
}

/* fanotify */

static void serve_fanotify(int fd) {
        char events[PAGE] __attribute__((aligned(8)));
        pid_t agent = getppid();
        ssize_t n;

        signal(SIGCHLD, SIG_IGN);
        while ((n = read(fd, events, sizeof(events))) > 0) {
                struct fanotify_event_metadata *event = (void *) events;

                for (; FAN_EVENT_OK(event, n); event = FAN_EVENT_NEXT(event, n)) {
                        struct fanotify_response response = { .fd = event->fd, .response = FAN_ALLOW };

                        /* The descriptor stays open here: its number names the event. */
                        if (fork() > 0)
                                continue;
                        if (event->pid != agent)
                                wait_here();
                        _exit(write(fd, &response, sizeof(response)) != sizeof(response));
                }
        }
        _exit(0);
}

static pid_t fanotify_server;

/* stall-mark PATH: from now on, whoever reads the file comes to a point */
static int stall_mark(struct answer *answer, int argc, struct word *argv) {
        int error = share_stall(), fd;

        if (error)
                return error;
        fd = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY | O_LARGEFILE | O_CLOEXEC);
        if (fd < 0)
                return errno;
        if (fanotify_mark(fd, FAN_MARK_ADD, FAN_ACCESS_PERM, AT_FDCWD, argv[0].data) < 0)
                error = errno;
        else {
                fanotify_server = fork();
                if (fanotify_server == 0)
                        serve_fanotify(fd);
        }
        close(fd);
        return error;
}

/* stall-unmark: ends what stall-mark began */
static int stall_unmark(struct answer *answer, int argc, struct word *argv) {
        if (!fanotify_server || kill(fanotify_server, SIGKILL) < 0)
                return ESRCH;
        waitpid(fanotify_server, NULL, 0);
        fanotify_server = 0;
        return 0;
}

/* FUSE: a file system in which each name is a program with one content */

struct fuse_request {
        struct fuse_in_header header;
        union {
                struct fuse_read_in read;
                char any[FUSE_MIN_READ_BUFFER];
        };
};

struct served {
        int fd;
        const struct word *content;
        uint32_t point; /* the opcode that comes to a point; 0 for none */
};

static struct fuse_attr attributes(const struct served *served, uint64_t node) {
        if (node == FUSE_ROOT_ID)
                return (struct fuse_attr) { .ino = node, .mode = S_IFDIR | 0755, .nlink = 2, .blksize = PAGE };
        return (struct fuse_attr) {
                .ino = node, .mode = S_IFREG | 0755, .nlink = 1, .blksize = PAGE, .size = served->content->size
        };
}

static struct iovec part_of(const struct word *content, const struct fuse_read_in *wanted) {
        size_t offset = wanted->offset < content->size ? wanted->offset : content->size;
        size_t left = content->size - offset;

        return (struct iovec) { content->data + offset, wanted->size < left ? wanted->size : left };
}

/* The kernel goes on without what is not offered. */
static void answer_request(const struct served *served, const struct fuse_request *request) {
        struct fuse_init_out init = {
                .major = FUSE_KERNEL_VERSION,
                .minor = FUSE_KERNEL_MINOR_VERSION,
                .max_write = PAGE,
        };
        struct fuse_entry_out entry = {
                .nodeid = 2,
                .entry_valid = SERVED_SEC,
                .attr_valid = SERVED_SEC,
                .attr = attributes(served, 2),
        };
        struct fuse_attr_out attr = {
                .attr_valid = SERVED_SEC,
                .attr = attributes(served, request->header.nodeid),
        };
        struct fuse_open_out opened = { 0 };
        struct fuse_statfs_out status = { .st = { .bsize = PAGE, .namelen = 255 } };
        struct fuse_out_header header = { .unique = request->header.unique };
        struct iovec parts[2] = { { &header, sizeof(header) } };

        switch (request->header.opcode) {
        case FUSE_INIT:
                parts[1] = (struct iovec) { &init, sizeof(init) };
                break;
        case FUSE_LOOKUP:
                parts[1] = (struct iovec) { &entry, sizeof(entry) };
                break;
        case FUSE_GETATTR:
                parts[1] = (struct iovec) { &attr, sizeof(attr) };
                break;
        case FUSE_OPEN:
        case FUSE_OPENDIR:
                parts[1] = (struct iovec) { &opened, sizeof(opened) };
                break;
        case FUSE_STATFS:
                parts[1] = (struct iovec) { &status, sizeof(status) };
                break;
        case FUSE_READ:
                parts[1] = part_of(served->content, &request->read);
                break;
        case FUSE_READDIR:
        case FUSE_RELEASE:
        case FUSE_RELEASEDIR:
                break;
        case FUSE_FORGET:
        case FUSE_BATCH_FORGET:
                return;
        default:
                header.error = -ENOSYS;
        }
        header.len = (uint32_t) (sizeof(header) + parts[1].iov_len);
        (void) !writev(served->fd, parts, 2);
}

/* Until it is unmounted. */
static void serve_fuse(const struct served *served) {
        static struct fuse_request request;
        pid_t agent = getppid();

        signal(SIGCHLD, SIG_IGN);
        while (read(served->fd, &request, sizeof(request)) > 0 || errno == EINTR || errno == ENOENT) {
                if (request.header.opcode != served->point || request.header.pid == (uint32_t) agent)
                        answer_request(served, &request);
                else if (fork() == 0) {
                        wait_here();
                        answer_request(served, &request);
                        _exit(0);
                }
        }
        _exit(0);
}

static int mount_served(const char *source, const char *directory, const char *type, const char *more,
                        const struct word *content, uint32_t point) {
        struct served served = { .fd = open("/dev/fuse", O_RDWR | O_CLOEXEC), .content = content, .point = point };
        char options[96];
        int error;

        if (served.fd < 0)
                return errno;
        mkdir(directory, 0755);
        snprintf(options, sizeof(options), "fd=%d,rootmode=40755,user_id=0,group_id=0%s", served.fd, more);
        error = mount(source, directory, type, MS_RDONLY, options) < 0 ? errno : 0;
        if (!error && fork() == 0)
                serve_fuse(&served);
        close(served.fd);
        return error;
}

/* fuse DEVICE DIRECTORY CONTENT: mounts the device, and serves the content instead of what is on it */
static int fuse(struct answer *answer, int argc, struct word *argv) {
        return mount_served(argv[0].data, argv[1].data, "fuseblk", ",blksize=4096", &argv[2], 0);
}

/* stall-fs DIRECTORY CONTENT open|read: serves the content; who opens or reads it comes to a point */
static int stall_fs(struct answer *answer, int argc, struct word *argv) {
        int error = share_stall();

        if (error)
                return error;
        return mount_served("stall", argv[0].data, "fuse", ",allow_other", &argv[1],
                            strcmp(argv[2].data, "open") == 0 ? FUSE_OPEN : FUSE_READ);
}

/* userfaultfd */

struct missing_page {
        int fd;
        const struct word *content;
};

/* Waits for the page to be missed, comes to a point, and fills it. */
static void *fill_page(void *pointer) {
        struct missing_page *missing = pointer;
        static char page[PAGE] __attribute__((aligned(PAGE)));
        struct uffd_msg message;
        struct uffdio_copy copy = { .src = (uintptr_t) page, .len = PAGE };

        memcpy(page, missing->content->data, missing->content->size < PAGE ? missing->content->size : PAGE);
        if (read(missing->fd, &message, sizeof(message)) != sizeof(message))
                return NULL;
        wait_here();
        copy.dst = message.arg.pagefault.address & ~(uint64_t) (PAGE - 1);
        ioctl(missing->fd, UFFDIO_COPY, &copy);
        return NULL;
}

int fill_when_missed(void *page, const struct word *content, pthread_t *ret) {
        struct uffdio_api api = { .api = UFFD_API };
        struct uffdio_register range = {
                .range = { .start = (uintptr_t) page, .len = PAGE },
                .mode = UFFDIO_REGISTER_MODE_MISSING,
        };
        static struct missing_page missing;
        int error = share_stall();

        if (error)
                return error;
        missing = (struct missing_page) { .fd = (int) syscall(SYS_userfaultfd, O_CLOEXEC), .content = content };
        if (missing.fd < 0 || ioctl(missing.fd, UFFDIO_API, &api) < 0 || ioctl(missing.fd, UFFDIO_REGISTER, &range) < 0)
                return errno;
        return pthread_create(ret, NULL, fill_page, &missing);
}

/* write-missing PATH BYTES: writes to a file from memory that is missing when the kernel comes to it */
static int write_missing(struct answer *answer, int argc, struct word *argv) {
        void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        int fd = open(argv[0].data, O_WRONLY | O_CLOEXEC), error;
        pthread_t filler;

        if (fd < 0 || page == MAP_FAILED)
                return errno;
        error = fill_when_missed(page, &argv[1], &filler);
        if (!error && write(fd, page, argv[1].size) < 0)
                error = errno;
        close(fd);
        munmap(page, PAGE);
        return error;
}

const struct verb stall_verbs[] = { { "stall-on", 0, 0, stall_on },
                                    { "stall-wait", 1, 1, stall_wait },
                                    { "stall-next", 0, 0, stall_next },
                                    { "stall-off", 0, 0, stall_off },
                                    { "stall-mark", 1, 1, stall_mark },
                                    { "stall-unmark", 0, 0, stall_unmark },
                                    { "stall-fs", 3, 3, stall_fs },
                                    { "fuse", 3, 3, fuse },
                                    { "write-missing", 2, 2, write_missing },
                                    { "begin", 1, 32, begin },
                                    { "end", 1, 1, end },
                                    { 0 } };
