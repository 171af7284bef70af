/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The configuration, by libeconf: the main file of the highest layer that has one, then all drop-ins in the order of
 * their names; what comes later wins.
 */

#include <stdarg.h>
#include <sys/mman.h>

#include <libeconf.h>
#include <libeconf_ext.h>

#include "config.h"
#include "io.h"
#include "kernel-extended.h"
#include "layers.h"
#include "seconds.h"

#define SECTION "Manager"

const char *const config_directories[] = { "/etc/ipe", "/run/ipe", "/usr/lib/ipe", NULL };

const Config config_default = {
        .trial_sec = 120,
        .trial_boots = 3,
        .trial_boot_sec = 300,
        .preflight_sec = 10,
        .keep_versions = 5,
        .confirm = CONFIRM_AUTO,
        .rollback_at_boot = true,
};

typedef struct Setting Setting;

struct Setting {
        const char *key;
        /* place: the member of Config. Returns 0, -ENOMEM, or -EINVAL for an invalid value. */
        int (*parse)(const Setting *setting, const char *text, void *place);
        const char *expected; /* for the warning about another value */
        size_t offset;
        uint64_t min, max; /* of numbers */
};

static int parse_boolean(const Setting *setting, const char *text, void *place) {
        static const char *const words[] = { "no", "yes", "false", "true", "0", "1", "off", "on" };

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (strcasecmp(text, words[i]) == 0) {
                        *(bool *) place = i % 2 == 1;
                        return 0;
                }
        return -EINVAL;
}

static int set_number(const Setting *setting, uint64_t value, void *place) {
        if (value < setting->min || value > setting->max)
                return -EINVAL;
        *(uint64_t *) place = value;
        return 0;
}

static int parse_seconds(const Setting *setting, const char *text, void *place) {
        uint64_t value;

        return seconds_parse(text, &value) < 0 ? -EINVAL : set_number(setting, value, place);
}

static int parse_count(const Setting *setting, const char *text, void *place) {
        size_t size = strlen(text);

        if (size == 0 || size > 9 || strspn(text, "0123456789") != size)
                return -EINVAL;
        return set_number(setting, strtoull(text, NULL, 10), place);
}

static int parse_confirm(const Setting *setting, const char *text, void *place) {
        int confirm = confirm_by_from_string(text);

        if (confirm < 0)
                return -EINVAL;
        *(ConfirmBy *) place = (ConfirmBy) confirm;
        return 0;
}

static const char *const on_failures[_ON_FAILURE_MAX] = { "continue", "emergency", "poweroff" };

const char *on_failure_to_string(OnFailure on_failure) {
        return on_failures[on_failure];
}

static int parse_on_failure(const Setting *setting, const char *text, void *place) {
        for (int i = 0; i < _ON_FAILURE_MAX; i++)
                if (streq(text, on_failures[i])) {
                        *(OnFailure *) place = (OnFailure) i;
                        return 0;
                }
        return -EINVAL;
}

/* Words between white space. Refuses quotes and backslashes, so that nobody expects them to work. */
static int parse_words(const char *text, bool (*is_valid)(const char *word), char ***place) {
        _cleanup_(strv_freep) char **words = calloc(strlen(text) / 2 + 2, sizeof(*words));
        _cleanup_free_ char *copy = strdup(text);
        char *rest = copy, *word;
        size_t n = 0;

        if (!words || !copy)
                return -ENOMEM;
        while ((word = strsep(&rest, " \t\r\n")))
                if (*word == '\0')
                        ;
                else if (strpbrk(word, "\"'\\") || !is_valid(word))
                        return -EINVAL;
                else if (!(words[n++] = strdup(word)))
                        return -ENOMEM;
        strv_free(*place);
        *place = n > 0 ? TAKE_PTR(words) : NULL;
        return 0;
}

static bool is_path(const char *word) {
        return word[0] == '/';
}

#define UNIT_CHARACTERS "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ:-_.@"

