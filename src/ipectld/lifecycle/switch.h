/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel's switches, enforce and success_audit.
 */
#ifndef IPECTLD_SWITCH_H
#define IPECTLD_SWITCH_H

#include "manager.h"

/* Sets a switch. ret_changed: whether the kernel had another value; then the change was announced. Returns 0, a refusal
 * or a negative errno. */
int switch_set(Manager *manager, KernelSwitch which, bool value, bool *ret_changed, Failure *reterr);

#endif
