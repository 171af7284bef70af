/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel's switches, enforce and success_audit.
 */
#ifndef IPECTLD_SWITCH_H
#define IPECTLD_SWITCH_H

#include "manager.h"

/* ret_changed: whether the kernel had another value; the change was announced then. Returns 0, a refusal or a negative errno. */
int switch_set(Manager *manager, KernelSwitch which, bool value, bool *ret_changed, Failure *reterr);

#endif
