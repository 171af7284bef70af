/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Signals and changed properties of the daemon, in sentences.
 */

#include <stdarg.h>

#include "base.h"
#include "bus-value.h"
#include "clock.h"
#include "events.h"
#include "output.h"

#define ARGUMENTS_MAX 4

/* Each has strings, some an a{sv} after them. */
static const struct {
        const char *member;
        const char *types;
        const char *arguments[ARGUMENTS_MAX];
} signals[] = {
        { "PolicyStaged", "sss", { "name", "version", "digest" } },
        { "PolicyRejected", "sss", { "source", "error", "message" } },
        { "PolicyActivated", "sss", { "name", "version", "digest" } },
        { "PolicyConfirmed", "sss", { "name", "version", "digest" } },
        { "PolicyRolledBack", "sss", { "name", "version", "digest" } },
        { "PolicyChanged", "ssa{sv}", { "name", "version" } },
        { "Denied", "ssssa{sv}", { "name", "version", "operation", "path" } },
};

static int read_arguments(sd_bus_message *message, size_t kind, struct json_object *event) {
        struct json_object *details = NULL;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ARGUMENTS_MAX && signals[kind].arguments[i]; i++) {
                const char *text;

                r = sd_bus_message_read_basic(message, 's', &text);
                if (r >= 0)
                        json_set(event, signals[kind].arguments[i], json_text_or_null(text));
        }
        if (r >= 0 && strchr(signals[kind].types, '{')) {
                r = bus_read_dictionary(message, &details);
                if (r >= 0)
                        json_set(event, "details", details);
        }
        return r;
}

int event_read(sd_bus_message *message, struct json_object **ret) {
        const char *member = sd_bus_message_get_member(message);
        struct json_object *event;
        char *key;

        for (size_t i = 0; i < ELEMENTSOF(signals); i++) {
                if (!streq(signals[i].member, member) || sd_bus_message_has_signature(message, signals[i].types) <= 0)
                        continue;
                event = json_new_object();
                key = bus_json_key(member);
                json_set(event, "event", json_string(key));
                free(key);
                if (read_arguments(message, i, event) < 0) {
                        json_object_put(event);
                        return 0;
                }
                *ret = event;
                return 1;
        }
        return 0;
}

bool event_has_invalidated(sd_bus_message *message, const char *property) {
        bool found = false;
        const char *name;
        int r = sd_bus_message_enter_container(message, 'a', "s");

        while (r >= 0 && (r = sd_bus_message_read_basic(message, 's', &name)) > 0)
                found = found || streq(name, property);
        return found;
}

_printf_(2, 3) static void add(struct json_object *sentences, const char *format, ...) {
        va_list arguments;
        char *sentence;

        va_start(arguments, format);
        if (vasprintf(&sentence, format, arguments) < 0)
                oom();
        va_end(arguments);
        json_append(sentences, json_string(sentence));
        free(sentence);
}

static void describe_summary(unsigned long long count, struct json_object *details, struct json_object *sentences) {
        char user[48] = "";

        if (json_get(details, "uid"))
                snprintf(user, sizeof(user), " of user %llu", (unsigned long long) json_get_number(details, "uid"));
        add(sentences, "At least %llu denials%s came too fast to be listed one by one.", count, user);
}

/* Uses the words of the entry in the journal. */
static void describe_denial(struct json_object *event, struct json_object *sentences) {
        struct json_object *details = json_get(event, "details");
        const char *path = json_get_text(event, "path"), *operation = json_get_text(event, "operation");
        unsigned long long count = json_get_number(details, "count"), pid = json_get_number(details, "pid");
        bool enforced = !json_get(details, "enforced") || json_get_boolean(details, "enforced");
        const char *quote = *path ? "'" : "";
        char times[32] = "";

        if (!*operation && !*path) {
                describe_summary(count, details, sentences);
                return;
        }
        if (count > 1)
                snprintf(times, sizeof(times), ", %llu times", count);
        add(sentences, "%s %s of %s%s%s for %s[%llu]: '%s' %s, rule '%s'%s.", enforced ? "Denied" : "Would deny",
            operation, quote, *path ? path : "memory without a file", quote, json_get_text(details, "comm"), pid,
            json_get_text(event, "name"), json_get_text(event, "version"), json_get_text(details, "rule"), times);
}

static void describe_check(struct json_object *check, struct json_object *sentences) {
        const char *detail = json_get_text(check, "detail");

        add(sentences, "Check '%s': %s%s%s", json_get_text(check, "check"), json_get_text(check, "state"),
            *detail ? ": " : "", detail);
}

static bool contains(struct json_object *array, struct json_object *value) {
        for (size_t i = 0; i < json_length(array); i++)
                if (json_object_equal(json_at(array, i), value))
                        return true;
        return false;
}

static void describe_pair(const char *label, struct json_object *pair, struct json_object *sentences) {
        if (pair)
                add(sentences, "%s: '%s' %s.", label, json_get_text(pair, "name"), json_get_text(pair, "version"));
        else
                add(sentences, "%s: none.", label);
}

