/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Paths and names of processes may be any bytes, so all strings of the kernel are escaped to UTF-8.
 */

#include "announce-denial.h"
#include "log.h"
#include "messages.h"
#include "subscribers.h"
#include "utf8.h"

#define NUMBER_SIZE 24

/* A report as text. */
typedef struct Texts {
        char *policy, *version, *operation, *path, *rule, *comm, *hook, *device;
        char pid[NUMBER_SIZE], inode[NUMBER_SIZE], count[NUMBER_SIZE];
        char uid[NUMBER_SIZE]; /* empty if it is not known */
} Texts;

static void texts_done(Texts *texts) {
        free(texts->policy);
        free(texts->version);
        free(texts->operation);
        free(texts->path);
        free(texts->rule);
        free(texts->comm);
        free(texts->hook);
        free(texts->device);
}

static void print_number(uint64_t number, char *ret) {
        snprintf(ret, NUMBER_SIZE, "%llu", (unsigned long long) number);
}

static char *to_utf8(const char *text) {
        return utf8_escape(text, strlen(text));
}

/* Returns false if there is no memory. ret: to be freed in either case. */
static bool to_texts(const DenialReport *report, Texts *ret) {
        *ret = (Texts) {
                .policy = to_utf8(report->policy_name),
                .version = to_utf8(report->policy_version),
                .operation = to_utf8(report->operation),
                .path = to_utf8(report->path),
                .rule = to_utf8(report->rule),
                .comm = to_utf8(report->comm),
                .hook = to_utf8(report->hook),
                .device = to_utf8(report->device),
        };
        print_number(report->pid, ret->pid);
        print_number(report->inode, ret->inode);
        print_number(report->count, ret->count);
        if (report->uid != UINT32_MAX)
                print_number(report->uid, ret->uid);
        return ret->policy && ret->version && ret->operation && ret->path && ret->rule && ret->comm && ret->hook &&
               ret->device;
}

static bool is_summary(const DenialReport *report) {
        return !*report->operation;
}

static const char *empty_to_null(const char *text) {
        return *text ? text : NULL;
}

static void log_summary(const Texts *texts) {
        const bool known = *texts->uid;

        log_entry(LOG_WARNING, MESSAGE_DENIALS_MISSED,
                  (const LogField[]) { { "IPE_COUNT", texts->count }, { "IPE_UID", empty_to_null(texts->uid) }, {} },
                  "At least %s denials%s%s came too fast to be listed one by one.", texts->count,
                  known ? " of user " : "", texts->uid);
}

static void log_denial(const DenialReport *report, const Texts *texts) {
        const bool has_file = *texts->path;
        const LogField fields[] = {
                { "IPE_POLICY", texts->policy },
                { "IPE_VERSION", texts->version },
                { "IPE_OPERATION", texts->operation },
                { "IPE_PATH", texts->path },
                { "IPE_RULE", texts->rule },
                { "IPE_COUNT", texts->count },
                { "IPE_PID", texts->pid },
                { "IPE_COMM", texts->comm },
                { "IPE_HOOK", texts->hook },
                { "IPE_DEVICE", texts->device },
                { "IPE_INODE", texts->inode },
                { "IPE_UID", empty_to_null(texts->uid) },
                { "IPE_ENFORCED", report->enforcing < 0 ? NULL
                                  : report->enforcing   ? "1"
                                                        : "0" },
                {},
        };

        log_entry(LOG_WARNING, MESSAGE_DENIED, fields, "%s %s of %s%s%s for %s[%s]: '%s' %s, rule '%s'%s%s%s.",
                  report->enforcing == 0 ? "Would deny" : "Denied", texts->operation, has_file ? "'" : "",
                  has_file ? texts->path : "memory without a file", has_file ? "'" : "", texts->comm, texts->pid,
                  texts->policy, texts->version, texts->rule, report->first ? "" : ", ",
                  report->first ? "" : texts->count, report->first ? "" : " times since the last entry");
}

static int append(sd_bus_message *m, const char *key, const char *type, ...) {
        va_list arguments;
        int r;

        r = sd_bus_message_open_container(m, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", key);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', type);
        va_start(arguments, type);
        if (r >= 0)
                r = sd_bus_message_appendv(m, type, arguments);
        va_end(arguments);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_kind(sd_bus_message *m, const DenialReport *report, const Texts *texts) {
        int r = append(m, "Rule", "s", texts->rule);

        if (r >= 0)
                r = append(m, "Pid", "u", (uint32_t) report->pid);
        if (r >= 0)
                r = append(m, "Comm", "s", texts->comm);
        if (r >= 0)
                r = append(m, "Hook", "s", texts->hook);
        if (r >= 0)
                r = append(m, "Device", "s", texts->device);
        if (r >= 0)
                r = append(m, "Inode", "t", report->inode);
        if (r >= 0 && report->enforcing >= 0)
                r = append(m, "Enforced", "b", report->enforcing);
        return r;
}

typedef struct Signal {
        const DenialReport *report;
        const Texts *texts;
} Signal;

static int fill(sd_bus_message *m, const void *userdata) {
        const Signal *signal = userdata;
        const DenialReport *report = signal->report;
        const Texts *texts = signal->texts;
        int r = sd_bus_message_append(m, "ssss", texts->policy, texts->version, texts->operation, texts->path);

        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0 && !is_summary(report))
                r = append_kind(m, report, texts);
        if (r >= 0 && report->uid != UINT32_MAX)
                r = append(m, "Uid", "u", report->uid);
        if (r >= 0)
                r = append(m, "Count", "t", report->count);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

void announce_denied(const Announcer *announcer, const DenialReport *report) {
        _cleanup_(texts_done) Texts texts = {};

        if (!to_texts(report, &texts)) {
                log_error("Cannot report a denial: %s", strerror(ENOMEM));
                return;
        }
        if (is_summary(report))
                log_summary(&texts);
        else
                log_denial(report, &texts);
        subscribers_send(announcer->subscribers, "Denied", fill, &(const Signal) { report, &texts });
}

void announce_denials_before(uint64_t count) {
        char text[NUMBER_SIZE];

        print_number(count, text);
        log_entry(LOG_NOTICE, MESSAGE_DENIALS_BEFORE, (const LogField[]) { { "IPE_COUNT", text }, {} },
                  "%s denials happened before ipectld started; they are not listed one by one.", text);
}
