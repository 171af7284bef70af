/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names and object paths on the bus; see org.ipe.Manager(5).
 */
#ifndef IPECTLD_OBJECT_PATH_H
#define IPECTLD_OBJECT_PATH_H

#include "store.h"

#define BUS_NAME "org.ipe.Manager"
#define BUS_ROOT_PATH "/org/ipe"
#define MANAGER_PATH "/org/ipe/Manager"
#define MANAGER_INTERFACE "org.ipe.Manager"
#define POLICY_PREFIX "/org/ipe/policy"
#define POLICY_INTERFACE "org.ipe.Policy"
#define JOB_PREFIX "/org/ipe/job"
#define JOB_INTERFACE "org.ipe.Job"

/* Makes the path of a version. ret: to be freed. Returns 0 or -ENOMEM. */
int object_path_of(const VersionRecord *record, char **ret);

/* Returns the version of a path, borrowed from state; NULL if there is none. */
const VersionRecord *object_path_find(const char *path, const StoreState *state);

#endif
