// SPDX-License-Identifier: GPL-2.0-only
/*
 * Words for events, the same in records and in lines.
 */

#include "event.h"

static const char *const hook_names[IPE_HOOK_COUNT] = {
	[IPE_HOOK_EXEC] = "BPRM_CHECK",
	[IPE_HOOK_MMAP] = "MMAP",
	[IPE_HOOK_MPROTECT] = "MPROTECT",
	[IPE_HOOK_READ_FILE] = "KERNEL_READ",
	[IPE_HOOK_READ_BUFFER] = "KERNEL_LOAD",
};

/**
 * ipe_hook_name() - The word for a hook in records and lines
 * @hook: any
 *
 * Return: the word that upstream uses.
 */
const char *ipe_hook_name(enum ipe_hook hook)
{
	return hook_names[hook];
}
