/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as a line of the kernel's "events".
 */

#include "fuzz.h"

#include "kernel-event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_kernel_event_ KernelEvent event = {};
        int r = kernel_event_parse((const char *) data, size, &event);

        require(r == 0 || r == -EBADMSG, "an errno that is not documented");
        require((r == 0) == (event.seq > 0 || event.lost > 0), "success and the event go together");
        require(!event.path || strlen(event.path) <= size, "a path that is longer than the line");
        require(!event.rule || strlen(event.rule) <= size, "a rule that is longer than the line");
        return 0;
}
