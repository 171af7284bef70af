/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Stages a policy, from a file or from the bus:
 *
 *       bytes -> Envelope -> VerifiedEnvelope -> PolicyVersion -> object on disk -> VersionRecord in the state file
 *
 * Each step returns something stronger than it takes, and refuses with a sentence. Nobody can see a change before the
 * last step; an object that no state names is removed soon, or at the next start. Then the kernel gets the policy as
 * its next version, if it keeps one; the active policy does not change.
 *
 * Several policies are one batch, with one write of the state file. Other changes may come between its steps, so the
 * commit checks each record again, against the state of that moment.
 */

#include <time.h>

#include "explain.h"
#include "forget.h"
#include "kernel-extended.h"
#include "mark.h"
#include "stage.h"
#include "summary.h"
#include "utf8.h"

/* name: the required name, or NULL. */
static int check_place(const Manager *manager, const char *own, const struct ipe_version *number, const char *name,
                       Failure *reterr) {
        const VersionRecord *lowest = store_state_find_state(manager->state, VERSION_CONFIRMED)
                                              ?: store_state_find_state(manager->state, VERSION_PENDING_REBOOT);
        char text[IPE_VERSION_STRLEN], floor[IPE_VERSION_STRLEN];

        ipe_version_print(number, text);
        if (name && !streq(name, own))
                return failure_set(reterr, FAILURE_NAME_MISMATCH,
                                   "The policy is called '%s': rename its file to '%s.p7b'.", own, own);
        if (store_state_find(manager->state, own, number))
                return failure_set(reterr, FAILURE_ALREADY_EXISTS,
                                   "Version %s of '%s' exists already, with other content: raise policy_version= and "
                                   "sign it again.",
                                   text, own);
        if (lowest && streq(lowest->name, own) && ipe_version_compare(number, &lowest->version) < 0) {
                ipe_version_print(&lowest->version, floor);
                return failure_set(reterr, FAILURE_VERSION_TOO_OLD,
                                   "Version %s of '%s' is below %s, which is %s: raise policy_version= and sign it "
                                   "again.",
                                   text, own, floor,
                                   lowest->state == VERSION_CONFIRMED ? "confirmed" : "selected for the next boot");
        }
        return 0;
}

/* A policy that the kernel refuses as its next version stays staged: its keyrings may change, and activation tries
 * again. */
static void hand_over(const Manager *manager, const VersionRecord *record) {
        _cleanup_free_ void *data = NULL;
        Failure failure = {};
        size_t size;
        int r;

        if (!kernel_has_feature(manager->kernel, "stage"))
                return;
        r = store_read(manager->store, &record->digest, &data, &size);
        if (r < 0)
                (void) failure_set_errno(&failure, r, "Cannot read the stored policy");
        else {
                r = kernel_stage(manager->kernel, record->name, &record->version, data, size);
                r = r < 0 ? explain_kernel(manager, r, &failure) : 0;
        }
        if (r != 0)
                announce_not_handed_over(&manager->announcer, record, r, &failure);
}

/* A policy whose object is stored, but which no state names yet. */
typedef struct Entry {
        Digest digest;
        bool refused; /* by the commit */
} Entry;

struct StageBatch {
        Manager *manager;
        StoreState *records; /* to be staged */
        Entry *entries;      /* in the order in which they were added */
        size_t n;
        size_t next; /* index of the next one to announce */
        bool committed;
};

StageBatch *stage_batch_new(Manager *manager) {
        StageBatch *batch = calloc(1, sizeof(*batch));

        if (!batch)
                return NULL;
        batch->records = store_state_copy(NULL);
        if (!batch->records) {
                free(batch);
                return NULL;
        }
        batch->manager = manager;
        manager->n_batches++;
        return batch;
}

StageBatch *stage_batch_free(StageBatch *batch) {
        if (!batch)
                return NULL;
        batch->manager->n_batches--;
        /* No state may name its objects: forget.c removes them. */
        if (batch->n > 0 || batch->manager->collect_later)
                forget_soon(batch->manager);
        free(batch->entries);
        store_state_free(batch->records);
        free(batch);
        return NULL;
}

size_t stage_batch_count(const StageBatch *batch) {
        return batch->n;
}

static int add_entry(StageBatch *batch, const VersionRecord *record) {
        Entry *larger = reallocarray(batch->entries, batch->n + 1, sizeof(*larger));
        int r;

        if (!larger)
                return -ENOMEM;
        batch->entries = larger;
        r = store_state_add(batch->records, record);
        if (r < 0)
                return r;
        larger[batch->n++] = (Entry) { .digest = record->digest };
        return 0;
}

