// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bytes from user space -> a policy text that a trusted key has signed, or that
 * comes from where a policy trusts it.
 */

#include <linux/asn1.h>
#include <linux/errno.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/verification.h>

#include "envelope.h"

/**
 * ipe_envelope_unsigned() - Wrap the text that the kernel image contains
 * @text: stays where it is, for good
 * @len: bytes of @text
 *
 * Return: an envelope that is as good as verified.
 */
struct ipe_envelope ipe_envelope_unsigned(const char *text, size_t len)
{
	struct ipe_envelope envelope = { .text = text, .text_len = len };

	sha256(NULL, 0, envelope.digest);
	return envelope;
}

/**
 * ipe_envelope_copy() - Fetch an envelope from user space
 * @envelope: overwritten; to be released, also after an error
 * @data: as write() gave it to us
 * @len: bytes of @data
 *
 * Return: %0, %-EMSGSIZE above IPE_ENVELOPE_MAX, which is what the decoder
 * would say, %-EBADMSG if there is nothing, %-EFAULT, %-ENOMEM.
 */
int ipe_envelope_copy(struct ipe_envelope *envelope, const char __user *data,
		      size_t len)
{
	u8 *copy;

	*envelope = (struct ipe_envelope){};
	if (len > IPE_ENVELOPE_MAX)
		return -EMSGSIZE;
	if (!len)
		return -EBADMSG;
	copy = kvmalloc(len, GFP_KERNEL_ACCOUNT);
	if (!copy)
		return -ENOMEM;
	if (copy_from_user(copy, data, len)) {
		kvfree(copy);
		return -EFAULT;
	}
	ipe_envelope_adopt(envelope, copy, len);
	return 0;
}

/**
 * ipe_envelope_adopt() - Make an envelope of bytes
 * @envelope: overwritten; to be released
 * @data: of kvmalloc() or vmalloc(); owned by the envelope afterwards
 * @len: bytes of @data, at least one
 */
void ipe_envelope_adopt(struct ipe_envelope *envelope, u8 *data, size_t len)
{
	*envelope = (struct ipe_envelope){ .data = data, .len = len };
	sha256(data, len, envelope->digest);
}

/**
 * ipe_envelope_release() - Free what an envelope owns; empty ones are fine
 * @envelope: empty afterwards
 */
void ipe_envelope_release(struct ipe_envelope *envelope)
{
	kvfree(envelope->data);
	*envelope = (struct ipe_envelope){};
}

/**
 * struct element - the head of a BER element
 * @is_end: an end-of-contents marker
 * @is_open: of indefinite length: the elements that follow, up to a marker
 * @body: otherwise the bytes that follow
 */
struct element {
	bool is_end;
	bool is_open;
	size_t body;
};

/* Reads a head at *@at and moves *@at behind it. */
static int read_head(const u8 **at, const u8 *end, struct element *ret)
{
	const u8 *p = *at;
	unsigned int n;
	u8 tag;

	*ret = (struct element){};
	if (end - p < 2)
		return -EBADMSG;
	tag = *p++;
	if ((tag & 0x1f) == ASN1_LONG_TAG)
		do {
			if (end - p < 2)
				return -EBADMSG;
		} while (*p++ & 0x80);

	n = *p++;
	if (n == ASN1_INDEFINITE_LENGTH) {
		if (!(tag & ASN1_CONS_BIT))
			return -EBADMSG;
		ret->is_open = true;
	} else if (n < ASN1_INDEFINITE_LENGTH) {
		ret->body = n;
	} else {
		n -= ASN1_INDEFINITE_LENGTH;
		if (n >= sizeof(ret->body) || n > end - p)
			return -EBADMSG;
		while (n--)
			ret->body = ret->body << 8 | *p++;
	}
	if (ret->body > end - p)
		return -EBADMSG;
	ret->is_end = tag == ASN1_EOC;
	*at = p;
	return ret->is_end && ret->body ? -EBADMSG : 0;
}

/**
 * ipe_envelope_message_len() - How long is the message at the start of a blob?
 * @data: from user space, not verified
 * @len: bytes of @data
 *
 * DER says so in its first bytes. The kernel's decoder accepts BER's indefinite
 * lengths too; those end at a marker, which is found by stepping over the
 * elements, without recursion and never beyond @len.
 *
 * Return: bytes of the message, or %-EBADMSG if it does not end within @len.
 */
ssize_t ipe_envelope_message_len(const u8 *data, size_t len)
{
	const u8 *at = data, *end = data + len;
	struct element element;
	size_t open = 0;
	int r;

	do {
		r = read_head(&at, end, &element);
		if (r)
			return r;
		if (element.is_end) {
			if (!open)
				return -EBADMSG;
			open--;
		} else if (element.is_open) {
			open++;
		} else {
			at += element.body;
		}
	} while (open);
	return at - data;
}

static int take_content(void *ctx, const void *data, size_t len,
			size_t asn1hdrlen)
{
	struct ipe_envelope *envelope = ctx;

	envelope->text = data;
	envelope->text_len = len;
	return 0;
}

static int verify_with(struct ipe_envelope *envelope, struct key *keyring)
{
	return verify_pkcs7_signature(NULL, 0, envelope->data, envelope->len,
				      keyring, VERIFYING_UNSPECIFIED_SIGNATURE,
				      take_content, envelope);
}

/**
 * ipe_envelope_verify() - Check who signed, and find the text
 * @envelope: copied; &ipe_envelope.text is set on success
 *
 * Bytes behind the message would be in the digest and in the file "pkcs7"
 * without being signed: they are refused.
 *
 * Return: %0; %-EBADMSG if this is not one PKCS#7 message, %-ENOKEY if nobody
 * trusts the signer, %-EKEYREJECTED if the signature or the key is wrong,
 * %-ENOPKG for an algorithm that the kernel lacks, or another error of
 * verify_pkcs7_signature().
 */
int ipe_envelope_verify(struct ipe_envelope *envelope)
{
	struct key *keyring = NULL;
	ssize_t len;
	int r;

	len = ipe_envelope_message_len(envelope->data, envelope->len);
	if (len < 0)
		return len;
	if (len != envelope->len)
		return -EBADMSG;

	if (IS_ENABLED(CONFIG_IPE_POLICY_SIG_SECONDARY_KEYRING))
		keyring = VERIFY_USE_SECONDARY_KEYRING;
	r = verify_with(envelope, keyring);
	if (IS_ENABLED(CONFIG_IPE_POLICY_SIG_PLATFORM_KEYRING) &&
	    (r == -ENOKEY || r == -EKEYREJECTED))
		r = verify_with(envelope, VERIFY_USE_PLATFORM_KEYRING);
	envelope->is_signed = !r;
	return r;
}

/**
 * ipe_envelope_looks_signed() - Is this a message and not a text?
 * @envelope: not verified
 *
 * Return: whether it begins as a PKCS#7 message does, and as no policy text can.
 */
bool ipe_envelope_looks_signed(const struct ipe_envelope *envelope)
{
	return envelope->data[0] == (ASN1_CONS_BIT | ASN1_SEQ);
}

/**
 * ipe_envelope_trust() - Take the bytes as a policy text, without a signature
 * @envelope: not verified; something else vouches for the bytes
 */
void ipe_envelope_trust(struct ipe_envelope *envelope)
{
	envelope->text = envelope->data;
	envelope->text_len = envelope->len;
}
