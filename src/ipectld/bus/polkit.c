/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * org.freedesktop.PolicyKit1.Authority.CheckAuthorization(), asynchronously.
 *
 * A query belongs to a call, from the first question to the run of the handler that has all answers:
 *
 *      1. the handler asks for an action             0 is returned, the call waits
 *      2. polkit says yes                            the action is granted, the handler runs again
 *      3. the handler needs another action           back to 1
 *      4. the handler has all actions that it needs  the query is freed, 1 is returned
 *
 * A no, and details that differ from those of the first question, free the query with an error. The end of a run that
 * has not asked again frees it as well, as if the object of the call has gone.
 */

#include "clock.h"
#include "error-name.h"
#include "failure.h"
#include "log.h"
#include "polkit.h"

/* Calls that wait at once. dbus-daemon lets a connection wait for 128 replies, beyond which the daemon could not ask
 * polkit at all. No user keeps another one out: see make_room(). */
#define QUERIES_MAX 100
#define QUERIES_PER_USER_MAX 20
/* For all questions of a call together. It gives a person time to type a password, but is shorter than the time that
 * ipectl waits, so that a call which ipectl has given up is not carried out later. */
#define QUERY_USEC (100ULL * 1000 * 1000)
#define FLAG_ALLOW_INTERACTION 1U

