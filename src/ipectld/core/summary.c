/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Makes the summary of a policy. The linter may have a remark about every line, so the summary keeps only the first
 * few, and the number of all.
 */

#include "lint.h"
#include "summary.h"

typedef struct Collector {
        PolicySummary *summary;
        bool failed;
} Collector;

static char *print(const struct ipe_lint *lint) {
        char *text;

        if (asprintf(&text, lint->other_line > 0 ? "line %u, column %u: %s (line %u)" : "line %u, column %u: %s",
                     lint->line, lint->column, lint->sentence, lint->other_line) < 0)
                return NULL;
        return text;
}

static void collect(const struct ipe_lint *lint, void *userdata) {
        Collector *collector = userdata;
        PolicySummary *summary = collector->summary;
        char **place = lint->kind == IPE_LINT_KEYRING ? &summary->keyring_warning : NULL;

        if (!place) {
                if (summary->n_warnings++ >= SUMMARY_WARNINGS_MAX)
                        return;
                place = &summary->warnings[summary->n_warnings - 1];
        }
        *place = print(lint);
        if (!*place)
                collector->failed = true;
}

int summary_make(const Envelope *envelope, const struct ipe_policy *policy, PolicySummary *ret) {
        PolicySummary summary = {
                .known = true,
                .floor = *ipe_policy_rollback_floor(policy),
                .needs_extended_abi = ipe_policy_extended_line(policy) > 0 ||
                                      envelope_format(envelope) == ENVELOPE_APPENDED,
                .warnings = calloc(SUMMARY_WARNINGS_MAX + 1, sizeof(char *)),
        };
        Collector collector = { .summary = &summary };

        (void) envelope_data(envelope, &summary.size);
        (void) envelope_text(envelope, &summary.text_size);
        if (summary.warnings)
                ipe_policy_lint(policy, collect, &collector);
        if (!summary.warnings || collector.failed) {
                policy_summary_done(&summary);
                return -ENOMEM;
        }
        *ret = summary;
        return 0;
}

bool summary_has_keyring_warning(const Manager *manager, const PolicySummary *summary) {
        return summary->keyring_warning && kernel_get_keyring(manager->kernel, KEYRING_FSVERITY) != KEYRING_SEALED;
}
