/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a policy would deny.
 */

#include "findings.h"
#include "utf8.h"

static void finding_done(Finding *finding) {
        free(finding->path);
        free(finding->operation);
        free(finding->rule);
        free(finding->processes.text);
}

void findings_done(Findings *findings) {
        for (size_t i = 0; i < findings->n; i++)
                finding_done(&findings->list[i]);
        free(findings->list);
        *findings = (Findings) {};
}

static char *to_utf8(const char *text) {
        return utf8_escape(text ?: "", text ? strlen(text) : 0);
}

static int append(Findings *findings, const char *path, const char *operation, const char *rule, Finding **ret) {
        Finding *larger = reallocarray(findings->list, findings->n + 1, sizeof(*larger)), *finding;

        if (!larger)
                return -ENOMEM;
        findings->list = larger;
        finding = &larger[findings->n];
        *finding = (Finding) { .path = strdup(path), .operation = strdup(operation), .rule = strdup(rule) };
        if (!finding->path || !finding->operation || !finding->rule) {
                finding_done(finding);
                return -ENOMEM;
        }
        findings->n++;
        *ret = finding;
        return 0;
}

int findings_add(Findings *findings, const char *path, const char *operation, const char *rule, Finding **ret) {
        _cleanup_free_ char *own_path = to_utf8(path), *own_operation = to_utf8(operation), *own_rule = to_utf8(rule);

        if (!own_path || !own_operation || !own_rule)
                return -ENOMEM;
        for (size_t i = 0; i < findings->n; i++) {
                Finding *finding = &findings->list[i];

                if (streq(finding->path, own_path) && streq(finding->operation, own_operation) &&
                    streq(finding->rule, own_rule)) {
                        *ret = finding;
                        return 0;
                }
        }
        if (findings->n >= FINDINGS_MAX) {
                findings->missed++;
                *ret = NULL;
                return 0;
        }
        return append(findings, own_path, own_operation, own_rule, ret);
}

int findings_finish(Findings *findings) {
        char sentence[64];
        Finding *unused;

        if (findings->missed == 0)
                return 0;
        snprintf(sentence, sizeof(sentence), "%llu denials or more were missed", (unsigned long long) findings->missed);
        findings->finished = true;
        return append(findings, "", "", sentence, &unused);
}

uint64_t findings_count(const Findings *findings) {
        return findings->n - findings->finished + findings->missed;
}
