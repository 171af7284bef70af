// SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later
/*
 * Text -> lines -> tokens. Nothing is copied: a token points into the text.
 */

#include "internal.h"

/*
 * What the kernel's isspace() takes for white space, which is what upstream
 * trims from the end of a line: ASCII's six, and the no-break space of
 * Latin-1.
 */
static bool is_trimmed(char c)
{
	u8 byte = (u8)c;

	return byte == ' ' || (byte >= '\t' && byte <= '\r') || byte == 0xa0;
}

/* Tokens are set apart by less than what is trimmed. */
static bool is_delimiter(char c)
{
	return c == ' ' || c == '\t';
}

static int bad_byte(const struct ipe_line *line, const char *at,
		    const char *sentence, struct ipe_parse_error *reterr)
{
	*reterr = (struct ipe_parse_error){
		.line = line->number,
		.column = at - line->start + 1,
		.token = at,
		.token_len = 1,
		.sentence = sentence,
	};
	return -EBADMSG;
}

/**
 * ipe_reader_next_line() - Take the next line from the text
 * @reader: advanced behind the line and its LF or CR LF
 * @ret: the line without comment and trailing white space; maybe empty
 * @reterr: filled in on failure
 *
 * Return: %1 if there was a line, %0 at the end of the text, %-EBADMSG if the
 * line has a NUL, or a CR that no LF follows.
 */
int ipe_reader_next_line(struct ipe_reader *reader, struct ipe_line *ret,
			 struct ipe_parse_error *reterr)
{
	const char *end, *found;
	size_t len;

	if (reader->next == reader->end)
		return 0;

	ret->start = reader->next;
	ret->next = reader->next;
	ret->number = ++reader->number;
	found = memchr(ret->start, '\n', reader->end - ret->start);
	end = found ? found : reader->end;
	reader->next = found ? found + 1 : reader->end;

	if (found && end > ret->start && end[-1] == '\r')
		end--;
	len = end - ret->start;

	found = memchr(ret->start, '\0', len);
	if (found)
		return bad_byte(ret, found, "NUL byte in the text", reterr);
	found = memchr(ret->start, '\r', len);
	if (found)
		return bad_byte(ret, found,
				"carriage return without a line feed", reterr);

	found = memchr(ret->start, '#', len);
	if (found)
		end = found;
	while (end > ret->start && is_trimmed(end[-1]))
		end--;
	ret->end = end;
	return 1;
}

/**
 * ipe_line_next_token() - Take the next token from a line
 * @line: advanced behind the token
 * @ret: unchanged if there is none
 *
 * Return: whether there was one.
 */
bool ipe_line_next_token(struct ipe_line *line, struct ipe_token *ret)
{
	const char *start;

	while (line->next < line->end && is_delimiter(*line->next))
		line->next++;
	if (line->next >= line->end)
		return false;

	start = line->next;
	while (line->next < line->end && !is_delimiter(*line->next))
		line->next++;
	*ret = (struct ipe_token){ start, line->next - start };
	return true;
}

/**
 * ipe_token_equals() - Is the token exactly this word?
 * @token: to be compared
 * @word: NUL-terminated
 *
 * Return: whether it is.
 */
bool ipe_token_equals(const struct ipe_token *token, const char *word)
{
	return token->len == strlen(word) &&
	       !memcmp(token->text, word, token->len);
}

/**
 * ipe_token_strip() - Take a prefix from a token
 * @token: advanced behind @prefix if it starts so, unchanged if not
 * @prefix: NUL-terminated
 *
 * Return: whether it started so.
 */
bool ipe_token_strip(struct ipe_token *token, const char *prefix)
{
	size_t len = strlen(prefix);

	if (token->len < len || memcmp(token->text, prefix, len))
		return false;
	token->text += len;
	token->len -= len;
	return true;
}
