// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does an executable ask for executable memory of unknown content?
 *
 * The ELF loader grants such memory without calling a hook: the stack, if
 * PT_GNU_STACK asks for it or is missing, and the part of a segment beyond its
 * bytes in the file. So this memory is judged together with the file, before
 * the file is loaded.
 *
 * All bytes come from an untrusted file. If they make no sense, it counts as
 * asking.
 */

#include <linux/elf.h>
#include <linux/fs.h>
#include <linux/minmax.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "headers.h"

/* Program headers that are read at once, to the stack. */
#define STEP 8

/**
 * struct layout - where the program headers of a file are, and their format
 * @is_64: in the 64-bit format
 * @at: offset in bytes
 * @n: how many
 * @size: of each, in bytes
 */
struct layout {
	bool is_64;
	loff_t at;
	unsigned int n;
	size_t size;
};

/* The loaders refuse another byte order than that of the machine. */
union header {
	unsigned char ident[EI_NIDENT];
	struct elf32_hdr of_32;
	struct elf64_hdr of_64;
};

/**
 * struct asked - what the program headers ask for
 * @stack: there is a PT_GNU_STACK
 * @memory: one asks for executable memory of unknown content
 */
struct asked {
	bool stack;
	bool memory;
};

static bool read_exactly(struct file *file, void *data, size_t len, loff_t at)
{
	return kernel_read(file, data, len, &at) == len;
}

/*
 * On some architectures the 64-bit loader goes by the machine and the size of a
 * header, not by the class that the file claims. The 32-bit one takes the rest.
 */
static bool is_of_64(const union header *header)
{
#ifdef CONFIG_64BIT
	return elf_check_arch(&header->of_64) &&
	       header->of_64.e_phentsize == sizeof(struct elf64_phdr);
#else
	return false;
#endif
}

/*
 * Returns 1; 0 if no loader accepts the size of the program headers; -ENOEXEC
 * if the file cannot be read, or has headers of both formats.
 */
static int find_headers(struct file *file, struct layout *ret)
{
	union header header = {};
	loff_t at = 0;

	if (kernel_read(file, &header, sizeof(header), &at) < 0)
		return -ENOEXEC;
	if (memcmp(header.ident, ELFMAG, SELFMAG))
		return 0;
	*ret = (struct layout){ .is_64 = is_of_64(&header) };
	if (ret->is_64) {
		/* The x32 loader may accept a file that this one refuses. */
		if (header.of_32.e_phentsize == sizeof(struct elf32_phdr) &&
		    header.of_32.e_phnum)
			return -ENOEXEC;
		ret->at = header.of_64.e_phoff;
		ret->n = header.of_64.e_phnum;
		ret->size = sizeof(struct elf64_phdr);
		return 1;
	}
	ret->at = header.of_32.e_phoff;
	ret->n = header.of_32.e_phnum;
	ret->size = sizeof(struct elf32_phdr);
	return header.of_32.e_phentsize == ret->size;
}

static void look_at(struct asked *asked, u32 type, u32 flags, u64 in_file,
		    u64 in_memory)
{
	if (type == PT_GNU_STACK) {
		asked->stack = true;
		asked->memory |= flags & PF_X;
	} else if (type == PT_LOAD && flags & PF_X) {
		asked->memory |= flags & PF_W || in_memory > in_file;
	}
}

static bool look_at_some(struct file *file, const struct layout *layout,
			 unsigned int n, struct asked *asked)
{
	union {
		struct elf32_phdr of_32[STEP];
		struct elf64_phdr of_64[STEP];
	} all;
	unsigned int i;

	if (!read_exactly(file, &all, n * layout->size, layout->at))
		return false;
	for (i = 0; i < n; i++) {
		const struct elf32_phdr *h = &all.of_32[i];
		const struct elf64_phdr *h64 = &all.of_64[i];

		if (layout->is_64)
			look_at(asked, h64->p_type, h64->p_flags,
				h64->p_filesz, h64->p_memsz);
		else
			look_at(asked, h->p_type, h->p_flags, h->p_filesz,
				h->p_memsz);
	}
	return true;
}

/**
 * ipe_headers_are_lean() - Does a file ask only for memory with its own bytes?
 * @file: about to be loaded, as executable or as the interpreter of one
 *
 * A writable and executable segment is not such memory: its written pages
 * differ from the file. Neither is a stack that the file leaves to the
 * architecture and the personality of the task.
 *
 * Context: Process context; reads the file.
 * Return: %false if it asks for executable memory of unknown content, or cannot
 * be read; %true if not, or if it is no ELF file.
 */
bool ipe_headers_are_lean(struct file *file)
{
	struct asked asked = {};
	struct layout layout;
	unsigned int n;
	int r;

	r = find_headers(file, &layout);
	if (r <= 0)
		return !r;
	/* The loaders refuse more. */
	if (layout.n * layout.size > SZ_64K)
		return false;
	for (; layout.n && !asked.memory; layout.n -= n) {
		n = min(layout.n, STEP);
		if (!look_at_some(file, &layout, n, &asked))
			return false;
		layout.at += n * layout.size;
	}
	return asked.stack && !asked.memory;
}
