/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Denials on a kernel without the file "events": records of type 1420 from the audit subsystem's multicast group. They name
 * no policy. Everybody's other records come by the same socket, and are none of ours.
 */
#ifndef LIBIPE_AUDIT_H
#define LIBIPE_AUDIT_H

#include "kernel-event.h"

/* Messages of one read, so that a storm of them does not keep the reader for ever. */
#define AUDIT_READ_MAX 256U

/* Takes one record apart: its text, from "audit(" on.
 * ret: to be freed with kernel_event_done(); seq is the record's serial number, time_ns is 0, policy_name and
 * policy_version are NULL. Returns 0, -EBADMSG or -ENOMEM. */
int audit_record_parse(const char *text, size_t size, KernelEvent *ret);

/* Takes one message of the socket apart.
 * ret: as above; unchanged unless 1 is returned. Returns 1, 0 if it is of another type, -EBADMSG or -ENOMEM. */
int audit_message_parse(const void *data, size_t size, KernelEvent *ret);

/* Has the kernel drop what is of other types before it wakes the reader. Returns 0 or an errno of setsockopt(). */
int audit_filter(int fd);

/* Reads at most AUDIT_READ_MAX messages and calls function for each denial and whatever else IPE has decided; what makes no
 * sense, or is not from the kernel, is skipped. Messages that the kernel had no room for are an event with lost=1, as nobody
 * knows how many there were. Returns 0 if there is no more, 1 if there may be, -ENOMEM or an errno of recvfrom(). */
int audit_read_events(int fd, KernelEventFunction function, void *userdata);

#endif
