/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ipe-inspect: finds out which files this system runs, and their proofs of origin. ipectld asks over a socket, as it
 * has no privilege to look itself: the request comes from standard input, up to its end, and the answer goes to
 * standard output; inspection.h has both. Changes nothing. On failure there is an error message, and no answer.
 */

#include <signal.h>
#include <syslog.h>

#include "clock.h"
#include "inspect.h"
#include "io.h"

#define REQUEST_SIZE_MAX (1U << 20)
/* The daemon waits a little longer. */
#define LOOK_USEC (9 * USEC_PER_SEC)

static int read_request(InspectionRequest *ret) {
        _cleanup_free_ void *text = NULL;
        size_t size;
        int r = read_fd(STDIN_FILENO, REQUEST_SIZE_MAX, &text, &size);

        return r < 0 ? r : inspection_request_parse(text, size, ret);
}

static int look_at_list(Look *look, char *const *list, int (*function)(Look *, const char *)) {
        int r = 0;

        for (; list && *list && r >= 0; list++)
                r = function(look, *list);
        return r;
}

static int look_at_program(Look *look, const char *path) {
        return path[0] == '/' ? look_at_path(look, path, IPE_OP_EXECUTE) : -EINVAL;
}

/* Essential files come first and programs of users last, so that a used-up budget cuts the latter. */
static int inspect(Look *look, const InspectionRequest *request) {
        int r = look_at_volumes(look);

        look->scope = SCOPE_ESSENTIAL;
        if (r >= 0)
                r = look_at_list(look, request->paths, look_at_program);
        if (r >= 0)
                r = look_at_list(look, request->modules, look_at_module);
        if (r >= 0)
                r = look_at_list(look, request->firmware, look_at_firmware);
        if (r >= 0)
                r = look_at_init(look);
        look->scope = SCOPE_SYSTEM;
        if (r >= 0)
                r = look_at_list(look, request->tools, look_at_program);
        if (r >= 0)
                r = look_at_processes(look);
        if (r >= 0)
                look_finish(look);
        return r;
}

static int write_answer(const Inspection *inspection) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r = inspection_print(inspection, &text, &size);

        if (r < 0)
                return r;
        errno = 0;
        if (fwrite(text, 1, size, stdout) == size && fflush(stdout) == 0)
                return 0;
        return errno == EPIPE ? -EPIPE : -EIO;
}

int main(int argc, char **argv) {
        _cleanup_(inspection_request_done) InspectionRequest request = {};
        _cleanup_(look_freep) Look *look = NULL;
        int r;

        if (argc > 1) {
                fprintf(stderr, "%s is started by systemd and takes no arguments; see ipectld.service(8).\n", argv[0]);
                return EXIT_FAILURE;
        }
        /* The caller may have left before the answer. */
        (void) signal(SIGPIPE, SIG_IGN);
        r = read_request(&request);
        if (r >= 0)
                r = look_new(clock_usec(CLOCK_MONOTONIC) + LOOK_USEC, &look);
        if (r >= 0)
                r = inspect(look, &request);
        if (r >= 0)
                r = write_answer(look->inspection);
        /* The caller has left: no error, so that a caller cannot fill the log. */
        if (r == -EPIPE)
                r = 0;
        if (r < 0)
                fprintf(stderr, "<%d>Cannot inspect the system: %s\n", LOG_ERR, strerror(-r));
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
