/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The connection to ipectld. The one place that knows which error means which exit status.
 */

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "client.h"
#include "output.h"

/* Long enough to type a password for polkit. */
#define CALL_TIMEOUT_USEC (120ULL * 1000 * 1000)

typedef struct ErrorMeaning {
        const char *name;
        ExitStatus status;
        const char *hint; /* NULL: the daemon's sentence says it all */
} ErrorMeaning;

static const ErrorMeaning meanings[] = {
        { "org.ipe.Error.NoSuchPolicy", STATUS_NO_SUCH_POLICY,
          "'ipectl list' shows the policies that ipectld knows." },
        { "org.ipe.Error.AlreadyExists", STATUS_FAILED,
          "A version is staged once: raise policy_version= in the text and sign it again." },
        { "org.ipe.Error.SignatureInvalid", STATUS_NOT_TRUSTED,
          "'ipectl verify FILE' checks a signed policy without the daemon." },
        { "org.ipe.Error.KeyNotTrusted", STATUS_NOT_TRUSTED,
          "Put the signer's certificate into /etc/ipe/trust.d/ as NAME.pem. The kernel must trust it, too." },
        { "org.ipe.Error.CertificateExpired", STATUS_NOT_TRUSTED, NULL },
        { "org.ipe.Error.CertificateRevoked", STATUS_NOT_TRUSTED, NULL },
        { "org.ipe.Error.VersionTooOld", STATUS_FAILED, NULL },
        { "org.ipe.Error.SyntaxError", STATUS_FAILED, "'ipectl lint FILE' checks a policy without the daemon." },
        { "org.ipe.Error.NameMismatch", STATUS_FAILED, NULL },
        { "org.ipe.Error.TrialInProgress", STATUS_FAILED,
          "'ipectl confirm NAME' keeps the policy on trial, 'ipectl rollback NAME' ends the trial." },
        { "org.ipe.Error.NoTrial", STATUS_FAILED, NULL },
        { "org.ipe.Error.LockedDown", STATUS_NOT_SUPPORTED, NULL },
        { "org.ipe.Error.WouldLockOut", STATUS_WOULD_LOCK_OUT,
          "'ipectl preflight NAME' lists all that would be denied; 'activate --force' activates all the same." },
        { "org.ipe.Error.KernelRejected", STATUS_FAILED,
          "The kernel's own log may say more: 'journalctl -k -g ipe'." },
        { "org.ipe.Error.NotSupported", STATUS_NOT_SUPPORTED, NULL },
        { SD_BUS_ERROR_ACCESS_DENIED, STATUS_PERMISSION, "Run this as root, or ask the administrator." },
        { SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, STATUS_PERMISSION,
          "Run this as root, or without --no-ask-password." },
        { SD_BUS_ERROR_INVALID_ARGS, STATUS_USAGE, NULL },
        { SD_BUS_ERROR_NOT_SUPPORTED, STATUS_NOT_SUPPORTED, NULL },
        { SD_BUS_ERROR_UNKNOWN_METHOD, STATUS_NOT_SUPPORTED, "The running ipectld is older than this ipectl." },
        { SD_BUS_ERROR_SERVICE_UNKNOWN, STATUS_NO_DAEMON, "Is ipectld.service installed?" },
        { SD_BUS_ERROR_NAME_HAS_NO_OWNER, STATUS_NO_DAEMON, "'systemctl start ipectld' starts the daemon." },
        { SD_BUS_ERROR_NO_REPLY, STATUS_NO_DAEMON, "'systemctl status ipectld' may tell why." },
        { SD_BUS_ERROR_TIMEOUT, STATUS_NO_DAEMON, "'systemctl status ipectld' may tell why." },
        { SD_BUS_ERROR_DISCONNECTED, STATUS_NO_DAEMON, NULL },
        { "org.freedesktop.systemd1.NoSuchUnit", STATUS_NO_DAEMON, "Is ipectld.service installed?" },
        { "org.freedesktop.systemd1.UnitMasked", STATUS_NO_DAEMON, "ipectld.service is masked." },
};

static const ErrorMeaning *find_meaning(const char *name) {
        for (size_t i = 0; name && i < sizeof(meanings) / sizeof(meanings[0]); i++)
                if (strcmp(meanings[i].name, name) == 0)
                        return &meanings[i];
        return NULL;
}

ExitStatus client_open(Client *client, const Options *options) {
        int r;

        r = sd_bus_open_system(&client->bus);
        if (r < 0) {
                say_error("Failed to connect to the system bus: %s", strerror(-r));
                return STATUS_NO_DAEMON;
        }
        (void) sd_bus_set_allow_interactive_authorization(client->bus, options->ask_password);
        (void) sd_bus_set_method_call_timeout(client->bus, CALL_TIMEOUT_USEC);
        return STATUS_OK;
}

