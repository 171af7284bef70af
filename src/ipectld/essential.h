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

bool essential_has(char *const *list, const char *path);

#endif
