/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Journal entries and signals, side by side for each event.
 */

#include "announce.h"
#include "error-name.h"
#include "log.h"
#include "messages.h"
#include "object-path.h"
#include "subscribers.h"
#include "utf8.h"

typedef struct Names {
        char version[IPE_VERSION_STRLEN];
        char digest[DIGEST_HEX_SIZE];
} Names;

static void name_version(const VersionRecord *record, Names *ret) {
        ipe_version_print(&record->version, ret->version);
        digest_to_hex(&record->digest, ret->digest);
}

/* The fields of an entry about a version. They borrow from "names". */
#define FIELDS_OF(record, names, ...)                                                           \
        ((const LogField[]) {                                                                   \
                { "IPE_POLICY", (record)->name },                                               \
                { "IPE_VERSION", (names).version },                                             \
                { "IPE_DIGEST", (names).digest },                                               \
                { "IPE_SIGNER", (record)->signer },                                             \
                { "IPE_SOURCE", (record)->source },                                             \
                { "IPE_TRANSACTION", (record)->transaction[0] ? (record)->transaction : NULL }, \
                __VA_ARGS__ {},                                                                 \
        })

static void log_signal_failure(const char *member, int r) {
        if (r < 0)
                log_debug("Cannot emit %s, ignoring: %s", member, strerror(-r));
}

static void emit_triple(const Announcer *announcer, const char *member, const char *name, const char *version,
                        const char *digest) {
        if (announcer->bus)
                log_signal_failure(member, sd_bus_emit_signal(announcer->bus, MANAGER_PATH, MANAGER_INTERFACE, member,
                                                              "sss", name, version, digest));
}

static void emit_version(const Announcer *announcer, const char *member, const VersionRecord *record,
                         const Names *names) {
        emit_triple(announcer, member, record->name, names->version, names->digest);
}

static void log_warning_of(const VersionRecord *record, const Names *names, const char *warning) {
        log_entry(LOG_WARNING, NULL, FIELDS_OF(record, *names), "'%s' %s: %s", record->name, names->version, warning);
}

void announce_staged(const Announcer *announcer, const VersionRecord *record, bool keyring_warning) {
        const PolicySummary *summary = &record->summary;
        char **warnings = summary->warnings;
        size_t n = 0;
        Names names;

        name_version(record, &names);
        log_entry(LOG_NOTICE, MESSAGE_STAGED, FIELDS_OF(record, names), "Staged '%s' %s from '%s', signed by '%s'.",
                  record->name, names.version, record->source, record->signer);
        for (; warnings && warnings[n]; n++)
                log_warning_of(record, &names, warnings[n]);
        if (summary->n_warnings > n)
                log_entry(LOG_WARNING, NULL, FIELDS_OF(record, names),
                          "'%s' %s has %llu more warnings; 'ipectl lint' lists all.", record->name, names.version,
                          (unsigned long long) (summary->n_warnings - n));
        if (keyring_warning)
                log_warning_of(record, &names, summary->keyring_warning);
        emit_version(announcer, "PolicyStaged", record, &names);
}

typedef struct Rejection {
        const char *source, *error, *sentence;
} Rejection;

static int fill_rejection(sd_bus_message *message, const void *userdata) {
        const Rejection *rejection = userdata;

        return sd_bus_message_append(message, "sss", rejection->source, rejection->error, rejection->sentence);
}

/* The source is a path, or the process of a user, and the sentence may quote the file: only subscribers get them. */
static void emit_rejection(const Announcer *announcer, const Rejection *rejection) {
        emit_triple(announcer, "PolicyRejected", "", rejection->error,
                    "A policy was refused. The journal says which one and why, and so does the signal after "
                    "Subscribe().");
        subscribers_send(announcer->subscribers, "PolicyRejected", fill_rejection, rejection);
}

void announce_rejected(const Announcer *announcer, const char *source, int result, const Failure *failure) {
        _cleanup_free_ char *printable = utf8_escape(source, strlen(source));
        const Rejection rejection = { printable ?: "?", error_name_of(result), failure->sentence };

        log_entry(LOG_ERR, MESSAGE_REJECTED,
                  (const LogField[]) { { "IPE_SOURCE", rejection.source }, { "IPE_ERROR", rejection.error }, {} },
                  "Refused the policy from '%s': %s", rejection.source, rejection.sentence);
        emit_rejection(announcer, &rejection);
}

static int on_target(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        const sd_bus_error *error = sd_bus_message_get_error(message);

        if (error)
                log_warning("Cannot start ipe-policy.target, so units that need an active policy may wait for it: %s",
                            error->message);
        return 0;
}

