/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sets the kernel's switches.
 */

#include "health.h"
#include "log.h"
#include "switch.h"

int switch_set(Manager *manager, KernelSwitch which, bool value, bool *ret_changed, Failure *reterr) {
        int r, old = kernel_get_switch(manager->kernel, which);

        if (old == -ENODEV)
                return failure_set(reterr, FAILURE_NOT_SUPPORTED, KERNEL_NO_IPE ".");
        r = old < 0 ? old : kernel_set_switch(manager->kernel, which, value);
        if (r == KERNEL_NOT_REACHED)
                return failure_set(reterr, FAILURE_NOT_SUPPORTED, KERNEL_NOT_REACHED_SENTENCE ".");
        if (r == -EPERM || r == -EACCES)
                return failure_set(reterr, FAILURE_LOCKED_DOWN, "The kernel does not let ipectld do that: %s.",
                                   strerror(-r));
        if (r < 0)
                return failure_set_errno(reterr, r, "The kernel refuses the change");
        *ret_changed = old != value;
        if (old != value)
                announce_switch(&manager->announcer, which == KERNEL_ENFORCE, value);
        /* The trial must learn of it now, as enforcement may be on again at the next health check. */
        if (which == KERNEL_ENFORCE && !value)
                (void) health_check_enforcement(manager);
        return 0;
}
