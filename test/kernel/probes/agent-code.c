/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Verbs that lead bytes into executable memory in steps, and run them. There is one piece of memory and one open file
 * at a time, and each step says how it failed. Protections are written as in /proc/PID/maps: "r-xp", "rw-s".
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"

#define PAGE 4096
#define PAGES 2

static int object = -1;
static char *memory = MAP_FAILED;

static int code_drop(struct answer *answer, int argc, struct word *argv) {
        if (memory != MAP_FAILED)
                munmap(memory, PAGES * PAGE);
        if (object >= 0)
                close(object);
        memory = MAP_FAILED;
        object = -1;
        return 0;
}

/* code-open PATH [rw]: what is mapped next; the memory before is forgotten */
static int code_open(struct answer *answer, int argc, struct word *argv) {
        code_drop(answer, 0, NULL);
        object = open(argv[0].data, (argc > 1 ? O_RDWR : O_RDONLY) | O_CLOEXEC);
        return object < 0 ? errno : 0;
}

/* code-memfd BYTES [sealed] */
static int code_memfd(struct answer *answer, int argc, struct word *argv) {
        code_drop(answer, 0, NULL);
        object = memfd_create("code", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (object < 0 || write(object, argv[0].data, argv[0].size) < 0 || ftruncate(object, PAGES * PAGE) < 0)
                return errno;
        if (argc > 1 && fcntl(object, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
                return errno;
        return 0;
}

/* code-uring: the rings of a new io_uring */
static int code_uring(struct answer *answer, int argc, struct word *argv) {
        struct io_uring_params parameters = { 0 };

        code_drop(answer, 0, NULL);
        object = (int) syscall(SYS_io_uring_setup, 256, &parameters);
        return object < 0 ? errno : 0;
}

static int protection(const char *letters) {
        return (letters[0] == 'r' ? PROT_READ : 0) | (letters[1] == 'w' ? PROT_WRITE : 0) |
               (letters[2] == 'x' ? PROT_EXEC : 0);
}

/* code-map PROTECTION: the open file, or anonymous memory if there is none */
static int code_map(struct answer *answer, int argc, struct word *argv) {
        int flags = (argv[0].data[3] == 's' ? MAP_SHARED : MAP_PRIVATE) | (object < 0 ? MAP_ANONYMOUS : 0);

        if (memory != MAP_FAILED)
                munmap(memory, PAGES * PAGE);
        memory = mmap(NULL, PAGES * PAGE, protection(argv[0].data), flags, object, 0);
        return memory == MAP_FAILED ? errno : 0;
}

static int code_protect(struct answer *answer, int argc, struct word *argv) {
        return mprotect(memory, PAGES * PAGE, protection(argv[0].data)) < 0 ? errno : 0;
}

/* code-personality HEX VERB...: runs a verb under another personality */
static int code_personality(struct answer *answer, int argc, struct word *argv) {
        int before = personality(0xffffffff), error;

        personality((unsigned long) before | strtoul(argv[0].data, NULL, 16));
        error = run_verb(answer, argc - 1, argv + 1);
        personality((unsigned long) before);
        return error;
}

/* code-remap: shows the first page of the file where the second one was (remap_file_pages) */
static int code_remap(struct answer *answer, int argc, struct word *argv) {
        return syscall(SYS_remap_file_pages, memory + PAGE, PAGE, 0, 0, 0) < 0 ? errno : 0;
}

/* code-brk: a page of heap instead of a mapping */
static int code_brk(struct answer *answer, int argc, struct word *argv) {
        char *end = sbrk(0);

        code_drop(answer, 0, NULL);
        /* Not part of what malloc() has: behind it, and never returned. */
        if (sbrk(4 * PAGE) == (void *) -1)
                return errno;
        memory = (char *) (((uintptr_t) end + 2 * PAGE - 1) & ~(uintptr_t) (PAGE - 1));
        return 0;
}

/* Ways to write to memory */

static int store(const struct word *bytes) {
        memcpy(memory, bytes->data, bytes->size);
        return 0;
}

static int self_mem(const struct word *bytes) {
        int fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC), error = 0;

        if (fd < 0)
                return errno;
        if (pwrite(fd, bytes->data, bytes->size, (off_t) (uintptr_t) memory) != (ssize_t) bytes->size)
                error = errno;
        close(fd);
        return error;
}

/* From a child, which is another process. */
static int vm_writev(const struct word *bytes) {
        struct iovec local = { bytes->data, bytes->size }, remote = { memory, bytes->size };
        pid_t self = getpid(), child = fork();
        int status;

        if (child == 0)
                _exit(process_vm_writev(self, &local, 1, &remote, 1, 0) < 0 ? errno : 0);
        return child < 0 || waitpid(child, &status, 0) < 0 ? errno : WEXITSTATUS(status);
}

static int poke(pid_t tracee, const struct word *bytes) {
        for (size_t i = 0; i < bytes->size; i += sizeof(long)) {
                long word = 0;

                memcpy(&word, bytes->data + i, bytes->size - i < sizeof(long) ? bytes->size - i : sizeof(long));
                if (ptrace(PTRACE_POKETEXT, tracee, memory + i, word) < 0)
                        return errno;
        }
        return 0;
}

/*
 * code-ptrace BYTES [PROTECTION]: a child that is traced has the memory; it is written by its tracer, protected, and
 * called; answers how that ended
 */
static int ptrace_call(struct answer *answer, int argc, struct word *argv) {
        pid_t child = fork();
        int status, error;

        if (child == 0) {
                ptrace(PTRACE_TRACEME, 0, NULL, NULL);
                raise(SIGSTOP);
                if (argc > 1 && mprotect(memory, PAGES * PAGE, protection(argv[1].data)) < 0)
                        _exit(128 + errno);
                ((void (*)(void)) memory)();
                _exit(99);
        }
        if (child < 0 || waitpid(child, &status, 0) < 0)
                return errno;
        error = poke(child, &argv[0]);
        ptrace(error ? PTRACE_KILL : PTRACE_DETACH, child, NULL, NULL);
        if (waitpid(child, &status, 0) < 0)
                return errno;
        if (!error && WIFEXITED(status) && WEXITSTATUS(status) > 128)
                error = WEXITSTATUS(status) - 128;
        if (!error)
                answer_print(answer, WIFEXITED(status) ? "exit %d" : "signal %d",
                             WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
        return error;
}

static int from_pipe(const struct word *bytes) {
        int fds[2], error = 0;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return errno;
        if (write(fds[1], bytes->data, bytes->size) < 0 || read(fds[0], memory, bytes->size) < 0)
                error = errno;
        close(fds[0]);
        close(fds[1]);
        return error;
}

/* Hands one entry to the kernel, and waits for its result. */
static int submit(int ring, const struct io_uring_params *parameters, const struct io_uring_sqe *entry) {
        char *rings = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
        struct io_uring_sqe *entries = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
        struct io_uring_cqe *done;

        if (rings == MAP_FAILED || entries == MAP_FAILED)
                return errno;
        entries[0] = *entry;
        *(uint32_t *) (rings + parameters->sq_off.array) = 0;
        __atomic_store_n((uint32_t *) (rings + parameters->sq_off.tail), 1, __ATOMIC_RELEASE);
        if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) != 1)
                return errno;
        done = (struct io_uring_cqe *) (rings + parameters->cq_off.cqes);
        return done->res < 0 ? -done->res : 0;
}

static int io_uring(const struct word *bytes) {
        struct io_uring_params parameters = { 0 };
        struct io_uring_sqe entry = {
                .opcode = IORING_OP_READ,
                .addr = (uintptr_t) memory,
                .len = (uint32_t) bytes->size,
        };
        int ring = (int) syscall(SYS_io_uring_setup, 1, &parameters), fds[2], error;

        if (ring < 0 || pipe2(fds, O_CLOEXEC) < 0)
                return errno;
        entry.fd = fds[0];
        if (write(fds[1], bytes->data, bytes->size) < 0)
                return errno;
        error = submit(ring, &parameters, &entry);
        close(fds[0]);
        close(fds[1]);
        close(ring);
        return error;
}

static int userfaultfd(const struct word *bytes) {
        pthread_t filler;
        int error = fill_when_missed(memory, bytes, &filler);

        if (error)
                return error;
        return *(volatile char *) memory == bytes->data[0] ? 0 : EIO;
}

/* Without a fault: a page of a private mapping of a file in memory that nobody has touched. */
static int userfaultfd_copy(const struct word *bytes) {
        static char page[PAGE] __attribute__((aligned(PAGE)));
        struct uffdio_api api = { .api = UFFD_API };
        struct uffdio_register range = {
                .range = { .start = (uintptr_t) memory, .len = PAGE },
                .mode = UFFDIO_REGISTER_MODE_MISSING,
        };
        struct uffdio_copy copy = { .src = (uintptr_t) page, .dst = (uintptr_t) memory, .len = PAGE };
        int fd = (int) syscall(SYS_userfaultfd, O_CLOEXEC), error = 0;

        memcpy(page, bytes->data, bytes->size < PAGE ? bytes->size : PAGE);
        if (fd < 0 || ioctl(fd, UFFDIO_API, &api) < 0 || ioctl(fd, UFFDIO_REGISTER, &range) < 0 ||
            ioctl(fd, UFFDIO_COPY, &copy) < 0)
                error = errno;
        close(fd);
        return error;
}

static const struct way {
        const char *name;
        int (*write)(const struct word *bytes);
} ways[] = {
        { "store", store },
        { "read", from_pipe },
        { "self-mem", self_mem },
        { "vm-writev", vm_writev },
        { "io-uring", io_uring },
        { "userfaultfd", userfaultfd },
        { "userfaultfd-copy", userfaultfd_copy },
};

/* code-write WAY BYTES */
static int code_write(struct answer *answer, int argc, struct word *argv) {
        for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
                if (strcmp(ways[i].name, argv[0].data) == 0)
                        return ways[i].write(&argv[1]);
        return EDOM;
}

/* code-call [OFFSET]: jumps there in a child; answers how that ended */
static int code_call(struct answer *answer, int argc, struct word *argv) {
        size_t offset = argc > 0 ? strtoul(argv[0].data, NULL, 0) : 0;
        pid_t child = fork();
        int status;

        if (child == 0) {
                ((void (*)(void))(memory + offset))();
                _exit(99);
        }
        if (child < 0 || waitpid(child, &status, 0) < 0)
                return errno;
        answer_print(answer, WIFEXITED(status) ? "exit %d" : "signal %d",
                     WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
        return 0;
}

/* code-exec: executes the open file itself (fexecve); answers how that ended */
static int code_exec(struct answer *answer, int argc, struct word *argv) {
        return exec_fd(answer, object, "code");
}

const struct verb code_verbs[] = { { "code-open", 1, 2, code_open },
                                   { "code-memfd", 1, 2, code_memfd },
                                   { "code-uring", 0, 0, code_uring },
                                   { "code-brk", 0, 0, code_brk },
                                   { "code-map", 1, 1, code_map },
                                   { "code-protect", 1, 1, code_protect },
                                   { "code-personality", 2, 32, code_personality },
                                   { "code-remap", 0, 0, code_remap },
                                   { "code-write", 2, 2, code_write },
                                   { "code-ptrace", 1, 2, ptrace_call },
                                   { "code-call", 0, 1, code_call },
                                   { "code-exec", 0, 0, code_exec },
                                   { "code-drop", 0, 0, code_drop },
                                   { 0 } };
