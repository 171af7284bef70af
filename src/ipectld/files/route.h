/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The places on the way to a file: every directory in which the kernel looks up a name of its path, with that name. A
 * watcher of these names in these directories notices every change of the way, except mounts.
 */
#ifndef IPECTLD_ROUTE_H
#define IPECTLD_ROUTE_H

#include <sys/types.h>

#include "base.h"

/* A directory on the way. */
typedef struct Place {
        dev_t device;
        ino_t inode;
        char *path;   /* without links */
        int fd;       /* O_PATH: keeps a mount busy, so it must be closed soon */
        bool all;     /* every name matters */
        char **names; /* that matter; ends with NULL; NULL for none */
        size_t n_names;
} Place;

typedef struct Route {
        Place **places; /* each allocated on its own, so that pointers stay valid */
        size_t n;
        size_t n_links; /* files that are links, which were followed */
} Route;

/* Limits of the cost of hostile or odd directories. */
#define ROUTE_PLACES_MAX 256U
#define ROUTE_LINKS_MAX 1024U

/* Adds the places on the way to a directory, the directory, and the places on the way of the links in it. If a name is
 * missing, the path is followed up to there.
 *
 * Returns 0; -ENOMEM; -ELOOP, -EACCES or another errno of a step that failed; -E2BIG beyond the limits above. After an
 * error the places that were added before stay. */
int route_add_directory(Route *route, const char *path);

/* Whether a change of that name matters. */
bool place_has(const Place *place, const char *name);

Place *place_free(Place *place);

void route_done(Route *route);

#endif
