/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test-unit.h"

#include "base.h"
#include "files.h"
#include "kernel-files.h"

void put_file(const char *policy, const char *file, const char *text) {
        _cleanup_free_ char *path = NULL;

        assert_true(asprintf(&path, "ipe/policies/%s/%s", policy, file) > 0);
        put_text(path, text);
}

void assert_file(const char *policy, const char *file, const char *text) {
        _cleanup_free_ char *path = NULL;

        assert_true(asprintf(&path, "ipe/policies/%s/%s", policy, file) > 0);
        assert_file_text(path, text);
}
