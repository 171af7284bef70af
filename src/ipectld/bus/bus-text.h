/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * OpenPolicy().
 */
#ifndef IPECTLD_BUS_TEXT_H
#define IPECTLD_BUS_TEXT_H

#include "bus.h"

/* A handler. */
int method_open_policy(sd_bus_message *message, void *userdata, sd_bus_error *reterr);

/* Returns 0 or -ENOMEM. */
int bus_text_start(Bus *bus);

BusTexts *bus_text_free(BusTexts *texts);

#endif
