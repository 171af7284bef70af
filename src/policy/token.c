// SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later
/*
 * Text -> lines -> tokens. Nothing is copied: a token points into the text.
 */

#include "internal.h"

/*
 * White space of the kernel's isspace(), which upstream trims from the end of a
 * line: the six of ASCII, and the no-break space of Latin-1.
 */
static bool is_trimmed(char c)
{
	u8 byte = (u8)c;

	return byte == ' ' || (byte >= '\t' && byte <= '\r') || byte == 0xa0;
}

/* Fewer letters separate tokens than are trimmed from a line. */
static bool is_delimiter(char c)
{
	return c == ' ' || c == '\t';
}

/* The same byte eight times. */
static u64 repeat(u8 byte)
{
	return byte * 0x0101010101010101ULL;
}

/*
 * Sets bit 7 of each byte that is below @limit, which is at most 128. A borrow
 * may set the bit of other bytes above the lowest such byte; the lowest is
 * right.
 */
static u64 bytes_below(u64 word, u8 limit)
{
	return (word - repeat(limit)) & ~word & repeat(0x80);
}

/* The first byte from @at on that is a space, a control character or a '#'. */
static const char *find_special(const char *at, const char *end)
{
	u64 word, found;

	for (; end - at >= 8; at += 8) {
		word = ipe_port_load(at);
		found = bytes_below(word, ' ' + 1) |
			bytes_below(word ^ repeat('#'), 1);
		if (found)
			return at + ipe_port_lowest_bit(found) / 8;
	}
	while (at < end && (u8)*at > ' ' && *at != '#')
		at++;
	return at;
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
	const char *at = reader->next, *comment = NULL;

	if (at == reader->end)
		return 0;

	ret->start = at;
	ret->next = at;
	ret->n_gaps = 0;
	ret->number = ++reader->number;
	for (;; at++) {
		at = find_special(at, reader->end);
		if (at == reader->end || *at == '\n')
			break;
		if (is_delimiter(*at)) {
			if (ret->n_gaps < IPE_LINE_GAPS)
				ret->gaps[ret->n_gaps++] = at;
		} else if (*at == '#' && !comment) {
			comment = at;
		} else if (*at == '\0') {
			return bad_byte(ret, at, "NUL byte in the text",
					reterr);
		} else if (*at == '\r' &&
			   (at + 1 == reader->end || at[1] != '\n')) {
			return bad_byte(ret, at,
					"carriage return without a line feed",
					reterr);
		}
	}
	reader->next = at < reader->end ? at + 1 : at;
	ret->end = comment ? comment : at;
	while (ret->end > ret->start && is_trimmed(ret->end[-1]))
		ret->end--;
	return 1;
}

/**
 * ipe_line_init() - Make a line from a part of a line
 * @line: only for ipe_line_next_token()
 * @start: its first byte
 * @end: behind its last byte
 */
void ipe_line_init(struct ipe_line *line, const char *start, const char *end)
{
	u32 i;

	*line = (struct ipe_line){
		.start = start,
		.next = start,
		.end = end,
		.n_gaps = IPE_LINE_GAPS,
	};
	/* All gaps count as passed: those ahead are unknown. */
	for (i = 0; i < IPE_LINE_GAPS; i++)
		line->gaps[i] = start;
}

static const char *end_of_token(const struct ipe_line *line, const char *start)
{
	const char *at = start;
	u32 i;

	for (i = 0; i < line->n_gaps; i++)
		if (line->gaps[i] > start)
			return line->gaps[i] < line->end ? line->gaps[i] :
							   line->end;
	if (line->n_gaps < IPE_LINE_GAPS)
		return line->end;
	while (at < line->end && !is_delimiter(*at))
		at++;
	return at;
}

/**
 * ipe_line_next_token() - Take the next token from a line
 * @line: advanced behind the token
 * @ret: unchanged if there is none
 *
 * Return: %true if there was one.
 */
bool ipe_line_next_token(struct ipe_line *line, struct ipe_token *ret)
{
	const char *start = line->next;

	while (start < line->end && is_delimiter(*start))
		start++;
	if (start >= line->end) {
		line->next = line->end;
		return false;
	}
	line->next = end_of_token(line, start);
	*ret = (struct ipe_token){ start, line->next - start };
	return true;
}
