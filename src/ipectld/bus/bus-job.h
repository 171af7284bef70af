/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * StartPreflight(), and the preflights that run or wait, as objects.
 */
#ifndef IPECTLD_BUS_JOB_H
#define IPECTLD_BUS_JOB_H

#include "bus.h"

/* A handler. */
int method_start_preflight(sd_bus_message *message, void *userdata, sd_bus_error *reterr);

/* Offers the objects. Returns 0 or a negative errno. */
int bus_job_register(Bus *bus);

/* Only one preflight runs at a time: whoever ends one that is no job calls this, so that the next job starts. */
void bus_job_next(const Bus *bus);

/* Ends all jobs, with a signal to each caller. */
void bus_job_cancel(Bus *bus);

#endif
