// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel command line may say about this LSM.
 *
 * Firmware, a boot loader or a signed image vouch for the command line of a
 * kernel that they start. The command line of a kernel that is started by kexec
 * comes from whoever loaded the image, and kexec_file_load() marks the kernel as
 * started so: x86 in the type of the boot loader, others in the device tree. An
 * image that kexec_load() was given may leave the mark out; op=KEXEC_IMAGE
 * decides about it as about bytes of which nothing is known.
 */

#include <linux/init.h>
#include <linux/kconfig.h>
#include <linux/of.h>

#ifdef CONFIG_X86
#include <asm/processor.h>
#endif

#include "cmdline.h"

#ifdef CONFIG_X86

/* Documentation/arch/x86/boot.rst: type_of_loader. */
#define LOADER_KEXEC 0xd

static bool is_after_kexec(void)
{
	return bootloader_type >> 4 == LOADER_KEXEC;
}

#else

static bool is_after_kexec(void)
{
	return of_property_present(of_chosen, "linux,booted-from-kexec");
}

#endif

/**
 * ipe_cmdline_is_believed() - May the command line weaken what is enforced?
 *
 * Context: while the LSM starts.
 * Return: whether ipe.enforce=, ipe.success_audit=, roothash= and usrhash= of
 * it count.
 */
bool __init ipe_cmdline_is_believed(void)
{
	if (IS_ENABLED(CONFIG_IPE_CMDLINE_ALWAYS))
		return true;
	return IS_ENABLED(CONFIG_IPE_CMDLINE_NOT_AFTER_KEXEC) &&
	       !is_after_kexec();
}
