/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Is the kernel command line believed? After a kexec it is whatever the root of
 * the kernel before wrote there.
 */
#ifndef _SECURITY_IPE_CMDLINE_H
#define _SECURITY_IPE_CMDLINE_H

#include <linux/types.h>

bool ipe_cmdline_is_believed(void);

#endif
