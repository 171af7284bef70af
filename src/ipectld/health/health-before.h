/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finds the units that fail before a trial begins, so that it is not blamed for them.
 */
#ifndef IPECTLD_HEALTH_BEFORE_H
#define IPECTLD_HEALTH_BEFORE_H

#include "manager.h"

/* Names, NULL at the end; NULL for none. */
typedef struct UnitsBefore {
        char **failed;
        char **restarting; /* wait for an automatic restart */
} UnitsBefore;

/* result: 0; FAILURE_NOT_SUPPORTED if the service manager has not answered, or -ENOMEM: then before is empty.
 * before: may be taken over. */
typedef void (*UnitsBeforeDone)(int result, const Failure *failure, UnitsBefore *before, void *userdata);

typedef struct UnitsBeforeQuery UnitsBeforeQuery;

/* Asks the service manager; the daemon serves others meanwhile.
 * ret: invalid once done was called. Returns 0; or as "result", and then done is not called. */
int units_before_ask(Manager *manager, UnitsBeforeDone done, void *userdata, UnitsBeforeQuery **ret, Failure *reterr);

/* Cancels a query: done is no longer called. NULL is fine. */
UnitsBeforeQuery *units_before_cancel(UnitsBeforeQuery *query);

void units_before_done(UnitsBefore *before);

#endif
