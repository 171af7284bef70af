/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Deactivating is one change of state.json. The daemon does not ask the kernel, which can neither deactivate nor delete
 * its active policy. ipe-load reads the wish at the next boot, and reconcile.c then gives the confirmed version its new
 * state.
 */

#include "activate.h"
#include "deactivate.h"
#include "mark.h"
#include "trial.h"

int deactivate_check_meant(const VersionRecord *selected, const char *name, const char *version, Failure *reterr) {
        char number[IPE_VERSION_STRLEN];

        if (!selected)
                return failure_set(reterr, FAILURE_NO_SUCH_POLICY,
                                   "The next boot loads no policy anyway: there is nothing to deactivate.");
        ipe_version_print(&selected->version, number);
        if ((!name || streq(name, selected->name)) && (!version || streq(version, number)))
                return 0;
        return failure_set(reterr, FAILURE_NOT_THAT_VERSION, "The next boot loads '%s' %s, not '%.100s'%s%.50s.",
                           selected->name, number, name ?: selected->name, version ? " " : "", version ?: "");
}

static int commit(Manager *manager, Failure *reterr) {
        const VersionRecord *selected = manager_selected(manager);
        _cleanup_(store_state_freep) StoreState *new = store_state_copy(manager->state);
        Digest digest = selected ? selected->digest : (Digest) {};
        Occasion occasion = occasion_now(manager, NULL);
        int r = new ? state_deactivate(new, &occasion) : -ENOMEM;

        if (r >= 0)
                r = manager_commit(manager, &new, reterr);
        if (r >= 0)
                announce_deactivated(&manager->announcer,
                                     selected ? store_state_find_digest(manager->state, &digest) : NULL);
        return r;
}

int deactivate_policy(Manager *manager, const char *name, const char *version, const Authorised *authorised,
                      const VersionRecord **ret, Failure *reterr) {
        int r;

        r = trial_settle(manager, reterr);
        if (r == 0)
                r = activation_check_trial(manager, reterr);
        if (r == 0 && manager->state->deactivated_boot_id[0] == '\0') {
                r = deactivate_check_meant(manager_selected(manager), name, version, reterr);
                if (r == 0)
                        r = authorised_check(authorised, manager_selected(manager), reterr);
                if (r == 0)
                        r = commit(manager, reterr);
        }
        if (r == 0)
                *ret = manager_active(manager, NULL);
        return r;
}
