/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Changes of slots and of the active policy, for lifecycle.c alone: it checks
 * first, and records afterwards.
 */
#ifndef _SECURITY_IPE_CHANGE_H
#define _SECURITY_IPE_CHANGE_H

#include "transition.h"

void ipe_change_apply(struct ipe_slot *slot, const struct ipe_request *request);
void ipe_change_confirm(struct ipe_slot *slot);
void ipe_change_revert(struct ipe_policies *policies);

#endif
