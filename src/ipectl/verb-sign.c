/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sign and verify: signatures, without a daemon. The daemon verifies with the same functions of libipe.
 */

#include <fcntl.h>
#include <sys/stat.h>

#include "envelope.h"
#include "input.h"
#include "io.h"
#include "json-value.h"
#include "output.h"
#include "report.h"
#include "signer.h"
#include "trust.h"

typedef struct Signing {
        const char *file; /* its name in messages */
        Report report;
        PolicySigner *signer;
        char *key; /* PEM; wiped at the end */
        size_t key_size;
        char *output; /* "-" is standard output */
} Signing;

/* Warn when the certificate expires within this time, to leave time for another one. */
#define WARN_DAYS 90

static bool check_sign_usage(const char *file, const Options *options) {
        if (!options->cert || !options->key) {
                say_error("'ipectl sign' needs a certificate and its private key: --cert=FILE --key=FILE.");
                return false;
        }
        if (input_is_stdin(file) + input_is_stdin(options->cert) + input_is_stdin(options->key) > 1) {
                say_error("Standard input can be read for one file only.");
                return false;
        }
        if (options->json != JSON_OFF && options->output && streq(options->output, "-")) {
                say_error("'--output=-' and '--json' both want standard output.");
                return false;
        }
        return true;
}

/* Checks the output before a person types a passphrase. A file made after this check is overwritten. */
static bool check_output_file(const char *path, bool force) {
        struct stat st;

        if (lstat(path, &st) < 0) {
                if (errno == ENOENT)
                        return true;
                say_error("Failed to examine '%s': %s", path, strerror(errno));
                return false;
        }
        /* The atomic write would replace a device by a file; and a link, instead of the file that it points to. */
        if (!S_ISREG(st.st_mode)) {
                say_error("'%s' is not a regular file, so it is not replaced; '--output=-' is standard output.", path);
                return false;
        }
        if (!force) {
                say_error("'%s' exists; --force overwrites it.", path);
                return false;
        }
        return true;
}

static bool choose_output(Signing *signing, const Options *options) {
        const char *name = ipe_policy_name(signing->report.policy);

        if (options->output)
                signing->output = strdup(options->output);
        else if (name[0] == '.') {
                say_error("The file of the policy '%s' would be hidden: name the file with --output=.", name);
                return false;
        } else if (asprintf(&signing->output, "%s.p7b", name) < 0)
                signing->output = NULL;
        if (!signing->output)
                oom();
        if (!streq(signing->output, "-"))
                return check_output_file(signing->output, options->force);
        if (isatty(STDOUT_FILENO)) {
                say_error("A signed policy is binary, so it is not written to a terminal.");
                return false;
        }
        return true;
}

/* libcrypto asks on the terminal; without one it would read standard input. */
static ExitStatus check_passphrase(const Options *options) {
        int fd;

        if (!options->ask_password) {
                say_error("'%s' has a passphrase, but --no-ask-password forbids asking for it.", options->key);
                return STATUS_PERMISSION;
        }
        fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
        if (fd < 0) {
                say_error("'%s' has a passphrase, but there is no terminal to ask for it.", options->key);
                return STATUS_FAILED;
        }
        close(fd);
        return STATUS_OK;
}

static ExitStatus say_refusal(const Signing *signing, int r, const Failure *failure) {
        if (r == -ENOMEM)
                oom();
        if (r < 0)
                say_error("Failed to sign '%s': %s", signing->file, failure->sentence);
        return r < 0 ? STATUS_FAILED : STATUS_OK;
}

static bool has_passphrase(const Signing *signing) {
        static const char mark[] = "ENCRYPTED"; /* both PEM forms have it */

        return memmem(signing->key, signing->key_size, mark, sizeof(mark) - 1);
}

static ExitStatus set_key(Signing *signing) {
        Failure failure = {};

        return say_refusal(signing,
                           policy_signer_set_key(signing->signer, signing->key, signing->key_size, NULL, &failure),
                           &failure);
}

static void say_warning(const char *sentence, void *userdata) {
        say_error("%s: warning: %s", (const char *) userdata, sentence);
}

