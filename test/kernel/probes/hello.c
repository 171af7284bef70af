/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The smallest program: exits with status 42. One page, no library, so that it can be mapped as a file too. */
__attribute__((noreturn)) void _start(void) {
        __asm__ volatile("syscall" : : "a"(60), "D"(42) : "memory");
        __builtin_unreachable();
}
