/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Log entries, for the journal, standard error or the kernel log. The code that decides an outcome logs it, once.
 * Logging does not wait: an entry that journald does not take is lost, see log.c.
 */
#ifndef BASIC_LOG_H
#define BASIC_LOG_H

#include <syslog.h>

#include "base.h"

typedef enum LogTarget {
        LOG_TARGET_JOURNAL,
        LOG_TARGET_CONSOLE,
        LOG_TARGET_KMSG, /* the kernel log, where there is no journald */
        _LOG_TARGET_MAX,
} LogTarget;

/* Reads SYSTEMD_LOG_LEVEL= and SYSTEMD_LOG_TARGET=, and ignores invalid values. */
void log_open(void);

int log_get_level(void);
void log_set_level(int level);
LogTarget log_get_target(void);
void log_set_target(LogTarget target);

/* "debug" to "emerg"; "journal", "console", "kmsg". The latter two return a value, or -EINVAL. */
const char *log_level_to_string(int level);
const char *log_target_to_string(LogTarget target);
int log_level_from_string(const char *text);
int log_target_from_string(const char *text);

/* A field of a structured entry; left out where value is NULL. */
typedef struct LogField {
        const char *key; /* as in the journal: "IPE_POLICY" */
        const char *value;
} LogField;

/* Writes an entry; makes the values and the sentence safe to show, and cuts very long ones.
 * priority: LOG_ERR... message_id: one of messages.h, or NULL. fields: ends with an empty key. */
void log_entry(int priority, const char *message_id, const LogField *fields, const char *format, ...) _printf_(4, 5);

#define log_error(...) log_entry(LOG_ERR, NULL, NULL, __VA_ARGS__)
#define log_warning(...) log_entry(LOG_WARNING, NULL, NULL, __VA_ARGS__)
#define log_notice(...) log_entry(LOG_NOTICE, NULL, NULL, __VA_ARGS__)
#define log_info(...) log_entry(LOG_INFO, NULL, NULL, __VA_ARGS__)
#define log_debug(...) log_entry(LOG_DEBUG, NULL, NULL, __VA_ARGS__)

#endif
