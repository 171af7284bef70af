/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finds the open dm-verity volumes: libcryptsetup asks device-mapper.
 */

#include <fcntl.h>
#include <sys/sysmacros.h>
#include <syslog.h>

#include <libcryptsetup.h>
#include <systemd/sd-device.h>

#include "cmdline.h"
#include "inspect.h"
#include "io.h"
#include "utf8.h"

/* veritysetup and systemd-veritysetup give volumes a UUID that starts with this. */
#define VERITY_UUID "CRYPT-VERITY-"
#define CMDLINE_SIZE_MAX (1U << 20)

static void crypt_freep(struct crypt_device **device) {
        crypt_free(*device);
}

static int read_cmdline(char **ret) {
        size_t size;

        return read_file_at(AT_FDCWD, "/proc/cmdline", CMDLINE_SIZE_MAX, (void **) ret, &size);
}

/* Returns 1; 0 if it is not a dm-verity volume, or has gone; or a negative errno. */
static int read_volume(const char *name, VolumeFacts *ret) {
        _cleanup_(crypt_freep) struct crypt_device *device = NULL;
        struct crypt_params_verity parameters = {};
        size_t size = sizeof(ret->root_hash.value);
        int r;

        r = crypt_init_by_name(&device, name);
        if (r < 0)
                return r == -ENODEV || r == -EINVAL || r == -ENOTSUP ? 0 : r;
        if (!crypt_get_type(device) || !streq(crypt_get_type(device), CRYPT_VERITY))
                return 0;
        r = crypt_get_verity_info(device, &parameters);
        if (r >= 0)
                r = crypt_volume_key_get(device, CRYPT_ANY_SLOT, (char *) ret->root_hash.value, &size, NULL, 0);
        if (r < 0)
                return r;
        if (!parameters.hash_name || strlen(parameters.hash_name) >= sizeof(ret->root_hash.algorithm))
                return -EINVAL;
        strcpy(ret->root_hash.algorithm, parameters.hash_name);
        ret->root_hash.size = size;
        ret->is_signed = parameters.flags & CRYPT_VERITY_ROOT_HASH_SIGNATURE;
        return 1;
}

static int add_volume(Look *look, sd_device *device, const char *cmdline) {
        VolumeFacts volume = {};
        const char *name, *uuid;
        dev_t number;
        int r;

        /* Do not read other devices: we may not be allowed to, as with encrypted ones. */
        if (sd_device_get_sysattr_value(device, "dm/uuid", &uuid) < 0 ||
            strncmp(uuid, VERITY_UUID, strlen(VERITY_UUID)) != 0)
                return 0;
        if (sd_device_get_sysattr_value(device, "dm/name", &name) < 0 || sd_device_get_devnum(device, &number) < 0)
                return 0;
        r = read_volume(name, &volume);
        if (r < 0)
                fprintf(stderr, "<%d>Cannot read the volume '%s': %s\n", LOG_ERR, name, strerror(-r));
        if (r <= 0)
                return r;
        volume.name = utf8_escape(name, strlen(name));
        volume.major = major(number);
        volume.minor = minor(number);
        volume.is_cmdline = cmdline_has_root_hash(cmdline, &volume.root_hash);
        return inspection_add_volume(look->inspection, &volume);
}

static void say_nothing(int level, const char *message, void *unused) {
}

int look_at_volumes(Look *look) {
        _cleanup_free_ char *cmdline = NULL;
        sd_device_enumerator *enumerator = NULL;
        int r;

        /* libcryptsetup would report each device that is not a dm-verity volume as an error. */
        crypt_set_log_callback(NULL, say_nothing, NULL);
        r = read_cmdline(&cmdline);
        if (r >= 0)
                r = sd_device_enumerator_new(&enumerator);
        if (r >= 0)
                r = sd_device_enumerator_add_match_subsystem(enumerator, "block", true);
        if (r >= 0)
                r = sd_device_enumerator_add_match_sysname(enumerator, "dm-*");
        /* udev may not have seen a volume yet, or may never see it. */
        if (r >= 0)
                r = sd_device_enumerator_allow_uninitialized(enumerator);
        if (r >= 0)
                for (sd_device *device = sd_device_enumerator_get_device_first(enumerator); device && r >= 0;
                     device = sd_device_enumerator_get_device_next(enumerator))
                        r = add_volume(look, device, cmdline);
        sd_device_enumerator_unref(enumerator);
        return r < 0 ? r : 0;
}
