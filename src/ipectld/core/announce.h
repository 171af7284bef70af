/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who is told what: the only writer of structured journal entries and of signals. Nothing here can fail: what was
 * decided stays decided if nobody hears of it.
 */
#ifndef IPECTLD_ANNOUNCE_H
#define IPECTLD_ANNOUNCE_H

#include <systemd/sd-bus.h>

#include "failure.h"
#include "store-history.h"

typedef struct Announcer {
        sd_bus *bus; /* borrowed; NULL while there is none: the journal alone is told */
        const struct Subscribers *subscribers; /* borrowed, likewise: who gets what is not for everybody */
} Announcer;

/* keyring_warning: whether that of its warnings counts. */
void announce_staged(const Announcer *announcer, const VersionRecord *record, bool keyring_warning);

/* result: what the function returned that refused; see error_name_of(). */
void announce_rejected(const Announcer *announcer, const char *source, int result, const Failure *failure);

/* It is staged all the same. */
void announce_not_handed_over(const Announcer *announcer, const VersionRecord *record, int result,
                              const Failure *failure);

/* For good; announce_confirmed() follows. */
void announce_activated(const Announcer *announcer, const VersionRecord *record);
/* It decides, for so many seconds. */
void announce_trial(const Announcer *announcer, const VersionRecord *record, uint64_t seconds, ConfirmBy confirm);
/* Without a confirmation. active: what decides now, NULL if it is none of ours. reason: as in "The trial of 'a' REASON". */
void announce_trial_ended(const Announcer *announcer, const VersionRecord *record, const VersionRecord *active,
                          const char *reason);
void announce_confirmed(const Announcer *announcer, const VersionRecord *record);
void announce_activation_failed(const Announcer *announcer, const VersionRecord *record, int result,
                                const Failure *failure);
/* record: what was gone back to, given_up: from what. */
void announce_rolled_back(const Announcer *announcer, const VersionRecord *record, const VersionRecord *given_up);
void announce_rollback_pending(const Announcer *announcer, const VersionRecord *record,
                               const VersionRecord *given_up);
/* It was selected for this boot, and another one decides. */
void announce_not_loaded(const Announcer *announcer, const VersionRecord *record);
/* record: what the next boot would have loaded; NULL for none. */
void announce_deactivated(const Announcer *announcer, const VersionRecord *record);
void announce_discarded(const Announcer *announcer, const VersionRecord *record);
void announce_damaged(const char *what, const char *consequence);

/* state.json is behind of what the kernel does, for a reason that is a negative errno; 0: not any more. */
void announce_behind(const Announcer *announcer, int error);

/* The end of the trial moved. */
void announce_deadline(const Announcer *announcer);
/* A health check has a result. */
void announce_checks(const Announcer *announcer);

/* enforce: the switch that was set, else it is that of success audit. */
void announce_switch(const Announcer *announcer, bool enforce, bool value);

/* Appends the pairs of a dictionary about a change. may_inspect: whoever gets it may read the names of files. */
int announce_append_transition(sd_bus_message *message, const HistoryEntry *entry, bool may_inspect);
/* A version has changed. The journal is told by the others. */
void announce_transition(const Announcer *announcer, const HistoryEntry *entry);

/* The same of somebody else's change. */
void announce_switch_elsewhere(const Announcer *announcer, bool enforce, bool value);

/* Tells which objects and properties changed between two states; after is the one in force. */
void announce_changes(const Announcer *announcer, const StoreState *before, const StoreState *after);

#endif
