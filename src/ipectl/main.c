/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ipectl: the command line of IPE. This file reads the command line and calls one verb.
 */

#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "output.h"
#include "pager.h"
#include "seconds.h"
#include "since.h"

/* What every verb takes, so that a script may always give it. */
#define COMMON (OPTION_QUIET | OPTION_JSON | OPTION_NO_ASK_PASSWORD)
/* Of verbs that ask a daemon, which may be another machine's. A policy is handed over as a file, which ssh cannot do. */
#define ASK (COMMON | OPTION_HOST | OPTION_MACHINE)
#define TABLE (ASK | OPTION_NO_LEGEND | OPTION_FULL)

typedef struct Verb {
        const char *name;
        const char *arguments; /* for the usage */
        const char *summary;   /* for --help */
        int min_arguments;
        int max_arguments; /* -1: any number */
        unsigned options;  /* OptionBit of those that make sense */
        VerbFunction run;
        bool is_long; /* goes through a pager */
} Verb;

static const Verb verbs[] = {
        { "status", "", "Show what the kernel enforces", 0, 0, ASK, verb_status },
        { "list", "", "List the policies that ipectld knows", 0, 0, TABLE, verb_list, true },
        { "show", "NAME [VERSION]", "Show one policy, with its text", 1, 2, ASK, verb_show, true },
        { "volumes", "", "List verity volumes, and what is made of them", 0, 0, TABLE, verb_volumes },
        { "log", "[NAME]", "Show what happened, from the journal", 0, 1,
          COMMON | OPTION_LINES | OPTION_SINCE | OPTION_FOLLOW, verb_log, true },
        { "history", "[NAME]", "Show what became of policies", 0, 1, TABLE | OPTION_LINES | OPTION_SINCE, verb_history, true },
        { "trust", "", "List the certificates that are trusted", 0, 0, TABLE, verb_trust, true },
        { "watch", "", "Show what happens, until Ctrl-C", 0, 0, ASK, verb_watch },
        { "stage", "FILE|-", "Hand a signed policy to ipectld", 1, 1, COMMON | OPTION_MACHINE, verb_stage },
        { "preflight", "NAME", "Show what a staged policy would deny", 1, 1, TABLE, verb_preflight },
        { "activate", "NAME", "Put a staged policy in force, on trial", 1, 1,
          ASK | OPTION_VERSION_OF_POLICY | OPTION_TRIAL_SEC | OPTION_CONFIRM | OPTION_ACCEPT | OPTION_FORCE | OPTION_WAIT,
          verb_activate },
        { "confirm", "NAME", "Keep the policy that is on trial", 1, 1, ASK | OPTION_VERSION_OF_POLICY, verb_confirm },
        { "end-trial", "NAME", "End the trial, and go back to what is confirmed", 1, 1, ASK | OPTION_VERSION_OF_POLICY,
          verb_end_trial },
        { "rollback", "NAME", "Go back to the version confirmed before", 1, 1, ASK | OPTION_FROM, verb_rollback },
        { "deactivate", "[NAME]", "Have no policy from the next boot on (needs --force)", 0, 1, ASK | OPTION_FORCE, verb_deactivate },
        { "discard", "NAME VERSION", "Forget a staged version", 2, 2, ASK, verb_discard },
        { "reload", "", "Read policies, certificates and settings again", 0, 0, ASK, verb_reload },
        { "boot-check", "", "Wait until a boot on trial passes its checks", 0, 0, COMMON, verb_boot_check },
        { "boot-confirm", "", "The same, then keep what is on trial", 0, 0, COMMON, verb_boot_confirm },
        { "enforce", "[yes|no]", "Show or switch enforcement", 0, 1, ASK, verb_enforce },
        { "success-audit", "[yes|no]", "Show or switch records of what is allowed", 0, 1, ASK, verb_success_audit },
        { "lint", "FILE...", "Check policies, plain or signed", 1, -1, COMMON | OPTION_STRICT,
          verb_lint },
        { "print", "FILE", "Print a policy, plain or signed, as canonical text", 1, 1, COMMON,
          verb_print },
        { "sign", "FILE", "Sign a policy, with --cert= and --key=", 1, 1,
          COMMON | OPTION_STRICT | OPTION_CERT | OPTION_KEY | OPTION_FORMAT | OPTION_OUTPUT | OPTION_FORCE, verb_sign },
        { "verify", "FILE", "Check the signature of a policy", 1, 1, COMMON | OPTION_TRUST, verb_verify },
        { "help", "", "Show this help", 0, 0, COMMON, verb_help, true },
};

#define N_VERBS (sizeof(verbs) / sizeof(verbs[0]))

