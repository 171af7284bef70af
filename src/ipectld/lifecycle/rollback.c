/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Goes back from a confirmed policy, in steps. On the right: what a cut after that step leaves behind.
 *
 *       1. state.json: "activating" DIGEST of the version before      cleared by reconcile.c
 *       2. the kernel: rollback, or active of another name            it is active: reconcile.c does step 3
 *       3. state.json: confirmed, the other one rolled-back           done
 *
 * A failing disk does not prevent going back: a note in /run takes the place of step 1, and step 3 follows once the
 * disk can be written (behind.c).
 *
 * If the kernel cannot go back, there is one step: state.json gets pending-reboot, which ipe-load reads at the next
 * boot. Under another name the kernel takes no version below the highest that was confirmed in this boot, so this
 * applies to it, too. trial.c ends a trial.
 */

#include "behind.h"
#include "explain.h"
#include "kernel-extended.h"
#include "log.h"
#include "mark.h"
#include "rollback.h"
#include "trial.h"

const VersionRecord *rollback_candidate(const StoreState *state, const char *name) {
        const VersionRecord *trial = store_state_find_state(state, VERSION_TRIAL);
        const VersionRecord *confirmed = store_state_find_state(state, VERSION_CONFIRMED);

        if (trial)
                return streq(trial->name, name) ? trial : NULL;
        if (!confirmed || !streq(confirmed->name, name))
                return NULL;
        return store_state_find_previous(state, confirmed) || store_state_find_state(state, VERSION_PENDING_REBOOT)
                       ? confirmed
                       : NULL;
}

static int find_versions(const Manager *manager, const char *name, const VersionRecord **ret_previous,
                         const VersionRecord **ret_confirmed, Failure *reterr) {
        const VersionRecord *confirmed = store_state_find_state(manager->state, VERSION_CONFIRMED);

        if (!confirmed || !streq(confirmed->name, name))
                return failure_set(reterr, FAILURE_NO_SUCH_POLICY,
                                   "No version of '%s' is confirmed: there is nothing to go back from.", name);
        *ret_previous = store_state_find_previous(manager->state, confirmed);
        if (!*ret_previous)
                return failure_set(reterr, FAILURE_NO_SUCH_POLICY,
                                   "No policy was confirmed before the present version of '%s': there is nothing to go "
                                   "back to. To load no policy from the next boot on, use 'ipectl deactivate --force'.",
                                   name);
        *ret_confirmed = confirmed;
        return 0;
}

/* Whether the kernel may be able to go back at once. Within a name it goes back to the previous version that it has, so
 * that must be the one that is meant. */
static bool may_go_back(const Manager *manager, const VersionRecord *previous, const VersionRecord *confirmed) {
        if (manager_active(manager, NULL) != confirmed)
                return false;
        if (!streq(previous->name, confirmed->name))
                return ipe_version_compare(&previous->version, &confirmed->version) >= 0;
        return kernel_has_feature(manager->kernel, "rollback-floor") &&
               manager_find_loaded(manager, confirmed->name, KERNEL_PREVIOUS) == previous;
}

static int ask_kernel(const Manager *manager, const VersionRecord *previous, const VersionRecord *confirmed) {
        _cleanup_(envelope_freep) Envelope *envelope = NULL;
        const void *data;
        size_t size;
        int r;

        if (streq(previous->name, confirmed->name))
                return kernel_rollback(manager->kernel, previous->name);
        r = manager_open_envelope(manager, previous, &envelope, NULL);
        if (r != 0)
                return r < 0 ? r : -EBADMSG;
        data = envelope_data(envelope, &size);
        return kernel_activate(manager->kernel, previous->name, &previous->version, data, size);
}

static int record_rolled_back(Manager *manager, const Digest *to, const Digest *from, Failure *reterr) {
        _cleanup_(store_state_freep) StoreState *new = store_state_copy(manager->state);
        int r = -ENOMEM;

        if (new) {
                Occasion occasion = occasion_now(manager, new->activating_transaction);

                r = state_confirm(new, store_state_find_digest(new, to), EVENT_GIVEN_UP, &occasion);
        }
        if (r >= 0)
                r = behind_commit(manager, &new, reterr);
        announce_rolled_back(&manager->announcer, store_state_find_digest(manager->state, to),
                             store_state_find_digest(manager->state, from));
        if (r < 0)
                log_error("Cannot record the rollback, so the next boot loads the version that was rolled back. "
                          "Restart ipectld.service to record it.");
        return r < 0 ? r : 0;
}

/* Whether the errno means that the kernel cannot go back: the floor or the highest confirmed version forbids it, the
 * previous version was not confirmed in this boot, or somebody changed the policies in the kernel. */
static bool is_cannot(int r) {
        return r == -ESTALE || r == -EPERM || r == -ENODATA || r == -ENOENT;
}

/* ret_done: whether the kernel went back. Returns 0, also if it cannot; a refusal, or a negative errno. */
static int go_back_at_once(Manager *manager, const Digest *to, const Digest *from, Failure *reterr, bool *ret_done) {
        Failure ignored = {};
        bool marked;
        int r;

        *ret_done = false;
        if (kernel_is_locked(manager->kernel, "policy") > 0)
                return explain_kernel(manager, -EPERM, reterr);
        marked = rollback_mark(manager, to, &ignored) >= 0;
        if (!marked)
                behind_note_rollback(to);
        r = ask_kernel(manager, store_state_find_digest(manager->state, to),
                       store_state_find_digest(manager->state, from));
        if (r >= 0) {
                *ret_done = true;
                r = record_rolled_back(manager, to, from, reterr);
                if (r >= 0 && !marked && manager->disk_error == 0)
                        behind_forget_rollback();
                return r;
        }
        if (marked)
                activation_unmark(manager);
        else if (manager->disk_error != 0)
                /* The note may have been about an earlier rollback, which the disk does not have yet. */
                behind_note_rollback(from);
        else
                behind_forget_rollback();
        return is_cannot(r) ? 0 : explain_kernel(manager, r, reterr);
}

