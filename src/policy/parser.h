/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/*
 * The state of a parser: header.c reads the first line, parse.c the rules.
 */
#ifndef IPE_POLICY_PARSER_H
#define IPE_POLICY_PARSER_H

#include "internal.h"

/**
 * struct ipe_parser - one run over one text
 * @policy: being filled in
 * @line: the line that is being read
 * @reterr: never NULL
 */
struct ipe_parser {
	struct ipe_policy *policy;
	struct ipe_line line;
	struct ipe_parse_error *reterr;
};

int ipe_parse_refuse(struct ipe_parser *parser, const struct ipe_token *token,
		     int error, const char *sentence);
void ipe_parse_extended(struct ipe_parser *parser);
int ipe_parse_header(struct ipe_parser *parser);

#endif
