/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What lines of "events" and audit records have in common.
 */
#ifndef LIBIPE_KERNEL_EVENT_INTERNAL_H
#define LIBIPE_KERNEL_EVENT_INTERNAL_H

#include "kernel-event.h"

/* Takes fields "key=value" into an event; those that are not known are skipped. Returns 0, -EBADMSG or -ENOMEM. */
int kernel_event_set_fields(const char *line, size_t size, KernelEvent *event);

/* Decimal digits, nothing else. Returns 0 or -EBADMSG. */
int kernel_event_number(const char *text, size_t size, uint64_t *ret);

#endif
