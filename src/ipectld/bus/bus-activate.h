/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Activate() and ActivateWithOptions().
 */
#ifndef IPECTLD_BUS_ACTIVATE_H
#define IPECTLD_BUS_ACTIVATE_H

#include "bus.h"

/* Handlers. */
int method_activate(sd_bus_message *message, void *userdata, sd_bus_error *reterr);
int method_activate_with_options(sd_bus_message *message, void *userdata, sd_bus_error *reterr);

/* Ends the activation that is being prepared, if any, without an answer: nothing has changed for it. */
void bus_activation_cancel(Bus *bus);

#endif
