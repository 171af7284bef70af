/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads files of /proc/PID, only the first bytes of each.
 */

#include <ctype.h>
#include <fcntl.h>
#include <inttypes.h>

#include "denial-origin.h"

/* The hierarchy of systemd is the only one, or those before it have short paths. */
#define TEXT_SIZE 4096U
#define UID_KEY "\nUid:\t"

/* Returns false if the file cannot be read. ret: ends with NUL. */
static bool read_text(uint64_t pid, const char *name, char ret[static TEXT_SIZE]) {
        _cleanup_close_ int fd = -1;
        char path[64];
        ssize_t n;

        (void) snprintf(path, sizeof(path), "/proc/%" PRIu64 "/%s", pid, name);
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                return false;
        n = read(fd, ret, TEXT_SIZE - 1);
        if (n < 0)
                return false;
        ret[n] = '\0';
        return true;
}

static const char *skip(const char *text, const char *prefix) {
        size_t size = strlen(prefix);

        return text && strncmp(text, prefix, size) == 0 ? text + size : NULL;
}

/* After "NUMBER:" comes the hierarchy: "" of cgroup v2, or that of systemd. In any other, users may choose the path. */
static const char *path_of(const char *line) {
        const char *names = line + strspn(line, "0123456789");

        return skip(names, "::") ?: skip(names, ":name=systemd:");
}

bool denial_origin_is_system(const char *cgroup) {
        const char *rest = skip(cgroup, "/system.slice") ?: skip(cgroup, "/init.scope");

        return rest && (*rest == '/' || *rest == '\0');
}

char *denial_origin_cgroup_of_text(const char *text) {
        char *found = NULL;

        for (const char *line = text; line && *line; line = (line = strchr(line, '\n')) ? line + 1 : NULL) {
                const char *path = path_of(line);
                char *cgroup = path ? strndup(path, strcspn(path, "\n")) : NULL;

                if (!cgroup)
                        continue;
                if (found && !denial_origin_is_system(cgroup)) {
                        free(cgroup);
                        continue;
                }
                free(found);
                found = cgroup;
        }
        return found;
}

char *denial_origin_cgroup(uint64_t pid) {
        char text[TEXT_SIZE];

        return pid > 0 && read_text(pid, "cgroup", text) ? denial_origin_cgroup_of_text(text) : NULL;
}

static bool ends_in(const char *text, size_t size, const char *suffix) {
        size_t n = strlen(suffix);

        return size > n && memcmp(text + size - n, suffix, n) == 0;
}

char *denial_origin_unit(const char *cgroup) {
        while (cgroup && *cgroup == '/') {
                size_t size = strcspn(++cgroup, "/");

                if (size > 0 && !ends_in(cgroup, size, ".slice"))
                        /* systemd escapes names that look like files of the kernel by a '_' in front. */
                        return memchr(cgroup, '.', size) ? strndup(cgroup + (*cgroup == '_'), size - (*cgroup == '_'))
                                                         : NULL;
                cgroup += size;
        }
        return NULL;
}

uint32_t denial_origin_uid_of_status(const char *text) {
        const char *at = strstr(text, UID_KEY);
        unsigned long long uid;
        char *end;

        if (!at || !isdigit((unsigned char) at[strlen(UID_KEY)]))
                return UINT32_MAX;
        errno = 0;
        uid = strtoull(at + strlen(UID_KEY), &end, 10);
        return errno == 0 && *end == '\t' && uid < UINT32_MAX ? (uint32_t) uid : UINT32_MAX;
}

/* Not by the owner of /proc/PID: that is root for a process that must not be dumped. */
uint32_t denial_origin_uid(uint64_t pid) {
        char text[TEXT_SIZE];

        return pid > 0 && read_text(pid, "status", text) ? denial_origin_uid_of_status(text) : UINT32_MAX;
}
