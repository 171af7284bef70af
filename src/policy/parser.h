/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/*
 * A parser at work: parse.c reads the rules, header.c the first line.
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
