/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/*
 * Texts with the answer of the parser to each: one table for KUnit and user
 * space. A test that includes this file loops over ipe_policy_cases.
 */
#ifndef IPE_POLICY_CASES_H
#define IPE_POLICY_CASES_H

#include "port.h"

/**
 * struct ipe_policy_case - a text and the answer
 * @text: not NUL-terminated where a NUL is part of it
 * @len: bytes of @text
 * @error: %0, or the negative errno
 * @line: of the mistake, counted from 1; 0 for the text as a whole
 * @column: of the mistake, counted from 1; 0 for the line as a whole
 * @differs: upstream gives another answer: an addition to the language, or a
 *	stricter check
 * @description: of the case
 */
struct ipe_policy_case {
	const char *text;
	size_t len;
	int error;
	unsigned int line;
	unsigned int column;
	bool differs;
	const char *description;
};

#define IPE_SAME(text, error, line, column, description) \
	{ text, sizeof(text) - 1, error, line, column, false, description }
#define IPE_OURS(text, error, line, column, description) \
	{ text, sizeof(text) - 1, error, line, column, true, description }

#define IPE_HEADER "policy_name=n policy_version=1.2.3\n"
#define IPE_DENY "DEFAULT action=DENY\n"
/* A policy but for what follows, which is line 3. */
#define IPE_START IPE_HEADER IPE_DENY

#define IPE_AB64 \
	"abababababababababababababababababababababababababababababababab"

