/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Calls that confirm a trial, end it, roll back, or deactivate.
 */
#ifndef IPECTLD_BUS_TRIAL_H
#define IPECTLD_BUS_TRIAL_H

#include "bus.h"

/* Handlers. */
int method_confirm(sd_bus_message *message, void *userdata, sd_bus_error *reterr);
int method_confirm_with_options(sd_bus_message *message, void *userdata, sd_bus_error *reterr);
int method_end_trial(sd_bus_message *message, void *userdata, sd_bus_error *reterr);
int method_rollback(sd_bus_message *message, void *userdata, sd_bus_error *reterr);
int method_rollback_with_options(sd_bus_message *message, void *userdata, sd_bus_error *reterr);
int method_deactivate(sd_bus_message *message, void *userdata, sd_bus_error *reterr);

#endif
