/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the daemon holds, from start to end, and the small operations on it.
 */

#include <systemd/sd-id128.h>

#include "behind.h"
#include "changes.h"
#include "dropped.h"
#include "forget.h"
#include "health.h"
#include "kernel-extended.h"
#include "kernel-open.h"
#include "log.h"
#include "manager.h"
#include "recover.h"
#include "stage.h"
#include "store-history.h"
#include "summary.h"
#include "volumes.h"

static void say_trust_problem(const char *path, const char *sentence, void *userdata) {
        log_warning("Cannot use '%s', ignoring: %s", path, sentence);
}

static const char predecessor_used[] = "it is missing, or not as it was written. state.json.old is used, which may not know the "
                                       "latest change: look at the states with 'ipectl list', and repeat what is missing.",
                  nothing_left[] = "it is kept as state.json.damaged, and there is no good state.json.old. What the kernel enforces "
                                   "counts as confirmed, all other policies that are stored as staged.";

/* A damaged state.json is put aside, so that nothing takes it for the truth later. */
static int load_state(Manager *manager) {
        int r = store_read_state(manager->store, &manager->state), moved;
        bool lost = r == -EUCLEAN || r == -EFBIG;

        if (r <= 0 && !lost)
                return r;
        announce_damaged(STORE_DIRECTORY "/state.json", lost ? nothing_left : predecessor_used);
        moved = store_quarantine_state(manager->store);
        if (moved < 0 && moved != -EROFS)
                return moved;
        if (lost)
                manager->state = store_state_copy(NULL);
        if (!manager->state)
                return -ENOMEM;
        manager->state_damaged = moved == -EROFS;
        if (moved == -EROFS)
                return 0;
        changes_number_on(manager);
        r = recover_state(manager);
        /* A disk that is full. What was read stands in state.json.old still. */
        if (r < 0 && r != -ENOMEM && !lost) {
                log_warning("Cannot write state.json anew, ignoring until the next change: %s", strerror(-r));
                r = 0;
        }
        return r;
}

/* Puts the damaged object of a version aside. Returns 1 if it could be replaced, 0 if the version is lost. */
static int put_aside(Manager *manager, const VersionRecord *record, const char *hex) {
        int r = store_quarantine_object(manager->store, &record->digest);

        if (r < 0 && r != -ENOENT)
                log_warning("Cannot move '%s' to '" STORE_DIRECTORY "/damaged', ignoring: %s", hex, strerror(-r));
        r = recover_object(manager, record);
        announce_damaged(hex, r > 0 ? "it was replaced by what the kernel has loaded." :
                                      "that policy is forgotten, stage it again.");
        return r > 0;
}

/* A version that an earlier release staged has no summary yet. Returns 1, 0 if its text is no policy any more, or -ENOMEM. */
static int summarise(const Manager *manager, const Envelope *envelope, PolicySummary *ret) {
        struct ipe_policy *policy = NULL;
        Failure failure = {};
        int r;

        r = envelope_compile(manager, envelope, &policy, &failure);
        if (r == 0)
                r = summary_make(envelope, policy, ret);
        ipe_policy_free(policy);
        return r == -ENOMEM ? r : r == 0;
}

/* On a full disk the state in memory serves until it can be written. */
static int commit_checked(Manager *manager, StoreState **new) {
        Why why = manager->why;
        int r = manager_commit(manager, new, NULL);

        if (r >= 0 || r == -ENOMEM)
                return r;
        if (r != -EROFS)
                log_warning("Cannot write what was found in '" STORE_DIRECTORY "', going on without: %s", strerror(-r));
        manager->behind = r;
        manager->why = why;
        manager_adopt(manager, new);
        return 0;
}

