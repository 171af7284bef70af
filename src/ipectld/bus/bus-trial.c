/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Confirms a trial, ends it, rolls back, or deactivates. Each call may name the version, or the transaction, that its
 * caller means: when the daemon handles the call another version may be on trial, or none.
 */

#include "bus-details.h"
#include "bus-options.h"
#include "bus-reply.h"
#include "bus-trial.h"
#include "deactivate.h"
#include "object-path.h"
#include "rollback.h"
#include "trial.h"

/* Answers with the state after the call. record: NULL for no policy. */
static int reply_with_outcome(const Bus *bus, sd_bus_message *message, const VersionRecord *record) {
        char version[IPE_VERSION_STRLEN] = "";
        _cleanup_free_ char *path = NULL;
        int r = record ? object_path_of(record, &path) : 0;

        if (r < 0)
                return r;
        if (record)
                ipe_version_print(&record->version, version);
        return sd_bus_reply_method_return(message, "a{sv}", 5, "Policy", "o", path ?: "/", "Name", "s",
                                          record ? record->name : "", "Version", "s", version, "State", "s",
                                          record ? version_state_to_string(record->state) : "", "Recorded", "b",
                                          bus->manager->disk_error == 0);
}

/* Reads name and options of a call that may say which trial it means. */
static int read_meant(sd_bus_message *message, const char **ret_name, TrialMeant *ret, sd_bus_error *reterr) {
        const BusOption options[] = {
                { "version", "s", &ret->version },
                { "transaction", "s", &ret->transaction },
                {},
        };
        int r = bus_read_text(message, "name", ret_name, reterr);

        return r < 0 ? r : bus_read_options(message, options, reterr);
}

static const VersionRecord *find_trial(const Bus *bus, const char *name) {
        const VersionRecord *trial = store_state_find_state(bus->manager->state, VERSION_TRIAL);

        return trial && streq(trial->name, name) ? trial : NULL;
}

/* Asks polkit about the version that a call ends or keeps. record: NULL if the state has none. */
static int authorise(Bus *bus, sd_bus_message *message, const char *action, const char *name,
                     const VersionRecord *record, sd_bus_error *reterr) {
        _cleanup_(bus_details_done) BusDetails details = {};
        int r = bus_details_add_state(&details, name, record);

        return r < 0 ? r : polkit_check(bus->polkit, message, action, details.list, reterr);
}

/* Binds a call to the trial that polkit was asked about: the kernel may end that trial, and begin another, before the
 * state has that. Calls of root are not bound, as there are no questions to polkit about them. Returns the argument for
 * the function of the manager. */
static const Authorised *bind(const Bus *bus, sd_bus_message *message, const VersionRecord *record, Authorised *ret) {
        authorised_set(ret, record);
        return polkit_is_root(bus->polkit, message) ? NULL : ret;
}

static int confirm(Bus *bus, sd_bus_message *message, const char *name, const TrialMeant *meant,
                   const VersionRecord **ret, sd_bus_error *reterr) {
        const VersionRecord *trial = find_trial(bus, name);
        TrialMeant bound = meant ? *meant : (TrialMeant) {};
        Authorised authorised;
        Failure failure = {};
        int r = authorise(bus, message, ACTION("confirm"), name, trial, reterr);

        if (r <= 0)
                return r < 0 ? r : 1;
        bound.authorised = bind(bus, message, trial, &authorised);
        r = confirm_policy(bus->manager, name, &bound, &failure);
        if (r != 0)
                return bus_refuse(reterr, r, &failure);
        *ret = store_state_find_state(bus->manager->state, VERSION_CONFIRMED);
        return 0;
}

int method_confirm(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        const VersionRecord *record;
        const char *name;
        int r = bus_read_text(message, "name", &name, reterr);

        if (r >= 0)
                r = confirm(userdata, message, name, NULL, &record, reterr);
        return r != 0 ? r : sd_bus_reply_method_return(message, "");
}

int method_confirm_with_options(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        const VersionRecord *record;
        TrialMeant meant = {};
        const char *name;
        int r = read_meant(message, &name, &meant, reterr);

        if (r >= 0)
                r = confirm(userdata, message, name, &meant, &record, reterr);
        return r != 0 ? r : reply_with_outcome(userdata, message, record);
}

int method_end_trial(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        Bus *bus = userdata;
        const VersionRecord *record;
        Authorised authorised;
        TrialMeant meant = {};
        Failure failure = {};
        const char *name;
        int r = read_meant(message, &name, &meant, reterr);

        if (r >= 0)
                r = authorise(bus, message, ACTION("rollback"), name, find_trial(bus, name), reterr);
        if (r <= 0)
                return r < 0 ? r : 1;
        meant.authorised = bind(bus, message, find_trial(bus, name), &authorised);
        r = end_trial(bus->manager, name, &meant, &record, &failure);
        return r != 0 ? bus_refuse(reterr, r, &failure) : reply_with_outcome(bus, message, record);
}

/* from: the version to roll back from; NULL if the caller names none. */
static int roll_back(Bus *bus, sd_bus_message *message, const char *name, const char *from, const VersionRecord **ret,
                     sd_bus_error *reterr) {
        const VersionRecord *record = rollback_candidate(bus->manager->state, name);
        Authorised authorised;
        Failure failure = {};
        int r = authorise(bus, message, ACTION("rollback"), name, record, reterr);

        if (r <= 0)
                return r < 0 ? r : 1;
        r = roll_back_policy(bus->manager, name, from, bind(bus, message, record, &authorised), ret, &failure);
        return r != 0 ? bus_refuse(reterr, r, &failure) : 0;
}

int method_rollback(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        const VersionRecord *record;
        const char *name;
        int r = bus_read_text(message, "name", &name, reterr);

        if (r >= 0)
                r = roll_back(userdata, message, name, NULL, &record, reterr);
        return r != 0 ? r : bus_reply_with_path(message, record);
}

int method_rollback_with_options(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        const VersionRecord *record;
        const char *name, *from = NULL;
        const BusOption options[] = { { "from", "s", &from }, {} };
        int r = bus_read_text(message, "name", &name, reterr);

        if (r >= 0)
                r = bus_read_options(message, options, reterr);
        if (r >= 0)
                r = roll_back(userdata, message, name, from, &record, reterr);
        return r != 0 ? r : reply_with_outcome(userdata, message, record);
}

int method_deactivate(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        const char *name = NULL, *version = NULL;
        const BusOption options[] = { { "name", "s", &name }, { "version", "s", &version }, {} };
        Bus *bus = userdata;
        const VersionRecord *record = manager_selected(bus->manager);
        Authorised authorised;
        Failure failure = {};
        int r = bus_read_options(message, options, reterr);

        if (r >= 0)
                r = authorise(bus, message, ACTION("deactivate"), record ? record->name : "", record, reterr);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = deactivate_policy(bus->manager, name, version, bind(bus, message, record, &authorised), &record, &failure);
        return r != 0 ? bus_refuse(reterr, r, &failure) : reply_with_outcome(bus, message, record);
}
