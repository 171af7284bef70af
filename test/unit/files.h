/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files for tests. Each test runs in an empty directory of its own, so that relative paths do; put the two functions
 * below into its setup and teardown.
 */
#ifndef FILES_H
#define FILES_H

#include <stdbool.h>
#include <stddef.h>

#define unit_test_in_directory(test) cmocka_unit_test_setup_teardown(test, enter_directory, leave_directory)

int enter_directory(void **state);
int leave_directory(void **state);

/* Makes a directory and its parents. */
void make_directory(const char *path);
/* Replaces the content of a file and makes its parents. */
void put_bytes(const char *path, const void *data, size_t size);
void put_text(const char *path, const char *text);
void assert_file_equal(const char *path, const void *data, size_t size);
void assert_file_text(const char *path, const char *text);
bool is_there(const char *path);
/* How many entries a directory has. */
size_t count_entries(const char *path);
/* Removes a file, or a directory with all that is in it. */
void remove_tree(const char *path);
void copy_tree(const char *from, const char *to);

/* Mounts an empty file system of 64 KiB, unseen by other processes; leave_directory() takes it away. Skips the test,
 * with the reason, where that is not permitted. */
void mount_small(const char *path);
/* Writes a file until there is no room left. */
void fill_up(const char *path);

#endif