/* A version whose object is gone or damaged cannot be used any more; the others can. */
static int drop_damaged(Manager *manager) {
        _cleanup_(store_state_freep) StoreState *new = store_state_copy(manager->state);
        bool changed = false;

        if (!new)
                return -ENOMEM;
        for (size_t i = 0; i < manager->state->n_versions; i++) {
                const VersionRecord *record = &manager->state->versions[i];
                _cleanup_(envelope_freep) Envelope *envelope = NULL;
                char hex[DIGEST_HEX_SIZE];
                Failure failure = {};
                int r = manager_open_envelope(manager, record, &envelope, &failure);

                digest_to_hex(&record->digest, hex);
                if (r == 0 && !record->summary.known) {
                        r = summarise(manager, envelope, &store_state_find_digest(new, &record->digest)->summary);
                        changed = changed || r > 0;
                        r = r > 0 ? 0 : r;
                }
                if (r == -ENOMEM)
                        return r;
                if (r != 0 && r != -EUCLEAN && r != -ENOENT)
                        log_warning("Cannot check the stored policy '%s', ignoring: %s", hex, failure.sentence);
                if (r != -EUCLEAN && r != -ENOENT)
                        continue;
                if (put_aside(manager, record, hex))
                        continue;
                store_state_remove(new, record->name, &record->version);
                changed = true;
        }
        if (!changed)
                return 0;
        manager->why.reason = "damaged";
        return commit_checked(manager, &new);
}

static int open_store(Manager *manager) {
        int r = store_open(STORE_DIRECTORY, &manager->store);

        /* A daemon that shows what there is, and can switch enforcement off, is better than none. */
        if (r == -EROFS) {
                log_error("'" STORE_DIRECTORY "' is read-only: nothing is staged, activated or confirmed, and what is rolled back "
                          "comes again with the next boot. Make it writable, and restart ipectld.service.");
                r = store_open_read_only(STORE_DIRECTORY, &manager->store);
        }
        if (r == -EBUSY)
                log_error("Another ipectld is running.");
        else if (r < 0)
                log_error("Cannot open '" STORE_DIRECTORY "': %s", strerror(-r));
        if (r < 0)
                return r;
        r = changes_open(manager);
        if (r >= 0)
                r = load_state(manager);
        if (r >= 0)
                r = changes_catch_up(manager);
        if (r >= 0)
                r = drop_damaged(manager);
        if (r < 0) {
                log_error("Cannot read the state in '" STORE_DIRECTORY "': %s", strerror(-r));
                return r;
        }
        /* An empty state may be one that was lost. */
        r = manager->state->n_versions > 0 ? manager_collect(manager) : 0;
        if (r < 0)
                log_warning("Cannot remove what is not needed from '" STORE_DIRECTORY "', ignoring: %s",
                            strerror(-r));
        return 0;
}

int manager_collect(Manager *manager) {
        int r;

        manager->collect_later = manager->n_batches > 0;
        if (manager->collect_later)
                return 0;
        r = store_collect(manager->store, manager->state);
        return r < 0 ? r : 0;
}

static void remark_on_config(const char *sentence, void *userdata) {
        remarks_add(userdata, "%s", sentence);
}

/* Half of a configuration is none, unless there is no other one: what is missing may be "Confirm=manual". */
static int reload_config(Manager *manager, Failure *reterr) {
        Config config = {};
        int r = config_load(config_directories, remark_on_config, &manager->remarks, &config);

        if (r < 0)
                return r;
        if (r > 0 && manager->configured) {
                config_done(&config);
                return failure_set(reterr, FAILURE_CANNOT_READ, "Cannot read all of ipectld.conf, so the settings stay as they were; "
                                   "'journalctl -u ipectld' says more.");
        }
        config_done(&manager->config);
        manager->config = config;
        manager->configured = true;
        return 0;
}

static int reload_trust(Manager *manager, bool again, Failure *reterr) {
        int r = trust_refresh(manager->trust, trust_directories, again ? NULL : say_trust_problem, NULL);

        if (r == -ENOMEM)
                return r;
        if (again)
                trust_tell_problems(manager->trust, say_trust_problem, NULL);
        if (r >= 0)
                return trust_doubt(manager->trust) ?
                       failure_set(reterr, FAILURE_CANNOT_READ, "Cannot use '%.200s', which may revoke certificates: repair or remove it; "
                                   "'journalctl -u ipectld' says more.", trust_doubt(manager->trust)) : 0;
        remarks_add(&manager->remarks, "Cannot read the trusted certificates, so nobody is trusted: %s", strerror(-r));
        return failure_set(reterr, FAILURE_CANNOT_READ, "Cannot read the trusted certificates in trust.d: %s. Mend or remove what is "
                           "at fault; 'journalctl -u ipectld' says more.", strerror(-r));
}

