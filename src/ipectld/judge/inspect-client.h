/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Asks ipe-inspect what runs on the system. The daemon does not wait for the answer, and does not trust its form.
 */
#ifndef IPECTLD_INSPECT_CLIENT_H
#define IPECTLD_INSPECT_CLIENT_H

#include "inspection.h"
#include "manager.h"

#define INSPECT_SOCKET "/run/ipe/inspect"

/* result: 0, or a refusal or an errno with its sentence in failure: then inspection is NULL. */
typedef void (*InspectDone)(int result, const Failure *failure, const Inspection *inspection, void *userdata);

typedef struct InspectCall InspectCall;

/* ret: the call; invalid once done was called.
 * Returns 0; FAILURE_NOT_SUPPORTED if ipe-inspect cannot be reached; -ENOMEM. Then done is not called. */
int inspect_start(Manager *manager, InspectDone done, void *userdata, InspectCall **ret, Failure *reterr);

/* Cancels a call: done is no longer called. NULL is fine. */
InspectCall *inspect_cancel(InspectCall *call);

#endif
