/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The program headers of an executable: does it ask for executable memory of
 * unknown content?
 */
#ifndef _SECURITY_IPE_HEADERS_H
#define _SECURITY_IPE_HEADERS_H

#include <linux/types.h>

struct file;

bool ipe_headers_are_lean(struct file *file);

#endif
