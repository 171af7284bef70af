/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * volumes: lists the open dm-verity volumes, with the verdict of the active policy on each.
 */

#include "bus-value.h"
#include "client.h"
#include "output.h"
#include "table.h"

static int ask_for_volumes(Client *client, char **argv, struct json_object **ret) {
        static const char *const keys[] = { "name", "root_hash", "signed", "verdict", "rule" };
        sd_bus_message *reply = NULL;
        int r;

        client_doing(client, "Failed to list volumes");
        r = client_call(client, "ListVolumes", &reply, "");
        if (r >= 0)
                r = bus_read_rows(reply, "(ssbss)", keys, ret);
        sd_bus_message_unref(reply);
        return r;
}

static void print_volumes(struct json_object *volumes, char **argv, const Options *options) {
        static const char *const headers[] = { "NAME", "ROOT HASH", "SIGNED", "VERDICT", "RULE", NULL };
        Table *table = table_new(headers);

        for (size_t i = 0; i < json_length(volumes); i++) {
                struct json_object *volume = json_at(volumes, i);
                const char *verdict = json_get_text(volume, "verdict"), *rule = json_get_text(volume, "rule");

                table_add(table,
                          (const char *const[]) { json_get_text(volume, "name"), json_get_text(volume, "root_hash"),
                                                  json_get_boolean(volume, "signed") ? "yes" : "no",
                                                  *verdict ? verdict : "-", *rule ? rule : "-" });
        }
        table_print(table, options, "volume", "volumes");
        table_free(table);
}

ExitStatus verb_volumes(int argc, char **argv, const Options *options) {
        static const Question question = { .needs_authorization = true,
                                           .ask = ask_for_volumes,
                                           .print = print_volumes };

        return client_ask(&question, argv, options);
}