/* Units that need an active policy wait for this target. At boot ipe-load.service reaches it in time; the first
 * confirmation in a running system reaches it here. A trial does not: its end may leave no active policy. */
static void reach_target(const Announcer *announcer) {
        if (announcer->bus)
                log_signal_failure("the start of ipe-policy.target",
                                   sd_bus_call_method_async(announcer->bus, NULL, "org.freedesktop.systemd1",
                                                            "/org/freedesktop/systemd1",
                                                            "org.freedesktop.systemd1.Manager", "StartUnit", on_target,
                                                            NULL, "ss", "ipe-policy.target", "fail"));
}

void announce_not_handed_over(const Announcer *announcer, const VersionRecord *record, int result,
                              const Failure *failure) {
        Names names;

        name_version(record, &names);
        log_entry(LOG_WARNING, MESSAGE_NOT_HANDED_OVER,
                  FIELDS_OF(record, names, { "IPE_ERROR", error_name_of(result) }, ),
                  "The kernel does not take '%s' %s as its next version, so only ipectld has it staged: %s",
                  record->name, names.version, failure->sentence);
}

void announce_activated(const Announcer *announcer, const VersionRecord *record) {
        Names names;

        name_version(record, &names);
        log_entry(LOG_NOTICE, MESSAGE_ACTIVATED, FIELDS_OF(record, names), "Activated '%s' %s, without a trial.",
                  record->name, names.version);
        emit_version(announcer, "PolicyActivated", record, &names);
}

void announce_trial(const Announcer *announcer, const VersionRecord *record, uint64_t seconds, ConfirmBy confirm) {
        const char *how = confirm_by_to_string(confirm);
        char text[24];
        Names names;

        name_version(record, &names);
        snprintf(text, sizeof(text), "%llu", (unsigned long long) seconds);
        log_entry(LOG_NOTICE, MESSAGE_TRIAL,
                  FIELDS_OF(record, names, { "IPE_TRIAL_SEC", text }, { "IPE_CONFIRM", how }, ),
                  "Activated '%s' %s, on trial for %s seconds. %s%s'%s.", record->name, names.version, text,
                  confirm == CONFIRM_AUTO ? "If all is well, it is confirmed then; 'ipectl end-trial "
                                          : "'ipectl confirm ",
                  record->name, confirm == CONFIRM_AUTO ? " ends the trial at once" : " keeps it");
        emit_version(announcer, "PolicyActivated", record, &names);
}

/* Returns which policy is active after a trial, as the end of a sentence, to be freed; NULL without memory. */
static char *describe_after_trial(const VersionRecord *record, const VersionRecord *active) {
        char version[IPE_VERSION_STRLEN], *text;
        int r;

        if (!active)
                return strdup("none of ipectld's policies is active");
        if (active == record)
                return strdup("this kernel cannot go back, so it stays active until the next boot");
        ipe_version_print(&active->version, version);
        r = asprintf(&text, "'%s' %s is active", active->name, version);
        return r < 0 ? NULL : text;
}

void announce_trial_ended(const Announcer *announcer, const VersionRecord *record, const VersionRecord *active,
                          const char *reason) {
        _cleanup_free_ char *after = describe_after_trial(record, active);
        Names names, back = {};

        name_version(record, &names);
        log_entry(LOG_NOTICE, MESSAGE_TRIAL_ENDED, FIELDS_OF(record, names, { "IPE_REASON", reason }, ),
                  "The trial of '%s' %s %s%s%s.", record->name, names.version, reason, after ? "; " : "", after ?: "");
        if (active && active != record)
                name_version(active, &back);
        emit_triple(announcer, "PolicyRolledBack", back.version[0] ? active->name : "", back.version, back.digest);
}

void announce_confirmed(const Announcer *announcer, const VersionRecord *record) {
        Names names;

        name_version(record, &names);
        log_entry(LOG_NOTICE, MESSAGE_CONFIRMED, FIELDS_OF(record, names), "Confirmed '%s' %s.", record->name,
                  names.version);
        emit_version(announcer, "PolicyConfirmed", record, &names);
        reach_target(announcer);
}

void announce_activation_failed(const Announcer *announcer, const VersionRecord *record, int result,
                                const Failure *failure) {
        Names names;

        name_version(record, &names);
        log_entry(LOG_ERR, MESSAGE_ACTIVATION_FAILED,
                  FIELDS_OF(record, names, { "IPE_ERROR", error_name_of(result) }, ), "Cannot activate '%s' %s: %s",
                  record->name, names.version, failure->sentence);
}

