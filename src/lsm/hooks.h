/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hooks that ask questions.
 */
#ifndef _SECURITY_IPE_HOOKS_H
#define _SECURITY_IPE_HOOKS_H

void ipe_hooks_register(void);

#endif
