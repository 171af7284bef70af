/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The store, which survives a reboot: /var/lib/ipe/ with objects/SHA256 (signed policies), state.json (the state of each),
 * state.json.old (its predecessor), damaged/ (objects that are not what they were) and lock.
 * Whatever is cut off at any instant, the old state or the new one is there afterwards. The daemon is the only writer;
 * ipe-load reads at boot.
 */
#ifndef LIBIPE_STORE_H
#define LIBIPE_STORE_H

#include "base.h"
#include "digest.h"
#include "envelope.h"
#include "policy.h"

#define STORE_DIRECTORY "/var/lib/ipe"

/* The states of a version of a policy. ipectld.service(8) explains them; src/ipectld/state.c says how they follow. */
typedef enum VersionState {
        VERSION_STAGED,
        VERSION_TRIAL,
        VERSION_CONFIRMED,
        VERSION_SUPERSEDED,
        VERSION_PENDING_REBOOT,
        VERSION_ROLLED_BACK,
        VERSION_FAILED,
        _VERSION_STATE_MAX,
} VersionState;

/* "staged", "pending-reboot"... */
const char *version_state_to_string(VersionState state);
/* Returns the state, or -EINVAL. */
int version_state_from_string(const char *text);

/* Who ends a trial well. */
typedef enum ConfirmBy {
        CONFIRM_MANUAL, /* somebody who says so */
        CONFIRM_AUTO,   /* the daemon, if the health checks find nothing */
        _CONFIRM_BY_MAX,
} ConfirmBy;

/* "manual", "auto". */
const char *confirm_by_to_string(ConfirmBy confirm);
/* Returns it, or -EINVAL. */
int confirm_by_from_string(const char *text);

/* What one call, or one file, brings about has one id, here and in the journal: 32 digits of hex and a NUL. Empty for what was
 * written before there were any. */
#define TRANSACTION_SIZE 33

#define SUMMARY_WARNINGS_MAX 5

/* The summary of a policy, so that nobody has to read the policy again. */
typedef struct PolicySummary {
        bool known;               /* false, and all else 0, in what an earlier release has written */
        struct ipe_version floor; /* policy_rollback_floor= */
        bool needs_extended_abi;
        size_t size;              /* of the signed policy, in bytes */
        size_t text_size;         /* of its text, in bytes */
        uint64_t expires_usec;    /* when the first certificate from its signer to the trusted one ends, wall clock; 0: not known */
        uint64_t n_warnings;
        char **warnings;          /* the first of them, at most SUMMARY_WARNINGS_MAX; NULL at the end; NULL for none */
        char *keyring_warning;    /* counts until the keyring .fs-verity is sealed; NULL for none */
} PolicySummary;

void policy_summary_done(PolicySummary *summary);

/* Copies a summary and its strings. Returns 0 or -ENOMEM. */
int policy_summary_copy(const PolicySummary *summary, PolicySummary *ret);

/* One version of a policy, as the state file has it. */
typedef struct VersionRecord {
        char *name;
        struct ipe_version version;
        Digest digest; /* names its object */
        VersionState state;
        char *signer;          /* subject of the certificate, RFC 2253 */
        char *source;          /* path of the file, or who handed it in */
        uint64_t staged_usec;  /* wall clock */
        uint64_t changed_usec; /* wall clock: when it got its state; for people, as clocks go wrong */
        uint64_t sequence;     /* the higher, the later it got its state; unlike that of any other version, and not 0 */
        char transaction[TRANSACTION_SIZE]; /* that gave it its state */
        PolicySummary summary;
} VersionRecord;

/* The settings of health checks, as they were when the trial began: what the configuration says later is for the next one.
 * Lists end with NULL; NULL for none. */
typedef struct TrialHealth {
        bool known;             /* false, and all else empty, in what an earlier release has written */
        bool command;           /* there is a HealthCommand=; ipe-health.service reads it by itself */
        char **units;           /* HealthUnits= */
        char **ignore_units;    /* HealthIgnoreUnits= */
        char **essential_paths; /* EssentialPaths= */
} TrialHealth;

void trial_health_done(TrialHealth *health);

/* Copies settings and their strings. ret: may be the variable that health points to; unchanged on failure.
 * Returns 0 or -ENOMEM. */
int trial_health_copy(const TrialHealth *health, TrialHealth *ret);

