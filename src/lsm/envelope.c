// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bytes from user space -> a policy text that a trusted key has signed, or
 * whose origin a policy trusts.
 */

#include <crypto/hash.h>
#include <linux/asn1.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/mm.h>
#include <linux/minmax.h>
#include <linux/module_signature.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/verification.h>
#include <linux/vmalloc.h>

/* No public header gives access to the signers of a message. */
#include "../../crypto/asymmetric_keys/pkcs7_parser.h"

#include "envelope.h"

/**
 * ipe_envelope_unsigned() - Wrap the text that the kernel image contains
 * @text: never freed
 * @len: bytes of @text
 *
 * Return: an envelope that counts as verified.
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
 * Return: %0, %-EMSGSIZE above IPE_ENVELOPE_MAX, %-EBADMSG if it is empty,
 * %-EFAULT, %-ENOMEM.
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
	/*
	 * As ipe_port_alloc(), but not zeroed: all of it is about to be
	 * written.
	 */
	copy = len > IPE_PORT_PAGES ? __vmalloc(len, GFP_KERNEL_ACCOUNT) :
				      kvmalloc(len, GFP_KERNEL_ACCOUNT);
	if (!copy)
		return -ENOMEM;
	if (copy_from_user(copy, data, len)) {
		kvfree(copy);
		return -EFAULT;
	}
	ipe_envelope_adopt(envelope, copy, len);
	return 0;
}

/* Bytes between two calls of cond_resched(). */
#define DIGEST_STEP SZ_1M

/* The crypto API may use instructions of the processor for SHA-256. */
static int digest_quickly(const u8 *data, size_t len, u8 *ret)
{
	struct crypto_shash *tfm = crypto_alloc_shash("sha256", 0, 0);
	size_t step;
	int r;

	if (IS_ERR(tfm))
		return PTR_ERR(tfm);

	SHASH_DESC_ON_STACK(desc, tfm);

	desc->tfm = tfm;
	r = crypto_shash_init(desc);
	for (; !r && len; data += step, len -= step) {
		step = min_t(size_t, len, DIGEST_STEP);
		r = crypto_shash_update(desc, data, step);
		cond_resched();
	}
	if (!r)
		r = crypto_shash_final(desc, ret);
	shash_desc_zero(desc);
	crypto_free_shash(tfm);
	return r;
}

/**
 * ipe_envelope_adopt() - Make an envelope of bytes
 * @envelope: overwritten; to be released
 * @data: of kvmalloc() or vmalloc(); owned by the envelope afterwards
 * @len: bytes of @data, at least one
 *
 * Context: Process context; may sleep.
 */
void ipe_envelope_adopt(struct ipe_envelope *envelope, u8 *data, size_t len)
{
	*envelope = (struct ipe_envelope){ .data = data, .len = len };
	if (digest_quickly(data, len, envelope->digest))
		sha256(data, len, envelope->digest);
}

/**
 * ipe_envelope_release() - Free the memory of an envelope; an empty one is fine
 * @envelope: empty afterwards
 */
void ipe_envelope_release(struct ipe_envelope *envelope)
{
	kvfree(envelope->data);
	*envelope = (struct ipe_envelope){};
}

/**
 * struct element - the head of a BER element
 * @is_end: it is an end-of-contents marker
 * @is_open: its length is indefinite: it contains the elements up to a marker
 * @body: otherwise the length of its contents
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
 * ipe_envelope_message_len() - The length of the PKCS#7 message at the start
 * @data: from user space, not verified
 * @len: bytes of @data
 *
 * DER has the length in its first bytes. The kernel's decoder also accepts the
 * indefinite lengths of BER, which end at a marker. To find it, this steps over
 * the elements, without recursion and never beyond @len.
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

/* The first byte is that of a PKCS#7 message; no policy text has it. */
static bool is_message(const struct ipe_envelope *envelope)
{
	return envelope->data[0] == (ASN1_CONS_BIT | ASN1_SEQ);
}

#define MARK_LEN (sizeof(MODULE_SIG_STRING) - 1)

/* Does it end as a signed module does? */
static bool has_mark(const struct ipe_envelope *envelope)
{
	return envelope->len >= MARK_LEN &&
	       !memcmp(envelope->data + envelope->len - MARK_LEN,
		       MODULE_SIG_STRING, MARK_LEN);
}

/**
 * ipe_envelope_looks_signed() - Has it one of the forms of a signed policy?
 * @envelope: not verified
 *
 * Return: %false if it can only be a text.
 */
bool ipe_envelope_looks_signed(const struct ipe_envelope *envelope)
{
	return is_message(envelope) || has_mark(envelope);
}

static int take_content(void *ctx, const void *data, size_t len,
			size_t asn1hdrlen)
{
	struct ipe_envelope *envelope = ctx;

	envelope->text = data;
	envelope->text_len = len;
	return 0;
}

