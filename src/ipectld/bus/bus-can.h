/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * CanActivate() and its like.
 */
#ifndef IPECTLD_BUS_CAN_H
#define IPECTLD_BUS_CAN_H

#include "bus.h"

/* Handlers. */
int method_can_activate(sd_bus_message *message, void *userdata, sd_bus_error *reterr);
int method_can_confirm(sd_bus_message *message, void *userdata, sd_bus_error *reterr);
int method_can_end_trial(sd_bus_message *message, void *userdata, sd_bus_error *reterr);
int method_can_roll_back(sd_bus_message *message, void *userdata, sd_bus_error *reterr);
int method_can_deactivate(sd_bus_message *message, void *userdata, sd_bus_error *reterr);
int method_can_discard(sd_bus_message *message, void *userdata, sd_bus_error *reterr);
int method_can_stage(sd_bus_message *message, void *userdata, sd_bus_error *reterr);
int method_can_preflight(sd_bus_message *message, void *userdata, sd_bus_error *reterr);
int method_can_inspect(sd_bus_message *message, void *userdata, sd_bus_error *reterr);
int method_can_set_enforce(sd_bus_message *message, void *userdata, sd_bus_error *reterr);
int method_can_set_success_audit(sd_bus_message *message, void *userdata, sd_bus_error *reterr);

#endif
