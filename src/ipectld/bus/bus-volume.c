/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ListVolumes(): the dm-verity volumes that are open, and what the policy in force says of them. An inspection takes seconds and reads
 * the whole system, so there is one at a time for all who ask before it begins.
 */

#include "bus-call.h"
#include "log.h"
#include "volumes.h"

/* So many calls may wait for an inspection at once: of root, of all others, and of one of these. */
#define CALLS_ROOT_MAX 16
#define CALLS_MAX 16
#define CALLS_PER_USER_MAX 4

typedef struct BusVolumeCall {
        Bus *bus; /* borrowed */
        BusCall *call;
        uid_t uid;
        bool late; /* came when an inspection was under way, which may have passed what has changed since */
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
        bus_call_free(call->call);
        free(call);
        return NULL;
}

static void volume_call_freep(BusVolumeCall **call) {
        volume_call_free(*call);
}

void bus_volume_cancel(Bus *bus) {
        while (bus->volume_calls)
                volume_call_free(bus->volume_calls);
        bus->volume_inspect = inspect_cancel(bus->volume_inspect);
}

/* Root is never kept out by others. */
static bool has_room(const Bus *bus, uid_t uid) {
        size_t n_root = 0, n_others = 0, n_own = 0;

        for (const BusVolumeCall *call = bus->volume_calls; call; call = call->next) {
                n_root += call->uid == 0;
                n_others += call->uid != 0;
                n_own += call->uid == uid;
        }
        return uid == 0 ? n_root < CALLS_ROOT_MAX : n_others < CALLS_MAX && n_own < CALLS_PER_USER_MAX;
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

static int load_ruling(const Manager *manager, Ruling **ret) {
        int r = ruling_load(manager, ret);

        if (r == 0 || r == -ENOMEM)
                return r;
        log_warning("Cannot read the policy in force, listing volumes without a verdict: %s", kernel_strerror(r));
        return 0;
}

/* r: whether it is answered, as bus_refuse() takes it. */
static void finish(BusVolumeCall *call, int r, const Failure *failure) {
        if (r != 0)
                r = bus_call_refuse(call->call, r, failure);
        if (r < 0)
                log_warning("Cannot answer a call of ListVolumes(): %s", strerror(-r));
        volume_call_free(call);
}

static int start(Bus *bus, Failure *reterr);

/* Callers that came late wait for one more inspection, all for the same one. */
static void serve_late(Bus *bus) {
        Failure failure = {};
        int r;

        if (!bus->volume_calls)
                return;
        for (BusVolumeCall *call = bus->volume_calls; call; call = call->next)
                call->late = false;
        r = start(bus, &failure);
        while (r != 0 && bus->volume_calls)
                finish(bus->volume_calls, r, &failure);
}

static void on_inspected(int result, const Failure *failure, const Inspection *inspection, void *userdata) {
        _cleanup_(ruling_freep) Ruling *ruling = NULL;
        BusVolumeCall *next;
        Bus *bus = userdata;

        bus->volume_inspect = NULL;
        if (result == 0)
                result = load_ruling(bus->manager, &ruling);
        for (BusVolumeCall *call = bus->volume_calls; call; call = next) {
                next = call->next;
                if (!call->late)
                        finish(call, result == 0 ? answer(call->call, ruling_policy(ruling), inspection) : result, failure);
        }
        serve_late(bus);
}

static int start(Bus *bus, Failure *reterr) {
        return inspect_start(bus->manager, on_inspected, bus, &bus->volume_inspect, reterr);
}

/* The inspection goes on: whoever calls and leaves again and again is not to begin one each time. */
static void on_gone(void *userdata) {
        const BusCall *gone = userdata;

        for (BusVolumeCall *call = gone->bus->volume_calls; call; call = call->next)
                if (call->call == gone) {
                        volume_call_free(call);
                        break;
                }
}

static int wait_for_inspection(Bus *bus, sd_bus_message *message, uid_t uid, Failure *reterr) {
        _cleanup_(volume_call_freep) BusVolumeCall *call = calloc(1, sizeof(*call));
        int r;

        if (!call)
                return -ENOMEM;
        *call = (BusVolumeCall) { .bus = bus, .uid = uid, .late = bus->volume_inspect != NULL };
        r = bus_call_new(bus, message, on_gone, &call->call);
        if (r == 0 && !bus->volume_inspect)
                r = start(bus, reterr);
        if (r != 0)
                return r;
        call->next = bus->volume_calls;
        bus->volume_calls = TAKE_PTR(call);
        return 0;
}

int method_list_volumes(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        Bus *bus = userdata;
        Failure failure = {};
        uid_t uid;
        int r;

        r = polkit_check(bus->polkit, message, ACTION("inspect"), reterr);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = callers_find_uid(bus->callers, message, &uid);
        if (r < 0)
                return r;
        if (!has_room(bus, uid))
                return sd_bus_error_set(reterr, SD_BUS_ERROR_LIMITS_EXCEEDED, "Too many calls wait for an inspection already.");
        r = wait_for_inspection(bus, message, uid, &failure);
        return r != 0 ? bus_refuse(reterr, r, &failure) : 1;
}
