/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Waits for the end of a trial.
 */
#ifndef IPECTL_TRIAL_WAIT_H
#define IPECTL_TRIAL_WAIT_H

#include "client.h"

/* Waits until a version is no longer on trial; a daemon that restarts meanwhile is asked again.
 * path: its object. ret: its properties, to be put. Returns what sd-bus does. */
int trial_wait(Client *client, const char *path, struct json_object **ret);

#endif
