/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A policy as it comes from user space, in one of two forms: one DER PKCS#7
 * message with the policy text as its content; or, as the decoder of such
 * messages takes 64 KiB and no more, the text followed by a detached signature,
 * in the way that modules are signed. Copied first, then verified; only then is
 * there a text. A text without a signature is accepted from the kernel image, and from files
 * for which a policy vouches: see provenance.c.
 */
#ifndef _SECURITY_IPE_ENVELOPE_H
#define _SECURITY_IPE_ENVELOPE_H

#include <linux/types.h>
#include <crypto/sha2.h>

#include "policy/policy.h"

/* Bytes that the kernel's ASN.1 decoder takes. */
#define IPE_MESSAGE_MAX 65535

/* A text, and what a signature and its trailer can have. */
#define IPE_ENVELOPE_MAX (IPE_POLICY_TEXT_MAX + (128U << 10))

/**
 * struct ipe_envelope - bytes, and the policy text in them
 * @data: owned; NULL for the boot policy
 * @len: bytes of @data
 * @is_signed: a signature in @data is verified
 * @text: inside @data, or the boot policy in the kernel image. NULL until the
 *	signature is verified, or something else vouches for the bytes
 * @text_len: bytes of @text
 * @digest: SHA-256 of @data, made when it was copied; of nothing for the boot
 *	policy
 */
struct ipe_envelope {
	u8 *data;
	size_t len;
	bool is_signed;
	const char *text;
	size_t text_len;
	u8 digest[SHA256_DIGEST_SIZE];
};

struct ipe_envelope ipe_envelope_unsigned(const char *text, size_t len);
int ipe_envelope_copy(struct ipe_envelope *envelope, const char __user *data,
		      size_t len);
void ipe_envelope_adopt(struct ipe_envelope *envelope, u8 *data, size_t len);
bool ipe_envelope_looks_signed(const struct ipe_envelope *envelope);
int ipe_envelope_verify(struct ipe_envelope *envelope);
void ipe_envelope_trust(struct ipe_envelope *envelope);
void ipe_envelope_release(struct ipe_envelope *envelope);
ssize_t ipe_envelope_message_len(const u8 *data, size_t len);

#endif
