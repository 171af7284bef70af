/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The essential files: a machine needs them to be used, heard and mended: the service manager and its helpers, the journal, the bus, the
 * daemon and its tools, logins, the rescue shell. The lists have files that are there, and name them as the kernel does, which
 * follows links.
 */
#ifndef IPECTLD_ESSENTIAL_H
#define IPECTLD_ESSENTIAL_H

#include "config.h"

/* All that is essential, that of the configuration included, be it there or not.
 * ret: NULL at the end, to be freed. Returns 0 or -ENOMEM. */
int essential_paths(const Config *config, char ***ret);

/* Programs that are as useful, but that a machine can do without if somebody says so. Returns as essential_paths(). */
int essential_tools(char ***ret);

/* Both. Returns as essential_paths(). */
int essential_watched(const Config *config, char ***ret);

typedef enum EssentialMatch {
        ESSENTIAL_NO,
        ESSENTIAL_UNSURE, /* path and inode number are right, but nobody can tell if the file system is */
        ESSENTIAL_YES,
} EssentialMatch;

/* Whether a file that the kernel names is one of the list. A path alone means nothing: it is that of whoever asked, who may have a
 * root directory of his own; and so does the number of an inode, on a file system of his own, where he counts it up by creating
 * files. Only the device tells it apart, and only a block device has a name that is no one else's: "tmpfs", "overlay" and "fuse" are
 * names of any number of file systems, and a btrfs has any number of subvolumes with inodes of the same number. The number of the
 * superblock's device is unique, where the kernel says it.
 *
 * device: as the kernel names that of the file system, "vda"; NULL if it is not known. file_system: its number, or 0. */
EssentialMatch essential_match(char *const *list, const char *path, const char *device, dev_t file_system, uint64_t inode);

#endif
