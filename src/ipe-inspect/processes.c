/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is mapped executable in any process. A file is opened by /proc/PID/map_files/, which is the very file that is mapped,
 * whatever its path means by now, or in another mount namespace.
 */

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>

#include "inspect.h"

#define DELETED " (deleted)"

/* A process may end at any time. */
static bool is_gone(int error) {
        return error == -ENOENT || error == -ESRCH;
}

/* Memory that the kernel has made itself is not judged. */
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
        unsigned long long inode;
        bool executable;
        const char *name; /* in the line */
} Mapping;

static bool parse_mapping(char *line, Mapping *ret) {
        char permissions[5];
        int name = 0;

        line[strcspn(line, "\n")] = '\0';
        if (sscanf(line, "%lx-%lx %4s %*x %*x:%*x %llu %n", &ret->start, &ret->end, permissions, &ret->inode, &name) != 4 ||
            name == 0)
                return false;
        ret->executable = permissions[2] == 'x';
        ret->name = line + name;
        return true;
}

/* Returns 1 with the number of the file, 0 if it is gone, or a negative errno. */
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

/* Entries of which there is one for all processes; SIZE_MAX as long as it is not there. */
typedef struct Shared {
        size_t anonymous; /* memory */
        size_t forbidden; /* what the kernel does not let us look at */
} Shared;

static int add_shared(Look *look, size_t *number, const char *note, const char *comm, uint64_t pid) {
        int r = *number != SIZE_MAX ? 0 : look_at_nothing(look, "", IPE_OP_EXECUTE, note, number);

        return r < 0 ? r : process_list_add(&look->processes[*number], comm, pid);
}

/* Whether it may be anything: then nothing is known of what it runs. */
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

static int look_at_maps(Look *look, int pid_fd, FILE *maps, const char *comm, uint64_t pid, Shared *shared) {
        _cleanup_free_ char *line = NULL;
        size_t size = 0, number = 0;
        int r = 0;

        while (r >= 0 && (errno = 0, getline(&line, &size, maps)) >= 0) {
                Mapping mapping;

                if (!parse_mapping(line, &mapping) || !mapping.executable)
                        continue;
                if (mapping.inode == 0) {
                        if (is_of_the_kernel(mapping.name))
                                continue;
                        r = add_shared(look, &shared->anonymous, "it is memory that no file is mapped to", comm, pid);
                        continue;
                }
                r = look_at_mapping(look, pid_fd, &mapping, &number);
                if (r > 0)
                        r = process_list_add(&look->processes[number], comm, pid);
                else if (r < 0)
                        r = add_forbidden(look, shared, r, comm, pid);
        }
        /* A process that ends while its mappings are read has none; anything else would be half an answer. */
        if (r >= 0 && ferror(maps) && !is_gone(-errno))
                r = -errno;
        return r;
}

static void read_comm(int pid_fd, char *ret, size_t size) {
        _cleanup_close_ int fd = openat(pid_fd, "comm", O_RDONLY | O_CLOEXEC);
        ssize_t n = fd >= 0 ? read(fd, ret, size - 1) : 0;

        ret[n > 0 ? n : 0] = '\0';
        ret[strcspn(ret, "\n")] = '\0';
}

static int look_at_process(Look *look, int proc_fd, const char *name, Shared *shared) {
        _cleanup_close_ int pid_fd = openat(proc_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC), maps_fd = -1;
        uint64_t pid = strtoull(name, NULL, 10);
        char comm[64];
        FILE *maps;
        int r;

        if (pid_fd < 0)
                return is_gone(-errno) ? 0 : -errno;
        read_comm(pid_fd, comm, sizeof(comm));
        maps_fd = openat(pid_fd, "maps", O_RDONLY | O_CLOEXEC);
        if (maps_fd < 0)
                return add_forbidden(look, shared, -errno, comm, pid);
        maps = fdopen(maps_fd, "r");
        if (!maps)
                return -ENOMEM;
        maps_fd = -1;
        r = look_at_maps(look, pid_fd, maps, comm, pid, shared);
        fclose(maps);
        return r;
}

/* The program of PID 1 may have been replaced since: what is there now is what it executes when it is told to. */
static int look_at_init(Look *look, int proc_fd, Shared *shared) {
        char path[PATH_MAX];
        size_t size;
        int r = read_link(proc_fd, "1/exe", path);

        if (r < 0)
                return add_forbidden(look, shared, r, "init", 1);
        size = strlen(path);
        if (size > strlen(DELETED) && streq(path + size - strlen(DELETED), DELETED))
                path[size - strlen(DELETED)] = '\0';
        return look_at_path(look, path, IPE_OP_EXECUTE);
}

int look_at_processes(Look *look) {
        Shared shared = { SIZE_MAX, SIZE_MAX };
        DIR *proc = opendir("/proc");
        struct dirent *entry;
        int r;

        if (!proc)
                return -errno;
        r = look_at_init(look, dirfd(proc), &shared);
        while (r >= 0 && (errno = 0, entry = readdir(proc)))
                if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9')
                        r = look_at_process(look, dirfd(proc), entry->d_name, &shared);
        if (r >= 0 && errno != 0)
                r = -errno;
        closedir(proc);
        return r < 0 ? r : 0;
}
