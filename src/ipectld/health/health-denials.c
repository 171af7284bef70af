/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The check "denials": the policy on trial may deny nothing that is essential.
 */

#include "denial-origin.h"
#include "denials.h"
#include "essential.h"
#include "health-internal.h"
#include "log.h"

/* The kernel keeps what nobody has read yet: it may have been denied before the trial began. Where nobody says by which policy
 * it is taken for the one on trial. */
static bool is_by_trial(const Manager *manager, const KernelEvent *denial) {
        const VersionRecord *ours = store_state_find_state(manager->state, VERSION_TRIAL);
        char version[IPE_VERSION_STRLEN];

        if (!ours || !denial->policy_name || !denial->policy_version)
                return ours;
        ipe_version_print(&ours->version, version);
        return streq(denial->policy_name, ours->name) && streq(denial->policy_version, version);
}

/* The check has no result from here on. */
static void doubt(Health *health, const Failure *why) {
        if (health->checks[CHECK_DENIALS].detail.sentence[0] != '\0')
                return;
        log_warning("What is denied says nothing of the policy on trial from here on: %s", why->sentence);
        health_set_detail(health, CHECK_DENIALS, why);
}

/* Memory that was mapped from a file, and written, is denied by its path, too: any user maps what he likes. */
static bool is_execution(const KernelEvent *denial) {
        return denial->hook && streq(denial->hook, "BPRM_CHECK");
}

static void judge(Health *health, const KernelEvent *denial) {
        EssentialMatch match = essential_match(health->essential, denial->path, denial->device, denial->file_system, denial->inode);
        Failure why = {};

        if (match == ESSENTIAL_NO)
                return;
        if (match == ESSENTIAL_YES && is_execution(denial)) {
                health_fail(health, CHECK_DENIALS, "'%s' was denied, which is essential", denial->path);
                return;
        }
        (void) failure_set(&why, FAILURE_NOT_SUPPORTED, "'%s' was denied, but nobody can tell if %s; if so, 'ipectl end-trial' ends the "
                           "trial", denial->path, match == ESSENTIAL_UNSURE ? "its file system is the essential one" :
                           "the system needs what was mapped");
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

/* Where there is no memory, the reason of a failure is missing later, and nothing else. */
static void remember(Health *health, const KernelEvent *denial) {
        UnitDenial new = { .unit = denial_origin_unit(denial->cgroup) }, *place = &health->denied[health->n_denied % UNIT_DENIALS_MAX];

        /* Users begin as many sessions as they like: these would fill the table. */
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

/* A denial that has no effect breaks nothing. */
static void on_denial(const KernelEvent *denial, void *userdata) {
        Health *health = userdata;

        if (denial->lost > 0)
                doubt(health, &(const Failure) { "some denials were lost, of which nothing is known" });
        else if (!is_by_trial(health->manager, denial))
                return;
        else if (denial->enforcing == 0)
                health_note_unenforced(health);
        else if (denial->path) {
                remember(health, denial);
                judge(health, denial);
        }
}

/* Without a source of denials that check has no result; the others count. */
int health_watch_denials(Health *health) {
        const Config settings = { .essential_paths = health->settings.essential_paths };
        Failure none = {};
        int r = essential_watched(&settings, &health->essential);

        if (r < 0)
                return r;
        denials_watch(health->manager->denials, on_denial, health);
        if (health->manager->denials)
                return 0;
        (void) failure_set(&none, FAILURE_NOT_SUPPORTED, "the kernel tells of no denials here");
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
