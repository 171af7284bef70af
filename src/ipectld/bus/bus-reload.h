/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reload().
 */
#ifndef IPECTLD_BUS_RELOAD_H
#define IPECTLD_BUS_RELOAD_H

#include "bus.h"

/* A handler. */
int method_reload(sd_bus_message *message, void *userdata, sd_bus_error *reterr);

#endif
