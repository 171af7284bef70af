/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * status, list and show: print what the daemon knows. These calls need no authorization.
 */

#include "bus-value.h"
#include "client.h"
#include "clock.h"
#include "envelope.h"
#include "io.h"
#include "output.h"
#include "table.h"
#include "utf8.h"

#define FIELD_WIDTH 18

/* Digits of a digest in a table: enough to tell versions apart. */
#define DIGEST_SHOWN 16

static const char *yes_no(struct json_object *object, const char *key) {
        return json_get_boolean(object, key) ? "yes" : "no";
}

static void show_warnings(struct json_object *object) {
        struct json_object *warnings = json_get(object, "warnings");

        for (size_t i = 0; i < json_length(warnings); i++)
                say_field(FIELD_WIDTH, "Warning", "%s", json_object_get_string(json_at(warnings, i)));
}

static void show_pair(const char *label, struct json_object *object, const char *key) {
        struct json_object *pair = json_get(object, key);

        if (pair)
                say_field(FIELD_WIDTH, label, "%s %s", json_get_text(pair, "name"), json_get_text(pair, "version"));
        else
                say_field(FIELD_WIDTH, label, "none");
}

static void show_features(struct json_object *features) {
        size_t n = json_length(features), size = 0;
        char *words = NULL;
        FILE *out = open_memstream(&words, &size);

        if (!out)
                oom();
        for (size_t i = 0; i < n; i++)
                fprintf(out, "%s%s", i > 0 ? " " : "", json_object_get_string(json_at(features, i)));
        if (fclose(out) != 0)
                oom();
        say_field(FIELD_WIDTH, "Features", "%s", n > 0 ? words : "none");
        free(words);
}

static const char *explain_abi(const char *abi) {
        if (streq(abi, "extended"))
                return "extended (the LSM of this project)";
        if (streq(abi, "upstream"))
                return "upstream (no stage, no trial, no rollback)";
        if (streq(abi, "none"))
                return "none (IPE is not enabled in this kernel, see lsm=; or securityfs is not mounted)";
        return abi;
}

/* trial_confirm is "auto", "manual", or absent with an older daemon. */
static const char *explain_confirm(struct json_object *status) {
        if (!streq(json_get_text(status, "trial_confirm"), "auto"))
                return ", unless it is confirmed";
        return json_get_number(status, "trial_boots") > 0 ? ", unless the boot completes first and all checks pass"
                                                          : "; it is confirmed then if all checks pass";
}

static void show_trial(struct json_object *status) {
        unsigned long long deadline = json_get_number(status, "trial_deadline_usec");
        struct json_object *checks = json_get(status, "trial_checks");

        show_pair("On trial", status, "trial_policy");
        if (deadline > 0)
                say_field(FIELD_WIDTH, "Trial ends", "in %llu seconds%s", seconds_until(deadline),
                          explain_confirm(status));
        if (json_get_number(status, "trial_boots_max") > 0)
                say_field(FIELD_WIDTH, "Reboots", "%llu of %llu",
                          (unsigned long long) json_get_number(status, "trial_boots"),
                          (unsigned long long) json_get_number(status, "trial_boots_max"));
        for (size_t i = 0; i < json_length(checks); i++) {
                struct json_object *check = json_at(checks, i);
                const char *detail = json_get_text(check, "detail");

                say_field(FIELD_WIDTH, "Check", "%s: %s%s%s", json_get_text(check, "check"),
                          json_get_text(check, "state"), *detail ? ": " : "", detail);
        }
}

/* Shows "3 (1 confirmed, 2 staged)". */
static void show_counts(struct json_object *policies) {
        static const char *const states[] = { "trial",      "confirmed",   "pending-reboot", "staged",
                                              "superseded", "rolled-back", "rejected",       "failed" };
        size_t n = json_length(policies), size = 0;
        char *text = NULL;
        FILE *out = open_memstream(&text, &size);
        bool first = true;

        if (!out)
                oom();
        fprintf(out, "%zu", n);
        for (size_t s = 0; s < ELEMENTSOF(states); s++) {
                size_t count = 0;

                for (size_t i = 0; i < n; i++)
                        if (streq(json_get_text(json_at(policies, i), "state"), states[s]))
                                count++;
                if (count == 0)
                        continue;
                fprintf(out, "%s%zu %s", first ? " (" : ", ", count, states[s]);
                first = false;
        }
        if (!first)
                fputc(')', out);
        if (fclose(out) != 0)
                oom();
        say_field(FIELD_WIDTH, "Policies", "%s", text);
        free(text);
}

