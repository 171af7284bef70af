/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The configuration, by libeconf: the main file of the highest layer that has one, then all drop-ins in the order of
 * their names; what comes later wins.
 */

#include <libeconf.h>

#include "config.h"
#include "kernel-trial.h"
#include "layers.h"
#include "log.h"
#include "seconds.h"

#define SECTION "Manager"

const char *const config_directories[] = { "/etc/ipe", "/run/ipe", "/usr/lib/ipe", NULL };

/* A bool in Config, or, where max is not 0, a uint64_t of seconds. */
typedef struct Setting {
        const char *key;
        size_t offset;
        uint64_t min, max;
} Setting;

static const Setting settings[] = {
        { "PreflightSec", offsetof(Config, preflight_sec), 1, PREFLIGHT_SEC_MAX },
        { "RollbackAtBoot", offsetof(Config, rollback_at_boot), 0, 0 },
        { "TrialSec", offsetof(Config, trial_sec), 0, KERNEL_TRIAL_SEC_MAX },
};

static void econf_freep(econf_file **file) {
        econf_freeFile(*file);
}

static const Setting *find_setting(const char *key) {
        for (size_t i = 0; i < ELEMENTSOF(settings); i++)
                if (streq(settings[i].key, key))
                        return &settings[i];
        return NULL;
}

static void apply_boolean(econf_file *file, const char *path, const char *key, bool *config) {
        bool value;

        if (econf_getBoolValue(file, SECTION, key, &value) != ECONF_SUCCESS)
                log_warning("'%s': the value of '%s' is not a boolean, ignoring it.", path, key);
        else
                *config = value;
}

static void apply_seconds(econf_file *file, const char *path, const Setting *setting, uint64_t *config) {
        char *text = NULL;
        uint64_t value;

        if (econf_getStringValue(file, SECTION, setting->key, &text) != ECONF_SUCCESS || !text ||
            seconds_parse(text, &value) < 0 || value < setting->min || value > setting->max)
                log_warning("'%s': the value of '%s' is not a time of %llu to %llu seconds, ignoring it.", path,
                            setting->key, (unsigned long long) setting->min, (unsigned long long) setting->max);
        else
                *config = value;
        free(text);
}

static void apply_key(econf_file *file, const char *path, const char *key, Config *config) {
        const Setting *setting = find_setting(key);
        void *place = setting ? (char *) config + setting->offset : NULL;

        if (!setting)
                log_warning("'%s': there is no setting '%s', ignoring it.", path, key);
        else if (setting->max > 0)
                apply_seconds(file, path, setting, place);
        else
                apply_boolean(file, path, key, place);
}

static void warn_of_sections(econf_file *file, const char *path) {
        char **groups = NULL;
        size_t n = 0;

        if (econf_getGroups(file, &n, &groups) != ECONF_SUCCESS)
                return;
        for (size_t i = 0; i < n; i++)
                if (!streq(groups[i], SECTION))
                        log_warning("'%s': there is no section [%s], ignoring it.", path, groups[i]);
        econf_freeArray(groups);
}

static void warn_of_loose_keys(econf_file *file, const char *path) {
        char **keys = NULL;
        size_t n = 0;

        if (econf_getKeys(file, NULL, &n, &keys) != ECONF_SUCCESS)
                return;
        for (size_t i = 0; i < n; i++)
                log_warning("'%s': the setting '%s' is in no section, ignoring it: it belongs to [" SECTION "].", path,
                            keys[i]);
        econf_freeArray(keys);
}

static void apply_file(const char *path, Config *config) {
        _cleanup_(econf_freep) econf_file *file = NULL;
        char **keys = NULL;
        size_t n = 0;
        econf_err error;

        error = econf_readFile(&file, path, "=", "#");
        if (error != ECONF_SUCCESS) {
                log_warning("Cannot read '%s', ignoring it: %s", path, econf_errString(error));
                return;
        }
        warn_of_sections(file, path);
        warn_of_loose_keys(file, path);
        if (econf_getKeys(file, SECTION, &n, &keys) != ECONF_SUCCESS)
                return;
        for (size_t i = 0; i < n; i++)
                apply_key(file, path, keys[i], config);
        econf_freeArray(keys);
}

static int apply_main_file(const char *const *directories, Config *config) {
        for (size_t i = 0; directories[i]; i++) {
                _cleanup_free_ char *path = NULL;

                if (asprintf(&path, "%s/ipectld.conf", directories[i]) < 0) {
                        path = NULL;
                        return -ENOMEM;
                }
                if (access(path, F_OK) < 0)
                        continue;
                apply_file(path, config);
                break;
        }
        return 0;
}

static int apply_drop_ins(const char *const *directories, Config *config) {
        _cleanup_layers_ LayeredFiles files = {};
        char *paths[4] = {};
        int r = 0;

        for (size_t i = 0; directories[i] && i + 1 < ELEMENTSOF(paths) && r >= 0; i++)
                if (asprintf(&paths[i], "%s/ipectld.conf.d", directories[i]) < 0) {
                        paths[i] = NULL;
                        r = -ENOMEM;
                }
        if (r >= 0) {
                const char *path = "";

                r = layers_list((const char *const *) paths, ".conf", &files, &path);
                if (r < 0 && r != -ENOMEM) {
                        log_warning("Cannot read '%s', ignoring it: %s", path, strerror(-r));
                        r = 0;
                }
        }
        for (size_t i = 0; i < files.n; i++)
                apply_file(files.files[i].path, config);
        for (size_t i = 0; i < ELEMENTSOF(paths); i++)
                free(paths[i]);
        return r;
}

int config_load(const char *const *directories, Config *ret) {
        Config config = CONFIG_DEFAULT;
        int r;

        r = apply_main_file(directories, &config);
        if (r >= 0)
                r = apply_drop_ins(directories, &config);
        if (r < 0)
                return r;
        *ret = config;
        return 0;
}
