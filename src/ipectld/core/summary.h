/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The summary of a policy. It is made once, when the policy is staged, as any user may ask for it often.
 */
#ifndef IPECTLD_SUMMARY_H
#define IPECTLD_SUMMARY_H

#include "manager.h"

/* Summarises the text of an envelope.
 *
 * policy: compiled from it. ret: to be freed with policy_summary_done(). Returns 0 or -ENOMEM. */
int summary_make(const Envelope *envelope, const struct ipe_policy *policy, PolicySummary *ret);

/* Whether the warning about the keyring .fs-verity counts at this moment. */
bool summary_has_keyring_warning(const Manager *manager, const PolicySummary *summary);

#endif
