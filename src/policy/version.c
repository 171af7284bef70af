// SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later
/*
 * Versions: X.Y.Z, read, printed and compared.
 */

#include "internal.h"

/**
 * ipe_version_compare() - Order two versions
 * @a: one
 * @b: the other
 *
 * Return: below, equal to or above 0, as @a is below, equal to or above @b.
 */
int ipe_version_compare(const struct ipe_version *a,
			const struct ipe_version *b)
{
	if (a->major != b->major)
		return a->major < b->major ? -1 : 1;
	if (a->minor != b->minor)
		return a->minor < b->minor ? -1 : 1;
	if (a->revision != b->revision)
		return a->revision < b->revision ? -1 : 1;
	return 0;
}

/*
 * Follows the rules of kstrtou16(), as upstream does: one '+' may lead, and a
 * number that overflows 64 bits is out of range whatever follows it.
 */
static int parse_component(const char *text, size_t len, u16 *ret)
{
	size_t i = len && text[0] == '+';
	size_t first = i;
	bool overflow = false;
	u64 value = 0;

	for (; i < len && text[i] >= '0' && text[i] <= '9'; i++) {
		u64 digit = text[i] - '0';

		if (value > (U64_MAX - digit) / 10)
			overflow = true;
		value = value * 10 + digit;
	}
	if (overflow)
		return -ERANGE;
	if (i == first || i < len)
		return -EINVAL;
	if (value > U16_MAX)
		return -ERANGE;
	*ret = value;
	return 0;
}

/**
 * ipe_version_parse() - Read "X.Y.Z"
 * @text: not NUL-terminated
 * @len: bytes of @text
 * @ret: unchanged on failure
 *
 * Return: %0, %-EBADMSG, %-EINVAL or %-ERANGE; see policy.h.
 */
int ipe_version_parse(const char *text, size_t len, struct ipe_version *ret)
{
	const char *end = text + len;
	u16 parts[3];
	size_t n = 0;
	int r;

	for (;;) {
		const char *dot = len ? memchr(text, '.', end - text) : NULL;
		const char *stop = dot ? dot : end;

		if (n == 3)
			return -EBADMSG;
		r = parse_component(text, stop - text, &parts[n++]);
		if (r < 0)
			return r;
		if (!dot)
			break;
		text = dot + 1;
	}
	if (n != 3)
		return -EBADMSG;
	*ret = (struct ipe_version){ parts[0], parts[1], parts[2] };
	return 0;
}

static char *print_component(char *at, u16 component)
{
	if (component >= 10)
		at = print_component(at, component / 10);
	*at = '0' + component % 10;
	return at + 1;
}

/**
 * ipe_version_print() - Write "X.Y.Z"
 * @version: to be printed
 * @buf: of IPE_VERSION_STRLEN bytes
 */
void ipe_version_print(const struct ipe_version *version,
		       char buf[IPE_VERSION_STRLEN])
{
	char *at = print_component(buf, version->major);

	*at++ = '.';
	at = print_component(at, version->minor);
	*at++ = '.';
	at = print_component(at, version->revision);
	*at = '\0';
}
