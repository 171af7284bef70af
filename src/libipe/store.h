/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The store, which survives a reboot: /var/lib/ipe/ with objects/SHA256 (signed policies), state.json (the state of
 * each), state.json.old (its predecessor), damaged/ (damaged objects) and lock. After a crash at any instant, the old
 * state or the new one is there. The daemon writes it; ipe-load reads it at boot, and writes only the count of a
 * trial's boots.
 */
#ifndef LIBIPE_STORE_H
#define LIBIPE_STORE_H

#include "base.h"
#include "digest.h"
#include "envelope.h"
#include "policy.h"

#define STORE_DIRECTORY "/var/lib/ipe"

/* The states of a version of a policy. ipectld.service(8) explains them; src/ipectld/core/transition.c has their order.
 */
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

/* The side that confirms a trial. */
typedef enum ConfirmBy {
        CONFIRM_MANUAL, /* a caller */
        CONFIRM_AUTO,   /* the daemon, if the health checks find nothing */
        _CONFIRM_BY_MAX,
} ConfirmBy;

/* "manual", "auto". */
const char *confirm_by_to_string(ConfirmBy confirm);
/* Returns it, or -EINVAL. */
int confirm_by_from_string(const char *text);

/* All changes by one call or one file share one id, here and in the journal: 32 digits of hex and a NUL. Empty for
 * changes of a release that had no ids. */
#define TRANSACTION_SIZE 33

#define SUMMARY_WARNINGS_MAX 5

/* The summary of a policy, so that nobody has to read the policy again. */
typedef struct PolicySummary {
        bool known;               /* false, and all else 0, if an earlier release wrote the state */
        struct ipe_version floor; /* policy_rollback_floor= */
        bool needs_extended_abi;
        size_t size;           /* of the signed policy, in bytes */
        size_t text_size;      /* of its text, in bytes */
        uint64_t expires_usec; /* when the first certificate from its signer to the trusted one ends, wall clock; 0: not
                                  known */
        uint64_t n_warnings;
        char **warnings;       /* the first of them, at most SUMMARY_WARNINGS_MAX; NULL at the end; NULL for none */
        char *keyring_warning; /* counts until the keyring .fs-verity is sealed; NULL for none */
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
        uint64_t changed_usec; /* wall clock: when it got its state; only for people, as clocks can be wrong */
        uint64_t sequence;     /* the higher, the later it got its state; unique, and not 0 */
        char transaction[TRANSACTION_SIZE]; /* that gave it its state */
        PolicySummary summary;
} VersionRecord;

/* The settings of health checks from the beginning of the trial: a later change of the configuration is for the next
 * one. Lists end with NULL; NULL for none. */
typedef struct TrialHealth {
        bool known;             /* false, and all else empty, if an earlier release wrote the state */
        bool command;           /* there is a HealthCommand=, which ipe-health.service reads itself */
        char **units;           /* HealthUnits= */
        char **ignore_units;    /* HealthIgnoreUnits= */
        char **essential_paths; /* EssentialPaths= */
} TrialHealth;

void trial_health_done(TrialHealth *health);

/* Copies settings and their strings. ret: may be the variable that health points to; unchanged on failure.
 * Returns 0 or -ENOMEM. */
int trial_health_copy(const TrialHealth *health, TrialHealth *ret);

