/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * /org/ipe/Manager. A handler reads its arguments, asks polkit, calls the manager and replies; after polkit it runs
 * again from its start, so nothing may have changed before that.
 */

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <systemd/sd-id128.h>

#include "bus-details.h"
#include "bus-options.h"
#include "bus-subscribe.h"
#include "bus.h"
#include "discard.h"
#include "error-name.h"
#include "health.h"
#include "io.h"
#include "log.h"
#include "object-path.h"
#include "preflight.h"
#include "stage.h"
#include "subscribers.h"
#include "switch.h"
#include "trial.h"

/* "pid 4711 (ipectl) of uid 0": who handed a policy in. */
static char *describe_sender(const Bus *bus, sd_bus_message *message) {
        sd_bus_creds *creds = NULL;
        const char *command = NULL;
        uid_t uid = (uid_t) -1;
        char *text = NULL;
        pid_t pid = 0;

        if (callers_ask(bus->callers, message, SD_BUS_CREDS_EUID | SD_BUS_CREDS_PID | SD_BUS_CREDS_COMM | SD_BUS_CREDS_AUGMENT,
                        &creds) >= 0) {
                (void) sd_bus_creds_get_euid(creds, &uid);
                (void) sd_bus_creds_get_pid(creds, &pid);
                (void) sd_bus_creds_get_comm(creds, &command);
        }
        if (asprintf(&text, "bus: pid %d (%s) of uid %u", pid, command ?: "?", uid) < 0)
                text = NULL;
        sd_bus_creds_unref(creds);
        return text;
}

/* File systems whose files are read without waiting for another process or machine. */
static bool is_local(const struct statfs *st) {
        static const long magics[] = { TMPFS_MAGIC, RAMFS_MAGIC, EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC, F2FS_SUPER_MAGIC,
                                       EROFS_SUPER_MAGIC_V1, SQUASHFS_MAGIC, MSDOS_SUPER_MAGIC };

        for (size_t i = 0; i < ELEMENTSOF(magics); i++)
                if ((long) st->f_type == magics[i])
                        return true;
        return false;
}

/* A user's own file system, of FUSE, could keep the daemon for ever: even one that is asked for the size of a file. */
static int check_descriptor(Bus *bus, sd_bus_message *message, int fd, sd_bus_error *reterr) {
        if (fcntl(fd, F_GET_SEALS) >= 0 || polkit_is_root(bus->polkit, message))
                return 0;
        return sd_bus_error_set(reterr, SD_BUS_ERROR_INVALID_ARGS, "The descriptor is not that of memory: hand the policy in as memory "
                                "(memfd_create), as 'ipectl stage' does. Root may hand in files.");
}

