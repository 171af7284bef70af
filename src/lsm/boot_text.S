/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The policy text that CONFIG_IPE_BOOT_POLICY names, for ipe.c; nothing
 * between the two labels if it names none. The text stays: policies/NAME/policy
 * shows it, and audit records quote its rules.
 */

#include <linux/linkage.h>

	.section ".rodata", "a"
	.globl ipe_boot_text
	.globl ipe_boot_text_end
ipe_boot_text:
	.ifnes CONFIG_IPE_BOOT_POLICY, ""
	.incbin CONFIG_IPE_BOOT_POLICY
	.endif
ipe_boot_text_end:
	.byte 0
