/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reports denials of the active policy to the journal and on the bus. They come from the kernel's "events" if it has
 * that file, else from the multicast group of the audit subsystem, whose socket systemd opens (ipectld-audit.socket).
 * Differences of a policy in the shadow are not reported.
 */
#ifndef IPECTLD_DENIALS_H
#define IPECTLD_DENIALS_H

#include "kernel-event.h"
#include "manager.h"

/* Called for each denial that is read, however often it repeats, and for events that were lost. event: borrowed. */
typedef void (*DenialFunction)(const KernelEvent *event, void *userdata);

/* Takes the descriptors that systemd passes, and begins to watch; sets manager->denials, or leaves it NULL without a
 * source. It logs failures: the daemon works without denials. */
void denials_start(Manager *manager);

/* Reports all denials that were only counted so far, before the daemon ends. NULL is permitted. */
void denials_flush(Denials *denials);

Denials *denials_free(Denials *denials);

/* Sets the only watcher; function: NULL for none. denials: NULL is permitted, the watcher gets nothing then. */
void denials_watch(Denials *denials, DenialFunction function, void *userdata);

#endif
