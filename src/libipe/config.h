/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ipectld.conf and its drop-ins.
 */
#ifndef LIBIPE_CONFIG_H
#define LIBIPE_CONFIG_H

#include "config-text.h"
#include "store.h"

/* OnFailure=: what becomes of a boot in which no policy could be loaded; ipe-generator tells systemd. */
typedef enum OnFailure {
        ON_FAILURE_CONTINUE,
        ON_FAILURE_EMERGENCY,
        ON_FAILURE_POWEROFF,
        _ON_FAILURE_MAX,
} OnFailure;

/* Lists end with NULL; one that is empty is NULL. */
typedef struct Config {
        uint64_t trial_sec;       /* TrialSec=: how long a policy is on trial where the caller does not say; 0: not at all */
        uint64_t trial_boots;     /* TrialBoots=: how many reboots a trial outlives */
        uint64_t trial_boot_sec;  /* TrialBootSec=: how long each of them may take to confirm it */
        uint64_t preflight_sec;   /* PreflightSec=: how long a preflight watches; 0: not at all */
        uint64_t keep_versions;   /* KeepVersions=: of each name, of those that nothing needs */
        OnFailure on_failure;
        ConfirmBy confirm;        /* Confirm=: who ends a trial where the caller does not say */
        bool rollback_at_boot;    /* RollbackAtBoot=: select the version before for the next boot where that is the only way */
        char **health_units;      /* HealthUnits=: have to be active */
        char **health_ignore_units; /* HealthIgnoreUnits=: globs of names; it does not matter if they fail */
        char **health_command;    /* HealthCommand=: has to succeed; an absolute path and arguments */
        char **essential_paths;   /* EssentialPaths=: absolute; have to be permitted, beside those that are built in */
        char **essential_modules; /* EssentialModules=: by name */
        char **essential_firmware; /* EssentialFirmware=: below /lib/firmware */
} Config;

#define CONFIG_DEFAULT                                                                                       \
        { .trial_sec = 120, .trial_boots = 3, .trial_boot_sec = 300, .preflight_sec = 10, .keep_versions = 5,  \
          .confirm = CONFIRM_AUTO, .rollback_at_boot = true }

/* ipectl waits somewhat longer than that. */
#define PREFLIGHT_SEC_MAX 600U
#define KEEP_VERSIONS_MAX 100U

/* Where ipectld.conf and ipectld.conf.d/ are looked for, highest layer first, NULL at the end. */
extern const char *const config_directories[];

/* Reads the configuration; a file or a setting that makes no sense is warned about, and the default stays.
 * ret: to be freed with config_done(). Returns 0, 1 if a whole file or directory was ignored, or -ENOMEM. */
int config_load(const char *const *directories, ConfigWarning warning, void *userdata, Config *ret);

void config_done(Config *config);

#endif
