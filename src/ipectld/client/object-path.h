/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The names on the bus; org.ipe.Manager(5) explains them.
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

/* The object of a version. ret: to be freed. Returns 0 or -ENOMEM. */
int object_path_of(const VersionRecord *record, char **ret);

/* The version of an object. Returns NULL if there is none; borrowed from state. */
const VersionRecord *object_path_find(const char *path, const StoreState *state);

#endif
