/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ipe-load: runs at boot, before anything that a policy judges. It reads the store that the daemon left and hands the
 * chosen policy to the kernel, which verifies it. It needs no bus, and libcrypto only to see whether the state file
 * is damaged. It writes nothing but journal entries and, in the state file, the count of the boots of a trial.
 *
 * If state.json is damaged or missing, its predecessor names the policy. It has the same confirmed version
 * (store-file.c), but may lack a boot in the count, so ipe-load continues no trial by it.
 *
 * Exit status: 0 if a policy is active or none is wanted, 1 if none could be loaded. Two options load nothing:
 * --check exits with 0 if a policy is active, whoever loaded it; --trial if this boot decides about a trial.
 * --initrd is for an initrd without systemd: the kernel log takes the place of the journal.
 */

#include "kernel-extended.h"
#include "load-owner.h"
#include "load-trial.h"
#include "load-vendor.h"
#include "load.h"
#include "messages.h"

static int load_version(const Kernel *kernel, const Store *store, const VersionRecord *record) {
        _cleanup_free_ void *data = NULL;
        size_t size;
        int r;

        r = load_read(store, record, &data, &size);
        if (r >= 0)
                r = kernel_activate(kernel, record->name, &record->version, data, size);
        if (r == -ESTALE)
                return r;
        if (r < 0)
                load_log(LOG_ERR, MESSAGE_LOAD_FAILED, record, "cannot be loaded: %s", strerror(-r));
        else
                load_log(LOG_NOTICE, MESSAGE_LOADED, record, "is active.");
        return r;
}

static void log_damaged(const char *sentence) {
        static const LogField fields[] = {
                { "IPE_SOURCE", STORE_DIRECTORY "/state.json" },
                { "OBJECT_SYSTEMD_UNIT", LOAD_UNIT },
                {},
        };

        log_entry(LOG_ERR, MESSAGE_STATE_DAMAGED, fields, "%s", sentence);
}

/* Returns 0, 1 for the predecessor, which lacks the latest change, or a negative errno; logged. */
static int read_state(Store **ret_store, StoreState **ret_state) {
        LOAD_AS_OWNER;
        int r = store_open_read_only(STORE_DIRECTORY, ret_store);

        if (r == -ENOENT) {
                *ret_state = store_state_copy(NULL);
                return *ret_state ? 0 : -ENOMEM;
        }
        if (r >= 0)
                r = store_read_state(*ret_store, ret_state);
        if (r > 0)
                log_damaged("'" STORE_DIRECTORY
                            "/state.json' is damaged or missing: the version that state.json.old has as confirmed "
                            "is loaded.");
        else if (r == -EUCLEAN || r == -EFBIG)
                log_damaged("'" STORE_DIRECTORY
                            "/state.json' is damaged or missing, and so is state.json.old: no policy is loaded.");
        else if (r < 0)
                log_error("Cannot read '" STORE_DIRECTORY "': %s", strerror(-r));
        return r;
}

/* How many versions are tried: a boot does not wait longer, whatever the store names. */
#define TRIES_MAX 16

static void log_none_wanted(const Kernel *kernel) {
        static const LogField fields[] = { { "OBJECT_SYSTEMD_UNIT", LOAD_UNIT }, {} };
        _cleanup_kernel_policy_ KernelPolicy active = {};
        char version[IPE_VERSION_STRLEN];

        if (kernel_find_active(kernel, &active) > 0) {
                ipe_version_print(&active.version, version);
                log_entry(LOG_NOTICE, MESSAGE_NONE_WANTED, fields,
                          "No policy is loaded, because of 'ipectl deactivate'; but the kernel "
                          "already enforces '%s' %s, from the initrd or /etc/ipe, which stays active.",
                          active.name, version);
        } else
                log_entry(LOG_NOTICE, MESSAGE_NONE_WANTED, fields,
                          "No policy is loaded, because of 'ipectl deactivate'. "
                          "'ipectl activate' ends that, once the policy is confirmed.");
}

