/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Stage() and Discard().
 */
#ifndef IPECTLD_BUS_STAGE_H
#define IPECTLD_BUS_STAGE_H

#include "bus.h"

/* Handlers. */
int method_stage(sd_bus_message *message, void *userdata, sd_bus_error *reterr);
int method_discard(sd_bus_message *message, void *userdata, sd_bus_error *reterr);

#endif