enum {
        CODE_JSON = 256,
        CODE_NO_LEGEND,
        CODE_NO_ASK_PASSWORD,
        CODE_NO_PAGER,
        CODE_VERSION,
        CODE_STRICT,
        CODE_CERT,
        CODE_KEY,
        CODE_OUTPUT,
        CODE_FORCE,
        CODE_TRUST,
        CODE_TRIAL_SEC,
        CODE_CONFIRM,
        CODE_SINCE,
        CODE_FORMAT,
        CODE_ACCEPT,
        CODE_FROM,
        CODE_WAIT,
};

static const struct option long_options[] = {
        { "help", no_argument, NULL, 'h' },
        { "version", optional_argument, NULL, CODE_VERSION },
        { "quiet", no_argument, NULL, 'q' },
        { "json", optional_argument, NULL, CODE_JSON },
        { "no-legend", no_argument, NULL, CODE_NO_LEGEND },
        { "no-pager", no_argument, NULL, CODE_NO_PAGER },
        { "no-ask-password", no_argument, NULL, CODE_NO_ASK_PASSWORD },
        { "strict", no_argument, NULL, CODE_STRICT },
        { "cert", required_argument, NULL, CODE_CERT },
        { "key", required_argument, NULL, CODE_KEY },
        { "format", required_argument, NULL, CODE_FORMAT },
        { "output", required_argument, NULL, CODE_OUTPUT },
        { "force", no_argument, NULL, CODE_FORCE },
        { "trust", required_argument, NULL, CODE_TRUST },
        { "trial-sec", required_argument, NULL, CODE_TRIAL_SEC },
        { "confirm", required_argument, NULL, CODE_CONFIRM },
        { "accept", required_argument, NULL, CODE_ACCEPT },
        { "from", required_argument, NULL, CODE_FROM },
        { "wait", no_argument, NULL, CODE_WAIT },
        { "host", required_argument, NULL, 'H' },
        { "machine", required_argument, NULL, 'M' },
        { "lines", required_argument, NULL, 'n' },
        { "since", required_argument, NULL, CODE_SINCE },
        { "follow", no_argument, NULL, 'f' },
        { "full", no_argument, NULL, 'l' },
        {},
};

/* In the order of OptionBit. */
static const char *const option_names[] = { "--json",   "--quiet",     "--no-legend", "--no-ask-password", "--version=",
                                            "--strict", "--cert=",     "--key=",      "--output=",         "--force",
                                            "--trust=", "--trial-sec=", "--confirm=", "--lines=",          "--since=",
                                            "--follow", "--full",     "--format=",   "--accept=",
                                            "--from=",   "--wait",     "--host=",    "--machine=" };

static void print_help(void) {
        puts("ipectl [OPTIONS...] COMMAND ...\n\n"
             "Manage the integrity policies that the kernel enforces (IPE).\n");
        for (size_t i = 0; i < N_VERBS; i++) {
                char usage[64];

                if (i == 0)
                        puts("Commands that ask ipectld.service:");
                else if (verbs[i].run == verb_lint)
                        puts("\nCommands that work on files:");
                else if (verbs[i].run == verb_help)
                        puts("");
                snprintf(usage, sizeof(usage), "%s %s", verbs[i].name, verbs[i].arguments);
                printf("  %-24s %s\n", usage, verbs[i].summary);
        }
        puts("\nOptions:\n"
             "  -h --help                Show this help\n"
             "     --version             Show the version of ipectl\n"
             "  -q --quiet               Do not say what was done\n"
             "     --json[=MODE]         Print JSON: pretty (the default), short or off\n"
             "     --no-legend           Print no header and no count\n"
             "  -l --full                Do not cut what is too wide for the terminal\n"
             "     --no-pager            Do not pipe long output into less\n"
             "     --no-ask-password     Do not ask for passwords\n"
             "  -H --host=[USER@]HOST    Ask the ipectld of another host, over ssh\n"
             "  -M --machine=CONTAINER   Ask the ipectld of a local container\n"
             "     --version=VERSION     Activate this version, not the newest; confirm or end the trial\n"
             "                           of this one alone\n"
             "     --from=VERSION        Take back this version alone\n"
             "     --trial-sec=TIME      Put it on trial for so long; 0 confirms it at once\n"
             "     --confirm=auto|manual Confirm it once all checks pass, or only by 'confirm'\n"
             "     --wait                Wait for the end of the trial\n"
             "     --accept=ID           Activate it though it denies what 'preflight' gave this ID\n"
             "  -n --lines=N             Show the last N entries\n"
             "     --since=TIME          Show what is not older: a date, 'yesterday', '2h ago'\n"
             "  -f --follow              Go on with what happens\n"
             "     --strict              Take warnings for errors\n"
             "     --cert=FILE           Sign with this certificate (PEM)\n"
             "     --key=FILE            Sign with this private key (PEM)\n"
             "     --format=FORMAT       Sign as 'pkcs7' or 'appended'; 'auto', the default, takes the\n"
             "                           latter for what is too large for the former\n"
             "     --output=FILE         Write the signed policy here, '-' for standard output;\n"
             "                           by default NAME.p7b, NAME being the policy's\n"
             "     --force               activate: even if it denies what the system runs, but nothing\n"
             "                           essential; deactivate: required; sign: overwrite\n"
             "     --trust=DIR           Trust the certificates DIR/*.pem, not those of the system\n\n"
             "See ipectl(1) for details and exit statuses.");
}