ExitStatus client_open_to_ask(Client *client, const Options *options) {
        ExitStatus status = client_open(client, options);

        if (status == STATUS_OK && options->ask_password)
                client->agent = agent_open();
        return status;
}

void client_close(Client *client) {
        agent_close(client->agent);
        client->agent = 0;
        sd_bus_error_free(&client->error);
        client->bus = sd_bus_flush_close_unref(client->bus);
        free(client->what);
        client->what = NULL;
}

void client_doing(Client *client, const char *format, ...) {
        va_list arguments;

        free(client->what);
        va_start(arguments, format);
        if (vasprintf(&client->what, format, arguments) < 0)
                oom();
        va_end(arguments);
}

ExitStatus client_fail(Client *client, int r) {
        const ErrorMeaning *meaning = find_meaning(client->error.name);
        ExitStatus status = meaning ? meaning->status : STATUS_FAILED;
        const char *sentence = client->error.message;

        /* A connection that breaks, or a bus that is not there, comes without an error from the bus. */
        if (!client->error.name && (r == -ECONNRESET || r == -ENOTCONN || r == -ETIMEDOUT || r == -ECONNREFUSED ||
                                    r == -ENOENT || r == -EPIPE))
                status = STATUS_NO_DAEMON;
        if (!sentence || !*sentence)
                sentence = client->error.name ?: strerror(-r);

        say_error("%s: %s", client->what, sentence);
        if (meaning && meaning->hint)
                say_error("%s", meaning->hint);
        sd_bus_error_free(&client->error);
        return status;
}

int client_new_call(Client *client, const char *method, sd_bus_message **ret) {
        return sd_bus_message_new_method_call(client->bus, ret, MANAGER_NAME, MANAGER_PATH, MANAGER_INTERFACE, method);
}

static int call(Client *client, uint64_t usec, const char *method, sd_bus_message **ret, const char *types,
                va_list arguments) {
        sd_bus_message *message = NULL;
        int r;

        r = client_new_call(client, method, &message);
        if (r >= 0 && *types)
                r = sd_bus_message_appendv(message, types, arguments);
        if (r >= 0)
                r = sd_bus_call(client->bus, message, usec, &client->error, ret);
        sd_bus_message_unref(message);
        return r;
}

int client_call(Client *client, const char *method, sd_bus_message **ret, const char *types, ...) {
        va_list arguments;
        int r;

        va_start(arguments, types);
        r = call(client, 0, method, ret, types, arguments);
        va_end(arguments);
        return r;
}

int client_call_for(Client *client, uint64_t usec, const char *method, sd_bus_message **ret, const char *types, ...) {
        va_list arguments;
        int r;

        va_start(arguments, types);
        r = call(client, usec, method, ret, types, arguments);
        va_end(arguments);
        return r;
}

char *client_json_key(const char *name) {
        char *key = calloc(2, strlen(name) + 1), *to = key;

        if (!key)
                oom();
        for (const char *from = name; *from; from++) {
                bool word = isupper((unsigned char) from[0]) && from > name &&
                            !(from[-1] == 'U' && strncmp(from, "Sec", 3) == 0);

                if (word)
                        *to++ = '_';
                *to++ = tolower((unsigned char) *from);
        }
        return key;
}

static int read_strings(sd_bus_message *message, struct json_object **ret) {
        struct json_object *array = json_new_array();
        const char *text;
        int r;

        r = sd_bus_message_enter_container(message, 'a', "s");
        while (r >= 0 && (r = sd_bus_message_read_basic(message, 's', &text)) > 0)
                json_append(array, json_string(text));
        if (r >= 0)
                r = sd_bus_message_exit_container(message);
        if (r < 0) {
                json_object_put(array);
                return r;
        }
        *ret = array;
        return 0;
}

