/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * history: a table of the changes of policies.
 */

#include "history.h"
#include "output.h"
#include "table.h"

static void add_row(Table *table, struct json_object *change) {
        const char *from = json_get_text(change, "from"), *to = json_get_text(change, "to");
        char *when = format_usec(json_get_number(change, "time_usec"));

        table_add(table, (const char *const[]) { when, json_get_text(change, "name"), json_get_text(change, "version"),
                                                 *from ? from : "-", *to ? to : "-", json_get_text(change, "reason"),
                                                 json_get_text(change, "message") });
        free(when);
}

static void print_history(struct json_object *changes, char **argv, const Options *options) {
        static const char *const headers[] = { "TIME", "NAME", "VERSION", "FROM", "TO", "REASON", "MESSAGE", NULL };
        Table *table = table_new(headers);

        for (size_t i = 0; i < json_length(changes); i++)
                add_row(table, json_at(changes, i));
        table_print(table, options, "change", "changes");
        table_free(table);
}

ExitStatus verb_history(int argc, char **argv, const Options *options) {
        static const Question question = { .ask = history_ask, .print = print_history };

        return client_ask(&question, argv, options);
}
