/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ListVolumes(): the dm-verity volumes that are open, and what the policy in force says of them.
 */

#include "bus-call.h"
#include "log.h"
#include "volumes.h"

/* So many calls may wait for an inspection at once. */
#define CALLS_MAX 16

typedef struct BusVolumeCall {
        Bus *bus; /* borrowed */
        BusCall *call;
        InspectCall *inspect;
        struct BusVolumeCall *next;
} BusVolumeCall;

static BusVolumeCall *volume_call_free(BusVolumeCall *call) {
        if (!call)
                return NULL;
        for (BusVolumeCall **link = &call->bus->volume_calls; *link; link = &(*link)->next)
                if (*link == call) {
                        *link = call->next;
                        break;
                }
        inspect_cancel(call->inspect);
        bus_call_free(call->call);
        free(call);
        return NULL;
}

void bus_volume_cancel(Bus *bus) {
        while (bus->volume_calls)
                volume_call_free(bus->volume_calls);
}

static size_t count_calls(const Bus *bus) {
        size_t n = 0;

        for (const BusVolumeCall *call = bus->volume_calls; call; call = call->next)
                n++;
        return n;
}

static void volume_call_freep(BusVolumeCall **call) {
        volume_call_free(*call);
}

static int append_volume(sd_bus_message *reply, const Manager *manager, const struct ipe_policy *policy,
                         const Inspection *inspection, size_t number) {
        VolumeVerdict verdict = volume_judge(inspection, number, policy, &manager->vocabulary);
        const VolumeFacts *volume = &inspection->volumes[number];
        char root_hash[FACT_DIGEST_STRLEN];

        fact_digest_print(&volume->root_hash, root_hash);
        return sd_bus_message_append(reply, "(ssbss)", volume->name, root_hash, volume->is_signed, verdict.action, verdict.rule);
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
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        sd_bus_message_unref(reply);
        return r < 0 ? r : 0;
}

static void on_inspected(int result, const Failure *failure, const Inspection *inspection, void *userdata) {
        _cleanup_(volume_call_freep) BusVolumeCall *call = userdata;
        _cleanup_(ruling_freep) Ruling *ruling = NULL;

        call->inspect = NULL;
        if (result == 0) {
                result = ruling_load(call->call->bus->manager, &ruling);
                if (result < 0 && result != -ENOMEM) {
                        log_warning("Cannot read the policy in force, listing volumes without a verdict: %s", strerror(-result));
                        result = 0;
                }
        }
        if (result == 0)
                result = answer(call->call, ruling_policy(ruling), inspection);
        if (result != 0)
                result = bus_call_refuse(call->call, result, failure);
        if (result < 0)
                log_warning("Cannot answer a call of ListVolumes(): %s", strerror(-result));
}

int method_list_volumes(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        _cleanup_(volume_call_freep) BusVolumeCall *call = NULL;
        Bus *bus = userdata;
        Failure failure = {};
        int r;

        r = polkit_check(bus->polkit, message, ACTION("inspect"), reterr);
        if (r <= 0)
                return r < 0 ? r : 1;
        if (count_calls(bus) >= CALLS_MAX)
                return sd_bus_error_set(reterr, SD_BUS_ERROR_LIMITS_EXCEEDED, "Too many calls wait for an inspection already.");
        call = calloc(1, sizeof(*call));
        if (!call)
                return -ENOMEM;
        call->bus = bus;
        call->next = bus->volume_calls;
        bus->volume_calls = call;
        r = bus_call_new(bus, message, NULL, &call->call);
        if (r >= 0)
                r = inspect_start(bus->manager, on_inspected, call, &call->inspect, &failure);
        if (r != 0)
                return bus_refuse(reterr, r, &failure);
        call = NULL;
        return 1;
}