static int load_best(const Kernel *kernel, const Store *store, const StoreState *state) {
        _cleanup_free_ const VersionRecord **order = NULL;
        int n = store_state_boot_order(state, &order), r;

        if (n < 0)
                return n;
        if (state->deactivated_boot_id[0] != '\0') {
                log_none_wanted(kernel);
                return 0;
        }
        if (n == 0) {
                log_info("No policy is confirmed, nothing to load.");
                return 0;
        }
        if (kernel_abi(kernel) == KERNEL_ABI_NONE) {
                load_log_no_ipe(order[0]->name);
                return -ENODEV;
        }
        for (int i = 0; i < n && i < TRIES_MAX; i++) {
                r = load_version(kernel, store, order[i]);
                if (r == -ESTALE)
                        r = load_keep(kernel, order[i]->name);
                if (r >= 0)
                        return 0;
        }
        log_error("None of %d policies could be loaded%s: nothing is enforced.", n,
                  n > TRIES_MAX ? " (only the first were tried)" : "");
        return -ENOENT;
}

/* The confirmed version comes first: a kernel that ends the trial by itself goes back to it.
 * is_predecessor: the state lacks the latest change. */
static int load_all(const Kernel *kernel, const Store *store, StoreState **state, bool is_predecessor) {
        const VersionRecord *trial = NULL;
        int r;

        if (load_trial_runs(kernel, *state)) {
                log_info("A policy is on trial already; its trial goes on.");
                return 0;
        }
        r = load_trial_count(state, is_predecessor, &trial);
        if (r < 0)
                return r;
        r = load_best(kernel, store, *state);
        return trial && load_trial(kernel, store, *state, trial) >= 0 ? 0 : r;
}

/* For ipe-policy-check.service. Returns 0, or -ENOENT if no policy is active. */
static int check(const Kernel *kernel) {
        _cleanup_kernel_policy_ KernelPolicy active = {};
        int r = kernel_find_active(kernel, &active);

        if (r < 0)
                log_error("Cannot find out which policy is active: %s", strerror(-r));
        return r == 0 ? -ENOENT : r;
}

/* For ipe-boot-check.service and ipe-confirm.service. Returns 0, or -ENOENT if this boot does not decide about a trial.
 */
static int check_trial(void) {
        _cleanup_(store_state_freep) StoreState *state = NULL;
        _cleanup_(store_freep) Store *store = NULL;
        LOAD_AS_OWNER;
        int r = store_open_read_only(STORE_DIRECTORY, &store);

        /* The run that loaded the policy has logged any fault of the store. */
        if (r >= 0)
                r = store_read_state(store, &state);
        return r < 0 ? r : load_trial_is_boot(state) ? 0 : -ENOENT;
}

/* In place of TimeoutStartSec= of the unit. SIGALRM ends the process. */
#define INITRD_SEC 90

static void enter_initrd(void) {
        log_set_target(LOG_TARGET_KMSG);
        (void) alarm(INITRD_SEC);
}

int main(int argc, char **argv) {
        const char *option = argc == 2 ? argv[1] : "";
        bool only_check = streq(option, "--check"), only_trial = streq(option, "--trial"),
             initrd = streq(option, "--initrd");
        _cleanup_(store_state_freep) StoreState *state = NULL;
        _cleanup_(kernel_freep) Kernel *kernel = NULL;
        _cleanup_(store_freep) Store *store = NULL;
        int r;

        if (argc > 1 && !only_check && !only_trial && !initrd) {
                fprintf(stderr, "Usage: %s [--check|--trial|--initrd]; see ipe-load.service(8).\n", argv[0]);
                return EXIT_FAILURE;
        }
        log_open();
        if (initrd)
                enter_initrd();
        if (only_trial)
                return check_trial() < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
        r = kernel_open(KERNEL_DIRECTORY, &kernel);
        if (r < 0)
                log_error("Cannot read '" KERNEL_DIRECTORY "': %s", strerror(-r));
        else if (only_check)
                return check(kernel) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
        if (r >= 0 && (initrd || load_vendor_is_initrd()))
                return load_vendor(kernel) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
        if (r >= 0)
                r = read_state(&store, &state);
        if (r >= 0)
                r = load_all(kernel, store, &state, r > 0);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
