/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/*
 * Remarks of user space about a policy that the kernel accepts, as upstream
 * does: likely mistakes, and gaps that root can use. They are only about the
 * text. A caller that knows the state of the machine drops the remarks that
 * this state answers: see IPE_LINT_KEYRING.
 */
#ifndef IPE_POLICY_LINT_H
#define IPE_POLICY_LINT_H

#include "policy.h"

/**
 * enum ipe_lint_kind - kinds of remarks about a line
 * @IPE_LINT_ALGORITHM: the kernel has no digest of that algorithm for this
 *	property
 * @IPE_LINT_LENGTH: a digest of that algorithm has another length
 * @IPE_LINT_CONTRADICTION: no file can have all properties of the rule
 * @IPE_LINT_UNANSWERED: no provider answers a property of the rule
 * @IPE_LINT_SHADOWED: earlier rules match whatever this one matches
 * @IPE_LINT_KEXEC: execution is restricted, but kexec may load a kernel, or an
 *	initramfs for it, without any check
 * @IPE_LINT_EXTENDED: upstream kernels refuse the policy because of this; a
 *	note, not a mistake
 * @IPE_LINT_KEYRING: the policy depends on the keyring .fs-verity, to which
 *	root can add keys until it is sealed; a note, as no change of the text
 *	helps. Once for each policy, at the first such rule
 */
enum ipe_lint_kind {
	IPE_LINT_ALGORITHM,
	IPE_LINT_LENGTH,
	IPE_LINT_CONTRADICTION,
	IPE_LINT_UNANSWERED,
	IPE_LINT_SHADOWED,
	IPE_LINT_KEXEC,
	IPE_LINT_EXTENDED,
	IPE_LINT_KEYRING,
};

/**
 * struct ipe_lint - one remark
 * @kind: of the remark
 * @line: counted from 1
 * @column: byte in the line, counted from 1: of the property, or of the whole
 *	rule or DEFAULT
 * @other_line: IPE_LINT_SHADOWED: a rule that matches first; else 0
 * @sentence: static text
 */
struct ipe_lint {
	enum ipe_lint_kind kind;
	unsigned int line;
	unsigned int column;
	unsigned int other_line;
	const char *sentence;
};

typedef void (*ipe_lint_fn)(const struct ipe_lint *lint, void *userdata);

/* Calls @fn for each remark, in the order of the text. */
void ipe_policy_lint(const struct ipe_policy *policy, ipe_lint_fn fn,
		     void *userdata);

/*
 * The line of the remark IPE_LINT_KEYRING, counted from 1; 0 if there is none.
 */
unsigned int ipe_lint_keyring_line(const struct ipe_policy *policy);

#endif
