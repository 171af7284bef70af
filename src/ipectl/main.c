/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ipectl: the command line of IPE. This file has the table of the verbs, and calls one of them.
 */

#include <getopt.h>
#include <locale.h>
#include <signal.h>

#include "base.h"
#include "options.h"
#include "output.h"
#include "pager.h"

/* Every verb takes these, so that a script may always give them. */
#define COMMON (OPTION_QUIET | OPTION_JSON | OPTION_NO_ASK_PASSWORD)
/* Verbs that ask a daemon, perhaps that of another machine. "stage" hands over a file, which ssh cannot do. */
#define ASK (COMMON | OPTION_HOST | OPTION_MACHINE)
#define TABLE (ASK | OPTION_NO_LEGEND | OPTION_FULL)

typedef struct Verb {
        const char *name;
        const char *arguments; /* for the usage */
        const char *summary;   /* for --help */
        int min_arguments;
        int max_arguments; /* -1: any number */
        unsigned options;  /* OptionBit of those that it takes */
        VerbFunction run;
        bool is_long;        /* its output goes through a pager */
        const char *heading; /* for --help, above this verb */
} Verb;

static const Verb verbs[] = {
        { "status", "", "Show what the kernel enforces", 0, 0, ASK, verb_status,
          .heading = "Commands that ask ipectld.service:" },
        { "list", "", "List the policies that ipectld knows", 0, 0, TABLE, verb_list, true },
        { "show", "NAME [VERSION]", "Show one policy, with its text", 1, 2, ASK, verb_show, true },
        { "volumes", "", "List verity volumes, with the verdict on each", 0, 0, TABLE, verb_volumes },
        { "log", "[NAME]", "Show the log of policies and denials", 0, 1,
          COMMON | OPTION_LINES | OPTION_SINCE | OPTION_FOLLOW, verb_log, true },
        { "history", "[NAME]", "Show the changes of policies", 0, 1, TABLE | OPTION_LINES | OPTION_SINCE, verb_history,
          true },
        { "trust", "", "List the trusted certificates", 0, 0, TABLE, verb_trust, true },
        { "watch", "", "Show events as they happen, until Ctrl-C", 0, 0, ASK, verb_watch },
        { "stage", "FILE|-", "Hand a signed policy to ipectld", 1, 1, COMMON | OPTION_MACHINE, verb_stage },
        { "preflight", "NAME", "Show what a staged policy would deny", 1, 1, TABLE, verb_preflight },
        { "activate", "NAME", "Activate a staged policy, on trial", 1, 1,
          ASK | OPTION_VERSION | OPTION_TRIAL_SEC | OPTION_CONFIRM | OPTION_ACCEPT | OPTION_FORCE | OPTION_WAIT,
          verb_activate },
        { "confirm", "NAME", "Confirm the policy on trial", 1, 1, ASK | OPTION_VERSION, verb_confirm },
        { "end-trial", "NAME", "End the trial, and go back to the confirmed policy", 1, 1, ASK | OPTION_VERSION,
          verb_end_trial },
        { "rollback", "NAME", "Go back to the version confirmed before", 1, 1, ASK | OPTION_FROM, verb_rollback },
        { "deactivate", "[NAME]", "Load no policy from the next boot on (needs --force)", 0, 1, ASK | OPTION_FORCE,
          verb_deactivate },
        { "discard", "NAME VERSION", "Remove a staged version", 2, 2, ASK, verb_discard },
        { "reload", "", "Read policies, certificates and settings again", 0, 0, ASK, verb_reload },
        { "boot-check", "", "Wait until a boot on trial passes its checks", 0, 0, COMMON, verb_boot_check },
        { "boot-confirm", "", "The same, then confirm the policy on trial", 0, 0, COMMON, verb_boot_confirm },
        { "enforce", "[yes|no]", "Show or switch enforcement", 0, 1, ASK, verb_enforce },
        { "success-audit", "[yes|no]", "Show or switch records of what is allowed", 0, 1, ASK, verb_success_audit },
        { "lint", "FILE...", "Check policies, plain or signed", 1, -1, COMMON | OPTION_STRICT, verb_lint,
          .heading = "\nCommands that work on files:" },
        { "print", "FILE", "Print a policy, plain or signed, as canonical text", 1, 1, COMMON, verb_print },
        { "sign", "FILE", "Sign a policy, with --cert= and --key=", 1, 1,
          COMMON | OPTION_STRICT | OPTION_CERT | OPTION_KEY | OPTION_FORMAT | OPTION_OUTPUT | OPTION_FORCE, verb_sign },
        { "verify", "FILE", "Check the signature of a policy", 1, 1, COMMON | OPTION_TRUST, verb_verify },
        { "help", "", "Show this help", 0, 0, COMMON, verb_help, true, .heading = "" },
};

static void print_help(void) {
        puts("ipectl [OPTIONS...] COMMAND ...\n\n"
             "Manage the integrity policies that the kernel enforces (IPE).\n");
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
                char usage[64];

                if (verbs[i].heading)
                        puts(verbs[i].heading);
                snprintf(usage, sizeof(usage), "%s %s", verbs[i].name, verbs[i].arguments);
                printf("  %-24s %s\n", usage, verbs[i].summary);
        }
        puts("\nOptions:");
        options_print_help();
        puts("\nSee ipectl(1) for details and exit statuses.");
}

ExitStatus verb_help(int argc, char **argv, const Options *options) {
        print_help();
        return STATUS_OK;
}

static const Verb *find_verb(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (streq(verbs[i].name, name))
                        return &verbs[i];
        return NULL;
}

/* argc and argv: of the verb, its name included. */
static bool check_usage(const Verb *verb, int argc, const Options *options) {
        const char *foreign = options_find_foreign(options, verb->options);

        if (foreign) {
                say_error("'ipectl %s' does not take the option '%s'.", verb->name, foreign);
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

static ExitStatus print_version(bool has_verb) {
        if (has_verb) {
                say_error("'--version' takes the version of a policy in the same word: '--version=X.Y.Z'.");
                return STATUS_USAGE;
        }
        puts("ipe " PROJECT_VERSION);
        return STATUS_OK;
}

static ExitStatus run_verb(int argc, char **argv, const Options *options) {
        const Verb *verb = find_verb(argv[0]);

        if (!verb) {
                say_error("There is no command '%s'. 'ipectl --help' lists them.", argv[0]);
                return STATUS_USAGE;
        }
        if (!check_usage(verb, argc, options))
                return STATUS_USAGE;
        if (verb->is_long && !options->no_pager && options->json == JSON_OFF && !options->follow)
                pager_open();
        return verb->run(argc, argv, options);
}

static ExitStatus run(int argc, char **argv) {
        static char *status[] = { (char *) "status", NULL };
        Options options;
        int r = options_parse(argc, argv, &options);

        if (r > 0)
                print_help();
        if (r != 0)
                return r > 0 ? STATUS_OK : STATUS_USAGE;
        argc -= optind;
        argv += optind;
        if (options.given & OPTION_VERSION && !options.policy_version)
                return print_version(argc > 0);
        return argc > 0 ? run_verb(argc, argv, &options) : run_verb(1, status, &options);
}

int main(int argc, char **argv) {
        (void) setlocale(LC_CTYPE, "");
        (void) setlocale(LC_TIME, "C");
        (void) signal(SIGPIPE, SIG_DFL);
        return output_finish(run(argc, argv));
}
