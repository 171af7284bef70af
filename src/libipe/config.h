/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ipectld.conf and its drop-ins.
 */
#ifndef LIBIPE_CONFIG_H
#define LIBIPE_CONFIG_H

#include "config-text.h"
#include "store.h"

/* OnFailure=: how a boot continues in which no policy could be loaded; ipe-generator configures systemd so. */
typedef enum OnFailure {
        ON_FAILURE_CONTINUE,
        ON_FAILURE_EMERGENCY,
        ON_FAILURE_POWEROFF,
        _ON_FAILURE_MAX,
} OnFailure;

const char *on_failure_to_string(OnFailure on_failure);

/* Lists end with NULL; one that is empty is NULL. */
typedef struct Config {
        uint64_t trial_sec;   /* TrialSec=: how long a policy is on trial if the caller does not say; 0: not at all */
        uint64_t trial_boots; /* TrialBoots=: how many reboots a trial may survive */
        uint64_t trial_boot_sec; /* TrialBootSec=: how long each of them may take to confirm it */
        uint64_t preflight_sec;  /* PreflightSec=: how long a preflight watches; 0: not at all */
        uint64_t keep_versions;  /* KeepVersions=: of each name, besides those that are needed */
        OnFailure on_failure;
        ConfirmBy confirm;          /* Confirm=: who confirms a trial if the caller does not say */
        bool rollback_at_boot;      /* RollbackAtBoot=: the next boot goes back if this one cannot */
        char **health_units;        /* HealthUnits=: must be active */
        char **health_ignore_units; /* HealthIgnoreUnits=: globs of names; a failure of these does not count */
        char **health_command;      /* HealthCommand=: must succeed; an absolute path and arguments */
        char **essential_paths;     /* EssentialPaths=: absolute; what a policy must allow beside those built in */
        char **essential_modules;   /* EssentialModules=: by name */
        char **essential_firmware;  /* EssentialFirmware=: below /lib/firmware */
} Config;

extern const Config config_default;

/* ipectl waits a little longer than that. */
#define PREFLIGHT_SEC_MAX 600U
#define KEEP_VERSIONS_MAX 100U

/* The directories of ipectld.conf and ipectld.conf.d/, highest layer first, NULL at the end. */
extern const char *const config_directories[];

/* Reads the configuration. Warns of an invalid file or setting and ignores it, so that the default stays.
 * ret: to be freed with config_done(). Returns 0, 1 if a whole file or directory was ignored, or -ENOMEM. */
int config_load(const char *const *directories, ConfigWarning warning, void *userdata, Config *ret);

void config_done(Config *config);

#endif
