/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Opens the store at start. Damaged files are put aside; the daemon goes on with the rest.
 */

#include "behind.h"
#include "log.h"
#include "open-store.h"
#include "policy-version.h"
#include "recover.h"
#include "summary.h"

static const char predecessor_used[] = "it is missing, or not as it was written. ipectld uses state.json.old, which "
                                       "may lack the latest change: check the states with 'ipectl list', and repeat "
                                       "what is missing.",
                  nothing_left[] = "it is kept as state.json.damaged, and there is no good state.json.old. The active "
                                   "policy counts as confirmed, all other stored policies as staged.";

/* Puts a damaged state.json aside, so that nothing trusts it later. */
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
        if (moved == -EROFS) {
                behind_note_damaged(manager);
                return 0;
        }
        changes_number_on(manager->changes, manager->state);
        r = recover_state(manager);
        /* The disk is full. state.json.old still has the state that was read. */
        if (r < 0 && r != -ENOMEM && !lost) {
                log_warning("Cannot write a new state.json, ignoring until the next change: %s", strerror(-r));
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
        announce_damaged(hex, r > 0 ? "it was replaced by the kernel's copy." : "the policy is lost, stage it again.");
        return r > 0;
}

/* Makes the summary of a version that an earlier release staged. Returns 1, 0 if its text no longer compiles, or
 * -ENOMEM. */
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

/* If the disk is full, the state in memory counts until it can be written. */
static int commit_checked(Manager *manager, StoreState **new) {
        Why why = manager->why;
        int r = manager_commit(manager, new, NULL);

        if (r >= 0 || r == -ENOMEM)
                return r;
        if (r != -EROFS)
                log_warning("Cannot write the state of '" STORE_DIRECTORY "', going on with the one in memory: %s",
                            strerror(-r));
        manager->why = why;
        manager_adopt(manager, new, r);
        return 0;
}

/* Removes versions whose object is missing or damaged; the others stay. */
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

int open_store(Manager *manager) {
        int r = store_open(STORE_DIRECTORY, &manager->store);

        /* A daemon that can only show the policies, and switch enforcement off, is better than none. */
        if (r == -EROFS) {
                log_error("'" STORE_DIRECTORY "' is read-only, so ipectld cannot stage, activate or confirm, and the "
                          "next boot undoes a rollback. Make it writable, and restart ipectld.service.");
                r = store_open_read_only(STORE_DIRECTORY, &manager->store);
        }
        if (r == -EBUSY)
                log_error("Another ipectld is running.");
        else if (r < 0)
                log_error("Cannot open '" STORE_DIRECTORY "': %s", strerror(-r));
        if (r < 0)
                return r;
        r = changes_open(manager->store, &manager->announcer, &manager->changes);
        if (r >= 0)
                r = load_state(manager);
        if (r >= 0)
                r = changes_catch_up(manager->changes, manager->store, manager->state);
        if (r >= 0)
                r = drop_damaged(manager);
        if (r < 0) {
                log_error("Cannot read the state in '" STORE_DIRECTORY "': %s", strerror(-r));
                return r;
        }
        /* An empty state may be a lost one. */
        r = manager->state->n_versions > 0 ? manager_collect(manager) : 0;
        if (r < 0)
                log_warning("Cannot remove unused files from '" STORE_DIRECTORY "', ignoring: %s", strerror(-r));
        return 0;
}
