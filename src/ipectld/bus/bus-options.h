/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Arguments of a call: strings, and options, a{sv}. A handler reads all of them before it asks polkit.
 */
#ifndef IPECTLD_BUS_OPTIONS_H
#define IPECTLD_BUS_OPTIONS_H

#include <systemd/sd-bus.h>

#include "base.h"

/* The size of a string, in bytes. stage.c takes no policy with a longer name. */
#define BUS_TEXT_SIZE_MAX 255U

/* An option that a call takes. A table has at most 32. */
typedef struct BusOption {
        const char *name; /* NULL ends a table */
        const char *type; /* "s", "t" or "b" */
        void *value;      /* const char **, uint64_t * or int *; unchanged where the option is not given */
        bool *given;      /* NULL: the caller does not ask */
} BusOption;

/* Reads the options of a call; strings belong to the message.
 * Returns 0, or a negative errno with reterr set for an option that the call does not take, that is given twice, or
 * whose value is of another type or too long. */
int bus_read_options(sd_bus_message *message, const BusOption *options, sd_bus_error *reterr);

/* Reads a string, which belongs to the message. what: "name", for the sentence of the error. Returns as
 * bus_read_options(). */
int bus_read_text(sd_bus_message *message, const char *what, const char **ret, sd_bus_error *reterr);

#endif
