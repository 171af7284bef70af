/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads of securityfs, below one directory that is opened once, and the writes that all files of kernel*.c use. A
 * policy has a directory of its name; no name, wherever it comes from, leads out of there.
 */

#include <dirent.h>
#include <fcntl.h>

#include "envelope.h"
#include "io.h"
#include "kernel-internal.h"
#include "kernel-open.h"

#define FEATURES_SIZE_MAX 4096U
#define KEYRINGS_SIZE_MAX 4096U
/* Bytes of a file with one number or one version. */
#define VALUE_SIZE_MAX 64U
/* Bytes of "confirm": a name, which is a directory entry, and a version. */
#define TRIAL_SIZE_MAX 512U

const char *kernel_abi_to_string(KernelAbi abi) {
        static const char *const names[_KERNEL_ABI_MAX] = {
                [KERNEL_ABI_NONE] = "none",
                [KERNEL_ABI_UPSTREAM] = "upstream",
                [KERNEL_ABI_EXTENDED] = "extended",
        };

        return names[abi];
}

Kernel *kernel_free(Kernel *kernel) {
        if (!kernel)
                return NULL;
        safe_close(kernel->dir_fd);
        free(kernel->features);
        free(kernel->features_text);
        free(kernel);
        return NULL;
}

static int split_features(Kernel *kernel) {
        size_t n = 0;
        char *rest;

        kernel->features = malloc((strlen(kernel->features_text) / 2 + 2) * sizeof(*kernel->features));
        if (!kernel->features)
                return -ENOMEM;
        for (char *word = strtok_r(kernel->features_text, "\n", &rest); word; word = strtok_r(NULL, "\n", &rest))
                kernel->features[n++] = word;
        kernel->features[n] = NULL;
        return 0;
}

int kernel_open(const char *directory, Kernel **ret) {
        _cleanup_(kernel_freep) Kernel *kernel = malloc(sizeof(*kernel));
        size_t size;
        int r;

        if (!kernel)
                return -ENOMEM;
        *kernel = (Kernel) { .abi = KERNEL_ABI_NONE, .dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) };
        if (kernel->dir_fd < 0 && errno != ENOENT)
                return -errno;
        if (kernel->dir_fd >= 0) {
                r = read_file_at(kernel->dir_fd, "features", FEATURES_SIZE_MAX, (void **) &kernel->features_text,
                                 &size);
                if (r < 0 && r != -ENOENT)
                        return r;
                kernel->abi = r < 0 ? KERNEL_ABI_UPSTREAM : KERNEL_ABI_EXTENDED;
        }
        if (kernel->features_text) {
                r = split_features(kernel);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(kernel);
        return 0;
}

KernelAbi kernel_abi(const Kernel *kernel) {
        return kernel->abi;
}

char *const *kernel_features(const Kernel *kernel) {
        static char *const none[] = { NULL };

        return kernel->features ? kernel->features : none;
}

bool kernel_has_feature(const Kernel *kernel, const char *word) {
        for (char *const *feature = kernel_features(kernel); *feature; feature++)
                if (streq(*feature, word))
                        return true;
        return false;
}

static int read_kernel_file(int dir_fd, const char *file, size_t size_max, void **ret, size_t *ret_size) {
        _cleanup_close_ int fd = kernel_open_file(dir_fd, file, KERNEL_OPEN_READ);

        return fd < 0 ? fd : read_regular_fd(fd, size_max, ret, ret_size);
}

int kernel_read_text(int dir_fd, const char *file, size_t size_max, char **ret) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = read_kernel_file(dir_fd, file, size_max, (void **) &text, &size);
        if (r < 0)
                return r;
        if (size > 0 && text[size - 1] == '\n')
                text[size - 1] = '\0';
        *ret = TAKE_PTR(text);
        return 0;
}

int kernel_read_boolean(int dir_fd, const char *file) {
        _cleanup_free_ char *text = NULL;
        int r;

        r = kernel_read_text(dir_fd, file, VALUE_SIZE_MAX, &text);
        if (r < 0)
                return r;
        if (!streq(text, "0") && !streq(text, "1"))
                return -EIO;
        return text[0] == '1';
}