/* The terms of a trial: of the version that is on trial, or whose activation is under way. */
typedef struct StoreTrial {
        char boot_id[33];       /* of the latest boot that tried it; empty while there is no trial */
        uint64_t deadline_usec; /* CLOCK_BOOTTIME of that boot */
        uint64_t boots;         /* reboots that it has survived; 0 in the boot in which it began */
        uint64_t boots_max;     /* that it may survive */
        uint64_t boot_sec;      /* how long each of those boots may take to confirm it */
        ConfirmBy confirm;
        char **failed_units;     /* units that had failed before it began: names, NULL at the end; NULL for none */
        char **restarting_units; /* units that waited for a restart then: likewise */
        TrialHealth health;
        bool unenforced; /* enforcement was off at some time during the trial */
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
        uint64_t sequence; /* the highest number that a version of this store ever got */
        /* An activation that has begun: set before the kernel is asked, cleared when its answer is on disk. */
        bool activating;
        Digest activating_digest;
        char activating_transaction[TRANSACTION_SIZE];
        bool rolling_back; /* a rollback, which gives up the confirmed version */
        StoreTrial trial;
        /* A preflight that has begun: the policy to take out of the kernel's shadow after a crash. */
        char *shadowing; /* name of its policy; NULL while there is none */
        Digest shadowing_digest;
        /* Of the boot in which a version became VERSION_PENDING_REBOOT; empty while there is none. */
        char pending_boot_id[33];
        /* Of the boot in which a caller asked for no policy at all; empty while one is wanted. While it is set no
         * boot loads a policy, whatever the states of versions are. */
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

/* Records that an activation has begun, which is no rollback. digest: NULL for none. */
void store_state_set_activating(StoreState *state, const Digest *digest, const char *transaction);

/* The largest values of boots_max and of boot_sec. */
#define TRIAL_BOOTS_MAX 100U
#define TRIAL_BOOT_SEC_MAX 86400U

/* Whether a boot is the latest that tried the version on trial.
 * boot_id: 32 digits of hex; empty where it is not known, which counts as that boot, so that nobody tries the version
 * again. */
bool store_trial_is_of_boot(const StoreTrial *trial, const char *boot_id);

/* Whether a boot decides about a trial: the trial has lasted beyond a reboot, this boot tries it, and the daemon is
 * to confirm it.
 * boot_id: as above. */
bool store_state_boot_is_on_trial(const StoreState *state, const char *boot_id);

/* Records the terms of a trial. trial: copied; NULL for none. Returns 0 or -ENOMEM. */
int store_state_set_trial(StoreState *state, const StoreTrial *trial);

/* Records the preflight of a policy. name: copied; NULL for none. Returns 0 or -ENOMEM. */
int store_state_set_shadowing(StoreState *state, const char *name, const Digest *digest);

/* Records that a policy was discarded, or, if discarded is false, that it may be staged again. name: copied.
 * Returns 0, or -ENOMEM if discarded is true. */
int store_state_set_discarded(StoreState *state, const char *name, const Digest *digest, bool discarded);

bool store_state_is_discarded(const StoreState *state, const Digest *digest);

/* The largest sequence number; one change each microsecond would reach it after 292,000 years. */
#define STORE_SEQUENCE_MAX ((uint64_t) INT64_MAX)

/* Makes a version the one that got its state last. */
void store_state_touch(StoreState *state, VersionRecord *record);

/* Adds a version, in its place, as the one that got its state last. record: its strings are copied. Returns 0;
 * -EEXIST if there is one of that name and version; -ENOMEM. */
int store_state_add(StoreState *state, const VersionRecord *record);

void store_state_remove(StoreState *state, const char *name, const struct ipe_version *version);

/* NULL if there is none. Valid until the next add, remove or free. */
VersionRecord *store_state_find(const StoreState *state, const char *name, const struct ipe_version *version);
VersionRecord *store_state_find_digest(const StoreState *state, const Digest *digest);
/* The version in a state that at most one version has: VERSION_TRIAL, VERSION_CONFIRMED, VERSION_PENDING_REBOOT. */
VersionRecord *store_state_find_state(const StoreState *state, VersionState wanted);
/* Finds the version to which a rollback of record goes back: the one that was confirmed last before it, whatever its
 * name, and not given up since; of the name of record only a lower one. */
const VersionRecord *store_state_find_previous(const StoreState *state, const VersionRecord *record);
/* Of the confirmed policy's name, the version whose trial was the last to end since the confirmed one got its state:
 * a caller who asks for a rollback may mean that one. NULL if there is none. */
const VersionRecord *store_state_find_ended_trial(const StoreState *state);

typedef struct Store Store;

/* Opens the store for writing: makes missing directories, takes the lock, removes temporary files of an earlier run.
 *
 * Returns 0, -EBUSY if another process has it open for writing, or an errno. */
int store_open(const char *directory, Store **ret);

/* Opens it for reading, without lock, and changes nothing: functions that write return -EROFS.
 * Returns 0, -ENOENT if there is none, or an errno. */
int store_open_read_only(const char *directory, Store **ret);

/* Whether it was opened for reading. */
bool store_is_read_only(const Store *store);

Store *store_free(Store *store);

static inline void store_freep(Store **store) {
        store_free(*store);
}

/* Reads the state: state.json, or state.json.old if the first is damaged, unreadable or missing. It is empty if
 * neither exists and none was put aside.
 *
 * Returns 0; 1 if it is that of state.json.old, which lacks the latest change; -EUCLEAN if both are lost or damaged
 * in any way (the check fails, no JSON, a member missing or of another type, an unknown state or format version, two
 * of a thing that exists only once); -EFBIG, -ENOMEM, -EIO or another errno of open() or read(). */
int store_read_state(const Store *store, StoreState **ret);

/* Moves a damaged state.json out of the way, to state.json.damaged, over an earlier one. Returns 0, also if it is
 * missing, or an errno. */
int store_quarantine_state(Store *store);

/* Replaces state.json, and keeps the old content as state.json.old; durable once this returns. If the next boot is to
 * load another version, state.json.old becomes the same: it never brings back a version that was rolled back.
 *
 * Returns 0; -EINVAL if store_read_state() would refuse it, -EFBIG, -ENOSPC, -EROFS, -EIO or -ENOMEM, and then the
 * state is as before. */
int store_write_state(Store *store, const StoreState *state);

/* Adds a verified envelope; durable once this returns. A file of that name with other content is replaced.
 *
 * ret: SHA-256 over the whole envelope: its name.
 *
 * Returns 1 if added, 0 if it is there already; -ENOSPC, -EROFS, -EIO or -ENOMEM, and then nothing changed. */
int store_add(Store *store, const VerifiedEnvelope *envelope, Digest *ret);

/* Reads an object as it is on disk. To find damage, compare envelope_digest(); the kernel checks the signature anyway.
 *
 * ret: to be freed. Returns 0, -ENOENT, -EUCLEAN for a link or any other file that is not regular, -EFBIG, -ENOMEM,
 * -EIO or another errno. */
int store_read(const Store *store, const Digest *digest, void **ret, size_t *ret_size);

/* Calls a function for each object, until it returns less than 0. Returns 0, that value, or an errno. */
typedef int (*StoreVisitor)(const Digest *digest, void *userdata);
int store_for_each(const Store *store, StoreVisitor visit, void *userdata);

/* Moves a damaged object to damaged/SHA256, where the latest few are kept. Returns 0 or an errno. */
int store_quarantine_object(Store *store, const Digest *digest);

/* Removes the objects that no version of state names; but none while there is a state.json.damaged, which may name
 * them.
 * Returns how many, or the first errno. */
int store_collect(Store *store, const StoreState *state);

/* Whether the same versions are pending, confirmed and on trial in both, and no policy is wanted in both or in neither.
 */
bool store_state_boots_alike(const StoreState *a, const StoreState *b);

/* For qsort() of pointers to records: the one that got its state last comes first. */
int version_record_compare_latest(const void *a, const void *b);

/* The version that the next boot tries first, as in store_state_boot_order(); NULL if it loads none. */
VersionRecord *store_state_find_selected(const StoreState *state);

/* Lists the versions to try at boot, best first: the one that waits for the reboot, the confirmed one, then the
 * superseded ones, the latest first. None if no policy is wanted.
 *
 * ret: to be freed; the elements are borrowed from state. Returns how many, or -ENOMEM. */
int store_state_boot_order(const StoreState *state, const VersionRecord ***ret);

#endif