/* As systemd permits them. */
static bool is_unit(const char *word) {
        const char *dot = strrchr(word, '.');

        return dot && dot != word && dot[1] != '\0' && strlen(word) <= 255 &&
               strspn(word, UNIT_CHARACTERS) == strlen(word);
}

static bool is_unit_glob(const char *word) {
        return strlen(word) <= 255 && strspn(word, UNIT_CHARACTERS "*?[]!") == strlen(word);
}

static bool is_module(const char *word) {
        return strlen(word) <= 64 && !strchr(word, '/');
}

static bool is_firmware(const char *word) {
        return word[0] != '/' && !strstr(word, "..");
}

static bool is_word(const char *word) {
        return true;
}

static int parse_paths(const Setting *setting, const char *text, void *place) {
        return parse_words(text, is_path, place);
}

static int parse_units(const Setting *setting, const char *text, void *place) {
        return parse_words(text, is_unit, place);
}

static int parse_unit_globs(const Setting *setting, const char *text, void *place) {
        return parse_words(text, is_unit_glob, place);
}

static int parse_modules(const Setting *setting, const char *text, void *place) {
        return parse_words(text, is_module, place);
}

static int parse_firmware(const Setting *setting, const char *text, void *place) {
        return parse_words(text, is_firmware, place);
}

static int parse_command(const Setting *setting, const char *text, void *place) {
        return text[0] != '\0' && text[0] != '/' ? -EINVAL : parse_words(text, is_word, place);
}

static const Setting settings[] = {
        { "Confirm", parse_confirm, "'auto' or 'manual'", offsetof(Config, confirm) },
        { "EssentialFirmware", parse_firmware, "a list of names below /lib/firmware",
          offsetof(Config, essential_firmware) },
        { "EssentialModules", parse_modules, "a list of names of modules", offsetof(Config, essential_modules) },
        { "EssentialPaths", parse_paths, "a list of absolute paths", offsetof(Config, essential_paths) },
        { "HealthCommand", parse_command, "an absolute path with arguments, without quotes",
          offsetof(Config, health_command) },
        { "HealthIgnoreUnits", parse_unit_globs, "a list of units, in which * and ? stand for any",
          offsetof(Config, health_ignore_units) },
        { "HealthUnits", parse_units, "a list of units, as 'sshd.service'", offsetof(Config, health_units) },
        { "KeepVersions", parse_count, "a number up to 100", offsetof(Config, keep_versions), 0, KEEP_VERSIONS_MAX },
        { "OnFailure", parse_on_failure, "'continue', 'emergency' or 'poweroff'", offsetof(Config, on_failure) },
        { "PreflightSec", parse_seconds, "a time of up to 10 minutes", offsetof(Config, preflight_sec), 0,
          PREFLIGHT_SEC_MAX },
        { "RollbackAtBoot", parse_boolean, "'yes' or 'no'", offsetof(Config, rollback_at_boot) },
        { "TrialBootSec", parse_seconds, "a time of 1 second to 24 hours", offsetof(Config, trial_boot_sec), 1,
          TRIAL_BOOT_SEC_MAX },
        { "TrialBoots", parse_count, "a number up to 100", offsetof(Config, trial_boots), 0, TRIAL_BOOTS_MAX },
        { "TrialSec", parse_seconds, "a time of up to 24 hours", offsetof(Config, trial_sec), 0, KERNEL_TRIAL_SEC_MAX },
};

void config_done(Config *config) {
        strv_free(config->health_units);
        strv_free(config->health_ignore_units);
        strv_free(config->health_command);
        strv_free(config->essential_paths);
        strv_free(config->essential_modules);
        strv_free(config->essential_firmware);
        *config = (Config) {};
}

static const Setting *find_setting(const char *key) {
        for (size_t i = 0; i < ELEMENTSOF(settings); i++)
                if (streq(settings[i].key, key))
                        return &settings[i];
        return NULL;
}

/* The directories to read, and who hears of warnings. */
typedef struct Places {
        const char *const *directories;
        ConfigWarning warn;
        void *userdata;
        bool *incomplete; /* set when a file or a directory is ignored */
} Places;

