/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Looks at files that the kernel would load for a name: modules as modprobe finds them, firmware where the kernel
 * searches.
 */

#include <fcntl.h>
#include <sys/utsname.h>

#include <libkmod.h>

#include "inspect.h"
#include "io.h"

static bool has_suffix(const char *text, const char *suffix) {
        size_t size = strlen(text), suffix_size = strlen(suffix);

        return size >= suffix_size && streq(text + size - suffix_size, suffix);
}

static int look_at_module_file(Look *look, const char *path) {
        size_t unused;

        /* If the kernel cannot decompress a module, modprobe does, and passes memory to the kernel. */
        if (!has_suffix(path, ".ko") && access("/sys/module/compression", F_OK) < 0)
                return look_at_nothing(look, path, IPE_OP_KMODULE,
                                       "it is compressed, and this kernel gets its content without "
                                       "the file",
                                       &unused);
        return look_at_path(look, path, IPE_OP_KMODULE);
}

static int look_at_modules(Look *look, struct kmod_list *list) {
        struct kmod_list *entry;
        int r = 0;

        kmod_list_foreach(entry, list) {
                struct kmod_module *module = kmod_module_get_module(entry);
                /* NULL if it is built in. */
                const char *path = kmod_module_get_path(module);

                if (r >= 0 && path)
                        r = look_at_module_file(look, path);
                kmod_module_unref(module);
        }
        return r;
}

/* The kernel cannot load a module without its dependencies. */
static int look_at_dependencies(Look *look, struct kmod_list *list) {
        struct kmod_list *entry;
        int r = 0;

        kmod_list_foreach(entry, list) {
                struct kmod_module *module = kmod_module_get_module(entry);
                struct kmod_list *dependencies = kmod_module_get_dependencies(module);

                if (r >= 0)
                        r = look_at_modules(look, dependencies);
                kmod_module_unref_list(dependencies);
                kmod_module_unref(module);
        }
        return r;
}

int look_at_module(Look *look, const char *name) {
        struct kmod_ctx *ctx = kmod_new(NULL, NULL);
        struct kmod_list *list = NULL;
        int r = ctx ? 0 : -ENOMEM;

        if (r >= 0)
                r = kmod_module_new_from_lookup(ctx, name, &list);
        if (r == -ENOENT)
                r = 0;
        if (r >= 0)
                r = look_at_modules(look, list);
        if (r >= 0)
                r = look_at_dependencies(look, list);
        kmod_module_unref_list(list);
        kmod_unref(ctx);
        return r < 0 ? r : 0;
}

/* Returns 1 if the directory has the file, 0 if not, or a negative errno. */
static int look_in(Look *look, const char *directory, const char *name, const char *suffix) {
        _cleanup_free_ char *path = NULL;
        int r;

        if (asprintf(&path, "%s/%s%s", directory, name, suffix) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        if (access(path, F_OK) < 0)
                return 0;
        r = look_at_path(look, path, IPE_OP_FIRMWARE);
        return r < 0 ? r : 1;
}

int look_at_firmware(Look *look, const char *name) {
        static const char *const suffixes[] = { "", ".zst", ".xz" };
        char updates[sizeof("/lib/firmware/updates/") + sizeof(((struct utsname *) NULL)->release)],
                own[sizeof(updates)];
        _cleanup_free_ char *custom = NULL;
        const char *directories[] = { "", updates, "/lib/firmware/updates", own, "/lib/firmware" };
        struct utsname uts;
        size_t size;
        int r = 0;

        if (uname(&uts) < 0)
                return -errno;
        snprintf(updates, sizeof(updates), "/lib/firmware/updates/%s", uts.release);
        snprintf(own, sizeof(own), "/lib/firmware/%s", uts.release);
        if (read_file_at(AT_FDCWD, "/sys/module/firmware_class/parameters/path", 4096, (void **) &custom, &size) >= 0) {
                custom[strcspn(custom, "\n")] = '\0';
                directories[0] = custom;
        }
        /* The kernel prefers an uncompressed file, whichever directory it is in. */
        for (size_t i = 0; i < ELEMENTSOF(suffixes); i++)
                for (size_t k = 0; k < ELEMENTSOF(directories) && r == 0; k++)
                        if (directories[k][0] != '\0')
                                r = look_in(look, directories[k], name, suffixes[i]);
        return r < 0 ? r : 0;
}
