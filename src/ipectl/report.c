/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reports on a policy file.
 */

#include <limits.h>
#include <stdarg.h>

#include "kernel.h"
#include "lint.h"
#include "output.h"
#include "report.h"

/* Bytes of a faulty token that a message shows. */
#define TOKEN_SHOWN 64

/* All properties of the language, whether or not the running kernel has a provider for them. */
static const struct ipe_vocabulary *full_vocabulary(void) {
        static struct ipe_vocabulary vocabulary;

        if (vocabulary.n_properties == 0) {
                ipe_vocabulary_init(&vocabulary);
                ipe_vocabulary_answer_builtin(&vocabulary);
        }
        return &vocabulary;
}

void report_add(Report *report, Severity severity, unsigned line, unsigned column, const char *kind, const char *format,
                ...) {
        Finding *findings = reallocarray(report->findings, report->n_findings + 1, sizeof(*findings));
        va_list arguments;
        char *sentence;

        if (!findings)
                oom();
        report->findings = findings;
        va_start(arguments, format);
        if (vasprintf(&sentence, format, arguments) < 0)
                oom();
        va_end(arguments);
        findings[report->n_findings++] = (Finding) {
                .severity = severity,
                .line = line,
                .column = column,
                .kind = kind,
                .sentence = escape(sentence),
        };
        free(sentence);
}

bool report_has_error(const Report *report) {
        for (size_t i = 0; i < report->n_findings; i++)
                if (report->findings[i].severity == SEVERITY_ERROR)
                        return true;
        return false;
}

static void add_parse_error(Report *report, const struct ipe_parse_error *error) {
        size_t shown = error->token_len < TOKEN_SHOWN ? error->token_len : TOKEN_SHOWN;
        unsigned column = error->line == 0 || error->column > 0 ? error->column : 1;
        Finding *finding;
        char *token, *whole;

        report_add(report, SEVERITY_ERROR, error->line, column, "syntax", "%s", error->sentence);
        if (!error->token)
                return;
        /* The token may contain a NUL, so it is escaped and appended separately. */
        finding = &report->findings[report->n_findings - 1];
        token = escape_bytes(error->token, shown);
        if (asprintf(&whole, "%s: '%s%s'", finding->sentence, token, shown < error->token_len ? "..." : "") < 0)
                oom();
        free(token);
        free(finding->sentence);
        finding->sentence = whole;
}

typedef struct LintContext {
        Report *report;
        bool strict;
} LintContext;

static const char *lint_word(enum ipe_lint_kind kind) {
        static const char *const words[] = {
                [IPE_LINT_ALGORITHM] = "algorithm",
                [IPE_LINT_LENGTH] = "length",
                [IPE_LINT_CONTRADICTION] = "contradiction",
                [IPE_LINT_SHADOWED] = "shadowed",
                [IPE_LINT_UNANSWERED] = "unanswered",
                [IPE_LINT_EXTENDED] = "extended-abi",
                [IPE_LINT_KEXEC] = "kexec",
                [IPE_LINT_KEYRING] = "keyring",
        };

        return words[kind];
}

/* Notes are about the place where the policy is used; changing the text cannot avoid them. */
static bool is_note(enum ipe_lint_kind kind) {
        return kind == IPE_LINT_EXTENDED || kind == IPE_LINT_KEYRING;
}

/* Asks the running kernel, which may not be the one that gets the policy. */
static bool is_keyring_sealed(void) {
        _cleanup_(kernel_freep) Kernel *kernel = NULL;

        return kernel_open(KERNEL_DIRECTORY, &kernel) >= 0 &&
               kernel_get_keyring(kernel, KEYRING_FSVERITY) == KEYRING_SEALED;
}

static void add_lint(const struct ipe_lint *lint, void *userdata) {
        LintContext *context = userdata;
        Severity severity = is_note(lint->kind) ? SEVERITY_NOTE : context->strict ? SEVERITY_ERROR : SEVERITY_WARNING;

        if (lint->kind == IPE_LINT_KEYRING && is_keyring_sealed())
                return;
        if (lint->other_line > 0)
                report_add(context->report, severity, lint->line, lint->column, lint_word(lint->kind), "%s (line %u)",
                           lint->sentence, lint->other_line);
        else
                report_add(context->report, severity, lint->line, lint->column, lint_word(lint->kind), "%s",
                           lint->sentence);
}

