/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The journal's native protocol where somebody reads it, lines on standard error otherwise.
 */

/* The places in the code are of no use to who reads the journal. */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <stdarg.h>
#include <sys/uio.h>

#include <systemd/sd-journal.h>

#include "log.h"

#define FIELDS_MAX 16

static int max_level = LOG_INFO;
static LogTarget log_target = LOG_TARGET_JOURNAL;

static const char *const levels[] = { "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug" };
static const char *const targets[_LOG_TARGET_MAX] = { "journal", "console" };

static int lookup(const char *const *names, size_t n, const char *text) {
        for (size_t i = 0; i < n; i++)
                if (streq(names[i], text))
                        return (int) i;
        return -EINVAL;
}

int log_level_from_string(const char *text) {
        return lookup(levels, ELEMENTSOF(levels), text);
}

int log_target_from_string(const char *text) {
        return lookup(targets, ELEMENTSOF(targets), text);
}

const char *log_level_to_string(int level) {
        return levels[level];
}

const char *log_target_to_string(LogTarget target) {
        return targets[target];
}

int log_get_level(void) {
        return max_level;
}

void log_set_level(int level) {
        max_level = level;
}

LogTarget log_get_target(void) {
        return log_target;
}

void log_set_target(LogTarget target) {
        log_target = target;
}

void log_open(void) {
        const char *level = getenv("SYSTEMD_LOG_LEVEL"), *target = getenv("SYSTEMD_LOG_TARGET");

        if (level && log_level_from_string(level) >= 0)
                max_level = log_level_from_string(level);
        if (target && log_target_from_string(target) >= 0)
                log_target = (LogTarget) log_target_from_string(target);
}

static void send_to_journal(int priority, const char *message_id, const LogField *fields, const char *message) {
        struct iovec iov[FIELDS_MAX + 3];
        char *texts[FIELDS_MAX + 3];
        size_t n = 0;

        if (asprintf(&texts[n], "MESSAGE=%s", message) >= 0)
                n++;
        if (asprintf(&texts[n], "PRIORITY=%d", priority) >= 0)
                n++;
        if (message_id && asprintf(&texts[n], "MESSAGE_ID=%s", message_id) >= 0)
                n++;
        for (size_t i = 0; fields && i < FIELDS_MAX && fields[i].key; i++)
                if (fields[i].value && asprintf(&texts[n], "%s=%s", fields[i].key, fields[i].value) >= 0)
                        n++;
        for (size_t i = 0; i < n; i++)
                iov[i] = (struct iovec) { .iov_base = texts[i], .iov_len = strlen(texts[i]) };
        (void) sd_journal_sendv(iov, (int) n);
        for (size_t i = 0; i < n; i++)
                free(texts[i]);
}

/* Names and sentences may hold anything, a terminal acts upon much of it. */
static void write_to_console(const char *message) {
        for (; *message; message++)
                fputc((unsigned char) *message < 0x20 || *message == 0x7f ? '?' : *message, stderr);
        fputc('\n', stderr);
}

void log_entry(int priority, const char *message_id, const LogField *fields, const char *format, ...) {
        _cleanup_free_ char *message = NULL;
        va_list arguments;
        int r;

        if (priority > max_level)
                return;
        va_start(arguments, format);
        r = vasprintf(&message, format, arguments);
        va_end(arguments);
        if (r < 0) {
                message = NULL;
                return;
        }
        if (log_target == LOG_TARGET_CONSOLE)
                write_to_console(message);
        else
                send_to_journal(priority, message_id, fields, message);
}
