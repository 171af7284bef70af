/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Denials on a kernel without the file "events": records of type 1420 from the audit subsystem's multicast group.
 * They name no policy. The socket also delivers all other records, which this file skips.
 */
#ifndef LIBIPE_AUDIT_H
#define LIBIPE_AUDIT_H

#include "kernel-event.h"

/* Messages of one read, so that a flood does not keep the reader for ever. */
#define AUDIT_READ_MAX 256U

/* Takes one record apart: its text, from "audit(" on.
 * ret: to be freed with kernel_event_done(); seq is the record's serial number, time_ns is 0, policy_name and
 * policy_version are NULL. Returns 0, -EBADMSG or -ENOMEM. */
int audit_record_parse(const char *text, size_t size, KernelEvent *ret);

/* Takes one message of the socket apart.
 * ret: as above; unchanged unless 1 is returned. Returns 1, 0 if it is of another type, -EBADMSG or -ENOMEM. */
int audit_message_parse(const void *data, size_t size, KernelEvent *ret);

/* Makes the kernel drop records of other types before it wakes the reader. Returns 0 or an errno of setsockopt(). */
int audit_filter(int fd);

/* Reads at most AUDIT_READ_MAX messages and calls function for each verdict of IPE that the kernel records; skips
 * malformed messages and those that are not from the kernel. Messages that the kernel had no room for become one
 * event with lost=1, as nobody knows their number. Returns 0 if there is no more, 1 if there may be, -ENOMEM or an
 * errno of recvfrom(). */
int audit_read_events(int fd, KernelEventFunction function, void *userdata);

#endif