/* The name becomes a directory in securityfs. */
static void check_name(Report *report) {
        const char *name = ipe_policy_name(report->policy);

        if (strchr(name, '/') || streq(name, ".") || streq(name, ".."))
                report_add(report, SEVERITY_ERROR, 0, 0, "name",
                           "no kernel accepts the policy name '%s': it cannot be the name of a directory", name);
        else if (strlen(name) > NAME_MAX)
                report_add(report, SEVERITY_ERROR, 0, 0, "name",
                           "no kernel accepts a policy name of %zu bytes; the maximum is %d", strlen(name), NAME_MAX);
}

/* Whether the form is ENVELOPE_APPENDED: of a text, whether its size will require that. */
static bool is_appended(const Report *report) {
        return report->envelope ? envelope_format(report->envelope) == ENVELOPE_APPENDED
                                : report->text_size + SIGNATURE_SIZE_MIN > MESSAGE_SIZE_MAX;
}

static void check_size(Report *report) {
        unsigned signers = report->envelope ? envelope_n_signers(report->envelope) : 1;

        if (signers > 1)
                report_add(report, SEVERITY_NOTE, 0, 0, "signatures",
                           "it has %u signatures: upstream kernels accept it if they trust one of them; kernels with "
                           "the extended ABI "
                           "accept only one signature, and refuse this policy",
                           signers);
        if (report->envelope && is_appended(report))
                report_add(report, SEVERITY_NOTE, 0, 0, "extended-abi",
                           "the signature is appended to the text: only a kernel with the feature 'appended-signature' "
                           "accepts it");
        else if (is_appended(report))
                report_add(report, SEVERITY_NOTE, 0, 0, "extended-abi",
                           "the text has %zu bytes; signed, it has more than %u, the most that upstream kernels "
                           "accept, and needs a "
                           "kernel with the feature 'appended-signature'",
                           report->text_size, MESSAGE_SIZE_MAX);
}

static void examine_text(Report *report, bool strict) {
        LintContext context = { report, strict };
        struct ipe_parse_error error;
        int r;

        r = ipe_policy_parse(report->text, report->text_size, full_vocabulary(), &report->policy, &error);
        if (r == -ENOMEM)
                oom();
        if (r < 0) {
                add_parse_error(report, &error);
                return;
        }
        check_name(report);
        ipe_policy_lint(report->policy, add_lint, &context);
}

static bool is_pem(const char *data, size_t size) {
        static const char mark[] = "-----BEGIN ";

        return size >= sizeof(mark) - 1 && memcmp(data, mark, sizeof(mark) - 1) == 0;
}

/* Returns false after adding an error. */
static bool open_envelope(Report *report, const char *data, size_t size) {
        Failure failure = {};
        int r;

        r = envelope_parse(data, size, &report->envelope, &failure);
        if (r > 0 || r == -ENOPKG)
                report_add(report, SEVERITY_ERROR, 0, 0, "envelope", "%s", failure.sentence);
        if (r == 0)
                r = envelope_claimed_signer(report->envelope, &report->signer);
        if (r < 0 && r != -ENOPKG)
                oom();
        if (!report->envelope)
                return false;
        report->text = envelope_text(report->envelope, &report->text_size);
        return true;
}

void report_make(const char *file, const char *data, size_t size, bool strict, Report *ret) {
        *ret = (Report) {
                .file = file, .text = data, .text_size = size, .is_signed = envelope_looks_signed(data, size)
        };

        if (is_pem(data, size)) {
                report_add(ret, SEVERITY_ERROR, 0, 0, "envelope",
                           "this is PEM; a policy is plain text, or signed and DER");
                return;
        }
        if (ret->is_signed && !open_envelope(ret, data, size))
                return;
        check_size(ret);
        examine_text(ret, strict);
}

