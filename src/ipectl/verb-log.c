/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * log: shows the entries of ipectld and ipe-load in the journal, denials included; it needs no daemon. Users who may
 * not read the journal get the history of policies from the daemon instead.
 *
 * Any program may write entries with our MESSAGE_IDs, so only those of our own users count: journald knows the
 * sender's user from the kernel.
 */

#include <pwd.h>
#include <syslog.h>
#include <systemd/sd-journal.h>

#include "history.h"
#include "json-value.h"
#include "loop.h"
#include "messages.h"
#include "output.h"
#include "terminal.h"

/* Bytes; the rest of a field is cut. */
#define FIELD_SIZE_MAX (64U << 10)

/* The default of journalctl(1) and tail(1). */
#define LINES_WHEN_FOLLOWING 10

static const struct {
        const char *message_id;
        const char *event; /* for programs */
} kinds[] = {
        { MESSAGE_STAGED, "staged" },
        { MESSAGE_REJECTED, "rejected" },
        { MESSAGE_NOT_HANDED_OVER, "not-handed-over" },
        { MESSAGE_TRIAL, "trial" },
        { MESSAGE_TRIAL_ENDED, "trial-ended" },
        { MESSAGE_ACTIVATED, "activated" },
        { MESSAGE_CONFIRMED, "confirmed" },
        { MESSAGE_SUPERSEDED, "superseded" },
        { MESSAGE_ROLLED_BACK, "rolled-back" },
        { MESSAGE_ROLLBACK_PENDING, "rollback-pending" },
        { MESSAGE_ACTIVATION_FAILED, "activation-failed" },
        { MESSAGE_DEACTIVATED, "deactivated" },
        { MESSAGE_BEHIND, "not-recorded" },
        { MESSAGE_DISCARDED, "discarded" },
        { MESSAGE_ENFORCE, "enforce" },
        { MESSAGE_LOADED, "loaded" },
        { MESSAGE_LOAD_FAILED, "load-failed" },
        { MESSAGE_KEPT, "kept" },
        { MESSAGE_NONE_WANTED, "none-wanted" },
        { MESSAGE_FILE_LOADED, "file-loaded" },
        { MESSAGE_FILE_NOT_LOADED, "file-not-loaded" },
        { MESSAGE_TRIAL_BOOT, "trial-boot" },
        { MESSAGE_TRIAL_NOT_LOADED, "trial-not-loaded" },
        { MESSAGE_STATE_DAMAGED, "state-damaged" },
        { MESSAGE_DENIED, "denied" },
        { MESSAGE_DENIALS_MISSED, "denials-missed" },
        { MESSAGE_DENIALS_BEFORE, "denials-before" },
        { MESSAGE_LOG_LOST, "log-lost" },
        { MESSAGE_VOLUME, "volume" },
        { MESSAGE_VOLUME_DENIED, "volume-denied" },
};

typedef struct Log {
        sd_journal *journal;
        sd_event *event; /* NULL unless following */
        const Options *options;
} Log;

static const char *find_event(const char *message_id) {
        for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                if (streq(kinds[i].message_id, message_id))
                        return kinds[i].event;
        return "";
}

static int add_match(sd_journal *journal, const char *field, const char *value) {
        char *match;
        int r;

        if (asprintf(&match, "%s=%s", field, value) < 0)
                oom();
        r = sd_journal_add_match(journal, match, 0);
        free(match);
        return r;
}

/* ipe-load, and ipectld of earlier releases, log as root; ipectld logs as the user of its unit. */
static int add_writers(sd_journal *journal) {
        const struct passwd *user = getpwnam("ipe");
        char uid[3 * sizeof(uid_t) + 1];
        int r = add_match(journal, "_UID", "0");

        if (r < 0 || !user)
                return r;
        snprintf(uid, sizeof(uid), "%lu", (unsigned long) user->pw_uid);
        return add_match(journal, "_UID", uid);
}

/* sd-journal takes matches of one field as alternatives, and requires one of each field. name: of a policy, or NULL. */
static int add_matches(sd_journal *journal, const char *name) {
        int r = add_writers(journal);

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(kinds); i++)
                r = add_match(journal, "MESSAGE_ID", kinds[i].message_id);
        if (r >= 0 && name)
                r = add_match(journal, "IPE_POLICY", name);
        return r;
}

