/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Journal entries of ipe-load. Each names the unit: journald would ask /proc for it, which may be too late for a
 * program that ends at once, and 'journalctl -u' also finds an entry by the unit that it names.
 */

#include <stdarg.h>

#include "load-owner.h"
#include "load.h"
#include "messages.h"

void load_log(int priority, const char *message_id, const VersionRecord *record, const char *format, ...) {
        char version[IPE_VERSION_STRLEN], hex[DIGEST_HEX_SIZE], text[1024];
        const LogField fields[] = {
                { "IPE_POLICY", record->name },
                { "IPE_VERSION", version },
                { "IPE_DIGEST", hex },
                { "IPE_SIGNER", record->signer },
                { "IPE_TRANSACTION", record->transaction[0] != '\0' ? record->transaction : NULL },
                { "OBJECT_SYSTEMD_UNIT", LOAD_UNIT },
                {},
        };
        va_list arguments;

        ipe_version_print(&record->version, version);
        digest_to_hex(&record->digest, hex);
        va_start(arguments, format);
        (void) vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        log_entry(priority, message_id, fields, "'%s' %s %s", record->name, version, text);
}

void load_log_no_ipe(const char *wanted) {
        log_error("Cannot load '%s': " KERNEL_NO_IPE ".", wanted);
}

int load_keep(const Kernel *kernel, const char *wanted) {
        _cleanup_kernel_policy_ KernelPolicy active = {};
        char version[IPE_VERSION_STRLEN];
        int r = kernel_find_active(kernel, &active);
        LogField fields[] = {
                { "IPE_POLICY", active.name }, { "IPE_VERSION", version }, { "OBJECT_SYSTEMD_UNIT", LOAD_UNIT }, {}
        };

        if (r <= 0)
                return r < 0 ? r : -ENOENT;
        ipe_version_print(&active.version, version);
        log_entry(LOG_NOTICE, MESSAGE_KEPT, fields,
                  "The kernel already enforces '%s' %s and cannot go to a lower version, so it stays "
                  "active and '%s' is not loaded.",
                  active.name, version, wanted);
        return 0;
}

int load_read(const Store *store, const VersionRecord *record, void **ret, size_t *ret_size) {
        LOAD_AS_OWNER;

        return store_read(store, &record->digest, ret, ret_size);
}
