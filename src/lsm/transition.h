/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whether a write may be done; lifecycle.c does it.
 */
#ifndef _SECURITY_IPE_TRANSITION_H
#define _SECURITY_IPE_TRANSITION_H

#include "lifecycle.h"

int ipe_transition_check(const struct ipe_lifecycle *lifecycle,
			 const struct ipe_slot *slot,
			 const struct ipe_request *request);
struct ipe_loaded *ipe_transition_subject(const struct ipe_slot *slot,
					  const struct ipe_request *request);

#endif
