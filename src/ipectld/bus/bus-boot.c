/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * CheckBoot() and ConfirmBoot(): what ipe-boot-check.service and ipe-confirm.service call in each boot. Where no trial has
 * outlived a reboot there is nothing to do; else both wait for the health checks.
 */

#include "bus-call.h"
#include "bus-details.h"
#include "log.h"
#include "trial.h"

/* So many calls may wait for the health checks at once: of root, of all others, and of one of these. */
#define CALLS_ROOT_MAX 16
#define CALLS_MAX 16
#define CALLS_PER_USER_MAX 4

typedef struct BusBootCall {
        Bus *bus; /* borrowed */
        BusCall *call;
        uid_t uid;
        bool confirm; /* what has passed is kept, too */
        struct BusBootCall *next;
} BusBootCall;

static BusBootCall *boot_call_free(BusBootCall *call) {
        if (!call)
                return NULL;
        for (BusBootCall **link = &call->bus->boot_calls; *link; link = &(*link)->next)
                if (*link == call) {
                        *link = call->next;
                        break;
                }
        bus_call_free(call->call);
        free(call);
        return NULL;
}

static void boot_call_freep(BusBootCall **call) {
        boot_call_free(*call);
}

void bus_boot_cancel(Bus *bus) {
        while (bus->boot_calls)
                boot_call_free(bus->boot_calls);
        trial_on_boot(bus->manager, NULL, NULL);
}

/* Root is never kept out by others: else they make the boot fail. */
static bool has_room(const Bus *bus, uid_t uid) {
        size_t n_root = 0, n_others = 0, n_own = 0;

        for (const BusBootCall *call = bus->boot_calls; call; call = call->next) {
                n_root += call->uid == 0;
                n_others += call->uid != 0;
                n_own += call->uid == uid;
        }
        return uid == 0 ? n_root < CALLS_ROOT_MAX : n_others < CALLS_MAX && n_own < CALLS_PER_USER_MAX;
}

/* The name is copied: it does not outlive the confirmation. */
static int confirm_boot(Manager *manager, Failure *reterr) {
        const VersionRecord *trial = store_state_find_state(manager->state, VERSION_TRIAL);
        _cleanup_free_ char *name = trial_is_boot(manager) ? strdup(trial->name) : NULL;

        if (!trial_is_boot(manager))
                return 0;
        return name ? confirm_policy(manager, name, NULL, reterr) : -ENOMEM;
}

static int answer(const BusBootCall *call, int result, const Failure *failure) {
        return result == 0 ? sd_bus_reply_method_return(call->call->message, "") : bus_call_refuse(call->call, result, failure);
}

/* The trial has passed, or is over. */
static void on_boot(bool passed, void *userdata) {
        Bus *bus = userdata;
        BusBootCall *calls = TAKE_PTR(bus->boot_calls), *next;

        for (; calls; calls = next) {
                Failure failure = {};
                int r = 0;

                next = calls->next;
                if (!passed)
                        r = failure_set(&failure, FAILURE_NO_TRIAL, "The trial has ended; 'ipectl log' tells how.");
                else if (calls->confirm)
                        r = confirm_boot(bus->manager, &failure);
                if (answer(calls, r, &failure) < 0)
                        log_warning("Cannot answer a call about the boot, ignoring.");
                boot_call_free(calls);
        }
}

static void on_gone(void *userdata) {
        const BusCall *gone = userdata;

        for (BusBootCall *call = gone->bus->boot_calls; call; call = call->next)
                if (call->call == gone) {
                        boot_call_free(call);
                        break;
                }
}

static int wait_for_checks(Bus *bus, sd_bus_message *message, bool confirm, sd_bus_error *reterr) {
        _cleanup_(boot_call_freep) BusBootCall *call = NULL;
        uid_t uid;
        int r = callers_find_uid(bus->callers, message, &uid);

        if (r < 0)
                return r;
        if (!has_room(bus, uid))
                return sd_bus_error_set(reterr, SD_BUS_ERROR_LIMITS_EXCEEDED, "Too many calls wait for the health checks already.");
        call = calloc(1, sizeof(*call));
        if (!call)
                return -ENOMEM;
        *call = (BusBootCall) { .bus = bus, .uid = uid, .confirm = confirm, .next = bus->boot_calls };
        r = bus_call_new(bus, message, on_gone, &call->call);
        if (r < 0)
                return r;
        bus->boot_calls = TAKE_PTR(call);
        trial_on_boot(bus->manager, on_boot, bus);
        return 1;
}

static int authorise(Bus *bus, sd_bus_message *message, sd_bus_error *reterr) {
        const VersionRecord *trial = trial_is_boot(bus->manager) ? store_state_find_state(bus->manager->state, VERSION_TRIAL) : NULL;
        _cleanup_(bus_details_done) BusDetails details = {};
        int r = trial ? bus_details_add(&details, "name", trial->name) : 0;

        if (r >= 0)
                r = bus_details_add_state(&details, trial);
        return r < 0 ? r : polkit_check_all(bus->polkit, message, (const char *const[]) { ACTION("confirm"), NULL }, details.list, reterr);
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