int manager_reload(Manager *manager, bool again, Failure *reterr) {
        int config = 0, trust;
        Failure other = {};

        remarks_begin(&manager->remarks, again);
        trust = reload_trust(manager, again, reterr);
        if (!again || trust < 0)
                return trust;
        config = reload_config(manager, trust == 0 ? reterr : &other);
        /* KeepVersions= may be another one. */
        forget_soon(manager);
        return config < 0 || trust == 0 ? config : trust;
}

int manager_refresh_trust(const Manager *manager) {
        return trust_refresh(manager->trust, trust_directories, say_trust_problem, NULL);
}

static int verify(const Manager *manager, bool any_time, Envelope **envelope, VerifiedEnvelope **ret, Failure *reterr) {
        int r = manager_refresh_trust(manager);

        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return failure_set(reterr, FAILURE_KEY_NOT_TRUSTED, "The trusted certificates of /etc/ipe/trust.d/ and the directories below "
                                   "it cannot be read, so nobody is trusted: %s.", strerror(-r));
        return trust_verify(manager->trust, any_time, envelope, ret, reterr);
}

int manager_verify(const Manager *manager, Envelope **envelope, VerifiedEnvelope **ret, Failure *reterr) {
        return verify(manager, false, envelope, ret, reterr);
}

int manager_judge_return(const Manager *manager, const VersionRecord *record, Failure *reterr) {
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
                log_warning("Going back to '%s' though its certificate is not valid by date: %s", record->name, by_date.sentence);
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
                log_error("Cannot look at '" KERNEL_DIRECTORY "': %s", strerror(-r));
                return r;
        }
        r = trust_new(&manager->trust);
        if (r >= 0)
                r = manager_reload(manager, true, NULL);
        if (r != -ENOMEM)
                r = open_store(manager);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(manager);
        return 0;
}

Manager *manager_free(Manager *manager) {
        if (!manager)
                return NULL;
        health_free(manager);
        forget_free(manager);
        behind_free(manager);
        sd_event_source_disable_unref(manager->trial_timer);
        history_free(manager->history);
        store_state_free(manager->state);
        store_free(manager->store);
        trust_free(manager->trust);
        kernel_free(manager->kernel);
        config_done(&manager->config);
        remarks_done(&manager->remarks);
        free(manager);
        return NULL;
}

void manager_adopt(Manager *manager, StoreState **new) {
        StoreState *old = manager->state;

        manager->state = TAKE_PTR(*new);
        manager->commits++;
        announce_changes(&manager->announcer, old, manager->state);
        changes_note(manager, old);
        manager->why = (Why) {};
        store_state_free(old);
        forget_soon(manager);
        volumes_look_soon(manager->volumes);
}

int manager_commit(Manager *manager, StoreState **new, Failure *reterr) {
        int r = store_write_state(manager->store, *new);

        if (r < 0) {
                manager->why = (Why) {};
                return failure_set_errno(reterr, r, "Cannot write " STORE_DIRECTORY "/state.json");
        }
        manager_adopt(manager, new);
        behind_end(manager);
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
                return failure_set(reterr, FAILURE_INVALID_ARGUMENT, "'%s' is not a version: expected X.Y.Z.",
                                   version);
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
        /* It could be read once, so this may be for lack of memory. */
        r = envelope_parse(data, size, &envelope, reterr);
        if (r != 0)
                return r;
        *ret = TAKE_PTR(envelope);
        return 0;
}

/* Returns 1, 0 if nothing that is signed is loaded in that place, or a negative errno. */
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
        /* A shadow ends with its policy: what is read after it is what is shadowed, or what has ended it. */
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
                log_warning("Cannot find out what the kernel enforces: %s", kernel_strerror(r));
        return record;
}

const VersionRecord *manager_selected(const Manager *manager) {
        return store_state_find_selected(manager->state);
}

