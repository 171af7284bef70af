/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The connection to ipectld. Only this file knows which error of the bus gives which exit status.
 */

#include <stdarg.h>

#include "agent.h"
#include "bus-value.h"
#include "client.h"
#include "output.h"

/* Long enough to type a password for polkit. */
#define CALL_TIMEOUT_USEC (120ULL * 1000 * 1000)

/* How often a daemon may end before it answers a call. */
#define TRIES_MAX 10

typedef struct ErrorMeaning {
        const char *name;
        ExitStatus status;
        const char *hint; /* NULL: the daemon's sentence says enough */
} ErrorMeaning;

static const ErrorMeaning meanings[] = {
        { "org.ipe.Error.NoSuchPolicy", STATUS_NO_SUCH_POLICY, "'ipectl list' shows the policies that ipectld knows." },
        { "org.ipe.Error.AlreadyExists", STATUS_FAILED,
          "Each version can be staged only once: raise policy_version= in the text, and sign it again." },
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
          "'ipectl confirm NAME' confirms the policy on trial, 'ipectl end-trial NAME' ends the trial." },
        { "org.ipe.Error.NoTrial", STATUS_FAILED, NULL },
        { "org.ipe.Error.LockedDown", STATUS_NOT_SUPPORTED, NULL },
        { "org.ipe.Error.WouldLockOut", STATUS_WOULD_LOCK_OUT,
          "'ipectl preflight NAME' lists everything that it would deny." },
        { "org.ipe.Error.KernelRejected", STATUS_FAILED, "The kernel's own log may say more: 'journalctl -k -g ipe'." },
        { "org.ipe.Error.NotSupported", STATUS_NOT_SUPPORTED, NULL },
        { "org.ipe.Error.NotThatVersion", STATUS_FAILED, "'ipectl status' shows the versions on trial and confirmed." },
        { "org.ipe.Error.TooManyCalls", STATUS_FAILED, NULL },
        { "org.ipe.Error.CannotRead", STATUS_FAILED, NULL },
        { SD_BUS_ERROR_ACCESS_DENIED, STATUS_PERMISSION, "Run this as root, or ask the administrator." },
        { SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, STATUS_PERMISSION,
          "Run this as root, or without --no-ask-password." },
        { SD_BUS_ERROR_INVALID_ARGS, STATUS_USAGE, NULL },
        { SD_BUS_ERROR_NOT_SUPPORTED, STATUS_NOT_SUPPORTED, NULL },
        { SD_BUS_ERROR_UNKNOWN_METHOD, STATUS_NOT_SUPPORTED, "The running ipectld is older than this ipectl." },
        { SD_BUS_ERROR_SERVICE_UNKNOWN, STATUS_NO_DAEMON, "Is ipectld.service installed?" },
        { SD_BUS_ERROR_NAME_HAS_NO_OWNER, STATUS_NO_DAEMON, "'systemctl start ipectld' starts the daemon." },
        { SD_BUS_ERROR_NO_REPLY, STATUS_NO_DAEMON, "'systemctl status ipectld' may show why." },
        { SD_BUS_ERROR_TIMEOUT, STATUS_NO_DAEMON, "'systemctl status ipectld' may show why." },
        { SD_BUS_ERROR_DISCONNECTED, STATUS_NO_DAEMON, NULL },
        /* ssh has ended, after an error message of its own. */
        { "System.Error.ENOTCONN", STATUS_NO_DAEMON, NULL },
        { "System.Error.ECONNRESET", STATUS_NO_DAEMON, NULL },
        { "System.Error.EPIPE", STATUS_NO_DAEMON, NULL },
        { "org.freedesktop.systemd1.NoSuchUnit", STATUS_NO_DAEMON, "Is ipectld.service installed?" },
        { "org.freedesktop.systemd1.UnitMasked", STATUS_NO_DAEMON, "ipectld.service is masked." },
};