void report_done(Report *report) {
        for (size_t i = 0; i < report->n_findings; i++)
                free(report->findings[i].sentence);
        free(report->findings);
        ipe_policy_free(report->policy);
        envelope_free(report->envelope);
        free(report->signer);
        *report = (Report) {};
}

static const char *severity_word(Severity severity) {
        static const char *const words[] = { "note", "warning", "error" };

        return words[severity];
}

void report_print(const Report *report, bool to_stderr) {
        FILE *out = to_stderr ? stderr : stdout;
        char *file = escape(report->file);

        for (size_t i = 0; i < report->n_findings; i++) {
                const Finding *finding = &report->findings[i];

                if (finding->line > 0)
                        fprintf(out, "%s:%u:%u: ", file, finding->line, finding->column);
                else
                        fprintf(out, "%s: ", file);
                fprintf(out, "%s: %s\n", severity_word(finding->severity), finding->sentence);
        }
        free(file);
}

void report_print_summary(const Report *report) {
        unsigned rules = ipe_policy_n_rules(report->policy), line = ipe_policy_extended_line(report->policy);
        char *file = escape(report->file), *name = escape(ipe_policy_name(report->policy));
        char *signer = escape(report->signer), version[IPE_VERSION_STRLEN];

        ipe_version_print(ipe_policy_version(report->policy), version);
        printf("%s: '%s' %s, %u %s; ", file, name, version, rules, rules == 1 ? "rule" : "rules");
        if (report->signer)
                printf("signed by '%s' (not verified); ", signer);
        if (report_has_error(report))
                puts("not usable as it is");
        else if (line > 0)
                printf("needs the extended ABI (line %u): upstream kernels refuse it\n", line);
        else if (is_appended(report))
                puts("needs the extended ABI (its size, or its form): upstream kernels refuse it");
        else if (report->envelope && envelope_n_signers(report->envelope) > 1)
                puts("upstream kernels accept it; kernels with the extended ABI accept only one signature");
        else
                puts("every kernel with IPE accepts it");
        free(signer);
        free(name);
        free(file);
}

static struct json_object *finding_to_json(const Finding *finding) {
        struct json_object *object = json_new_object();

        json_set(object, "severity", json_string(severity_word(finding->severity)));
        json_set(object, "line", finding->line > 0 ? json_number(finding->line) : NULL);
        json_set(object, "column", finding->line > 0 ? json_number(finding->column) : NULL);
        json_set(object, "kind", json_string(finding->kind));
        json_set(object, "message", json_string(finding->sentence));
        return object;
}

static void set_policy(struct json_object *object, const Report *report) {
        const struct ipe_policy *policy = report->policy;
        char version[IPE_VERSION_STRLEN], floor[IPE_VERSION_STRLEN];
        unsigned line = ipe_policy_extended_line(policy);

        ipe_version_print(ipe_policy_version(policy), version);
        ipe_version_print(ipe_policy_rollback_floor(policy), floor);
        json_set(object, "name", json_string(ipe_policy_name(policy)));
        json_set(object, "version", json_string(version));
        json_set(object, "rollback_floor", json_string(floor));
        json_set(object, "rules", json_number(ipe_policy_n_rules(policy)));
        json_set(object, "needs_extended_abi", json_boolean(line > 0 || is_appended(report)));
        json_set(object, "extended_abi_line", line > 0 ? json_number(line) : NULL);
}

struct json_object *report_to_json(const Report *report) {
        struct json_object *object = json_new_object(), *findings = json_new_array();

        json_set(object, "file", json_string(report->file));
        json_set(object, "ok", json_boolean(!report_has_error(report)));
        json_set(object, "signed", json_boolean(report->is_signed));
        json_set(object, "signer", report->signer ? json_string(report->signer) : NULL);
        if (report->policy)
                set_policy(object, report);
        for (size_t i = 0; i < report->n_findings; i++)
                json_append(findings, finding_to_json(&report->findings[i]));
        json_set(object, "findings", findings);
        return object;
}
