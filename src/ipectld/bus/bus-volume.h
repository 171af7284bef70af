/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ListVolumes().
 */
#ifndef IPECTLD_BUS_VOLUME_H
#define IPECTLD_BUS_VOLUME_H

#include "bus.h"

/* A handler. */
int method_list_volumes(sd_bus_message *message, void *userdata, sd_bus_error *reterr);

/* Ends the inspection, and forgets the calls that wait for it, without an answer. */
void bus_volume_cancel(Bus *bus);

#endif
