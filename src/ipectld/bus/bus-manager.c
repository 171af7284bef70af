/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The interface org.ipe.Manager: its table of methods, its properties and its signals. A handler reads its arguments,
 * asks polkit, calls the manager and replies; after polkit it runs again from its start, so it changes nothing before
 * that.
 */

#include "bus-activate.h"
#include "bus-boot.h"
#include "bus-can.h"
#include "bus-history.h"
#include "bus-job.h"
#include "bus-manager.h"
#include "bus-policy.h"
#include "bus-preflight.h"
#include "bus-reload.h"
#include "bus-reply.h"
#include "bus-stage.h"
#include "bus-subscribe.h"
#include "bus-switch.h"
#include "bus-text.h"
#include "bus-trial.h"
#include "bus-trust.h"
#include "bus-view.h"
#include "bus-volume.h"
#include "health.h"
#include "object-path.h"
#include "trial.h"

static int get_version(sd_bus *sd, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                       void *userdata, sd_bus_error *reterr) {
        return sd_bus_message_append(reply, "s", PROJECT_VERSION);
}

static int get_features(sd_bus *sd, const char *path, const char *interface, const char *property,
                        sd_bus_message *reply, void *userdata, sd_bus_error *reterr) {
        const Bus *bus = userdata;

        return sd_bus_message_append_strv(reply, (char **) kernel_features(bus->manager->kernel));
}

static int get_kernel_abi(sd_bus *sd, const char *path, const char *interface, const char *property,
                          sd_bus_message *reply, void *userdata, sd_bus_error *reterr) {
        const Bus *bus = userdata;

        return sd_bus_message_append(reply, "s", kernel_abi_to_string(kernel_abi(bus->manager->kernel)));
}

static int get_switch(sd_bus *sd, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                      void *userdata, sd_bus_error *reterr) {
        const Bus *bus = userdata;
        int r = kernel_get_switch(bus->manager->kernel,
                                  streq(property, "Enforce") ? KERNEL_ENFORCE : KERNEL_SUCCESS_AUDIT);

        /* Without IPE both are off. */
        if (r < 0 && r != -ENODEV)
                return sd_bus_error_setf(reterr, SD_BUS_ERROR_FAILED, "Cannot read the switch from the kernel: %s.",
                                         kernel_strerror(r));
        return sd_bus_message_append(reply, "b", r > 0);
}

static int get_active_policy(sd_bus *sd, const char *path, const char *interface, const char *property,
                             sd_bus_message *reply, void *userdata, sd_bus_error *reterr) {
        const KernelPolicy *active;

        (void) bus_view_active(userdata, &active);
        return bus_append_pair(reply, active->name, &active->version);
}

static int get_trial_policy(sd_bus *sd, const char *path, const char *interface, const char *property,
                            sd_bus_message *reply, void *userdata, sd_bus_error *reterr) {
        const Bus *bus = userdata;
        const VersionRecord *ours = store_state_find_state(bus->manager->state, VERSION_TRIAL);
        _cleanup_kernel_policy_ KernelPolicy policy = {};
        KernelTrial trial = {};

        if (ours && !trial_is_kernel_timed(bus->manager))
                return bus_append_pair(reply, ours->name, &ours->version);
        if (kernel_find_trial(bus->manager->kernel, &trial) > 0)
                policy = trial.policy;
        return bus_append_pair(reply, policy.name, &policy.version);
}

static int get_trial_deadline(sd_bus *sd, const char *path, const char *interface, const char *property,
                              sd_bus_message *reply, void *userdata, sd_bus_error *reterr) {
        const Bus *bus = userdata;

        return sd_bus_message_append(reply, "t", trial_deadline(bus->manager));
}

static int get_trial_confirm(sd_bus *sd, const char *path, const char *interface, const char *property,
                             sd_bus_message *reply, void *userdata, sd_bus_error *reterr) {
        const StoreState *state = ((const Bus *) userdata)->manager->state;

        return sd_bus_message_append(reply, "s",
                                     store_state_find_state(state, VERSION_TRIAL)
                                             ? confirm_by_to_string(state->trial.confirm)
                                             : "");
}

static int get_trial_boots(sd_bus *sd, const char *path, const char *interface, const char *property,
                           sd_bus_message *reply, void *userdata, sd_bus_error *reterr) {
        const StoreState *state = ((const Bus *) userdata)->manager->state;
        StoreTrial trial = store_state_find_state(state, VERSION_TRIAL) ? state->trial : (StoreTrial) {};

        return sd_bus_message_append(reply, "u",
                                     (uint32_t) (streq(property, "TrialBoots") ? trial.boots : trial.boots_max));
}

