/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Options of a call, a{sv}.
 */
#ifndef IPECTLD_BUS_OPTIONS_H
#define IPECTLD_BUS_OPTIONS_H

#include <systemd/sd-bus.h>

#include "base.h"

/* An option that a call takes. */
typedef struct BusOption {
        const char *name; /* NULL ends a table */
        const char *type; /* "s", "t" or "b" */
        void *value;      /* const char **, uint64_t * or int *; unchanged where the option is not given */
        bool *given;      /* NULL: of no interest */
} BusOption;

/* Reads the options of a call; strings are those of the message.
 * Returns 0, or a negative errno with reterr set for an option that the call does not take, or whose value has another type. */
int bus_read_options(sd_bus_message *message, const BusOption *options, sd_bus_error *reterr);

#endif
