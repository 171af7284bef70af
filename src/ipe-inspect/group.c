/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Looks at the processes of one owner. Their files may be on a file system that never answers, perhaps served by a
 * program of the owner. So a child looks at them, writes its findings in the format of the answer, and is killed if
 * it takes too long.
 */

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "clock.h"
#include "inspect.h"

/* The budget of an owner. A desktop with a hundred processes needs a tenth of it. */
#define USER_LINES 250000U
#define USER_OPENS 50000U
#define USER_BYTES (1U << 20)
#define USER_USEC (3 * USEC_PER_SEC / 2)
#define SERVICE_LINES 1000000U
#define SERVICE_OPENS 100000U
#define SERVICE_BYTES (2U << 20)
#define SERVICE_USEC (3 * USEC_PER_SEC)
/* Additional time for the answer. */
#define ANSWER_USEC (USEC_PER_SEC / 2)
/* Cuts of users with their uid; all further ones are added up in one, with uid UINT32_MAX. */
#define CUTS_MAX 64U

static int add_cut(Look *look, const InspectionCut *cut) {
        Inspection *inspection = look->inspection;
        InspectionCut others = *cut;

        if (cut->scope != SCOPE_USERS || inspection->n_cuts < CUTS_MAX)
                return inspection_add_cut(inspection, cut);
        if (inspection->cuts[inspection->n_cuts - 1].uid == UINT32_MAX) {
                inspection->cuts[inspection->n_cuts - 1].processes += cut->processes;
                return 0;
        }
        others.uid = UINT32_MAX;
        return inspection_add_cut(inspection, &others);
}

static int cut_all(Look *look, const Process *processes, size_t n) {
        return add_cut(look,
                       &(const InspectionCut) { .uid = processes->uid, .scope = processes->scope, .processes = n });
}

int look_at_group_here(Look *look, int proc_fd, const Process *processes, size_t n) {
        InspectionCut cut = { .uid = processes->uid, .scope = processes->scope };
        Shared shared = { SIZE_MAX, SIZE_MAX };

        look->scope = processes->scope;
        for (size_t i = 0; i < n; i++) {
                int r = budget_is_over(&look->budget) ? -EDQUOT
                                                      : look_at_process(look, proc_fd, processes[i].pid, &shared);

                if (r == -EDQUOT)
                        cut.processes++;
                else if (r < 0)
                        return r;
        }
        return cut.processes > 0 ? add_cut(look, &cut) : 0;
}

static void set_budget(Budget *budget, FileScope scope) {
        bool is_user = scope == SCOPE_USERS;
        uint64_t until = clock_usec(CLOCK_MONOTONIC) + (is_user ? USER_USEC : SERVICE_USEC);

        *budget = (Budget) {
                .lines = is_user ? USER_LINES : SERVICE_LINES,
                .opens = is_user ? USER_OPENS : SERVICE_OPENS,
                .bytes = is_user ? USER_BYTES : SERVICE_BYTES,
                .until_usec = until < budget->until_usec ? until : budget->until_usec,
        };
}

/* Writes only files that the parent does not have. Returns 0 or a negative errno. */
static int write_found(Look *look, size_t n_known, int fd) {
        const Inspection *all = look->inspection;
        _cleanup_free_ char *text = NULL;
        Inspection found = *all;
        size_t size;
        int r;

        look_finish(look);
        found.files += n_known;
        found.n_files -= n_known;
        r = inspection_print(&found, &text, &size);
        for (const char *at = text; r >= 0 && size > 0;) {
                ssize_t n = write(fd, at, size);

                if (n < 0)
                        return -errno;
                at += n;
                size -= (size_t) n;
        }
        return r;
}

/* The caller waits for the end of standard output, so a child that hangs must not keep it open. */
static _Noreturn void run_child(Look *look, int proc_fd, const Process *processes, size_t n, int fd) {
        size_t n_known = look->inspection->n_files;
        int r;

        close(STDIN_FILENO);
        close(STDOUT_FILENO);
        look->inspection->n_cuts = 0;
        r = look_at_group_here(look, proc_fd, processes, n);
        if (r >= 0)
                r = write_found(look, n_known, fd);
        _exit(r < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

/* Reads up to the end. ret: has room for size_max bytes. Returns 0, -ETIMEDOUT, -EFBIG if that is full, or another
 * errno. */
static int read_until(int fd, uint64_t until_usec, char *ret, size_t size_max, size_t *ret_size) {
        size_t size = 0;

        for (;;) {
                uint64_t now = clock_usec(CLOCK_MONOTONIC);
                struct pollfd poller = { .fd = fd, .events = POLLIN };
                ssize_t n;

                if (now >= until_usec || poll(&poller, 1, (int) ((until_usec - now) / 1000 + 1)) == 0)
                        return -ETIMEDOUT;
                n = read(fd, ret + size, size_max - size);
                if (n < 0 && errno != EINTR && errno != EAGAIN)
                        return -errno;
                if (n == 0)
                        break;
                if (n > 0)
                        size += (size_t) n;
                if (size == size_max)
                        return -EFBIG;
        }
        *ret_size = size;
        return 0;
}

/* found: loses its files. */
static int merge(Look *look, Inspection *found) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < found->n_files; i++) {
                FileFacts file = found->files[i];
                size_t unused;

                found->files[i] = (FileFacts) {};
                r = look_take_file(look, &file, &unused);
        }
        for (size_t i = 0; r >= 0 && i < found->n_cuts; i++)
                r = add_cut(look, &found->cuts[i]);
        return r;
}

/* room: bytes of the answer that are left for all owners of this kind. Returns 1, 0 without an answer, or -ENOMEM. */
static int read_found(Look *look, int fd, uint64_t until_usec, size_t *room) {
        _cleanup_(inspection_freep) Inspection *found = NULL;
        _cleanup_free_ char *text = malloc(*room);
        size_t size = 0;
        int r;

        if (!text)
                return -ENOMEM;
        r = read_until(fd, until_usec, text, *room, &size);
        if (r >= 0)
                r = inspection_parse(text, size, &found);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        *room -= size;
        r = merge(look, found);
        return r < 0 ? r : 1;
}

/* A child that hangs in the kernel does not end even now, so without an answer do not wait for it. */
static void end_child(pid_t child, bool has_answered) {
        (void) kill(child, SIGKILL);
        (void) waitpid(child, NULL, has_answered ? 0 : WNOHANG);
}

/* Whether the caller has left. */
static bool is_alone(void) {
        struct pollfd poller = { .fd = STDOUT_FILENO };

        return poll(&poller, 1, 0) > 0 && (poller.revents & (POLLHUP | POLLERR));
}

int look_at_group(Look *look, int proc_fd, const Process *processes, size_t n) {
        size_t *room = processes->scope == SCOPE_USERS ? &look->users_room : &look->services_room;
        Budget kept = look->budget;
        int fds[2], r;
        pid_t child;

        if (is_alone())
                return -EPIPE;
        if (budget_is_over(&look->budget) || *room <= 1)
                return cut_all(look, processes, n);
        if (pipe2(fds, O_CLOEXEC) < 0)
                return cut_all(look, processes, n);
        set_budget(&look->budget, processes->scope);
        child = fork();
        if (child == 0)
                run_child(look, proc_fd, processes, n, fds[1]);
        close(fds[1]);
        r = child < 0 ? 0 : read_found(look, fds[0], look->budget.until_usec + ANSWER_USEC, room);
        close(fds[0]);
        look->budget = kept;
        if (child > 0)
                end_child(child, r > 0);
        return r == 0 ? cut_all(look, processes, n) : r < 0 ? r : 0;
}
