/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The user and the control group of a denied process. Kernels that name neither in a denial name the process. That may
 * have ended, or its number may belong to another process by now: so the content of /proc decides about shares of the
 * journal, and about nothing else.
 */
#ifndef IPECTLD_DENIAL_ORIGIN_H
#define IPECTLD_DENIAL_ORIGIN_H

#include "base.h"

/* Whether a control group is in system.slice, or is that of the service manager: no user can move a process there. */
bool denial_origin_is_system(const char *cgroup);

/* The control group of a process, to be freed; NULL if it is unknown. */
char *denial_origin_cgroup(uint64_t pid);

/* The same for the text of /proc/PID/cgroup: a group of the system if there is one, else the first. */
char *denial_origin_cgroup_of_text(const char *text);

/* The unit of a control group, to be freed: "a.service" for "/system.slice/a.service/below". NULL if there is none.
 * Processes of a unit can choose the names of groups below it, but not its own. */
char *denial_origin_unit(const char *cgroup);

/* The user of the process, for kernels that do not name it; UINT32_MAX if it is unknown. */
uint32_t denial_origin_uid(uint64_t pid);

/* The same for the text of /proc/PID/status. */
uint32_t denial_origin_uid_of_status(const char *text);

#endif
