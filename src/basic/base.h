/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Small idioms that every file of user space uses: memory and descriptors that free themselves.
 */
#ifndef BASIC_BASE_H
#define BASIC_BASE_H

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define _cleanup_(function) __attribute__((cleanup(function)))
#define _printf_(string, first) __attribute__((format(printf, string, first)))

#define ELEMENTSOF(array) (sizeof(array) / sizeof((array)[0]))

/* Moves a value out of a variable that frees itself. */
#define TAKE_PTR(pointer)                                \
        ({                                               \
                __typeof__(pointer) *_from = &(pointer); \
                __typeof__(pointer) _taken = *_from;     \
                *_from = NULL;                           \
                _taken;                                  \
        })
#define TAKE_FD(fd)                  \
        ({                           \
                int *_from = &(fd);  \
                int _taken = *_from; \
                *_from = -1;         \
                _taken;              \
        })

static inline void freep(void *pointer) {
        free(*(void **) pointer);
}

static inline bool streq(const char *a, const char *b) {
        return strcmp(a, b) == 0;
}

/* Frees a list of strings that ends with NULL, and the strings. */
static inline char **strv_free(char **list) {
        for (char **entry = list; entry && *entry; entry++)
                free(*entry);
        free(list);
        return NULL;
}

/* Copies a list and its strings; NULL gives NULL. ret: may be the variable that list came from; unchanged on failure.
 * Returns 0 or -ENOMEM. */
static inline int strv_copy(char *const *list, char ***ret) {
        char **copy = NULL;
        size_t n = 0;

        if (list) {
                while (list[n])
                        n++;
                copy = calloc(n + 1, sizeof(*copy));
                if (!copy)
                        return -ENOMEM;
                for (size_t i = 0; i < n; i++)
                        if (!(copy[i] = strdup(list[i]))) {
                                strv_free(copy);
                                return -ENOMEM;
                        }
        }
        *ret = copy;
        return 0;
}

static inline void strv_freep(char ***list) {
        strv_free(*list);
}

/* list: may be NULL. */
static inline bool strv_contains(char *const *list, const char *text) {
        for (; list && *list; list++)
                if (streq(*list, text))
                        return true;
        return false;
}

/* Makes room for one more element in a list that grows by doubling.
 *
 * list: the variable that points to it. n: how many elements it has. size: of one element.
 * Returns 0 or -ENOMEM, and then the list is unchanged. */
static inline int list_make_room(void *list, size_t n, size_t size) {
        void *larger;

        if (n & (n - 1))
                return 0;
        larger = reallocarray(*(void **) list, n > 0 ? 2 * n : 1, size);
        if (!larger)
                return -ENOMEM;
        *(void **) list = larger;
        return 0;
}

static inline int safe_close(int fd) {
        if (fd >= 0) {
                int saved = errno;

                close(fd);
                errno = saved;
        }
        return -1;
}

static inline void closep(int *fd) {
        safe_close(*fd);
}

#define _cleanup_free_ _cleanup_(freep)
#define _cleanup_close_ _cleanup_(closep)

#endif
