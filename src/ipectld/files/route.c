/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Follows paths one name at a time, as the kernel does. Each step starts from the descriptor of the one before, so that
 * nobody can exchange a directory between two steps.
 */

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "route.h"

/* The limit of the kernel. */
#define LINKS_ON_A_PATH_MAX 40U

/* The position of a walk. */
typedef struct Walk {
        Route *route;
        int fd; /* O_PATH of a directory, or of the file at the end of the path */
        bool is_directory;
        char *path; /* of fd, without links; empty for the root */
        char *rest; /* names that are still to be followed */
        unsigned n_links;
} Walk;

Place *place_free(Place *place) {
        if (!place)
                return NULL;
        safe_close(place->fd);
        free(place->path);
        strv_free(place->names);
        free(place);
        return NULL;
}

void route_done(Route *route) {
        for (size_t i = 0; i < route->n; i++)
                place_free(route->places[i]);
        free(route->places);
        *route = (Route) {};
}

bool place_has(const Place *place, const char *name) {
        return place->all || strv_contains(place->names, name);
}

static int add_place(Route *route, const Walk *walk, const struct stat *st, Place **ret) {
        Place **larger = reallocarray(route->places, route->n + 1, sizeof(*larger)), *place;

        if (!larger)
                return -ENOMEM;
        route->places = larger;
        if (route->n >= ROUTE_PLACES_MAX)
                return -E2BIG;
        place = calloc(1, sizeof(*place));
        if (!place)
                return -ENOMEM;
        *place = (Place) { .device = st->st_dev,
                           .inode = st->st_ino,
                           .path = strdup(walk->path[0] ? walk->path : "/"),
                           .fd = fcntl(walk->fd, F_DUPFD_CLOEXEC, 3) };
        if (!place->path || place->fd < 0) {
                int r = place->path ? -errno : -ENOMEM;

                place_free(place);
                return r;
        }
        larger[route->n++] = place;
        *ret = place;
        return 0;
}

static int find_place(const Walk *walk, Place **ret) {
        Route *route = walk->route;
        struct stat st;

        if (fstat(walk->fd, &st) < 0)
                return -errno;
        for (size_t i = 0; i < route->n; i++)
                if (route->places[i]->device == st.st_dev && route->places[i]->inode == st.st_ino) {
                        *ret = route->places[i];
                        return 0;
                }
        return add_place(route, walk, &st, ret);
}

/* Notes that the walk looks up a name in its directory. */
static int note_name(const Walk *walk, const char *name) {
        char **larger;
        Place *place;
        int r = find_place(walk, &place);

        if (r < 0 || place_has(place, name))
                return r;
        larger = reallocarray(place->names, place->n_names + 2, sizeof(*larger));
        if (!larger)
                return -ENOMEM;
        place->names = larger;
        larger[place->n_names + 1] = NULL;
        larger[place->n_names] = strdup(name);
        return larger[place->n_names] ? (place->n_names++, 0) : -ENOMEM;
}

static int to_root(Walk *walk) {
        int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0)
                return -errno;
        safe_close(walk->fd);
        walk->fd = fd;
        walk->is_directory = true;
        if (walk->path)
                walk->path[0] = '\0';
        return 0;
}

