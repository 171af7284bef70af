/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The vendor's policies of an initrd. Only the kernel parses them, so a file has to be called after its policy, as
 * everywhere in policy.d. The first that the kernel takes stays active until the host's own is loaded.
 */

#include <fcntl.h>
#include <stdarg.h>
#include <unistd.h>

#include "envelope.h"
#include "io.h"
#include "layers.h"
#include "load-vendor.h"
#include "load.h"
#include "messages.h"

bool load_vendor_is_initrd(void) {
        return access("/etc/initrd-release", F_OK) >= 0;
}

static void log_file(int priority, const char *message_id, const LayeredFile *file, const char *name,
                     const char *format, ...) _printf_(5, 6);

static void log_file(int priority, const char *message_id, const LayeredFile *file, const char *name,
                     const char *format, ...) {
        const LogField fields[] = {
                { "IPE_POLICY", name },
                { "IPE_SOURCE", file->path },
                { "OBJECT_SYSTEMD_UNIT", LOAD_UNIT },
                {},
        };
        char text[1024];
        va_list arguments;

        va_start(arguments, format);
        (void) vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        log_entry(priority, message_id, fields, "'%s' %s", file->path, text);
}

/* Returns 0 if it is active now, or a negative errno. */
static int load_file(const Kernel *kernel, const LayeredFile *file) {
        _cleanup_free_ char *name = strndup(file->name, stem_length(file->name, POLICY_SUFFIX));
        _cleanup_free_ void *data = NULL;
        size_t size;
        int r;

        if (!name)
                return -ENOMEM;
        r = read_file_at(AT_FDCWD, file->path, ENVELOPE_SIZE_MAX, &data, &size);
        if (r >= 0)
                r = kernel_activate_first(kernel, name, data, size);
        if (r == -ENOENT)
                log_file(LOG_ERR, MESSAGE_FILE_NOT_LOADED, file, name,
                         "does not hold a policy named '%s', as the file's name says.", name);
        else if (r < 0)
                log_file(LOG_ERR, MESSAGE_FILE_NOT_LOADED, file, name, "cannot be loaded: %s", strerror(-r));
        else
                log_file(LOG_NOTICE, MESSAGE_FILE_LOADED, file, name, "is active.");
        return r;
}

int load_vendor(const Kernel *kernel) {
        _cleanup_layers_ LayeredFiles files = {};
        const char *path;
        int r;

        r = layers_list(policy_directories, POLICY_SUFFIX, &files, &path);
        if (r < 0) {
                log_error("Cannot read '%s': %s", path, strerror(-r));
                return r;
        }
        if (files.n > 0 && kernel_abi(kernel) == KERNEL_ABI_NONE) {
                load_log_no_ipe(files.files[0].path);
                return -ENODEV;
        }
        for (size_t i = 0; i < files.n; i++) {
                r = load_file(kernel, &files.files[i]);
                if (r >= 0)
                        return 0;
                if (r == -ESTALE)
                        return load_keep(kernel, files.files[i].path);
        }
        if (files.n == 0) {
                log_info("The initrd brings no policy, nothing to load.");
                return 0;
        }
        log_error("None of %zu policies of the initrd could be loaded.", files.n);
        return -ENOENT;
}
