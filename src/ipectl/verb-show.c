/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * status, list and show: what the daemon knows. Everybody may ask.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "output.h"

#define FIELD_WIDTH 18

/* Digits of a digest that a table shows: enough to tell versions apart. */
#define DIGEST_SHOWN 16

static struct json_object *get(struct json_object *object, const char *key) {
        return json_object_object_get(object, key);
}

static const char *get_string(struct json_object *object, const char *key) {
        return json_object_get_string(get(object, key)) ?: "";
}

static const char *yes_no(struct json_object *object, const char *key) {
        return json_object_get_boolean(get(object, key)) ? "yes" : "no";
}

/* 0 where an older daemon does not say anything of it. */
static size_t get_length(struct json_object *array) {
        return json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
}

static void show_pair(const char *label, struct json_object *object, const char *key) {
        struct json_object *pair = get(object, key);

        if (pair)
                say_field(FIELD_WIDTH, label, "%s %s", get_string(pair, "name"), get_string(pair, "version"));
        else
                say_field(FIELD_WIDTH, label, "none");
}

static void show_features(struct json_object *features) {
        size_t n = get_length(features), size = 0;
        char *words = NULL;
        FILE *out = open_memstream(&words, &size);

        if (!out)
                oom();
        for (size_t i = 0; i < n; i++)
                fprintf(out, "%s%s", i > 0 ? " " : "",
                        json_object_get_string(json_object_array_get_idx(features, i)));
        if (fclose(out) != 0)
                oom();
        say_field(FIELD_WIDTH, "Features", "%s", n > 0 ? words : "none");
        free(words);
}

static const char *explain_abi(const char *abi) {
        if (strcmp(abi, "extended") == 0)
                return "extended (the LSM of this project)";
        if (strcmp(abi, "upstream") == 0)
                return "upstream (no stage, no trial, no rollback)";
        if (strcmp(abi, "none") == 0)
                return "none (IPE is not enabled in this kernel; see lsm=)";
        return abi;
}

static void show_trial(struct json_object *status) {
        unsigned long long deadline = json_object_get_uint64(get(status, "trial_deadline_usec"));

        show_pair("On trial", status, "trial_policy");
        if (deadline > 0)
                say_field(FIELD_WIDTH, "Trial ends", "in %llu seconds, unless it is confirmed", seconds_until(deadline));
}

