/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Answers of handlers.
 */

#include "bus-reply.h"
#include "error-name.h"
#include "object-path.h"
#include "utf8.h"

int bus_refuse(sd_bus_error *reterr, int result, const Failure *failure) {
        if (result == -ENOMEM)
                return -ENOMEM;
        return sd_bus_error_set(reterr, error_name_of(result),
                                failure->sentence[0] ? failure->sentence : strerror(result < 0 ? -result : EINVAL));
}

int bus_refuse_too_many(sd_bus_error *reterr, uid_t uid) {
        Failure failure = {};
        int r = failure_set(&failure, FAILURE_TOO_MANY_CALLS, "User %u calls too often: wait a few seconds.", uid);

        return bus_refuse(reterr, r, &failure);
}

int bus_reply_with_error(sd_bus_message *call, int result, const Failure *failure) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        int r = bus_refuse(&error, result, failure);

        r = sd_bus_error_is_set(&error) ? sd_bus_reply_method_error(call, &error)
                                        : sd_bus_reply_method_errno(call, r, NULL);
        sd_bus_error_free(&error);
        return r < 0 ? r : 0;
}

int bus_send_reply(sd_bus_message *reply, int r) {
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        sd_bus_message_unref(reply);
        return r < 0 ? r : 1;
}

int bus_reply_with_path(sd_bus_message *message, const VersionRecord *record) {
        _cleanup_free_ char *path = NULL;
        int r = record ? object_path_of(record, &path) : 0;

        if (r < 0)
                return r;
        return sd_bus_reply_method_return(message, "o", path ?: "/");
}

int bus_append_pair(sd_bus_message *message, const char *name, const struct ipe_version *version) {
        char text[IPE_VERSION_STRLEN] = "";
        _cleanup_free_ char *printable = utf8_escape(name ?: "", name ? strlen(name) : 0);

        if (!printable)
                return -ENOMEM;
        if (name)
                ipe_version_print(version, text);
        return sd_bus_message_append(message, "(ss)", printable, text);
}
