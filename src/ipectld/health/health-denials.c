/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The check "denials": the version on trial must not deny anything essential.
 */

#include "denial-origin.h"
#include "denials.h"
#include "essential.h"
#include "health-internal.h"
#include "log.h"

/* The kernel keeps unread denials, so this one may be older than the trial. A denial that names no policy counts for
 * the version on trial. */
static bool is_by_trial(const Manager *manager, const KernelEvent *denial) {
        const VersionRecord *ours = store_state_find_state(manager->state, VERSION_TRIAL);
        char version[IPE_VERSION_STRLEN];

        if (!ours || !denial->policy_name || !denial->policy_version)
                return ours;
        ipe_version_print(&ours->version, version);
        return streq(denial->policy_name, ours->name) && streq(denial->policy_version, version);
}

/* From here on the check has no result. */
static void doubt(Health *health, const Failure *why) {
        if (health->checks[CHECK_DENIALS].detail.sentence[0] != '\0')
                return;
        log_warning("From now on the health check 'denials' has no result: %s", why->sentence);
        health_set_detail(health, CHECK_DENIALS, why);
}

/* Only execution counts: memory that was mapped from a file and written is denied under the file's path, too, and any
 * user may map any file. */
static bool is_execution(const KernelEvent *denial) {
        return denial->hook && streq(denial->hook, "BPRM_CHECK");
}

static void judge(Health *health, const KernelEvent *denial) {
        EssentialMatch match = essential_match(health->essential, denial->path, denial->device, denial->file_system,
                                               denial->inode);
        Failure why = {};

        if (match == ESSENTIAL_NO)
                return;
        if (match == ESSENTIAL_YES && is_execution(denial)) {
                health_fail(health, CHECK_DENIALS, "the essential file '%s' was denied", denial->path);
                return;
        }
        (void) failure_set(&why, FAILURE_NOT_SUPPORTED,
                           "'%s' was denied, but ipectld does not know whether %s; if so, "
                           "'ipectl end-trial' ends the trial",
                           denial->path,
                           match == ESSENTIAL_UNSURE ? "its file system is the essential one"
                                                     : "the system needs what was mapped");
        doubt(health, &why);
}

const char *health_find_denied(const Health *health, const char *unit) {
        for (size_t i = 0; i < UNIT_DENIALS_MAX && health->denied[i].unit; i++)
                if (streq(health->denied[i].unit, unit))
                        return health->denied[i].path;
        return NULL;
}

static void forget_denied(UnitDenial *denied) {
        free(denied->unit);
        free(denied->path);
        *denied = (UnitDenial) {};
}

/* Without memory, only the reason of a later failure is missing. */
static void remember(Health *health, const KernelEvent *denial) {
        UnitDenial new = { .unit = denial_origin_unit(denial->cgroup) },
                   *place = &health->denied[health->n_denied % UNIT_DENIALS_MAX];

        /* Users could fill the table, as they can open any number of sessions. */
        if (new.unit && health_unit_counts(health, new.unit) && !health_find_denied(health, new.unit))
                new.path = strdup(denial->path);
        if (!new.path) {
                forget_denied(&new);
                return;
        }
        forget_denied(place);
        *place = new;
        health->n_denied++;
}

/* Without enforcement, a denial breaks nothing. */
static void on_denial(const KernelEvent *denial, void *userdata) {
        Health *health = userdata;

        if (denial->lost > 0)
                doubt(health, &(const Failure) { "some denials were lost" });
        else if (!is_by_trial(health->manager, denial))
                return;
        else if (denial->enforcing == 0)
                health_note_unenforced(health);
        else if (denial->path) {
                remember(health, denial);
                judge(health, denial);
        }
}

/* Without a source of denials this check has no result; the others count. */
int health_watch_denials(Health *health) {
        const Config settings = { .essential_paths = health->settings.essential_paths };
        Failure none = {};
        int r = essential_watched(&settings, &health->essential);

        if (r < 0)
                return r;
        denials_watch(health->manager->denials, on_denial, health);
        if (health->manager->denials)
                return 0;
        (void) failure_set(&none, FAILURE_NOT_SUPPORTED, "this system has no source of denials");
        health_set_detail(health, CHECK_DENIALS, &none);
        health_set_check(health, CHECK_DENIALS, HEALTH_NONE);
        return 0;
}

void health_end_denials(Health *health) {
        denials_watch(health->manager->denials, NULL, NULL);
        health->essential = strv_free(health->essential);
        for (size_t i = 0; i < UNIT_DENIALS_MAX; i++)
                forget_denied(&health->denied[i]);
        health->n_denied = 0;
}
