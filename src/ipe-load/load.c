/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ipe-load: at boot, before anything that a policy is to judge; reads what the daemon left and hands it to the kernel, which
 * verifies. Needs no bus; needs libcrypto only to see whether the state file is damaged. Writes nothing but journal entries and,
 * in the state file, the count of the boots of a trial.
 *
 * Where state.json is damaged or missing, its predecessor says what to load. It names the same confirmed version (store-file.c),
 * but may be behind in the count of boots, so no trial goes on by it.
 *
 * Exit status: 0 if a policy is in force or none is wanted, 1 if none could be loaded. With --check nothing is loaded: 0
 * if a policy is in force, whoever loaded it, 1 if not. Nor is it with --trial: 0 if this boot decides about a trial.
 */

#include <stdarg.h>

#include "kernel-extended.h"
#include "load-owner.h"
#include "load-trial.h"
#include "load-vendor.h"
#include "load.h"
#include "messages.h"

/* journald asks /proc which unit an entry is from, which may be too late for a program that ends at once; 'journalctl -u'
 * finds the entry by the unit that it names, too. */
void load_log(int priority, const char *message_id, const VersionRecord *record, const char *format, ...) {
        char version[IPE_VERSION_STRLEN], hex[DIGEST_HEX_SIZE], text[1024];
        const LogField fields[] = {
                { "IPE_POLICY", record->name },
                { "IPE_VERSION", version },
                { "IPE_DIGEST", hex },
                { "IPE_SIGNER", record->signer },
                { "IPE_TRANSACTION", record->transaction[0] != '\0' ? record->transaction : NULL },
                { "OBJECT_SYSTEMD_UNIT", LOAD_UNIT },
                {},
        };
        va_list arguments;

        ipe_version_print(&record->version, version);
        digest_to_hex(&record->digest, hex);
        va_start(arguments, format);
        (void) vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        log_entry(priority, message_id, fields, "'%s' %s %s", record->name, version, text);
}

void load_log_no_ipe(const char *wanted) {
        log_error("'%s' was to be loaded, but " KERNEL_NO_IPE ".", wanted);
}

int load_keep(const Kernel *kernel, const char *wanted) {
        _cleanup_kernel_policy_ KernelPolicy active = {};
        char version[IPE_VERSION_STRLEN];
        int r = kernel_find_active(kernel, &active);
        LogField fields[] = { { "IPE_POLICY", active.name }, { "IPE_VERSION", version }, { "OBJECT_SYSTEMD_UNIT", LOAD_UNIT }, {} };

        if (r <= 0)
                return r < 0 ? r : -ENOENT;
        ipe_version_print(&active.version, version);
        log_entry(LOG_NOTICE, MESSAGE_KEPT, fields, "The kernel enforces '%s' %s already, and goes to nothing of a lower version: it "
                  "stays, and '%s' is not loaded.", active.name, version, wanted);
        return 0;
}

int load_read(const Store *store, const VersionRecord *record, void **ret, size_t *ret_size) {
        LOAD_AS_OWNER;

        return store_read(store, &record->digest, ret, ret_size);
}

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
                load_log(LOG_NOTICE, MESSAGE_LOADED, record, "is in force.");
        return r;
}

static void log_damaged(const char *consequence) {
        log_entry(LOG_ERR, MESSAGE_STATE_DAMAGED,
                  (const LogField[]) { { "IPE_SOURCE", STORE_DIRECTORY "/state.json" }, { "OBJECT_SYSTEMD_UNIT", LOAD_UNIT }, {} },
                  "'" STORE_DIRECTORY "/state.json' is damaged: %s", consequence);
}

/* Returns 0, 1 if it is of before the latest change, or a negative errno; logged. */
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
                log_damaged("it is missing, or not as it was written. The version that state.json.old has as confirmed is loaded.");
        else if (r == -EUCLEAN || r == -EFBIG)
                log_damaged("no policy is loaded, as there is no good state.json.old either.");
        else if (r < 0)
                log_error("Cannot read '" STORE_DIRECTORY "': %s", strerror(-r));
        return r;
}

/* How many versions are tried: whatever the store names, the boot goes on soon. */
#define TRIES_MAX 16