static int read_checks(sd_bus_message *message, struct json_object **ret) {
        struct json_object *array = json_new_array();
        const char *check, *state, *detail;
        int r;

        r = sd_bus_message_enter_container(message, 'a', "(sss)");
        while (r >= 0 && (r = sd_bus_message_read(message, "(sss)", &check, &state, &detail)) > 0) {
                struct json_object *object = json_new_object();

                json_set(object, "check", json_string(check));
                json_set(object, "state", json_string(state));
                json_set(object, "detail", json_string(detail));
                json_append(array, object);
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(message);
        if (r < 0) {
                json_object_put(array);
                return r;
        }
        *ret = array;
        return 0;
}

/* NULL is JSON's null. */
static int read_name_and_version(sd_bus_message *message, struct json_object **ret) {
        const char *name, *version;
        int r;

        r = sd_bus_message_read(message, "(ss)", &name, &version);
        if (r < 0)
                return r;
        *ret = NULL;
        if (!*name && !*version)
                return 0;
        *ret = json_new_object();
        json_set(*ret, "name", json_string(name));
        json_set(*ret, "version", json_string(version));
        return 0;
}

static int read_basic(sd_bus_message *message, char type, struct json_object **ret) {
        union {
                const char *text;
                int boolean; /* as sd-bus wants it */
                uint64_t u64;
                uint32_t u32;
        } value = {};
        int r;

        r = sd_bus_message_read_basic(message, type, &value);
        if (r < 0)
                return r;
        if (type == 'b')
                *ret = json_boolean(value.boolean);
        else if (type == 't')
                *ret = json_number(value.u64);
        else if (type == 'u')
                *ret = json_number(value.u32);
        else
                *ret = json_string(value.text);
        return 0;
}

/* Returns 1 if the value was read, 0 if it is of a type that this program does not know and was skipped. */
static int read_variant(sd_bus_message *message, struct json_object **ret) {
        const char *contents;
        char type;
        int r;

        r = sd_bus_message_peek_type(message, &type, &contents);
        if (r < 0)
                return r;
        if (type != 'v')
                return -EBADMSG;
        if (strcmp(contents, "as") != 0 && strcmp(contents, "(ss)") != 0 && strcmp(contents, "a(sss)") != 0 &&
            (strlen(contents) != 1 || !strchr("sobtu", contents[0])))
                return sd_bus_message_skip(message, "v") < 0 ? -EBADMSG : 0;

        r = sd_bus_message_enter_container(message, 'v', contents);
        if (r < 0)
                return r;
        if (strcmp(contents, "as") == 0)
                r = read_strings(message, ret);
        else if (contents[0] == 'a')
                r = read_checks(message, ret);
        else if (contents[0] == '(')
                r = read_name_and_version(message, ret);
        else
                r = read_basic(message, contents[0], ret);
        if (r < 0)
                return r;
        r = sd_bus_message_exit_container(message);
        return r < 0 ? r : 1;
}

int client_read_dictionary(sd_bus_message *message, struct json_object **ret) {
        struct json_object *object = json_new_object();
        int r;

        r = sd_bus_message_enter_container(message, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
                struct json_object *value = NULL;
                const char *name;

                r = sd_bus_message_read_basic(message, 's', &name);
                if (r < 0)
                        break;
                r = read_variant(message, &value);
                if (r < 0)
                        break;
                if (r > 0) {
                        char *key = client_json_key(name);

                        json_set(object, key, value);
                        free(key);
                }
                r = sd_bus_message_exit_container(message);
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(message);
        if (r < 0) {
                json_object_put(object);
                return r;
        }
        *ret = object;
        return 0;
}

int client_get_all(Client *client, const char *path, const char *interface, struct json_object **ret) {
        sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_call_method(client->bus, MANAGER_NAME, path, "org.freedesktop.DBus.Properties", "GetAll",
                               &client->error, &reply, "s", interface);
        if (r >= 0)
                r = client_read_dictionary(reply, ret);
        sd_bus_message_unref(reply);
        return r;
}

static struct json_object *list_entry(const char *name, const char *version, const char *state,
                                      const char *digest, int active, const char *path) {
        struct json_object *entry = json_new_object();

        json_set(entry, "name", json_string(name));
        json_set(entry, "version", json_string(version));
        json_set(entry, "state", json_string(state));
        json_set(entry, "active", json_boolean(active));
        json_set(entry, "digest", json_string(digest));
        json_set(entry, "object_path", json_string(path));
        return entry;
}

int client_list(Client *client, struct json_object **ret) {
        const char *name, *version, *state, *digest, *path;
        struct json_object *array = json_new_array();
        sd_bus_message *reply = NULL;
        int r, active;

        r = client_call(client, "ListPolicies", &reply, "");
        if (r >= 0)
                r = sd_bus_message_enter_container(reply, 'a', "(ssssbo)");
        while (r >= 0 && (r = sd_bus_message_read(reply, "(ssssbo)", &name, &version, &state, &digest, &active,
                                                  &path)) > 0)
                json_append(array, list_entry(name, version, state, digest, active, path));
        sd_bus_message_unref(reply);
        if (r < 0) {
                json_object_put(array);
                return r;
        }
        *ret = array;
        return 0;
}