/* How a trial is to end: of the version that is on trial, or whose activation is under way. */
typedef struct StoreTrial {
        char boot_id[33];       /* of the latest boot in which it was tried; empty while there is no trial */
        uint64_t deadline_usec; /* CLOCK_BOOTTIME of that boot */
        uint64_t boots;         /* reboots that it has outlived; 0 in the boot in which it began */
        uint64_t boots_max;     /* that it may outlive */
        uint64_t boot_sec;      /* how long each of those boots may take to confirm it */
        ConfirmBy confirm;
        char **failed_units;    /* that had failed before it began: names, NULL at the end; NULL for none */
        char **restarting_units; /* that waited to be started again then: likewise */
        TrialHealth health;
        bool unenforced;        /* the kernel was seen not to enforce in the course of it */
} StoreTrial;

/* A policy that was discarded while its file lay in policy.d: the file is not staged again. */
typedef struct DiscardedFile {
        char *name; /* of the policy */
        Digest digest;
} DiscardedFile;

/* The content of state.json. */
typedef struct StoreState {
        VersionRecord *versions; /* sorted by name, then by version; a pair of both is there once */
        size_t n_versions;
        uint64_t sequence;       /* the highest number that a version of this store ever got */
        /* An activation that was begun: written before the kernel is asked, cleared when its answer is on disk. */
        bool activating;
        Digest activating_digest;
        char activating_transaction[TRANSACTION_SIZE];
        bool rolling_back; /* it goes back: what is confirmed is given up with it */
        StoreTrial trial;
        /* A preflight that was begun: what to take out of the kernel's shadow if nobody else does. */
        char *shadowing; /* name of its policy; NULL while there is none */
        Digest shadowing_digest;
        /* Of the boot in which a version became VERSION_PENDING_REBOOT; empty while there is none. */
        char pending_boot_id[33];
        /* Of the boot in which somebody asked for no policy at all; empty while one is wanted. No boot loads one as long as it is
         * there, whatever the versions say. */
        char deactivated_boot_id[33];
        DiscardedFile *discarded; /* in no order */
        size_t n_discarded;
} StoreState;

StoreState *store_state_free(StoreState *state);

static inline void store_state_freep(StoreState **state) {
        store_state_free(*state);
}

/* Returns a deep copy, or NULL if there is no memory. NULL gives an empty state. */
StoreState *store_state_copy(const StoreState *state);

/* Notes that an activation was begun, which is no rollback; digest: NULL for none. */
void store_state_set_activating(StoreState *state, const Digest *digest, const char *transaction);

/* The largest values of boots_max and of boot_sec. */
#define TRIAL_BOOTS_MAX 100U
#define TRIAL_BOOT_SEC_MAX 86400U

/* Whether a boot is the latest that tried the version on trial.
 * boot_id: 32 digits of hex; empty where it is not known, which counts as that boot, so that nobody tries the version again. */
bool store_trial_is_of_boot(const StoreTrial *trial, const char *boot_id);

/* Whether a boot decides about a trial: the trial has lasted beyond a reboot, this boot tries it, and the daemon is to confirm it.
 * boot_id: as above. */
bool store_state_boot_is_on_trial(const StoreState *state, const char *boot_id);

/* Notes how a trial is to end; trial: copied; NULL for none. Returns 0 or -ENOMEM. */
int store_state_set_trial(StoreState *state, const StoreTrial *trial);

/* Notes the preflight of a policy; name: copied; NULL for none. Returns 0 or -ENOMEM. */
int store_state_set_shadowing(StoreState *state, const char *name, const Digest *digest);

/* Notes that a policy was discarded, or, where discarded is false, that it may be staged again. name: copied.
 * Returns 0 or -ENOMEM, which is not possible for false. */
int store_state_set_discarded(StoreState *state, const char *name, const Digest *digest, bool discarded);

bool store_state_is_discarded(const StoreState *state, const Digest *digest);

/* The largest sequence number; one change each microsecond needs 292,000 years to get there. */
#define STORE_SEQUENCE_MAX ((uint64_t) INT64_MAX)

/* Makes a version the one that got its state last. */
void store_state_touch(StoreState *state, VersionRecord *record);

/* Adds a version, in its place, as the one that got its state last. record: its strings are copied. Returns 0; -EEXIST if name
 * and version are there; -ENOMEM. */
int store_state_add(StoreState *state, const VersionRecord *record);

void store_state_remove(StoreState *state, const char *name, const struct ipe_version *version);

/* NULL if it is not there. Valid until the next add, remove or free. */
VersionRecord *store_state_find(const StoreState *state, const char *name, const struct ipe_version *version);
VersionRecord *store_state_find_digest(const StoreState *state, const Digest *digest);
/* The one version in a state of which there is at most one: VERSION_TRIAL, VERSION_CONFIRMED, VERSION_PENDING_REBOOT. */
VersionRecord *store_state_find_state(const StoreState *state, VersionState wanted);
/* Finds the version that a rollback of record goes back to: the one that was confirmed last before it, whatever its name, and was
 * not given up since; of the name of record only a lower one. */