/* Returns the key of a field for JSON: "IPE_TRIAL_SEC" -> "trial_sec", and "IPE_POLICY" -> "name" as in other commands;
 * MESSAGE, MESSAGE_ID and PRIORITY keep their names. NULL: the field is not ours. */
static char *field_key(const char *field, size_t len) {
        static const char *const others[] = { "MESSAGE", "MESSAGE_ID", "PRIORITY" };
        static const char prefix[] = "IPE_";
        bool known = false;
        char *key;

        if (len > sizeof(prefix) - 1 && strncmp(field, prefix, sizeof(prefix) - 1) == 0) {
                field += sizeof(prefix) - 1;
                len -= sizeof(prefix) - 1;
                known = true;
        }
        for (size_t i = 0; i < ELEMENTSOF(others); i++)
                known |= strlen(others[i]) == len && strncmp(field, others[i], len) == 0;
        if (!known)
                return NULL;
        key = len == strlen("POLICY") && strncmp(field, "POLICY", len) == 0 ? strdup("name") : strndup(field, len);
        if (!key)
                oom();
        for (char *c = key; *c; c++)
                if (*c >= 'A' && *c <= 'Z')
                        *c += 'a' - 'A';
        return key;
}

static int read_entry(sd_journal *journal, struct json_object **ret) {
        struct json_object *entry = json_new_object();
        const void *data;
        uint64_t usec;
        size_t size;
        int r;

        r = sd_journal_get_realtime_usec(journal, &usec);
        if (r < 0) {
                json_object_put(entry);
                return r;
        }
        json_set(entry, "time_usec", json_number(usec));
        json_set(entry, "event", NULL);
        SD_JOURNAL_FOREACH_DATA(journal, data, size) {
                const char *field = data, *equals;
                char *key;

                /* sd-journal applies the threshold to compressed fields only. */
                if (size > FIELD_SIZE_MAX)
                        size = FIELD_SIZE_MAX;
                equals = memchr(field, '=', size);
                key = equals ? field_key(field, equals - field) : NULL;
                if (key)
                        json_set(entry, key, json_string_len(equals + 1, field + size - (equals + 1)));
                free(key);
        }
        json_set(entry, "event", json_string(find_event(json_get_text(entry, "message_id"))));
        *ret = entry;
        return 0;
}

/* Shows errors in red, as journalctl does. */
static void print_entry(struct json_object *entry, const Options *options) {
        struct json_object *message = json_get(entry, "message");
        bool red;
        char *when, *text;

        if (options->json != JSON_OFF) {
                json_print(entry, JSON_SHORT);
                return;
        }
        red = terminal_has_style() && *json_get_text(entry, "priority") &&
              json_get_number(entry, "priority") <= LOG_ERR;
        when = format_usec(json_get_number(entry, "time_usec"));
        text = escape_bytes(json_object_get_string(message) ?: "", message ? json_object_get_string_len(message) : 0);
        printf("%s %s%s%s\n", when, red ? "\033[31m" : "", text, red ? "\033[0m" : "");
        free(text);
        free(when);
}

/* Prints from the next entry to the last one; skips entries that cannot be read, as in a truncated file. */
static int print_rest(Log *log) {
        int r;

        while ((r = sd_journal_next(log->journal)) > 0) {
                struct json_object *entry;

                r = read_entry(log->journal, &entry);
                if (r == -EBADMSG || r == -EADDRNOTAVAIL)
                        continue;
                if (r < 0)
                        return r;
                print_entry(entry, log->options);
                json_object_put(entry);
                if (ferror(stdout))
                        return 0;
        }
        return r;
}

