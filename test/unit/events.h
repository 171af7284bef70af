/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Events of the kernel, compared as a whole. */
#ifndef TEST_EVENTS_H
#define TEST_EVENTS_H

#include "kernel-event.h"

/* A string of an expected event, which nobody frees. */
#define TEXT(literal) ((char *) (literal))

/* Fails the test unless all fields are the same. */
void assert_event(const KernelEvent *event, const KernelEvent *expected);

#endif