static int to_parent(Walk *walk) {
        int fd = openat(walk->fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
        char *slash = strrchr(walk->path, '/');

        if (fd < 0)
                return -errno;
        safe_close(walk->fd);
        walk->fd = fd;
        if (slash)
                *slash = '\0';
        return 0;
}

/* fd: of a link, whose names come before the rest. */
static int to_link(Walk *walk, int fd) {
        char target[PATH_MAX], *rest;
        ssize_t n = readlinkat(fd, "", target, sizeof(target) - 1);

        if (n < 0)
                return -errno;
        if (walk->n_links++ >= LINKS_ON_A_PATH_MAX)
                return -ELOOP;
        target[n] = '\0';
        if (asprintf(&rest, "%s/%s", target, walk->rest) < 0)
                return -ENOMEM;
        free(walk->rest);
        walk->rest = rest;
        return target[0] == '/' ? to_root(walk) : 0;
}

static int to_child(Walk *walk, int *fd, const char *name, bool is_directory) {
        char *path;

        if (asprintf(&path, "%s/%s", walk->path, name) < 0)
                return -ENOMEM;
        free(walk->path);
        walk->path = path;
        safe_close(walk->fd);
        walk->fd = TAKE_FD(*fd);
        walk->is_directory = is_directory;
        return 0;
}

/* Returns 1 if the walk goes on, 0 if it ends here, or a negative errno. */
static int step(Walk *walk, const char *name) {
        _cleanup_close_ int fd = -1;
        struct stat st;
        int r;

        if (streq(name, "."))
                return 1;
        if (streq(name, ".."))
                r = to_parent(walk);
        else {
                r = note_name(walk, name);
                if (r < 0)
                        return r;
                fd = openat(walk->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
                if (fd < 0)
                        return errno == ENOENT ? 0 : -errno;
                if (fstat(fd, &st) < 0)
                        return -errno;
                r = S_ISLNK(st.st_mode) ? to_link(walk, fd) : to_child(walk, &fd, name, S_ISDIR(st.st_mode));
        }
        return r < 0 ? r : walk->is_directory;
}

/* Returns 1 if the path leads to a directory, 0 if not, or a negative errno. */
static int follow(Walk *walk) {
        int r;

        for (;;) {
                _cleanup_free_ char *name = NULL;
                size_t slashes = strspn(walk->rest, "/"), size = strcspn(walk->rest + slashes, "/");

                if (size == 0)
                        return walk->is_directory;
                name = strndup(walk->rest + slashes, size);
                if (!name)
                        return -ENOMEM;
                memmove(walk->rest, walk->rest + slashes + size, strlen(walk->rest + slashes + size) + 1);
                r = step(walk, name);
                if (r <= 0)
                        return r;
        }
}

static void walk_done(Walk *walk) {
        safe_close(walk->fd);
        free(walk->path);
        free(walk->rest);
}

static int walk_begin(Walk *walk, const char *rest) {
        walk->path = strdup("");
        walk->rest = strdup(rest);
        return walk->path && walk->rest ? to_root(walk) : -ENOMEM;
}

/* A change behind a link matters as much as a change of the link. */
static int add_link(Route *route, const char *directory, const char *name) {
        _cleanup_(walk_done) Walk walk = { .route = route, .fd = -1 };
        _cleanup_free_ char *path = NULL;
        int r;

        if (route->n_links++ >= ROUTE_LINKS_MAX)
                return -E2BIG;
        if (asprintf(&path, "%s/%s", directory, name) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        r = walk_begin(&walk, path);
        if (r >= 0)
                r = follow(&walk);
        /* The reader of the file reports its error. */
        return r == -ENOMEM || r == -E2BIG ? r : 0;
}

static int add_links(Route *route, const Walk *walk) {
        int fd = openat(walk->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
        DIR *directory = fd < 0 ? NULL : fdopendir(fd);
        struct dirent *entry;

        if (!directory) {
                r = -errno;
                safe_close(fd);
                return r;
        }
        while (r >= 0 && (entry = readdir(directory)))
                if (entry->d_name[0] != '.' && (entry->d_type == DT_LNK || entry->d_type == DT_UNKNOWN))
                        r = add_link(route, walk->path, entry->d_name);
        closedir(directory);
        return r;
}

int route_add_directory(Route *route, const char *path) {
        _cleanup_(walk_done) Walk walk = { .route = route, .fd = -1 };
        Place *place;
        int r;

        r = walk_begin(&walk, path);
        if (r >= 0)
                r = follow(&walk);
        if (r <= 0)
                return r == -ENOTDIR ? 0 : r;
        r = find_place(&walk, &place);
        if (r < 0)
                return r;
        place->all = true;
        return add_links(route, &walk);
}
