/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Findings of a preflight on the bus: who may ask for them, and how they are sent.
 */
#ifndef IPECTLD_BUS_FINDINGS_H
#define IPECTLD_BUS_FINDINGS_H

#include "bus.h"
#include "findings.h"

/* Asks polkit whether the caller may see what a version would deny. version: NULL or "" for the newest that waits to be
 * activated. Returns as polkit_check(). */
int bus_findings_authorise(const Bus *bus, sd_bus_message *message, const char *name, const char *version,
                           sd_bus_error *reterr);

/* Appends "a(ssss)". Returns 0 or more, or a negative errno. */
int bus_findings_append(sd_bus_message *message, const Findings *findings);

#endif
