/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ipe-generator: configures ipe-load.service before systemd starts anything. A systemd.generator(7): it only writes
 * drop-ins, and never fails the boot.
 *
 * A policy that names the root hash of a volume must not become active before that volume is open: so
 * ipe-load.service is ordered after the instance of systemd-veritysetup@.service that opens it. veritysetup.target
 * does that for most volumes, but not for those with "nofail" or "noauto".
 *
 * A signed policy contains its text unchanged, so a search of the bytes finds the root hashes. A chance hit adds an
 * ordering that is not needed, which does no harm.
 */

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "cmdline.h"
#include "config.h"
#include "envelope.h"
#include "io.h"
#include "layers.h"
#include "veritytab.h"

/* Files of the store that are read; if there are more, the policy waits for all volumes. */
#define OBJECTS_MAX 4096
#define DROP_IN_DIRECTORY "ipe-load.service.d"
#define HASH_KEY "dmverity_roothash="
#define CMDLINE_KEY "dmverity_cmdline="
#define CMDLINE_SIZE_MAX (64U << 10)
/* Bytes of all policies together; if there are more, the policy waits for all volumes. */
#define POLICIES_SIZE_MAX (32U << 20)
/* Digits of one root hash. */
#define HASH_LENGTH_MAX 256

/* The volumes that the policies name. */
typedef struct Named {
        char **hashes; /* hex in lower case; sorted once all are known */
        size_t n;
        size_t bytes_left;
        bool cmdline; /* the volumes of the kernel command line */
        bool all;     /* a file that was not read may name any volume */
} Named;

static void complain(const char *format, ...) _printf_(1, 2);

/* Writes to the kernel log: there is no journal yet. */
static void complain(const char *format, ...) {
        _cleanup_close_ int fd = open("/dev/kmsg", O_WRONLY | O_NOCTTY | O_CLOEXEC);
        char text[512], line[600];
        va_list arguments;
        int n;

        va_start(arguments, format);
        (void) vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        for (char *c = text; *c; c++)
                if (!isprint((unsigned char) *c))
                        *c = '?';
        n = snprintf(line, sizeof(line), "<4>ipe-generator: %s\n", text);
        if (fd < 0 || write(fd, line, (size_t) n) < 0)
                fputs(line + strlen("<4>"), stderr);
}

static int add_hash(Named *named, const char *hex, size_t length) {
        char *hash = strndup(hex, length);

        if (!hash)
                return -ENOMEM;
        for (char *c = hash; *c; c++)
                *c = (char) tolower((unsigned char) *c);
        if (list_make_room(&named->hashes, named->n, sizeof(hash)) < 0) {
                free(hash);
                return -ENOMEM;
        }
        named->hashes[named->n++] = hash;
        return 0;
}

/* text: behind "dmverity_roothash=", NUL at the end of everything: "sha256:HEX". */
static int read_hash(Named *named, const char *text) {
        size_t algorithm = strcspn(text, ": \t\r\n"), length;

        if (text[algorithm] != ':')
                return 0;
        text += algorithm + 1;
        length = strspn(text, "0123456789abcdefABCDEF");
        return length > 0 && length <= HASH_LENGTH_MAX ? add_hash(named, text, length) : 0;
}

/* A NUL follows the data. */
static int read_envelope(Named *named, const char *data, size_t size) {
        const char *at = data;
        int r = 0;

        if (memmem(data, size, CMDLINE_KEY, strlen(CMDLINE_KEY)))
                named->cmdline = true;
        while (r >= 0 && (at = memmem(at, size - (size_t) (at - data), HASH_KEY, strlen(HASH_KEY)))) {
                at += strlen(HASH_KEY);
                r = read_hash(named, at);
        }
        return r;
}

typedef int (*ReadFile)(int dir_fd, const char *path, size_t size_max, void **ret, size_t *ret_size);

static int read_file(Named *named, ReadFile function, int dir_fd, const char *path) {
        _cleanup_free_ void *data = NULL;
        size_t size;
        int r = function(dir_fd, path, named->bytes_left, &data, &size);

        if (r == -EFBIG)
                named->all = true;
        if (r < 0)
                /* ipe-load or ipectld will report it. */
                return r == -ENOMEM ? r : 0;
        named->bytes_left -= size;
        return read_envelope(named, data, size);
}

