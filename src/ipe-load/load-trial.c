/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The boots of a policy on trial. They are counted before the kernel is asked: a policy that stops the boot, or with which the
 * machine resets, is tried TrialBoots= times and no more, whatever happens. What cannot be counted is not tried, nor what
 * may have been counted in a state file that was damaged since.
 *
 * A boot is what has a boot ID of its own, so a soft-reboot is none.
 */

#include <systemd/sd-id128.h>

#include "clock.h"
#include "kernel-extended.h"
#include "load-owner.h"
#include "load-trial.h"
#include "load.h"
#include "messages.h"

static bool is_of_this_boot(const StoreTrial *trial, char ret_boot_id[static SD_ID128_STRING_MAX]) {
        sd_id128_t id;

        /* Where there is no ID, nothing can be told of a boot: then nothing is tried. */
        ret_boot_id[0] = '\0';
        if (sd_id128_get_boot(&id) < 0)
                return true;
        return streq(trial->boot_id, sd_id128_to_string(id, ret_boot_id));
}

bool load_trial_goes_on(const Kernel *kernel, const StoreState *state) {
        const VersionRecord *ours = store_state_find_state(state, VERSION_TRIAL);
        _cleanup_kernel_policy_ KernelPolicy active = {};
        char boot_id[SD_ID128_STRING_MAX];
        KernelTrial trial = {};

        if (kernel_find_trial(kernel, &trial) > 0) {
                kernel_policy_done(&trial.policy);
                return true;
        }
        return ours && is_of_this_boot(&state->trial, boot_id) && kernel_find_active(kernel, &active) > 0 &&
               streq(active.name, ours->name) && ipe_version_compare(&active.version, &ours->version) == 0;
}

bool load_trial_is_boot(const StoreState *state) {
        const StoreTrial *trial = &state->trial;
        char boot_id[SD_ID128_STRING_MAX];

        return store_state_find_state(state, VERSION_TRIAL) && trial->boots > 0 && trial->confirm == CONFIRM_AUTO &&
               is_of_this_boot(trial, boot_id);
}

/* Why it is not tried again; empty if it is. */
static const char *why_not(const StoreState *state, bool is_predecessor) {
        if (is_predecessor)
                return "state.json is damaged, and nothing else tells in how many boots it was";
        if (state->trial.boots >= state->trial.boots_max)
                return "it has not been confirmed in as many boots as TrialBoots= allows";
        /* The choice was made for this boot. */
        if (store_state_find_state(state, VERSION_PENDING_REBOOT))
                return "another version was selected for this boot";
        return "";
}

/* Counts under the lock, on what is on disk by then. Returns 1 if counted, 0 if the trial is over, or an errno. */
static int count(StoreState **state) {
        _cleanup_(store_state_freep) StoreState *new = NULL;
        _cleanup_(store_freep) Store *store = NULL;
        char boot_id[SD_ID128_STRING_MAX];
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
        if (!store_state_find_state(new, VERSION_TRIAL) || is_of_this_boot(trial, boot_id) || why_not(new, is_predecessor)[0] != '\0')
                return 0;
        trial->boots++;
        snprintf(trial->boot_id, sizeof(trial->boot_id), "%s", boot_id);
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
        char boot_id[SD_ID128_STRING_MAX];
        int r;

        *ret = NULL;
        if (!ours || is_of_this_boot(&(*state)->trial, boot_id))
                return 0;
        if (why_not(*state, is_predecessor)[0] != '\0') {
                load_log(LOG_NOTICE, MESSAGE_TRIAL_NOT_LOADED, ours, "was on trial, and is not tried again: %s.",
                         why_not(*state, is_predecessor));
                return 0;
        }
        r = count(state);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                load_log(LOG_WARNING, MESSAGE_TRIAL_NOT_LOADED, ours, "is on trial, but is not tried in this boot, as the boot "
                         "cannot be counted: %s", strerror(-r));
        if (r > 0)
                *ret = store_state_find_state(*state, VERSION_TRIAL);
        return 0;
}

static int ask_kernel(const Kernel *kernel, const VersionRecord *record, const StoreTrial *trial, const void *data, size_t size) {
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
                load_log(LOG_NOTICE, MESSAGE_TRIAL_BOOT, record, "is in force, on trial: it has outlived %llu of %llu reboots "
                         "that TrialBoots= allows, and has %llu seconds to be confirmed.", (unsigned long long) trial->boots,
                         (unsigned long long) trial->boots_max, (unsigned long long) trial->boot_sec);
        return r;
}
