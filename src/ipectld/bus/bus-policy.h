/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The objects of versions, ListPolicies() and GetPolicy().
 */
#ifndef IPECTLD_BUS_POLICY_H
#define IPECTLD_BUS_POLICY_H

#include "bus.h"

/* Handlers. */
int method_list_policies(sd_bus_message *message, void *userdata, sd_bus_error *reterr);
int method_get_policy(sd_bus_message *message, void *userdata, sd_bus_error *reterr);

/* Offers the objects. Returns 0 or a negative errno. */
int bus_policy_register(Bus *bus);

/* Reads name and version, "ss", from a call, and finds that version. version: "" for the newest of that name.
 * Returns 0, or a negative errno with reterr set. */
int bus_policy_read(const Bus *bus, sd_bus_message *message, const VersionRecord **ret, sd_bus_error *reterr);

#endif
