/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * CheckBoot() and ConfirmBoot().
 */
#ifndef IPECTLD_BUS_BOOT_H
#define IPECTLD_BUS_BOOT_H

#include "bus.h"

/* Handlers. */
int method_check_boot(sd_bus_message *message, void *userdata, sd_bus_error *reterr);
int method_confirm_boot(sd_bus_message *message, void *userdata, sd_bus_error *reterr);

/* Forgets the calls that wait, without an answer. */
void bus_boot_cancel(Bus *bus);

#endif
