/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * trust: lists the certificates that ipectld trusts, and their uses.
 */

#include "bus-value.h"
#include "client.h"
#include "output.h"
#include "table.h"

static int ask_for_trust(Client *client, char **argv, struct json_object **ret) {
        sd_bus_message *reply = NULL;
        int r;

        client_doing(client, "Failed to list the trusted certificates");
        r = client_call(client, "ListTrust", &reply, "");
        if (r >= 0)
                r = bus_read_dictionaries(reply, ret);
        sd_bus_message_unref(reply);
        return r;
}

static const char *name_use(struct json_object *certificate) {
        bool signs = json_get_boolean(certificate, "signs"), certifies = json_get_boolean(certificate, "certifies");

        if (signs && certifies)
                return "sign, certify";
        return signs ? "sign" : certifies ? "certify" : json_get_boolean(certificate, "revoked") ? "revoked" : "none";
}

static void add_row(Table *table, struct json_object *certificate) {
        uint64_t usec = json_get_number(certificate, "not_after_usec");
        char *until = usec > 0 ? format_usec(usec) : NULL;

        table_add(table, (const char *const[]) { json_get_text(certificate, "subject"), name_use(certificate),
                                                 until ?: "-", json_get_text(certificate, "file") });
        free(until);
}

static void print_trust(struct json_object *certificates, char **argv, const Options *options) {
        static const char *const headers[] = { "SUBJECT", "USE", "UNTIL", "FILE", NULL };
        Table *table = table_new(headers);

        for (size_t i = 0; i < json_length(certificates); i++)
                add_row(table, json_at(certificates, i));
        table_print(table, options, "certificate", "certificates");
        table_free(table);
        for (size_t i = 0; i < json_length(certificates) && !options->quiet; i++) {
                struct json_object *certificate = json_at(certificates, i);

                if (*json_get_text(certificate, "problem"))
                        say("%s: %s", json_get_text(certificate, "file"), json_get_text(certificate, "problem"));
        }
}

ExitStatus verb_trust(int argc, char **argv, const Options *options) {
        static const Question question = { .ask = ask_for_trust, .print = print_trust };

        return client_ask(&question, argv, options);
}
