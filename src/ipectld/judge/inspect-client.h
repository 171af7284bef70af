/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Asks ipe-inspect what runs on the system. The daemon does not wait for it, and believes nothing of the answer's form.
 */
#ifndef IPECTLD_INSPECT_CLIENT_H
#define IPECTLD_INSPECT_CLIENT_H

#include "inspection.h"
#include "manager.h"

#define INSPECT_SOCKET "/run/ipe/inspect"

/* result: 0, or a refusal or an errno with its sentence in failure, and then inspection is NULL. */
typedef void (*InspectDone)(int result, const Failure *failure, const Inspection *inspection, void *userdata);

typedef struct InspectCall InspectCall;

/* ret: the call that is under way; it is void once done was called.
 * Returns 0; FAILURE_NOT_SUPPORTED if ipe-inspect cannot be reached; -ENOMEM. Then done is not called. */
int inspect_start(Manager *manager, InspectDone done, void *userdata, InspectCall **ret, Failure *reterr);

/* Forgets a call: done is not called any more. NULL is fine. */
InspectCall *inspect_cancel(InspectCall *call);

#endif
