/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SetEnforce() and SetSuccessAudit().
 */

#include "bus-reply.h"
#include "bus-switch.h"
#include "bus-watch.h"
#include "switch.h"

static int set_switch(const Bus *bus, sd_bus_message *message, KernelSwitch which, const char *action,
                      sd_bus_error *reterr) {
        Failure failure = {};
        bool changed = false;
        int r, value;

        r = sd_bus_message_read(message, "b", &value);
        if (r >= 0)
                r = polkit_check(bus->polkit, message, action,
                                 (const char *const[]) { "value", value ? "true" : "false", NULL }, reterr);
        if (r <= 0)
                return r < 0 ? r : 1;
        bus_watch_before_switch(bus->watch, which);
        r = switch_set(bus->manager, which, value, &changed, &failure);
        if (r != 0)
                return bus_refuse(reterr, r, &failure);
        if (changed)
                bus_watch_switch_announced(bus->watch, which, value);
        return sd_bus_reply_method_return(message, "");
}

int method_set_enforce(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        return set_switch(userdata, message, KERNEL_ENFORCE, ACTION("set-enforce"), reterr);
}

int method_set_success_audit(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        return set_switch(userdata, message, KERNEL_SUCCESS_AUDIT, ACTION("set-success-audit"), reterr);
}