static void say_none_wanted(const Kernel *kernel) {
        static const LogField fields[] = { { "OBJECT_SYSTEMD_UNIT", LOAD_UNIT }, {} };
        _cleanup_kernel_policy_ KernelPolicy active = {};
        char version[IPE_VERSION_STRLEN];

        if (kernel_find_active(kernel, &active) > 0) {
                ipe_version_print(&active.version, version);
                log_entry(LOG_NOTICE, MESSAGE_NONE_WANTED, fields, "No policy is loaded, as none is wanted since 'ipectl deactivate'; but the "
                          "kernel enforces '%s' %s already, which came with the initrd or lies in /etc/ipe, and that stays.", active.name, version);
        } else
                log_entry(LOG_NOTICE, MESSAGE_NONE_WANTED, fields, "No policy is loaded, as none is wanted since 'ipectl deactivate'. "
                          "'ipectl activate' ends that, once it is confirmed.");
}

static int load_best(const Kernel *kernel, const Store *store, const StoreState *state) {
        _cleanup_free_ const VersionRecord **order = NULL;
        int n = store_state_boot_order(state, &order), r;

        if (n < 0)
                return n;
        if (state->deactivated_boot_id[0] != '\0') {
                say_none_wanted(kernel);
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
        log_error("None of %d policies could be loaded%s: nothing is enforced.", n, n > TRIES_MAX ? ", of which the first were tried" : "");
        return -ENOENT;
}

/* The confirmed version comes first: a kernel that ends the trial by itself goes back to it.
 * is_predecessor: the state is of before the latest change. */
static int load_all(const Kernel *kernel, const Store *store, StoreState **state, bool is_predecessor) {
        const VersionRecord *trial = NULL;
        int r;

        if (load_trial_goes_on(kernel, *state)) {
                log_info("A policy is on trial already, it goes on.");
                return 0;
        }
        r = load_trial_count(state, is_predecessor, &trial);
        if (r < 0)
                return r;
        r = load_best(kernel, store, *state);
        return trial && load_trial(kernel, store, *state, trial) >= 0 ? 0 : r;
}

/* For ipe-policy-check.service. Returns 0, or -ENOENT if no policy is in force. */
static int check(const Kernel *kernel) {
        _cleanup_kernel_policy_ KernelPolicy active = {};
        int r = kernel_find_active(kernel, &active);

        if (r < 0)
                log_error("Cannot find out what the kernel enforces: %s", strerror(-r));
        return r == 0 ? -ENOENT : r;
}

/* For ipe-boot-check.service and ipe-confirm.service. Returns 0, or -ENOENT if no trial is the daemon's to confirm in this boot. */
static int check_trial(void) {
        _cleanup_(store_state_freep) StoreState *state = NULL;
        _cleanup_(store_freep) Store *store = NULL;
        LOAD_AS_OWNER;
        int r = store_open_read_only(STORE_DIRECTORY, &store);

        /* What is wrong with it was said when the policy was to be loaded. */
        if (r >= 0)
                r = store_read_state(store, &state);
        return r < 0 ? r : load_trial_is_boot(state) ? 0 : -ENOENT;
}

int main(int argc, char **argv) {
        bool only_check = argc == 2 && streq(argv[1], "--check"), only_trial = argc == 2 && streq(argv[1], "--trial");
        _cleanup_(store_state_freep) StoreState *state = NULL;
        _cleanup_(kernel_freep) Kernel *kernel = NULL;
        _cleanup_(store_freep) Store *store = NULL;
        int r;

        if (argc > 1 && !only_check && !only_trial) {
                fprintf(stderr, "Usage: %s [--check|--trial]; see ipe-load.service(8).\n", argv[0]);
                return EXIT_FAILURE;
        }
        log_open();
        if (only_trial)
                return check_trial() < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
        r = kernel_open(KERNEL_DIRECTORY, &kernel);
        if (r < 0)
                log_error("Cannot look at '" KERNEL_DIRECTORY "': %s", strerror(-r));
        else if (only_check)
                return check(kernel) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
        if (r >= 0 && load_is_initrd())
                return load_vendor(kernel) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
        if (r >= 0)
                r = read_state(&store, &state);
        if (r >= 0)
                r = load_all(kernel, store, &state, r > 0);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