int kernel_write_file(int dir_fd, const char *file, const void *data, size_t size) {
        _cleanup_close_ int fd = kernel_open_file(dir_fd, file, KERNEL_OPEN_WRITE);

        if (fd < 0)
                return fd;
        return write_once(fd, data, size);
}

static const char *switch_file(KernelSwitch which) {
        return which == KERNEL_ENFORCE ? "enforce" : "success_audit";
}

int kernel_get_switch(const Kernel *kernel, KernelSwitch which) {
        if (kernel->abi == KERNEL_ABI_NONE)
                return -ENODEV;
        return kernel_read_boolean(kernel->dir_fd, switch_file(which));
}

int kernel_set_switch(const Kernel *kernel, KernelSwitch which, bool value) {
        if (kernel->abi == KERNEL_ABI_NONE)
                return -ENODEV;
        return kernel_write_file(kernel->dir_fd, switch_file(which), value ? "1" : "0", 1);
}

static KeyringState parse_keyring_state(const char *word) {
        static const char *const words[_KEYRING_STATE_MAX] = {
                [KEYRING_OPEN] = "open",
                [KEYRING_RESTRICTED] = "restricted",
                [KEYRING_SEALED] = "sealed",
        };

        for (KeyringState state = KEYRING_OPEN; state < _KEYRING_STATE_MAX; state++)
                if (streq(word, words[state]))
                        return state;
        return KEYRING_UNKNOWN;
}

/* text: lines "NAME STATE"; cut into pieces. */
static KeyringState find_keyring(char *text, const char *name) {
        KeyringState found = KEYRING_UNKNOWN;
        unsigned n = 0;
        char *rest;

        for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
                char *space = strchr(line, ' ');

                if (!space)
                        continue;
                *space = '\0';
                if (!streq(line, name))
                        continue;
                found = parse_keyring_state(space + 1);
                n++;
        }
        return n == 1 ? found : KEYRING_UNKNOWN;
}

KeyringState kernel_get_keyring(const Kernel *kernel, const char *name) {
        _cleanup_free_ char *text = NULL;
        size_t size;

        if (kernel->abi == KERNEL_ABI_NONE ||
            read_file_at(kernel->dir_fd, "keyrings", KEYRINGS_SIZE_MAX, (void **) &text, &size) < 0 ||
            strlen(text) != size)
                return KEYRING_UNKNOWN;
        return find_keyring(text, name);
}

void kernel_policy_done(KernelPolicy *policy) {
        free(policy->name);
        *policy = (KernelPolicy) {};
}

