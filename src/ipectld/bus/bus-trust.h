/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ListTrust().
 */
#ifndef IPECTLD_BUS_TRUST_H
#define IPECTLD_BUS_TRUST_H

#include "bus.h"

/* A handler. */
int method_list_trust(sd_bus_message *message, void *userdata, sd_bus_error *reterr);

/* Returns 0 or -ENOMEM. */
int bus_trust_start(Bus *bus);

BusTrust *bus_trust_free(BusTrust *trust);

#endif
