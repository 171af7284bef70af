/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Loading a policy and making it the active one, with the files that every kernel with IPE has. Between a look and a
 * write another process may load or delete a policy, PID 1 at boot for one; so a write that finds the kernel changed
 * is tried once more.
 */

#include "kernel-internal.h"

int kernel_delete(const Kernel *kernel, const char *name) {
        int r = kernel_write_policy_file(kernel, name, "delete", "1", 1);

        return r == -ENOENT || r == -ENODEV ? 0 : r;
}

/* The way in which a policy gets into the kernel. */
typedef enum Way {
        WAY_LOAD,   /* new_policy */
        WAY_UPDATE, /* update of the loaded one */
        WAY_RELOAD, /* delete the loaded one, then new_policy */
        WAY_LOADED, /* it is loaded already */
} Way;

/* Looks at the loaded policies. Returns a Way, -ESTALE if there is none, or another errno. */
static int choose_way(const Kernel *kernel, const char *name, const struct ipe_version *version, const void *data,
                      size_t size) {
        _cleanup_kernel_policy_ KernelPolicy active = {}, loaded = {};
        int found, order, r;

        r = kernel_find_active(kernel, &active);
        if (r < 0)
                return r;
        if (r > 0 && ipe_version_compare(version, &active.version) < 0)
                return -ESTALE;
        found = kernel_find(kernel, name, &loaded);
        if (found < 0)
                return found;
        if (!found)
                return WAY_LOAD;
        order = ipe_version_compare(version, &loaded.version);
        if (order > 0)
                return WAY_UPDATE;
        if (order == 0) {
                r = kernel_has_content(kernel, name, KERNEL_CURRENT, data, size);
                if (r < 0)
                        return r;
                if (r > 0)
                        return WAY_LOADED;
        }
        return loaded.active ? -ESTALE : WAY_RELOAD;
}

static int load(const Kernel *kernel, Way way, const char *name, const void *data, size_t size) {
        int r;

        if (way == WAY_LOADED)
                return 0;
        if (way == WAY_UPDATE)
                return kernel_write_policy_file(kernel, name, "update", data, size);
        if (way == WAY_RELOAD) {
                r = kernel_delete(kernel, name);
                if (r < 0)
                        return r;
        }
        return kernel_write_file(kernel->dir_fd, "new_policy", data, size);
}

static int make_active(const Kernel *kernel, const char *name) {
        _cleanup_close_ int policy_fd = kernel_open_policy(kernel, name);
        int active, r;

        if (policy_fd < 0)
                return policy_fd;
        /* An update of the active policy takes effect at once; another write would add an audit record. */
        active = kernel_read_boolean(policy_fd, "active");
        if (active != 0)
                return active < 0 ? active : 0;
        r = kernel_write_file(policy_fd, "active", "1", 1);
        /* A higher version was confirmed under another name, which no file shows. */
        return r == -EINVAL ? -ESTALE : r;
}

static int try_activate(const Kernel *kernel, const char *name, const struct ipe_version *version, const void *data,
                        size_t size) {
        int way = choose_way(kernel, name, version, data, size), r;

        if (way < 0)
                return way;
        r = load(kernel, way, name, data, size);
        if (r < 0)
                return r;
        return make_active(kernel, name);
}

int kernel_activate(const Kernel *kernel, const char *name, const struct ipe_version *version, const void *data,
                    size_t size) {
        int r;

        if (kernel->abi == KERNEL_ABI_NONE)
                return -ENODEV;
        if (!kernel_is_component(name))
                return -EINVAL;
        r = try_activate(kernel, name, version, data, size);
        if (r == -EEXIST || r == -ENOENT)
                r = try_activate(kernel, name, version, data, size);
        return r;
}

int kernel_activate_first(const Kernel *kernel, const char *name, const void *data, size_t size) {
        int r;

        if (kernel->abi == KERNEL_ABI_NONE)
                return -ENODEV;
        if (!kernel_is_component(name))
                return -EINVAL;
        r = kernel_write_file(kernel->dir_fd, "new_policy", data, size);
        if (r == -EEXIST) {
                r = kernel_has_content(kernel, name, KERNEL_CURRENT, data, size);
                if (r == 0)
                        return -EEXIST;
        }
        return r < 0 ? r : make_active(kernel, name);
}