/* Returns 1, 0, or a negative errno. */
static int is_loaded(const Manager *manager, const VersionRecord *record, KernelPlace place) {
        Digest digest;
        int r = read_loaded(manager, record->name, place, &digest);

        return r > 0 ? digest_equal(&digest, &record->digest) : r;
}

/* What the kernel still has of a version that was discarded is of no use to anybody. */
static void unload(const Manager *manager, const VersionRecord *record) {
        _cleanup_kernel_policy_ KernelPolicy current = {};
        int r;

        r = is_loaded(manager, record, KERNEL_NEXT);
        if (r > 0) {
                log_warning("The kernel keeps the discarded version of '%s' as its next one, until another takes its place.",
                            record->name);
                return;
        }
        if (r == 0)
                r = is_loaded(manager, record, KERNEL_CURRENT);
        if (r > 0)
                r = kernel_find(manager->kernel, record->name, &current);
        if (r > 0 && !current.active)
                r = kernel_delete(manager->kernel, record->name);
        if (r < 0)
                log_warning("Cannot unload '%s' from the kernel, ignoring: %s", record->name, strerror(-r));
}

int manager_discard(Manager *manager, const char *name, const char *version, Failure *reterr) {
        _cleanup_(store_state_freep) StoreState *new = NULL, *before = NULL;
        const VersionRecord *record;
        bool has_file;
        int r;

        if (!*version)
                return failure_set(reterr, FAILURE_INVALID_ARGUMENT, "Name the version that is to be discarded.");
        r = manager_find(manager, name, version, &record, reterr);
        if (r != 0)
                return r;
        if (record == manager_active(manager, NULL) || record->state == VERSION_CONFIRMED ||
            record->state == VERSION_PENDING_REBOOT || record->state == VERSION_TRIAL)
                return failure_set(reterr, FAILURE_INVALID_ARGUMENT,
                                   "'%s' %s is in force or selected for the next boot: activate another version "
                                   "first.", name, version);
        new = store_state_copy(manager->state);
        before = store_state_copy(manager->state);
        if (!new || !before)
                return -ENOMEM;
        has_file = dropped_is_there(name, &record->digest);
        if (has_file && store_state_set_discarded(new, name, &record->digest, true) < 0)
                return -ENOMEM;
        store_state_remove(new, name, &record->version);
        manager->why.reason = "discarded";
        /* The one of the copy outlives the change. */
        record = store_state_find_digest(before, &record->digest);
        r = manager_commit(manager, &new, reterr);
        if (r < 0)
                return r;
        unload(manager, record);
        r = manager_collect(manager);
        if (r < 0)
                log_warning("Cannot remove the discarded policy from disk, ignoring: %s", strerror(-r));
        announce_discarded(&manager->announcer, record);
        if (has_file)
                log_notice("The file of '%s' %s in policy.d is not staged again: 'ipectl stage FILE' does that.", name, version);
        return 0;
}

int manager_set_switch(Manager *manager, KernelSwitch which, bool value, bool *ret_changed, Failure *reterr) {
        int r, old = kernel_get_switch(manager->kernel, which);

        if (old == -ENODEV)
                return failure_set(reterr, FAILURE_NOT_SUPPORTED, KERNEL_NO_IPE ".");
        r = old < 0 ? old : kernel_set_switch(manager->kernel, which, value);
        if (r == KERNEL_NOT_REACHED)
                return failure_set(reterr, FAILURE_NOT_SUPPORTED, KERNEL_NOT_REACHED_SENTENCE ".");
        if (r == -EPERM || r == -EACCES)
                return failure_set(reterr, FAILURE_LOCKED_DOWN,
                                   "The kernel does not let the daemon do that: %s.", strerror(-r));
        if (r < 0)
                return failure_set_errno(reterr, r, "The kernel refuses the change");
        *ret_changed = old != value;
        if (old != value)
                announce_switch(&manager->announcer, which == KERNEL_ENFORCE, value);
        /* It may be switched on again before health is looked at. */
        if (which == KERNEL_ENFORCE && !value)
                (void) health_is_enforced(manager);
        return 0;
}
