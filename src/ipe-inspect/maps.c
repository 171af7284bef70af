/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Looks at the executable mappings of one process. It opens files by /proc/PID/map_files/, which gives the very file
 * that is mapped, even if its path has another meaning by now, or in our mount namespace.
 *
 * A process may have one file mapped 65,000 times. Device, inode and path in "maps" identify a file before it is
 * opened. The path is necessary, as subvolumes of btrfs share a device number there, and have the same inode numbers.
 */

#include <fcntl.h>
#include <limits.h>
#include <search.h>
#include <sys/sysmacros.h>

#include "inspect.h"

#define DELETED " (deleted)"

/* IPE does not judge memory that the kernel itself has made. */
static bool is_of_the_kernel(const char *name) {
        static const char *const names[] = { "[vdso]", "[vsyscall]", "[vvar]", "[uprobes]", "[sigpage]" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (streq(name, names[i]))
                        return true;
        return false;
}

static int read_link(int dir_fd, const char *name, char ret[PATH_MAX]) {
        ssize_t n = readlinkat(dir_fd, name, ret, PATH_MAX - 1);

        if (n < 0)
                return -errno;
        ret[n] = '\0';
        return 0;
}

typedef struct Mapping {
        unsigned long start, end;
        dev_t device;
        unsigned long long inode;
        bool executable;
        const char *name; /* in the line */
} Mapping;

static bool parse_mapping(char *line, Mapping *ret) {
        unsigned major_number, minor_number;
        char permissions[5];
        int name = 0;

        line[strcspn(line, "\n")] = '\0';
        if (sscanf(line, "%lx-%lx %4s %*x %x:%x %llu %n", &ret->start, &ret->end, permissions, &major_number,
                   &minor_number, &ret->inode, &name) != 6 ||
            name == 0)
                return false;
        ret->device = makedev(major_number, minor_number);
        ret->executable = permissions[2] == 'x';
        ret->name = line + name;
        return true;
}

/* Identifies a file that this process has mapped. */
typedef struct Seen {
        dev_t device;
        unsigned long long inode;
        uint64_t path; /* FNV-1a */
} Seen;

static int compare(const void *a, const void *b) {
        const Seen *x = a, *y = b;

        if (x->device != y->device)
                return x->device < y->device ? -1 : 1;
        if (x->inode != y->inode)
                return x->inode < y->inode ? -1 : 1;
        return x->path == y->path ? 0 : x->path < y->path ? -1 : 1;
}

static uint64_t hash(const char *text) {
        uint64_t value = 0xcbf29ce484222325;

        for (; *text; text++)
                value = (value ^ (uint8_t) *text) * 0x100000001b3;
        return value;
}

/* Returns 1 if the file is new, 0 if not, -EDQUOT or -ENOMEM. */
static int see(Look *look, void **seen, const Mapping *mapping) {
        Seen key = { .device = mapping->device, .inode = mapping->inode, .path = hash(mapping->name) }, *entry;
        int r;

        if (tfind(&key, seen, compare))
                return 0;
        r = budget_take(&look->budget.opens, 1);
        entry = r >= 0 ? malloc(sizeof(*entry)) : NULL;
        if (!entry)
                return r < 0 ? r : -ENOMEM;
        *entry = key;
        if (!tsearch(entry, seen, compare)) {
                free(entry);
                return -ENOMEM;
        }
        return 1;
}

/* ret: the number of the file. Returns 1, 0 if the process or mapping has gone, or a negative errno. */
static int look_at_mapping(Look *look, int pid_fd, const Mapping *mapping, size_t *ret) {
        _cleanup_close_ int fd = -1;
        char link[64], path[PATH_MAX];
        int r;

        snprintf(link, sizeof(link), "map_files/%lx-%lx", mapping->start, mapping->end);
        fd = openat(pid_fd, link, O_PATH | O_CLOEXEC);
        if (fd < 0)
                return is_gone(-errno) ? 0 : -errno;
        r = read_link(pid_fd, link, path);
        if (r < 0)
                return is_gone(r) ? 0 : r;
        r = look_at_file(look, fd, path, IPE_OP_EXECUTE, ret);
        return r < 0 ? r : 1;
}

/* Bytes of the answer for the name of a process: each byte may need an escape, as the process chooses its name. */
#define NAME_SIZE 96U

static int add_process(Look *look, size_t number, const char *comm, uint64_t pid) {
        ProcessList *list = &look->processes[number];
        int r = list->n > PROCESSES_MAX ? 0 : budget_take(&look->budget.bytes, NAME_SIZE);

        return r < 0 ? r : process_list_add(list, comm, pid);
}

static int add_shared(Look *look, size_t *number, const char *note, const char *comm, uint64_t pid) {
        int r = *number != SIZE_MAX ? 0 : look_at_nothing(look, "", IPE_OP_EXECUTE, note, number);

        return r < 0 ? r : add_process(look, *number, comm, pid);
}

/* Adds an entry that may be anything, if the kernel forbids the look. error: of the look; others are returned. */
static int add_forbidden(Look *look, Shared *shared, int error, const char *comm, uint64_t pid) {
        int r;

        if (is_gone(error))
                return 0;
        if (error != -EACCES && error != -EPERM)
                return error;
        r = add_shared(look, &shared->forbidden, "the kernel does not let ipe-inspect see it", comm, pid);
        if (r >= 0)
                look->inspection->files[shared->forbidden].is_incomplete = true;
        return r;
}

typedef struct Subject {
        int fd; /* its directory */
        uint64_t pid;
        char comm[64];
        void *seen;
} Subject;

static int look_at_line(Look *look, Subject *subject, char *line, Shared *shared) {
        Mapping mapping;
        size_t number;
        int r;

        if (!parse_mapping(line, &mapping) || !mapping.executable)
                return 0;
        if (mapping.inode == 0)
                return is_of_the_kernel(mapping.name)
                               ? 0
                               : add_shared(look, &shared->anonymous, "it is memory that no file is mapped to",
                                            subject->comm, subject->pid);
        r = see(look, &subject->seen, &mapping);
        if (r > 0)
                r = look_at_mapping(look, subject->fd, &mapping, &number);
        if (r > 0)
                r = add_process(look, number, subject->comm, subject->pid);
        return r >= 0 || r == -EDQUOT ? r : add_forbidden(look, shared, r, subject->comm, subject->pid);
}

/* Read the clock once in so many lines. */
#define CLOCK_LINES 256U

static int look_at_maps(Look *look, Subject *subject, FILE *maps, Shared *shared) {
        _cleanup_free_ char *line = NULL;
        size_t size = 0, n = 0;
        int r = 0;

        while (r >= 0 && (errno = 0, getline(&line, &size, maps)) >= 0) {
                r = budget_take(&look->budget.lines, 1);
                if (r >= 0 && n++ % CLOCK_LINES == 0 && budget_is_over(&look->budget))
                        r = -EDQUOT;
                if (r >= 0)
                        r = look_at_line(look, subject, line, shared);
        }
        /* A process that ends meanwhile has no mappings any more; any other error would make the answer incomplete. */
        if (r >= 0 && ferror(maps) && !is_gone(-errno))
                r = -errno;
        return r < 0 ? r : 0;
}

static void read_comm(int pid_fd, char *ret, size_t size) {
        _cleanup_close_ int fd = openat(pid_fd, "comm", O_RDONLY | O_CLOEXEC);
        ssize_t n = fd >= 0 ? read(fd, ret, size - 1) : 0;

        ret[n > 0 ? n : 0] = '\0';
        ret[strcspn(ret, "\n")] = '\0';
}

static int look_at_open_maps(Look *look, Subject *subject, Shared *shared) {
        _cleanup_close_ int maps_fd = openat(subject->fd, "maps", O_RDONLY | O_CLOEXEC);
        FILE *maps;
        int r;

        if (maps_fd < 0)
                return add_forbidden(look, shared, -errno, subject->comm, subject->pid);
        maps = fdopen(maps_fd, "r");
        if (!maps)
                return -ENOMEM;
        maps_fd = -1;
        r = look_at_maps(look, subject, maps, shared);
        fclose(maps);
        return r;
}

int look_at_process(Look *look, int proc_fd, int pid, Shared *shared) {
        Subject subject = { .pid = (uint64_t) pid };
        char name[16];
        int r;

        snprintf(name, sizeof(name), "%d", pid);
        subject.fd = openat(proc_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (subject.fd < 0)
                return is_gone(-errno) ? 0 : -errno;
        read_comm(subject.fd, subject.comm, sizeof(subject.comm));
        r = look_at_open_maps(look, &subject, shared);
        tdestroy(subject.seen, free);
        close(subject.fd);
        return r;
}

/* An update may have replaced the program of PID 1: the new file is the one that PID 1 would execute. */
int look_at_init(Look *look) {
        Shared shared = { SIZE_MAX, SIZE_MAX };
        char path[PATH_MAX];
        size_t size;
        int r = read_link(AT_FDCWD, "/proc/1/exe", path);

        if (r < 0) {
                look->scope = SCOPE_SYSTEM;
                return add_forbidden(look, &shared, r, "init", 1);
        }
        size = strlen(path);
        if (size > strlen(DELETED) && streq(path + size - strlen(DELETED), DELETED))
                path[size - strlen(DELETED)] = '\0';
        return look_at_path(look, path, IPE_OP_EXECUTE);
}
