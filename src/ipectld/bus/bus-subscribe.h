/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Subscribe() and Unsubscribe(), and the rights of subscribers.
 */
#ifndef IPECTLD_BUS_SUBSCRIBE_H
#define IPECTLD_BUS_SUBSCRIBE_H

#include "bus.h"

/* Handlers. */
int method_subscribe(sd_bus_message *message, void *userdata, sd_bus_error *reterr);
int method_unsubscribe(sd_bus_message *message, void *userdata, sd_bus_error *reterr);

/* Whether the receiver of this reply is root or a subscriber, who may read the names of files. False for a signal. */
bool bus_may_inspect(const Bus *bus, sd_bus_message *reply);

#endif
