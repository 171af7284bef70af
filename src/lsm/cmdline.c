// SPDX-License-Identifier: GPL-2.0-only
/*
 * Decides whether this kernel believes its command line.
 *
 * Firmware, a boot loader or a signed image vouch for the command line of a
 * kernel that they start. After a kexec, the command line comes from the task
 * that loaded the image. kexec_file_load() marks the new kernel: x86 in the
 * type of the boot loader, others in the device tree. An image of kexec_load()
 * may lack the mark; op=KEXEC_IMAGE decides about it as about unknown bytes.
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

/* On a machine with ACPI, the tree has little else and stays flat. */
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

/* There is no mark: Kconfig offers the choice only without kexec. */
static bool __init is_after_kexec(void)
{
	return IS_ENABLED(CONFIG_KEXEC_CORE);
}

#endif

/**
 * ipe_cmdline_is_believed() - May the command line weaken enforcement?
 *
 * Context: while the LSM starts.
 * Return: %true if its ipe.enforce=, ipe.success_audit=, roothash= and usrhash=
 * count.
 */
bool __init ipe_cmdline_is_believed(void)
{
	if (IS_ENABLED(CONFIG_IPE_CMDLINE_ALWAYS))
		return true;
	return IS_ENABLED(CONFIG_IPE_CMDLINE_NOT_AFTER_KEXEC) &&
	       !is_after_kexec();
}
