/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ipe-volume-check: before a volume of veritytab is opened, checks whether the active policy would allow to execute
 * anything on it. It judges by the facts that the kernel will have: the root hash, whether veritytab names a
 * signature of it (the kernel opens the volume only if that is right), and whether it is on the kernel command line.
 *
 * Exit status: 0 if so, or if no policy is active; 1 if not, or if a fact cannot be found.
 */

#include <fcntl.h>

#include "cmdline.h"
#include "inspection.h"
#include "io.h"
#include "kernel.h"
#include "log.h"
#include "veritytab.h"

#define CMDLINE_SIZE_MAX (64U << 10)

/* Returns 1, 0 if there is none of that name, or a negative errno. */
static int find_entry(const char *name, VeritytabEntry *ret) {
        _cleanup_free_ void *data = NULL;
        const char *text;
        size_t size;
        int r = read_file_at(AT_FDCWD, veritytab_path(), VERITYTAB_SIZE_MAX, &data, &size);

        if (r < 0)
                return r;
        for (text = data;;) {
                _cleanup_veritytab_entry_ VeritytabEntry entry = {};

                r = veritytab_next(&text, &size, &entry);
                if (r <= 0)
                        return r;
                if (!streq(entry.name, name))
                        continue;
                *ret = entry;
                entry = (VeritytabEntry) {};
                return 1;
        }
}

/* Without the option "hash=" only the length of the root hash says which algorithm made it. */
static const char *guess_algorithm(size_t size) {
        return size == 20 ? "sha1" : size == 48 ? "sha384" : size == 64 ? "sha512" : "sha256";
}

static int from_digit(char c) {
        return c >= '0' && c <= '9'   ? c - '0'
               : c >= 'a' && c <= 'f' ? c - 'a' + 10
               : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                      : -1;
}

/* Returns 0, or -EINVAL if the entry has no root hash. */
static int read_root_hash(const VeritytabEntry *entry, FactDigest *ret) {
        const char *hex = entry->root_hash, *algorithm;
        size_t length = strlen(hex), algorithm_size;

        if (length == 0 || length % 2 != 0 || length / 2 > sizeof(ret->value))
                return -EINVAL;
        *ret = (FactDigest) { .size = length / 2 };
        for (size_t i = 0; i < length; i++) {
                int digit = from_digit(hex[i]);

                if (digit < 0)
                        return -EINVAL;
                ret->value[i / 2] = (uint8_t) (ret->value[i / 2] << 4 | digit);
        }
        algorithm = veritytab_find_option(entry, "hash=", &algorithm_size);
        if (algorithm)
                snprintf(ret->algorithm, sizeof(ret->algorithm), "%.*s", (int) algorithm_size, algorithm);
        else
                snprintf(ret->algorithm, sizeof(ret->algorithm), "%s", guess_algorithm(ret->size));
        return 0;
}

static bool has_signature(const VeritytabEntry *entry) {
        size_t size;

        return veritytab_find_option(entry, "root-hash-signature=", &size) != NULL;
}

static bool is_on_cmdline(const FactDigest *root_hash) {
        _cleanup_free_ char *cmdline = NULL;
        size_t size;

        return read_file_at(AT_FDCWD, "/proc/cmdline", CMDLINE_SIZE_MAX, (void **) &cmdline, &size) >= 0 &&
               cmdline_has_root_hash(cmdline, root_hash);
}

/* Reads the text of the active policy. Returns 1, 0 if there is none, or a negative errno. */
static int read_active(char **ret, size_t *ret_size) {
        _cleanup_kernel_policy_ KernelPolicy active = {};
        _cleanup_(kernel_freep) Kernel *kernel = NULL;
        int r = kernel_open(KERNEL_DIRECTORY, &kernel);

        if (r >= 0)
                r = kernel_find_active(kernel, &active);
        if (r > 0)
                r = kernel_read_policy(kernel, active.name, active.place, ret, ret_size) < 0 ? -EIO : 1;
        return r;
}

/* Returns 1 if something on the volume may be executed, 0 if nothing; or a negative errno. */
static int judge(VolumeFacts *volume, const char *text, size_t size) {
        const Inspection inspection = { .volumes = volume, .n_volumes = 1 };
        struct ipe_vocabulary vocabulary;
        struct ipe_policy *policy;
        VolumeVerdict verdict;
        int r;

        ipe_vocabulary_init(&vocabulary);
        ipe_vocabulary_answer_builtin(&vocabulary);
        r = ipe_policy_parse(text, size, &vocabulary, &policy, NULL);
        if (r < 0)
                return r;
        verdict = volume_judge(&inspection, 0, policy, &vocabulary);
        ipe_policy_free(policy);
        if (streq(verdict.action, "ALLOW"))
                return 1;
        log_error("'%s' is not opened: the active policy would let nothing on it be executed, by '%s'.", volume->name,
                  verdict.rule);
        return 0;
}

static int check(const char *name) {
        _cleanup_veritytab_entry_ VeritytabEntry entry = {};
        _cleanup_free_ char *text = NULL;
        VolumeFacts volume = { .name = (char *) name };
        size_t size;
        int r = read_active(&text, &size);

        if (r < 0)
                log_error("'%s' is not opened: cannot read the active policy: %s", name, strerror(-r));
        if (r <= 0)
                return r < 0 ? r : 1;
        r = find_entry(name, &entry);
        if (r == 0)
                log_error("'%s' is not opened: there is no such volume in '%s'.", name, veritytab_path());
        else if (r < 0)
                log_error("'%s' is not opened: cannot read '%s': %s", name, veritytab_path(), strerror(-r));
        if (r <= 0)
                return r;
        r = read_root_hash(&entry, &volume.root_hash);
        if (r < 0) {
                log_error("'%s' is not opened: '%s' is not a root hash.", name, entry.root_hash);
                return r;
        }
        volume.is_signed = has_signature(&entry);
        volume.is_cmdline = is_on_cmdline(&volume.root_hash);
        r = judge(&volume, text, size);
        if (r < 0)
                log_error("'%s' is not opened: cannot parse the active policy: %s", name, strerror(-r));
        return r;
}

int main(int argc, char **argv) {
        if (argc != 2) {
                fprintf(stderr, "Usage: %s NAME; see ipe-volume-check@.service(8).\n", argv[0]);
                return EXIT_FAILURE;
        }
        log_open();
        return check(argv[1]) > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
