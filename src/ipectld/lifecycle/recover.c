/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Rebuilds what a damaged file of the store contained. The stored policies are signed, so each one shows its name and
 * version; nobody can know its state, so it is staged. The active policy, unless it is on trial, is confirmed:
 * otherwise the next boot would load no policy. If state.json.old was used, this adds what it lacks, and reconcile.c
 * does the rest.
 */

#include "kernel.h"
#include "log.h"
#include "mark.h"
#include "policy-version.h"
#include "recover.h"

/* Reads the policy that the kernel has loaded in a place, verified by our own trusted certificates. Returns as
 * policy_version_new(), or a negative errno. */
static int read_kernel(const Manager *manager, const char *name, KernelPlace place, PolicyVersion **ret) {
        _cleanup_(envelope_freep) Envelope *envelope = NULL;
        _cleanup_free_ void *data = NULL;
        Failure failure = {};
        size_t size;
        int r;

        r = kernel_read_envelope(manager->kernel, name, place, &data, &size);
        if (r >= 0)
                r = envelope_parse(data, size, &envelope, &failure);
        return r == 0 ? policy_version_new(manager, &envelope, ret, &failure) : r;
}

static int read_object(const Manager *manager, const Digest *digest, PolicyVersion **ret) {
        _cleanup_(envelope_freep) Envelope *envelope = NULL;
        const VersionRecord record = { .digest = *digest };
        Failure failure = {};
        int r;

        r = manager_open_envelope(manager, &record, &envelope, &failure);
        return r == 0 ? policy_version_new(manager, &envelope, ret, &failure) : r;
}

/* Returns 0, -EEXIST if the state has another policy of that name and version, or -ENOMEM. */
static int add_record(const Manager *manager, StoreState *state, const PolicyVersion *version, const char *source) {
        Occasion occasion = occasion_now(manager, NULL);
        VersionRecord record = policy_version_describe(version, source, &occasion);

        return store_state_add(state, &record);
}

typedef struct Recovery {
        const Manager *manager;
        StoreState *state;
} Recovery;

static int recover_one(const Digest *digest, void *userdata) {
        _cleanup_(policy_version_freep) PolicyVersion *version = NULL;
        Recovery *recovery = userdata;
        int r;

        if (store_state_find_digest(recovery->state, digest))
                return 0;
        r = read_object(recovery->manager, digest, &version);
        if (r == 0)
                r = add_record(recovery->manager, recovery->state, version, STORE_DIRECTORY);
        /* Skip an untrusted or damaged object; recover the rest. */
        return r == -ENOMEM ? r : 0;
}

/* Whether the state does not say what became of the active version. A kernel without trials cannot say that it is not
 * on trial, so there it counts only if the next boot has nothing else to load. */
static bool is_open(const Manager *manager, const StoreState *state, const VersionRecord *record) {
        bool settled = record->state == VERSION_TRIAL || record->state == VERSION_CONFIRMED ||
                       record->state == VERSION_PENDING_REBOOT;

        return !settled && !state->activating &&
               (kernel_has_feature(manager->kernel, "trial") || !store_state_find_state(state, VERSION_CONFIRMED));
}

static int confirm_active(const Manager *manager, StoreState *state, VersionRecord *record) {
        const VersionRecord *confirmed = store_state_find_state(state, VERSION_CONFIRMED);
        bool back = confirmed && streq(confirmed->name, record->name) &&
                    ipe_version_compare(&record->version, &confirmed->version) < 0;
        Occasion occasion = occasion_now(manager, NULL);

        log_notice("'%s' is the active policy, so it counts as confirmed.", record->name);
        return state_confirm(state, record, back ? EVENT_GIVEN_UP : EVENT_REPLACED, &occasion);
}

/* The active policy comes first, so that no other one of the same name and version takes its place. */
static int adopt_active(Manager *manager, StoreState *state) {
        _cleanup_(policy_version_freep) PolicyVersion *version = NULL;
        _cleanup_kernel_policy_ KernelPolicy active = {};
        VersionRecord *record;
        Digest digest;
        int r;

        r = kernel_find_active(manager->kernel, &active);
        if (r <= 0)
                return r;
        r = read_kernel(manager, active.name, active.place, &version);
        if (r == -ENOMEM)
                return r;
        if (r != 0) {
                log_warning("Cannot verify the active policy '%s', so ipectld does not adopt it.", active.name);
                return 0;
        }
        r = store_add(manager->store, version->verified, &digest);
        if (r >= 0 && !store_state_find_digest(state, &digest))
                r = add_record(manager, state, version, "the kernel");
        record = r >= 0 ? store_state_find_digest(state, &digest) : NULL;
        if (record && !active.on_trial && is_open(manager, state, record))
                r = confirm_active(manager, state, record);
        return r;
}

int recover_state(Manager *manager) {
        _cleanup_(store_state_freep) StoreState *new = store_state_copy(manager->state);
        Recovery recovery = { .manager = manager, .state = new };
        int r;

        if (!new)
                return -ENOMEM;
        r = adopt_active(manager, new);
        if (r < 0 && r != -ENOMEM)
                log_warning("Cannot adopt the active policy: %s", strerror(-r));
        if (r != -ENOMEM)
                r = store_for_each(manager->store, recover_one, &recovery);
        return r >= 0 ? manager_commit(manager, &new, NULL) : r;
}

int recover_object(Manager *manager, const VersionRecord *record) {
        static const KernelPlace places[] = { KERNEL_CURRENT, KERNEL_NEXT, KERNEL_PREVIOUS };

        for (size_t i = 0; i < ELEMENTSOF(places); i++) {
                _cleanup_(policy_version_freep) PolicyVersion *version = NULL;
                Digest digest;
                int r = read_kernel(manager, record->name, places[i], &version);

                if (r == -ENOMEM)
                        return r;
                if (r != 0 || !digest_equal(envelope_digest(verified_envelope_get(version->verified)), &record->digest))
                        continue;
                r = store_add(manager->store, version->verified, &digest);
                return r < 0 ? r : 1;
        }
        return 0;
}
