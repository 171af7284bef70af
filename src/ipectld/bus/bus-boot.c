/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * CheckBoot() and ConfirmBoot(): ipe-boot-check.service and ipe-confirm.service call them in each boot. If a trial goes
 * on across the reboot, both wait for its health checks; else there is nothing to do.
 */

#include "bus-boot.h"
#include "bus-details.h"
#include "bus-reply.h"
#include "bus-wait.h"
#include "log.h"
#include "trial.h"

void bus_boot_cancel(Bus *bus) {
        bus_wait_free_all(&bus->boot_calls);
        trial_on_boot(bus->manager, NULL, NULL);
}

/* The name is copied, as the confirmation frees the record that has it. */
static int confirm_boot(Manager *manager, Failure *reterr) {
        const VersionRecord *trial = store_state_find_state(manager->state, VERSION_TRIAL);
        _cleanup_free_ char *name = trial_awaits_boot_checks(manager) ? strdup(trial->name) : NULL;

        if (!trial_awaits_boot_checks(manager))
                return 0;
        return name ? confirm_policy(manager, name, NULL, reterr) : -ENOMEM;
}

static int answer(sd_bus_message *message, int result, const Failure *failure) {
        return result == 0 ? sd_bus_reply_method_return(message, "") : bus_reply_with_error(message, result, failure);
}

/* The trial has passed its checks, or has ended. A marked waiter is a call of ConfirmBoot(). */
static void on_boot(bool passed, void *userdata) {
        Bus *bus = userdata;
        BusWaiter *waiters = TAKE_PTR(bus->boot_calls), *next;

        for (; waiters; waiters = next) {
                Failure failure = {};
                int r = 0;

                next = waiters->next;
                if (!passed)
                        r = failure_set(&failure, FAILURE_NO_TRIAL, "The trial has ended; 'ipectl log' tells how.");
                else if (waiters->mark)
                        r = confirm_boot(bus->manager, &failure);
                if (answer(waiters->call->message, r, &failure) < 0)
                        log_warning("Cannot answer a call about the boot, ignoring.");
                bus_wait_free(waiters);
        }
}

static int wait_for_checks(Bus *bus, sd_bus_message *message, bool confirm, sd_bus_error *reterr) {
        BusWaiter *waiter;
        uid_t uid;
        int r = callers_find_uid(bus->callers, message, &uid);

        if (r < 0)
                return r;
        /* If users could keep root out, they could make the boot fail. */
        if (!bus_wait_has_room(bus->boot_calls, uid))
                return sd_bus_error_set(reterr, SD_BUS_ERROR_LIMITS_EXCEEDED,
                                        "Too many calls wait for the health checks already.");
        r = bus_wait_new(bus, message, uid, &waiter);
        if (r < 0)
                return r;
        waiter->mark = confirm;
        bus_wait_add(&bus->boot_calls, waiter);
        trial_on_boot(bus->manager, on_boot, bus);
        return 1;
}

static int authorise(const Bus *bus, sd_bus_message *message, sd_bus_error *reterr) {
        const VersionRecord *trial = trial_awaits_boot_checks(bus->manager)
                                             ? store_state_find_state(bus->manager->state, VERSION_TRIAL)
                                             : NULL;
        _cleanup_(bus_details_done) BusDetails details = {};
        int r = trial ? bus_details_add_state(&details, trial->name, trial) : 0;

        return r < 0 ? r : polkit_check(bus->polkit, message, ACTION("confirm"), details.list, reterr);
}

static int check_boot(Bus *bus, sd_bus_message *message, bool confirm, sd_bus_error *reterr) {
        Failure failure = {};
        bool passed;
        int r;

        r = authorise(bus, message, reterr);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = trial_check_boot(bus->manager, &passed, &failure);
        if (r == 0 && !passed)
                return wait_for_checks(bus, message, confirm, reterr);
        if (r == 0 && confirm)
                r = confirm_boot(bus->manager, &failure);
        return r != 0 ? bus_refuse(reterr, r, &failure) : sd_bus_reply_method_return(message, "");
}

int method_check_boot(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        return check_boot(userdata, message, false, reterr);
}

int method_confirm_boot(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        return check_boot(userdata, message, true, reterr);
}
