/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Preflight().
 */
#ifndef IPECTLD_BUS_PREFLIGHT_H
#define IPECTLD_BUS_PREFLIGHT_H

#include "bus.h"

/* A handler. */
int method_preflight(sd_bus_message *message, void *userdata, sd_bus_error *reterr);

#endif
