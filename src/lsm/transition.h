/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writes, and whether one is permitted.
 */
#ifndef _SECURITY_IPE_TRANSITION_H
#define _SECURITY_IPE_TRANSITION_H

#include "policies.h"

/* The longest trial. */
#define IPE_TRIAL_SECONDS_MAX 86400

/* The writes to a loaded policy. */
enum ipe_write {
	IPE_WRITE_UPDATE,
	IPE_WRITE_STAGE,
	IPE_WRITE_ACTIVATE,
	IPE_WRITE_TRIAL,
	IPE_WRITE_CONFIRM,
	IPE_WRITE_REVERT,
	IPE_WRITE_ROLLBACK,
	IPE_WRITE_DELETE,
	IPE_WRITE_SHADOW,
	IPE_WRITE_UNSHADOW,
	IPE_WRITE_COUNT,
};

/**
 * struct ipe_request - a write with its arguments
 * @write: which write
 * @slot: of the policy; NULL for CONFIRM and REVERT, which mean the one on
 *	trial
 * @loaded: UPDATE and STAGE: the new version; the slot takes a reference of its
 *	own
 * @seconds: TRIAL: its length, 1 to IPE_TRIAL_SECONDS_MAX
 */
struct ipe_request {
	enum ipe_write write;
	struct ipe_slot *slot;
	struct ipe_loaded *loaded;
	unsigned int seconds;
};

int ipe_transition_check(const struct ipe_policies *policies,
			 const struct ipe_slot *slot,
			 const struct ipe_request *request);
struct ipe_loaded *ipe_transition_subject(const struct ipe_slot *slot,
					  const struct ipe_request *request);

#endif
