/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The state of the daemon, and the small operations on it.
 */

#include <assert.h>

#include <systemd/sd-id128.h>

#include "kernel-extended.h"
#include "kernel-open.h"
#include "log.h"
#include "manager.h"

static void log_trust_problem(const char *path, const char *sentence, void *userdata) {
        log_warning("Cannot use '%s', ignoring: %s", path, sentence);
}

int manager_collect(Manager *manager) {
        int r;

        manager->collect_later = manager->n_batches > 0;
        if (manager->collect_later)
                return 0;
        r = store_collect(manager->store, manager->state);
        return r < 0 ? r : 0;
}

void manager_on_change(Manager *manager, ManagerChanged changed, void *userdata) {
        assert(manager->n_listeners < ELEMENTSOF(manager->listeners));
        manager->listeners[manager->n_listeners++] = (ManagerListener) { .changed = changed, .userdata = userdata };
}

static void call_listeners(Manager *manager, ManagerChange change) {
        for (size_t i = 0; i < manager->n_listeners; i++)
                manager->listeners[i].changed(manager, change, manager->listeners[i].userdata);
}

static void remark_on_config(const char *sentence, void *userdata) {
        remarks_add(userdata, "%s", sentence);
}

/* An incomplete configuration is used only if there is no earlier one: the missing part may be "Confirm=manual". */
static int reload_config(Manager *manager, Failure *reterr) {
        Config config = {};
        int r = config_load(config_directories, remark_on_config, &manager->remarks, &config);

        if (r < 0)
                return r;
        if (r > 0 && manager->configured) {
                config_done(&config);
                return failure_set(reterr, FAILURE_CANNOT_READ,
                                   "Cannot read all of ipectld.conf, so the settings stay as they were; "
                                   "'journalctl -u ipectld' says more.");
        }
        config_done(&manager->config);
        manager->config = config;
        manager->configured = true;
        return 0;
}

static int reload_trust(Manager *manager, bool on_demand, Failure *reterr) {
        int r = trust_refresh(manager->trust, trust_directories, on_demand ? NULL : log_trust_problem, NULL);

        if (r == -ENOMEM)
                return r;
        if (on_demand)
                trust_report_problems(manager->trust, log_trust_problem, NULL);
        if (r >= 0)
                return trust_doubt(manager->trust)
                               ? failure_set(reterr, FAILURE_CANNOT_READ,
                                             "Cannot use '%.200s', which may revoke certificates: repair or remove it; "
                                             "'journalctl -u ipectld' says more.",
                                             trust_doubt(manager->trust))
                               : 0;
        remarks_add(&manager->remarks, "Cannot read the trusted certificates, so nobody is trusted: %s", strerror(-r));
        return failure_set(reterr, FAILURE_CANNOT_READ,
                           "Cannot read the trusted certificates in trust.d: %s. Repair or remove the file at fault; "
                           "'journalctl -u ipectld' says more.",
                           strerror(-r));
}

int manager_reload(Manager *manager, bool on_demand, Failure *reterr) {
        int config = 0, trust;
        Failure other = {};

        remarks_begin(&manager->remarks, on_demand);
        trust = reload_trust(manager, on_demand, reterr);
        if (!on_demand || trust < 0)
                return trust;
        config = reload_config(manager, trust == 0 ? reterr : &other);
        call_listeners(manager, MANAGER_CONFIG_READ);
        return config < 0 || trust == 0 ? config : trust;
}

int manager_refresh_trust(const Manager *manager) {
        return trust_refresh(manager->trust, trust_directories, log_trust_problem, NULL);
}

static int verify(const Manager *manager, bool any_time, Envelope **envelope, VerifiedEnvelope **ret, Failure *reterr) {
        int r = manager_refresh_trust(manager);

        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return failure_set(reterr, FAILURE_KEY_NOT_TRUSTED,
                                   "Cannot read the trusted certificates in trust.d, so nobody is trusted: %s.",
                                   strerror(-r));
        return trust_verify(manager->trust, any_time, envelope, ret, reterr);
}

int manager_verify(const Manager *manager, Envelope **envelope, VerifiedEnvelope **ret, Failure *reterr) {
        return verify(manager, false, envelope, ret, reterr);
}

