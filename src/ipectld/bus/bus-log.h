/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * org.freedesktop.LogControl1.
 */
#ifndef IPECTLD_BUS_LOG_H
#define IPECTLD_BUS_LOG_H

#include "bus.h"

/* Returns 0 or a negative errno. */
int bus_log_register(Bus *bus);

#endif
