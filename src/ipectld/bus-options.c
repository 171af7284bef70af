/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Options of a call. A misspelt one is an error: nobody is to believe that it was heeded.
 */

#include "bus-options.h"

static const BusOption *find_option(const BusOption *options, const char *name) {
        for (; options->name; options++)
                if (streq(options->name, name))
                        return options;
        return NULL;
}

static int read_option(sd_bus_message *message, const BusOption *options, sd_bus_error *reterr) {
        const BusOption *option;
        const char *name;
        int r = sd_bus_message_read(message, "s", &name);

        if (r < 0)
                return r;
        option = find_option(options, name);
        if (!option)
                return sd_bus_error_setf(reterr, SD_BUS_ERROR_INVALID_ARGS, "There is no option '%.100s'.", name);
        if (sd_bus_message_read(message, "v", option->type, option->value) < 0)
                return sd_bus_error_setf(reterr, SD_BUS_ERROR_INVALID_ARGS, "The value of the option '%s' has another type.", name);
        if (option->given)
                *option->given = true;
        return 0;
}

int bus_read_options(sd_bus_message *message, const BusOption *options, sd_bus_error *reterr) {
        int r = sd_bus_message_enter_container(message, 'a', "{sv}");

        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
                r = read_option(message, options, reterr);
                if (r >= 0)
                        r = sd_bus_message_exit_container(message);
                if (r < 0)
                        return r;
        }
        return r < 0 ? r : sd_bus_message_exit_container(message);
}