static void show_pending(struct json_object *status, struct json_object *policies) {
        size_t n = json_length(policies);

        if (json_get_boolean(status, "deactivated"))
                say_field(FIELD_WIDTH, "At the next boot",
                          "no policy (deactivated, until one is activated and confirmed)");
        for (size_t i = 0; i < n; i++) {
                struct json_object *entry = json_at(policies, i);

                if (streq(json_get_text(entry, "state"), "pending-reboot"))
                        say_field(FIELD_WIDTH, "At the next boot", "%s %s (reboot to go back to it)",
                                  json_get_text(entry, "name"), json_get_text(entry, "version"));
        }
}

static void print_status(struct json_object *status, char **argv, const Options *options) {
        struct json_object *policies = json_get(status, "policies");

        say_field(FIELD_WIDTH, "Daemon", "ipectld %s", json_get_text(status, "version"));
        say_field(FIELD_WIDTH, "Kernel ABI", "%s", explain_abi(json_get_text(status, "kernel_abi")));
        show_features(json_get(status, "features"));
        say_field(FIELD_WIDTH, "Enforce", "%s",
                  json_get_boolean(status, "enforce") ? "yes" : "no (denials are logged, nothing is denied)");
        say_field(FIELD_WIDTH, "Success audit", "%s", yes_no(status, "success_audit"));
        show_pair("Active policy", status, "active_policy");
        show_pair("Confirmed policy", status, "confirmed_policy");
        if (json_get(status, "trial_policy"))
                show_trial(status);
        show_pending(status, policies);
        if (json_get(status, "state_recorded") && !json_get_boolean(status, "state_recorded"))
                say_field(FIELD_WIDTH, "Not recorded",
                          "/var/lib/ipe cannot be written: the next boot will not know of the latest change");
        show_counts(policies);
        show_warnings(status);
}

static int ask_for_status(Client *client, char **argv, struct json_object **ret) {
        struct json_object *status = NULL, *policies = NULL;
        int r;

        client_doing(client, "Failed to ask ipectld for its status");
        r = client_get_all(client, MANAGER_PATH, MANAGER_INTERFACE, &status);
        if (r >= 0)
                r = client_list(client, &policies);
        if (r < 0) {
                json_object_put(status);
                return r;
        }
        json_set(status, "policies", policies);
        *ret = status;
        return 0;
}

ExitStatus verb_status(int argc, char **argv, const Options *options) {
        static const Question question = { .ask = ask_for_status, .print = print_status };

        return client_ask(&question, argv, options);
}

static int ask_for_list(Client *client, char **argv, struct json_object **ret) {
        client_doing(client, "Failed to list policies");
        return client_list(client, ret);
}

static void print_list(struct json_object *policies, char **argv, const Options *options) {
        static const char *const headers[] = { "NAME", "VERSION", "STATE", "ACTIVE", "DIGEST", NULL };
        size_t n = json_length(policies);
        Table *table = table_new(headers);

        for (size_t i = 0; i < n; i++) {
                struct json_object *entry = json_at(policies, i);
                char digest[DIGEST_SHOWN + 1];

                snprintf(digest, sizeof(digest), "%s", json_get_text(entry, "digest"));
                table_add(table,
                          (const char *const[]) { json_get_text(entry, "name"), json_get_text(entry, "version"),
                                                  json_get_text(entry, "state"), yes_no(entry, "active"), digest });
        }
        table_print(table, options, "policy", "policies");
        table_free(table);
}

ExitStatus verb_list(int argc, char **argv, const Options *options) {
        static const Question question = { .ask = ask_for_list, .print = print_list };

        return client_ask(&question, argv, options);
}

