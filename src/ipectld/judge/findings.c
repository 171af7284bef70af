/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The list of the files that a policy would deny.
 */

#include <inttypes.h>
#include <stdarg.h>

#include "envelope.h"
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
        free(findings->cuts);
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

static Finding *find(const Findings *findings, const char *path, const char *operation, const char *rule) {
        for (size_t i = 0; i < findings->n; i++) {
                Finding *finding = &findings->list[i];

                if (streq(finding->path, path) && streq(finding->operation, operation) && streq(finding->rule, rule))
                        return finding;
        }
        return NULL;
}

int findings_add(Findings *findings, FileScope scope, const char *path, const char *operation, const char *rule,
                 Finding **ret) {
        _cleanup_free_ char *own_path = to_utf8(path), *own_operation = to_utf8(operation), *own_rule = to_utf8(rule);
        Finding *finding;
        int r;

        if (!own_path || !own_operation || !own_rule)
                return -ENOMEM;
        finding = find(findings, own_path, own_operation, own_rule);
        if (finding) {
                *ret = finding;
                return 0;
        }
        if (findings->n >= FINDINGS_MAX) {
                findings->missed++;
                findings->by_scope[scope]++;
                *ret = NULL;
                return 0;
        }
        r = append(findings, own_path, own_operation, own_rule, ret);
        if (r < 0)
                return r;
        (*ret)->scope = scope;
        findings->by_scope[scope]++;
        return 0;
}

int findings_set_cuts(Findings *findings, const Inspection *inspection) {
        if (inspection->n_cuts == 0)
                return 0;
        findings->cuts = calloc(inspection->n_cuts, sizeof(*findings->cuts));
        if (!findings->cuts)
                return -ENOMEM;
        memcpy(findings->cuts, inspection->cuts, inspection->n_cuts * sizeof(*findings->cuts));
        findings->n_cuts = inspection->n_cuts;
        return 0;
}

uint64_t findings_count(const Findings *findings) {
        return findings->n - findings->n_sentences + findings->missed;
}

uint64_t findings_blocking(const Findings *findings) {
        uint64_t n = findings->by_scope[SCOPE_SYSTEM];

        for (size_t i = 0; i < findings->n_cuts; i++)
                n += findings->cuts[i].scope != SCOPE_USERS;
        return n;
}

/* Names */

static int compare(const void *a, const void *b) {
        const Finding *x = *(const Finding *const *) a, *y = *(const Finding *const *) b;
        int r = strcmp(x->path, y->path);

        if (r == 0)
                r = strcmp(x->operation, y->operation);
        return r != 0 ? r : strcmp(x->rule, y->rule);
}

/* Sorts, so that equal findings have equal names. ret: to be freed, borrows. Returns 0 or -ENOMEM. */
static int sort(const Findings *findings, const Finding ***ret, size_t *ret_n) {
        const Finding **sorted = calloc(findings->n + 1, sizeof(*sorted));
        size_t n = 0;

        if (!sorted)
                return -ENOMEM;
        for (size_t i = 0; i < findings->n; i++)
                if (findings->list[i].scope == SCOPE_SYSTEM)
                        sorted[n++] = &findings->list[i];
        qsort(sorted, n, sizeof(*sorted), compare);
        *ret = sorted;
        *ret_n = n;
        return 0;
}

/* No string contains a NUL, so different findings never print the same bytes. */
static void print_canonical(const Findings *findings, const Finding *const *sorted, size_t n, const Digest *policy,
                            FILE *to) {
        char hex[DIGEST_HEX_SIZE];

        digest_to_hex(policy, hex);
        fprintf(to, "%s%c", hex, '\0');
        for (size_t i = 0; i < n; i++)
                fprintf(to, "%s%c%s%c%s%c", sorted[i]->path, '\0', sorted[i]->operation, '\0', sorted[i]->rule, '\0');
        for (size_t i = 0; i < findings->n_cuts; i++)
                if (findings->cuts[i].scope != SCOPE_USERS)
                        fprintf(to, "uid=%" PRIu32 "%c", findings->cuts[i].uid, '\0');
}

