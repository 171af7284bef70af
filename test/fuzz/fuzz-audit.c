/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as a message of the audit subsystem, and as the text of one.
 */

#include "fuzz.h"

#include "audit.h"

static void check(int r, int success, const KernelEvent *event, size_t size) {
        require(r == success || r == 0 || r == -EBADMSG, "an errno that is not documented");
        require((r == success) == (event->operation != NULL), "success and the event go together");
        require(event->lost == 0 && event->time_ns == 0, "what a record does not say");
        require(!event->rule || strlen(event->rule) <= size, "a rule that is longer than the record");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_kernel_event_ KernelEvent message = {}, record = {};

        check(audit_message_parse(data, size, &message), 1, &message, size);
        check(audit_record_parse((const char *) data, size, &record), 0, &record, size);
        return 0;
}