/* Not everybody may read paths. The names and states of units are open to all, by the service manager. */
static const char *detail_for(const HealthCheck *check, bool may_inspect) {
        const char *detail = check->detail.sentence;

        return may_inspect || !strchr(detail, '/') ? detail
                                                   : "this names a file, so only callers of Subscribe() may read it";
}

static int get_trial_checks(sd_bus *sd, const char *path, const char *interface, const char *property,
                            sd_bus_message *reply, void *userdata, sd_bus_error *reterr) {
        const Bus *bus = userdata;
        const HealthCheck *checks;
        size_t n = health_checks(bus->manager, &checks);
        bool may_inspect = bus_may_inspect(bus, reply);
        int r = sd_bus_message_open_container(reply, 'a', "(sss)");

        for (size_t i = 0; r >= 0 && i < n; i++)
                r = sd_bus_message_append(reply, "(sss)", checks[i].name, health_state_to_string(checks[i].state),
                                          detail_for(&checks[i], may_inspect));
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int get_confirmed_policy(sd_bus *sd, const char *path, const char *interface, const char *property,
                                sd_bus_message *reply, void *userdata, sd_bus_error *reterr) {
        const Bus *bus = userdata;
        const VersionRecord *record = store_state_find_state(bus->manager->state, VERSION_CONFIRMED);

        return bus_append_pair(reply, record ? record->name : NULL, record ? &record->version : NULL);
}

static int get_deactivated(sd_bus *sd, const char *path, const char *interface, const char *property,
                           sd_bus_message *reply, void *userdata, sd_bus_error *reterr) {
        return sd_bus_message_append(reply, "b",
                                     ((const Bus *) userdata)->manager->state->deactivated_boot_id[0] != '\0');
}

static int get_state_recorded(sd_bus *sd, const char *path, const char *interface, const char *property,
                              sd_bus_message *reply, void *userdata, sd_bus_error *reterr) {
        return sd_bus_message_append(reply, "b", ((const Bus *) userdata)->manager->disk_error == 0);
}

static int get_warnings(sd_bus *sd, const char *path, const char *interface, const char *property,
                        sd_bus_message *reply, void *userdata, sd_bus_error *reterr) {
        const char *warning;
        int r = bus_view_warning(userdata, &warning);

        return r < 0 ? r : sd_bus_message_append_strv(reply, (char *[]) { (char *) warning, NULL });
}

static const sd_bus_vtable manager_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("Stage", SD_BUS_ARGS("h", fd, "a{sv}", options), SD_BUS_RESULT("o", policy),
                                method_stage, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Reload", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method_reload, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Activate", SD_BUS_ARGS("s", name), SD_BUS_RESULT("o", policy), method_activate,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ActivateWithOptions", SD_BUS_ARGS("s", name, "a{sv}", options),
                                SD_BUS_RESULT("o", policy), method_activate_with_options, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Confirm", SD_BUS_ARGS("s", name), SD_BUS_NO_RESULT, method_confirm,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ConfirmWithOptions", SD_BUS_ARGS("s", name, "a{sv}", options),
                                SD_BUS_RESULT("a{sv}", outcome), method_confirm_with_options,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("EndTrial", SD_BUS_ARGS("s", name, "a{sv}", options), SD_BUS_RESULT("a{sv}", outcome),
                                method_end_trial, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("CheckBoot", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method_check_boot,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ConfirmBoot", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method_confirm_boot,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Rollback", SD_BUS_ARGS("s", name), SD_BUS_RESULT("o", policy), method_rollback,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("RollbackWithOptions", SD_BUS_ARGS("s", name, "a{sv}", options),
                                SD_BUS_RESULT("a{sv}", outcome), method_rollback_with_options,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Deactivate", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("a{sv}", outcome),
                                method_deactivate, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Discard", SD_BUS_ARGS("s", name, "s", version), SD_BUS_NO_RESULT, method_discard,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Preflight", SD_BUS_ARGS("s", name), SD_BUS_RESULT("a(ssss)", findings),
                                method_preflight, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("StartPreflight", SD_BUS_ARGS("s", name, "a{sv}", options), SD_BUS_RESULT("o", job),
                                method_start_preflight, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("CanStage", SD_BUS_NO_ARGS, SD_BUS_RESULT("s", result), method_can_stage,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("CanActivate", SD_BUS_ARGS("s", name, "a{sv}", options), SD_BUS_RESULT("s", result),
                                method_can_activate, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("CanConfirm", SD_BUS_ARGS("s", name, "a{sv}", options), SD_BUS_RESULT("s", result),
                                method_can_confirm, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("CanEndTrial", SD_BUS_ARGS("s", name, "a{sv}", options), SD_BUS_RESULT("s", result),
                                method_can_end_trial, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("CanRollback", SD_BUS_ARGS("s", name, "a{sv}", options), SD_BUS_RESULT("s", result),
                                method_can_roll_back, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("CanDeactivate", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("s", result),
                                method_can_deactivate, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("CanDiscard", SD_BUS_ARGS("s", name, "s", version), SD_BUS_RESULT("s", result),
                                method_can_discard, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("CanPreflight", SD_BUS_ARGS("s", name, "a{sv}", options), SD_BUS_RESULT("s", result),
                                method_can_preflight, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("CanInspect", SD_BUS_NO_ARGS, SD_BUS_RESULT("s", result), method_can_inspect,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("CanSetEnforce", SD_BUS_ARGS("b", enforce), SD_BUS_RESULT("s", result),
                                method_can_set_enforce, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("CanSetSuccessAudit", SD_BUS_ARGS("b", enable), SD_BUS_RESULT("s", result),
                                method_can_set_success_audit, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListPolicies", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(ssssbo)", policies),
                                method_list_policies, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("GetPolicy", SD_BUS_ARGS("s", name, "s", version), SD_BUS_RESULT("a{sv}", policy),
                                method_get_policy, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("OpenPolicy", SD_BUS_ARGS("s", name, "s", version), SD_BUS_RESULT("h", text),
                                method_open_policy, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListTransitions", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("aa{sv}", transitions),
                                method_list_transitions, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListTrust", SD_BUS_NO_ARGS, SD_BUS_RESULT("aa{sv}", certificates), method_list_trust,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListVolumes", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(ssbss)", volumes), method_list_volumes,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("SetEnforce", SD_BUS_ARGS("b", enforce), SD_BUS_NO_RESULT, method_set_enforce,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("SetSuccessAudit", SD_BUS_ARGS("b", enable), SD_BUS_NO_RESULT, method_set_success_audit,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Subscribe", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("a{sv}", subscription),
                                method_subscribe, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Unsubscribe", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method_unsubscribe,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("Version", "s", get_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Features", "as", get_features, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("KernelAbi", "s", get_kernel_abi, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Enforce", "b", get_switch, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("SuccessAudit", "b", get_switch, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("ActivePolicy", "(ss)", get_active_policy, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("TrialPolicy", "(ss)", get_trial_policy, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("TrialDeadlineUSec", "t", get_trial_deadline, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("TrialConfirm", "s", get_trial_confirm, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("TrialBoots", "u", get_trial_boots, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("TrialBootsMax", "u", get_trial_boots, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("TrialChecks", "a(sss)", get_trial_checks, 0, SD_BUS_VTABLE_PROPERTY_EMITS_INVALIDATION),
        SD_BUS_PROPERTY("ConfirmedPolicy", "(ss)", get_confirmed_policy, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Deactivated", "b", get_deactivated, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("StateRecorded", "b", get_state_recorded, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Warnings", "as", get_warnings, 0, 0),
        SD_BUS_SIGNAL_WITH_ARGS("PolicyStaged", SD_BUS_ARGS("s", name, "s", version, "s", digest), 0),
        SD_BUS_SIGNAL_WITH_ARGS("PolicyRejected", SD_BUS_ARGS("s", source, "s", error, "s", message), 0),
        SD_BUS_SIGNAL_WITH_ARGS("PolicyActivated", SD_BUS_ARGS("s", name, "s", version, "s", digest), 0),
        SD_BUS_SIGNAL_WITH_ARGS("PolicyConfirmed", SD_BUS_ARGS("s", name, "s", version, "s", digest), 0),
        SD_BUS_SIGNAL_WITH_ARGS("PolicyRolledBack", SD_BUS_ARGS("s", name, "s", version, "s", digest), 0),
        SD_BUS_SIGNAL_WITH_ARGS("PolicyChanged", SD_BUS_ARGS("s", name, "s", version, "a{sv}", change), 0),
        SD_BUS_SIGNAL_WITH_ARGS("Denied",
                                SD_BUS_ARGS("s", policy, "s", version, "s", operation, "s", path, "a{sv}", details), 0),
        SD_BUS_VTABLE_END,
};

int bus_manager_register(Bus *bus) {
        return sd_bus_add_object_vtable(bus->bus, NULL, MANAGER_PATH, MANAGER_INTERFACE, manager_vtable, bus);
}
