/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the parts of ipectl share: the options of the command line, the exit statuses and the verbs.
 *
 * ipectl is a short-lived program, so it does not survive a lack of memory: see oom() in output.h.
 */
#ifndef IPECTL_H
#define IPECTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "envelope.h"

/* The exit statuses are documented in ipectl(1); scripts depend on them. */
typedef enum ExitStatus {
        STATUS_OK = 0,
        STATUS_FAILED = 1,
        STATUS_USAGE = 2,
        STATUS_NO_SUCH_POLICY = 3,
        STATUS_PERMISSION = 4,
        STATUS_NOT_SUPPORTED = 5,
        STATUS_NOT_TRUSTED = 6, /* the signature is invalid, or nobody vouches for its key */
        STATUS_NO_DAEMON = 7,
        STATUS_WOULD_LOCK_OUT = 8, /* the policy would deny what the system needs, and nobody has accepted that */
} ExitStatus;

typedef enum JsonMode {
        JSON_OFF,
        JSON_SHORT,
        JSON_PRETTY,
} JsonMode;

/* Options in the order of the table in main.c; a verb names those that it knows by their bits. */
typedef enum OptionBit {
        OPTION_JSON = 1 << 0,
        OPTION_QUIET = 1 << 1,
        OPTION_NO_LEGEND = 1 << 2,
        OPTION_NO_ASK_PASSWORD = 1 << 3,
        OPTION_VERSION_OF_POLICY = 1 << 4,
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

typedef struct Options {
        unsigned given; /* OptionBit of each option on the command line */
        JsonMode json;
        bool quiet;
        bool no_legend;
        bool ask_password;
        bool no_pager;
        bool strict;
        bool force;
        bool wait;         /* activate: until the trial has ended */
        const char *host;    /* whose daemon is asked, over ssh; NULL: this host's */
        const char *machine; /* whose daemon is asked: a container; NULL: this host's */
        bool show_version; /* --version without a value */
        const char *policy_version; /* --version= of activate, NULL: the newest; of confirm and end-trial, NULL: any */
        const char *from; /* --from= of rollback; NULL: whatever is on trial or confirmed */
        uint64_t trial_sec; /* --trial-sec= of activate, if given */
        const char *confirm; /* --confirm= of activate: "auto" or "manual"; NULL: as configured */
        const char *accept; /* --accept= of activate; NULL: nothing */
        bool full; /* tables are not cut to the terminal */
        bool follow;
        uint64_t lines; /* of log: the last so many; UINT64_MAX: all. If given */
        uint64_t since_usec; /* of log, wall clock; 0: from the start */
        const char *cert;
        const char *key;
        const char *output;
        EnvelopeFormat format; /* of sign */
        const char *trust;
} Options;

/* argv[0] is the verb; argv[argc] is NULL. The number of arguments was checked. */
typedef ExitStatus (*VerbFunction)(int argc, char **argv, const Options *options);

/* main.c */
ExitStatus verb_help(int argc, char **argv, const Options *options);

/* verb-show.c: what is */
ExitStatus verb_status(int argc, char **argv, const Options *options);
ExitStatus verb_list(int argc, char **argv, const Options *options);
ExitStatus verb_show(int argc, char **argv, const Options *options);

/* verb-preflight.c: what would be */
ExitStatus verb_preflight(int argc, char **argv, const Options *options);

/* verb-volumes.c: where files come from */
ExitStatus verb_volumes(int argc, char **argv, const Options *options);

/* verb-log.c: what was, from the journal and without a daemon */
ExitStatus verb_log(int argc, char **argv, const Options *options);

/* verb-history.c: what became of policies, as the daemon has noted it */
ExitStatus verb_history(int argc, char **argv, const Options *options);

/* verb-trust.c: who may sign */
ExitStatus verb_trust(int argc, char **argv, const Options *options);

/* verb-watch.c: what happens */
ExitStatus verb_watch(int argc, char **argv, const Options *options);

/* verb-change.c: make it otherwise */
ExitStatus verb_stage(int argc, char **argv, const Options *options);
ExitStatus verb_activate(int argc, char **argv, const Options *options);
ExitStatus verb_confirm(int argc, char **argv, const Options *options);
ExitStatus verb_boot_check(int argc, char **argv, const Options *options);
ExitStatus verb_boot_confirm(int argc, char **argv, const Options *options);
ExitStatus verb_end_trial(int argc, char **argv, const Options *options);
ExitStatus verb_rollback(int argc, char **argv, const Options *options);
ExitStatus verb_deactivate(int argc, char **argv, const Options *options);
ExitStatus verb_discard(int argc, char **argv, const Options *options);
ExitStatus verb_reload(int argc, char **argv, const Options *options);
ExitStatus verb_enforce(int argc, char **argv, const Options *options);
ExitStatus verb_success_audit(int argc, char **argv, const Options *options);

/* verb-lint.c: texts, without a daemon */
ExitStatus verb_lint(int argc, char **argv, const Options *options);
ExitStatus verb_print(int argc, char **argv, const Options *options);

/* verb-sign.c: signatures, without a daemon */
ExitStatus verb_sign(int argc, char **argv, const Options *options);
ExitStatus verb_verify(int argc, char **argv, const Options *options);

#endif
