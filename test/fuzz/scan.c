/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A policy text as a person reads it: from top to bottom, one line after the other, strings compared with strings.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "scan.h"

#define TRAILING "\t\n\v\f\r \xa0"

static const char *const op_words[IPE_OP_COUNT] = {
        "op=EXECUTE", "op=FIRMWARE", "op=KMODULE", "op=KEXEC_IMAGE", "op=KEXEC_INITRAMFS", "op=POLICY", "op=X509_CERT",
};

/* Slots are handed out in the order of enum ipe_property_id, a counter for each kind. */
static const struct {
        const char *word;
        bool wanted;
        unsigned slot;
} boolean_words[] = {
        { "boot_verified=TRUE", true, 0 },      { "boot_verified=FALSE", false, 0 },
        { "dmverity_signature=TRUE", true, 1 }, { "dmverity_signature=FALSE", false, 1 },
        { "fsverity_signature=TRUE", true, 2 }, { "fsverity_signature=FALSE", false, 2 },
        { "dmverity_cmdline=TRUE", true, 3 },   { "dmverity_cmdline=FALSE", false, 3 },
};

static const char *const digest_words[] = { "dmverity_roothash=", "fsverity_digest=" };

static bool digest_is(const struct ipe_digest *digest, const char *value) {
        const char *colon = strchr(value, ':');

        if (!colon)
                abort();
        if (!digest->value || digest->value_len == 0)
                return false;
        if ((size_t) (colon - value) != digest->algorithm_len ||
            memcmp(value, digest->algorithm, digest->algorithm_len) != 0)
                return false;
        if (strlen(colon + 1) != 2 * digest->value_len)
                return false;
        for (size_t i = 0; i < digest->value_len; i++) {
                char hex[3];

                snprintf(hex, sizeof(hex), "%02x", digest->value[i]);
                if (strncasecmp(hex, colon + 1 + 2 * i, 2) != 0)
                        return false;
        }
        return true;
}

static bool property_holds(const char *token, const struct ipe_facts *facts) {
        for (size_t i = 0; i < sizeof(boolean_words) / sizeof(boolean_words[0]); i++)
                if (strcmp(token, boolean_words[i].word) == 0)
                        return ((facts->booleans >> boolean_words[i].slot) & 1) == boolean_words[i].wanted;
        for (size_t i = 0; i < sizeof(digest_words) / sizeof(digest_words[0]); i++)
                if (strncmp(token, digest_words[i], strlen(digest_words[i])) == 0)
                        return digest_is(&facts->digests[i], token + strlen(digest_words[i]));
        abort();
}

struct seen {
        struct scan_result rule, op_default, global_default;
        bool denies_reads; /* any line of an operation but EXECUTE has action=DENY */
};

static void read_line(char *line, unsigned number, enum ipe_op op, const struct ipe_facts *facts, struct seen *seen) {
        bool is_default = false, has_op = false, ours = false, reads = false, holds = true;
        enum ipe_action action = IPE_ACTION_UNSET;
        char *save = NULL;

        for (char *token = strtok_r(line, " \t", &save); token; token = strtok_r(NULL, " \t", &save))
                if (strcmp(token, "DEFAULT") == 0)
                        is_default = true;
                else if (strncmp(token, "op=", 3) == 0) {
                        has_op = true;
                        reads = strcmp(token, "op=EXECUTE") != 0;
                        ours = op < IPE_OP_COUNT && strcmp(token, op_words[op]) == 0;
                } else if (strcmp(token, "action=ALLOW") == 0)
                        action = IPE_ACTION_ALLOW;
                else if (strcmp(token, "action=DENY") == 0)
                        action = IPE_ACTION_DENY;
                else if (!property_holds(token, facts))
                        holds = false;

        if (action == IPE_ACTION_UNSET)
                abort();
        seen->denies_reads |= reads && action == IPE_ACTION_DENY;
        if (is_default && !has_op)
                seen->global_default = (struct scan_result) { IPE_MATCH_GLOBAL_DEFAULT, action, number };
        else if (is_default && ours)
                seen->op_default = (struct scan_result) { IPE_MATCH_OP_DEFAULT, action, number };
        else if (!is_default && ours && holds && seen->rule.line == 0)
                seen->rule = (struct scan_result) { IPE_MATCH_RULE, action, number };
}

static void cut(char *line) {
        size_t len;

        line[strcspn(line, "#")] = '\0';
        for (len = strlen(line); len > 0 && strchr(TRAILING, line[len - 1]); len--)
                line[len - 1] = '\0';
}

struct scan_result scan_policy(const char *text, size_t len, enum ipe_op op, const struct ipe_facts *facts) {
        struct seen seen = {};
        bool header = false;
        unsigned number = 0;
        char *copy = malloc(len + 1), *rest = copy, *line;

        if (!copy)
                abort();
        memcpy(copy, text, len);
        copy[len] = '\0';

        while ((line = strsep(&rest, "\n"))) {
                number++;
                cut(line);
                if (!line[0])
                        continue;
                if (header)
                        read_line(line, number, op, facts, &seen);
                header = true;
        }
        free(copy);

        if (seen.rule.line > 0)
                return seen.rule;
        if (seen.op_default.line > 0)
                return seen.op_default;
        if (op == IPE_OP_UNKNOWN && seen.denies_reads && seen.global_default.action != IPE_ACTION_DENY)
                return (struct scan_result) { IPE_MATCH_OP_DEFAULT, IPE_ACTION_DENY, 0 };
        if (seen.global_default.line > 0)
                return seen.global_default;
        return (struct scan_result) { IPE_MATCH_GLOBAL_DEFAULT, IPE_ACTION_ALLOW, 0 };
}
