/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ipectld.conf and its drop-ins.
 */
#ifndef IPECTLD_CONFIG_H
#define IPECTLD_CONFIG_H

#include "base.h"

typedef struct Config {
        uint64_t trial_sec;     /* TrialSec=: how long a policy is on trial where the caller does not say; 0: not at all */
        uint64_t preflight_sec; /* PreflightSec=: how long a preflight watches */
        bool rollback_at_boot; /* RollbackAtBoot=: select the version before for the next boot where that is the only way */
} Config;

#define CONFIG_DEFAULT { .trial_sec = 120, .preflight_sec = 10, .rollback_at_boot = true }

/* ipectl waits somewhat longer than that. */
#define PREFLIGHT_SEC_MAX 600U

/* Where ipectld.conf and ipectld.conf.d/ are looked for, highest layer first, NULL at the end. */
extern const char *const config_directories[];

/* Reads the configuration; a file or a setting that makes no sense is warned about, and the default stays.
 * Returns 0 or -ENOMEM. */
int config_load(const char *const *directories, Config *ret);

#endif