/* Escapes each line, but keeps the line feeds. */
static void print_text(const char *text) {
        puts("");
        while (*text) {
                size_t len = strcspn(text, "\n");
                char *line = escape_bytes(text, len);

                printf("    %s\n", line);
                free(line);
                text += len + (text[len] == '\n');
        }
}

static void show_time(const char *label, struct json_object *object, const char *key) {
        unsigned long long usec = json_get_number(object, key);
        char *when;

        if (usec == 0)
                return;
        when = format_usec(usec);
        say_field(FIELD_WIDTH, label, "%s", when);
        free(when);
}

static void print_policy(struct json_object *policy, char **argv, const Options *options) {
        say_field(FIELD_WIDTH, "Policy", "%s %s", json_get_text(policy, "name"), json_get_text(policy, "version"));
        say_field(FIELD_WIDTH, "State", "%s", json_get_text(policy, "state"));
        say_field(FIELD_WIDTH, "Active", "%s", yes_no(policy, "active"));
        say_field(FIELD_WIDTH, "In the kernel", "%s", json_get_text(policy, "kernel_place"));
        say_field(FIELD_WIDTH, "At the next boot", "%s", yes_no(policy, "selected_for_boot"));
        say_field(FIELD_WIDTH, "Digest", "%s", json_get_text(policy, "digest"));
        say_field(FIELD_WIDTH, "Signer", "%s", json_get_text(policy, "signer"));
        say_field(FIELD_WIDTH, "Source", "%s", json_get_text(policy, "source"));
        show_time("Signer expires", policy, "expires_usec");
        show_time("Staged", policy, "staged_usec");
        show_time("State since", policy, "changed_usec");
        say_field(FIELD_WIDTH, "Rollback floor", "%s", json_get_text(policy, "rollback_floor"));
        say_field(FIELD_WIDTH, "Kernels", "%s",
                  json_get_boolean(policy, "needs_extended_abi") ? "only with the extended ABI" : "all");
        show_warnings(policy);
        if (json_get_number(policy, "warnings_count") > json_length(json_get(policy, "warnings")))
                say_field(FIELD_WIDTH, "Warnings", "%llu; 'ipectl lint' lists all of them",
                          (unsigned long long) json_get_number(policy, "warnings_count"));
        print_text(json_get_text(policy, "text"));
}

/* Adds "text" to the properties of a policy. */
static int ask_for_text(Client *client, char **argv, struct json_object *policy) {
        _cleanup_free_ char *printable = NULL;
        _cleanup_free_ void *text = NULL;
        sd_bus_message *reply = NULL;
        size_t size;
        int r, fd;

        /* The text comes as a file descriptor, which ssh cannot hand over. */
        if (sd_bus_can_send(client->bus, SD_BUS_TYPE_UNIX_FD) == 0)
                return 0;
        r = client_call(client, "OpenPolicy", &reply, "ss", argv[1], json_get_text(policy, "version"));
        if (r >= 0)
                r = sd_bus_message_read(reply, "h", &fd);
        if (r >= 0)
                r = read_fd(fd, ENVELOPE_SIZE_MAX, &text, &size);
        sd_bus_message_unref(reply);
        if (r < 0)
                return r;
        printable = utf8_escape(text, size);
        if (!printable)
                oom();
        json_set(policy, "text", json_object_new_string(printable));
        return 0;
}

static int ask_for_policy(Client *client, char **argv, struct json_object **ret) {
        struct json_object *policy = NULL;
        sd_bus_message *reply = NULL;
        int r;

        client_doing(client, "Failed to show '%s'", argv[1]);
        r = client_call(client, "GetPolicy", &reply, "ss", argv[1], argv[2] ?: "");
        if (r >= 0)
                r = bus_read_dictionary(reply, &policy);
        sd_bus_message_unref(reply);
        if (r >= 0)
                r = ask_for_text(client, argv, policy);
        if (r < 0) {
                json_object_put(policy);
                return r;
        }
        *ret = policy;
        return 0;
}

ExitStatus verb_show(int argc, char **argv, const Options *options) {
        static const Question question = { .ask = ask_for_policy, .print = print_policy };

        return client_ask(&question, argv, options);
}
