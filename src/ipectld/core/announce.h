/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Journal entries and signals about versions, trials and switches; denials, volumes and jobs have their own. Nothing
 * here can fail: a decision stands even if its announcement is lost.
 */
#ifndef IPECTLD_ANNOUNCE_H
#define IPECTLD_ANNOUNCE_H

#include <systemd/sd-bus.h>

#include "failure.h"
#include "store-history.h"

typedef struct Announcer {
        sd_bus *bus; /* borrowed; NULL before the connection: then only the journal gets the events */
        const struct Subscribers *subscribers; /* borrowed; NULL likewise; they get what may not be broadcast */
} Announcer;

/* keyring_warning: whether the warning about the keyring .fs-verity counts at this moment. */
void announce_staged(const Announcer *announcer, const VersionRecord *record, bool keyring_warning);

/* result: of the function that refused; see error_name_of(). */
void announce_rejected(const Announcer *announcer, const char *source, int result, const Failure *failure);

/* The version stays staged. */
void announce_not_handed_over(const Announcer *announcer, const VersionRecord *record, int result,
                              const Failure *failure);

/* Activated without a trial; announce_confirmed() follows. */
void announce_activated(const Announcer *announcer, const VersionRecord *record);
void announce_trial(const Announcer *announcer, const VersionRecord *record, uint64_t seconds, ConfirmBy confirm);
/* The trial ended without a confirmation. active: the version that is active now; NULL if none of ours is. reason: as
 * in "The trial of 'a' REASON". */
void announce_trial_ended(const Announcer *announcer, const VersionRecord *record, const VersionRecord *active,
                          const char *reason);
void announce_confirmed(const Announcer *announcer, const VersionRecord *record);
void announce_activation_failed(const Announcer *announcer, const VersionRecord *record, int result,
                                const Failure *failure);
/* record: the version that is active again. given_up: the version that was rolled back. */
void announce_rolled_back(const Announcer *announcer, const VersionRecord *record, const VersionRecord *given_up);
void announce_rollback_pending(const Announcer *announcer, const VersionRecord *record, const VersionRecord *given_up);
/* The version was selected for this boot, but another one is active. */
void announce_not_loaded(const Announcer *announcer, const VersionRecord *record);
/* record: the version that the next boot would have loaded; NULL for none. */
void announce_deactivated(const Announcer *announcer, const VersionRecord *record);
void announce_discarded(const Announcer *announcer, const VersionRecord *record);
void announce_damaged(const char *what, const char *consequence);

/* error: the negative errno for which state.json does not have the state of the kernel yet; 0: it has it again. */
void announce_behind(const Announcer *announcer, int error);

void announce_deadline(const Announcer *announcer);
void announce_checks(const Announcer *announcer);

/* enforce: true for the switch enforce, false for success_audit. */
void announce_switch(const Announcer *announcer, bool enforce, bool value);

/* Appends the pairs of a dictionary about a change. may_inspect: whether the recipient may read the names of files. */
int announce_append_transition(sd_bus_message *message, const HistoryEntry *entry, bool may_inspect);
/* Emits the signal of one change. The journal gets its entry from the functions above. */
void announce_transition(const Announcer *announcer, const HistoryEntry *entry);

/* The same for a change that ipectld did not make. */
void announce_switch_elsewhere(const Announcer *announcer, bool enforce, bool value);

/* Announces which objects and properties differ between two states. after: the current state. */
void announce_changes(const Announcer *announcer, const StoreState *before, const StoreState *after);

#endif