void announce_rolled_back(const Announcer *announcer, const VersionRecord *record, const VersionRecord *given_up) {
        Names names, old;

        name_version(record, &names);
        name_version(given_up, &old);
        log_entry(LOG_NOTICE, MESSAGE_ROLLED_BACK, FIELDS_OF(record, names), "Rolled back to '%s' %s from '%s' %s.",
                  record->name, names.version, given_up->name, old.version);
        emit_version(announcer, "PolicyRolledBack", record, &names);
}

void announce_rollback_pending(const Announcer *announcer, const VersionRecord *record, const VersionRecord *given_up) {
        Names names, old;

        name_version(record, &names);
        name_version(given_up, &old);
        log_entry(LOG_NOTICE, MESSAGE_ROLLBACK_PENDING, FIELDS_OF(record, names),
                  "Selected '%s' %s for the next boot: the running kernel cannot go back, so '%s' %s stays active "
                  "until then.",
                  record->name, names.version, given_up->name, old.version);
        emit_version(announcer, "PolicyRolledBack", record, &names);
}

void announce_not_loaded(const Announcer *announcer, const VersionRecord *record) {
        Names names;

        name_version(record, &names);
        log_entry(LOG_ERR, MESSAGE_LOAD_FAILED, FIELDS_OF(record, names),
                  "'%s' %s was selected for this boot, but could not be loaded; see 'journalctl -b -u ipe-load'.",
                  record->name, names.version);
}

void announce_deactivated(const Announcer *announcer, const VersionRecord *record) {
        Names names;

        if (!record) {
                log_entry(LOG_NOTICE, MESSAGE_DEACTIVATED, NULL, "From the next boot on, no policy is loaded.");
                return;
        }
        name_version(record, &names);
        log_entry(LOG_NOTICE, MESSAGE_DEACTIVATED, FIELDS_OF(record, names),
                  "From the next boot on, no policy is loaded: '%s' %s is deactivated.", record->name, names.version);
}

void announce_discarded(const Announcer *announcer, const VersionRecord *record) {
        Names names;

        name_version(record, &names);
        log_entry(LOG_NOTICE, MESSAGE_DISCARDED, FIELDS_OF(record, names), "Discarded '%s' %s.", record->name,
                  names.version);
}

void announce_damaged(const char *what, const char *consequence) {
        log_entry(LOG_ERR, MESSAGE_STATE_DAMAGED, (const LogField[]) { { "IPE_SOURCE", what }, {} },
                  "'%s' is damaged: %s", what, consequence);
}

static void emit_property(const Announcer *announcer, const char *property) {
        if (announcer->bus)
                log_signal_failure("PropertiesChanged",
                                   sd_bus_emit_properties_changed(announcer->bus, MANAGER_PATH, MANAGER_INTERFACE,
                                                                  property, NULL));
}

void announce_deadline(const Announcer *announcer) {
        emit_property(announcer, "TrialDeadlineUSec");
}

void announce_checks(const Announcer *announcer) {
        emit_property(announcer, "TrialChecks");
}

static void report_switch(const Announcer *announcer, bool enforce, bool value, const char *who) {
        log_entry(LOG_NOTICE, enforce ? MESSAGE_ENFORCE : NULL, NULL, "%s is %s now%s.",
                  enforce ? "Enforcement" : "Recording of what is allowed", value ? "on" : "off", who);
        emit_property(announcer, enforce ? "Enforce" : "SuccessAudit");
}

void announce_switch(const Announcer *announcer, bool enforce, bool value) {
        report_switch(announcer, enforce, value, "");
}

void announce_switch_elsewhere(const Announcer *announcer, bool enforce, bool value) {
        report_switch(announcer, enforce, value, "; ipectld did not switch it");
}

void announce_behind(const Announcer *announcer, int error) {
        if (error < 0)
                log_entry(LOG_ERR, MESSAGE_BEHIND,
                          (const LogField[]) { { "IPE_SOURCE", STORE_DIRECTORY "/state.json" }, {} },
                          "Cannot write '" STORE_DIRECTORY "/state.json', so the next boot does not know yet what the "
                          "kernel has changed: %s. ipectld retries until it succeeds.",
                          strerror(-error));
        else
                log_notice("'" STORE_DIRECTORY "/state.json' is written: the next boot knows what the kernel has "
                           "changed.");
        emit_property(announcer, "StateRecorded");
}

static void emit_object(sd_bus *bus, const VersionRecord *before, const VersionRecord *after) {
        _cleanup_free_ char *path = NULL;
        int r;

        r = object_path_of(after ?: before, &path);
        if (r < 0)
                ;
        else if (!before)
                r = sd_bus_emit_object_added(bus, path);
        else if (!after)
                r = sd_bus_emit_interfaces_removed(bus, path, "org.freedesktop.DBus.Peer",
                                                   "org.freedesktop.DBus.Introspectable",
                                                   "org.freedesktop.DBus.Properties", POLICY_INTERFACE, NULL);
        else
                r = sd_bus_emit_properties_changed(bus, path, POLICY_INTERFACE, "State", "ChangedUSec", "Transaction",
                                                   "Active", "SelectedForBoot", NULL);
        log_signal_failure("the change of an object", r);
}

