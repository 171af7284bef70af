/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The user and the control group of a denied process, as far as /proc knows them: the kernel names the process, which may have
 * ended, or its number may be another's by now. So this decides about shares of the journal and nothing else.
 */
#ifndef IPECTLD_DENIAL_ORIGIN_H
#define IPECTLD_DENIAL_ORIGIN_H

#include "base.h"

/* Whether the process is in system.slice, or is the service manager: no user can move a process there. */
bool denial_origin_is_system(uint64_t pid);

/* The same for the text of /proc/PID/cgroup. */
bool denial_origin_is_system_cgroup(const char *text);

/* The user of the process, for kernels that do not say it; UINT32_MAX if it is not known. */
uint32_t denial_origin_uid(uint64_t pid);

/* The same for the text of /proc/PID/status. */
uint32_t denial_origin_uid_of_status(const char *text);

#endif
