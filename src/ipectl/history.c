/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads the history by ListTransitions(), page by page: the latest page comes first, and in each the oldest entry.
 */

#include "bus-value.h"
#include "history.h"
#include "output.h"

/* The daemon returns no more entries in one answer. */
#define PAGE_MAX 1000U

typedef struct Query {
        const char *name;
        uint64_t since_usec, limit, before;
} Query;

static int append_query(sd_bus_message *message, const Query *query) {
        int r = sd_bus_message_open_container(message, 'a', "{sv}");

        if (r >= 0 && query->name)
                r = sd_bus_message_append(message, "{sv}", "name", "s", query->name);
        if (r >= 0)
                r = sd_bus_message_append(message, "{sv}{sv}{sv}", "limit", "t", query->limit, "since-usec", "t",
                                          query->since_usec, "before", "t", query->before);
        return r < 0 ? r : sd_bus_message_close_container(message);
}

static int ask_for_page(Client *client, const Query *query, struct json_object **ret) {
        sd_bus_message *message = NULL, *reply = NULL;
        int r;

        r = client_new_call(client, "ListTransitions", &message);
        if (r >= 0)
                r = append_query(message, query);
        if (r >= 0)
                r = sd_bus_call(client->bus, message, 0, &client->error, &reply);
        if (r >= 0)
                r = bus_read_dictionaries(reply, ret);
        sd_bus_message_unref(message);
        sd_bus_message_unref(reply);
        return r;
}

/* pages: the latest first. */
static struct json_object *join(struct json_object *pages) {
        struct json_object *all = json_new_array();

        for (size_t i = json_length(pages); i > 0; i--) {
                struct json_object *page = json_at(pages, i - 1);

                for (size_t k = 0; k < json_length(page); k++)
                        json_append(all, json_object_get(json_at(page, k)));
        }
        return all;
}

int history_ask(Client *client, char **argv, struct json_object **ret) {
        const Options *options = client->options;
        uint64_t left = options->given & OPTION_LINES ? options->lines : UINT64_MAX, first;
        Query query = { .name = argv[1], .since_usec = options->since_usec, .before = UINT64_MAX };
        struct json_object *pages = json_new_array(), *page;
        size_t n = PAGE_MAX;
        int r = 0;

        client_doing(client, "Failed to read the history");
        while (r >= 0 && n == PAGE_MAX && left > 0) {
                query.limit = left < PAGE_MAX ? left : PAGE_MAX;
                r = ask_for_page(client, &query, &page);
                if (r < 0)
                        break;
                json_append(pages, page);
                n = json_length(page);
                left -= n < left ? n : left;
                first = json_get_number(json_at(page, 0), "sequence");
                /* A faulty daemon that does not go back must not keep us here for ever. */
                if (first >= query.before)
                        break;
                query.before = first;
        }
        if (r >= 0)
                *ret = join(pages);
        json_object_put(pages);
        return r;
}

char *history_describe(struct json_object *change) {
        const char *from = json_get_text(change, "from"), *to = json_get_text(change, "to"),
                   *message = json_get_text(change, "message");
        char *sentence;

        if (asprintf(&sentence, "'%s' %s: %s (%s -> %s)%s%s", json_get_text(change, "name"),
                     json_get_text(change, "version"), json_get_text(change, "reason"), *from ? from : "none",
                     *to ? to : "none", *message ? ". " : "", message) < 0)
                oom();
        return sentence;
}