int manager_check_return(const Manager *manager, const VersionRecord *record, Failure *reterr) {
        _cleanup_(verified_envelope_freep) VerifiedEnvelope *verified = NULL;
        _cleanup_(envelope_freep) Envelope *envelope = NULL;
        Failure by_date = {};
        int r = manager_open_envelope(manager, record, &envelope, reterr);

        if (r != 0)
                return r;
        r = verify(manager, false, &envelope, &verified, &by_date);
        if (r <= 0)
                return r;
        r = verify(manager, true, &envelope, &verified, reterr);
        if (r == 0)
                log_warning("Going back to '%s', although its certificate is not valid at this time: %s", record->name,
                            by_date.sentence);
        return r;
}

int manager_new(Manager **ret) {
        _cleanup_(manager_freep) Manager *manager = calloc(1, sizeof(*manager));
        sd_id128_t boot_id;
        int r;

        if (!manager)
                return -ENOMEM;
        ipe_vocabulary_init(&manager->vocabulary);
        ipe_vocabulary_answer_builtin(&manager->vocabulary);
        r = sd_id128_get_boot(&boot_id);
        if (r < 0)
                return r;
        sd_id128_to_string(boot_id, manager->boot_id);
        kernel_open_ask(KERNEL_OPEN_SOCKET);
        r = kernel_open(KERNEL_DIRECTORY, &manager->kernel);
        if (r < 0) {
                log_error("Cannot open '" KERNEL_DIRECTORY "': %s", strerror(-r));
                return r;
        }
        r = trust_new(&manager->trust);
        if (r >= 0)
                r = manager_reload(manager, true, NULL);
        if (r == -ENOMEM)
                return r;
        *ret = TAKE_PTR(manager);
        return 0;
}

Manager *manager_free(Manager *manager) {
        if (!manager)
                return NULL;
        changes_free(manager->changes);
        store_state_free(manager->state);
        store_free(manager->store);
        trust_free(manager->trust);
        kernel_free(manager->kernel);
        config_done(&manager->config);
        remarks_done(&manager->remarks);
        free(manager);
        return NULL;
}

void manager_adopt(Manager *manager, StoreState **new, int disk_error) {
        StoreState *old = manager->state;

        manager->state = TAKE_PTR(*new);
        manager->disk_error = disk_error;
        manager->commits++;
        announce_changes(&manager->announcer, old, manager->state);
        changes_note(manager->changes, manager->store, old, manager->state, &manager->why);
        manager->why = (Why) {};
        store_state_free(old);
        call_listeners(manager, MANAGER_STATE_CHANGED);
}

int manager_commit(Manager *manager, StoreState **new, Failure *reterr) {
        int r = store_write_state(manager->store, *new);

        if (r < 0) {
                manager->why = (Why) {};
                return failure_set_errno(reterr, r, "Cannot write " STORE_DIRECTORY "/state.json");
        }
        manager_adopt(manager, new, 0);
        return 0;
}

static const VersionRecord *find_newest(const StoreState *state, const char *name) {
        const VersionRecord *newest = NULL;

        /* Versions are sorted. */
        for (size_t i = 0; i < state->n_versions; i++)
                if (streq(state->versions[i].name, name))
                        newest = &state->versions[i];
        return newest;
}

int manager_find(const Manager *manager, const char *name, const char *version, const VersionRecord **ret,
                 Failure *reterr) {
        const VersionRecord *record;
        struct ipe_version number;

        if (!version || !*version)
                record = find_newest(manager->state, name);
        else if (ipe_version_parse(version, strlen(version), &number) < 0)
                return failure_set(reterr, FAILURE_INVALID_ARGUMENT, "'%s' is not a version: expected X.Y.Z.", version);
        else
                record = store_state_find(manager->state, name, &number);
        if (!record)
                return failure_set(reterr, FAILURE_NO_SUCH_POLICY, "There is no policy '%s'%s%s here.", name,
                                   version && *version ? " of version " : "", version ?: "");
        *ret = record;
        return 0;
}

