/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Waits for the end of a trial: reads the state whenever the daemon reports a change, and now and then without one,
 * as a daemon that restarts reports none.
 */

#include "clock.h"
#include "trial-wait.h"

#define LOOK_USEC (10 * USEC_PER_SEC)

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
        unsigned tries = 0;
        int r;

        do
                r = client_get_all(client, path, POLICY_INTERFACE, ret);
        while (client_shall_repeat(client, r, &tries));
        return r;
}

int trial_wait(Client *client, const char *path, struct json_object **ret) {
        struct json_object *policy = NULL;
        int r = sd_bus_match_signal(client->bus, NULL, MANAGER_NAME, MANAGER_PATH, "org.freedesktop.DBus.Properties",
                                    "PropertiesChanged", on_change, NULL);

        while (r >= 0) {
                r = ask(client, path, &policy);
                if (r < 0)
                        break;
                if (!streq(json_get_text(policy, "state"), "trial")) {
                        *ret = policy;
                        return 0;
                }
                json_object_put(policy);
                policy = NULL;
                r = wait_for_change(client->bus);
        }
        return r;
}