/* Moves to the place where the next entry is the first one to be shown. */
static int seek(sd_journal *journal, const Options *options) {
        uint64_t lines = options->follow ? LINES_WHEN_FOLLOWING : UINT64_MAX, usec;
        int r;

        if (options->given & OPTION_LINES)
                lines = options->lines;
        if (lines == UINT64_MAX)
                return options->since_usec > 0 ? sd_journal_seek_realtime_usec(journal, options->since_usec)
                                               : sd_journal_seek_head(journal);
        r = sd_journal_seek_tail(journal);
        if (r >= 0)
                r = sd_journal_previous(journal);
        /* From the last entry, go back to the one before the first to be shown. */
        for (uint64_t i = 0; r > 0 && i < lines; i++) {
                r = sd_journal_get_realtime_usec(journal, &usec);
                if (r < 0)
                        return r;
                if (usec < options->since_usec)
                        return 0;
                r = sd_journal_previous(journal);
        }
        if (r != 0 || lines == 0)
                return r < 0 ? r : 0;
        return options->since_usec > 0 ? sd_journal_seek_realtime_usec(journal, options->since_usec)
                                       : sd_journal_seek_head(journal);
}

static ExitStatus fail(int r) {
        say_error("Failed to read the journal: %s", strerror(-r));
        return STATUS_FAILED;
}

static int on_change(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Log *log = userdata;
        int r;

        r = sd_journal_process(log->journal);
        if (r >= 0)
                r = print_rest(log);
        loop_flush(log->event);
        /* sd-event would silently disable a handler that fails. */
        return r < 0 ? sd_event_exit(log->event, fail(r)) : 0;
}

static int prepare_to_follow(Log *log) {
        int r, fd;

        r = loop_new(&log->event);
        if (r < 0)
                return r;
        fd = sd_journal_get_fd(log->journal);
        if (fd < 0)
                return fd;
        r = sd_journal_get_events(log->journal);
        if (r < 0)
                return r;
        return sd_event_add_io(log->event, NULL, fd, r, on_change, log);
}

static int open_journal(Log *log, const char *name) {
        int r;

        r = sd_journal_open(&log->journal, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM);
        if (r >= 0)
                r = sd_journal_set_data_threshold(log->journal, FIELD_SIZE_MAX);
        if (r >= 0)
                r = add_matches(log->journal, name);
        /* Watch the journal before reading it, to miss no entry. */
        if (r >= 0 && log->options->follow)
                r = prepare_to_follow(log);
        if (r >= 0)
                r = seek(log->journal, log->options);
        return r;
}

/* sd-journal silently skips files that the caller may not read. */
static bool has_files(sd_journal *journal) {
        return sd_journal_has_persistent_files(journal) > 0 || sd_journal_has_runtime_files(journal) > 0;
}

/* Prints a change in the form of an entry of the journal. */
static void print_change(struct json_object *change, const Options *options) {
        char *sentence = history_describe(change);

        json_set(change, "event", json_string(json_get_text(change, "reason")));
        json_set(change, "message", json_string(sentence));
        print_entry(change, options);
        free(sentence);
}

static void print_changes(struct json_object *changes, char **argv, const Options *options) {
        for (size_t i = 0; i < json_length(changes); i++)
                print_change(json_at(changes, i), options);
}

static ExitStatus go_without_journal(char **argv, const Options *options) {
        static const Question history = { .ask = history_ask, .print = print_changes, .prints_json = true };

        if (geteuid() == 0) {
                say_error("There is no system journal.");
                return STATUS_FAILED;
        }
        if (options->follow) {
                say_error("There is no journal that you may read. Run this as root, or as a member of the group "
                          "'systemd-journal'; every user may run 'ipectl watch'.");
                return STATUS_PERMISSION;
        }
        if (!options->quiet)
                say_error(
                        "There is no journal that you may read. This is the history of policies; root, and members of "
                        "the group 'systemd-journal', see denials and other messages, too.");
        return client_ask(&history, argv, options);
}

ExitStatus verb_log(int argc, char **argv, const Options *options) {
        Log log = { .options = options };
        ExitStatus status = STATUS_OK;
        bool has_journal = false;
        int r;

        r = open_journal(&log, argv[1]);
        if (r >= 0 && has_files(log.journal)) {
                has_journal = true;
                r = print_rest(&log);
        }
        if (r < 0)
                status = fail(r);
        else if (!has_journal)
                status = go_without_journal(argv, options);
        if (status == STATUS_OK && has_journal && options->follow) {
                loop_flush(log.event);
                status = loop_run(log.event);
        }
        sd_journal_close(log.journal);
        sd_event_unref(log.event);
        return status;
}
