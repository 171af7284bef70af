/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The options of the command line.
 */

#include <getopt.h>
#include <time.h>

#include "base.h"
#include "options.h"
#include "output.h"
#include "seconds.h"
#include "since.h"

/* text: the value; NULL if none was given. ret: the field of Options. Returns 0, or -1 after an error message. */
typedef int (*ParseFunction)(const char *text, void *ret);

typedef struct Option {
        OptionBit bit; /* 0: every verb takes it */
        char letter;   /* 0: it has only the long form */
        const char *name;
        const char *value; /* "=FILE" or, where it may be missing, "[=MODE]"; "": it takes none */
        const char *help;
        ParseFunction parse; /* NULL: options_parse() ends here and returns 1 */
        size_t field;
} Option;

static int parse_flag(const char *text, void *ret) {
        *(bool *) ret = true;
        return 0;
}

static int parse_negation(const char *text, void *ret) {
        *(bool *) ret = false;
        return 0;
}

static int parse_text(const char *text, void *ret) {
        *(const char **) ret = text;
        return 0;
}

static int parse_json(const char *text, void *ret) {
        JsonMode *mode = ret;

        if (!text || streq(text, "pretty"))
                *mode = JSON_PRETTY;
        else if (streq(text, "short"))
                *mode = JSON_SHORT;
        else if (streq(text, "off"))
                *mode = JSON_OFF;
        else {
                say_error("Invalid JSON mode '%s': expected 'pretty', 'short' or 'off'.", text);
                return -1;
        }
        return 0;
}

static int parse_trial_sec(const char *text, void *ret) {
        if (seconds_parse(text, ret) < 0) {
                say_error("Invalid time '%s': expected seconds, or a number with 's', 'min' or 'h'.", text);
                return -1;
        }
        return 0;
}

static int parse_confirm(const char *text, void *ret) {
        if (!streq(text, "auto") && !streq(text, "manual")) {
                say_error("Invalid confirmation mode '%s': expected 'auto' or 'manual'.", text);
                return -1;
        }
        return parse_text(text, ret);
}

static int parse_format(const char *text, void *ret) {
        EnvelopeFormat *format = ret;

        if (streq(text, "auto"))
                *format = ENVELOPE_SMALLEST;
        else if (streq(text, "pkcs7"))
                *format = ENVELOPE_PKCS7;
        else if (streq(text, "appended"))
                *format = ENVELOPE_APPENDED;
        else {
                say_error("Invalid format '%s': expected 'auto', 'pkcs7' or 'appended'.", text);
                return -1;
        }
        return 0;
}

static int parse_lines(const char *text, void *ret) {
        uint64_t *lines = ret;
        char *end;

        if (streq(text, "all")) {
                *lines = UINT64_MAX;
                return 0;
        }
        errno = 0;
        *lines = strtoull(text, &end, 10);
        /* strtoull() would accept white space and a sign. */
        if (*text < '0' || *text > '9' || *end || errno == ERANGE) {
                say_error("Invalid number of lines '%s': expected a number, or 'all'.", text);
                return -1;
        }
        return 0;
}

static int parse_since(const char *text, void *ret) {
        if (since_parse(text, time(NULL), ret) < 0) {
                say_error("Invalid time '%s': expected 'YYYY-MM-DD HH:MM:SS' or a part of it, 'today', 'yesterday', or "
                          "a "
                          "form like '2h ago'.",
                          text);
                return -1;
        }
        return 0;
}

#define FIELD(name) offsetof(Options, name)