static const ErrorMeaning *find_meaning(const char *name) {
        for (size_t i = 0; name && i < ELEMENTSOF(meanings); i++)
                if (streq(meanings[i].name, name))
                        return &meanings[i];
        return NULL;
}

static int open_bus(const Options *options, sd_bus **ret) {
        if (options->host)
                return sd_bus_open_system_remote(ret, options->host);
        if (options->machine)
                return sd_bus_open_system_machine(ret, options->machine);
        return sd_bus_open_system(ret);
}

ExitStatus client_open(Client *client, const Options *options) {
        const char *where = options->host ?: options->machine;
        int r;

        client->options = options;
        r = open_bus(options, &client->bus);
        if (r < 0) {
                say_error("Failed to connect to the system bus%s%s%s: %s", where ? " of '" : "", where ?: "",
                          where ? "'" : "", strerror(-r));
                return STATUS_NO_DAEMON;
        }
        (void) sd_bus_set_allow_interactive_authorization(client->bus, options->ask_password);
        (void) sd_bus_set_method_call_timeout(client->bus, CALL_TIMEOUT_USEC);
        return STATUS_OK;
}

ExitStatus client_open_to_ask(Client *client, const Options *options) {
        ExitStatus status = client_open(client, options);

        /* The polkit of another machine cannot ask at this terminal. */
        if (status == STATUS_OK && options->ask_password && !options->host && !options->machine)
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

        /* A broken connection, or a missing bus, gives no error name. */
        if (!client->error.name && (r == -ECONNRESET || r == -ENOTCONN || r == -ETIMEDOUT || r == -ECONNREFUSED ||
                                    r == -ENOENT || r == -EPIPE))
                status = STATUS_NO_DAEMON;
        if (!client->error.name && (r == -ENXIO || r == -EBADMSG))
                sentence = "This ipectl does not understand the answer of ipectld.";
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

bool client_shall_repeat(Client *client, int r, unsigned *tries) {
        if (r >= 0 || !sd_bus_error_has_name(&client->error, SD_BUS_ERROR_NO_REPLY) || ++*tries >= TRIES_MAX)
                return false;
        sleep(1);
        sd_bus_error_free(&client->error);
        return true;
}

int client_get_all(Client *client, const char *path, const char *interface, struct json_object **ret) {
        sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_call_method(client->bus, MANAGER_NAME, path, "org.freedesktop.DBus.Properties", "GetAll",
                               &client->error, &reply, "s", interface);
        if (r >= 0)
                r = bus_read_dictionary(reply, ret);
        sd_bus_message_unref(reply);
        return r;
}

int client_list(Client *client, struct json_object **ret) {
        static const char *const keys[] = { "name", "version", "state", "digest", "active", "object_path" };
        sd_bus_message *reply = NULL;
        int r;

        r = client_call(client, "ListPolicies", &reply, "");
        if (r >= 0)
                r = bus_read_rows(reply, "(ssssbo)", keys, ret);
        sd_bus_message_unref(reply);
        return r;
}

int client_match_owner(Client *client, sd_bus_slot **ret, sd_bus_message_handler_t handler, void *userdata) {
        return sd_bus_add_match(client->bus, ret,
                                "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
                                "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" MANAGER_NAME "'",
                                handler, userdata);
}

ExitStatus client_ask(const Question *question, char **argv, const Options *options) {
        struct json_object *answer = NULL;
        Client client = {};
        ExitStatus status;
        int r;

        status = question->needs_authorization ? client_open_to_ask(&client, options) : client_open(&client, options);
        if (status != STATUS_OK)
                return status;
        r = question->ask(&client, argv, &answer);
        if (r < 0)
                status = client_fail(&client, r);
        else if (options->json != JSON_OFF && !question->prints_json)
                json_print(answer, options->json);
        else
                question->print(answer, argv, options);
        if (r >= 0 && question->judge)
                status = question->judge(answer, argv);
        json_object_put(answer);
        client_close(&client);
        return status;
}
