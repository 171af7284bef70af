/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Adds, changes and removes policies; the only way to do so. See lifecycle.c
 * for the rules.
 */
#ifndef _SECURITY_IPE_LIFECYCLE_H
#define _SECURITY_IPE_LIFECYCLE_H

#include "transition.h"

void ipe_lifecycle_init(struct ipe_policies *policies);
int ipe_lifecycle_boot(struct ipe_policies *policies,
		       struct ipe_loaded *loaded);
int ipe_lifecycle_add(struct ipe_policies *policies, struct ipe_loaded *loaded,
		      struct ipe_slot **ret);
int ipe_lifecycle_write(struct ipe_policies *policies,
			const struct ipe_request *request);
void ipe_lifecycle_refuse(struct ipe_policies *policies,
			  const struct ipe_request *request, int error);
void ipe_lifecycle_expire(struct ipe_policies *policies, ktime_t now);
int ipe_lifecycle_lock(struct ipe_policies *policies);
void ipe_lifecycle_show(struct ipe_slot *slot);
void ipe_lifecycle_forget(struct ipe_slot *slot);

#endif
