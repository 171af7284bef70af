/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a machine needs to be used, and to be mended: the service manager, the daemon, the bus, logins, the rescue shell.
 */
#ifndef IPECTLD_ESSENTIAL_H
#define IPECTLD_ESSENTIAL_H

#include "config.h"

/* All paths that are essential, those of the configuration included; not all of them need to be there.
 * ret: NULL at the end, to be freed. Returns 0 or -ENOMEM. */
int essential_paths(const Config *config, char ***ret);

/* Whether a file that the kernel names is one of the list. A path that the kernel tells is that of whoever asked, who may have
 * a root directory of his own: so it counts only where it means the same file here.
 *
 * device: of the file system, "vda"; NULL if it is not known. */
bool essential_is(char *const *list, const char *path, const char *device, uint64_t inode);

#endif
