// SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later
/*
 * Decodes digests, eight digits at a step: a large policy is mostly digits.
 */

#include "internal.h"

/* The value of a hexadecimal digit plus one; 0 for other letters. */
static const u8 hex_values[256] = {
	['0'] = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
	['A'] = 11, 12, 13, 14, 15, 16,
	['a'] = 11, 12, 13, 14, 15, 16,
};

/*
 * Decodes eight digits at once, in the bytes of a word; the first digit is in
 * the lowest byte.
 *
 * The value that each byte has if it is a digit is encoded as a lower case
 * digit again: if this gives the same byte, it was a digit.
 */
static bool decode_word(u64 word, u64 *ret)
{
	const u64 ones = 0x0101010101010101ULL;
	u64 letters = word >> 6 & ones;
	u64 value = (word & 0x0f * ones) + 9 * letters;
	u64 above_nine = (value + 6 * ones) >> 4 & ones;
	u64 digit = value + 0x30 * ones + 0x27 * above_nine;

	*ret = value;
	return !((digit ^ (word | letters << 5)) | (value & 0x10 * ones));
}

/**
 * ipe_hex_decode() - Hexadecimal digits -> bytes
 * @hex: 2 * @n digits, in either case
 * @n: bytes
 * @ret: of @n bytes; undefined on failure
 *
 * Return: %false if one of them is no digit.
 */
bool ipe_hex_decode(const char *hex, size_t n, u8 *ret)
{
	unsigned int high, low;
	size_t i;
	u64 word;

	for (i = 0; i + 4 <= n; i += 4) {
		if (!decode_word(ipe_port_load(hex + 2 * i), &word))
			return false;
		/* Join two values to a byte, and the bytes to a word. */
		word = (word << 4 | word >> 8) & 0x00ff00ff00ff00ffULL;
		word = (word | word >> 8) & 0x0000ffff0000ffffULL;
		ipe_port_store32(ret + i, (u32)(word | word >> 16));
	}
	for (; i < n; i++) {
		high = hex_values[(u8)hex[2 * i]];
		low = hex_values[(u8)hex[2 * i + 1]];
		if (!high || !low)
			return false;
		ret[i] = (high - 1) << 4 | (low - 1);
	}
	return true;
}
