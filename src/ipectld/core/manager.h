/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The state that all rooms of the daemon share, and the small operations on it; it knows no bus. Each concept has a
 * file: stage.c takes policies in, simulate.c and preflight.c find out what a policy would deny, activate.c activates
 * it, trial.c waits for the end of a trial, health*.c watch the system meanwhile, rollback.c goes back, reconcile.c
 * compares disk and kernel at start, forget.c removes old versions, mark.c has what they share, behind.c writes what
 * the disk did not take in time.
 *
 * A function that can refuse returns 0 or more for success; otherwise a positive FailureCode or a negative errno, with
 * a sentence in reterr, and then nothing changed. A pointer to a VersionRecord is valid until the next change.
 *
 * Every change takes the same way: disk, kernel, memory, announcement. Going back to safety does not wait for the disk:
 * see behind.h.
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
        MANAGER_CONFIG_READ, /* read again; it may be the same */
} ManagerChange;

typedef void (*ManagerChanged)(Manager *manager, ManagerChange change, void *userdata);

typedef struct ManagerListener {
        ManagerChanged changed;
        void *userdata; /* borrowed */
} ManagerListener;

struct Manager {
        Config config;
        bool configured; /* config was read at least once */
        Announcer announcer;
        struct ipe_vocabulary vocabulary; /* every property, even those that this kernel does not answer */
        Kernel *kernel;
        Trust *trust;
        Store *store;
        StoreState *state; /* current; on disk, unless disk_error is set: see behind.h */
        int disk_error;    /* why the disk does not have this state, a negative errno; 0 if it has */
        uint64_t commits;  /* counts changes of state */
        Changes *changes;  /* NULL before the store is read */
        Why why;           /* of the next change; manager_commit() clears it, also if it fails */
        char boot_id[33];
        sd_event *event;    /* borrowed; NULL before main.c makes the event loop */
        unsigned n_batches; /* stage.c: while above 0, there may be objects that no state names yet */
        bool collect_later; /* manager_collect() was called while n_batches was above 0 */
        Remarks remarks;    /* about configuration and certificates */
        ManagerListener listeners[4];
        size_t n_listeners;

        /* Each belongs to the files of its concept; no others look into it. */
        Trial *trial;
        Behind *behind;
        Forget *forget;
        Health *health;       /* NULL before the first trial */
        Denials *denials;     /* NULL if this system has no source of denials */
        Volumes *volumes;     /* NULL if volumes cannot be watched */
        Preflight *preflight; /* NULL while none runs */
};

/* Opens the kernel's files, the configuration and the trusted certificates. Returns 0; -ENOMEM or another negative
 * errno, which it has logged. */
int manager_new(Manager **ret);

Manager *manager_free(Manager *manager);

static inline void manager_freep(Manager **manager) {
        manager_free(*manager);
}

/* Calls a function after each change of the state, and after each reading of the configuration, in the order in which
 * the functions were added. At most four. */
void manager_on_change(Manager *manager, ManagerChanged changed, void *userdata);

/* Reads the trusted certificates again; nobody is trusted if they cannot be read. On demand, reads the configuration
 * too, which stays as it was if a part of it cannot be read.
 *
 * on_demand: somebody asks; logs problems again that were logged before.
 * Returns 0, FAILURE_CANNOT_READ or -ENOMEM. */
int manager_reload(Manager *manager, bool on_demand, Failure *reterr);

/* Removes the objects that no version names; waits while policies are being staged. Returns 0 or a negative errno. */
int manager_collect(Manager *manager);

/* Reads trust.d again if it has changed, and logs its problems. Returns as trust_refresh(). */
int manager_refresh_trust(const Manager *manager);

/* Verifies an envelope by the certificates that are in trust.d at this moment; if they cannot be read, nobody is
 * trusted. Returns as trust_verify(). */
int manager_verify(const Manager *manager, Envelope **envelope, VerifiedEnvelope **ret, Failure *reterr);

/* Whether the daemon may go back to a stored version: its signer must still be trusted. A certificate that is not valid
 * at this time does not matter, as it is no reason to stay with a worse policy. Returns 0, a refusal of trust_verify(),
 * or an error of manager_open_envelope(). */
int manager_check_return(const Manager *manager, const VersionRecord *record, Failure *reterr);

/* Writes a new state to disk and makes it the current one. new: taken over on success.
 * Returns 0 or a negative errno. */
int manager_commit(Manager *manager, StoreState **new, Failure *reterr);

/* Makes a state the current one, and announces the differences. new: taken over. disk_error: why the disk does not have
 * it yet; 0 if it has. Only for manager_commit(), behind.c and open-store.c. */
void manager_adopt(Manager *manager, StoreState **new, int disk_error);

/* Finds a version. version: NULL or "" for the newest of that name.
 * Returns 0, FAILURE_NO_SUCH_POLICY or FAILURE_INVALID_ARGUMENT. */
int manager_find(const Manager *manager, const char *name, const char *version, const VersionRecord **ret,
                 Failure *reterr);

/* Reads a stored policy as it was when it was staged. Returns 0 or a negative errno. */
int manager_open_envelope(const Manager *manager, const VersionRecord *record, Envelope **ret, Failure *reterr);

/* The stored version that the kernel has loaded in a place, or NULL. */
const VersionRecord *manager_find_loaded(const Manager *manager, const char *name, KernelPlace place);

/* Whether the kernel has loaded this very version in a place. Returns 1, 0, or a negative errno. */
int manager_is_loaded(const Manager *manager, const VersionRecord *record, KernelPlace place);

/* Whether the kernel evaluates this very policy in the shadow of the active one. Returns 1, 0, or a negative errno. */
int manager_is_shadowed(const Manager *manager, const char *name, const Digest *digest);

/* Finds the active policy.
 * ret_active: as the kernel describes it, to be freed with kernel_policy_done(); its name is empty if no policy is
 * active. NULL: not wanted.
 * ret: the stored version, or NULL if it is none of ours.
 * Returns 0 or a negative errno. */
int manager_find_active(const Manager *manager, KernelPolicy *ret_active, const VersionRecord **ret);

/* Finds the policy that the kernel has on trial, no matter who began the trial. Leaves both unchanged if there is none.
 * ret_trial: its policy is to be freed with kernel_policy_done(). ret: the stored version, or NULL if it is none of
 * ours.
 * Returns 0 or a negative errno. */
int manager_find_trial(const Manager *manager, KernelTrial *ret_trial, const VersionRecord **ret);

/* As manager_find_active(), for a caller that cannot act on an error: it is logged. Returns the record, or NULL. */
const VersionRecord *manager_active(const Manager *manager, KernelPolicy *ret_active);

/* The version that the next boot tries first; NULL if it loads none. */
const VersionRecord *manager_selected(const Manager *manager);

#endif