/* Whether the confirmed version is active depends on the trial of another one. */
static bool trial_differs(const StoreState *before, const StoreState *after) {
        return !store_state_find_state(before, VERSION_TRIAL) != !store_state_find_state(after, VERSION_TRIAL);
}

static void announce_superseded(const VersionRecord *record) {
        Names names;

        name_version(record, &names);
        log_entry(LOG_NOTICE, MESSAGE_SUPERSEDED, FIELDS_OF(record, names), "'%s' %s is superseded.", record->name,
                  names.version);
}

void announce_changes(const Announcer *announcer, const StoreState *before, const StoreState *after) {
        const VersionRecord *selected_before = store_state_find_selected(before),
                            *selected_after = store_state_find_selected(after);

        for (size_t i = 0; i < after->n_versions; i++) {
                const VersionRecord *new = &after->versions[i],
                                    *old = store_state_find(before, new->name, &new->version);

                if (old && new->state == VERSION_SUPERSEDED && old->state != VERSION_SUPERSEDED)
                        announce_superseded(new);
        }
        if (!announcer->bus)
                return;
        for (size_t i = 0; i < after->n_versions; i++) {
                const VersionRecord *new = &after->versions[i],
                                    *old = store_state_find(before, new->name, &new->version);

                if (!old || old->state != new->state || (old == selected_before) != (new == selected_after) ||
                    (trial_differs(before, after) && new->state == VERSION_CONFIRMED))
                        emit_object(announcer->bus, old, new);
        }
        for (size_t i = 0; i < before->n_versions; i++)
                if (!store_state_find(after, before->versions[i].name, &before->versions[i].version))
                        emit_object(announcer->bus, &before->versions[i], NULL);
        log_signal_failure("PropertiesChanged",
                           sd_bus_emit_properties_changed(announcer->bus, MANAGER_PATH, MANAGER_INTERFACE,
                                                          "ActivePolicy", "ConfirmedPolicy", "Deactivated",
                                                          "TrialPolicy", "TrialDeadlineUSec", "TrialConfirm",
                                                          "TrialBoots", "TrialBootsMax", "TrialChecks", NULL));
}

/* Not everybody may read the names of files. */
static bool may_be_broadcast(const char *message) {
        return !strchr(message, '/');
}

static const char *name_state(int state) {
        return state == VERSION_ABSENT ? "" : version_state_to_string((VersionState) state);
}

int announce_append_transition(sd_bus_message *message, const HistoryEntry *entry, bool may_inspect) {
        char digest[DIGEST_HEX_SIZE];
        int r;

        digest_to_hex(&entry->digest, digest);
        r = sd_bus_message_append(message, "{sv}{sv}{sv}{sv}{sv}{sv}{sv}", "Sequence", "t", entry->sequence, "TimeUSec",
                                  "t", entry->usec, "Digest", "s", digest, "From", "s", name_state(entry->from), "To",
                                  "s", name_state(entry->to), "Reason", "s", entry->reason, "Transaction", "s",
                                  entry->transaction);
        if (r < 0 || !entry->message || (!may_inspect && !may_be_broadcast(entry->message)))
                return r;
        return sd_bus_message_append(message, "{sv}", "Message", "s", entry->message);
}

static int fill_transition(sd_bus_message *message, const HistoryEntry *entry) {
        char version[IPE_VERSION_STRLEN];
        int r;

        ipe_version_print(&entry->version, version);
        r = sd_bus_message_append(message, "ss", entry->name, version);
        if (r >= 0)
                r = sd_bus_message_open_container(message, 'a', "{sv}");
        if (r >= 0)
                r = announce_append_transition(message, entry, false);
        return r < 0 ? r : sd_bus_message_close_container(message);
}

void announce_transition(const Announcer *announcer, const HistoryEntry *entry) {
        sd_bus_message *message = NULL;
        int r;

        if (!announcer->bus)
                return;
        r = sd_bus_message_new_signal(announcer->bus, &message, MANAGER_PATH, MANAGER_INTERFACE, "PolicyChanged");
        if (r >= 0)
                r = fill_transition(message, entry);
        if (r >= 0)
                r = sd_bus_send(announcer->bus, message, NULL);
        sd_bus_message_unref(message);
        log_signal_failure("PolicyChanged", r);
}