typedef struct Query {
        Polkit *polkit;
        sd_bus_message *message; /* the call that waits */
        sd_bus_slot *slot;       /* of the question, NULL once it is answered */
        PresenceWatch *sender;   /* drops the query when the sender leaves the bus */
        uid_t uid;               /* of the sender */
        uint64_t id;             /* for polkit, of the question that is pending, or was the last */
        uint64_t until_usec;     /* CLOCK_MONOTONIC: deadline of all answers */
        char **details;          /* of the first question; NULL for none */
        const char *action;      /* of the question that is pending, or was the last */
        const char *granted[POLKIT_ACTIONS_MAX];
        size_t n_granted;
        bool only_asks;     /* the call changes nothing: there is no dialog for a password */
        PolkitAnswer worst; /* so far; for queries that only ask */
        sd_bus_error error; /* set once the answer is no */
        bool answered;
        sd_event_source *not_taken; /* frees the query once the bus has nothing to do, so that the handler has run */
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

static int new_message(const Query *query, const char *member, sd_bus_message **ret) {
        return sd_bus_message_new_method_call(sd_bus_message_get_bus(query->message), ret, "org.freedesktop.PolicyKit1",
                                              "/org/freedesktop/PolicyKit1/Authority",
                                              "org.freedesktop.PolicyKit1.Authority", member);
}

/* Closes the dialog of a call that is not carried out. */
static void withdraw(const Query *query) {
        sd_bus_message *message = NULL;
        char id[ID_SIZE];
        int r = new_message(query, "CancelCheckAuthorization", &message);

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
        sd_event_source_disable_unref(query->not_taken);
        sd_bus_slot_unref(query->slot);
        presence_watch_free(query->sender);
        sd_bus_message_unref(query->message);
        sd_bus_error_free(&query->error);
        strv_free(query->details);
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

/* Nobody would learn the result of the call, so it is not carried out. */
static void on_sender_gone(void *userdata) {
        query_free(userdata);
}

/* Returns POLKIT_NO with the error of the query set, or the answer. */
static PolkitAnswer read_answer(Query *query, sd_bus_message *reply) {
        int authorized = false, challenge = false;

        if (sd_bus_message_is_method_error(reply, NULL)) {
                log_warning("polkit does not answer, refusing: %s", sd_bus_message_get_error(reply)->message);
                sd_bus_error_set(&query->error, SD_BUS_ERROR_ACCESS_DENIED,
                                 "Only root may do that, as polkit does not answer.");
                return POLKIT_NO;
        }
        if (sd_bus_message_enter_container(reply, 'r', "bba{ss}") < 0 ||
            sd_bus_message_read(reply, "bb", &authorized, &challenge) < 0) {
                sd_bus_error_set(&query->error, SD_BUS_ERROR_ACCESS_DENIED, "Cannot understand the answer of polkit.");
                return POLKIT_NO;
        }
        if (authorized)
                return POLKIT_YES;
        if (!challenge)
                sd_bus_error_set(&query->error, SD_BUS_ERROR_ACCESS_DENIED, "You are not authorized to do that.");
        return challenge ? POLKIT_CHALLENGE : POLKIT_NO;
}

/* A challenge refuses a call that would change something. */
static void take_answer(Query *query, PolkitAnswer answer) {
        if (answer < query->worst)
                query->worst = answer;
        if (answer == POLKIT_CHALLENGE && !query->only_asks)
                sd_bus_error_set(&query->error, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED,
                                 "This call needs authentication.");
        else if (answer != POLKIT_NO)
                query->granted[query->n_granted++] = query->action;
        query->answered = true;
}

static int on_not_taken(sd_event_source *source, void *userdata) {
        query_free(userdata);
        return 0;
}

/* sd-bus calls the handler later, from the event loop. */
static int run_again(Query *query) {
        sd_bus *bus = sd_bus_message_get_bus(query->message);
        int r = sd_bus_message_rewind(query->message, true);

        if (r >= 0)
                r = sd_event_add_defer(sd_bus_get_event(bus), &query->not_taken, on_not_taken, query);
        if (r >= 0)
                r = sd_event_source_set_priority(query->not_taken, SD_EVENT_PRIORITY_IDLE);
        return r < 0 ? r : sd_bus_enqueue_for_read(bus, query->message);
}

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *reterr) {
        Query *query = userdata;
        int r;

        if (sd_bus_message_is_method_error(reply, SD_BUS_ERROR_NO_REPLY))
                withdraw(query);
        take_answer(query, read_answer(query, reply));
        query->slot = sd_bus_slot_unref(query->slot);
        r = run_again(query);
        if (r < 0) {
                log_error("Cannot continue a call after the answer of polkit: %s", strerror(-r));
                (void) sd_bus_reply_method_errno(query->message, r, NULL);
                query_free(query);
        }
        return 1;
}

static int append_details(sd_bus_message *message, char **details) {
        int r = sd_bus_message_open_container(message, 'a', "{ss}");

        for (; r >= 0 && details && *details; details += 2)
                r = sd_bus_message_append(message, "{ss}", details[0], details[1]);
        return r < 0 ? r : sd_bus_message_close_container(message);
}

static int new_question(const Query *query, sd_bus_message **ret) {
        bool may_interact = !query->only_asks && sd_bus_message_get_allow_interactive_authorization(query->message) > 0;
        char id[ID_SIZE];
        int r = new_message(query, "CheckAuthorization", ret);

        print_id(query, id);
        if (r >= 0)
                r = sd_bus_message_append(*ret, "(sa{sv})s", "system-bus-name", 1, "name", "s",
                                          sd_bus_message_get_sender(query->message), query->action);
        if (r >= 0)
                r = append_details(*ret, query->details);
        return r < 0 ? r : sd_bus_message_append(*ret, "us", may_interact ? FLAG_ALLOW_INTERACTION : 0, id);
}

/* Returns 0 or a negative errno. */
static int ask(Query *query, const char *action) {
        uint64_t now = clock_usec(CLOCK_MONOTONIC);
        sd_bus_message *message = NULL;
        int r;

        query->not_taken = sd_event_source_disable_unref(query->not_taken);
        query->action = action;
        query->id = ++query->polkit->last_id;
        query->answered = false;
        r = new_question(query, &message);
        /* A timeout of 0 would be the default of libsystemd. */
        if (r >= 0)
                r = sd_bus_call_async(sd_bus_message_get_bus(query->message), &query->slot, message, on_answer, query,
                                      query->until_usec > now ? query->until_usec - now : 1);
        sd_bus_message_unref(message);
        return r < 0 ? r : 0;
}

static size_t count_queries(const Polkit *polkit, uid_t uid) {
        size_t n = 0;

        for (const Query *query = polkit->queries; query; query = query->next)
                n += query->uid == uid;
        return n;
}

/* The latest unanswered query of the user who has the most queries; NULL if there is none. */
static Query *find_query_to_end(const Polkit *polkit) {
        Query *found = NULL;
        size_t most = 0;

        for (Query *query = polkit->queries; query; query = query->next) {
                size_t n = query->answered ? 0 : count_queries(polkit, query->uid);

                if (n > most) {
                        found = query;
                        most = n;
                }
        }
        return found;
}

/* If the list is full, drops a query of the user who has the most, so that each user has a share. Returns whether there
 * is room. */
static bool make_room(Polkit *polkit, uid_t uid) {
        size_t n = count_queries(polkit, uid);
        Query *last;

        if (n >= QUERIES_PER_USER_MAX)
                return false;
        if (polkit->n < QUERIES_MAX)
                return true;
        last = find_query_to_end(polkit);
        if (!last || count_queries(polkit, last->uid) <= n + 1)
                return false;
        (void) sd_bus_reply_method_errorf(last->message, SD_BUS_ERROR_LIMITS_EXCEEDED,
                                          "Too many calls wait for polkit, and most of them are those of user %u.",
                                          last->uid);
        query_free(last);
        return true;
}

static int new_query(Polkit *polkit, sd_bus_message *message, uid_t uid, const char *const *details, Query **ret) {
        _cleanup_(query_freep) Query *query = calloc(1, sizeof(*query));
        int r;

        if (!query)
                return -ENOMEM;
        query->polkit = polkit;
        query->message = sd_bus_message_ref(message);
        query->uid = uid;
        query->worst = POLKIT_YES;
        query->until_usec = clock_usec(CLOCK_MONOTONIC) + QUERY_USEC;
        query->next = polkit->queries;
        polkit->queries = query;
        polkit->n++;
        r = strv_copy((char *const *) details, &query->details);
        if (r >= 0)
                r = presence_watch(polkit->presence, message, on_sender_gone, query, &query->sender);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(query);
        return 0;
}

static int begin_query(Polkit *polkit, sd_bus_message *message, const char *action, const char *const *details,
                       bool only_asks, sd_bus_error *reterr) {
        _cleanup_(query_freep) Query *query = NULL;
        uid_t uid;
        int r = callers_find_uid(polkit->callers, message, &uid);

        if (r < 0)
                return r;
        if (uid == 0)
                return 1;
        if (!make_room(polkit, uid))
                return sd_bus_error_set(reterr, SD_BUS_ERROR_LIMITS_EXCEEDED,
                                        "Too many calls wait for polkit already.");
        r = new_query(polkit, message, uid, details, &query);
        if (r < 0)
                return r;
        query->only_asks = only_asks;
        r = ask(query, action);
        if (r < 0)
                return r;
        TAKE_PTR(query);
        return 0;
}

static Query *find_answered(const Polkit *polkit, const sd_bus_message *message) {
        for (Query *query = polkit->queries; query; query = query->next)
                if (query->message == message && query->answered)
                        return query;
        return NULL;
}

bool polkit_has_answer(const Polkit *polkit, const sd_bus_message *message) {
        return find_answered(polkit, message);
}

/* Returns the first key whose value has changed, is new or has gone, or NULL. */
static const char *find_changed(char *const *asked, const char *const *now) {
        for (; asked && *asked; asked += 2, now += 2)
                if (!now || !*now || !streq(asked[0], now[0]) || !streq(asked[1], now[1]))
                        return asked[0];
        return now ? *now : NULL;
}

/* Refuses a call that would do something else now than polkit has authorised. */
static int check_same(const Query *query, const char *const *details, sd_bus_error *reterr) {
        const char *key = find_changed(query->details, details);

        if (!key)
                return 0;
        return sd_bus_error_setf(reterr, error_name_of(FAILURE_NOT_THAT_VERSION),
                                 "While polkit was asked, another change has affected "
                                 "this call ('%s'), and that was not authorized. Nothing was done: look again, and "
                                 "repeat the "
                                 "call.",
                                 key);
}

static bool is_granted(const Query *query, const char *action) {
        for (size_t i = 0; i < query->n_granted; i++)
                if (streq(query->granted[i], action))
                        return true;
        return false;
}

/* Returns 1 if all actions are granted, 0 if the next question is pending, or a negative errno. */
static int go_on(Query *query, const char *const *actions, const char *const *details, sd_bus_error *reterr) {
        int r;

        if (sd_bus_error_is_set(&query->error))
                return sd_bus_error_copy(reterr, &query->error);
        r = check_same(query, details, reterr);
        if (r < 0)
                return r;
        for (; *actions; actions++)
                if (!is_granted(query, *actions))
                        return query->n_granted < POLKIT_ACTIONS_MAX ? ask(query, *actions) : -E2BIG;
        return 1;
}

int polkit_check_all(Polkit *polkit, sd_bus_message *message, const char *const *actions, const char *const *details,
                     sd_bus_error *reterr) {
        Query *query = find_answered(polkit, message);
        int r;

        if (!query)
                return begin_query(polkit, message, actions[0], details, false, reterr);
        r = go_on(query, actions, details, reterr);
        if (r != 0)
                query_free(query);
        return r;
}

int polkit_check(Polkit *polkit, sd_bus_message *message, const char *action, const char *const *details,
                 sd_bus_error *reterr) {
        return polkit_check_all(polkit, message, (const char *const[]) { action, NULL }, details, reterr);
}

int polkit_find_out(Polkit *polkit, sd_bus_message *message, const char *const *actions, const char *const *details,
                    PolkitAnswer *ret, sd_bus_error *reterr) {
        Query *query = find_answered(polkit, message);
        int r;

        if (!query) {
                *ret = POLKIT_YES;
                return begin_query(polkit, message, actions[0], details, true, reterr);
        }
        /* After a no there are no further questions. */
        r = query->worst == POLKIT_NO ? 1 : go_on(query, actions, (const char *const *) query->details, reterr);
        *ret = query->worst;
        if (r != 0)
                query_free(query);
        return r;
}

bool polkit_is_root(Polkit *polkit, sd_bus_message *message) {
        uid_t uid;

        return callers_find_uid(polkit->callers, message, &uid) >= 0 && uid == 0;
}