const VersionRecord *store_state_find_previous(const StoreState *state, const VersionRecord *record);
/* Of the confirmed policy's name, the version whose trial has ended last since the confirmed one got its state: who asks for a
 * rollback may mean that one. NULL if there is none. */
const VersionRecord *store_state_find_ended_trial(const StoreState *state);

typedef struct Store Store;

/* Opens the store for writing: makes what is missing, takes the lock, removes temporary files of an earlier life.
 *
 * Returns 0, -EBUSY if another process has it open for writing, or an errno. */
int store_open(const char *directory, Store **ret);

/* Opens it for reading, without lock, and changes nothing: what would write returns -EROFS.
 * Returns 0, -ENOENT if there is none, or an errno. */
int store_open_read_only(const char *directory, Store **ret);

/* Whether it was opened for reading. */
bool store_is_read_only(const Store *store);

Store *store_free(Store *store);

static inline void store_freep(Store **store) {
        store_free(*store);
}

/* Reads the state: state.json, or state.json.old where the first is damaged, unreadable or missing. It is empty where neither is
 * there and none was put aside.
 *
 * Returns 0; 1 if it is that of state.json.old, of before the latest change; -EUCLEAN if what is there is damaged in any way (its
 * check fails, no JSON, a member missing or of another type, an unknown state or format version, two of what there can only be
 * one of), or lost; -EFBIG, -ENOMEM, -EIO or another errno of open() or read(). */
int store_read_state(const Store *store, StoreState **ret);

/* Moves a damaged state.json out of the way, to state.json.damaged, over an earlier one. Returns 0, also if it is missing, or an
 * errno. */
int store_quarantine_state(Store *store);

/* Replaces state.json, and keeps what it was as state.json.old; durable once this returns. Where another version is to decide
 * at the next boot, state.json.old becomes the same: it never brings back what was rolled back.
 *
 * Returns 0; -EINVAL if store_read_state() would not take it back (two of what there can only be one of), -EFBIG,
 * -ENOSPC, -EROFS, -EIO or -ENOMEM, and then the state is as before. */
int store_write_state(Store *store, const StoreState *state);

/* Adds a verified envelope; durable once this returns. A file of that name with other content is replaced.
 *
 * ret: SHA-256 over the whole envelope: its name.
 *
 * Returns 1 if added, 0 if it is there already; -ENOSPC, -EROFS, -EIO or -ENOMEM, and then nothing changed. */
int store_add(Store *store, const VerifiedEnvelope *envelope, Digest *ret);

/* Reads an object as it is on disk. Who needs to know that it is undamaged compares envelope_digest(); the kernel
 * checks the signature anyway.
 *
 * ret: to be freed. Returns 0, -ENOENT, -EUCLEAN for a link or what else is no regular file, -EFBIG, -ENOMEM, -EIO or another
 * errno. */
int store_read(const Store *store, const Digest *digest, void **ret, size_t *ret_size);

/* Calls a function for each object; one that returns less than 0 ends it. Returns 0, that, or an errno. */
typedef int (*StoreVisitor)(const Digest *digest, void *userdata);
int store_for_each(const Store *store, StoreVisitor visit, void *userdata);

/* Moves a damaged object to damaged/SHA256, where the latest few are kept. Returns 0 or an errno. */
int store_quarantine_object(Store *store, const Digest *digest);

/* Removes the objects that no version of state names; none at all as long as a state.json.damaged lies there,
 * which may have named them. Returns how many, or an errno of what went wrong first. */
int store_collect(Store *store, const StoreState *state);

/* Whether the same versions are pending, confirmed and on trial in both, and no policy is wanted in both or in neither. */
bool store_state_boots_alike(const StoreState *a, const StoreState *b);

/* For qsort() of pointers to records: which got its state last comes first. */
int version_record_compare_latest(const void *a, const void *b);

/* The version that the next boot tries first, as in store_state_boot_order(); NULL if it loads none. */
VersionRecord *store_state_find_selected(const StoreState *state);

/* Writes the versions to be tried at boot, best first: the one that waits for the reboot, the confirmed one, then those
 * that were superseded, the latest first. None where no policy is wanted.
 *
 * ret: to be freed; the elements are borrowed from state. Returns how many, or -ENOMEM. */
int store_state_boot_order(const StoreState *state, const VersionRecord ***ret);

#endif