/* Only what can be read without waiting, as root may have taken the wrong file. The position of the descriptor is the caller's. */
static int read_descriptor(int fd, void **ret, size_t *ret_size, Failure *reterr) {
        struct statfs fs;
        struct stat st;
        int r;

        if (fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return failure_set(reterr, FAILURE_INVALID_ARGUMENT,
                                   "The descriptor is not that of a regular file or of memory.");
        if (!is_local(&fs))
                return failure_set(reterr, FAILURE_INVALID_ARGUMENT,
                                   "The file is on a file system that may keep a reader waiting: hand it in as memory "
                                   "(memfd_create), as 'ipectl stage' does.");
        r = pread_fd(fd, ENVELOPE_SIZE_MAX, ret, ret_size);
        if (r == -EFBIG)
                return failure_set(reterr, FAILURE_TOO_LARGE, "The policy has more than the %u bytes that any kernel "
                                   "takes.", ENVELOPE_SIZE_MAX);
        if (r < 0 && r != -ENOMEM)
                return failure_set(reterr, FAILURE_INVALID_ARGUMENT, "Cannot read the descriptor: %s.",
                                   strerror(-r));
        return r;
}

/* Nothing that is larger than a policy is read. */
static int charge_for_size(const Bus *bus, sd_bus_message *message, int fd, uint64_t *ret_units, sd_bus_error *reterr) {
        uint64_t size;
        struct stat st;
        uid_t uid;
        int r = callers_find_uid(bus->callers, message, &uid);

        if (r < 0)
                return r;
        if (fstat(fd, &st) < 0)
                return -errno;
        size = st.st_size < (off_t) ENVELOPE_SIZE_MAX ? (uint64_t) st.st_size : ENVELOPE_SIZE_MAX;
        *ret_units = size / CALLERS_BYTES_PER_UNIT;
        return callers_charge(bus->callers, uid, *ret_units) ? 0 : bus_refuse_too_many(reterr, uid);
}

/* The file may have grown before it was read. */
static void charge_for_rest(const Bus *bus, sd_bus_message *message, size_t size, uint64_t charged) {
        uint64_t units = size / CALLERS_BYTES_PER_UNIT;
        uid_t uid;

        if (units > charged && callers_find_uid(bus->callers, message, &uid) == 0)
                (void) callers_charge(bus->callers, uid, units - charged);
}

static int method_stage(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        Bus *bus = userdata;
        _cleanup_free_ char *sender = NULL;
        _cleanup_free_ void *data = NULL;
        const VersionRecord *record;
        Failure failure = {};
        bool is_new = true;
        uint64_t units = 0;
        size_t size;
        int r, fd;

        r = sd_bus_message_read(message, "h", &fd);
        if (r >= 0)
                r = bus_read_options(message, &(const BusOption) {}, reterr);
        if (r >= 0)
                r = check_descriptor(bus, message, fd, reterr);
        if (r >= 0)
                r = polkit_check(bus->polkit, message, ACTION("stage"), reterr);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = charge_for_size(bus, message, fd, &units, reterr);
        if (r < 0)
                return r;
        sender = describe_sender(bus, message);
        if (!sender)
                return -ENOMEM;
        r = read_descriptor(fd, &data, &size, &failure);
        if (r == 0)
                charge_for_rest(bus, message, size, units);
        if (r == 0)
                r = stage_policy(bus->manager, data, size, sender, NULL, &record, &is_new, &failure);
        if (r == 0 && !is_new)
                r = failure_set(&failure, FAILURE_ALREADY_EXISTS,
                                "This very policy is there already; its state is '%s'.",
                                version_state_to_string(record->state));
        if (r != 0) {
                if (is_new)
                        announce_rejected(&bus->manager->announcer, sender, r, &failure);
                return bus_refuse(reterr, r, &failure);
        }
        return bus_reply_with_path(message, record);
}

static int may_discard(Bus *bus, sd_bus_message *message, const char *name, const char *version, sd_bus_error *reterr) {
        _cleanup_(bus_details_done) BusDetails details = {};
        const VersionRecord *record = NULL;
        int r = bus_details_add(&details, "name", name);

        (void) manager_find(bus->manager, name, version, &record, NULL);
        if (r >= 0)
                r = bus_details_add_version(&details, record);
        return r < 0 ? r : polkit_check_all(bus->polkit, message, (const char *const[]) { ACTION("discard"), NULL }, details.list, reterr);
}

static int method_discard(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        Bus *bus = userdata;
        const char *name, *version;
        Failure failure = {};
        int r;

        r = bus_read_text(message, "name", &name, reterr);
        if (r >= 0)
                r = bus_read_text(message, "version", &version, reterr);
        if (r >= 0)
                r = may_discard(bus, message, name, version, reterr);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = discard_version(bus->manager, name, version, &failure);
        if (r != 0)
                return bus_refuse(reterr, r, &failure);
        return sd_bus_reply_method_return(message, "");
}

static int set_switch(Bus *bus, sd_bus_message *message, KernelSwitch which, const char *action, sd_bus_error *reterr) {
        Failure failure = {};
        bool changed = false;
        int r, value;

        r = sd_bus_message_read(message, "b", &value);
        if (r >= 0)
                r = polkit_check_all(bus->polkit, message, (const char *const[]) { action, NULL },
                                     (const char *const[]) { "value", value ? "true" : "false", NULL }, reterr);
        if (r <= 0)
                return r < 0 ? r : 1;
        bus_watch_before_switch(bus->watch, which);
        r = switch_set(bus->manager, which, value, &changed, &failure);
        if (r != 0)
                return bus_refuse(reterr, r, &failure);
        if (changed)
                bus_watch_told(bus->watch, which, value);
        return sd_bus_reply_method_return(message, "");
}

static int method_set_enforce(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        return set_switch(userdata, message, KERNEL_ENFORCE, ACTION("set-enforce"), reterr);
}

static int method_set_success_audit(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        return set_switch(userdata, message, KERNEL_SUCCESS_AUDIT, ACTION("set-success-audit"), reterr);
}

static int method_list_policies(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        sd_bus_message *reply = NULL;
        int r = sd_bus_message_new_method_return(message, &reply);

        if (r >= 0)
                r = bus_policy_append_list(reply, userdata);
        return bus_send_reply(reply, r);
}

static int method_get_policy(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        Bus *bus = userdata;
        sd_bus_message *reply = NULL;
        const VersionRecord *record;
        const char *name, *version;
        Failure failure = {};
        int r;

        r = sd_bus_message_read(message, "ss", &name, &version);
        if (r < 0)
                return r;
        r = manager_find(bus->manager, name, version, &record, &failure);
        if (r != 0)
                return bus_refuse(reterr, r, &failure);
        r = sd_bus_message_new_method_return(message, &reply);
        if (r >= 0)
                r = bus_policy_append_description(reply, bus, record);
        return bus_send_reply(reply, r);
}

static int get_version(sd_bus *sd, const char *path, const char *interface, const char *property,
                       sd_bus_message *reply, void *userdata, sd_bus_error *reterr) {
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

static int get_switch(sd_bus *sd, const char *path, const char *interface, const char *property,
                      sd_bus_message *reply, void *userdata, sd_bus_error *reterr) {
        const Bus *bus = userdata;
        int r = kernel_get_switch(bus->manager->kernel,
                                  streq(property, "Enforce") ? KERNEL_ENFORCE : KERNEL_SUCCESS_AUDIT);

        /* Without IPE neither happens. */
        if (r < 0 && r != -ENODEV)
                return sd_bus_error_setf(reterr, SD_BUS_ERROR_FAILED, "Cannot find out what the kernel does: %s.", kernel_strerror(r));
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

        if (ours && !trial_is_kernels(bus->manager))
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

        return sd_bus_message_append(reply, "s", store_state_find_state(state, VERSION_TRIAL) ?
                                     confirm_by_to_string(state->trial.confirm) : "");
}

static int get_trial_boots(sd_bus *sd, const char *path, const char *interface, const char *property,
                           sd_bus_message *reply, void *userdata, sd_bus_error *reterr) {
        const StoreState *state = ((const Bus *) userdata)->manager->state;
        StoreTrial trial = store_state_find_state(state, VERSION_TRIAL) ? state->trial : (StoreTrial) {};

        return sd_bus_message_append(reply, "u", (uint32_t) (streq(property, "TrialBoots") ? trial.boots : trial.boots_max));
}

/* Paths are not for everybody. Units, and what they do, the service manager shows to all. */
static const char *detail_for(const HealthCheck *check, bool may_inspect) {
        const char *detail = check->detail.sentence;

        return may_inspect || !strchr(detail, '/') ? detail : "this names a file, and is for callers of Subscribe()";
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

static int get_deactivated(sd_bus *sd, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                           void *userdata, sd_bus_error *reterr) {
        return sd_bus_message_append(reply, "b", ((const Bus *) userdata)->manager->state->deactivated_boot_id[0] != '\0');
}

static int get_state_recorded(sd_bus *sd, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                              void *userdata, sd_bus_error *reterr) {
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
        SD_BUS_METHOD_WITH_ARGS("Stage", SD_BUS_ARGS("h", fd, "a{sv}", options),
                                SD_BUS_RESULT("o", policy), method_stage,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Reload", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method_reload,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Activate", SD_BUS_ARGS("s", name), SD_BUS_RESULT("o", policy), method_activate,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ActivateWithOptions", SD_BUS_ARGS("s", name, "a{sv}", options),
                                SD_BUS_RESULT("o", policy), method_activate_with_options,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Confirm", SD_BUS_ARGS("s", name), SD_BUS_NO_RESULT, method_confirm,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ConfirmWithOptions", SD_BUS_ARGS("s", name, "a{sv}", options), SD_BUS_RESULT("a{sv}", outcome),
                                method_confirm_with_options, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("EndTrial", SD_BUS_ARGS("s", name, "a{sv}", options), SD_BUS_RESULT("a{sv}", outcome),
                                method_end_trial, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("CheckBoot", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method_check_boot, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ConfirmBoot", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method_confirm_boot,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Rollback", SD_BUS_ARGS("s", name), SD_BUS_RESULT("o", policy), method_rollback,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("RollbackWithOptions", SD_BUS_ARGS("s", name, "a{sv}", options), SD_BUS_RESULT("a{sv}", outcome),
                                method_rollback_with_options, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Deactivate", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("a{sv}", outcome), method_deactivate,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Discard", SD_BUS_ARGS("s", name, "s", version), SD_BUS_NO_RESULT, method_discard,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Preflight", SD_BUS_ARGS("s", name), SD_BUS_RESULT("a(ssss)", findings),
                                method_preflight, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("StartPreflight", SD_BUS_ARGS("s", name, "a{sv}", options), SD_BUS_RESULT("o", job),
                                method_start_preflight, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("CanStage", SD_BUS_NO_ARGS, SD_BUS_RESULT("s", result), method_can_stage, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("CanActivate", SD_BUS_ARGS("s", name, "a{sv}", options), SD_BUS_RESULT("s", result),
                                method_can_activate, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("CanConfirm", SD_BUS_ARGS("s", name, "a{sv}", options), SD_BUS_RESULT("s", result),
                                method_can_confirm, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("CanEndTrial", SD_BUS_ARGS("s", name, "a{sv}", options), SD_BUS_RESULT("s", result),
                                method_can_end_trial, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("CanRollback", SD_BUS_ARGS("s", name, "a{sv}", options), SD_BUS_RESULT("s", result),
                                method_can_roll_back, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("CanDeactivate", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("s", result), method_can_deactivate,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("CanDiscard", SD_BUS_ARGS("s", name, "s", version), SD_BUS_RESULT("s", result), method_can_discard,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("CanPreflight", SD_BUS_ARGS("s", name, "a{sv}", options), SD_BUS_RESULT("s", result),
                                method_can_preflight, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("CanInspect", SD_BUS_NO_ARGS, SD_BUS_RESULT("s", result), method_can_inspect,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("CanSetEnforce", SD_BUS_ARGS("b", enforce), SD_BUS_RESULT("s", result), method_can_set_enforce,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("CanSetSuccessAudit", SD_BUS_ARGS("b", enable), SD_BUS_RESULT("s", result),
                                method_can_set_success_audit, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListPolicies", SD_BUS_NO_ARGS,
                                SD_BUS_RESULT("a(ssssbo)", policies), method_list_policies,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("GetPolicy", SD_BUS_ARGS("s", name, "s", version),
                                SD_BUS_RESULT("a{sv}", policy), method_get_policy,
                                SD_BUS_VTABLE_UNPRIVILEGED),
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
        SD_BUS_METHOD_WITH_ARGS("SetSuccessAudit", SD_BUS_ARGS("b", enable),
                                SD_BUS_NO_RESULT, method_set_success_audit,
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
        SD_BUS_SIGNAL_WITH_ARGS("Denied", SD_BUS_ARGS("s", policy, "s", version, "s", operation, "s", path, "a{sv}", details),
                                0),
        SD_BUS_VTABLE_END,
};

/* sd-bus answers this by itself, and where the machine has no ID it closes the connection instead. */
static int filter_machine_id(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        sd_id128_t id;

        if (sd_bus_message_is_method_call(message, "org.freedesktop.DBus.Peer", "GetMachineId") <= 0 ||
            sd_id128_get_machine(&id) >= 0)
                return 0;
        return sd_bus_reply_method_errorf(message, SD_BUS_ERROR_FAILED, "This machine has no ID: /etc/machine-id cannot be read.");
}

static int connect_bus(Bus *bus, sd_event *event) {
        int r;

        r = sd_bus_open_system_with_description(&bus->bus, "ipectld");
        if (r < 0) {
                log_error("Cannot connect to the system bus: %s", strerror(-r));
                return r;
        }
        (void) sd_bus_set_exit_on_disconnect(bus->bus, true);
        r = sd_bus_add_filter(bus->bus, NULL, filter_machine_id, NULL);
        if (r >= 0)
                r = bus_flood_start(bus, event);
        if (r >= 0)
                r = presence_new(bus->bus, &bus->presence);
        if (r >= 0)
                r = sd_bus_add_object_vtable(bus->bus, NULL, MANAGER_PATH, MANAGER_INTERFACE, manager_vtable, bus);
        if (r >= 0)
                r = sd_bus_add_object_manager(bus->bus, NULL, BUS_ROOT_PATH);
        if (r >= 0)
                r = bus_policy_register(bus);
        if (r >= 0)
                r = bus_job_register(bus);
        if (r >= 0)
                r = bus_log_register(bus);
        if (r >= 0)
                r = sd_bus_attach_event(bus->bus, event, SD_EVENT_PRIORITY_NORMAL);
        if (r < 0) {
                log_error("Cannot offer objects on the bus: %s", strerror(-r));
                return r;
        }
        r = sd_bus_request_name(bus->bus, BUS_NAME, 0);
        if (r < 0)
                log_error("Cannot take the name " BUS_NAME ": %s", strerror(-r));
        return r;
}

int bus_new(Manager *manager, Source *source, sd_event *event, Bus **ret) {
        _cleanup_(bus_freep) Bus *bus = calloc(1, sizeof(*bus));
        int r;

        if (!bus)
                return -ENOMEM;
        bus->manager = manager;
        bus->source = source;
        r = callers_new(event, &bus->callers);
        if (r < 0)
                log_error("Cannot connect to the system bus: %s", strerror(-r));
        else
                r = connect_bus(bus, event);
        if (r < 0)
                return r;
        bus->polkit = polkit_new(bus->callers, bus->presence);
        bus->subscribers = subscribers_new(bus->bus, bus->callers, bus->presence);
        if (!bus->polkit || !bus->subscribers)
                return -ENOMEM;
        r = bus_watch_start(bus);
        if (r < 0)
                return r;
        manager->announcer = (Announcer) { .bus = bus->bus, .subscribers = bus->subscribers };
        *ret = TAKE_PTR(bus);
        return 0;
}

Bus *bus_free(Bus *bus) {
        if (!bus)
                return NULL;
        bus_job_cancel(bus);
        preflight_cancel(bus->manager);
        bus_activation_cancel(bus);
        bus_volume_cancel(bus);
        bus_boot_cancel(bus);
        bus->manager->announcer = (Announcer) {};
        subscribers_free(bus->subscribers);
        polkit_free(bus->polkit);
        callers_free(bus->callers);
        presence_free(bus->presence);
        bus_watch_free(bus->watch);
        bus_flood_free(bus->flood);
        bus_text_done(bus);
        bus_view_done(bus);
        trust_list_done(&bus->trust);
        sd_bus_flush_close_unref(bus->bus);
        free(bus);
        return NULL;
}
