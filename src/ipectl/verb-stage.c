/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stage: hands a signed policy to the daemon, as a sealed copy: the daemon reads bytes that cannot change any more, and
 * need not be able to open the file.
 */

#include "change.h"
#include "input.h"
#include "io.h"
#include "output.h"

/* Returns a descriptor, or -1 after an error message. */
static int open_policy(const char *path) {
        _cleanup_free_ char *data = NULL;
        size_t size;
        int r;

        r = input_read(path, &data, &size);
        if (r < 0)
                return -1;
        r = seal_memory("policy", data, size);
        if (r < 0) {
                say_error("Failed to copy '%s' for ipectld: %s", input_name(path), strerror(-r));
                return -1;
        }
        return r;
}

static int call_stage(Change *change, char **argv) {
        const int *fd = change->input;

        client_doing(&change->client, "Failed to stage '%s'", input_name(argv[1]));
        return client_call(&change->client, "Stage", &change->reply, "ha{sv}", *fd, 0);
}

static ExitStatus conclude_stage(Change *change, char **argv) {
        const char *name = json_get_text(change->answer, "name");

        change_say(change, "Staged '%s' %s. 'ipectl activate %s' activates it.", name,
                   json_get_text(change->answer, "version"), name);
        return STATUS_OK;
}

ExitStatus verb_stage(int argc, char **argv, const Options *options) {
        static const ChangeVerb stage = { call_stage, true, conclude_stage };
        _cleanup_close_ int fd = open_policy(argv[1]);

        return fd < 0 ? STATUS_FAILED : change_run(&stage, argv, options, &fd);
}
