/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A policy as it comes from user space. A signed policy has one of two forms: a
 * PKCS#7 message in DER with the policy text as its content, which the kernel
 * decodes up to 64 KiB; or the text followed by a detached signature, as signed
 * modules have it. It is copied first, then verified; only then is there a
 * text. A text without a signature is accepted from the kernel image, and from
 * files for which a policy vouches: see provenance.c.
 */
#ifndef _SECURITY_IPE_ENVELOPE_H
#define _SECURITY_IPE_ENVELOPE_H

#include <linux/types.h>
#include <crypto/sha2.h>

#include "policy/policy.h"

/* Bytes that the kernel's ASN.1 decoder accepts. */
#define IPE_MESSAGE_MAX 65535

/* Bytes of a text, and room for a signature and its trailer. */
#define IPE_ENVELOPE_MAX (IPE_POLICY_TEXT_MAX + (128U << 10))

/**
 * struct ipe_envelope - bytes, and the policy text in them
 * @data: owned; NULL for the boot policy
 * @len: bytes of @data
 * @is_signed: a signature in @data is verified
 * @text: inside @data, or the boot policy in the kernel image. NULL until the
 *	signature is verified, or a rule vouches for the bytes
 * @text_len: bytes of @text
 * @digest: SHA-256 of @data; of zero bytes for the boot policy
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
