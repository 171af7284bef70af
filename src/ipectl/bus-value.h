/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Turns messages of the bus into JSON values. A missing value is null in JSON; the bus sends an empty string for it,
 * or 0 for a time, a process or an inode.
 */
#ifndef IPECTL_BUS_VALUE_H
#define IPECTL_BUS_VALUE_H

#include <systemd/sd-bus.h>

#include "json-value.h"

/* "StagedUSec" -> "staged_usec"; to be freed. */
char *bus_json_key(const char *name);

/* Reads an a{sv}. bus_json_key() makes the keys; a pair of strings becomes {"name", "version"}, or null if both are
 * empty; three strings become a health check, {"check", "state", "detail"}. ret: to be put. */
int bus_read_dictionary(sd_bus_message *message, struct json_object **ret);

/* Reads an aa{sv} into an array of such objects. ret: to be put. */
int bus_read_dictionaries(sd_bus_message *message, struct json_object **ret);

/* Reads the reply of Get() into an object as above, with that property alone. ret: to be put. */
int bus_read_property(sd_bus_message *reply, const char *name, struct json_object **ret);

/* Reads an array of structures into an array of objects. types: of a structure, as "(ssb)"; keys: one for each.
 * ret: to be put. */
int bus_read_rows(sd_bus_message *message, const char *types, const char *const *keys, struct json_object **ret);

#endif