ExitStatus verb_help(int argc, char **argv, const Options *options) {
        print_help();
        return STATUS_OK;
}

static int parse_json(const char *text, JsonMode *ret) {
        if (!text || strcmp(text, "pretty") == 0)
                *ret = JSON_PRETTY;
        else if (strcmp(text, "short") == 0)
                *ret = JSON_SHORT;
        else if (strcmp(text, "off") == 0)
                *ret = JSON_OFF;
        else {
                say_error("'%s' is no way to print JSON: expected 'pretty', 'short' or 'off'.", text);
                return -1;
        }
        return 0;
}

static int parse_trial_sec(const char *text, uint64_t *ret) {
        if (seconds_parse(text, ret) < 0) {
                say_error("'%s' is no time: expected seconds, or a number with 's', 'min' or 'h'.", text);
                return -1;
        }
        return 0;
}

static int parse_confirm(const char *text, const char **ret) {
        if (strcmp(text, "auto") != 0 && strcmp(text, "manual") != 0) {
                say_error("'%s' is no way to confirm: expected 'auto' or 'manual'.", text);
                return -1;
        }
        *ret = text;
        return 0;
}

static int parse_format(const char *text, EnvelopeFormat *ret) {
        if (strcmp(text, "auto") == 0)
                *ret = ENVELOPE_SMALLEST;
        else if (strcmp(text, "pkcs7") == 0)
                *ret = ENVELOPE_PKCS7;
        else if (strcmp(text, "appended") == 0)
                *ret = ENVELOPE_APPENDED;
        else {
                say_error("'%s' is no format of a signed policy: expected 'auto', 'pkcs7' or 'appended'.", text);
                return -1;
        }
        return 0;
}

static int parse_lines(const char *text, uint64_t *ret) {
        char *end;

        if (strcmp(text, "all") == 0) {
                *ret = UINT64_MAX;
                return 0;
        }
        errno = 0;
        *ret = strtoull(text, &end, 10);
        /* strtoull() would take white space and a sign. */
        if (*text < '0' || *text > '9' || *end || errno == ERANGE) {
                say_error("'%s' is no number of lines: expected a number, or 'all'.", text);
                return -1;
        }
        return 0;
}

static int parse_since(const char *text, uint64_t *ret) {
        if (since_parse(text, time(NULL), ret) < 0) {
                say_error("'%s' is no time: expected 'YYYY-MM-DD HH:MM:SS' or a part of it, 'today', 'yesterday', or as in "
                          "'2h ago'.", text);
                return -1;
        }
        return 0;
}

