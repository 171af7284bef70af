// SPDX-License-Identifier: GPL-2.0-only
/*
 * Root hashes of the kernel command line.
 */

#include <kunit/test.h>

#include "providers/dm_verity.h"

#define HEX32 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define HEX64 HEX32 HEX32

static void hashes_are_found_as_the_kernel_splits_parameters(struct kunit *test)
{
	/* Lengths in bytes; the value is always 00 01 02 ... */
	static const struct {
		const char *cmdline;
		size_t root;
		size_t usr;
	} cases[] = {
		{ "", 0, 0 },
		{ "  ", 0, 0 },
		{ "quiet roothash=" HEX32 " rw", 32, 0 },
		{ "usrhash=" HEX32, 0, 32 },
		{ "roothash=0001 usrhash=" HEX64, 2, 64 },
		{ "roothash=\"0001\"", 2, 0 },
		{ "\"roothash=0001\"", 2, 0 },
		{ "x=\"a roothash=0001\" y", 0, 0 },
		{ "x=\"a b\" roothash=0001", 2, 0 },
		{ "-- roothash=0001", 2, 0 },
		{ "roothash=ff roothash=0001", 2, 0 },
		{ "roothash=0001 roothash=", 0, 0 },
		{ "roothash=0001 roothash", 0, 0 },
		{ "roothash=0001 roothash=zz", 0, 0 },
		{ "roothash=000", 0, 0 },
		{ "roothash=0001-", 0, 0 },
		{ "roothash=sha256:0001", 0, 0 },
		{ "roothash=" HEX64 "00", 0, 0 },
		{ "systemd.roothash=0001 xroothash=0001", 0, 0 },
		{ "roothash2=0001 ROOTHASH=0001 root=0001", 0, 0 },
	};
	struct ipe_cmdline_hashes *hashes;
	char *cmdline;
	int i, j;

	hashes = kunit_kzalloc(test, sizeof(*hashes), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, hashes);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		cmdline = kstrdup(cases[i].cmdline, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, cmdline);
		ipe_cmdline_hashes_parse(cmdline, hashes);
		kfree(cmdline);
		KUNIT_EXPECT_EQ_MSG(test, cases[i].root, hashes->root.len,
				    "%s", cases[i].cmdline);
		KUNIT_EXPECT_EQ_MSG(test, cases[i].usr, hashes->usr.len,
				    "%s", cases[i].cmdline);
		for (j = 0; j < hashes->root.len; j++)
			KUNIT_EXPECT_EQ(test, hashes->root.value[j], j % 32);
	}
}

static void digits_may_be_of_either_case(struct kunit *test)
{
	static const u8 value[] = { 0xab, 0xcd };
	struct ipe_cmdline_hashes hashes;
	char cmdline[] = "usrhash=aBCd";

	ipe_cmdline_hashes_parse(cmdline, &hashes);
	KUNIT_EXPECT_TRUE(test, ipe_cmdline_hashes_match(&hashes, value, 2));
}

static void only_the_whole_hash_matches(struct kunit *test)
{
	static const u8 value[] = { 0x00, 0x01, 0x02 };
	struct ipe_cmdline_hashes hashes;
	char cmdline[] = "roothash=0001 usrhash=0102";

	ipe_cmdline_hashes_parse(cmdline, &hashes);
	KUNIT_EXPECT_TRUE(test, ipe_cmdline_hashes_match(&hashes, value, 2));
	KUNIT_EXPECT_TRUE(test, ipe_cmdline_hashes_match(&hashes, value + 1, 2));
	KUNIT_EXPECT_FALSE(test, ipe_cmdline_hashes_match(&hashes, value, 1));
	KUNIT_EXPECT_FALSE(test, ipe_cmdline_hashes_match(&hashes, value, 3));
	KUNIT_EXPECT_FALSE(test, ipe_cmdline_hashes_match(&hashes, value, 0));
}

static void without_a_hash_nothing_matches(struct kunit *test)
{
	static const u8 value[IPE_ROOT_HASH_MAX];
	struct ipe_cmdline_hashes hashes;
	char cmdline[] = "roothash= quiet";

	ipe_cmdline_hashes_parse(cmdline, &hashes);
	KUNIT_EXPECT_FALSE(test, ipe_cmdline_hashes_match(&hashes, value, 0));
	KUNIT_EXPECT_FALSE(test, ipe_cmdline_hashes_match(&hashes, value, 32));
}

static struct kunit_case dm_verity_cases[] = {
	KUNIT_CASE(hashes_are_found_as_the_kernel_splits_parameters),
	KUNIT_CASE(digits_may_be_of_either_case),
	KUNIT_CASE(only_the_whole_hash_matches),
	KUNIT_CASE(without_a_hash_nothing_matches),
	{}
};

static struct kunit_suite dm_verity_suite = {
	.name = "ipe-dm-verity",
	.test_cases = dm_verity_cases,
};

kunit_test_suite(dm_verity_suite);
