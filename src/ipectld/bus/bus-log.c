/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * org.freedesktop.LogControl1: 'systemctl service-log-level ipectld.service debug'.
 */

#include "bus-log.h"
#include "log.h"

static int get_level(sd_bus *sd, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                     void *userdata, sd_bus_error *reterr) {
        return sd_bus_message_append(reply, "s", log_level_to_string(log_get_level()));
}

/* Reads the value that root sets; others are refused. Not by sd_bus_query_sender_privilege(): that asks the bus over
 * the connection that has the calls, see callers.c. */
static int read_of_root(const Bus *bus, sd_bus_message *value, const char **ret, sd_bus_error *reterr) {
        if (!polkit_is_root(bus->polkit, value))
                return sd_bus_error_set(reterr, SD_BUS_ERROR_ACCESS_DENIED, "Only root may do that.");
        return sd_bus_message_read(value, "s", ret);
}

static int set_level(sd_bus *sd, const char *path, const char *interface, const char *property, sd_bus_message *value,
                     void *userdata, sd_bus_error *reterr) {
        const char *text;
        int r = read_of_root(userdata, value, &text, reterr);

        if (r < 0)
                return r;
        r = log_level_from_string(text);
        if (r < 0)
                return sd_bus_error_setf(reterr, SD_BUS_ERROR_INVALID_ARGS, "There is no log level '%s'.", text);
        log_set_level(r);
        return 0;
}

static int get_target(sd_bus *sd, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                      void *userdata, sd_bus_error *reterr) {
        return sd_bus_message_append(reply, "s", log_target_to_string(log_get_target()));
}

static int set_target(sd_bus *sd, const char *path, const char *interface, const char *property, sd_bus_message *value,
                      void *userdata, sd_bus_error *reterr) {
        const char *text;
        int r = read_of_root(userdata, value, &text, reterr);

        if (r < 0)
                return r;
        r = log_target_from_string(text);
        /* The unit has no /dev/kmsg. */
        if (r < 0 || r == LOG_TARGET_KMSG)
                return sd_bus_error_setf(reterr, SD_BUS_ERROR_INVALID_ARGS, "There is no log target '%s'.", text);
        log_set_target((LogTarget) r);
        return 0;
}

static int get_identifier(sd_bus *sd, const char *path, const char *interface, const char *property,
                          sd_bus_message *reply, void *userdata, sd_bus_error *reterr) {
        return sd_bus_message_append(reply, "s", program_invocation_short_name);
}

static const sd_bus_vtable log_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_WRITABLE_PROPERTY("LogLevel", "s", get_level, set_level, 0, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_WRITABLE_PROPERTY("LogTarget", "s", get_target, set_target, 0, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("SyslogIdentifier", "s", get_identifier, 0, 0),
        SD_BUS_VTABLE_END,
};

int bus_log_register(Bus *bus) {
        return sd_bus_add_object_vtable(bus->bus, NULL, "/org/freedesktop/LogControl1", "org.freedesktop.LogControl1",
                                        log_vtable, bus);
}
