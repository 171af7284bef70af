/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the daemon knows and may do; it knows no bus. Files by concept: stage.c takes policies in, simulate.c and preflight.c
 * find out what one would deny, activate.c puts them in force, trial.c waits for the end of a trial, health*.c watch over
 * it, rollback.c goes back, reconcile.c compares the disk with the kernel at start, forget.c forgets what is too old,
 * mark.c has what they write in common, behind.c writes what the disk did not take in time, manager.c holds it all.
 *
 * A function that can refuse returns 0 or more for success, a positive FailureCode or a negative errno otherwise, with
 * a sentence in reterr; then nothing changed. Pointers to a VersionRecord are valid until the next change.
 *
 * Every change goes the same way: disk, kernel, memory, announcement. The way back to safety does not wait for the disk: see
 * behind.h.
 */
#ifndef IPECTLD_MANAGER_H
#define IPECTLD_MANAGER_H

#include <systemd/sd-event.h>

#include "changes.h"
#include "config.h"
#include "failure.h"
#include "kernel.h"
#include "policy.h"
#include "remarks.h"
#include "store.h"
#include "transition.h"
#include "trust.h"

typedef struct Behind Behind;
typedef struct Denials Denials;
typedef struct Forget Forget;
typedef struct Health Health;
typedef struct Preflight Preflight;
typedef struct Trial Trial;
typedef struct Volumes Volumes;

typedef struct Manager Manager;

typedef enum ManagerChange {
        MANAGER_STATE_CHANGED,
        MANAGER_CONFIG_READ, /* it may be another one */
} ManagerChange;

typedef void (*ManagerChanged)(Manager *manager, ManagerChange change, void *userdata);

typedef struct ManagerListener {
        ManagerChanged changed;
        void *userdata; /* borrowed */
} ManagerListener;

struct Manager {
        Config config;
        bool configured; /* config was read */
        Announcer announcer;
        struct ipe_vocabulary vocabulary; /* every property, whether this kernel answers it or not */
        Kernel *kernel;
        Trust *trust;
        Store *store;
        StoreState *state; /* on disk, or about to be: see behind.h */
        int disk_error;    /* why the disk does not have that state yet, a negative errno; 0 if it has */
        uint64_t commits;  /* counts changes of state */
        Changes *changes;  /* NULL before the store is read */
        Why why;           /* of the next change; manager_commit() clears it, whatever comes of it */
        char boot_id[33];
        sd_event *event;   /* borrowed; set before anything that waits */
        unsigned n_batches; /* stage.c: there may be objects that no state names yet */
        bool collect_later; /* manager_collect() was called meanwhile */
        Remarks remarks;    /* about configuration and certificates */
        ManagerListener listeners[4];
        size_t n_listeners;

        /* Each is made, read, changed and freed by the file that defines it; main.c has the order. */
        Trial *trial;
        Behind *behind;
        Forget *forget;
        Health *health;       /* NULL before the first trial */
        Denials *denials;     /* NULL where there is no source of them */
        Volumes *volumes;     /* NULL where none is noticed */
        Preflight *preflight; /* the one that runs, or NULL */
};

/* Opens the kernel's files, the configuration and the trusted certificates. Returns 0; -ENOMEM or another negative errno, which was
 * logged. */
int manager_new(Manager **ret);

Manager *manager_free(Manager *manager);

static inline void manager_freep(Manager **manager) {
        manager_free(*manager);
}

/* Has a function called after each change of the state, and after the configuration was read again; in the order in which they
 * were added. At most four. */
void manager_on_change(Manager *manager, ManagerChanged changed, void *userdata);

/* Reads the trusted certificates again and, if somebody asks for that, the configuration, which stays as it was where a part of it
 * cannot be read.
 *
 * again: somebody asks, also for what was logged before.
 * Returns 0, FAILURE_CANNOT_READ or -ENOMEM. */
int manager_reload(Manager *manager, bool again, Failure *reterr);

/* Removes the objects that no version names; later, where some of them are about to be staged. Returns 0 or a negative errno. */
int manager_collect(Manager *manager);

/* Reads trust.d again if it has changed, and logs what is wrong there. Returns as trust_refresh(). */
int manager_refresh_trust(const Manager *manager);

/* Verifies an envelope by the certificates that are in trust.d at this moment. Returns as trust_verify(); nobody is trusted where they
 * cannot be read. */
int manager_verify(const Manager *manager, Envelope **envelope, VerifiedEnvelope **ret, Failure *reterr);

/* Whether a stored version may be gone back to: its signer has to be trusted still. That a certificate has expired since is no reason to
 * stay with a policy that is worse. Returns 0, a refusal of trust_verify(), or an error of manager_open_envelope(). */
int manager_judge_return(const Manager *manager, const VersionRecord *record, Failure *reterr);

/* Writes a new state to disk and makes it the one in force. new: taken over on success.
 * Returns 0 or a negative errno. */
int manager_commit(Manager *manager, StoreState **new, Failure *reterr);

/* Makes a state the current one, and announces the differences. new: taken over. disk_error: why the disk does not have it yet; 0 if it
 * has. For manager_commit(), behind.c and open-store.c alone. */
void manager_adopt(Manager *manager, StoreState **new, int disk_error);

/* Finds a version. version: NULL or "" for the newest of that name.
 * Returns 0, FAILURE_NO_SUCH_POLICY or FAILURE_INVALID_ARGUMENT. */
int manager_find(const Manager *manager, const char *name, const char *version, const VersionRecord **ret,
                 Failure *reterr);

/* Reads a stored policy as it was when it was staged. Returns 0 or a negative errno. */
int manager_open_envelope(const Manager *manager, const VersionRecord *record, Envelope **ret, Failure *reterr);

/* Which stored version the kernel has loaded in a place, or NULL. */
const VersionRecord *manager_find_loaded(const Manager *manager, const char *name, KernelPlace place);

/* Whether the kernel has loaded this very version in a place. Returns 1, 0, or a negative errno. */
int manager_is_loaded(const Manager *manager, const VersionRecord *record, KernelPlace place);

/* Whether the kernel evaluates this very policy beside the one that decides. Returns 1, 0, or a negative errno. */
int manager_is_shadowed(const Manager *manager, const char *name, const Digest *digest);

/* Which policy the kernel enforces now.
 * ret_active: what the kernel says; NULL, or to be freed with kernel_policy_done(); empty name if none.
 * ret: the stored version, or NULL if it is none of ours.
 * Returns 0 or a negative errno. */
int manager_find_active(const Manager *manager, KernelPolicy *ret_active, const VersionRecord **ret);

/* What the kernel has on trial, whoever put it there. Both unchanged if nothing is.
 * ret_trial: its policy to be freed with kernel_policy_done(). ret: the stored version, or NULL if it is none of ours.
 * Returns 0 or a negative errno. */
int manager_find_trial(const Manager *manager, KernelTrial *ret_trial, const VersionRecord **ret);

/* The same as manager_find_active() for who cannot do anything about an error, which is logged.
 * Returns the record, or NULL. */
const VersionRecord *manager_active(const Manager *manager, KernelPolicy *ret_active);

/* The version that the next boot tries first; NULL if it loads none. */
const VersionRecord *manager_selected(const Manager *manager);

#endif