static int open_policies(const Kernel *kernel) {
        int fd = openat(kernel->dir_fd, "policies", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        return fd < 0 ? -errno : fd;
}

static int open_policies_stream(const Kernel *kernel, DIR **ret) {
        int fd = open_policies(kernel), r;

        if (fd < 0)
                return fd;
        *ret = fdopendir(fd);
        if (*ret)
                return 0;
        r = -errno;
        safe_close(fd);
        return r;
}

int kernel_open_policy(const Kernel *kernel, const char *name) {
        _cleanup_close_ int policies_fd = -1;
        int fd;

        if (kernel->abi == KERNEL_ABI_NONE)
                return -ENODEV;
        if (!kernel_is_component(name))
                return -ENOENT;
        policies_fd = open_policies(kernel);
        if (policies_fd < 0)
                return policies_fd;
        fd = openat(policies_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return errno == ENAMETOOLONG ? -ENOENT : -errno;
        return fd;
}

static int read_version(int policy_fd, KernelPlace place, struct ipe_version *ret) {
        static const char *const files[_KERNEL_PLACE_MAX] = { "version", "next/version", "previous/version" };
        _cleanup_free_ char *text = NULL;
        int r;

        r = kernel_read_text(policy_fd, files[place], VALUE_SIZE_MAX, &text);
        if (r < 0)
                return r;
        return ipe_version_parse(text, strlen(text), ret) < 0 ? -EIO : 0;
}

int kernel_find(const Kernel *kernel, const char *name, KernelPolicy *ret) {
        _cleanup_kernel_policy_ KernelPolicy policy = {};
        _cleanup_close_ int policy_fd = -1;
        int active, r;

        policy_fd = kernel_open_policy(kernel, name);
        if (policy_fd == -ENOENT || policy_fd == -ENODEV)
                return 0;
        if (policy_fd < 0)
                return policy_fd;
        r = read_version(policy_fd, KERNEL_CURRENT, &policy.version);
        active = r < 0 ? r : kernel_read_boolean(policy_fd, "active");
        if (active == -ENOENT)
                return 0;
        if (active < 0)
                return active;
        policy.active = active;
        policy.name = strdup(name);
        if (!policy.name)
                return -ENOMEM;
        *ret = policy;
        policy = (KernelPolicy) {};
        return 1;
}

/* At most one policy is active: one that cannot be read matters only if none is found. */
static int find_active_in(const Kernel *kernel, DIR *policies, KernelPolicy *ret) {
        int result = 0;

        for (;;) {
                _cleanup_kernel_policy_ KernelPolicy policy = {};
                struct dirent *entry;
                int r;

                errno = 0;
                entry = readdir(policies);
                if (!entry)
                        return errno != 0 ? -errno : result;
                r = kernel_find(kernel, entry->d_name, &policy);
                if (r < 0)
                        result = r;
                if (r > 0 && policy.active) {
                        *ret = policy;
                        policy = (KernelPolicy) {};
                        return 1;
                }
        }
}

static int list_names(DIR *policies, char ***ret) {
        _cleanup_(strv_freep) char **names = calloc(1, sizeof(*names));
        struct dirent *entry;
        size_t n = 0;

        if (!names)
                return -ENOMEM;
        while (errno = 0, (entry = readdir(policies))) {
                char **larger;

                if (!kernel_is_component(entry->d_name))
                        continue;
                larger = reallocarray(names, n + 2, sizeof(*larger));
                if (!larger)
                        return -ENOMEM;
                names = larger;
                names[n] = strdup(entry->d_name);
                if (!names[n])
                        return -ENOMEM;
                names[++n] = NULL;
        }
        if (errno != 0)
                return -errno;
        *ret = TAKE_PTR(names);
        return 0;
}

int kernel_list(const Kernel *kernel, char ***ret) {
        DIR *dir;
        int r;

        if (kernel->abi == KERNEL_ABI_NONE) {
                *ret = NULL;
                return 0;
        }
        r = open_policies_stream(kernel, &dir);
        if (r < 0)
                return r;
        r = list_names(dir, ret);
        closedir(dir);
        return r;
}

int kernel_find_version(const Kernel *kernel, const char *name, KernelPlace place, struct ipe_version *ret) {
        _cleanup_close_ int policy_fd = kernel_open_policy(kernel, name);
        int r = policy_fd < 0 ? policy_fd : read_version(policy_fd, place, ret);

        return r == -ENOENT || r == -ENODEV ? 0 : r < 0 ? r : 1;
}

static int read_remaining(int policy_fd, unsigned *ret) {
        _cleanup_free_ char *text = NULL;
        char *end;
        int r;

        r = kernel_read_text(policy_fd, "trial", VALUE_SIZE_MAX, &text);
        if (r < 0)
                return r;
        *ret = (unsigned) strtoul(text, &end, 10);
        return end == text || *end != '\0' ? -EIO : 0;
}

/* text: "NAME VERSION"; cut between the two. */
static int split_trial(char *text, struct ipe_version *ret) {
        char *space = strrchr(text, ' ');

        if (!space || ipe_version_parse(space + 1, strlen(space + 1), ret) < 0)
                return -EIO;
        *space = '\0';
        return 0;
}

/* Versions of a name differ, so the version determines the place. Returns 1, 0 if it is in none, or an errno. */
static int find_place(int policy_fd, const struct ipe_version *version, KernelPlace *ret) {
        static const KernelPlace places[] = { KERNEL_NEXT, KERNEL_CURRENT };
        struct ipe_version found;

        for (size_t i = 0; i < ELEMENTSOF(places); i++) {
                int r = read_version(policy_fd, places[i], &found);

                if (r < 0 && r != -ENOENT)
                        return r;
                if (r >= 0 && ipe_version_compare(&found, version) == 0) {
                        *ret = places[i];
                        return 1;
                }
        }
        return 0;
}

int kernel_find_trial(const Kernel *kernel, KernelTrial *ret) {
        _cleanup_kernel_policy_ KernelPolicy policy = { .active = true, .on_trial = true };
        _cleanup_close_ int policy_fd = -1;
        unsigned remaining;
        int r;

        if (!kernel_has_feature(kernel, "trial"))
                return 0;
        r = kernel_read_text(kernel->dir_fd, "confirm", TRIAL_SIZE_MAX, &policy.name);
        if (r < 0 || policy.name[0] == '\0')
                return r;
        r = split_trial(policy.name, &policy.version);
        if (r < 0)
                return r;
        policy_fd = kernel_open_policy(kernel, policy.name);
        r = policy_fd < 0 ? policy_fd : read_remaining(policy_fd, &remaining);
        if (r >= 0 && remaining > 0)
                r = find_place(policy_fd, &policy.version, &policy.place);
        if (r <= 0)
                return r == -ENOENT ? 0 : r;
        *ret = (KernelTrial) { .policy = policy, .remaining_sec = remaining };
        policy = (KernelPolicy) {};
        return 1;
}

static int find_current_active(const Kernel *kernel, KernelPolicy *ret) {
        DIR *policies;
        int r = open_policies_stream(kernel, &policies);

        if (r < 0)
                return r;
        r = find_active_in(kernel, policies, ret);
        closedir(policies);
        return r;
}

static int find_on_trial(const Kernel *kernel, KernelPolicy *ret) {
        KernelTrial trial;
        int r = kernel_find_trial(kernel, &trial);

        if (r > 0)
                *ret = trial.policy;
        return r;
}

static int try_find_active(const Kernel *kernel, KernelPolicy *ret) {
        _cleanup_kernel_policy_ KernelPolicy current = {};
        int r;

        r = find_on_trial(kernel, ret);
        if (r != 0)
                return r;
        r = find_current_active(kernel, &current);
        if (r <= 0)
                return r;
        /* The current version may be the one on trial, and its trial may have begun since the first look. */
        r = find_on_trial(kernel, ret);
        if (r != 0)
                return r;
        *ret = current;
        current = (KernelPolicy) {};
        return 1;
}

int kernel_find_active(const Kernel *kernel, KernelPolicy *ret) {
        int r;

        if (kernel->abi == KERNEL_ABI_NONE)
                return 0;
        r = try_find_active(kernel, ret);
        /* A trial that begins or ends between the looks hides the active policy; so repeat a look that finds none. */
        if (r == 0 && kernel_has_feature(kernel, "trial"))
                r = try_find_active(kernel, ret);
        return r;
}

int kernel_read_envelope(const Kernel *kernel, const char *name, KernelPlace place, void **ret, size_t *ret_size) {
        static const char *const files[_KERNEL_PLACE_MAX] = { "pkcs7", "next/pkcs7", "previous/pkcs7" };
        _cleanup_close_ int policy_fd = kernel_open_policy(kernel, name);

        if (policy_fd < 0)
                return policy_fd == -ENODEV ? -ENOENT : policy_fd;
        return read_file_at(policy_fd, files[place], ENVELOPE_SIZE_MAX, ret, ret_size);
}

int kernel_read_policy(const Kernel *kernel, const char *name, KernelPlace place, char **ret, size_t *ret_size) {
        static const char *const files[_KERNEL_PLACE_MAX] = { "policy", "next/policy", "previous/policy" };
        _cleanup_close_ int policy_fd = kernel_open_policy(kernel, name);

        if (policy_fd < 0)
                return policy_fd == -ENODEV ? -ENOENT : policy_fd;
        return read_file_at(policy_fd, files[place], IPE_POLICY_TEXT_MAX, (void **) ret, ret_size);
}

int kernel_has_content(const Kernel *kernel, const char *name, KernelPlace place, const void *data, size_t size) {
        _cleanup_free_ void *loaded = NULL;
        size_t loaded_size;
        int r;

        r = kernel_read_envelope(kernel, name, place, &loaded, &loaded_size);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return r;
        return loaded_size == size && memcmp(loaded, data, size) == 0;
}

int kernel_write_policy_file(const Kernel *kernel, const char *name, const char *file, const void *data, size_t size) {
        _cleanup_close_ int policy_fd = kernel_open_policy(kernel, name);

        if (policy_fd < 0)
                return policy_fd;
        return kernel_write_file(policy_fd, file, data, size);
}