/* Checks as much of certificate and key as possible before a person has to type a passphrase. */
static ExitStatus prepare_signer(Signing *signing, const Options *options) {
        _cleanup_free_ char *certificate = NULL;
        ExitStatus status;
        Failure failure = {};
        size_t size;

        if (input_read(options->cert, &certificate, &size) < 0 ||
            input_read(options->key, &signing->key, &signing->key_size) < 0)
                return STATUS_FAILED;
        status = say_refusal(signing, policy_signer_new(certificate, size, &signing->signer, &failure), &failure);
        if (status != STATUS_OK)
                return status;
        policy_signer_warn(signing->signer, WARN_DAYS, say_warning, (void *) input_name(options->cert));
        return has_passphrase(signing) ? check_passphrase(options) : set_key(signing);
}

static ExitStatus sign_text(Signing *signing, const Options *options, void **ret, size_t *ret_size) {
        ExitStatus status = has_passphrase(signing) ? set_key(signing) : STATUS_OK;
        Failure failure = {};

        if (status != STATUS_OK)
                return status;
        return say_refusal(signing,
                           policy_signer_sign(signing->signer, signing->report.text, signing->report.text_size,
                                              options->format, ret, ret_size, &failure),
                           &failure);
}

static int write_file(const char *path, const void *data, size_t size) {
        const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
        _cleanup_free_ char *directory = slash ? strndup(path, (size_t) (name - path)) : strdup(".");
        _cleanup_close_ int fd = -1;

        if (!directory)
                oom();
        if (!*name)
                return slash ? -EISDIR : -ENOENT;
        fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        return replace_file_at(fd, name, data, size, 0644);
}

static void report_signed(const Signing *signing, const Digest *digest, const Options *options) {
        const struct ipe_policy *policy = signing->report.policy;
        char version[IPE_VERSION_STRLEN], hex[DIGEST_HEX_SIZE];
        struct json_object *object;

        ipe_version_print(ipe_policy_version(policy), version);
        if (options->json == JSON_OFF) {
                if (!options->quiet)
                        say("Signed '%s' %s: %s", ipe_policy_name(policy), version, signing->output);
                return;
        }
        digest_to_hex(digest, hex);
        object = json_new_object();
        json_set(object, "file", json_string(signing->file));
        json_set(object, "output", json_string(signing->output));
        json_set(object, "name", json_string(ipe_policy_name(policy)));
        json_set(object, "version", json_string(version));
        json_set(object, "digest", json_string(hex));
        json_print(object, options->json);
        json_object_put(object);
}

static ExitStatus sign_and_write(Signing *signing, const Options *options) {
        _cleanup_free_ void *data = NULL;
        ExitStatus status;
        Digest digest;
        size_t size;
        int r;

        status = sign_text(signing, options, &data, &size);
        if (status != STATUS_OK)
                return status;
        if (streq(signing->output, "-")) {
                fwrite(data, 1, size, stdout); /* output_finish() reports failures */
                return STATUS_OK;
        }
        r = write_file(signing->output, data, size);
        if (r < 0) {
                say_error("Failed to write '%s': %s", signing->output, strerror(-r));
                return STATUS_FAILED;
        }
        if (digest_of(data, size, &digest) < 0)
                oom();
        report_signed(signing, &digest, options);
        return STATUS_OK;
}

static void signing_done(Signing *signing) {
        if (signing->key)
                explicit_bzero(signing->key, signing->key_size);
        free(signing->key);
        policy_signer_free(signing->signer);
        report_done(&signing->report);
        free(signing->output);
}

ExitStatus verb_sign(int argc, char **argv, const Options *options) {
        Signing signing = { .file = input_name(argv[1]) };
        _cleanup_free_ char *data = NULL;
        ExitStatus status = STATUS_FAILED;
        size_t size;

        if (!check_sign_usage(argv[1], options))
                return STATUS_USAGE;
        if (input_read(argv[1], &data, &size) < 0)
                return STATUS_FAILED;
        report_make(signing.file, data, size, options->strict, &signing.report);
        if (signing.report.is_signed)
                say_error("'%s' is already signed, or is not a text; 'ipectl print' shows its contents.", signing.file);
        else {
                /* stderr, as the signed policy may go to stdout. */
                report_print(&signing.report, true);
                if (!report_has_error(&signing.report))
                        status = prepare_signer(&signing, options);
                if (!report_has_error(&signing.report) && status == STATUS_OK)
                        status = choose_output(&signing, options) ? sign_and_write(&signing, options) : STATUS_FAILED;
        }
        signing_done(&signing);
        return status;
}

