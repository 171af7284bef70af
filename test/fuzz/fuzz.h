/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libFuzzer calls, and replay.c where there is no libFuzzer. */
#ifndef TEST_FUZZ_FUZZ_H
#define TEST_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* What must hold for any input. */
static inline void require(bool condition, const char *what) {
        if (condition)
                return;
        fprintf(stderr, "%s\n", what);
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
