/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs a fuzz target over the files of a corpus directory, as an ordinary test: one TAP line a file. A target that
 * finds something aborts, which ends the test.
 */

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

static int not_hidden(const struct dirent *entry) {
        return entry->d_name[0] != '.';
}

/* Returns malloc'ed bytes without one too many, so that a sanitizer sees a read past the end. */
static uint8_t *read_all(const char *path, size_t *ret_len) {
        FILE *file = fopen(path, "rb");
        uint8_t *data = NULL;
        long len;

        if (!file)
                return NULL;
        if (fseek(file, 0, SEEK_END) == 0 && (len = ftell(file)) >= 0 && fseek(file, 0, SEEK_SET) == 0) {
                data = malloc(len > 0 ? len : 1);
                if (data && fread(data, 1, len, file) != (size_t) len) {
                        free(data);
                        data = NULL;
                }
                *ret_len = len;
        }
        fclose(file);
        return data;
}

static void replay(const char *directory, const char *name, int number) {
        char path[4096];
        uint8_t *data;
        size_t len = 0;

        snprintf(path, sizeof(path), "%s/%s", directory, name);
        data = read_all(path, &len);
        if (!data) {
                printf("not ok %d - %s # %s\n", number, name, strerror(errno));
                return;
        }
        LLVMFuzzerTestOneInput(data, len);
        free(data);
        printf("ok %d - %s\n", number, name);
        fflush(stdout);
}

int main(int argc, char *argv[]) {
        struct dirent **entries;
        int n;

        if (argc != 2 || argv[1][0] == '-') {
                fprintf(stderr, "Usage: %s CORPUS-DIRECTORY\n", argv[0]);
                return argc == 2 && strcmp(argv[1], "--help") == 0 ? 0 : 2;
        }
        n = scandir(argv[1], &entries, not_hidden, alphasort);
        if (n <= 0) {
                printf("Bail out! %s: %s\n", argv[1], n < 0 ? strerror(errno) : "no files");
                return 1;
        }
        printf("1..%d\n", n);
        for (int i = 0; i < n; i++) {
                replay(argv[1], entries[i]->d_name, i + 1);
                free(entries[i]);
        }
        free(entries);
        return 0;
}
