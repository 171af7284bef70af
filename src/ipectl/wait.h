/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Waiting for the end of a trial.
 */
#ifndef IPECTL_WAIT_H
#define IPECTL_WAIT_H

#include "client.h"

/* Waits until a version is not on trial any more. A daemon that is restarted is asked again.
 * path: its object. ret: its properties, to be put. Returns what sd-bus does. */
int wait_for_trial(Client *client, const char *path, struct json_object **ret);

#endif
