/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * CanActivate() and its like tell a graphical interface which buttons to offer. The answers are those of
 * systemd-logind:
 *
 *      yes         the caller has the right to the call
 *      challenge   the same, after authentication
 *      no          the caller has no right to the call
 *      na          there is nothing that the call could change
 *
 * Nobody gets a dialog for a password. Everybody may ask, so these calls do not read the kernel, and "yes" does not
 * promise that the call succeeds.
 */

#include "bus-can.h"
#include "bus-options.h"
#include "bus-activate-request.h"
#include "deactivate.h"
#include "rollback.h"
#include "trial.h"

static int answer(Bus *bus, sd_bus_message *message, const char *const *actions, const char *const *details,
                  sd_bus_error *reterr) {
        static const char *const words[] = {
                [POLKIT_NO] = "no", [POLKIT_CHALLENGE] = "challenge", [POLKIT_YES] = "yes"
        };
        PolkitAnswer found;
        int r = polkit_find_out(bus->polkit, message, actions, details, &found, reterr);

        if (r <= 0)
                return r < 0 ? r : 1;
        return sd_bus_reply_method_return(message, "s", words[found]);
}

static int answer_not_available(sd_bus_message *message) {
        return sd_bus_reply_method_return(message, "s", "na");
}

/* polkit gets the same details as for the call itself. */
static int answer_about_state(Bus *bus, sd_bus_message *message, const char *action, const VersionRecord *record,
                              sd_bus_error *reterr) {
        _cleanup_(bus_details_done) BusDetails details = {};
        int r = bus_details_add_state(&details, record->name, record);

        return r < 0 ? r : answer(bus, message, (const char *const[]) { action, NULL }, details.list, reterr);
}

static int answer_plainly(Bus *bus, sd_bus_message *message, const char *action, sd_bus_error *reterr) {
        return answer(bus, message, (const char *const[]) { action, NULL }, NULL, reterr);
}

int method_can_stage(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        return answer_plainly(userdata, message, ACTION("stage"), reterr);
}

int method_can_inspect(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        return answer_plainly(userdata, message, ACTION("inspect"), reterr);
}

int method_can_activate(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        _cleanup_(bus_details_done) BusDetails details = {};
        const char *actions[POLKIT_ACTIONS_MAX + 1];
        ActivationRequest request;
        Bus *bus = userdata;
        int r = activation_request_read(bus, message, true, &request, reterr);

        if (r < 0)
                return r;
        if (!request.is_planned || store_state_find_state(bus->manager->state, VERSION_TRIAL) ||
            kernel_abi(bus->manager->kernel) == KERNEL_ABI_NONE)
                return answer_not_available(message);
        activation_request_list_actions(bus, &request, actions);
        r = activation_request_describe(bus, &request, &details);
        return r < 0 ? r : answer(bus, message, actions, details.list, reterr);
}

static int can_end_trial(Bus *bus, sd_bus_message *message, const char *action, sd_bus_error *reterr) {
        const VersionRecord *trial = store_state_find_state(bus->manager->state, VERSION_TRIAL);
        TrialMeant meant = {};
        const BusOption options[] = { { "version", "s", &meant.version },
                                      { "transaction", "s", &meant.transaction },
                                      {} };
        Failure ignored = {};
        const char *name;
        int r = bus_read_text(message, "name", &name, reterr);

        if (r >= 0)
                r = bus_read_options(message, options, reterr);
        if (r < 0)
                return r;
        if (trial_check_meant(trial, name, &meant, &ignored) != 0)
                return answer_not_available(message);
        return answer_about_state(bus, message, action, trial, reterr);
}

int method_can_confirm(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        return can_end_trial(userdata, message, ACTION("confirm"), reterr);
}

int method_can_end_trial(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        return can_end_trial(userdata, message, ACTION("rollback"), reterr);
}

/* The call itself finds out whether the kernel and the trust in the signer permit it. */
int method_can_roll_back(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        Bus *bus = userdata;
        const char *name, *from = NULL;
        const BusOption options[] = { { "from", "s", &from }, {} };
        const VersionRecord *record;
        Failure ignored = {};
        int r = bus_read_text(message, "name", &name, reterr);

        if (r >= 0)
                r = bus_read_options(message, options, reterr);
        if (r < 0)
                return r;
        record = rollback_candidate(bus->manager->state, name);
        if (trial_check_meant(record, name, &(const TrialMeant) { .version = from }, &ignored) != 0)
                return answer_not_available(message);
        return answer_about_state(bus, message, ACTION("rollback"), record, reterr);
}

int method_can_deactivate(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        Bus *bus = userdata;
        const StoreState *state = bus->manager->state;
        const VersionRecord *record = manager_selected(bus->manager);
        const char *name = NULL, *version = NULL;
        const BusOption options[] = { { "name", "s", &name }, { "version", "s", &version }, {} };
        Failure ignored = {};
        int r = bus_read_options(message, options, reterr);

        if (r < 0)
                return r;
        if (store_state_find_state(state, VERSION_TRIAL) ||
            deactivate_check_meant(record, name, version, &ignored) != 0)
                return answer_not_available(message);
        return answer_about_state(bus, message, ACTION("deactivate"), record, reterr);
}

int method_can_discard(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        _cleanup_(bus_details_done) BusDetails details = {};
        Bus *bus = userdata;
        const char *name, *version;
        const VersionRecord *record;
        int r = bus_read_text(message, "name", &name, reterr);

        if (r >= 0)
                r = bus_read_text(message, "version", &version, reterr);
        if (r < 0)
                return r;
        /* Without a version the call means none: it never takes the newest. */
        if (!*version || manager_find(bus->manager, name, version, &record, NULL) != 0 ||
            record->state == VERSION_CONFIRMED || record->state == VERSION_PENDING_REBOOT ||
            record->state == VERSION_TRIAL)
                return answer_not_available(message);
        r = bus_details_add_version(&details, name, record);
        return r < 0 ? r
                     : answer(bus, message, (const char *const[]) { ACTION("discard"), NULL }, details.list, reterr);
}

int method_can_preflight(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        _cleanup_(bus_details_done) BusDetails details = {};
        Bus *bus = userdata;
        const char *name, *version = NULL;
        const BusOption options[] = { { "version", "s", &version }, {} };
        const VersionRecord *record = NULL;
        int r = bus_read_text(message, "name", &name, reterr);

        if (r >= 0)
                r = bus_read_options(message, options, reterr);
        if (r < 0)
                return r;
        if (version && *version)
                (void) manager_find(bus->manager, name, version, &record, NULL);
        else
                record = activation_candidate(bus->manager->state, name);
        if (!record || (record->state != VERSION_STAGED && record->state != VERSION_FAILED))
                return answer_not_available(message);
        r = bus_details_add_names(&details, name, version);
        return r < 0 ? r
                     : answer(bus, message, (const char *const[]) { ACTION("inspect"), NULL }, details.list, reterr);
}

static int can_switch(Bus *bus, sd_bus_message *message, const char *action, sd_bus_error *reterr) {
        int value, r = sd_bus_message_read(message, "b", &value);

        if (r < 0)
                return r;
        if (kernel_abi(bus->manager->kernel) == KERNEL_ABI_NONE)
                return answer_not_available(message);
        return answer(bus, message, (const char *const[]) { action, NULL },
                      (const char *const[]) { "value", value ? "true" : "false", NULL }, reterr);
}

int method_can_set_enforce(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        return can_switch(userdata, message, ACTION("set-enforce"), reterr);
}

int method_can_set_success_audit(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        return can_switch(userdata, message, ACTION("set-success-audit"), reterr);
}