int manager_open_envelope(const Manager *manager, const VersionRecord *record, Envelope **ret, Failure *reterr) {
        _cleanup_(envelope_freep) Envelope *envelope = NULL;
        _cleanup_free_ void *data = NULL;
        Digest digest;
        size_t size;
        int r;

        r = store_read(manager->store, &record->digest, &data, &size);
        if (r < 0)
                return failure_set_errno(reterr, r, "Cannot read the stored policy");
        r = digest_of(data, size, &digest);
        if (r < 0)
                return failure_set_errno(reterr, r, "Cannot check the stored policy");
        if (!digest_equal(&digest, &record->digest)) {
                failure_set(reterr, FAILURE_SIGNATURE_INVALID,
                            "The stored policy is damaged: discard it and stage it again.");
                return -EUCLEAN;
        }
        /* It parsed when it was staged, so this may be for lack of memory. */
        r = envelope_parse(data, size, &envelope, reterr);
        if (r != 0)
                return r;
        *ret = TAKE_PTR(envelope);
        return 0;
}

/* Returns 1; 0 if no signed policy is loaded in that place; or a negative errno. */
static int read_loaded(const Manager *manager, const char *name, KernelPlace place, Digest *ret) {
        _cleanup_free_ void *data = NULL;
        size_t size;
        int r;

        r = kernel_read_envelope(manager->kernel, name, place, &data, &size);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        r = digest_of(data, size, ret);
        return r < 0 ? r : 1;
}

static int find_loaded(const Manager *manager, const char *name, KernelPlace place, const VersionRecord **ret) {
        Digest digest;
        int r = read_loaded(manager, name, place, &digest);

        if (r > 0)
                *ret = store_state_find_digest(manager->state, &digest);
        return r < 0 ? r : 0;
}

int manager_is_shadowed(const Manager *manager, const char *name, const Digest *digest) {
        struct ipe_version next;
        Digest candidate;
        int r;

        r = kernel_is_shadowed(manager->kernel, name);
        if (r <= 0)
                return r;
        /* A shadow ends with its policy, so a policy that is read after the look is either the one in the shadow, or
         * has ended it. */
        r = kernel_find_version(manager->kernel, name, KERNEL_NEXT, &next);
        if (r >= 0)
                r = read_loaded(manager, name, r > 0 ? KERNEL_NEXT : KERNEL_CURRENT, &candidate);
        return r > 0 ? digest_equal(&candidate, digest) : r;
}

const VersionRecord *manager_find_loaded(const Manager *manager, const char *name, KernelPlace place) {
        const VersionRecord *record = NULL;
        int r = find_loaded(manager, name, place, &record);

        if (r < 0)
                log_warning("Cannot read '%s' from the kernel: %s", name, kernel_strerror(r));
        return record;
}

int manager_is_loaded(const Manager *manager, const VersionRecord *record, KernelPlace place) {
        Digest digest;
        int r = read_loaded(manager, record->name, place, &digest);

        return r > 0 ? digest_equal(&digest, &record->digest) : r;
}

int manager_find_active(const Manager *manager, KernelPolicy *ret_active, const VersionRecord **ret) {
        _cleanup_kernel_policy_ KernelPolicy active = {};
        const VersionRecord *record = NULL;
        int r;

        r = kernel_find_active(manager->kernel, &active);
        if (r > 0)
                r = find_loaded(manager, active.name, active.place, &record);
        if (r < 0)
                return r;
        if (ret_active) {
                *ret_active = active;
                active = (KernelPolicy) {};
        }
        *ret = record;
        return 0;
}

int manager_find_trial(const Manager *manager, KernelTrial *ret_trial, const VersionRecord **ret) {
        KernelTrial trial = {};
        int r;

        r = kernel_find_trial(manager->kernel, &trial);
        if (r <= 0)
                return r;
        r = find_loaded(manager, trial.policy.name, trial.policy.place, ret);
        if (r < 0) {
                kernel_policy_done(&trial.policy);
                return r;
        }
        *ret_trial = trial;
        return 0;
}

const VersionRecord *manager_active(const Manager *manager, KernelPolicy *ret_active) {
        const VersionRecord *record = NULL;
        int r = manager_find_active(manager, ret_active, &record);

        if (r < 0)
                log_warning("Cannot find out which policy is active: %s", kernel_strerror(r));
        return record;
}

const VersionRecord *manager_selected(const Manager *manager) {
        return store_state_find_selected(manager->state);
}
