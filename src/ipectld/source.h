/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * policy.d: what lies there is staged, now and whenever it changes.
 */
#ifndef IPECTLD_SOURCE_H
#define IPECTLD_SOURCE_H

#include <systemd/sd-event.h>

#include "manager.h"

typedef struct Source Source;

/* Watches policy.d and trust.d in their three places. manager: borrowed. Returns 0 or a negative errno. */
int source_new(Manager *manager, sd_event *event, Source **ret);

Source *source_free(Source *source);

static inline void source_freep(Source **source) {
        source_free(*source);
}

/* Reads all files now. What is refused is announced once, as long as neither file nor refusal changes; all_again:
 * whatever was announced before. Returns 0 or a negative errno, which was logged. */
int source_scan(Source *source, bool all_again);

/* Whether policy.d has a policy under its name, whatever overrides it; true where that cannot be found out. */
bool source_has(const char *name, const Digest *digest);

#endif
