/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ListVolumes(): the dm-verity volumes that are open, and the verdict of the active policy on each. An inspection takes
 * seconds and reads the whole system, so only one runs at a time, for all callers that ask before it begins.
 */

#include "bus-reply.h"
#include "bus-volume.h"
#include "bus-wait.h"
#include "log.h"
#include "volumes.h"

void bus_volume_cancel(Bus *bus) {
        bus_wait_free_all(&bus->volume_calls);
        bus->volume_inspect = inspect_cancel(bus->volume_inspect);
}

static int append_volume(sd_bus_message *reply, const Manager *manager, const struct ipe_policy *policy,
                         const Inspection *inspection, size_t number) {
        VolumeVerdict verdict = volume_judge(inspection, number, policy, &manager->vocabulary);
        const VolumeFacts *volume = &inspection->volumes[number];
        char root_hash[FACT_DIGEST_STRLEN];

        fact_digest_print(&volume->root_hash, root_hash);
        return sd_bus_message_append(reply, "(ssbss)", volume->name, root_hash, volume->is_signed, verdict.action,
                                     verdict.rule);
}

static int answer(const BusCall *call, const struct ipe_policy *policy, const Inspection *inspection) {
        sd_bus_message *reply = NULL;
        int r = sd_bus_message_new_method_return(call->message, &reply);

        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "(ssbss)");
        for (size_t i = 0; r >= 0 && i < inspection->n_volumes; i++)
                r = append_volume(reply, call->bus->manager, policy, inspection, i);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        r = bus_send_reply(reply, r);
        return r < 0 ? r : 0;
}

static int load_ruling(const Manager *manager, Ruling **ret) {
        int r = ruling_load(manager, ret);

        if (r == 0 || r == -ENOMEM)
                return r;
        log_warning("Cannot read the active policy, listing volumes without a verdict: %s", kernel_strerror(r));
        return 0;
}

/* r: 0 if the call was answered, else as bus_refuse() takes it. */
static void finish(BusWaiter *waiter, int r, const Failure *failure) {
        if (r != 0)
                r = bus_reply_with_error(waiter->call->message, r, failure);
        if (r < 0)
                log_warning("Cannot answer a call of ListVolumes(): %s", strerror(-r));
        bus_wait_free(waiter);
}

static int start(Bus *bus, Failure *reterr);

/* Callers that came late wait for one more inspection, all for the same one. */
static void serve_late(Bus *bus) {
        Failure failure = {};
        int r;

        if (!bus->volume_calls)
                return;
        for (BusWaiter *waiter = bus->volume_calls; waiter; waiter = waiter->next)
                waiter->mark = false;
        r = start(bus, &failure);
        while (r != 0 && bus->volume_calls)
                finish(bus->volume_calls, r, &failure);
}

static void on_inspected(int result, const Failure *failure, const Inspection *inspection, void *userdata) {
        _cleanup_(ruling_freep) Ruling *ruling = NULL;
        BusWaiter *next;
        Bus *bus = userdata;

        bus->volume_inspect = NULL;
        if (result == 0)
                result = load_ruling(bus->manager, &ruling);
        for (BusWaiter *waiter = bus->volume_calls; waiter; waiter = next) {
                next = waiter->next;
                if (!waiter->mark)
                        finish(waiter, result == 0 ? answer(waiter->call, ruling_policy(ruling), inspection) : result,
                               failure);
        }
        serve_late(bus);
}

static int start(Bus *bus, Failure *reterr) {
        return inspect_start(bus->manager, on_inspected, bus, &bus->volume_inspect, reterr);
}

/* If the caller leaves, the inspection goes on: else calls that come and go would begin one each time.
 *
 * The waiter is marked if it comes late: the inspection that is under way may have passed a volume that has changed
 * since. */
static int wait_for_inspection(Bus *bus, sd_bus_message *message, uid_t uid, Failure *reterr) {
        _cleanup_(bus_wait_freep) BusWaiter *waiter = NULL;
        int r = bus_wait_new(bus, message, uid, &waiter);

        if (r < 0)
                return r;
        waiter->mark = bus->volume_inspect != NULL;
        if (!bus->volume_inspect)
                r = start(bus, reterr);
        if (r != 0)
                return r;
        bus_wait_add(&bus->volume_calls, TAKE_PTR(waiter));
        return 0;
}

int method_list_volumes(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        Bus *bus = userdata;
        Failure failure = {};
        uid_t uid;
        int r;

        r = polkit_check(bus->polkit, message, ACTION("inspect"), NULL, reterr);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = callers_find_uid(bus->callers, message, &uid);
        if (r < 0)
                return r;
        if (!bus_wait_has_room(bus->volume_calls, uid))
                return sd_bus_error_set(reterr, SD_BUS_ERROR_LIMITS_EXCEEDED,
                                        "Too many calls wait for an inspection already.");
        r = wait_for_inspection(bus, message, uid, &failure);
        return r != 0 ? bus_refuse(reterr, r, &failure) : 1;
}
