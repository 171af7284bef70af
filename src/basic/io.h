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
 * Returns 0; -EFBIG above size_max bytes, -EISDIR for a directory, -EBADF for what is no regular file, -ENOMEM, or an
 * errno of open() or read(). */
int read_file_at(int dir_fd, const char *path, size_t size_max, void **ret, size_t *ret_size);

/* The same of a file in a directory that belongs to somebody who is not trusted: -ELOOP for a link, -ENXIO for a socket.
 *
 * name: within dir_fd, without a slash. */
int read_plain_file_at(int dir_fd, const char *name, size_t size_max, void **ret, size_t *ret_size);

/* The same of a file that somebody else has opened, not to wait for it. */
int read_regular_fd(int fd, size_t size_max, void **ret, size_t *ret_size);

/* Reads what a descriptor gives, from where it stands to its end; for pipes and sealed memory, too.
 *
 * Returns as read_file_at(). */
int read_fd(int fd, size_t size_max, void **ret, size_t *ret_size);

/* The same of a file or of memory, from its start; the position of the descriptor stays. */
int pread_fd(int fd, size_t size_max, void **ret, size_t *ret_size);

/* Puts bytes into memory that nobody can change any more, to be handed to another process.
 *
 * name: for /proc. Returns a descriptor at the start of the bytes, or a negative errno. */
int seal_memory(const char *name, const void *data, size_t size);

/* Replaces a file so that a crash at any instant leaves the old content or the new one: temporary file, fsync,
 * rename, fsync of the directory. Durable once this returns.
 *
 * name: within dir_fd, without a slash. mode: as of open().
 *
 * Returns 0, -ENOSPC, -EROFS, -EIO or another errno; then nothing changed and no temporary file is left. Only if the
 * directory alone cannot be made durable, the new content is there already, and may be lost again with a crash. */
int replace_file_at(int dir_fd, const char *name, const void *data, size_t size, unsigned mode);

/* What replace_file_at() may leave behind when the machine stops: the names of its temporary files start so. */
#define TEMPORARY_PREFIX ".#"

/* Makes a directory durable: what was renamed or removed in it stays so. Returns 0 or a negative errno. */
int sync_directory(int dir_fd);

/* Writes all bytes, in as many pieces as it takes. Returns 0 or a negative errno. */
int write_all(int fd, const void *data, size_t size);

/* Writes all bytes in a single write(), as securityfs demands. Returns 0, -EIO after a short write, or an errno. */
int write_once(int fd, const void *data, size_t size);

#endif