/**
 * struct layout - where the parts of an envelope are
 * @message: where the PKCS#7 message begins, behind the text that it signs; 0
 *	if the message contains the text
 * @end: where the message ends
 */
struct layout {
	size_t message;
	size_t end;
};

/*
 * Finds the signature before the trailer of a signed module. mod_check_sig()
 * makes sure that there is a text before it.
 */
static int split_trailer(const struct ipe_envelope *envelope,
			 struct layout *ret)
{
	struct module_signature about;
	size_t len;
	int r;

	if (envelope->len <= sizeof(about) + MARK_LEN)
		return -EBADMSG;
	len = envelope->len - MARK_LEN;
	ret->end = len - sizeof(about);
	memcpy(&about, envelope->data + ret->end, sizeof(about));
	r = mod_check_sig(&about, len, "IPE policy");
	if (!r)
		ret->message = ret->end - be32_to_cpu(about.sig_len);
	return r;
}

/* Finds the parts; refuses bytes behind a message, which would be unsigned. */
static int take_apart(const struct ipe_envelope *envelope, struct layout *ret)
{
	ssize_t len;
	size_t size;
	int r;

	*ret = (struct layout){ .end = envelope->len };
	if (has_mark(envelope) && !is_message(envelope)) {
		r = split_trailer(envelope, ret);
		if (r)
			return r;
	}
	size = ret->end - ret->message;
	if (size > IPE_MESSAGE_MAX)
		return -EMSGSIZE;
	len = ipe_envelope_message_len(envelope->data + ret->message, size);
	if (len < 0)
		return len;
	return len == size ? 0 : -EBADMSG;
}

/*
 * The kernel digests the whole text for each signer, before it looks the signer
 * up: many signers would keep it busy for minutes.
 */
static int check_signers(const struct pkcs7_message *message)
{
	const struct pkcs7_signed_info *signer = message->signed_infos;

	return signer && signer->next ? -EBADMSG : 0;
}

static int verify_with(struct ipe_envelope *envelope, const void *text,
		       const struct layout *layout,
		       struct pkcs7_message *message, struct key *keyring)
{
	return verify_pkcs7_message_sig(text, text ? layout->message : 0,
					message, keyring,
					VERIFYING_UNSPECIFIED_SIGNATURE,
					layout->message ? NULL : take_content,
					envelope);
}

/* After the first call the message holds the detached text, and its digest. */
static int verify_message(struct ipe_envelope *envelope,
			  const struct layout *layout,
			  struct pkcs7_message *message)
{
	struct key *keyring = NULL;
	int r;

	if (IS_ENABLED(CONFIG_IPE_POLICY_SIG_SECONDARY_KEYRING))
		keyring = VERIFY_USE_SECONDARY_KEYRING;
	r = verify_with(envelope, layout->message ? envelope->data : NULL,
			layout, message, keyring);
	if (IS_ENABLED(CONFIG_IPE_POLICY_SIG_PLATFORM_KEYRING) &&
	    (r == -ENOKEY || r == -EKEYREJECTED))
		r = verify_with(envelope, NULL, layout, message,
				VERIFY_USE_PLATFORM_KEYRING);
	return r;
}

/**
 * ipe_envelope_verify() - Verify the signature, and find the text
 * @envelope: copied; &ipe_envelope.text is set on success
 *
 * Refuses bytes behind the message: they would be in the digest and in the file
 * "pkcs7" without a signature.
 *
 * Return: %0; %-EBADMSG if this is neither one PKCS#7 message nor a text with a
 * signature behind it, or has more than one signer; %-EMSGSIZE if the message
 * is above IPE_MESSAGE_MAX, %-ENOKEY if no keyring trusts the signer,
 * %-EKEYREJECTED if the signature or the key is wrong, %-ENOPKG for an
 * algorithm that the kernel lacks, or another error of
 * verify_pkcs7_message_sig().
 */
int ipe_envelope_verify(struct ipe_envelope *envelope)
{
	struct pkcs7_message *message;
	struct layout layout;
	int r;

	r = take_apart(envelope, &layout);
	if (r)
		return r;
	message = pkcs7_parse_message(envelope->data + layout.message,
				      layout.end - layout.message);
	if (IS_ERR(message))
		return PTR_ERR(message);
	r = check_signers(message);
	if (!r)
		r = verify_message(envelope, &layout, message);
	pkcs7_free_message(message);
	if (!r && layout.message) {
		envelope->text = envelope->data;
		envelope->text_len = layout.message;
	}
	envelope->is_signed = !r;
	return r;
}

/**
 * ipe_envelope_trust() - Use the bytes as a policy text, without a signature
 * @envelope: not verified; a rule vouches for the bytes
 */
void ipe_envelope_trust(struct ipe_envelope *envelope)
{
	envelope->text = envelope->data;
	envelope->text_len = envelope->len;
}