static DIR *open_objects(void) {
        _cleanup_close_ int store_fd = open(STORE_DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int fd = openat(store_fd, "objects", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        DIR *directory = fd < 0 ? NULL : fdopendir(fd);

        if (!directory)
                safe_close(fd);
        return directory;
}

/* The daemon owns the store, and the generator has more rights than the daemon: so it follows no link there, as even
 * to open a device may have an effect. If /var is not mounted yet, there is no store. */
static int read_store(Named *named) {
        DIR *directory = open_objects();
        struct dirent *entry;
        int r = 0, n = 0;

        while (directory && r >= 0 && (entry = readdir(directory))) {
                if (entry->d_name[0] == '.')
                        continue;
                named->all = named->all || n == OBJECTS_MAX;
                if (n++ >= OBJECTS_MAX)
                        break;
                r = read_file(named, read_plain_file_at, dirfd(directory), entry->d_name);
        }
        if (directory)
                closedir(directory);
        return r;
}

static int read_policies(Named *named) {
        _cleanup_layers_ LayeredFiles files = {};
        int r = layers_list(policy_directories, POLICY_SUFFIX, &files, NULL);

        if (r == -ENOMEM)
                return r;
        r = 0;
        for (size_t i = 0; i < files.n && r >= 0; i++)
                r = read_file(named, read_file_at, AT_FDCWD, files.files[i].path);
        return r < 0 ? r : read_store(named);
}

static int compare_text(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

static bool is_named(const Named *named, const char *root_hash) {
        char lower[HASH_LENGTH_MAX + 1];
        const char *key = lower;
        size_t i;

        if (named->all)
                return true;
        for (i = 0; root_hash[i] && i < HASH_LENGTH_MAX; i++)
                lower[i] = (char) tolower((unsigned char) root_hash[i]);
        lower[i] = '\0';
        return root_hash[i] == '\0' && named->n > 0 &&
               bsearch(&key, named->hashes, named->n, sizeof(key), compare_text);
}

static int order_after(FILE *file, const char *name) {
        _cleanup_free_ char *unit = NULL;
        int r = veritytab_unit(name, &unit);

        /* systemd makes no unit for such a name either. */
        if (r == -ENAMETOOLONG)
                return 0;
        if (r >= 0)
                fprintf(file, "After=%s\n", unit);
        return r;
}

static int order_after_entry(FILE *file, const Named *named, const VeritytabEntry *entry) {
        if (!is_named(named, entry->root_hash))
                return 0;
        if (veritytab_has_option(entry, "_netdev")) {
                complain("A policy names the root hash of '%s', which needs the network and is therefore opened after "
                         "the policy is loaded.",
                         entry->name);
                return 0;
        }
        return order_after(file, entry->name);
}

static int order_after_veritytab(FILE *file, const Named *named) {
        _cleanup_free_ void *data = NULL;
        const char *text;
        size_t size;
        int r = read_file_at(AT_FDCWD, veritytab_path(), VERITYTAB_SIZE_MAX, &data, &size);

        if (r < 0) {
                if (r != -ENOENT && r != -ENOMEM)
                        complain("Cannot read '%s': %s", veritytab_path(), strerror(-r));
                return r == -ENOMEM ? r : 0;
        }
        for (text = data;;) {
                _cleanup_veritytab_entry_ VeritytabEntry entry = {};

                r = veritytab_next(&text, &size, &entry);
                if (r > 0)
                        r = order_after_entry(file, named, &entry);
                else
                        return r;
                if (r < 0)
                        return r;
        }
}

static int order_after_cmdline(FILE *file, const Named *named) {
        static const char *const volumes[][2] = { { "roothash", "root" }, { "usrhash", "usr" } };
        _cleanup_free_ char *cmdline = NULL;
        size_t size;
        int r = read_file_at(AT_FDCWD, "/proc/cmdline", CMDLINE_SIZE_MAX, (void **) &cmdline, &size);

        if (r < 0)
                return r == -ENOMEM ? r : 0;
        for (size_t i = 0; i < ELEMENTSOF(volumes) && r >= 0; i++) {
                char hash[CMDLINE_HASH_SIZE];

                if (cmdline_get_root_hash(cmdline, volumes[i][0], hash) && (named->cmdline || is_named(named, hash)))
                        r = order_after(file, volumes[i][1]);
        }
        return r;
}

/* Makes ipe-load.service.d/NAME below a directory; content: "" for none. Returns 0 or a negative errno. */
static int write_drop_in(const char *directory, const char *name, const char *content) {
        _cleanup_close_ int fd = -1, file_fd = -1;
        _cleanup_free_ char *path = NULL;

        if (content[0] == '\0')
                return 0;
        if (asprintf(&path, "%s/" DROP_IN_DIRECTORY, directory) < 0)
                return -ENOMEM;
        if (mkdir(path, 0755) < 0 && errno != EEXIST)
                return -errno;
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        file_fd = openat(fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        return file_fd < 0 ? -errno : write_once(file_fd, content, strlen(content));
}

static int generate_order(const char *directory) {
        Named named = { .bytes_left = POLICIES_SIZE_MAX };
        _cleanup_free_ char *text = NULL;
        size_t size, head = 0;
        FILE *file = open_memstream(&text, &size);
        int r;

        if (!file)
                return -ENOMEM;
        r = read_policies(&named);
        if (named.n > 0)
                qsort(named.hashes, named.n, sizeof(*named.hashes), compare_text);
        fputs("# Written by ipe-generator(8): a policy names the root hashes of these volumes.\n\n[Unit]\n", file);
        head = (size_t) ftell(file);
        if (r >= 0)
                r = order_after_veritytab(file, &named);
        if (r >= 0)
                r = order_after_cmdline(file, &named);
        if (fclose(file) != 0 && r >= 0)
                r = -ENOMEM;
        for (size_t i = 0; i < named.n; i++)
                free(named.hashes[i]);
        free(named.hashes);
        return r >= 0 && size > head ? write_drop_in(directory, "50-ipe-verity.conf", text) : r;
}

static void print_warning(const char *sentence, void *userdata) {
        fprintf(stderr, "ipe-generator: %s\n", sentence);
}

/* For whoever builds an initrd, which gets no more than this of the configuration. */
static int print_on_failure(void) {
        _cleanup_(config_done) Config config = config_default;
        int r = config_load(config_directories, print_warning, NULL, &config);

        if (r == 0)
                puts(on_failure_to_string(config.on_failure));
        return r == 0 && fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void complain_of_config(const char *sentence, void *userdata) {
        complain("%s", sentence);
}

/* FailureAction= acts at once, but only if ipe-load.service itself fails; OnFailure= also if a unit that it requires
 * does. */
static int generate_on_failure(const char *directory) {
        static const char *const texts[_ON_FAILURE_MAX] = {
                [ON_FAILURE_CONTINUE] = "",
                [ON_FAILURE_EMERGENCY] = "OnFailure=emergency.target\nOnFailureJobMode=replace-irreversibly\n",
                [ON_FAILURE_POWEROFF] = ("FailureAction=poweroff-force\nOnFailure=poweroff.target\n"
                                         "OnFailureJobMode=replace-irreversibly\n"),
        };
        _cleanup_(config_done) Config config = config_default;
        _cleanup_free_ char *text = NULL;
        int r = config_load(config_directories, complain_of_config, NULL, &config);

        if (r < 0 || texts[config.on_failure][0] == '\0')
                return r < 0 ? r : 0;
        if (asprintf(&text, "# Written by ipe-generator(8): OnFailure= of ipectld.conf(5).\n\n[Unit]\n%s",
                     texts[config.on_failure]) < 0)
                return -ENOMEM;
        return write_drop_in(directory, "50-ipe-on-failure.conf", text);
}

int main(int argc, char **argv) {
        int r;

        if (argc == 2 && streq(argv[1], "--on-failure"))
                return print_on_failure();
        if (argc != 2 && argc != 4) {
                fprintf(stderr,
                        "Usage: %s NORMAL-DIRECTORY [EARLY-DIRECTORY LATE-DIRECTORY]; see ipe-generator(8).\n"
                        "       %s --on-failure\n",
                        argv[0], argv[0]);
                return EXIT_FAILURE;
        }
        umask(0022);
        r = generate_order(argv[1]);
        if (r < 0)
                complain("Cannot order ipe-load.service after the volumes that policies name: %s", strerror(-r));
        r = generate_on_failure(argv[1]);
        if (r < 0)
                complain("Cannot apply OnFailure= of ipectld.conf: %s", strerror(-r));
        return EXIT_SUCCESS;
}