static int add_version(StageBatch *batch, const PolicyVersion *version, const char *source, Failure *reterr) {
        _cleanup_free_ char *printable = utf8_escape(source, strlen(source));
        Occasion occasion = occasion_now(batch->manager, NULL);
        VersionRecord record;
        int r;

        if (!printable)
                return -ENOMEM;
        record = policy_version_describe(version, printable, &occasion);
        r = store_add(batch->manager->store, version->verified, &record.digest);
        if (r < 0)
                return failure_set_errno(reterr, r, "Cannot store the policy in " STORE_DIRECTORY);
        r = add_entry(batch, &record);
        if (r == -EEXIST)
                return failure_set(reterr, FAILURE_ALREADY_EXISTS, "Another file is the same version of '%s'.",
                                   record.name);
        return r;
}

int stage_batch_add(StageBatch *batch, const void *data, size_t size, const char *source, const char *name,
                    const VersionRecord **ret_known, Failure *reterr) {
        _cleanup_(policy_version_freep) PolicyVersion *version = NULL;
        _cleanup_(envelope_freep) Envelope *envelope = NULL;
        const VersionRecord *known;
        int r;

        r = envelope_parse(data, size, &envelope, reterr);
        if (r != 0)
                return r;
        known = store_state_find_digest(batch->manager->state, envelope_digest(envelope));
        if (known && (!name || streq(name, known->name))) {
                *ret_known = known;
                return 0;
        }
        r = policy_version_new(batch->manager, &envelope, &version, reterr);
        if (r == 0)
                r = check_place(batch->manager, ipe_policy_name(version->policy), ipe_policy_version(version->policy),
                                name, reterr);
        if (r == 0)
                r = add_version(batch, version, source, reterr);
        if (r == 0)
                *ret_known = NULL;
        return r;
}

static void refuse_entry(Entry *entry, int result, const Failure *failure, StageRefusal refused, void *userdata) {
        entry->refused = true;
        refused(&entry->digest, result, failure, userdata);
}

/* The state may have changed since stage_batch_add(). */
static int add_to_state(StageBatch *batch, Entry *entry, StoreState *new, StageRefusal refused, void *userdata) {
        const VersionRecord *record = store_state_find_digest(batch->records, &entry->digest);
        Failure failure = {};
        int r;

        /* The same policy came by another way meanwhile, and was announced. */
        if (store_state_find_digest(batch->manager->state, &entry->digest)) {
                entry->refused = true;
                return 0;
        }
        r = check_place(batch->manager, record->name, &record->version, NULL, &failure);
        if (r > 0) {
                refuse_entry(entry, r, &failure, refused, userdata);
                return 0;
        }
        (void) store_state_set_discarded(new, record->name, &record->digest, false);
        return store_state_add(new, record);
}

void stage_batch_commit(StageBatch *batch, StageRefusal refused, void *userdata) {
        _cleanup_(store_state_freep) StoreState *new = store_state_copy(batch->manager->state);
        Failure failure = {};
        int r = new ? 0 : -ENOMEM;
        bool any = false;

        for (size_t i = 0; i < batch->n && r >= 0; i++) {
                r = add_to_state(batch, &batch->entries[i], new, refused, userdata);
                any = any || !batch->entries[i].refused;
        }
        if (r >= 0 && any)
                r = manager_commit(batch->manager, &new, &failure);
        for (size_t i = 0; i < batch->n && r < 0; i++)
                if (!batch->entries[i].refused)
                        refuse_entry(&batch->entries[i], r, &failure, refused, userdata);
        batch->committed = true;
}

bool stage_batch_announce(StageBatch *batch) {
        assert(batch->committed);
        while (batch->next < batch->n) {
                const Entry *entry = &batch->entries[batch->next++];
                /* It may be discarded by now. */
                const VersionRecord *record = entry->refused
                                                      ? NULL
                                                      : store_state_find_digest(batch->manager->state, &entry->digest);

                if (!record)
                        continue;
                announce_staged(&batch->manager->announcer, record,
                                summary_has_keyring_warning(batch->manager, &record->summary));
                hand_over(batch->manager, record);
                return true;
        }
        return false;
}

typedef struct Refused {
        int result;
        Failure *failure;
} Refused;

static void on_refused(const Digest *digest, int result, const Failure *failure, void *userdata) {
        Refused *refused = userdata;

        refused->result = result;
        if (refused->failure)
                *refused->failure = *failure;
}

int stage_policy(Manager *manager, const void *data, size_t size, const char *source, const char *name,
                 const VersionRecord **ret, bool *ret_is_new, Failure *reterr) {
        _cleanup_(stage_batch_freep) StageBatch *batch = stage_batch_new(manager);
        Refused refused = { .failure = reterr };
        const VersionRecord *known;
        int r;

        if (!batch)
                return -ENOMEM;
        r = stage_batch_add(batch, data, size, source, name, &known, reterr);
        if (r != 0)
                return r;
        *ret_is_new = !known;
        if (!known) {
                stage_batch_commit(batch, on_refused, &refused);
                if (refused.result != 0)
                        return refused.result;
                (void) stage_batch_announce(batch);
        }
        *ret = known ?: store_state_find_digest(manager->state, &batch->entries[0].digest);
        return 0;
}
