/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SetEnforce() and SetSuccessAudit().
 */
#ifndef IPECTLD_BUS_SWITCH_H
#define IPECTLD_BUS_SWITCH_H

#include "bus.h"

/* Handlers. */
int method_set_enforce(sd_bus_message *message, void *userdata, sd_bus_error *reterr);
int method_set_success_audit(sd_bus_message *message, void *userdata, sd_bus_error *reterr);

#endif
