/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * preflight: what a staged policy would deny of what happens meanwhile.
 */

#include <stdio.h>

#include "bus-value.h"
#include "client.h"
#include "output.h"

/* The longest time that the daemon can be told to watch, and room for a password. */
#define PREFLIGHT_USEC (720ULL * 1000 * 1000)

static int ask_for_findings(Client *client, char **argv, struct json_object **ret) {
        static const char *const keys[] = { "path", "operation", "rule", "processes" };
        sd_bus_message *reply = NULL;
        int r;

        client_doing(client, "Failed to find out what '%s' would deny", argv[1]);
        r = client_call_for(client, PREFLIGHT_USEC, "Preflight", &reply, "s", argv[1]);
        if (r >= 0)
                r = bus_read_rows(reply, "(ssss)", keys, ret);
        sd_bus_message_unref(reply);
        for (size_t i = 0; r >= 0 && i < json_length(*ret); i++) {
                json_set_null_if_empty(json_at(*ret, i), "path");
                json_set_null_if_empty(json_at(*ret, i), "operation");
        }
        return r;
}

/* The last entries are sentences about the others. */
static size_t count_findings(struct json_object *rows) {
        size_t n = json_length(rows);

        while (n > 0 && !json_get(json_at(rows, n - 1), "operation"))
                n--;
        return n;
}

/* The last one may say how much was missed, which is not about anybody. */
static const char *find_missed(struct json_object *rows) {
        size_t n = json_length(rows);
        struct json_object *last = n > count_findings(rows) ? json_at(rows, n - 1) : NULL;

        return last && !*json_get_text(last, "processes") ? json_get_text(last, "rule") : NULL;
}

static void print_sentences(struct json_object *rows, const Options *options) {
        size_t n = json_length(rows) - (find_missed(rows) ? 1 : 0);

        for (size_t i = count_findings(rows); i < n && !options->quiet; i++)
                say("%s.", json_get_text(json_at(rows, i), "rule"));
}

static void print_table(struct json_object *rows, size_t n, const Options *options) {
        static const char *const headers[] = { "PATH", "OPERATION", "RULE", "PROCESSES", NULL };
        Table *table = table_new(headers);

        for (size_t i = 0; i < n; i++) {
                struct json_object *finding = json_at(rows, i);
                const char *path = json_get_text(finding, "path");

                table_add(table, (const char *const[]){ *path ? path : "(memory without a file)",
                                                        json_get_text(finding, "operation"),
                                                        json_get_text(finding, "rule"),
                                                        json_get_text(finding, "processes") });
        }
        table_print(table, options, "denial", "denials");
        table_free(table);
}

static void print_findings(struct json_object *rows, char **argv, const Options *options) {
        size_t n = count_findings(rows);

        if (n > 0)
                print_table(rows, n, options);
        else if (!options->quiet && !find_missed(rows))
                say("'%s' would have denied nothing of what was looked at, or was seen meanwhile.", argv[1]);
        print_sentences(rows, options);
}

static ExitStatus judge_findings(struct json_object *rows, char **argv) {
        const char *missed = find_missed(rows);

        if (!missed)
                return STATUS_OK;
        say_error("That is not all that '%s' would deny: %s.", argv[1], missed);
        return STATUS_FAILED;
}

ExitStatus verb_preflight(int argc, char **argv, const Options *options) {
        static const Question question = {
                .needs_authorization = true,
                .ask = ask_for_findings,
                .print = print_findings,
                .judge = judge_findings,
        };

        return client_ask(&question, argv, options);
}