int findings_seal(Findings *findings, const Digest *policy) {
        _cleanup_free_ const Finding **sorted = NULL;
        _cleanup_free_ char *text = NULL;
        char hex[DIGEST_HEX_SIZE];
        size_t n, size;
        Digest digest;
        FILE *to;
        int r;

        findings->accept[0] = '\0';
        if (findings_blocking(findings) == 0 || findings->by_scope[SCOPE_ESSENTIAL] > 0)
                return 0;
        r = sort(findings, &sorted, &n);
        if (r < 0)
                return r;
        /* Nobody can have seen the findings that do not fit. */
        if (n != findings->by_scope[SCOPE_SYSTEM])
                return 0;
        to = open_memstream(&text, &size);
        if (!to)
                return -ENOMEM;
        print_canonical(findings, sorted, n, policy, to);
        if (fclose(to) != 0)
                return -ENOMEM;
        r = digest_of(text, size, &digest);
        if (r < 0)
                return r;
        digest_to_hex(&digest, hex);
        snprintf(findings->accept, sizeof(findings->accept), "%.*s", (int) ACCEPT_DIGITS, hex);
        return 0;
}

bool findings_id_is_valid(const char *text) {
        return strlen(text) == ACCEPT_DIGITS && strspn(text, "0123456789abcdef") == ACCEPT_DIGITS;
}

bool findings_have_id(const Findings *findings, const char *accept) {
        return findings->accept[0] != '\0' && streq(findings->accept, accept);
}

/* Sentences */

static int add_sentence(Findings *findings, const char *about, const char *format, ...) _printf_(3, 4);

static int add_sentence(Findings *findings, const char *about, const char *format, ...) {
        char sentence[256];
        Finding *entry;
        va_list arguments;
        int r;

        va_start(arguments, format);
        (void) vsnprintf(sentence, sizeof(sentence), format, arguments);
        va_end(arguments);
        r = append(findings, "", "", sentence, &entry);
        if (r < 0)
                return r;
        findings->n_sentences++;
        return process_list_join(&entry->processes, about);
}

static int add_cut(Findings *findings, const InspectionCut *cut) {
        const char *consequence = cut->scope == SCOPE_USERS ? "" : "; this blocks an activation";
        char about[sizeof("uid=") + 10];

        if (cut->uid == UINT32_MAX)
                return add_sentence(findings, "uid=", "%" PRIu64 " processes of more users were not inspected",
                                    cut->processes);
        snprintf(about, sizeof(about), "uid=%" PRIu32, cut->uid);
        return add_sentence(findings, about,
                            "%" PRIu64 " processes of user %" PRIu32 " were not inspected, or not "
                            "completely%s",
                            cut->processes, cut->uid, consequence);
}

static int add_accept(Findings *findings) {
        char about[sizeof("accept=") + ACCEPT_DIGITS];

        snprintf(about, sizeof(about), "accept=%s", findings->accept);
        return add_sentence(findings, about,
                            "%" PRIu64 " of these block an activation; '--accept=%s' of 'ipectl "
                            "activate' accepts them",
                            findings_blocking(findings), findings->accept);
}

static int add_essential(Findings *findings) {
        return add_sentence(findings, "essential", "%" PRIu64 " of these are essential and block any activation",
                            findings->by_scope[SCOPE_ESSENTIAL]);
}

int findings_finish(Findings *findings) {
        int r = 0;

        for (size_t i = 0; i < findings->n_cuts && r >= 0; i++)
                r = add_cut(findings, &findings->cuts[i]);
        if (r >= 0 && findings->by_scope[SCOPE_ESSENTIAL] > 0)
                r = add_essential(findings);
        if (r >= 0 && findings->accept[0] != '\0')
                r = add_accept(findings);
        if (r >= 0 && findings->missed > 0)
                r = add_sentence(findings, "", "%" PRIu64 " denials or more were missed", findings->missed);
        return r;
}