/* Returns 0 to go on, 1 to end well, -1 after saying what is wrong. */
static int apply_option(Options *options, int code) {
        switch (code) {
        case 'h':
                print_help();
                return 1;
        case 'q':
                options->given |= OPTION_QUIET;
                options->quiet = true;
                return 0;
        case CODE_VERSION:
                if (!optarg) {
                        options->show_version = true;
                        return 0;
                }
                options->given |= OPTION_VERSION_OF_POLICY;
                options->policy_version = optarg;
                return 0;
        case CODE_JSON:
                options->given |= OPTION_JSON;
                return parse_json(optarg, &options->json);
        case CODE_NO_LEGEND:
                options->given |= OPTION_NO_LEGEND;
                options->no_legend = true;
                return 0;
        case CODE_NO_PAGER:
                options->no_pager = true;
                return 0;
        case CODE_NO_ASK_PASSWORD:
                options->given |= OPTION_NO_ASK_PASSWORD;
                options->ask_password = false;
                return 0;
        case CODE_STRICT:
                options->given |= OPTION_STRICT;
                options->strict = true;
                return 0;
        case CODE_CERT:
                options->given |= OPTION_CERT;
                options->cert = optarg;
                return 0;
        case CODE_KEY:
                options->given |= OPTION_KEY;
                options->key = optarg;
                return 0;
        case CODE_FORMAT:
                options->given |= OPTION_FORMAT;
                return parse_format(optarg, &options->format);
        case CODE_OUTPUT:
                options->given |= OPTION_OUTPUT;
                options->output = optarg;
                return 0;
        case CODE_FORCE:
                options->given |= OPTION_FORCE;
                options->force = true;
                return 0;
        case CODE_TRIAL_SEC:
                options->given |= OPTION_TRIAL_SEC;
                return parse_trial_sec(optarg, &options->trial_sec);
        case CODE_CONFIRM:
                options->given |= OPTION_CONFIRM;
                return parse_confirm(optarg, &options->confirm);
        case CODE_ACCEPT:
                options->given |= OPTION_ACCEPT;
                options->accept = optarg;
                return 0;
        case CODE_FROM:
                options->given |= OPTION_FROM;
                options->from = optarg;
                return 0;
        case CODE_WAIT:
                options->given |= OPTION_WAIT;
                options->wait = true;
                return 0;
        case 'H':
                options->given |= OPTION_HOST;
                options->host = optarg;
                return 0;
        case 'M':
                options->given |= OPTION_MACHINE;
                options->machine = optarg;
                return 0;
        case 'n':
                options->given |= OPTION_LINES;
                return parse_lines(optarg, &options->lines);
        case CODE_SINCE:
                options->given |= OPTION_SINCE;
                return parse_since(optarg, &options->since_usec);
        case 'f':
                options->given |= OPTION_FOLLOW;
                options->follow = true;
                return 0;
        case 'l':
                options->given |= OPTION_FULL;
                options->full = true;
                return 0;
        case CODE_TRUST:
                options->given |= OPTION_TRUST;
                options->trust = optarg;
                return 0;
        default: /* getopt_long() said what is wrong */
                return -1;
        }
}

static int parse_options(int argc, char **argv, Options *options) {
        int code, r;

        while ((code = getopt_long(argc, argv, "hqn:flH:M:", long_options, NULL)) >= 0) {
                r = apply_option(options, code);
                if (r != 0)
                        return r;
        }
        return 0;
}

static const Verb *find_verb(const char *name) {
        for (size_t i = 0; i < N_VERBS; i++)
                if (strcmp(verbs[i].name, name) == 0)
                        return &verbs[i];
        return NULL;
}

/* argc and argv: of the verb, its name included. */
static bool check_usage(const Verb *verb, int argc, const Options *options) {
        unsigned foreign = options->given & ~verb->options;

        for (size_t i = 0; i < sizeof(option_names) / sizeof(option_names[0]); i++)
                if (foreign & (1U << i)) {
                        say_error("'ipectl %s' knows no option '%s'.", verb->name, option_names[i]);
                        return false;
                }
        if (options->host && options->machine) {
                say_error("'--host=' and '--machine=' exclude each other.");
                return false;
        }
        if (argc - 1 < verb->min_arguments || (verb->max_arguments >= 0 && argc - 1 > verb->max_arguments)) {
                say_error("Usage: ipectl %s %s", verb->name, verb->arguments);
                return false;
        }
        return true;
}

static ExitStatus run(int argc, char **argv) {
        Options options = { .ask_password = true, .format = ENVELOPE_SMALLEST };
        const Verb *verb;
        int r;

        r = parse_options(argc, argv, &options);
        if (r != 0)
                return r > 0 ? STATUS_OK : STATUS_USAGE;
        argc -= optind;
        argv += optind;
        if (options.show_version && argc > 0) {
                say_error("'--version' takes the version of a policy in the same word: '--version=X.Y.Z'.");
                return STATUS_USAGE;
        }
        if (options.show_version) {
                puts("ipe " PROJECT_VERSION);
                return STATUS_OK;
        }
        if (argc == 0) {
                static char *status[] = { (char *) "status", NULL };

                argc = 1;
                argv = status;
        }
        verb = find_verb(argv[0]);
        if (!verb) {
                say_error("There is no command '%s'. 'ipectl --help' lists them.", argv[0]);
                return STATUS_USAGE;
        }
        if (!check_usage(verb, argc, &options))
                return STATUS_USAGE;
        if (verb->is_long && !options.no_pager && options.json == JSON_OFF && !options.follow)
                pager_open();
        return verb->run(argc, argv, &options);
}

int main(int argc, char **argv) {
        (void) setlocale(LC_CTYPE, "");
        (void) setlocale(LC_TIME, "C");
        (void) signal(SIGPIPE, SIG_DFL);
        return output_finish(run(argc, argv));
}
