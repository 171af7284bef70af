/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * volumes: the dm-verity volumes that are open, and what the active policy makes of them.
 */

#include "client.h"
#include "output.h"

static int read_volumes(sd_bus_message *reply, struct json_object **ret) {
        const char *name, *root_hash, *verdict, *rule;
        struct json_object *volumes = json_new_array();
        int r, is_signed;

        r = sd_bus_message_enter_container(reply, 'a', "(ssbss)");
        while (r >= 0 &&
               (r = sd_bus_message_read(reply, "(ssbss)", &name, &root_hash, &is_signed, &verdict, &rule)) > 0) {
                struct json_object *volume = json_new_object();

                json_set(volume, "name", json_string(name));
                json_set(volume, "root_hash", json_string(root_hash));
                json_set(volume, "signed", json_boolean(is_signed));
                json_set(volume, "verdict", *verdict ? json_string(verdict) : NULL);
                json_set(volume, "rule", *verdict ? json_string(rule) : NULL);
                json_append(volumes, volume);
        }
        if (r < 0) {
                json_object_put(volumes);
                return r;
        }
        *ret = volumes;
        return 0;
}

static void print_volumes(struct json_object *volumes, const Options *options) {
        static const char *const headers[] = { "NAME", "ROOT HASH", "SIGNED", "VERDICT", "RULE", NULL };
        Table *table = table_new(headers);

        for (size_t i = 0; i < json_length(volumes); i++) {
                struct json_object *volume = json_at(volumes, i);
                bool has_verdict = json_get(volume, "verdict");

                table_add(table, (const char *const[]){ json_get_text(volume, "name"), json_get_text(volume, "root_hash"),
                                                        json_get_boolean(volume, "signed") ? "yes" : "no",
                                                        has_verdict ? json_get_text(volume, "verdict") : "-",
                                                        has_verdict ? json_get_text(volume, "rule") : "-" });
        }
        table_print(table, options, "volume", "volumes");
        table_free(table);
}

ExitStatus verb_volumes(int argc, char **argv, const Options *options) {
        struct json_object *volumes = NULL;
        sd_bus_message *reply = NULL;
        Client client = {};
        ExitStatus status;
        int r;

        status = client_open_to_ask(&client, options);
        if (status != STATUS_OK)
                return status;
        client_doing(&client, "Failed to list volumes");
        r = client_call(&client, "ListVolumes", &reply, "");
        if (r >= 0)
                r = read_volumes(reply, &volumes);
        if (r < 0)
                status = client_fail(&client, r);
        else if (options->json != JSON_OFF)
                json_print(volumes, options->json);
        else
                print_volumes(volumes, options);
        json_object_put(volumes);
        sd_bus_message_unref(reply);
        client_close(&client);
        return status;
}