static void say_problem(const char *path, const char *sentence, void *userdata) {
        say_error("%s: %s, ignoring", path, sentence);
}

static ExitStatus load_trust(const char *directory, Trust **ret) {
        const char *const only[] = { directory, NULL };
        int r;

        /* trust_load() takes a missing directory for an empty one; one named by --trust= is more likely a typo. */
        if (directory) {
                _cleanup_close_ int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

                if (fd < 0) {
                        say_error("Failed to read '%s': %s", directory, strerror(errno));
                        return STATUS_FAILED;
                }
        }
        r = trust_load(directory ? only : trust_directories, say_problem, NULL, ret);
        if (r == -ENOMEM)
                oom();
        if (r < 0) {
                say_error("Failed to read the trusted certificates: %s", strerror(-r));
                return STATUS_FAILED;
        }
        return STATUS_OK;
}

static void report_verified(const char *file, const Report *report, const VerifiedEnvelope *verified,
                            const Options *options) {
        const char *name = ipe_policy_name(report->policy), *signer = verified_envelope_signer(verified);
        const char *others = verified_envelope_others(verified);
        char version[IPE_VERSION_STRLEN], hex[DIGEST_HEX_SIZE];
        struct json_object *object;

        ipe_version_print(ipe_policy_version(report->policy), version);
        if (options->json == JSON_OFF) {
                if (!options->quiet)
                        say("%s: '%s' %s, signed by '%s' (trusted)%s%s", file, name, version, signer,
                            others ? "; also signed by " : "", others ?: "");
                return;
        }
        object = json_new_object();
        json_set(object, "file", json_string(file));
        json_set(object, "name", json_string(name));
        json_set(object, "version", json_string(version));
        digest_to_hex(envelope_digest(verified_envelope_get(verified)), hex);
        json_set(object, "digest", json_string(hex));
        json_set(object, "signer", json_string(signer));
        json_set(object, "other_signers", others ? json_string(others) : NULL);
        digest_to_hex(verified_envelope_fingerprint(verified), hex);
        json_set(object, "fingerprint", json_string(hex));
        json_print(object, options->json);
        json_object_put(object);
}

static ExitStatus verify(const char *file, const char *data, size_t size, const Trust *trust, const Options *options) {
        _cleanup_(verified_envelope_freep) VerifiedEnvelope *verified = NULL;
        _cleanup_(envelope_freep) Envelope *envelope = NULL;
        ExitStatus status = STATUS_OK;
        Failure failure = {};
        Report report;
        int r;

        r = envelope_parse(data, size, &envelope, &failure);
        if (r == 0)
                r = trust_verify(trust, false, &envelope, &verified, &failure);
        if (r < 0 && r != -ENOPKG)
                oom();
        if (r != 0) {
                say_error("%s: %s", file, failure.sentence);
                return STATUS_NOT_TRUSTED;
        }
        report_make(file, data, size, false, &report);
        if (report_has_error(&report)) {
                say_error("%s: signed by '%s' (trusted), but not a valid policy:", file,
                          verified_envelope_signer(verified));
                report_print(&report, true);
                status = STATUS_FAILED;
        } else
                report_verified(file, &report, verified, options);
        report_done(&report);
        return status;
}

ExitStatus verb_verify(int argc, char **argv, const Options *options) {
        _cleanup_(trust_freep) Trust *trust = NULL;
        _cleanup_free_ char *data = NULL;
        ExitStatus status;
        size_t size;

        status = load_trust(options->trust, &trust);
        if (status != STATUS_OK)
                return status;
        if (input_read(argv[1], &data, &size) < 0)
                return STATUS_FAILED;
        return verify(input_name(argv[1]), data, size, trust, options);
}
