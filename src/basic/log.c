/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Entries in the journal's native protocol, lines on standard error, or records of the kernel log. Names and sentences
 * may hold any bytes and have any length; this file alone makes them safe to show, and cuts them.
 *
 * An entry that the journal does not take in time is lost and counted; the next one that gets through reports the
 * count.
 */

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>

#include "journal.h"
#include "log.h"
#include "messages.h"
#include "utf8.h"

/* In bytes, the NUL included. A path in a field may be four times as long once it is escaped, and is cut then. */
#define MESSAGE_SIZE 4096U
#define VALUE_SIZE 8192U
/* The kernel refuses a record with more than 1024 bytes. */
#define KMSG_SIZE 900U

static uint64_t n_lost;
static int max_level = LOG_INFO;
static LogTarget log_target = LOG_TARGET_JOURNAL;

static const char *const levels[] = { "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug" };
static const char *const targets[_LOG_TARGET_MAX] = { "journal", "console", "kmsg" };

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

/* Returns NULL if there is no memory. To be freed. */
static char *make_safe(const char *text, size_t size) {
        char *safe = utf8_escape_unsafe(text, strnlen(text, size));

        if (safe)
                utf8_cut(safe, size);
        return safe;
}

/* A value has no LF once it is safe, so that all fields are lines. */
static void put_field(FILE *out, const char *key, const char *value) {
        _cleanup_free_ char *safe = make_safe(value, VALUE_SIZE);

        if (safe)
                fprintf(out, "%s=%s\n", key, safe);
}

static int send_entry(int priority, const char *message_id, const LogField *fields, const char *message) {
        _cleanup_free_ char *entry = NULL;
        size_t size;
        FILE *out = open_memstream(&entry, &size);

        if (!out)
                return -ENOMEM;
        fprintf(out, "MESSAGE=%s\nPRIORITY=%d\nSYSLOG_IDENTIFIER=%s\n", message, priority,
                program_invocation_short_name);
        if (message_id)
                fprintf(out, "MESSAGE_ID=%s\n", message_id);
        for (; fields && fields->key; fields++)
                if (fields->value)
                        put_field(out, fields->key, fields->value);
        if (fclose(out) != 0)
                return -ENOMEM;
        return journal_send(entry, size);
}

/* systemd may have connected it to journald. Once poll() calls it writable, it takes MESSAGE_SIZE bytes without a wait.
 */
static int write_to_console(const char *message) {
        struct pollfd console = { .fd = STDERR_FILENO, .events = POLLOUT };

        if (poll(&console, 1, 0) <= 0 || !(console.revents & POLLOUT))
                return -EAGAIN;
        return dprintf(STDERR_FILENO, "%s\n", message) < 0 ? -errno : 0;
}

/* Later, journald reads the record with its identifier. */
static int write_to_kmsg(int priority, const char *message) {
        _cleanup_close_ int fd = open("/dev/kmsg", O_WRONLY | O_NOCTTY | O_CLOEXEC);
        _cleanup_free_ char *cut = fd < 0 ? NULL : strndup(message, KMSG_SIZE), *record = NULL;
        int n;

        if (fd < 0)
                return -errno;
        if (!cut)
                return -ENOMEM;
        if (strlen(message) > KMSG_SIZE)
                utf8_cut(cut, KMSG_SIZE);
        n = asprintf(&record, "<%d>%s: %s\n", LOG_DAEMON | priority, program_invocation_short_name, cut);
        if (n < 0)
                return -ENOMEM;
        return write(fd, record, (size_t) n) < 0 ? -errno : 0;
}

static int write_entry(int priority, const char *message_id, const LogField *fields, const char *message) {
        int r;

        if (log_target == LOG_TARGET_CONSOLE)
                return write_to_console(message);
        if (log_target == LOG_TARGET_KMSG)
                return write_to_kmsg(priority, message);
        r = send_entry(priority, message_id, fields, message);
        return r == -EMSGSIZE ? send_entry(priority, message_id, NULL, message) : r;
}

static int report_lost(void) {
        char count[24], message[128];
        int r;

        if (n_lost == 0)
                return 0;
        (void) snprintf(count, sizeof(count), "%" PRIu64, n_lost);
        (void) snprintf(message, sizeof(message),
                        "%s entries of %s before this one are lost: journald did not take them in time.", count,
                        program_invocation_short_name);
        r = write_entry(LOG_WARNING, MESSAGE_LOG_LOST, (const LogField[]) { { "IPE_COUNT", count }, {} }, message);
        if (r >= 0)
                n_lost = 0;
        return r;
}

void log_entry(int priority, const char *message_id, const LogField *fields, const char *format, ...) {
        _cleanup_free_ char *raw = NULL, *message = NULL;
        va_list arguments;
        int r;

        if (priority > max_level)
                return;
        va_start(arguments, format);
        r = vasprintf(&raw, format, arguments);
        va_end(arguments);
        if (r < 0)
                raw = NULL;
        message = raw ? make_safe(raw, MESSAGE_SIZE) : NULL;
        r = message ? report_lost() : -ENOMEM;
        if (r >= 0)
                r = write_entry(priority, message_id, fields, message);
        if (r < 0)
                n_lost++;
}
