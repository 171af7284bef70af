/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Arguments of a call, all of which are read before polkit is asked: strings, and options, a{sv}.
 */
#ifndef IPECTLD_BUS_OPTIONS_H
#define IPECTLD_BUS_OPTIONS_H

#include <systemd/sd-bus.h>

#include "base.h"

/* A string has at most so many bytes. No name of a policy has more, see stage.c. */
#define BUS_TEXT_SIZE_MAX 255U

/* An option that a call takes; at most 32 of them make a table. */
typedef struct BusOption {
        const char *name; /* NULL ends a table */
        const char *type; /* "s", "t" or "b" */
        void *value;      /* const char **, uint64_t * or int *; unchanged where the option is not given */
        bool *given;      /* NULL: of no interest */
} BusOption;

/* Reads the options of a call; strings are those of the message.
 * Returns 0, or a negative errno with reterr set for an option that the call does not take or has twice, or whose value has another
 * type or too many bytes. */
int bus_read_options(sd_bus_message *message, const BusOption *options, sd_bus_error *reterr);

/* Reads a string, which is that of the message. what: "name", for the sentence. Returns as bus_read_options(). */
int bus_read_text(sd_bus_message *message, const char *what, const char **ret, sd_bus_error *reterr);

#endif
