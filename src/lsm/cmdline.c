// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel command line: which kernels believe it.
 *
 * Firmware, a boot loader or a signed image vouch for the command line of a
 * kernel that they start. The command line of a kernel that is started by kexec
 * comes from whoever loaded the image. kexec_file_load() marks the kernel as
 * started so: x86 in the type of the boot loader, others in the device tree. An
 * image that kexec_load() was given may leave the mark out; op=KEXEC_IMAGE
 * decides about it as about bytes of which nothing is known.
 */

#include <linux/init.h>
#include <linux/kconfig.h>
#include <linux/of.h>
#include <linux/of_fdt.h>

#ifdef CONFIG_X86
#include <asm/processor.h>
#endif

#include "cmdline.h"

#define OF_MARK "linux,booted-from-kexec"

#ifdef CONFIG_X86

/* Documentation/arch/x86/boot.rst: type_of_loader. */
#define LOADER_KEXEC 0xd

static bool __init is_after_kexec(void)
{
	return bootloader_type >> 4 == LOADER_KEXEC;
}

#elif defined(CONFIG_OF_EARLY_FLATTREE)

/* On a machine that ACPI describes, the tree has little else and stays flat. */
static bool __init is_after_kexec(void)
{
	int node;

	if (of_chosen)
		return of_property_present(of_chosen, OF_MARK);
	if (!initial_boot_params)
		return false;
	node = of_get_flat_dt_subnode_by_name(of_get_flat_dt_root(), "chosen");
	return node >= 0 && of_get_flat_dt_prop(node, OF_MARK, NULL);
}

#else

/* There is no mark: Kconfig leaves the choice only where there is no kexec. */
static bool __init is_after_kexec(void)
{
	return IS_ENABLED(CONFIG_KEXEC_CORE);
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