/* "3 (1 confirmed, 2 staged)", and what waits for a reboot. */
static void show_counts(struct json_object *policies) {
        static const char *const states[] = { "trial",   "confirmed",  "pending-reboot", "staged", "superseded",
                                              "rolled-back", "rejected", "failed" };
        size_t n = get_length(policies), size = 0;
        char *text = NULL;
        FILE *out = open_memstream(&text, &size);
        bool first = true;

        if (!out)
                oom();
        fprintf(out, "%zu", n);
        for (size_t s = 0; s < sizeof(states) / sizeof(states[0]); s++) {
                size_t count = 0;

                for (size_t i = 0; i < n; i++)
                        if (strcmp(get_string(json_object_array_get_idx(policies, i), "state"), states[s]) == 0)
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

static void show_pending(struct json_object *policies) {
        size_t n = get_length(policies);

        for (size_t i = 0; i < n; i++) {
                struct json_object *entry = json_object_array_get_idx(policies, i);

                if (strcmp(get_string(entry, "state"), "pending-reboot") == 0)
                        say_field(FIELD_WIDTH, "At the next boot", "%s %s (reboot to go back to it)",
                                  get_string(entry, "name"), get_string(entry, "version"));
        }
}

static void print_status(struct json_object *status) {
        struct json_object *policies = get(status, "policies");

        say_field(FIELD_WIDTH, "Daemon", "ipectld %s", get_string(status, "version"));
        say_field(FIELD_WIDTH, "Kernel ABI", "%s", explain_abi(get_string(status, "kernel_abi")));
        show_features(get(status, "features"));
        say_field(FIELD_WIDTH, "Enforce", "%s", json_object_get_boolean(get(status, "enforce"))
                                                        ? "yes"
                                                        : "no (denials are logged, nothing is denied)");
        say_field(FIELD_WIDTH, "Success audit", "%s", yes_no(status, "success_audit"));
        show_pair("Active policy", status, "active_policy");
        show_pair("Confirmed policy", status, "confirmed_policy");
        if (get(status, "trial_policy"))
                show_trial(status);
        show_pending(policies);
        show_counts(policies);
}

ExitStatus verb_status(int argc, char **argv, const Options *options) {
        struct json_object *status = NULL, *policies = NULL;
        Client client = {};
        ExitStatus exit_status;
        int r;

        exit_status = client_open(&client, options);
        if (exit_status != STATUS_OK)
                return exit_status;
        client_doing(&client, "Failed to ask ipectld for its status");
        r = client_get_all(&client, MANAGER_PATH, MANAGER_INTERFACE, &status);
        if (r >= 0)
                r = client_list(&client, &policies);
        if (r < 0)
                exit_status = client_fail(&client, r);
        else {
                json_set(status, "policies", json_object_get(policies));
                if (options->json != JSON_OFF)
                        json_print(status, options->json);
                else
                        print_status(status);
        }
        json_object_put(policies);
        json_object_put(status);
        client_close(&client);
        return exit_status;
}

static void print_list(struct json_object *policies, bool legend) {
        static const char *const headers[] = { "NAME", "VERSION", "STATE", "ACTIVE", "DIGEST", NULL };
        size_t n = get_length(policies);
        Table *table = table_new(headers);

        for (size_t i = 0; i < n; i++) {
                struct json_object *entry = json_object_array_get_idx(policies, i);
                char digest[DIGEST_SHOWN + 1];

                snprintf(digest, sizeof(digest), "%s", get_string(entry, "digest"));
                table_add(table, (const char *const[]){ get_string(entry, "name"), get_string(entry, "version"),
                                                        get_string(entry, "state"), yes_no(entry, "active"),
                                                        digest });
        }
        table_print(table, legend, "policy", "policies");
        table_free(table);
}

ExitStatus verb_list(int argc, char **argv, const Options *options) {
        struct json_object *policies = NULL;
        Client client = {};
        ExitStatus status;
        int r;

        status = client_open(&client, options);
        if (status != STATUS_OK)
                return status;
        client_doing(&client, "Failed to list policies");
        r = client_list(&client, &policies);
        if (r < 0)
                status = client_fail(&client, r);
        else if (options->json != JSON_OFF)
                json_print(policies, options->json);
        else
                print_list(policies, !options->no_legend && !options->quiet);
        json_object_put(policies);
        client_close(&client);
        return status;
}

/* The text line by line, so that what a line holds is escaped and its end is not. */
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

static void print_policy(struct json_object *policy) {
        struct json_object *warnings = get(policy, "warnings");
        unsigned long long staged = json_object_get_uint64(get(policy, "staged_usec"));

        say_field(FIELD_WIDTH, "Policy", "%s %s", get_string(policy, "name"), get_string(policy, "version"));
        say_field(FIELD_WIDTH, "State", "%s", get_string(policy, "state"));
        say_field(FIELD_WIDTH, "Active", "%s", yes_no(policy, "active"));
        say_field(FIELD_WIDTH, "At the next boot", "%s", yes_no(policy, "selected_for_boot"));
        say_field(FIELD_WIDTH, "Digest", "%s", get_string(policy, "digest"));
        say_field(FIELD_WIDTH, "Signer", "%s", get_string(policy, "signer"));
        say_field(FIELD_WIDTH, "Source", "%s", get_string(policy, "source"));
        if (staged > 0) {
                char *when = format_usec(staged);

                say_field(FIELD_WIDTH, "Staged", "%s", when);
                free(when);
        }
        say_field(FIELD_WIDTH, "Rollback floor", "%s", get_string(policy, "rollback_floor"));
        say_field(FIELD_WIDTH, "Kernels", "%s", json_object_get_boolean(get(policy, "needs_extended_abi"))
                                                        ? "only with the extended ABI"
                                                        : "all");
        for (size_t i = 0; i < get_length(warnings); i++)
                say_field(FIELD_WIDTH, "Warning", "%s",
                          json_object_get_string(json_object_array_get_idx(warnings, i)));
        print_text(get_string(policy, "text"));
}

ExitStatus verb_show(int argc, char **argv, const Options *options) {
        struct json_object *policy = NULL;
        sd_bus_message *reply = NULL;
        Client client = {};
        ExitStatus status;
        int r;

        status = client_open(&client, options);
        if (status != STATUS_OK)
                return status;
        client_doing(&client, "Failed to show '%s'", argv[1]);
        r = client_call(&client, "GetPolicy", &reply, "ss", argv[1], argc > 2 ? argv[2] : "");
        if (r >= 0)
                r = client_read_dictionary(reply, &policy);
        if (r < 0)
                status = client_fail(&client, r);
        else if (options->json != JSON_OFF)
                json_print(policy, options->json);
        else
                print_policy(policy);
        json_object_put(policy);
        sd_bus_message_unref(reply);
        client_close(&client);
        return status;
}
