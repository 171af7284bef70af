/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Findings name programs of all users, so polkit decides who may ask for them.
 */

#include "bus-details.h"
#include "bus-findings.h"

int bus_findings_authorise(const Bus *bus, sd_bus_message *message, const char *name, const char *version,
                           sd_bus_error *reterr) {
        _cleanup_(bus_details_done) BusDetails details = {};
        int r = bus_details_add_names(&details, name, version);

        return r < 0 ? r : polkit_check(bus->polkit, message, ACTION("inspect"), details.list, reterr);
}

int bus_findings_append(sd_bus_message *message, const Findings *findings) {
        int r = sd_bus_message_open_container(message, 'a', "(ssss)");

        for (size_t i = 0; r >= 0 && i < findings->n; i++)
                r = sd_bus_message_append(message, "(ssss)", findings->list[i].path, findings->list[i].operation,
                                          findings->list[i].rule, findings->list[i].processes.text ?: "");
        return r < 0 ? r : sd_bus_message_close_container(message);
}
