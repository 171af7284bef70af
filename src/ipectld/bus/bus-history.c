/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ListTransitions(): a page of the history.
 */

#include "bus-history.h"
#include "bus-options.h"
#include "bus-reply.h"
#include "bus-subscribe.h"
#include "store-history.h"

#define PAGE_MAX 1000U
/* A unit of a budget pays for so many entries. */
#define ENTRIES_PER_UNIT 100U

/* The part of the history that a caller asks for. */
typedef struct Page {
        const char *name; /* of a policy; NULL: of all */
        uint64_t limit, since_usec, before;
} Page;

static bool is_wanted(const Page *page, const HistoryEntry *entry) {
        return entry->sequence < page->before && entry->usec >= page->since_usec &&
               (!page->name || streq(entry->name, page->name));
}

/* Finds the page: the latest entries that are wanted. Returns the index of its first entry. ret_n: the number of its
 * entries. */
static size_t find_first(const History *history, const Page *page, uint64_t *ret_n) {
        size_t first = history->n;
        uint64_t n = 0;

        for (size_t i = history->n; i > 0 && n < page->limit; i--)
                if (is_wanted(page, &history->entries[i - 1])) {
                        first = i - 1;
                        n++;
                }
        *ret_n = n;
        return first;
}

static int append_entry(sd_bus_message *reply, const HistoryEntry *entry, bool may_inspect) {
        char version[IPE_VERSION_STRLEN];
        int r;

        ipe_version_print(&entry->version, version);
        r = sd_bus_message_open_container(reply, 'a', "{sv}");
        if (r >= 0)
                r = sd_bus_message_append(reply, "{sv}{sv}", "Name", "s", entry->name, "Version", "s", version);
        if (r >= 0)
                r = announce_append_transition(reply, entry, may_inspect);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_page(sd_bus_message *reply, const Bus *bus, const Page *page, size_t first) {
        const History *history = changes_history(bus->manager->changes);
        bool may_inspect = bus_may_inspect(bus, reply);
        int r = sd_bus_message_open_container(reply, 'a', "a{sv}");

        for (size_t i = first; i < history->n && r >= 0; i++)
                if (is_wanted(page, &history->entries[i]))
                        r = append_entry(reply, &history->entries[i], may_inspect);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int read_page(sd_bus_message *message, Page *ret, sd_bus_error *reterr) {
        Page page = { .limit = PAGE_MAX, .before = UINT64_MAX };
        const BusOption options[] = {
                { "name", "s", &page.name, NULL },
                { "limit", "t", &page.limit, NULL },
                { "since-usec", "t", &page.since_usec, NULL },
                { "before", "t", &page.before, NULL },
                {},
        };
        int r = bus_read_options(message, options, reterr);

        if (page.limit > PAGE_MAX)
                page.limit = PAGE_MAX;
        *ret = page;
        return r;
}

int method_list_transitions(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        Bus *bus = userdata;
        sd_bus_message *reply = NULL;
        size_t first;
        uint64_t n;
        uid_t uid;
        Page page;
        int r;

        r = read_page(message, &page, reterr);
        if (r >= 0)
                r = callers_find_uid(bus->callers, message, &uid);
        if (r < 0)
                return r;
        first = find_first(changes_history(bus->manager->changes), &page, &n);
        if (!callers_charge(bus->callers, uid, n / ENTRIES_PER_UNIT))
                return bus_refuse_too_many(reterr, uid);
        r = sd_bus_message_new_method_return(message, &reply);
        if (r >= 0)
                r = append_page(reply, bus, &page, first);
        return bus_send_reply(reply, r);
}
