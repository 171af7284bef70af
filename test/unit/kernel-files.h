/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Ordinary files that stand in for those of the kernel, below "ipe".
 */
#ifndef KERNEL_FILES_H
#define KERNEL_FILES_H

/* A file of a loaded policy. */
void put_file(const char *policy, const char *file, const char *text);
void assert_file(const char *policy, const char *file, const char *text);

#endif
