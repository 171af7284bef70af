/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Waiting for the end of a trial: the state is read whenever the daemon reports a change, and now and then without one, as a daemon
 * that is restarted reports nothing.
 */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "wait.h"

#define LOOK_USEC (10 * USEC_PER_SEC)

/* How often the daemon may go away while it is asked. */
#define CALLS_MAX 10

/* The signal only ends a wait. */
static int on_change(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        return 0;
}

static int wait_for_change(sd_bus *bus) {
        int r = sd_bus_wait(bus, LOOK_USEC);

        if (r < 0 && r != -EINTR)
                return r;
        do
                r = sd_bus_process(bus, NULL);
        while (r > 0);
        return r;
}

static int ask(Client *client, const char *path, struct json_object **ret) {
        int r = -EIO;

        for (unsigned i = 0; i < CALLS_MAX; i++) {
                if (i > 0)
                        sleep(1);
                sd_bus_error_free(&client->error);
                r = client_get_all(client, path, POLICY_INTERFACE, ret);
                if (r >= 0 || !sd_bus_error_has_name(&client->error, SD_BUS_ERROR_NO_REPLY))
                        break;
        }
        return r;
}

int wait_for_trial(Client *client, const char *path, struct json_object **ret) {
        struct json_object *policy = NULL;
        int r = sd_bus_match_signal(client->bus, NULL, MANAGER_NAME, MANAGER_PATH, "org.freedesktop.DBus.Properties",
                                    "PropertiesChanged", on_change, NULL);

        while (r >= 0) {
                r = ask(client, path, &policy);
                if (r < 0)
                        break;
                if (strcmp(json_get_text(policy, "state"), "trial") != 0) {
                        *ret = policy;
                        return 0;
                }
                json_object_put(policy);
                policy = NULL;
                r = wait_for_change(client->bus);
        }
        return r;
}
