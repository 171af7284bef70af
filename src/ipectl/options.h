/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The options of the command line: one table, for getopt_long(), for --help and for the check of what a verb takes.
 */
#ifndef IPECTL_OPTIONS_H
#define IPECTL_OPTIONS_H

#include "ipectl.h"

/* Reads the options; optind is then the index of the verb. ret: borrows from argv.
 *
 * Returns 0; 1 for --help; -1 after an error message. */
int options_parse(int argc, char **argv, Options *ret);

/* Finds an option that was given, but is not among those that a verb takes (allowed: of OptionBit).
 * Returns its name, as "--lines="; NULL if there is none. */
const char *options_find_foreign(const Options *options, unsigned allowed);

/* Prints the part of --help about options. */
void options_print_help(void);

#endif