/* A file, and who hears of warnings. */
typedef struct Input {
        ConfigWarning warn;
        void *userdata;
        const char *path;
        ConfigText text;
        econf_file *file;
} Input;

static void input_done(Input *input) {
        config_text_done(&input->text);
        econf_freeFile(input->file);
}

static void _printf_(3, 4) warn(const Input *input, uint64_t line, const char *format, ...) {
        char sentence[1024], place[32] = "";
        va_list arguments;
        int n;

        if (line > 0)
                snprintf(place, sizeof(place), ":%llu", (unsigned long long) line);
        n = snprintf(sentence, sizeof(sentence), "%s%s: ", input->path, place);
        va_start(arguments, format);
        if (n >= 0 && (size_t) n < sizeof(sentence))
                vsnprintf(sentence + n, sizeof(sentence) - (size_t) n, format, arguments);
        va_end(arguments);
        input->warn(sentence, input->userdata);
}

/* 0 if it is not known. */
static uint64_t line_of(const Input *input, const char *section, const char *key) {
        econf_ext_value *value = NULL;
        uint64_t line = 0;

        if (econf_getExtValue(input->file, section, key, &value) == ECONF_SUCCESS && value) {
                line = config_text_line(&input->text, value->line_number);
                econf_freeExtValue(value);
        }
        return line;
}

static int apply_key(const Input *input, const char *key, Config *config) {
        const Setting *setting = find_setting(key);
        uint64_t line = line_of(input, SECTION, key);
        _cleanup_free_ char *text = NULL;
        econf_err error;
        int r = -EINVAL;

        if (!setting) {
                warn(input, line, "There is no setting '%s', ignoring it.", key);
                return 0;
        }
        error = econf_getStringValue(input->file, SECTION, key, &text);
        if (error == ECONF_NOMEM)
                return -ENOMEM;
        if (error == ECONF_SUCCESS)
                r = setting->parse(setting, text ?: "", (char *) config + setting->offset);
        if (r != -EINVAL)
                return r;
        warn(input, line, "The value of '%s' is not %s, ignoring it.", key, setting->expected);
        return 0;
}

static void warn_of_section(const Input *input, const char *section) {
        char **keys = NULL;
        size_t n = 0;

        if (econf_getKeys(input->file, section, &n, &keys) != ECONF_SUCCESS)
                n = 0;
        for (size_t i = 0; i < n; i++)
                warn(input, line_of(input, section, keys[i]), "There is no section [%s], ignoring its setting '%s'.",
                     section, keys[i]);
        if (n == 0)
                warn(input, 0, "There is no section [%s], ignoring it.", section);
        econf_freeArray(keys);
}

static void warn_of_sections(const Input *input) {
        char **groups = NULL;
        size_t n = 0;

        if (econf_getGroups(input->file, &n, &groups) != ECONF_SUCCESS)
                return;
        for (size_t i = 0; i < n; i++)
                if (!streq(groups[i], SECTION))
                        warn_of_section(input, groups[i]);
        econf_freeArray(groups);
}

static void warn_of_loose_keys(const Input *input) {
        char **keys = NULL;
        size_t n = 0;

        if (econf_getKeys(input->file, NULL, &n, &keys) != ECONF_SUCCESS)
                return;
        for (size_t i = 0; i < n; i++)
                warn(input, line_of(input, NULL, keys[i]),
                     "The setting '%s' is in no section, ignoring it: it belongs to [" SECTION "].", keys[i]);
        econf_freeArray(keys);
}

static int apply_settings(const Input *input, Config *config) {
        char **keys = NULL;
        size_t n = 0;
        int r = 0;

        warn_of_sections(input);
        warn_of_loose_keys(input);
        if (econf_getKeys(input->file, SECTION, &n, &keys) != ECONF_SUCCESS)
                return 0;
        for (size_t i = 0; i < n && r >= 0; i++)
                r = apply_key(input, keys[i], config);
        econf_freeArray(keys);
        return r;
}

