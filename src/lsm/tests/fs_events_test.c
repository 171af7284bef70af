// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lines of the file "events" for verdicts.
 */

#include <kunit/test.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/sprintf.h>
#include <linux/string.h>

#include "fs_events.h"
#include "lines.h"
#include "provider.h"
#include "subject.h"

/**
 * struct world - a verdict, and the objects that it points to
 * @event: the verdict
 * @facts: of @event
 * @file: has only an inode
 * @inode: has only a superblock and a number
 * @sb: has only a name
 * @text: the line
 */
struct world {
	struct ipe_event event;
	struct ipe_facts facts;
	struct file file;
	struct inode inode;
	struct super_block sb;
	char text[2 * IPE_LINES_TEXT_MAX];
};

/* A verdict of a policy of this name, on a file without facts. */
static struct world *new_world(struct kunit *test, const char *name,
			       enum ipe_op op)
{
	struct world *w = kunit_kzalloc(test, sizeof(*w), GFP_KERNEL);
	char *policy = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);
	struct ipe_parse_error where = {};
	struct ipe_loaded *loaded = NULL;
	struct ipe_envelope envelope;

	KUNIT_ASSERT_NOT_NULL(test, w);
	KUNIT_ASSERT_NOT_NULL(test, policy);
	snprintf(policy, SZ_4K,
		 "policy_name=%s policy_version=65535.65535.65535\n"
		 "DEFAULT action=DENY\n"
		 "\n"
		 "op=EXECUTE action=DENY\n",
		 name);
	envelope = ipe_envelope_unsigned(policy, strlen(policy));
	KUNIT_ASSERT_EQ(test, 0, ipe_loaded_new(&envelope, &loaded, &where));
	w->event.loaded = loaded;
	w->event.facts = &w->facts;
	w->event.verdict = ipe_policy_evaluate(loaded->policy, op, &w->facts);
	w->file.f_inode = &w->inode;
	w->inode.i_sb = &w->sb;
	return w;
}

static void end_world(struct world *w)
{
	ipe_loaded_put((struct ipe_loaded *)w->event.loaded);
}

/* Prints into as much room as ipe_fs_events_size() says; returns the length. */
static size_t print(struct kunit *test, struct world *w, const char *file,
		    const char *cgroup)
{
	const struct ipe_fs_events_paths paths = { file, cgroup };
	size_t size = ipe_fs_events_size(&w->event, &paths);
	struct seq_buf s;

	KUNIT_ASSERT_LE(test, size, sizeof(w->text));
	seq_buf_init(&s, w->text, size);
	ipe_fs_events_print(&s, &w->event, &paths);
	KUNIT_EXPECT_FALSE(test, seq_buf_has_overflowed(&s));
	seq_buf_str(&s);
	return seq_buf_used(&s);
}

/* The part about the task; its name is plain in these tests. */
static const char *task_text(struct kunit *test)
{
	char *text = kunit_kzalloc(test, 80, GFP_KERNEL);
	char name[TASK_COMM_LEN];

	KUNIT_ASSERT_NOT_NULL(test, text);
	get_task_comm(name, current);
	snprintf(text, 80, "pid=%d uid=%u comm=\"%s\"", task_tgid_nr(current),
		 ipe_subject_uid(), name);
	return text;
}

static void expect_text(struct kunit *test, const struct world *w,
			const char *before, const char *after)
{
	char *expected = kunit_kzalloc(test, sizeof(w->text), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, expected);
	snprintf(expected, sizeof(w->text), "%s %s %s", before, task_text(test),
		 after);
	KUNIT_EXPECT_STREQ(test, w->text, expected);
}

static void line_of_a_file(struct kunit *test)
{
	static const u8 digest[] = { 0xab, 0x01 };
	struct world *w = new_world(test, "n", IPE_OP_EXECUTE);

	w->event.hook = IPE_HOOK_EXEC;
	w->event.enforcing = true;
	w->event.file = &w->file;
	w->event.rule = "op=EXECUTE action=DENY";
	w->event.rule_len = strlen(w->event.rule);
	strscpy(w->sb.s_id, "vda");
	w->inode.i_ino = 12;
	w->sb.s_dev = MKDEV(254, 3);
	w->facts.booleans =
		BIT(ipe_vocabulary.slot[IPE_PROPERTY_BOOT_VERIFIED]);
	w->facts.digests[ipe_vocabulary.slot[IPE_PROPERTY_FSVERITY_DIGEST]] =
		(struct ipe_digest){
			.algorithm = "sha256",
			.algorithm_len = 6,
			.value = digest,
			.value_len = sizeof(digest),
		};
	print(test, w, "/x y", "/system.slice/a.service");
	expect_text(test, w,
		    "ipe_op=EXECUTE ipe_hook=BPRM_CHECK enforcing=1 "
		    "verdict=DENY shadow=0 policy_name=\"n\" "
		    "policy_version=65535.65535.65535 line=4 rule=\"op=EXECUTE "
		    "action=DENY\"",
		    "cgroup=\"/system.slice/a.service\" path=2F782079 "
		    "dev=\"vda\" ino=12 sdev=254:3 boot_verified=TRUE "
		    "fsverity_digest=sha256:ab01");
	end_world(w);
}

