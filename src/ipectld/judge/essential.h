/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The essential files. A machine needs them to be used, reached and repaired: the service manager and its helpers, the
 * journal, the bus, the daemon and its tools, logins, the rescue shell. The lists have files that exist, and name them
 * as the kernel does, which follows links.
 */
#ifndef IPECTLD_ESSENTIAL_H
#define IPECTLD_ESSENTIAL_H

#include "config.h"

/* All essential files, with those of the configuration, which need not exist.
 * ret: NULL at the end, to be freed. Returns 0 or -ENOMEM. */
int essential_paths(const Config *config, char ***ret);

/* Programs that are useful in the same way, but that the administrator may give up. Returns as essential_paths(). */
int essential_tools(char ***ret);

/* Both lists. Returns as essential_paths(). */
int essential_watched(const Config *config, char ***ret);

typedef enum EssentialMatch {
        ESSENTIAL_NO,
        ESSENTIAL_UNSURE, /* path and inode number match, but the file system is unknown */
        ESSENTIAL_YES,
} EssentialMatch;

/* Whether a file that the kernel names is one of the list. The path alone proves nothing, as the process that asked may
 * have a root directory of its own. Neither does the inode number: on a file system of his own, a user reaches any
 * number by creating files. Only the device identifies the file, and only the name of a block device is unique: any
 * number of file systems are called "tmpfs", "overlay" or "fuse", and a btrfs has any number of subvolumes with the
 * same inode numbers. The device number of the superblock is unique, if the kernel reports it.
 *
 * device: of the file system, as the kernel names it, "vda"; NULL if unknown. file_system: its number, or 0. */
EssentialMatch essential_match(char *const *list, const char *path, const char *device, dev_t file_system,
                               uint64_t inode);

#endif
