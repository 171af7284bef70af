/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * All processes, owner by owner, and those first that matter most: so what an owner does costs nobody who comes before him.
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
                /* Root does not have to be kept from keeping us waiting. */
                r = processes[i].uid == 0 ? look_at_group_here(look, proc_fd, processes + i, size) :
                                            look_at_group(look, proc_fd, processes + i, size);
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
