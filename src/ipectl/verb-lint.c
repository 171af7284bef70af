/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lint and print: examine and print policy texts, without a daemon. They ignore the signature of a signed policy.
 */

#include "base.h"
#include "input.h"
#include "output.h"
#include "report.h"

static ExitStatus lint_file(const char *path, const Options *options, struct json_object *array) {
        ExitStatus status = STATUS_OK;
        Report report;
        size_t size;
        char *data;

        if (input_read(path, &data, &size) < 0)
                return STATUS_FAILED;
        report_make(input_name(path), data, size, options->strict, &report);
        if (report_has_error(&report))
                status = STATUS_FAILED;
        if (options->json != JSON_OFF) {
                json_append(array, report_to_json(&report));
        } else {
                report_print(&report, false);
                if (!options->quiet && report.policy)
                        report_print_summary(&report);
        }
        report_done(&report);
        free(data);
        return status;
}

ExitStatus verb_lint(int argc, char **argv, const Options *options) {
        struct json_object *array = json_new_array();
        ExitStatus status = STATUS_OK;

        for (int i = 1; i < argc; i++)
                if (lint_file(argv[i], options, array) != STATUS_OK)
                        status = STATUS_FAILED;
        if (options->json != JSON_OFF)
                json_print(array, options->json);
        json_object_put(array);
        return status;
}

/* Writes to a file or a pipe byte for byte, as the reader may want to sign the text; on a terminal, escapes each
 * line. */
static void write_text(const char *text, size_t size) {
        if (!isatty(STDOUT_FILENO)) {
                fwrite(text, 1, size, stdout);
                return;
        }
        while (size > 0) {
                const char *end = memchr(text, '\n', size);
                size_t len = end ? (size_t) (end - text) : size;
                char *line = escape_bytes(text, len);

                puts(line);
                free(line);
                text += len + (end ? 1 : 0);
                size -= len + (end ? 1 : 0);
        }
}

static void print_canonical(const Report *report, const Options *options) {
        size_t size = ipe_policy_print(report->policy, NULL, 0);
        char *text = malloc(size + 1);

        if (!text)
                oom();
        ipe_policy_print(report->policy, text, size + 1);
        if (options->json != JSON_OFF) {
                struct json_object *object = json_new_object();
                char version[IPE_VERSION_STRLEN];

                ipe_version_print(ipe_policy_version(report->policy), version);
                json_set(object, "name", json_string(ipe_policy_name(report->policy)));
                json_set(object, "version", json_string(version));
                json_set(object, "signed", json_boolean(report->is_signed));
                json_set(object, "signer", report->signer ? json_string(report->signer) : NULL);
                json_set(object, "text", json_string_len(text, size));
                json_print(object, options->json);
                json_object_put(object);
        } else {
                /* stderr, as stdout has the policy and nothing else. */
                if (report->signer && !options->quiet)
                        say_error("%s: signed by '%s' (not verified)", report->file, report->signer);
                write_text(text, size);
        }
        free(text);
}

ExitStatus verb_print(int argc, char **argv, const Options *options) {
        ExitStatus status = STATUS_OK;
        Report report;
        size_t size;
        char *data;

        if (input_read(argv[1], &data, &size) < 0)
                return STATUS_FAILED;
        report_make(input_name(argv[1]), data, size, false, &report);
        if (report.policy)
                print_canonical(&report, options);
        else {
                report_print(&report, true);
                status = STATUS_FAILED;
        }
        report_done(&report);
        free(data);
        return status;
}
