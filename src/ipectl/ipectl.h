/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Shared by all parts of ipectl: exit statuses, the values of the options, and the verbs.
 *
 * ipectl is a short-lived program, so it does not survive a lack of memory: see oom() in output.h.
 */
#ifndef IPECTL_H
#define IPECTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "envelope.h"

/* ipectl(1) documents these; scripts depend on them. */
typedef enum ExitStatus {
        STATUS_OK = 0,
        STATUS_FAILED = 1,
        STATUS_USAGE = 2,
        STATUS_NO_SUCH_POLICY = 3,
        STATUS_PERMISSION = 4,
        STATUS_NOT_SUPPORTED = 5,
        STATUS_NOT_TRUSTED = 6, /* the signature is invalid, or its key is not trusted */
        STATUS_NO_DAEMON = 7,
        STATUS_WOULD_LOCK_OUT = 8, /* the policy would deny what the system needs, and nobody has accepted that */
} ExitStatus;

typedef enum JsonMode {
        JSON_OFF,
        JSON_SHORT,
        JSON_PRETTY,
} JsonMode;

/* A verb names the options that it takes by these; options.c has their table. */
typedef enum OptionBit {
        OPTION_JSON = 1 << 0,
        OPTION_QUIET = 1 << 1,
        OPTION_NO_LEGEND = 1 << 2,
        OPTION_NO_ASK_PASSWORD = 1 << 3,
        OPTION_VERSION = 1 << 4,
        OPTION_STRICT = 1 << 5,
        OPTION_CERT = 1 << 6,
        OPTION_KEY = 1 << 7,
        OPTION_OUTPUT = 1 << 8,
        OPTION_FORCE = 1 << 9,
        OPTION_TRUST = 1 << 10,
        OPTION_TRIAL_SEC = 1 << 11,
        OPTION_CONFIRM = 1 << 12,
        OPTION_LINES = 1 << 13,
        OPTION_SINCE = 1 << 14,
        OPTION_FOLLOW = 1 << 15,
        OPTION_FULL = 1 << 16,
        OPTION_FORMAT = 1 << 17,
        OPTION_ACCEPT = 1 << 18,
        OPTION_FROM = 1 << 19,
        OPTION_WAIT = 1 << 20,
        OPTION_HOST = 1 << 21,
        OPTION_MACHINE = 1 << 22,
} OptionBit;

/* NULL, 0 and false where a comment says nothing else: the option was not given. */
typedef struct Options {
        unsigned given; /* OptionBit of each option on the command line */
        JsonMode json;
        bool quiet;
        bool no_legend;
        bool ask_password; /* true unless --no-ask-password */
        bool no_pager;
        bool full;
        bool strict;
        bool force;
        bool wait;
        bool follow;
        const char *host;
        const char *machine;
        const char *policy_version; /* --version=; NULL, and given: the version of ipectl is asked for */
        const char *from;
        uint64_t trial_sec;  /* valid if given */
        const char *confirm; /* "auto" or "manual" */
        const char *accept;
        uint64_t lines;      /* valid if given; UINT64_MAX: all */
        uint64_t since_usec; /* wall clock */
        const char *cert;
        const char *key;
        const char *output;
        EnvelopeFormat format; /* ENVELOPE_SMALLEST by default */
        const char *trust;
} Options;

/* argv[0] is the verb; argv[argc] is NULL. The number of arguments was checked. */
typedef ExitStatus (*VerbFunction)(int argc, char **argv, const Options *options);

/* main.c */
ExitStatus verb_help(int argc, char **argv, const Options *options);

/* verb-show.c: what the daemon knows */
ExitStatus verb_status(int argc, char **argv, const Options *options);
ExitStatus verb_list(int argc, char **argv, const Options *options);
ExitStatus verb_show(int argc, char **argv, const Options *options);

/* verb-preflight.c: what a staged policy would deny */
ExitStatus verb_preflight(int argc, char **argv, const Options *options);

/* verb-volumes.c: dm-verity volumes */
ExitStatus verb_volumes(int argc, char **argv, const Options *options);

/* verb-log.c: the journal, without a daemon */
ExitStatus verb_log(int argc, char **argv, const Options *options);

/* verb-history.c: the changes of policies that the daemon has recorded */
ExitStatus verb_history(int argc, char **argv, const Options *options);

/* verb-trust.c: trusted certificates */
ExitStatus verb_trust(int argc, char **argv, const Options *options);

/* verb-watch.c: events as they happen */
ExitStatus verb_watch(int argc, char **argv, const Options *options);

/* verb-stage.c, verb-activate.c, verb-change.c, verb-boot.c, verb-switch.c: commands that change something */
ExitStatus verb_stage(int argc, char **argv, const Options *options);
ExitStatus verb_activate(int argc, char **argv, const Options *options);
ExitStatus verb_confirm(int argc, char **argv, const Options *options);
ExitStatus verb_end_trial(int argc, char **argv, const Options *options);
ExitStatus verb_rollback(int argc, char **argv, const Options *options);
ExitStatus verb_deactivate(int argc, char **argv, const Options *options);
ExitStatus verb_discard(int argc, char **argv, const Options *options);
ExitStatus verb_reload(int argc, char **argv, const Options *options);
ExitStatus verb_boot_check(int argc, char **argv, const Options *options);
ExitStatus verb_boot_confirm(int argc, char **argv, const Options *options);
ExitStatus verb_enforce(int argc, char **argv, const Options *options);
ExitStatus verb_success_audit(int argc, char **argv, const Options *options);

/* verb-lint.c: policy texts, without a daemon */
ExitStatus verb_lint(int argc, char **argv, const Options *options);
ExitStatus verb_print(int argc, char **argv, const Options *options);

/* verb-sign.c: signatures, without a daemon */
ExitStatus verb_sign(int argc, char **argv, const Options *options);
ExitStatus verb_verify(int argc, char **argv, const Options *options);

#endif
