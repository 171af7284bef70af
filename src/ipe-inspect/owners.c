/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finds the owner of each process, and whether the system needs it:
 *
 *      root        its real user is root
 *      the system  its real user is a system account; or its unit is in system.slice, and has no process of a system
 *                  account: a service with User= or DynamicUser=
 *      a user      all others
 *
 * The condition on units matters as cron, at and sshd run programs for users within their own units. All processes in
 * the slice of a user share that user's budget, also those with the user IDs of containers.
 */

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <search.h>

#include "inspect.h"
#include "io.h"

#define SYSTEM_UID_MAX 999U
#define SYSTEM_SLICE "/system.slice/"
#define USER_SLICE "/user.slice/user-%" SCNu32 ".slice"
#define FILE_SIZE_MAX (64U * 1024)

typedef struct Owned {
        Process process;
        char *unit; /* its cgroup below system.slice, or NULL */
} Owned;

typedef struct List {
        Owned *owned;
        size_t n, room;
        void *units; /* tree of the units with a process of a system account; borrows from owned */
} List;

static void keep(void *unit) {
}

static void list_done(List *list) {
        tdestroy(list->units, keep);
        for (size_t i = 0; i < list->n; i++)
                free(list->owned[i].unit);
        free(list->owned);
}

/* unit: taken over, also on failure. Returns 0 or -ENOMEM. */
static int list_add(List *list, const Process *process, char *unit) {
        if (list->n == list->room) {
                size_t room = list->room > 0 ? 2 * list->room : 256;
                Owned *larger = reallocarray(list->owned, room, sizeof(*larger));

                if (!larger) {
                        free(unit);
                        return -ENOMEM;
                }
                list->owned = larger;
                list->room = room;
        }
        list->owned[list->n++] = (Owned) { .process = *process, .unit = unit };
        return 0;
}

/* Reads the real user, as that is who started a program with the set-user-ID bit. The field "Name:" comes earlier,
 * but cannot contain a line feed. */
static int read_uid(int pid_fd, uint32_t *ret) {
        _cleanup_free_ char *text = NULL;
        const char *line;
        size_t size;
        int r = read_file_at(pid_fd, "status", FILE_SIZE_MAX, (void **) &text, &size);

        if (r < 0)
                return r;
        line = strstr(text, "\nUid:");
        return line && sscanf(line, "\nUid: %" SCNu32, ret) == 1 ? 0 : -EUCLEAN;
}

static const char *skip(const char *text, const char *prefix) {
        size_t size = strlen(prefix);

        return strncmp(text, prefix, size) == 0 ? text + size : NULL;
}

/* Returns the path in the hierarchy of the service manager; "" if unknown. Only the start of a line can be trusted,
 * as users choose names of cgroups, which may contain anything but a line feed. text: of /proc/PID/cgroup; is
 * changed. */
static const char *find_cgroup(char *text) {
        const char *unified = NULL, *path;

        for (char *line = text, *next; line; line = next) {
                const char *names = line + strspn(line, "0123456789");

                next = strchr(line, '\n');
                if (next)
                        *next++ = '\0';
                path = skip(names, ":name=systemd:");
                if (path)
                        return path;
                unified = unified ?: skip(line, "0::");
        }
        return unified ?: "";
}

/* uid: of the process; is replaced by that of the user in whose slice it is. ret_unit: to be freed; NULL if there is
 * none. */
static int read_cgroup(int pid_fd, uint32_t *uid, char **ret_unit) {
        _cleanup_free_ char *text = NULL;
        const char *path;
        uint32_t user;
        size_t size;
        int r = read_file_at(pid_fd, "cgroup", FILE_SIZE_MAX, (void **) &text, &size);

        if (r < 0)
                return r;
        path = find_cgroup(text);
        if (*uid > SYSTEM_UID_MAX && sscanf(path, USER_SLICE, &user) == 1 && user > SYSTEM_UID_MAX)
                *uid = user;
        if (strncmp(path, SYSTEM_SLICE, strlen(SYSTEM_SLICE)) != 0)
                return 0;
        *ret_unit = strdup(path);
        return *ret_unit ? 0 : -ENOMEM;
}

/* A process that cannot be read may have any owner, so it counts as root's. */
static int add_process(List *list, int proc_fd, const char *name) {
        _cleanup_close_ int pid_fd = openat(proc_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        Process process = { .pid = atoi(name), .scope = SCOPE_SYSTEM };
        char *unit = NULL;
        int r = pid_fd < 0 ? -errno : read_uid(pid_fd, &process.uid);

        if (r >= 0)
                r = read_cgroup(pid_fd, &process.uid, &unit);
        if (is_gone(r))
                return 0;
        if (r == -ENOMEM || r == -EMFILE || r == -ENFILE)
                return r;
        return list_add(list, &process, unit);
}

static int read_list(List *list, int proc_fd) {
        int fd = openat(proc_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
        DIR *proc = fd >= 0 ? fdopendir(fd) : NULL;
        struct dirent *entry;

        if (!proc) {
                r = -errno;
                safe_close(fd);
                return r;
        }
        while (r >= 0 && (errno = 0, entry = readdir(proc)))
                if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9')
                        r = add_process(list, proc_fd, entry->d_name);
        if (r >= 0 && errno != 0)
                r = -errno;
        closedir(proc);
        return r;
}

static int compare_units(const void *a, const void *b) {
        return strcmp(a, b);
}

static int find_scopes(List *list) {
        for (size_t i = 0; i < list->n; i++)
                if (list->owned[i].process.uid <= SYSTEM_UID_MAX && list->owned[i].unit &&
                    !tsearch(list->owned[i].unit, &list->units, compare_units))
                        return -ENOMEM;
        for (size_t i = 0; i < list->n; i++) {
                Owned *owned = &list->owned[i];

                if (owned->process.uid > SYSTEM_UID_MAX &&
                    (!owned->unit || tfind(owned->unit, &list->units, compare_units)))
                        owned->process.scope = SCOPE_USERS;
        }
        return 0;
}

static int compare_processes(const void *a, const void *b) {
        const Process *x = a, *y = b;

        if (x->scope != y->scope)
                return x->scope > y->scope ? -1 : 1;
        if (x->uid != y->uid)
                return x->uid < y->uid ? -1 : 1;
        return x->pid - y->pid;
}

int list_processes(int proc_fd, Process **ret, size_t *ret_n) {
        _cleanup_(list_done) List list = {};
        Process *processes;
        int r = read_list(&list, proc_fd);

        if (r >= 0)
                r = find_scopes(&list);
        if (r < 0)
                return r;
        processes = calloc(list.n + 1, sizeof(*processes));
        if (!processes)
                return -ENOMEM;
        for (size_t i = 0; i < list.n; i++)
                processes[i] = list.owned[i].process;
        qsort(processes, list.n, sizeof(*processes), compare_processes);
        *ret = processes;
        *ret_n = list.n;
        return 0;
}
