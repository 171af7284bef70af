/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as veritytab, and as the kernel command line: a line of a drop-in is made of each name, and must stay one.
 */

#include "fuzz.h"

#include "cmdline.h"
#include "veritytab.h"

static void check_unit(const char *name) {
        static const char plain[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ:-_.\\@";
        _cleanup_free_ char *unit = NULL;
        int r = veritytab_unit(name, &unit);

        require(r == 0 || r == -ENAMETOOLONG, "an errno that is not documented");
        require((r == 0) == (unit != NULL), "success and the name go together");
        require(!unit || (strlen(unit) <= 255 && unit[strspn(unit, plain)] == '\0'), "no name of a unit");
}

static void check_cmdline(const uint8_t *data, size_t size) {
        _cleanup_free_ char *cmdline = strndup((const char *) data, size);
        char hash[CMDLINE_HASH_SIZE] = "";

        require(cmdline, "no memory");
        (void) cmdline_get_root_hash(cmdline, "roothash=", hash);
        require(strlen(hash) < sizeof(hash), "a value that does not end");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const char *text = (const char *) data;
        size_t left = size, before = size + 1;

        for (;;) {
                _cleanup_veritytab_entry_ VeritytabEntry entry = {};
                int r = veritytab_next(&text, &left, &entry);

                require(r == 0 || r == 1, "an errno without a reason");
                require(left < before || r == 0, "nothing was read");
                if (r == 0)
                        break;
                before = left;
                require(entry.name[0] && entry.data[0] && entry.hash[0] && entry.root_hash[0] && entry.options,
                        "a field is missing");
                check_unit(entry.name);
                (void) veritytab_has_option(&entry, "_netdev");
        }
        require(left == 0, "something is left");
        check_cmdline(data, size);
        return 0;
}
