/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Is the kernel command line believed? After a kexec, root of the previous
 * kernel has written it.
 */
#ifndef _SECURITY_IPE_CMDLINE_H
#define _SECURITY_IPE_CMDLINE_H

#include <linux/types.h>

bool ipe_cmdline_is_believed(void);

#endif
