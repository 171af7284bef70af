/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Looks at all processes, owner by owner, the most important first: so no owner can use up the time of a more
 * important one.
 */

#include <fcntl.h>

#include "inspect.h"

static size_t count_group(const Process *processes, size_t n) {
        size_t i = 1;

        while (i < n && processes[i].uid == processes->uid && processes[i].scope == processes->scope)
                i++;
        return i;
}

static int look_at_groups(Look *look, int proc_fd, const Process *processes, size_t n) {
        int r = 0;

        for (size_t i = 0, size; i < n && r >= 0; i += size) {
                size = count_group(processes + i, n - i);
                /* Root is trusted not to block us. */
                r = processes[i].uid == 0 ? look_at_group_here(look, proc_fd, processes + i, size)
                                          : look_at_group(look, proc_fd, processes + i, size);
        }
        return r;
}

int look_at_processes(Look *look) {
        _cleanup_close_ int proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_free_ Process *processes = NULL;
        size_t n;
        int r;

        if (proc_fd < 0)
                return -errno;
        r = list_processes(proc_fd, &processes, &n);
        return r < 0 ? r : look_at_groups(look, proc_fd, processes, n);
}
