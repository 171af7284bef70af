/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The activation that a caller asks for, shared by Activate() and CanActivate().
 */
#ifndef IPECTLD_BUS_ACTIVATE_REQUEST_H
#define IPECTLD_BUS_ACTIVATE_REQUEST_H

#include "activate.h"
#include "bus-details.h"
#include "bus.h"

typedef struct ActivationRequest {
        const char *name; /* belongs to the message, as the strings of the options */
        ActivateOptions options;
        bool force;
        bool is_planned; /* by state and configuration there is a version to activate, which the next members describe
                          */
        Digest digest;
        bool is_confirmed;
        ActivatePlan plan;
} ActivationRequest;

/* Reads the arguments of a call, "s" or "sa{sv}", and plans the activation.
 * Returns 0, or a negative errno with reterr set for invalid arguments. */
int activation_request_read(Bus *bus, sd_bus_message *message, bool has_options, ActivationRequest *ret,
                            sd_bus_error *reterr);

/* Lists the actions that the caller needs. ret: ends with NULL. */
void activation_request_list_actions(const Bus *bus, const ActivationRequest *request,
                                     const char *ret[static POLKIT_ACTIONS_MAX + 1]);

/* Makes the details for polkit. ret: to be freed by bus_details_done(), also on failure. Returns 0 or -ENOMEM. */
int activation_request_describe(const Bus *bus, const ActivationRequest *request, BusDetails *ret);

/* Whether an activation has the version and the trial of the request. */
bool activation_request_is(const ActivationRequest *request, const VersionRecord *record, const ActivatePlan *plan);

#endif
