/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ListTransitions().
 */
#ifndef IPECTLD_BUS_HISTORY_H
#define IPECTLD_BUS_HISTORY_H

#include "bus.h"

/* A handler. */
int method_list_transitions(sd_bus_message *message, void *userdata, sd_bus_error *reterr);

#endif
