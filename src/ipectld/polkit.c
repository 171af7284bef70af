/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * org.freedesktop.PolicyKit1.Authority.CheckAuthorization(), asynchronously.
 */

#include "log.h"
#include "polkit.h"

/* Questions at once. dbus-daemon lets a connection wait for 128 replies, after that polkit could not be asked at all; and
 * nobody is to use up what is there for all. */
#define QUERIES_MAX 100
#define QUERIES_PER_USER_MAX 20
/* Somebody may have to type a password; but less than ipectl waits, so that what it says has failed is not done later. */
#define QUERY_USEC (100ULL * 1000 * 1000)
#define FLAG_ALLOW_INTERACTION 1U

typedef struct Query {
        Polkit *polkit;
        sd_bus_message *message; /* that is waiting */
        sd_bus_slot *slot;
        uid_t uid; /* of the sender */
        sd_bus_error error; /* set once the answer is no */
        bool answered;
        struct Query *next;
} Query;

struct Polkit {
        Query *queries;
        size_t n;
};

Polkit *polkit_new(void) {
        return calloc(1, sizeof(Polkit));
}

static void query_free(Query *query) {
        for (Query **link = &query->polkit->queries; *link; link = &(*link)->next)
                if (*link == query) {
                        *link = query->next;
                        query->polkit->n--;
                        break;
                }
        sd_bus_slot_unref(query->slot);
        sd_bus_message_unref(query->message);
        sd_bus_error_free(&query->error);
        free(query);
}

static void query_freep(Query **query) {
        if (*query)
                query_free(*query);
}

Polkit *polkit_free(Polkit *polkit) {
        if (!polkit)
                return NULL;
        while (polkit->queries)
                query_free(polkit->queries);
        free(polkit);
        return NULL;
}

static int sender_uid(sd_bus_message *message, uid_t *ret) {
        sd_bus_creds *creds = NULL;
        int r;

        r = sd_bus_query_sender_creds(message, SD_BUS_CREDS_EUID, &creds);
        if (r >= 0)
                r = sd_bus_creds_get_euid(creds, ret);
        sd_bus_creds_unref(creds);
        return r;
}

static void read_answer(Query *query, sd_bus_message *reply) {
        int authorized = false, challenge = false;

        if (sd_bus_message_is_method_error(reply, NULL)) {
                log_warning("polkit does not answer, refusing: %s", sd_bus_message_get_error(reply)->message);
                sd_bus_error_set(&query->error, SD_BUS_ERROR_ACCESS_DENIED,
                                 "Only root may do that, as polkit does not answer.");
        } else if (sd_bus_message_enter_container(reply, 'r', "bba{ss}") < 0 ||
                   sd_bus_message_read(reply, "bb", &authorized, &challenge) < 0)
                sd_bus_error_set(&query->error, SD_BUS_ERROR_ACCESS_DENIED, "polkit's answer makes no sense.");
        else if (!authorized)
                sd_bus_error_set(&query->error,
                                 challenge ? SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED
                                           : SD_BUS_ERROR_ACCESS_DENIED,
                                 challenge ? "Authentication is needed for that." : "You are not authorized to do that.");
}

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *reterr) {
        Query *query = userdata;
        int r;

        read_answer(query, reply);
        query->answered = true;
        r = sd_bus_message_rewind(query->message, true);
        if (r >= 0)
                r = sd_bus_enqueue_for_read(sd_bus_message_get_bus(query->message), query->message);
        if (r < 0) {
                log_error("Cannot go on with a call that polkit was asked about: %s", strerror(-r));
                (void) sd_bus_reply_method_errno(query->message, r, NULL);
                query_free(query);
        }
        return 1;
}

static int ask(Query *query, const char *action) {
        sd_bus_message *message = NULL;
        unsigned flags = 0;
        int r;

        if (sd_bus_message_get_allow_interactive_authorization(query->message) > 0)
                flags |= FLAG_ALLOW_INTERACTION;
        r = sd_bus_message_new_method_call(sd_bus_message_get_bus(query->message), &message,
                                           "org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority",
                                           "org.freedesktop.PolicyKit1.Authority", "CheckAuthorization");
        if (r >= 0)
                r = sd_bus_message_append(message, "(sa{sv})sa{ss}us", "system-bus-name", 1, "name", "s",
                                          sd_bus_message_get_sender(query->message), action, 0, flags, "");
        if (r >= 0)
                r = sd_bus_call_async(sd_bus_message_get_bus(query->message), &query->slot, message, on_answer, query,
                                      QUERY_USEC);
        sd_bus_message_unref(message);
        return r;
}

static size_t count_queries(const Polkit *polkit, uid_t uid) {
        size_t n = 0;

        for (const Query *query = polkit->queries; query; query = query->next)
                n += query->uid == uid;
        return n;
}

static int begin_query(Polkit *polkit, sd_bus_message *message, uid_t uid, const char *action,
                       sd_bus_error *reterr) {
        _cleanup_(query_freep) Query *query = NULL;
        int r;

        if (polkit->n >= QUERIES_MAX || count_queries(polkit, uid) >= QUERIES_PER_USER_MAX)
                return sd_bus_error_set(reterr, SD_BUS_ERROR_LIMITS_EXCEEDED,
                                        "Too many calls are waiting for polkit already.");
        query = calloc(1, sizeof(*query));
        if (!query)
                return -ENOMEM;
        query->polkit = polkit;
        query->message = sd_bus_message_ref(message);
        query->uid = uid;
        query->next = polkit->queries;
        polkit->queries = query;
        polkit->n++;
        r = ask(query, action);
        if (r < 0)
                return r;
        TAKE_PTR(query);
        return 0;
}

int polkit_check(Polkit *polkit, sd_bus_message *message, const char *action, sd_bus_error *reterr) {
        uid_t uid;
        int r;

        for (Query *query = polkit->queries; query; query = query->next)
                if (query->message == message && query->answered) {
                        r = sd_bus_error_is_set(&query->error) ? sd_bus_error_copy(reterr, &query->error) : 1;
                        query_free(query);
                        return r;
                }
        r = sender_uid(message, &uid);
        if (r < 0)
                return r;
        return uid == 0 ? 1 : begin_query(polkit, message, uid, action, reterr);
}