static int select_for_boot(Manager *manager, const Digest *to, const Digest *from, Failure *reterr) {
        _cleanup_(store_state_freep) StoreState *new = NULL;
        Occasion occasion = occasion_now(manager, NULL);
        int r;

        if (!manager->config.rollback_at_boot)
                return failure_set(reterr, FAILURE_NOT_SUPPORTED,
                                   "The running kernel cannot go back, and RollbackAtBoot=no in ipectld.conf forbids "
                                   "selecting the previous version for the next boot.");
        new = store_state_copy(manager->state);
        if (!new)
                return -ENOMEM;
        r = state_apply(new, store_state_find_digest(new, to), EVENT_SELECTED, &occasion);
        if (r < 0)
                return r;
        r = manager_commit(manager, &new, reterr);
        if (r < 0)
                return r;
        announce_rollback_pending(&manager->announcer, store_state_find_digest(manager->state, to),
                                  store_state_find_digest(manager->state, from));
        return 0;
}

static int go_back(Manager *manager, const char *name, const VersionRecord **ret, Failure *reterr) {
        const VersionRecord *previous = NULL, *confirmed = NULL;
        bool done = false;
        Digest from, to;
        int r;

        r = find_versions(manager, name, &previous, &confirmed, reterr);
        if (r == 0)
                r = manager_check_return(manager, previous, reterr);
        if (r != 0)
                return r;
        from = confirmed->digest;
        to = previous->digest;
        if (may_go_back(manager, previous, confirmed))
                r = go_back_at_once(manager, &to, &from, reterr, &done);
        if (r == 0 && !done)
                r = select_for_boot(manager, &to, &from, reterr);
        if (r != 0)
                return r;
        *ret = store_state_find_digest(manager->state, &to);
        return 0;
}

/* from: NULL if the caller does not say which version to take back. */
static int check_from(const Manager *manager, const char *name, const char *from, Failure *reterr) {
        const VersionRecord *confirmed = store_state_find_state(manager->state, VERSION_CONFIRMED), *ended;
        char version[IPE_VERSION_STRLEN], other[IPE_VERSION_STRLEN];

        if (!confirmed || !streq(confirmed->name, name))
                return 0;
        ipe_version_print(&confirmed->version, version);
        if (from)
                return streq(from, version) ? 0
                                            : failure_set(reterr, FAILURE_NOT_THAT_VERSION,
                                                          "'%s' %s is confirmed, not %.50s.", name, version, from);
        ended = store_state_find_ended_trial(manager->state);
        if (!ended)
                return 0;
        ipe_version_print(&ended->version, other);
        return failure_set(reterr, FAILURE_NO_TRIAL,
                           "The trial of '%s' %s has ended already, and %s is confirmed. To take back the latter, name "
                           "it: 'ipectl rollback --from=%s %s'.",
                           name, other, version, version, name);
}

/* Whether the next boot loads another version in place of this one. If the kernel cannot go back, a version whose trial
 * has ended may be active until then. */
static bool is_left(const VersionRecord *record, const VersionRecord *active) {
        return record &&
               (record->state == VERSION_CONFIRMED || (record->state == VERSION_ROLLED_BACK && record == active));
}

/* Whether a rollback from, or to, that name waits for the next boot. */
static bool is_pending(const Manager *manager, const char *name, const VersionRecord *active) {
        const VersionRecord *pending = store_state_find_state(manager->state, VERSION_PENDING_REBOOT),
                            *confirmed = store_state_find_state(manager->state, VERSION_CONFIRMED);

        return pending && (streq(pending->name, name) || (confirmed && streq(confirmed->name, name)) ||
                           (is_left(active, active) && streq(active->name, name)));
}

static int answer_pending(const Manager *manager, const char *name, const char *from, const VersionRecord *active,
                          const VersionRecord **ret, Failure *reterr) {
        const VersionRecord *pending = store_state_find_state(manager->state, VERSION_PENDING_REBOOT);
        char version[IPE_VERSION_STRLEN];
        struct ipe_version number;

        if (from && (ipe_version_parse(from, strlen(from), &number) < 0 ||
                     !is_left(store_state_find(manager->state, name, &number), active))) {
                ipe_version_print(&pending->version, version);
                return failure_set(reterr, FAILURE_NOT_THAT_VERSION,
                                   "'%s' %.50s is neither confirmed nor active. A rollback to '%s' %s waits for the "
                                   "next boot.",
                                   name, from, pending->name, version);
        }
        *ret = pending;
        return 0;
}

int roll_back_policy(Manager *manager, const char *name, const char *from, const Authorised *authorised,
                     const VersionRecord **ret, Failure *reterr) {
        const VersionRecord *trial, *active;
        int r;

        r = trial_find(manager, name, &trial, reterr);
        if (r != 0)
                return r;
        if (trial && streq(trial->name, name))
                return end_trial(manager, name, &(const TrialMeant) { .version = from, .authorised = authorised }, ret,
                                 reterr);
        if (trial)
                return failure_set(reterr, FAILURE_TRIAL_IN_PROGRESS,
                                   "'%s' is on trial: confirm it, or end its trial, first.", trial->name);
        active = manager_active(manager, NULL);
        if (is_pending(manager, name, active))
                return answer_pending(manager, name, from, active, ret, reterr);
        r = check_from(manager, name, from, reterr);
        if (r == 0)
                r = authorised_check(authorised, rollback_candidate(manager->state, name), reterr);
        return r != 0 ? r : go_back(manager, name, ret, reterr);
}
