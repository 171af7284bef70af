/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writes of the extended life cycle.
 *
 * "trial" and "shadow" take the next version, or the current one if there is no next. So each function that writes
 * one of them first brings the wanted version into that place.
 */

#include "kernel-extended.h"
#include "kernel-internal.h"
#include "kernel-open.h"

#define LOCK_SIZE_MAX 256U

static int check(const Kernel *kernel, const char *feature, const char *name) {
        if (kernel->abi == KERNEL_ABI_NONE)
                return -ENODEV;
        if (!kernel_has_feature(kernel, feature))
                return -EOPNOTSUPP;
        return name && !kernel_is_component(name) ? -EINVAL : 0;
}

static int load(const Kernel *kernel, const void *data, size_t size) {
        return kernel_write_file(kernel->dir_fd, "new_policy", data, size);
}

/* Whether a place holds this policy or a higher version, so that it is not needed. Returns 1, 0, or an errno. */
static int covers(const Kernel *kernel, const char *name, KernelPlace place, const struct ipe_version *version,
                  const void *data, size_t size) {
        struct ipe_version found;
        int order, r = kernel_find_version(kernel, name, place, &found);

        if (r <= 0)
                return r;
        order = ipe_version_compare(&found, version);
        return order == 0 ? kernel_has_content(kernel, name, place, data, size) : order > 0;
}

int kernel_stage(const Kernel *kernel, const char *name, const struct ipe_version *version, const void *data,
                 size_t size) {
        struct ipe_version current;
        int r = check(kernel, "stage", name);

        if (r < 0)
                return r;
        r = covers(kernel, name, KERNEL_CURRENT, version, data, size);
        if (r == 0)
                r = covers(kernel, name, KERNEL_NEXT, version, data, size);
        if (r != 0)
                return r < 0 ? r : 0;
        r = kernel_find_version(kernel, name, KERNEL_CURRENT, &current);
        if (r >= 0)
                r = r > 0 ? kernel_write_policy_file(kernel, name, "stage", data, size) : load(kernel, data, size);
        return r < 0 ? r : 1;
}

/* The current version is in the way of another candidate; an inactive one may be deleted. */
static int reload(const Kernel *kernel, const KernelPolicy *current, bool may_delete, const void *data, size_t size) {
        int r;

        if (current->active)
                return -ESTALE;
        if (!may_delete)
                return -EEXIST;
        r = kernel_delete(kernel, current->name);
        return r < 0 ? r : load(kernel, data, size);
}

static int try_make_candidate(const Kernel *kernel, const char *name, const struct ipe_version *version,
                              bool may_delete, const void *data, size_t size) {
        _cleanup_kernel_policy_ KernelPolicy current = {};
        struct ipe_version next;
        int r, has_next, same;

        r = kernel_find(kernel, name, &current);
        if (r < 0)
                return r;
        if (r == 0)
                return load(kernel, data, size);
        if (ipe_version_compare(version, &current.version) > 0) {
                same = kernel_has_content(kernel, name, KERNEL_NEXT, data, size);
                if (same != 0)
                        return same < 0 ? same : 0;
                return kernel_write_policy_file(kernel, name, "stage", data, size);
        }
        has_next = kernel_find_version(kernel, name, KERNEL_NEXT, &next);
        if (has_next < 0)
                return has_next;
        same = kernel_has_content(kernel, name, KERNEL_CURRENT, data, size);
        if (same < 0)
                return same;
        if (same && current.active)
                return -EALREADY;
        return same && !has_next ? 0 : reload(kernel, &current, may_delete, data, size);
}

static int make_candidate(const Kernel *kernel, const char *name, const struct ipe_version *version, bool may_delete,
                          const void *data, size_t size) {
        int r = try_make_candidate(kernel, name, version, may_delete, data, size);

        /* Another process loaded or deleted a policy between the look and the write. */
        if (r == -EEXIST || r == -ENOENT)
                r = try_make_candidate(kernel, name, version, may_delete, data, size);
        return r;
}

/* The current version is active also if it is only on trial. Returns 1, 0, or an errno. */
static int trial_runs(const Kernel *kernel) {
        KernelTrial trial;
        int r = kernel_find_trial(kernel, &trial);

        if (r > 0)
                kernel_policy_done(&trial.policy);
        return r;
}

int kernel_trial(const Kernel *kernel, const char *name, const struct ipe_version *version, const void *data,
                 size_t size, unsigned seconds) {
        char text[16];
        int r = check(kernel, "trial", name);

        if (r >= 0 && (seconds == 0 || seconds > KERNEL_TRIAL_SEC_MAX))
                r = -ERANGE;
        if (r >= 0)
                r = make_candidate(kernel, name, version, true, data, size);
        if (r == -EALREADY) {
                r = trial_runs(kernel);
                return r < 0 ? r : r > 0 ? -EBUSY : -EALREADY;
        }
        if (r < 0)
                return r;
        r = kernel_write_policy_file(kernel, name, "trial", text, (size_t) sprintf(text, "%u", seconds));
        return r == -EINVAL ? -ESTALE : r;
}

int kernel_confirm(const Kernel *kernel) {
        int r = check(kernel, "trial", NULL);

        return r < 0 ? r : kernel_write_file(kernel->dir_fd, "confirm", "1", 1);
}

int kernel_revert(const Kernel *kernel) {
        int r = check(kernel, "trial", NULL);

        return r < 0 ? r : kernel_write_file(kernel->dir_fd, "revert", "1", 1);
}

int kernel_open_trial(const Kernel *kernel) {
        int r = check(kernel, "trial", NULL);

        return r < 0 ? r : kernel_open_file(kernel->dir_fd, "confirm", KERNEL_OPEN_READ);
}

int kernel_rollback(const Kernel *kernel, const char *name) {
        int r = check(kernel, "rollback-floor", name);

        return r < 0 ? r : kernel_write_policy_file(kernel, name, "rollback", "1", 1);
}

int kernel_shadow(const Kernel *kernel, const char *name, const struct ipe_version *version, const void *data,
                  size_t size) {
        int r = check(kernel, "shadow", name);

        if (r >= 0)
                r = make_candidate(kernel, name, version, false, data, size);
        return r < 0 ? r : kernel_write_policy_file(kernel, name, "shadow", "1", 1);
}

int kernel_end_shadow(const Kernel *kernel, const char *name) {
        int r = check(kernel, "shadow", name);

        if (r >= 0)
                r = kernel_write_policy_file(kernel, name, "shadow", "0", 1);
        return r == -ENOENT ? 0 : r;
}

int kernel_is_shadowed(const Kernel *kernel, const char *name) {
        _cleanup_close_ int policy_fd = -1;
        int r = check(kernel, "shadow", name);

        if (r < 0)
                return r;
        policy_fd = kernel_open_policy(kernel, name);
        r = policy_fd < 0 ? policy_fd : kernel_read_boolean(policy_fd, "shadow");
        return r == -ENOENT ? 0 : r;
}

int kernel_is_locked(const Kernel *kernel, const char *latch) {
        _cleanup_free_ char *text = NULL;
        char *rest;
        int r;

        if (!kernel_has_feature(kernel, "lock"))
                return 0;
        r = kernel_read_text(kernel->dir_fd, "lock", LOCK_SIZE_MAX, &text);
        if (r < 0)
                return r;
        for (char *word = strtok_r(text, "\n", &rest); word; word = strtok_r(NULL, "\n", &rest))
                if (streq(word, latch))
                        return 1;
        return 0;
}
