/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files: bounded reads, and the one way in which a file is replaced.
 */
#ifndef BASIC_IO_H
#define BASIC_IO_H

#include "base.h"

/* Reads a whole regular file; links are followed, a FIFO or device is never waited for.
 *
 * dir_fd: AT_FDCWD where path is absolute.
 * ret: to be freed; a NUL follows the bytes. ret_size: bytes, without it.
 *
 * Returns 0; -EFBIG above size_max bytes, -EISDIR for a directory, -EBADF for any other file that is not regular,
 * -ENOMEM, or an errno of open() or read(). */
int read_file_at(int dir_fd, const char *path, size_t size_max, void **ret, size_t *ret_size);

/* The same for a file in the directory of an untrusted user: -ELOOP for a link, -ENXIO for a socket.
 *
 * name: within dir_fd, without a slash. */
int read_plain_file_at(int dir_fd, const char *name, size_t size_max, void **ret, size_t *ret_size);

/* The same for a file that is open already; opened with O_NONBLOCK, as nothing here may wait. */
int read_regular_fd(int fd, size_t size_max, void **ret, size_t *ret_size);

/* Reads a descriptor from its position to the end; also a pipe or sealed memory.
 *
 * Returns as read_file_at(). */
int read_fd(int fd, size_t size_max, void **ret, size_t *ret_size);

/* The same for a file or memory, from its start; the descriptor keeps its position. */
int pread_fd(int fd, size_t size_max, void **ret, size_t *ret_size);

/* Puts bytes into memory that nobody can change afterwards, to be handed to another process.
 *
 * name: for /proc. Returns a descriptor at the start of the bytes, or a negative errno. */
int seal_memory(const char *name, const void *data, size_t size);

/* Replaces a file so that a crash at any instant leaves the old content or the new one: temporary file, fsync,
 * rename, fsync of the directory. Durable once this returns.
 *
 * name: within dir_fd, without a slash. mode: as of open().
 *
 * Returns 0, -ENOSPC, -EROFS, -EIO or another errno; then nothing changed and no temporary file is left. If only
 * the sync of the directory fails, the new content is in place already, and a crash may lose it. */
int replace_file_at(int dir_fd, const char *name, const void *data, size_t size, unsigned mode);

/* Begins the names of the temporary files that replace_file_at() may leave behind when the machine stops. */
#define TEMPORARY_PREFIX ".#"

/* Makes the renames and removals in a directory durable. Returns 0 or a negative errno. */
int sync_directory(int dir_fd);

/* Writes all bytes, in as many pieces as it takes. Returns 0 or a negative errno. */
int write_all(int fd, const void *data, size_t size);

/* Writes all bytes in a single write(), as securityfs demands. Returns 0, -EIO after a short write, or an errno. */
int write_once(int fd, const void *data, size_t size);

#endif