/* In the order of --help. */
static const Option table[] = {
        { 0, 'h', "help", "", "Show this help" },
        { OPTION_VERSION, 0, "version", "[=VERSION]",
          "Show the version of ipectl; with a value: activate this\n"
          "version, not the newest; confirm or end only its trial",
          parse_text, FIELD(policy_version) },
        { OPTION_QUIET, 'q', "quiet", "", "Do not report what was done", parse_flag, FIELD(quiet) },
        { OPTION_JSON, 0, "json", "[=MODE]", "Print JSON: pretty (the default), short or off", parse_json,
          FIELD(json) },
        { OPTION_NO_LEGEND, 0, "no-legend", "", "Print no header and no count", parse_flag, FIELD(no_legend) },
        { OPTION_FULL, 'l', "full", "", "Do not cut cells to the width of the terminal", parse_flag, FIELD(full) },
        { 0, 0, "no-pager", "", "Do not pipe long output into less", parse_flag, FIELD(no_pager) },
        { OPTION_NO_ASK_PASSWORD, 0, "no-ask-password", "", "Do not ask for passwords", parse_negation,
          FIELD(ask_password) },
        { OPTION_HOST, 'H', "host", "=[USER@]HOST", "Ask the ipectld of another host, over ssh", parse_text,
          FIELD(host) },
        { OPTION_MACHINE, 'M', "machine", "=CONTAINER", "Ask the ipectld of a local container", parse_text,
          FIELD(machine) },
        { OPTION_FROM, 0, "from", "=VERSION", "Roll back only from this version", parse_text, FIELD(from) },
        { OPTION_TRIAL_SEC, 0, "trial-sec", "=TIME", "Length of the trial; 0 confirms the policy at once",
          parse_trial_sec, FIELD(trial_sec) },
        { OPTION_CONFIRM, 0, "confirm", "=auto|manual", "Confirm once all checks pass, or only with 'confirm'",
          parse_confirm, FIELD(confirm) },
        { OPTION_WAIT, 0, "wait", "", "Wait for the end of the trial", parse_flag, FIELD(wait) },
        { OPTION_ACCEPT, 0, "accept", "=ID", "Activate despite the denials that 'preflight' gave this ID", parse_text,
          FIELD(accept) },
        { OPTION_LINES, 'n', "lines", "=N", "Show the last N entries", parse_lines, FIELD(lines) },
        { OPTION_SINCE, 0, "since", "=TIME", "Show no older entries: a date, 'yesterday', '2h ago'", parse_since,
          FIELD(since_usec) },
        { OPTION_FOLLOW, 'f', "follow", "", "Show new entries as they come", parse_flag, FIELD(follow) },
        { OPTION_STRICT, 0, "strict", "", "Treat warnings as errors", parse_flag, FIELD(strict) },
        { OPTION_CERT, 0, "cert", "=FILE", "Sign with this certificate (PEM)", parse_text, FIELD(cert) },
        { OPTION_KEY, 0, "key", "=FILE", "Sign with this private key (PEM)", parse_text, FIELD(key) },
        { OPTION_FORMAT, 0, "format", "=FORMAT",
          "Sign as 'pkcs7' or 'appended'; 'auto', the default, takes\n"
          "'appended' only for a policy too large for 'pkcs7'",
          parse_format, FIELD(format) },
        { OPTION_OUTPUT, 0, "output", "=FILE",
          "Write the signed policy here, '-' for standard output;\n"
          "the default is NAME.p7b, NAME being the policy's",
          parse_text, FIELD(output) },
        { OPTION_FORCE, 0, "force", "",
          "activate: even if it denies what the system runs, unless\n"
          "that is essential; deactivate: required; sign: overwrite",
          parse_flag, FIELD(force) },
        { OPTION_TRUST, 0, "trust", "=DIR", "Trust the certificates DIR/*.pem, not those of the system", parse_text,
          FIELD(trust) },
};

/* getopt_long() answers an option's letter, or this and its index in the table. */
#define LONG_FORM 256

static int count_values(const Option *option) {
        return option->value[0] == '=' ? required_argument : option->value[0] == '[' ? optional_argument : no_argument;
}

/* ret: a row for each of the table, and an empty one. ret_letters: "hqn:" and so on. */
static void prepare_getopt(struct option *ret, char *ret_letters) {
        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                ret[i] = (struct option) { table[i].name, count_values(&table[i]), NULL, LONG_FORM + (int) i };
                if (table[i].letter == 0)
                        continue;
                *ret_letters++ = table[i].letter;
                if (count_values(&table[i]) == required_argument)
                        *ret_letters++ = ':';
        }
        ret[ELEMENTSOF(table)] = (struct option) {};
        *ret_letters = '\0';
}

/* code: from getopt_long(). Returns NULL for an error, which getopt_long() has reported. */
static const Option *find_option(int code) {
        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (code == LONG_FORM + (int) i || (table[i].letter && code == table[i].letter))
                        return &table[i];
        return NULL;
}

int options_parse(int argc, char **argv, Options *ret) {
        struct option long_forms[ELEMENTSOF(table) + 1];
        char letters[2 * ELEMENTSOF(table) + 1];
        const Option *option;
        int code;

        *ret = (Options) { .ask_password = true, .format = ENVELOPE_SMALLEST };
        prepare_getopt(long_forms, letters);
        while ((code = getopt_long(argc, argv, letters, long_forms, NULL)) >= 0) {
                option = find_option(code);
                if (!option)
                        return -1;
                if (!option->parse)
                        return 1;
                ret->given |= option->bit;
                if (option->parse(optarg, (char *) ret + option->field) < 0)
                        return -1;
        }
        return 0;
}

const char *options_find_foreign(const Options *options, unsigned allowed) {
        static char name[32];

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (options->given & table[i].bit & ~allowed) {
                        snprintf(name, sizeof(name), "--%s%s", table[i].name,
                                 count_values(&table[i]) == required_argument ? "=" : "");
                        return name;
                }
        return NULL;
}

#define HELP_COLUMN 27

/* help: continues in the same column after each line feed. */
static void print_help_text(const char *help) {
        size_t len = strcspn(help, "\n");

        printf("%.*s\n", (int) len, help);
        if (help[len] == '\n') {
                printf("%*s", HELP_COLUMN, "");
                print_help_text(help + len + 1);
        }
}

void options_print_help(void) {
        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                const Option *option = &table[i];
                char letter[] = { option->letter ? '-' : ' ', option->letter ?: ' ', '\0' }, form[HELP_COLUMN];

                snprintf(form, sizeof(form), "--%s%s", option->name, option->value);
                printf("  %s %-21s ", letter, form);
                print_help_text(option->help);
        }
}
