/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The parsing that lines of "events" and audit records share.
 */
#ifndef LIBIPE_KERNEL_EVENT_INTERNAL_H
#define LIBIPE_KERNEL_EVENT_INTERNAL_H

#include "kernel-event.h"

/* Reads fields "key=value" into an event; skips unknown ones. Returns 0, -EBADMSG or -ENOMEM. */
int kernel_event_set_fields(const char *line, size_t size, KernelEvent *event);

/* Reads decimal digits, and nothing else. Returns 0 or -EBADMSG. */
int kernel_event_number(const char *text, size_t size, uint64_t *ret);

#endif