static const struct ipe_policy_case ipe_policy_cases[] = {
	/* Text, lines, comments, space. */
	IPE_SAME("", -EBADMSG, 0, 0, "no text"),
	IPE_SAME("\n", -EBADMSG, 0, 0, "an empty line"),
	IPE_SAME(" \t\v\f\n \n", -EBADMSG, 0, 0, "nothing but space"),
	IPE_SAME("# policy_name=n policy_version=1.2.3\n", -EBADMSG, 0, 0,
		 "nothing but a comment"),
	IPE_SAME(IPE_START, 0, 0, 0, "the smallest policy"),
	IPE_SAME(IPE_HEADER "DEFAULT action=DENY", 0, 0, 0,
		 "no newline at the end"),
	IPE_SAME("policy_name=n policy_version=1.2.3\r\n"
		 "DEFAULT action=DENY\r\n", 0, 0, 0, "lines end in CR LF"),
	IPE_SAME("\n\r\n  \n\t\n" IPE_START, 0, 0, 0,
		 "empty lines before the header"),
	IPE_SAME(IPE_HEADER "\n\n \t \n" IPE_DENY "\n\n", 0, 0, 0,
		 "empty lines after the header"),
	IPE_SAME("# c\n" IPE_HEADER "#\n" IPE_DENY "  # c\n", 0, 0, 0,
		 "lines of comment"),
	IPE_SAME("policy_name=n policy_version=1.2.3# c\n"
		 "DEFAULT action=DENY#c\n", 0, 0, 0,
		 "a comment ends a token"),
	IPE_SAME("policy_name=a#b policy_version=1.2.3\n" IPE_DENY, -EBADMSG,
		 1, 0, "a comment within a token"),
	IPE_SAME(IPE_START "op=EXECUTE # action=ALLOW\n", -EBADMSG, 3, 1,
		 "a comment hides the action"),
	IPE_SAME(IPE_START "op=EXECUTE action=ALLOW # action=DENY\n", 0, 0, 0,
		 "a comment behind a rule"),
	IPE_SAME(" \tpolicy_name=n \t policy_version=1.2.3 \t \n"
		 "\t DEFAULT\t\taction=DENY\t\n", 0, 0, 0,
		 "space around tokens"),
	IPE_SAME(IPE_START "op=EXECUTE action=ALLOW \t\v\f\xa0\n", 0, 0, 0,
		 "every kind of space at the end of a line"),
	IPE_SAME(IPE_START "op=EXECUTE action=ALLOW\xa0# c\n", 0, 0, 0,
		 "space before a comment"),
	IPE_SAME(IPE_START "op=EXECUTE\vaction=ALLOW\n", -EBADMSG, 3, 1,
		 "a vertical tab sets no tokens apart"),
	IPE_SAME(IPE_START "op=EXECUTE\fboot_verified=TRUE action=ALLOW\n",
		 -EBADMSG, 3, 1, "a form feed sets no tokens apart"),
	IPE_SAME(IPE_START "op=EXECUTE \xa0 action=ALLOW\n", -EBADMSG, 3, 12,
		 "a no-break space is a token"),
	IPE_SAME(IPE_START "op=EXECUTE action=ALLOW \x85\n", -EBADMSG, 3, 12,
		 "no other byte is space"),
	IPE_SAME("policy_name=n\rpolicy_version=1.2.3\n" IPE_DENY, -EBADMSG,
		 1, 14, "a CR between tokens"),
	IPE_OURS("policy_name=n policy_version=1.2.3\rDEFAULT action=DENY\n",
		 -EBADMSG, 1, 35, "lines end in CR"),
	IPE_OURS(IPE_START "# c\rop=EXECUTE action=ALLOW\n", -EBADMSG, 3, 4,
		 "a CR within a comment"),
	IPE_OURS(IPE_START "\r", -EBADMSG, 3, 1, "a CR ends the text"),
	IPE_OURS(IPE_HEADER "DEFAULT action=DENY\r\r\n", -EBADMSG, 2, 20,
		 "CR CR LF"),
	IPE_OURS(IPE_START "\0", -EBADMSG, 3, 1, "a NUL ends the text"),
	IPE_OURS(IPE_START "# a \0 b\n", -EBADMSG, 3, 5,
		 "a NUL within a comment"),
	IPE_OURS(IPE_HEADER "DEFAULT action=DENY\0op=\n", -EBADMSG, 2, 20,
		 "a NUL hides a mistake"),
	IPE_SAME("\0" IPE_START, -EBADMSG, 1, 1, "a NUL starts the text"),
	IPE_SAME(IPE_HEADER "DEFAULT \0action=DENY\n", -EBADMSG, 2, 9,
		 "a NUL before a token"),
	IPE_OURS("policy_name=n policy_version=x.0.0\0\n" IPE_DENY, -EBADMSG,
		 1, 35, "a NUL is found before the mistakes of its line"),
	IPE_SAME("policy_name=n policy_version=x.0.0\n\0", -EINVAL, 1, 15,
		 "a NUL is found after the mistakes of earlier lines"),

	/* Header. */
	IPE_SAME("policy_name=n\n" IPE_DENY, -EBADMSG, 1, 0, "no version"),
	IPE_SAME("policy_version=1.2.3\n" IPE_DENY, -EBADMSG, 1, 1, "no name"),
	IPE_SAME("policy_version=1.2.3 policy_name=n\n" IPE_DENY, -EBADMSG,
		 1, 1, "the version first"),
	IPE_SAME("policy_version=x policy_name=n\n" IPE_DENY, -EBADMSG, 1, 1,
		 "a bad version first"),
	IPE_SAME(IPE_DENY IPE_HEADER, -EBADMSG, 1, 1, "a rule first"),
	IPE_SAME(IPE_HEADER IPE_HEADER IPE_DENY, -EBADMSG, 2, 1,
		 "a second header"),
	IPE_SAME("policy_name=n\npolicy_version=1.2.3\n" IPE_DENY, -EBADMSG,
		 1, 0, "a header of two lines"),
	IPE_SAME("policy_name= policy_version=1.2.3\n" IPE_DENY, -EBADMSG,
		 1, 1, "an empty name"),
	IPE_SAME("policy_name policy_version=1.2.3\n" IPE_DENY, -EBADMSG,
		 1, 1, "a name without ="),
	IPE_SAME("POLICY_NAME=n policy_version=1.2.3\n" IPE_DENY, -EBADMSG,
		 1, 1, "the key in upper case"),
	IPE_SAME("policy_name =n policy_version=1.2.3\n" IPE_DENY, -EBADMSG,
		 1, 1, "space before ="),
	IPE_SAME("policy_name=n n policy_version=1.2.3\n" IPE_DENY, -EBADMSG,
		 1, 15, "a name with a space"),
	IPE_SAME("policy_name=a policy_name=b\n" IPE_DENY, -EBADMSG, 1, 15,
		 "two names"),
	IPE_SAME("policy_name=n policy_version=1.2.3 policy_version=1.2.3\n"
		 IPE_DENY, -EBADMSG, 1, 36, "two versions"),
	IPE_SAME("policy_name=n policy_version=1.2.3 x\n" IPE_DENY, -EBADMSG,
		 1, 36, "a token behind the header"),
	IPE_SAME("policy_name=a=b/../%s\"\\\x01\xff\xa0\v policy_version=1.2.3\n"
		 IPE_DENY, 0, 0, 0, "a name of odd bytes"),
	IPE_SAME("policy_name=policy_name= policy_version=1.2.3\n" IPE_DENY,
		 0, 0, 0, "a name that looks like a key"),

	/* Versions. */
	IPE_SAME("policy_name=n policy_version=0.0.0\n" IPE_DENY, 0, 0, 0,
		 "the lowest version"),
	IPE_SAME("policy_name=n policy_version=65535.65535.65535\n" IPE_DENY,
		 0, 0, 0, "the highest version"),
	IPE_SAME("policy_name=n policy_version=+1.+2.+3\n" IPE_DENY, 0, 0, 0,
		 "a plus before each component"),
	IPE_SAME("policy_name=n policy_version=007.000.08\n" IPE_DENY, 0, 0, 0,
		 "leading zeros are not octal"),
	IPE_SAME("policy_name=n policy_version=\n" IPE_DENY, -EBADMSG, 1, 15,
		 "an empty version"),
	IPE_SAME("policy_name=n policy_version=1\n" IPE_DENY, -EBADMSG, 1, 15,
		 "one component"),
	IPE_SAME("policy_name=n policy_version=1.2\n" IPE_DENY, -EBADMSG,
		 1, 15, "two components"),
	IPE_SAME("policy_name=n policy_version=1.2.3.4\n" IPE_DENY, -EBADMSG,
		 1, 15, "four components"),
	IPE_SAME("policy_name=n policy_version=1.2.3.\n" IPE_DENY, -EBADMSG,
		 1, 15, "three components and a dot"),
	IPE_SAME("policy_name=n policy_version=1.2.\n" IPE_DENY, -EINVAL,
		 1, 15, "an empty third component"),
	IPE_SAME("policy_name=n policy_version=.1.2\n" IPE_DENY, -EINVAL,
		 1, 15, "an empty first component"),
	IPE_SAME("policy_name=n policy_version=.\n" IPE_DENY, -EINVAL, 1, 15,
		 "two empty components"),
	IPE_SAME("policy_name=n policy_version=+.0.0\n" IPE_DENY, -EINVAL,
		 1, 15, "nothing but a plus"),
	IPE_SAME("policy_name=n policy_version=++1.0.0\n" IPE_DENY, -EINVAL,
		 1, 15, "two pluses"),
	IPE_SAME("policy_name=n policy_version=-1.0.0\n" IPE_DENY, -EINVAL,
		 1, 15, "a minus"),
	IPE_SAME("policy_name=n policy_version=0x1.0.0\n" IPE_DENY, -EINVAL,
		 1, 15, "a hexadecimal component"),
	IPE_SAME("policy_name=n policy_version=1.2.3a\n" IPE_DENY, -EINVAL,
		 1, 15, "a letter behind a number"),
	IPE_SAME("policy_name=n policy_version=1.2.3\v\n" IPE_DENY, 0, 0, 0,
		 "a vertical tab that is trimmed from the version"),
	IPE_SAME("policy_name=n policy_version=65536.0.0\n" IPE_DENY, -ERANGE,
		 1, 15, "65536"),
	IPE_SAME("policy_name=n policy_version=0.65536.0\n" IPE_DENY, -ERANGE,
		 1, 15, "65536 in the second component"),
	IPE_SAME("policy_name=n policy_version=0.0.65536\n" IPE_DENY, -ERANGE,
		 1, 15, "65536 in the third component"),
	IPE_SAME("policy_name=n policy_version=65536x.0.0\n" IPE_DENY, -EINVAL,
		 1, 15, "65536 and a letter"),
	IPE_SAME("policy_name=n policy_version=18446744073709551615.0.0\n"
		 IPE_DENY, -ERANGE, 1, 15, "the highest number of 64 bits"),
	IPE_SAME("policy_name=n policy_version=18446744073709551615x.0.0\n"
		 IPE_DENY, -EINVAL, 1, 15,
		 "the highest number of 64 bits and a letter"),
	IPE_SAME("policy_name=n policy_version=18446744073709551616.0.0\n"
		 IPE_DENY, -ERANGE, 1, 15, "more than 64 bits"),
	IPE_SAME("policy_name=n policy_version=18446744073709551616x.0.0\n"
		 IPE_DENY, -ERANGE, 1, 15, "more than 64 bits and a letter"),
	IPE_SAME("policy_name=n policy_version=x.65536.0\n" IPE_DENY, -EINVAL,
		 1, 15, "the first component's mistake is the one"),
	IPE_SAME("policy_name=n policy_version=65536.x.0\n" IPE_DENY, -ERANGE,
		 1, 15, "the first component's mistake is the one, again"),
	IPE_SAME("policy_name=n policy_version=1.2.x.4\n" IPE_DENY, -EINVAL,
		 1, 15, "a bad component before one too many"),
	IPE_SAME("policy_name=n policy_version=1.2.3.x\n" IPE_DENY, -EBADMSG,
		 1, 15, "one too many, and bad"),
	IPE_SAME("policy_name=n policy_version=x z\n" IPE_DENY, -EINVAL, 1, 15,
		 "a bad version before a token too many"),
	IPE_SAME("policy_name=n policy_version=1.2.3x\nop=\n", -EINVAL, 1, 15,
		 "the header's mistake before a rule's"),
	IPE_SAME("policy_name=n policy_version=1.2,3.4\n" IPE_DENY, -EINVAL,
		 1, 15, "a comma"),

	/* Rollback floor: an addition. */
	IPE_OURS("policy_name=n policy_version=1.2.3 "
		 "policy_rollback_floor=1.2.0\n" IPE_DENY, 0, 0, 0, "a floor"),
	IPE_OURS("policy_name=n policy_version=1.2.3 "
		 "policy_rollback_floor=1.2.3\n" IPE_DENY, 0, 0, 0,
		 "the version as floor"),
	IPE_SAME("policy_name=n policy_version=1.2.3 "
		 "policy_rollback_floor=1.2.4\n" IPE_DENY, -EBADMSG, 1, 36,
		 "a floor above the version"),
	IPE_SAME("policy_name=n policy_version=1.2.3 "
		 "policy_rollback_floor=\n" IPE_DENY, -EBADMSG, 1, 36,
		 "an empty floor"),
	IPE_SAME("policy_name=n policy_version=1.2.3 "
		 "policy_rollback_floor=1.2\n" IPE_DENY, -EBADMSG, 1, 36,
		 "a floor of two components"),
	IPE_OURS("policy_name=n policy_version=1.2.3 "
		 "policy_rollback_floor=1.2.x\n" IPE_DENY, -EINVAL, 1, 36,
		 "a floor that is no number"),
	IPE_OURS("policy_name=n policy_version=1.2.3 "
		 "policy_rollback_floor=65536.0.0\n" IPE_DENY, -ERANGE, 1, 36,
		 "a floor out of range"),
	IPE_SAME("policy_name=n policy_rollback_floor=1.2.0 "
		 "policy_version=1.2.3\n" IPE_DENY, -EBADMSG, 1, 15,
		 "the floor before the version"),
	IPE_SAME("policy_name=n policy_version=1.2.3 "
		 "policy_rollback_floor=1.2.0 policy_rollback_floor=1.2.0\n"
		 IPE_DENY, -EBADMSG, 1, 64, "two floors"),

	/* Without a signature: an addition. */
	IPE_OURS("policy_name=n policy_version=1.2.3 policy_unsigned=TRUE\n"
		 IPE_DENY, 0, 0, 0, "policy_unsigned"),
	IPE_OURS("policy_name=n policy_version=1.2.3 "
		 "policy_rollback_floor=1.2.0 policy_unsigned=TRUE\n"
		 IPE_DENY, 0, 0, 0, "policy_unsigned behind the floor"),
	IPE_OURS("policy_name=n policy_version=1.2.3 policy_unsigned=TRUE "
		 "policy_rollback_floor=1.2.0\n"
		 IPE_DENY, 0, 0, 0, "policy_unsigned before the floor"),
	IPE_SAME("policy_name=n policy_version=1.2.3 policy_unsigned=TRUE "
		 "policy_unsigned=TRUE\n" IPE_DENY, -EBADMSG, 1, 57,
		 "policy_unsigned twice"),
	IPE_SAME("policy_name=n policy_version=1.2.3 policy_unsigned=TRUE "
		 "policy_rollback_floor=1.2.0 policy_unsigned=TRUE\n"
		 IPE_DENY, -EBADMSG, 1, 85, "policy_unsigned around the floor"),
	IPE_SAME("policy_name=n policy_version=1.2.3 "
		 "policy_rollback_floor=1.2.0 policy_unsigned=TRUE "
		 "policy_rollback_floor=1.2.0\n" IPE_DENY, -EBADMSG, 1, 85,
		 "floors around policy_unsigned"),
	IPE_SAME("policy_name=n policy_version=1.2.3 policy_unsigned=FALSE\n"
		 IPE_DENY, -EBADMSG, 1, 36, "policy_unsigned=FALSE"),
	IPE_SAME("policy_name=n policy_version=1.2.3 policy_unsigned=true\n"
		 IPE_DENY, -EBADMSG, 1, 36, "policy_unsigned in lower case"),
	IPE_SAME("policy_name=n policy_version=1.2.3 policy_unsigned=TRUER\n"
		 IPE_DENY, -EBADMSG, 1, 36, "policy_unsigned=TRUE and more"),
	IPE_SAME("policy_name=n policy_version=1.2.3 policy_unsigned=\n"
		 IPE_DENY, -EBADMSG, 1, 36, "policy_unsigned of nothing"),
	IPE_SAME("policy_name=n policy_version=1.2.3 policy_unsigned\n"
		 IPE_DENY, -EBADMSG, 1, 36, "policy_unsigned without ="),
	IPE_SAME("policy_name=n policy_version=1.2.3 policy_unsigned= TRUE\n"
		 IPE_DENY, -EBADMSG, 1, 36, "space in policy_unsigned"),
	IPE_SAME("policy_name=n policy_version=1.2.3 POLICY_UNSIGNED=TRUE\n"
		 IPE_DENY, -EBADMSG, 1, 36, "POLICY_UNSIGNED in upper case"),
	IPE_SAME("policy_name=n policy_unsigned=TRUE policy_version=1.2.3\n"
		 IPE_DENY, -EBADMSG, 1, 15,
		 "policy_unsigned before the version"),
	IPE_SAME("policy_unsigned=TRUE policy_name=n policy_version=1.2.3\n"
		 IPE_DENY, -EBADMSG, 1, 1, "policy_unsigned before the name"),
	IPE_SAME("policy_name=n policy_version=1.2.3\npolicy_unsigned=TRUE\n"
		 IPE_DENY, -EBADMSG, 2, 1, "policy_unsigned in the next line"),
	IPE_SAME(IPE_START "op=POLICY policy_unsigned=TRUE action=ALLOW\n",
		 -EBADMSG, 3, 11, "policy_unsigned in a rule"),
	IPE_SAME("policy_name=n policy_version=1.2.3 # policy_unsigned=TRUE\n"
		 IPE_DENY, 0, 0, 0, "policy_unsigned in a comment"),
	IPE_OURS("policy_name=n policy_version=1.2.3 policy_unsigned=TRUE# c\n"
		 IPE_DENY, 0, 0, 0, "policy_unsigned before a comment"),
	IPE_SAME("policy_name=policy_unsigned=TRUE policy_version=1.2.3\n"
		 IPE_DENY, 0, 0, 0, "policy_unsigned=TRUE as a name"),

	/* DEFAULT. */
	IPE_SAME(IPE_HEADER, -EBADMSG, 0, 0, "no default"),
	IPE_SAME(IPE_HEADER "op=EXECUTE action=ALLOW\n", -EBADMSG, 0, 0,
		 "a rule, and no default"),
	IPE_SAME(IPE_HEADER "DEFAULT action=ALLOW\n", 0, 0, 0,
		 "allowed by default"),
	IPE_SAME(IPE_HEADER
		 "DEFAULT op=EXECUTE action=ALLOW\n"
		 "DEFAULT op=FIRMWARE action=ALLOW\n"
		 "DEFAULT op=KMODULE action=ALLOW\n"
		 "DEFAULT op=KEXEC_IMAGE action=ALLOW\n"
		 "DEFAULT op=KEXEC_INITRAMFS action=ALLOW\n"
		 "DEFAULT op=POLICY action=ALLOW\n"
		 "DEFAULT op=X509_CERT action=DENY\n", 0, 0, 0,
		 "a default for each operation"),
	IPE_SAME(IPE_HEADER
		 "DEFAULT op=EXECUTE action=ALLOW\n"
		 "DEFAULT op=FIRMWARE action=ALLOW\n"
		 "DEFAULT op=KMODULE action=ALLOW\n"
		 "DEFAULT op=KEXEC_IMAGE action=ALLOW\n"
		 "DEFAULT op=KEXEC_INITRAMFS action=ALLOW\n"
		 "DEFAULT op=POLICY action=ALLOW\n", -EBADMSG, 0, 0,
		 "a default for all operations but one"),
	IPE_SAME(IPE_HEADER "op=EXECUTE action=ALLOW\n" IPE_DENY, 0, 0, 0,
		 "a default behind a rule"),
	IPE_SAME(IPE_START "DEFAULT op=EXECUTE action=ALLOW\n", 0, 0, 0,
		 "a default of an operation behind the global one"),
	IPE_SAME(IPE_START IPE_DENY, -EBADMSG, 3, 0, "two global defaults"),
	IPE_SAME(IPE_START "DEFAULT op=EXECUTE action=ALLOW\n"
		 "DEFAULT op=EXECUTE action=ALLOW\n", -EBADMSG, 4, 0,
		 "two defaults of one operation"),
	IPE_SAME(IPE_START "DEFAULT\n", -EBADMSG, 3, 1, "nothing but DEFAULT"),
	IPE_SAME(IPE_START "DEFAULT op=EXECUTE\n", -EBADMSG, 3, 9,
		 "a default without an action"),
	IPE_SAME(IPE_START "DEFAULT op=NONE action=ALLOW\n", -EBADMSG, 3, 9,
		 "a default of an unknown operation"),
	IPE_SAME(IPE_START "DEFAULT op= action=ALLOW\n", -EBADMSG, 3, 9,
		 "a default of no operation"),
	IPE_SAME(IPE_START "default action=ALLOW\n", -EBADMSG, 3, 1,
		 "DEFAULT in lower case"),
	IPE_SAME(IPE_START "DEFAULT DEFAULT action=ALLOW\n", -EBADMSG, 3, 9,
		 "DEFAULT twice"),
	IPE_SAME(IPE_START "op=EXECUTE DEFAULT action=ALLOW\n", -EBADMSG,
		 3, 12, "DEFAULT behind the operation"),
	IPE_SAME(IPE_START "DEFAULT=x action=ALLOW\n", -EBADMSG, 3, 1,
		 "DEFAULT with a value"),
	IPE_SAME(IPE_START
		 "DEFAULT op=EXECUTE boot_verified=TRUE action=ALLOW\n",
		 -EBADMSG, 3, 0, "a default with a property"),
	IPE_SAME(IPE_START "DEFAULT boot_verified=TRUE action=ALLOW\n",
		 -EBADMSG, 3, 9, "a global default with a property"),
	IPE_SAME(IPE_START
		 "DEFAULT op=EXECUTE fsverity_digest=sha256:x action=ALLOW\n",
		 -EINVAL, 3, 20, "a default with a bad digest"),
	IPE_SAME(IPE_START
		 "DEFAULT op=EXECUTE fsverity_digest=sha256:ab action=allow\n",
		 -EBADMSG, 3, 46, "a default with a property and a bad action"),

	/* Operations. */
	IPE_SAME(IPE_START
		 "op=EXECUTE action=ALLOW\n"
		 "op=FIRMWARE action=ALLOW\n"
		 "op=KMODULE action=ALLOW\n"
		 "op=KEXEC_IMAGE action=ALLOW\n"
		 "op=KEXEC_INITRAMFS action=ALLOW\n"
		 "op=POLICY action=ALLOW\n"
		 "op=X509_CERT action=ALLOW\n", 0, 0, 0, "each operation"),
	IPE_SAME(IPE_START "op=execute action=ALLOW\n", -EBADMSG, 3, 1,
		 "an operation in lower case"),
	IPE_SAME(IPE_START "op=EXECUTED action=ALLOW\n", -EBADMSG, 3, 1,
		 "an operation and more"),
	IPE_SAME(IPE_START "op=EXEC action=ALLOW\n", -EBADMSG, 3, 1,
		 "an operation cut short"),
	IPE_SAME(IPE_START "op=UNKNOWN action=ALLOW\n", -EBADMSG, 3, 1,
		 "an operation that is only a word for others"),
	IPE_SAME(IPE_START "op= action=ALLOW\n", -EBADMSG, 3, 1,
		 "an empty operation"),
	IPE_SAME(IPE_START "op action=ALLOW\n", -EBADMSG, 3, 1,
		 "an operation without ="),
	IPE_SAME(IPE_START "OP=EXECUTE action=ALLOW\n", -EBADMSG, 3, 1,
		 "op in upper case"),
	IPE_SAME(IPE_START "boot_verified=TRUE op=EXECUTE action=ALLOW\n",
		 -EBADMSG, 3, 1, "a property before the operation"),
	IPE_SAME(IPE_START "fsverity_digest=x:x op=EXECUTE action=ALLOW\n",
		 -EBADMSG, 3, 1, "a bad digest before the operation"),
	IPE_SAME(IPE_START "action=ALLOW op=EXECUTE\n", -EBADMSG, 3, 1,
		 "the action before the operation"),
	IPE_SAME(IPE_START "op=EXECUTE op=EXECUTE action=ALLOW\n", -EBADMSG,
		 3, 12, "two operations"),
	IPE_SAME(IPE_START "op=EXECUTE op=KMODULE action=ALLOW\n", -EBADMSG,
		 3, 12, "two different operations"),
	IPE_SAME(IPE_START "action=ALLOW\n", -EBADMSG, 3, 1,
		 "nothing but an action"),
	IPE_SAME(IPE_START "  x\n", -EBADMSG, 3, 3, "a word"),

	/* Actions. */
	IPE_SAME(IPE_START "op=EXECUTE action=DENY\n", 0, 0, 0, "a denial"),
	IPE_SAME(IPE_START "op=EXECUTE\n", -EBADMSG, 3, 1, "no action"),
	IPE_SAME(IPE_START "op=EXECUTE boot_verified=TRUE\n", -EBADMSG, 3, 12,
		 "a property instead of an action"),
	IPE_SAME(IPE_START "op=EXECUTE action=\n", -EBADMSG, 3, 12,
		 "an empty action"),
	IPE_SAME(IPE_START "op=EXECUTE action=allow\n", -EBADMSG, 3, 12,
		 "an action in lower case"),
	IPE_SAME(IPE_START "op=EXECUTE action=ALLOWED\n", -EBADMSG, 3, 12,
		 "an action and more"),
	IPE_SAME(IPE_START "op=EXECUTE action=ALLOW action=DENY\n", -EBADMSG,
		 3, 12, "two actions"),
	IPE_SAME(IPE_START "op=EXECUTE action=ALLOW boot_verified=TRUE\n",
		 -EBADMSG, 3, 12, "a property behind the action"),
	IPE_SAME(IPE_START "op=EXECUTE action=UNSET\n", -EBADMSG, 3, 12,
		 "an action that no policy has"),

	/* Booleans. */
	IPE_SAME(IPE_START
		 "op=EXECUTE boot_verified=TRUE action=ALLOW\n"
		 "op=EXECUTE boot_verified=FALSE action=ALLOW\n"
		 "op=EXECUTE dmverity_signature=TRUE action=ALLOW\n"
		 "op=EXECUTE dmverity_signature=FALSE action=ALLOW\n"
		 "op=EXECUTE fsverity_signature=TRUE action=ALLOW\n"
		 "op=EXECUTE fsverity_signature=FALSE action=ALLOW\n", 0, 0, 0,
		 "each boolean"),
	IPE_SAME(IPE_START "op=EXECUTE boot_verified=TRUE "
		 "dmverity_signature=TRUE fsverity_signature=FALSE "
		 "action=ALLOW\n", 0, 0, 0, "three booleans"),
	IPE_SAME(IPE_START "op=EXECUTE boot_verified=TRUE boot_verified=TRUE "
		 "action=ALLOW\n", 0, 0, 0, "a boolean twice"),
	IPE_SAME(IPE_START "op=EXECUTE boot_verified=TRUE boot_verified=FALSE "
		 "action=ALLOW\n", 0, 0, 0, "a contradiction"),
	IPE_SAME(IPE_START "op=EXECUTE boot_verified=true action=ALLOW\n",
		 -EBADMSG, 3, 12, "true in lower case"),
	IPE_SAME(IPE_START "op=EXECUTE boot_verified=1 action=ALLOW\n",
		 -EBADMSG, 3, 12, "a boolean of 1"),
	IPE_SAME(IPE_START "op=EXECUTE boot_verified= action=ALLOW\n",
		 -EBADMSG, 3, 12, "an empty boolean"),
	IPE_SAME(IPE_START "op=EXECUTE boot_verified action=ALLOW\n", -EBADMSG,
		 3, 12, "a boolean without ="),
	IPE_SAME(IPE_START "op=EXECUTE boot_verified=TRUE\xa0 action=ALLOW\n",
		 -EBADMSG, 3, 12, "a boolean and a no-break space"),
	IPE_SAME(IPE_START "op=EXECUTE BOOT_VERIFIED=TRUE action=ALLOW\n",
		 -EBADMSG, 3, 12, "a property in upper case"),
	IPE_SAME(IPE_START "op=EXECUTE selinux=TRUE action=ALLOW\n", -EBADMSG,
		 3, 12, "an unknown property"),
	IPE_SAME(IPE_START "op=EXECUTE =TRUE action=ALLOW\n", -EBADMSG, 3, 12,
		 "a property without a name"),
	IPE_SAME(IPE_START "op=EXECUTE boot_verified=TRUE x action=ALLOW\n",
		 -EBADMSG, 3, 31, "a word behind a property"),
	IPE_OURS(IPE_START "op=EXECUTE dmverity_cmdline=TRUE action=ALLOW\n"
		 "op=EXECUTE dmverity_cmdline=FALSE action=ALLOW\n", 0, 0, 0,
		 "the root of the command line"),
	IPE_SAME(IPE_START "op=EXECUTE dmverity_cmdline=x action=ALLOW\n",
		 -EBADMSG, 3, 12, "the root of the command line, misspelt"),

	/* Digests. */
	IPE_SAME(IPE_START "op=EXECUTE fsverity_digest=sha256:" IPE_AB64
		 " action=ALLOW\n", 0, 0, 0, "an fs-verity digest"),
	IPE_SAME(IPE_START "op=EXECUTE dmverity_roothash=sha256:" IPE_AB64
		 " action=ALLOW\n", 0, 0, 0, "a root hash"),
	IPE_SAME(IPE_START "op=EXECUTE dmverity_roothash=sha256:" IPE_AB64
		 " fsverity_digest=sha512:" IPE_AB64 IPE_AB64
		 " boot_verified=FALSE action=ALLOW\n", 0, 0, 0,
		 "both, and a boolean"),
	IPE_SAME(IPE_START "op=EXECUTE fsverity_digest=sha256:aBcDeF "
		 "action=ALLOW\n", 0, 0, 0, "upper case digits"),
	IPE_SAME(IPE_START "op=EXECUTE fsverity_digest=sha256: action=ALLOW\n",
		 0, 0, 0, "no digits"),
	IPE_SAME(IPE_START "op=EXECUTE fsverity_digest=:ab action=ALLOW\n",
		 0, 0, 0, "no algorithm"),
	IPE_SAME(IPE_START "op=EXECUTE fsverity_digest=: action=ALLOW\n",
		 0, 0, 0, "nothing but a colon"),
	IPE_SAME(IPE_START "op=EXECUTE fsverity_digest=crc32=\xff:00 "
		 "action=ALLOW\n", 0, 0, 0, "an unknown algorithm"),
	IPE_SAME(IPE_START "op=EXECUTE fsverity_digest=sha256:00 "
		 "fsverity_digest=sha256:01 action=ALLOW\n", 0, 0, 0,
		 "two digests of one kind"),
	IPE_SAME(IPE_START "op=EXECUTE fsverity_digest= action=ALLOW\n",
		 -EBADMSG, 3, 12, "an empty fs-verity digest"),
	IPE_SAME(IPE_START "op=EXECUTE dmverity_roothash= action=ALLOW\n",
		 -EBADMSG, 3, 12, "an empty root hash"),
	IPE_SAME(IPE_START "op=EXECUTE fsverity_digest action=ALLOW\n",
		 -EBADMSG, 3, 12, "a digest without ="),
	IPE_SAME(IPE_START "op=EXECUTE fsverity_digest=" IPE_AB64
		 " action=ALLOW\n", -EBADMSG, 3, 12, "no colon"),
	IPE_SAME(IPE_START "op=EXECUTE fsverity_digest=TRUE action=ALLOW\n",
		 -EBADMSG, 3, 12, "a boolean where a digest belongs"),
	IPE_SAME(IPE_START "op=EXECUTE fsverity_digest=sha256:abc "
		 "action=ALLOW\n", -EINVAL, 3, 12, "an odd number of digits"),
	IPE_SAME(IPE_START "op=EXECUTE fsverity_digest=sha256:0 "
		 "action=ALLOW\n", -EINVAL, 3, 12, "one digit"),
	IPE_SAME(IPE_START "op=EXECUTE fsverity_digest=sha256:ag "
		 "action=ALLOW\n", -EINVAL, 3, 12, "a letter that is no digit"),
	IPE_SAME(IPE_START "op=EXECUTE dmverity_roothash=sha256:@`/: "
		 "action=ALLOW\n", -EINVAL, 3, 12, "the neighbours of digits"),
	IPE_SAME(IPE_START "op=EXECUTE dmverity_roothash=sha256:0x00 "
		 "action=ALLOW\n", -EINVAL, 3, 12, "0x before the digits"),
	IPE_SAME(IPE_START "op=EXECUTE dmverity_roothash=a:b:ab "
		 "action=ALLOW\n", -EINVAL, 3, 12, "two colons"),
	IPE_SAME(IPE_START "op=EXECUTE fsverity_digest=sha256:\xa0\xa0 "
		 "action=ALLOW\n", -EINVAL, 3, 12, "a no-break space as digit"),
	IPE_SAME(IPE_START "op=EXECUTE fsverity_digest=sha256: ab "
		 "action=ALLOW\n", -EBADMSG, 3, 36, "space behind the colon"),
	IPE_SAME(IPE_START "op=EXECUTE fsverity_digest=x:g x action=ALLOW\n",
		 -EINVAL, 3, 12, "a bad digest before a bad word"),
	IPE_SAME(IPE_START "op=EXECUTE x fsverity_digest=x:g action=ALLOW\n",
		 -EBADMSG, 3, 12, "a bad word before a bad digest"),
	IPE_SAME(IPE_START "op=EXECUTE fsverity_digest=x:g action=allow\n",
		 -EINVAL, 3, 12, "a bad digest before a bad action"),
	IPE_SAME(IPE_START "op=EXECUTE fsverity_digest=x:g\n", -EBADMSG, 3, 12,
		 "a bad digest where the action belongs"),
	IPE_SAME(IPE_HEADER "op=EXECUTE fsverity_digest=x:g action=ALLOW\n",
		 -EINVAL, 2, 12, "a bad digest, and no default"),
};

#endif
