/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A misspelt option is an error, so that no caller believes that it had an effect.
 *
 * A call may wait for polkit in memory, so these functions bound the size of all that they accept.
 */

#include "bus-options.h"
#include "bus-reply.h"

static const BusOption *find_option(const BusOption *options, const char *name) {
        for (; options->name; options++)
                if (streq(options->name, name))
                        return options;
        return NULL;
}

static int read_value(sd_bus_message *message, const BusOption *option, sd_bus_error *reterr) {
        if (sd_bus_message_read(message, "v", option->type, option->value) < 0)
                return sd_bus_error_setf(reterr, SD_BUS_ERROR_INVALID_ARGS,
                                         "The value of the option '%s' has another type.", option->name);
        if (streq(option->type, "s") && strlen(*(const char **) option->value) > BUS_TEXT_SIZE_MAX)
                return sd_bus_error_setf(reterr, SD_BUS_ERROR_INVALID_ARGS,
                                         "The value of the option '%s' has more than %u bytes.", option->name,
                                         BUS_TEXT_SIZE_MAX);
        return 0;
}

/* seen: a bit for each option of the table. */
static int read_option(sd_bus_message *message, const BusOption *options, uint32_t *seen, sd_bus_error *reterr) {
        const BusOption *option;
        Failure failure = {};
        uint32_t bit;
        const char *name;
        int r = sd_bus_message_read(message, "s", &name);

        if (r < 0)
                return r;
        option = find_option(options, name);
        if (!option)
                return bus_refuse(reterr,
                                  failure_set(&failure, FAILURE_INVALID_ARGUMENT, "There is no option '%.100s'.", name),
                                  &failure);
        bit = 1U << (option - options);
        if (*seen & bit)
                return sd_bus_error_setf(reterr, SD_BUS_ERROR_INVALID_ARGS, "The option '%s' is given twice.", name);
        *seen |= bit;
        r = read_value(message, option, reterr);
        if (r >= 0 && option->given)
                *option->given = true;
        return r;
}

int bus_read_options(sd_bus_message *message, const BusOption *options, sd_bus_error *reterr) {
        uint32_t seen = 0;
        int r = sd_bus_message_enter_container(message, 'a', "{sv}");

        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
                r = read_option(message, options, &seen, reterr);
                if (r >= 0)
                        r = sd_bus_message_exit_container(message);
                if (r < 0)
                        return r;
        }
        return r < 0 ? r : sd_bus_message_exit_container(message);
}

int bus_read_text(sd_bus_message *message, const char *what, const char **ret, sd_bus_error *reterr) {
        int r = sd_bus_message_read(message, "s", ret);

        if (r >= 0 && strlen(*ret) > BUS_TEXT_SIZE_MAX)
                return sd_bus_error_setf(reterr, SD_BUS_ERROR_INVALID_ARGS, "The %s has more than %u bytes.", what,
                                         BUS_TEXT_SIZE_MAX);
        return r < 0 ? r : 0;
}
