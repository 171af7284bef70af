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
        sd_bus_slot *slot;    /* of the question, NULL once it is answered */
        PresenceWatch *sender; /* drops the query when the sender leaves the bus */
        uid_t uid;            /* of the sender */
        uint64_t id;          /* by which polkit knows the question */
        sd_bus_error error; /* set once the answer is no */
        bool answered;
        struct Query *next;
} Query;

struct Polkit {
        Callers *callers;   /* borrowed */
        Presence *presence; /* borrowed */
        Query *queries;
        size_t n;
        uint64_t last_id;
};

#define ID_SIZE 32

static void print_id(const Query *query, char ret[static ID_SIZE]) {
        (void) snprintf(ret, ID_SIZE, "ipectld-%llu", (unsigned long long) query->id);
}

static int new_question(const Query *query, const char *member, sd_bus_message **ret) {
        return sd_bus_message_new_method_call(sd_bus_message_get_bus(query->message), ret,
                                              "org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority",
                                              "org.freedesktop.PolicyKit1.Authority", member);
}

/* So that nobody is asked for a password for a call that is not carried out. */
static void withdraw(const Query *query) {
        sd_bus_message *message = NULL;
        char id[ID_SIZE];
        int r = new_question(query, "CancelCheckAuthorization", &message);

        print_id(query, id);
        if (r >= 0)
                r = sd_bus_message_append(message, "s", id);
        if (r >= 0)
                r = sd_bus_message_set_auto_start(message, false);
        if (r >= 0)
                r = sd_bus_send(sd_bus_message_get_bus(query->message), message, NULL);
        if (r < 0)
                log_debug("Cannot withdraw a question from polkit, ignoring: %s", strerror(-r));
        sd_bus_message_unref(message);
}

Polkit *polkit_new(Callers *callers, Presence *presence) {
        Polkit *polkit = calloc(1, sizeof(*polkit));

        if (polkit)
                *polkit = (Polkit) { .callers = callers, .presence = presence };
        return polkit;
}

static void query_free(Query *query) {
        for (Query **link = &query->polkit->queries; *link; link = &(*link)->next)
                if (*link == query) {
                        *link = query->next;
                        query->polkit->n--;
                        break;
                }
        if (query->slot)
                withdraw(query);
        sd_bus_slot_unref(query->slot);
        presence_watch_free(query->sender);
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

/* Nobody waits for the call any more, and nobody learns what became of it: it is not carried out. */
static void on_sender_gone(void *userdata) {
        query_free(userdata);
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

        if (sd_bus_message_is_method_error(reply, SD_BUS_ERROR_NO_REPLY))
                withdraw(query);
        read_answer(query, reply);
        query->answered = true;
        query->slot = sd_bus_slot_unref(query->slot);
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
        char id[ID_SIZE];
        unsigned flags = 0;
        int r;

        print_id(query, id);
        if (sd_bus_message_get_allow_interactive_authorization(query->message) > 0)
                flags |= FLAG_ALLOW_INTERACTION;
        r = new_question(query, "CheckAuthorization", &message);
        if (r >= 0)
                r = sd_bus_message_append(message, "(sa{sv})sa{ss}us", "system-bus-name", 1, "name", "s",
                                          sd_bus_message_get_sender(query->message), action, 0, flags, id);
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
        query->id = ++polkit->last_id;
        query->next = polkit->queries;
        polkit->queries = query;
        polkit->n++;
        r = presence_watch(polkit->presence, message, on_sender_gone, query, &query->sender);
        if (r >= 0)
                r = ask(query, action);
        if (r < 0)
                return r;
        TAKE_PTR(query);
        return 0;
}

bool polkit_has_answer(const Polkit *polkit, const sd_bus_message *message) {
        for (const Query *query = polkit->queries; query; query = query->next)
                if (query->message == message && query->answered)
                        return true;
        return false;
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
        r = callers_find_uid(polkit->callers, message, &uid);
        if (r < 0)
                return r;
        return uid == 0 ? 1 : begin_query(polkit, message, uid, action, reterr);
}
