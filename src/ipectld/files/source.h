/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Stages the files of policy.d, at start and after each change of policy.d or trust.d.
 */
#ifndef IPECTLD_SOURCE_H
#define IPECTLD_SOURCE_H

#include <systemd/sd-event.h>

#include "manager.h"

typedef struct Source Source;

/* Reads nothing before the first source_scan(). manager: borrowed.
 * Returns 0 or a negative errno. */
int source_new(Manager *manager, sd_event *event, Source **ret);

Source *source_free(Source *source);

static inline void source_freep(Source **source) {
        source_free(*source);
}

/* result: 0; FAILURE_CANNOT_READ if a directory, the certificates or the configuration could not be read, after all
 * else was read; -ENOMEM; -ECANCELED from source_free(). */
typedef void (*ScanDone)(int result, const Failure *failure, void *userdata);

/* Reads all files, from the event loop, a few at a time. Only one scan runs at a time; a call during a scan asks for
 * another one.
 *
 * A refused file is announced once, as long as neither file nor refusal changes. all_again: announces it again, and
 * reads also files that seem unchanged. done: called once, later; may be NULL.
 *
 * Returns 0; FAILURE_BUSY if too many wait already; or -ENOMEM. */
int source_scan(Source *source, bool all_again, ScanDone done, void *userdata, Failure *reterr);

#endif
