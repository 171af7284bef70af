// SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later
/*
 * The words of the language: operations, actions, properties.
 */

#include "internal.h"

static const char *const op_names[IPE_OP_COUNT + 1] = {
	[IPE_OP_EXECUTE] = "EXECUTE",
	[IPE_OP_FIRMWARE] = "FIRMWARE",
	[IPE_OP_KMODULE] = "KMODULE",
	[IPE_OP_KEXEC_IMAGE] = "KEXEC_IMAGE",
	[IPE_OP_KEXEC_INITRAMFS] = "KEXEC_INITRAMFS",
	[IPE_OP_POLICY] = "POLICY",
	[IPE_OP_X509_CERT] = "X509_CERT",
	[IPE_OP_UNKNOWN] = "UNKNOWN",
};

static const struct ipe_property builtin[IPE_PROPERTY_BUILTIN_COUNT] = {
	[IPE_PROPERTY_BOOT_VERIFIED] = {
		"boot_verified", IPE_PROPERTY_BOOLEAN, false },
	[IPE_PROPERTY_DMVERITY_ROOTHASH] = {
		"dmverity_roothash", IPE_PROPERTY_DIGEST, false },
	[IPE_PROPERTY_DMVERITY_SIGNATURE] = {
		"dmverity_signature", IPE_PROPERTY_BOOLEAN, false },
	[IPE_PROPERTY_FSVERITY_DIGEST] = {
		"fsverity_digest", IPE_PROPERTY_DIGEST, false },
	[IPE_PROPERTY_FSVERITY_SIGNATURE] = {
		"fsverity_signature", IPE_PROPERTY_BOOLEAN, false },
	[IPE_PROPERTY_DMVERITY_CMDLINE] = {
		"dmverity_cmdline", IPE_PROPERTY_BOOLEAN, true },
};

/**
 * ipe_op_name() - The word for an operation
 * @op: may be IPE_OP_UNKNOWN
 *
 * Return: a static string.
 */
const char *ipe_op_name(enum ipe_op op)
{
	return op_names[op <= IPE_OP_COUNT ? op : IPE_OP_UNKNOWN];
}

/**
 * ipe_action_name() - The word for an action
 * @action: not IPE_ACTION_UNSET
 *
 * Return: a static string.
 */
const char *ipe_action_name(enum ipe_action action)
{
	return action == IPE_ACTION_ALLOW ? "ALLOW" : "DENY";
}

static int add_property(struct ipe_vocabulary *vocabulary,
			const struct ipe_property *property)
{
	bool digest = property->kind == IPE_PROPERTY_DIGEST;
	unsigned int *n = digest ? &vocabulary->n_digests :
				   &vocabulary->n_booleans;
	unsigned int max = digest ? IPE_DIGESTS_MAX : IPE_BOOLEANS_MAX;

	if (strlen(property->name) > U8_MAX)
		return -ENOSPC;
	if (*n >= max || vocabulary->n_properties >= IPE_PROPERTIES_MAX)
		return -ENOSPC;
	vocabulary->properties[vocabulary->n_properties] = *property;
	vocabulary->name_len[vocabulary->n_properties] = strlen(property->name);
	vocabulary->slot[vocabulary->n_properties] = (*n)++;
	return vocabulary->n_properties++;
}

/**
 * ipe_vocabulary_init() - Fill in the builtin properties, none answered
 * @vocabulary: overwritten
 */
void ipe_vocabulary_init(struct ipe_vocabulary *vocabulary)
{
	unsigned int i;

	*vocabulary = (struct ipe_vocabulary){};
	for (i = 0; i < IPE_PROPERTY_BUILTIN_COUNT; i++)
		add_property(vocabulary, &builtin[i]);
}

/**
 * ipe_vocabulary_answer() - Note that a provider answers a property
 * @vocabulary: not yet in use by any policy
 * @property: a builtin property, recognised by its name, or a new one
 *
 * Return: the property's number, %-ENOSPC or %-EEXIST; see policy.h.
 */
int ipe_vocabulary_answer(struct ipe_vocabulary *vocabulary,
			  const struct ipe_property *property)
{
	const struct ipe_property *known;
	int id;

	for (id = 0; id < (int)vocabulary->n_properties; id++) {
		known = &vocabulary->properties[id];
		if (strcmp(known->name, property->name))
			continue;
		if (known->kind != property->kind)
			return -EEXIST;
		break;
	}
	if (id == (int)vocabulary->n_properties) {
		id = add_property(vocabulary, property);
		if (id < 0)
			return id;
	}
	vocabulary->answered |= 1U << id;
	return id;
}

/**
 * ipe_vocabulary_answer_builtin() - Note that all builtin properties are
 * answered
 * @vocabulary: not yet in use by any policy
 */
void ipe_vocabulary_answer_builtin(struct ipe_vocabulary *vocabulary)
{
	vocabulary->answered |= (1U << IPE_PROPERTY_BUILTIN_COUNT) - 1;
}

/**
 * ipe_vocabulary_find() - Find the property that a token of a rule names
 * @vocabulary: to be searched
 * @token: "NAME=VALUE"
 * @ret_value: the text behind the '='; unchanged if there is no such property
 *
 * Return: the property's number, or %-ENOENT.
 */
int ipe_vocabulary_find(const struct ipe_vocabulary *vocabulary,
			const struct ipe_token *token,
			struct ipe_token *ret_value)
{
	unsigned int i, len;

	for (i = 0; i < vocabulary->n_properties; i++) {
		len = vocabulary->name_len[i];
		if (token->len <= len || token->text[len] != '=' ||
		    memcmp(token->text, vocabulary->properties[i].name, len))
			continue;
		ret_value->text = token->text + len + 1;
		ret_value->len = token->len - len - 1;
		return i;
	}
	return -ENOENT;
}
