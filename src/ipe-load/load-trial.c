/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The boots of a policy on trial. ipe-load counts each boot before it asks the kernel: a policy that stops the boot,
 * or resets the machine, is tried TrialBoots= times and no more, whatever happens. A boot that cannot be counted
 * tries nothing, nor does one after a state file was damaged that may have held a higher count.
 *
 * Each boot ID is one boot, so a soft-reboot is none.
 */

#include <systemd/sd-id128.h>

#include "clock.h"
#include "kernel-extended.h"
#include "load-owner.h"
#include "load-trial.h"
#include "load.h"
#include "messages.h"

typedef struct BootId {
        char text[SD_ID128_STRING_MAX];
} BootId;

/* Empty where the kernel does not say. */
static BootId this_boot(void) {
        BootId boot = {};
        sd_id128_t id;

        if (sd_id128_get_boot(&id) >= 0)
                (void) sd_id128_to_string(id, boot.text);
        return boot;
}

bool load_trial_runs(const Kernel *kernel, const StoreState *state) {
        const VersionRecord *ours = store_state_find_state(state, VERSION_TRIAL);
        _cleanup_kernel_policy_ KernelPolicy active = {};
        KernelTrial trial = {};

        if (kernel_find_trial(kernel, &trial) > 0) {
                kernel_policy_done(&trial.policy);
                return true;
        }
        return ours && store_trial_is_of_boot(&state->trial, this_boot().text) &&
               kernel_find_active(kernel, &active) > 0 && streq(active.name, ours->name) &&
               ipe_version_compare(&active.version, &ours->version) == 0;
}

bool load_trial_is_boot(const StoreState *state) {
        return store_state_boot_is_on_trial(state, this_boot().text);
}

/* Why this boot does not try it; empty if it does. */
static const char *why_not(const StoreState *state, bool is_predecessor) {
        if (is_predecessor)
                return "state.json is damaged, and nothing else says how many boots have tried it";
        if (state->trial.boots >= state->trial.boots_max)
                return "it has not been confirmed in as many boots as TrialBoots= allows";
        if (store_state_find_state(state, VERSION_PENDING_REBOOT))
                return "another version was selected for this boot";
        return "";
}

/* Counts under the lock, on the state that is on disk by then. Returns 1 if counted, 0 if the trial has ended, or an
 * errno. */
static int count(StoreState **state) {
        _cleanup_(store_state_freep) StoreState *new = NULL;
        _cleanup_(store_freep) Store *store = NULL;
        const BootId boot = this_boot();
        bool is_predecessor;
        StoreTrial *trial;
        LOAD_AS_OWNER;
        int r;

        r = store_open(STORE_DIRECTORY, &store);
        if (r >= 0)
                r = store_read_state(store, &new);
        if (r < 0)
                return r;
        is_predecessor = r > 0;
        trial = &new->trial;
        if (!store_state_find_state(new, VERSION_TRIAL) || store_trial_is_of_boot(trial, boot.text) ||
            why_not(new, is_predecessor)[0] != '\0')
                return 0;
        trial->boots++;
        snprintf(trial->boot_id, sizeof(trial->boot_id), "%s", boot.text);
        trial->deadline_usec = clock_usec(CLOCK_BOOTTIME) + trial->boot_sec * USEC_PER_SEC;
        r = store_write_state(store, new);
        if (r < 0)
                return r;
        store_state_free(*state);
        *state = TAKE_PTR(new);
        return 1;
}

int load_trial_count(StoreState **state, bool is_predecessor, const VersionRecord **ret) {
        const VersionRecord *ours = store_state_find_state(*state, VERSION_TRIAL);
        int r;

        *ret = NULL;
        if (!ours || store_trial_is_of_boot(&(*state)->trial, this_boot().text))
                return 0;
        if (why_not(*state, is_predecessor)[0] != '\0') {
                load_log(LOG_NOTICE, MESSAGE_TRIAL_NOT_LOADED, ours, "was on trial and is not tried again: %s.",
                         why_not(*state, is_predecessor));
                return 0;
        }
        r = count(state);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                load_log(LOG_WARNING, MESSAGE_TRIAL_NOT_LOADED, ours,
                         "is on trial, but this boot does not try it, as the boot "
                         "cannot be counted: %s",
                         strerror(-r));
        if (r > 0)
                *ret = store_state_find_state(*state, VERSION_TRIAL);
        return 0;
}

static int ask_kernel(const Kernel *kernel, const VersionRecord *record, const StoreTrial *trial, const void *data,
                      size_t size) {
        if (kernel_has_feature(kernel, "trial"))
                return kernel_trial(kernel, record->name, &record->version, data, size,
                                    kernel_trial_sec(trial->boot_sec, trial->confirm == CONFIRM_AUTO));
        return kernel_activate(kernel, record->name, &record->version, data, size);
}

int load_trial(const Kernel *kernel, const Store *store, const StoreState *state, const VersionRecord *record) {
        const StoreTrial *trial = &state->trial;
        _cleanup_free_ void *data = NULL;
        size_t size;
        int r;

        r = load_read(store, record, &data, &size);
        if (r >= 0)
                r = ask_kernel(kernel, record, trial, data, size);
        if (r < 0)
                load_log(LOG_ERR, MESSAGE_LOAD_FAILED, record, "is on trial, but cannot be loaded: %s", strerror(-r));
        else
                load_log(LOG_NOTICE, MESSAGE_TRIAL_BOOT, record,
                         "is active on trial, in boot %llu of the %llu that "
                         "TrialBoots= allows; it has %llu seconds to be confirmed.",
                         (unsigned long long) trial->boots, (unsigned long long) trial->boots_max,
                         (unsigned long long) trial->boot_sec);
        return r;
}