/* Leaves out properties that mean nothing by themselves, as the time of a trial. reported: the checks as last
 * reported. */
static void describe_properties(struct json_object *event, struct json_object *reported,
                                struct json_object *sentences) {
        static const struct {
                const char *key, *label;
        } pairs[] = { { "active_policy", "Active policy" },
                      { "confirmed_policy", "Confirmed policy" },
                      { "trial_policy", "On trial" } };
        struct json_object *properties = json_get(event, "properties"), *value;
        struct json_object *checks = json_get(properties, "trial_checks");

        if (json_get(properties, "version"))
                add(sentences, "ipectld %s runs; the kernel's ABI is '%s'.", json_get_text(properties, "version"),
                    json_get_text(properties, "kernel_abi"));
        if (json_get(properties, "enforce"))
                add(sentences, "Enforcement is %s.", json_get_boolean(properties, "enforce") ? "on" : "off");
        if (json_get(properties, "success_audit"))
                add(sentences, "Success audit is %s.", json_get_boolean(properties, "success_audit") ? "on" : "off");
        for (size_t i = 0; i < ELEMENTSOF(pairs); i++)
                if (json_object_object_get_ex(properties, pairs[i].key, &value))
                        describe_pair(pairs[i].label, value, sentences);
        for (size_t i = 0; i < json_length(checks); i++)
                if (!contains(reported, json_at(checks, i)))
                        describe_check(json_at(checks, i), sentences);
}

/* The other signals say what has changed; this one may say why. */
static void describe_change(struct json_object *event, struct json_object *sentences) {
        const char *message = json_get_text(json_get(event, "details"), "message");

        if (*message)
                add(sentences, "'%s' %s: %s", json_get_text(event, "name"), json_get_text(event, "version"), message);
}

typedef enum Wording {
        WORDING_VERSION,  /* a name and a version follow */
        WORDING_REJECTED, /* the source of the policy, and the reason */
        WORDING_PLAIN,
} Wording;

static const struct {
        const char *event;
        Wording wording;
        const char *sentence;
} wordings[] = {
        { "policy_staged", WORDING_VERSION, "Staged" },
        { "policy_activated", WORDING_VERSION, "Activated" },
        { "policy_confirmed", WORDING_VERSION, "Confirmed" },
        { "policy_rolled_back", WORDING_VERSION, "Rolled back to" },
        { "policy_rejected", WORDING_REJECTED, "Refused the policy from" },
        { "daemon_started", WORDING_PLAIN, "ipectld has started." },
        { "daemon_stopped", WORDING_PLAIN, "ipectld has ended." },
};

static void describe_plainly(size_t i, struct json_object *event, struct json_object *sentences) {
        const char *name = json_get_text(event, "name");

        if (wordings[i].wording == WORDING_PLAIN)
                add(sentences, "%s", wordings[i].sentence);
        else if (wordings[i].wording == WORDING_REJECTED)
                add(sentences, "%s '%s': %s", wordings[i].sentence, json_get_text(event, "source"),
                    json_get_text(event, "message"));
        else if (*name)
                add(sentences, "%s '%s' %s.", wordings[i].sentence, name, json_get_text(event, "version"));
        else
                add(sentences, "%s a system without a policy of ipectld.", wordings[i].sentence);
}

struct json_object *event_describe(struct json_object *event, struct json_object *checks) {
        struct json_object *sentences = json_new_array();
        const char *kind = json_get_text(event, "event");

        if (streq(kind, "denied"))
                describe_denial(event, sentences);
        else if (streq(kind, "policy_changed"))
                describe_change(event, sentences);
        else if (streq(kind, "status") || streq(kind, "properties_changed"))
                describe_properties(event, checks, sentences);
        else if (streq(kind, "countdown"))
                add(sentences, "The trial of '%s' %s ends in %llu seconds.", json_get_text(event, "name"),
                    json_get_text(event, "version"), (unsigned long long) json_get_number(event, "seconds_left"));
        for (size_t i = 0; i < ELEMENTSOF(wordings); i++)
                if (streq(kind, wordings[i].event))
                        describe_plainly(i, event, sentences);
        return sentences;
}

char *event_countdown(struct json_object *state) {
        struct json_object *trial = json_get(state, "trial_policy"), *checks = json_get(state, "trial_checks");
        size_t n = 0, passed = 0;
        char *text;
        int r;

        for (size_t i = 0; i < json_length(checks); i++) {
                const char *result = json_get_text(json_at(checks, i), "state");

                n += !streq(result, "none");
                passed += streq(result, "passed");
        }
        r = asprintf(&text,
                     n > 0 ? "'%s' %s on trial: %llu s left, %zu of %zu checks passed"
                           : "'%s' %s on trial: %llu s left",
                     json_get_text(trial, "name"), json_get_text(trial, "version"),
                     seconds_until(json_get_number(state, "trial_deadline_usec")), passed, n);
        if (r < 0)
                oom();
        return text;
}
