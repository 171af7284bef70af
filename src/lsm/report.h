/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reports verdicts: counters, events file, audit.
 */
#ifndef _SECURITY_IPE_REPORT_H
#define _SECURITY_IPE_REPORT_H

#include "event.h"

int ipe_report_init(void);
void ipe_report(struct ipe_event *event);
void ipe_report_shadow(struct ipe_event *event, enum ipe_action decided);

#endif
