/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the active policy denies, told to the journal and the bus: from the kernel's "events" where it has them, else from
 * the audit subsystem's multicast group, whose socket systemd opens for us (ipectld-audit.socket). Differences of a policy in
 * the shadow are none of it.
 */
#ifndef IPECTLD_DENIALS_H
#define IPECTLD_DENIALS_H

#include "manager.h"

typedef struct Denial {
        const char *operation, *path, *rule, *policy_name, *policy_version, *comm, *hook; /* NULL for what is not known */
        const char *cgroup; /* of the process; NULL where the kernel does not say it */
        const char *device; /* "vda"; NULL where it is not known */
        dev_t file_system;  /* device number of its superblock; 0 where it is not known */
        uint64_t inode;
        uint64_t pid;
        int enforcing; /* 0 where it has no effect, -1 where that is not known */
        uint64_t lost; /* at least so many could not be read; then all else is empty */
} Denial;

/* Called for each denial that is read, however often it repeats. */
typedef void (*DenialFunction)(const Denial *denial, void *userdata);

/* Takes the descriptors that systemd hands over, and begins to watch; sets manager->denials, or leaves it NULL where there is no
 * source. What fails was logged: the daemon is of use without it. */
void denials_start(Manager *manager);

/* Tells what was only counted so far, before the daemon ends. NULL is permitted. */
void denials_flush(Denials *denials);

Denials *denials_free(Denials *denials);

/* One watcher; function NULL to end. denials NULL is permitted, and nothing comes then. */
void denials_watch(Denials *denials, DenialFunction function, void *userdata);

#endif
