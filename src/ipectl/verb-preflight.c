/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * preflight: what a staged policy would deny of what happens meanwhile.
 */

#include <stdio.h>

#include "client.h"
#include "output.h"

/* The longest time that the daemon can be told to watch, and room for a password. */
#define PREFLIGHT_USEC (720ULL * 1000 * 1000)

static struct json_object *finding_to_json(const char *path, const char *operation, const char *rule,
                                           const char *processes) {
        struct json_object *finding = json_new_object();

        json_set(finding, "path", *path ? json_string(path) : NULL);
        json_set(finding, "operation", *operation ? json_string(operation) : NULL);
        json_set(finding, "rule", json_string(rule));
        json_set(finding, "processes", json_string(processes));
        return finding;
}

static int read_findings(sd_bus_message *reply, struct json_object **ret) {
        const char *path, *operation, *rule, *processes;
        struct json_object *findings = json_new_array();
        int r;

        r = sd_bus_message_enter_container(reply, 'a', "(ssss)");
        while (r >= 0 && (r = sd_bus_message_read(reply, "(ssss)", &path, &operation, &rule, &processes)) > 0)
                json_append(findings, finding_to_json(path, operation, rule, processes));
        if (r < 0) {
                json_object_put(findings);
                return r;
        }
        *ret = findings;
        return 0;
}

/* The last finding may be a sentence that says how much was missed. */
static const char *find_missed(struct json_object *findings) {
        size_t n = json_length(findings);
        struct json_object *last = n > 0 ? json_at(findings, n - 1) : NULL;

        return last && !json_get(last, "operation") ? json_get_text(last, "rule") : NULL;
}

static void print_findings(struct json_object *findings, const char *name, const Options *options) {
        static const char *const headers[] = { "PATH", "OPERATION", "RULE", "PROCESSES", NULL };
        size_t n = json_length(findings);
        Table *table;

        if (find_missed(findings) && --n == 0)
                return;
        if (n == 0) {
                if (!options->quiet)
                        say("'%s' would have denied nothing of what happened meanwhile.", name);
                return;
        }
        table = table_new(headers);
        for (size_t i = 0; i < n; i++) {
                struct json_object *finding = json_at(findings, i);

                const char *path = json_get_text(finding, "path");

                table_add(table, (const char *const[]){ *path ? path : "(memory without a file)",
                                                        json_get_text(finding, "operation"),
                                                        json_get_text(finding, "rule"),
                                                        json_get_text(finding, "processes") });
        }
        table_print(table, options, "denial", "denials");
        table_free(table);
}

ExitStatus verb_preflight(int argc, char **argv, const Options *options) {
        struct json_object *findings = NULL;
        sd_bus_message *reply = NULL;
        Client client = {};
        ExitStatus status;
        int r;

        status = client_open_to_ask(&client, options);
        if (status != STATUS_OK)
                return status;
        client_doing(&client, "Failed to find out what '%s' would deny", argv[1]);
        r = client_call_for(&client, PREFLIGHT_USEC, "Preflight", &reply, "s", argv[1]);
        if (r >= 0)
                r = read_findings(reply, &findings);
        if (r < 0)
                status = client_fail(&client, r);
        else if (options->json != JSON_OFF)
                json_print(findings, options->json);
        else
                print_findings(findings, argv[1], options);
        if (r >= 0 && find_missed(findings)) {
                say_error("That is not all that '%s' would deny: %s.", argv[1], find_missed(findings));
                status = STATUS_FAILED;
        }
        json_object_put(findings);
        sd_bus_message_unref(reply);
        client_close(&client);
        return status;
}