static void warn_of_syntax(const Input *input, econf_err error) {
        char *name = NULL;
        uint64_t line = 0;

        econf_errLocation(&name, &line);
        free(name);
        warn(input, config_text_line(&input->text, line), "Ignoring this file: %s", econf_errString(error));
}

/* libeconf can only read files, so it gets one in memory. Returns 1, 0 after a warning, or a negative errno. */
static int parse_text(Input *input) {
        _cleanup_close_ int fd = memfd_create("ipectld.conf", MFD_CLOEXEC);
        char path[sizeof("/proc/self/fd/") + 10];
        econf_err error;
        int r;

        if (fd < 0)
                return -errno;
        if (input->text.size > 0) {
                r = write_once(fd, input->text.text, input->text.size);
                if (r < 0)
                        return r;
        }
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        /* Comments are removed already; but without a comment character libeconf would take "#" within a line for one.
         */
        error = econf_readFile(&input->file, path, "=", "\001");
        if (error == ECONF_NOMEM)
                return -ENOMEM;
        if (error != ECONF_SUCCESS)
                warn_of_syntax(input, error);
        return error == ECONF_SUCCESS;
}

static int apply_file(const Places *places, const char *path, Config *config) {
        _cleanup_(input_done) Input input = { .warn = places->warn, .userdata = places->userdata, .path = path };
        int r;

        r = config_text_read(path, input.warn, input.userdata, &input.text);
        if (r >= 0)
                r = parse_text(&input);
        if (r > 0)
                return apply_settings(&input, config);
        *places->incomplete = true;
        if (r < 0 && r != -ENOMEM) {
                warn(&input, 0, "Cannot read this file, ignoring it: %s",
                     r == -EBADMSG ? "there is a NUL in it" : strerror(-r));
                return 0;
        }
        return r;
}

static int apply_main_file(const Places *places, Config *config) {
        for (size_t i = 0; places->directories[i]; i++) {
                _cleanup_free_ char *path = NULL;

                if (asprintf(&path, "%s/ipectld.conf", places->directories[i]) < 0) {
                        path = NULL;
                        return -ENOMEM;
                }
                if (access(path, F_OK) >= 0)
                        return apply_file(places, path, config);
        }
        return 0;
}

static void warn_of_directory(const char *directory, int error, void *userdata) {
        const Places *places = userdata;
        char sentence[1024];

        *places->incomplete = true;
        snprintf(sentence, sizeof(sentence), "Cannot read '%s', ignoring it: %s", directory, strerror(-error));
        places->warn(sentence, places->userdata);
}

static int apply_drop_ins(const Places *places, Config *config) {
        _cleanup_layers_ LayeredFiles files = {};
        char *paths[4] = {};
        int r = 0;

        for (size_t i = 0; places->directories[i] && i + 1 < ELEMENTSOF(paths) && r >= 0; i++)
                if (asprintf(&paths[i], "%s/ipectld.conf.d", places->directories[i]) < 0) {
                        paths[i] = NULL;
                        r = -ENOMEM;
                }
        if (r >= 0)
                r = layers_list_readable((const char *const *) paths, ".conf", warn_of_directory, (void *) places,
                                         &files);
        for (size_t i = 0; i < files.n && r >= 0; i++)
                r = apply_file(places, files.files[i].path, config);
        for (size_t i = 0; i < ELEMENTSOF(paths); i++)
                free(paths[i]);
        return r;
}

int config_load(const char *const *directories, ConfigWarning warning, void *userdata, Config *ret) {
        bool incomplete = false;
        Places places = {
                .directories = directories, .warn = warning, .userdata = userdata, .incomplete = &incomplete
        };
        Config config = config_default;
        int r;

        r = apply_main_file(&places, &config);
        if (r >= 0)
                r = apply_drop_ins(&places, &config);
        if (r < 0) {
                config_done(&config);
                return r;
        }
        *ret = config;
        return incomplete;
}
