/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The places on the way to a file: every directory in which a name of its path is looked up, with that name. Whoever watches
 * these names in these directories notices whatever makes the path lead elsewhere, but for mounts.
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
        int fd;       /* O_PATH: it keeps a mount busy, close it soon */
        bool all;     /* every name counts */
        char **names; /* those that count; NULL at the end; NULL for none */
        size_t n_names;
} Place;

typedef struct Route {
        Place **places; /* each on its own, so that pointers stay valid */
        size_t n;
        size_t n_links; /* of the files, that were followed */
} Route;

/* Bounds of what hostile or odd directories can cost. */
#define ROUTE_PLACES_MAX 256U
#define ROUTE_LINKS_MAX 1024U

/* Adds the places on the way to a directory, the directory, and what is on the way of the links in it. A path that ends
 * where a name is missing is followed to there.
 *
 * Returns 0, -ENOMEM; -ELOOP, -EACCES or another errno of what cannot be followed; -E2BIG beyond the bounds above. What was added
 * up to then stays. */
int route_add_directory(Route *route, const char *path);

/* Whether a change of that name matters. */
bool place_has(const Place *place, const char *name);

Place *place_free(Place *place);

void route_done(Route *route);

#endif