static void line_without_a_file(struct kunit *test)
{
	struct world *w = new_world(test, "n", IPE_OP_KMODULE);

	w->event.hook = IPE_HOOK_READ_BUFFER;
	w->event.shadow = true;
	w->event.verdict.action = IPE_ACTION_ALLOW;
	print(test, w, NULL, NULL);
	expect_text(test, w,
		    "ipe_op=KMODULE ipe_hook=KERNEL_LOAD enforcing=0 "
		    "verdict=ALLOW shadow=1 policy_name=\"n\" "
		    "policy_version=65535.65535.65535 line=2 rule=?",
		    "cgroup=? path=? dev=? ino=? sdev=?");
	end_world(w);
}

static void value_cannot_forge_a_field(struct kunit *test)
{
	struct world *w = new_world(test, "a\"b", IPE_OP_EXECUTE);

	w->event.hook = IPE_HOOK_MMAP;
	w->event.file = &w->file;
	w->event.rule = "op=X a\"b\xff";
	w->event.rule_len = strlen(w->event.rule);
	strscpy(w->sb.s_id, "a b");
	print(test, w, "/a\nseq=7", "/a\" b");
	expect_text(test, w,
		    "ipe_op=EXECUTE ipe_hook=MMAP enforcing=0 verdict=DENY "
		    "shadow=0 policy_name=612262 "
		    "policy_version=65535.65535.65535 line=4 "
		    "rule=6F703D5820612262FF",
		    "cgroup=2F61222062 path=2F610A7365713D37 dev=612062 ino=0 "
		    "sdev=0:0");
	end_world(w);
}

/* Bytes that are not plain. */
static char *odd_bytes(struct kunit *test, size_t len)
{
	char *bytes = kunit_kzalloc(test, len + 1, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, bytes);
	return memset(bytes, 0xff, len);
}

/* Gives every value its greatest length, without plain bytes. */
static void lengthen(struct kunit *test, struct world *w)
{
	struct ipe_digest digest = {
		.algorithm = odd_bytes(test, 45),
		.algorithm_len = 45,
		.value = odd_bytes(test, IPE_EVIDENCE_DIGEST_MAX),
		.value_len = IPE_EVIDENCE_DIGEST_MAX,
	};
	unsigned int i;

	w->event.hook = IPE_HOOK_READ_FILE;
	w->event.enforcing = true;
	w->event.file = &w->file;
	w->event.verdict.action = IPE_ACTION_ALLOW;
	w->inode.i_ino = ULONG_MAX;
	w->sb.s_dev = U32_MAX;
	memset(w->sb.s_id, 0xff, sizeof(w->sb.s_id) - 1);
	w->facts.booleans = U32_MAX;
	for (i = 0; i < ipe_vocabulary.n_digests; i++)
		w->facts.digests[i] = digest;
}

static void longest_line_fits(struct kunit *test)
{
	struct world *w =
		new_world(test, odd_bytes(test, 2000), IPE_OP_KEXEC_INITRAMFS);
	const char *cgroup = odd_bytes(test, IPE_FS_EVENTS_CGROUP_MAX - 1);
	const char *path = odd_bytes(test, PATH_MAX - 1);
	char name[TASK_COMM_LEN];

	lengthen(test, w);
	w->event.rule = odd_bytes(test, IPE_REPORT_RULE_MAX);
	w->event.rule_len = IPE_REPORT_RULE_MAX;

	get_task_comm(name, current);
	set_task_comm(current, odd_bytes(test, TASK_COMM_LEN - 1));
	KUNIT_EXPECT_LE(test, print(test, w, path, cgroup), IPE_LINES_TEXT_MAX);
	set_task_comm(current, name);
	KUNIT_EXPECT_NOT_NULL(test, strstr(w->text, "FF policy_version="));
	end_world(w);
}

static void longest_short_line_fits(struct kunit *test)
{
	struct world *w =
		new_world(test, odd_bytes(test, 255), IPE_OP_KEXEC_INITRAMFS);
	char name[TASK_COMM_LEN];
	struct seq_buf s;

	lengthen(test, w);
	seq_buf_init(&s, w->text, IPE_FS_EVENTS_SHORT_MAX);
	get_task_comm(name, current);
	set_task_comm(current, odd_bytes(test, TASK_COMM_LEN - 1));
	ipe_fs_events_print_short(&s, &w->event);
	set_task_comm(current, name);
	KUNIT_EXPECT_FALSE(test, seq_buf_has_overflowed(&s));
	KUNIT_EXPECT_LT(test, seq_buf_used(&s), IPE_FS_EVENTS_SHORT_MAX);
	seq_buf_str(&s);
	KUNIT_EXPECT_NOT_NULL(test, strstr(w->text, " policy_name=? "));
	KUNIT_EXPECT_NOT_NULL(test, strstr(w->text, " rule=? "));
	KUNIT_EXPECT_NOT_NULL(test, strstr(w->text, " path=? "));
	KUNIT_EXPECT_NOT_NULL(test, strstr(w->text, " ino="
						    "18446744073709551615"));
	KUNIT_EXPECT_NOT_NULL(test, strstr(w->text, " sdev=4095:1048575"));
	end_world(w);
}

static struct kunit_case fs_events_cases[] = {
	KUNIT_CASE(line_of_a_file),
	KUNIT_CASE(line_without_a_file),
	KUNIT_CASE(value_cannot_forge_a_field),
	KUNIT_CASE(longest_line_fits),
	KUNIT_CASE(longest_short_line_fits),
	{}
};

static struct kunit_suite fs_events_suite = {
	.name = "ipe-fs-events",
	.test_cases = fs_events_cases,
};

kunit_test_suite(fs_events_suite);
