// SPDX-License-Identifier: GPL-2.0-only
/*
 * Verdict -> line -> readers of "events". A line is printed before the lock of
 * the lines is taken. If there is no memory for the line, a shorter one takes
 * its place.
 */

#include <linux/audit.h>
#include <linux/bits.h>
#include <linux/dcache.h>
#include <linux/err.h>
#include <linux/hex.h>
#include <linux/init.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include "audit.h"
#include "fs_events.h"
#include "lines.h"
#include "provider.h"
#include "subject.h"

/* Bytes for lines. */
#define SIZE BIT(CONFIG_IPE_EVENTS_SHIFT)

static struct ipe_lines *lines __ro_after_init;
static DECLARE_WAIT_QUEUE_HEAD(waiting);

/* The longest line fits into either half: root's, and that of all others. */
static_assert(IPE_LINES_BLOCKS(IPE_LINES_TEXT_MAX) <=
	      SIZE / sizeof(struct ipe_lines_block) / 2);

/**
 * ipe_fs_events_init() - Get the memory for lines
 *
 * Context: while the LSM starts, once.
 * Return: %0 or %-ENOMEM.
 */
int __init ipe_fs_events_init(void)
{
	lines = ipe_lines_new(SIZE);
	return lines ? 0 : -ENOMEM;
}

static void put_hex(struct seq_buf *s, const char *text, size_t len)
{
	char digits[2];

	for (; len; len--, text++) {
		hex_byte_pack_upper(digits, *text);
		seq_buf_putmem(s, digits, sizeof(digits));
	}
}

static void put_quoted(struct seq_buf *s, const char *text, size_t len)
{
	seq_buf_putc(s, '"');
	seq_buf_putmem(s, text, len);
	seq_buf_putc(s, '"');
}

/* As audit_log_untrustedstring(); NULL is printed as "?". */
static void put_untrusted(struct seq_buf *s, const char *text, size_t max)
{
	size_t len = text ? strnlen(text, max) : 0;

	if (!text)
		seq_buf_putc(s, '?');
	else if (audit_string_contains_control(text, len))
		put_hex(s, text, len);
	else
		put_quoted(s, text, len);
}

static void put_rule(struct seq_buf *s, const struct ipe_event *event)
{
	if (!event->rule)
		seq_buf_putc(s, '?');
	else if (ipe_audit_is_plain(event->rule, event->rule_len))
		put_quoted(s, event->rule, event->rule_len);
	else
		put_hex(s, event->rule, event->rule_len);
}

static void put_question(struct seq_buf *s, const struct ipe_event *event)
{
	seq_buf_printf(s,
		       "ipe_op=%s ipe_hook=%s enforcing=%d verdict=%s shadow=%d",
		       ipe_op_name(event->verdict.op),
		       ipe_hook_name(event->hook), event->enforcing,
		       ipe_action_name(event->verdict.action), event->shadow);
}

static void put_reason(struct seq_buf *s, const struct ipe_event *event,
		       const char *name)
{
	const struct ipe_policy *policy = event->loaded->policy;
	char version[IPE_VERSION_STRLEN];

	ipe_version_print(ipe_policy_version(policy), version);
	seq_buf_puts(s, " policy_name=");
	put_untrusted(s, name, IPE_FS_EVENTS_NAME_MAX);
	seq_buf_printf(s, " policy_version=%s line=%u rule=", version,
		       ipe_verdict_line(policy, &event->verdict));
}

static void put_task(struct seq_buf *s, const char *cgroup)
{
	char name[TASK_COMM_LEN];

	get_task_comm(name, current);
	seq_buf_printf(s, " pid=%d uid=%u comm=", task_tgid_nr(current),
		       ipe_subject_uid());
	put_untrusted(s, name, sizeof(name));
	seq_buf_puts(s, " cgroup=");
	put_untrusted(s, cgroup, IPE_FS_EVENTS_CGROUP_MAX);
}

static void put_file(struct seq_buf *s, const struct file *file,
		     const char *path)
{
	const struct inode *inode = file ? file_inode(file) : NULL;

	seq_buf_puts(s, " path=");
	put_untrusted(s, path, PATH_MAX);
	seq_buf_puts(s, " dev=");
	if (inode) {
		put_untrusted(s, inode->i_sb->s_id, sizeof(inode->i_sb->s_id));
		seq_buf_printf(s, " ino=%lu sdev=%u:%u", inode->i_ino,
			       MAJOR(inode->i_sb->s_dev),
			       MINOR(inode->i_sb->s_dev));
	} else {
		seq_buf_puts(s, "? ino=? sdev=?");
	}
}

static void put_digest(struct seq_buf *s, const char *name,
		       const struct ipe_digest *digest)
{
	size_t i;

	if (!digest->value)
		return;
	seq_buf_printf(s, " %s=", name);
	seq_buf_putmem(s, digest->algorithm, digest->algorithm_len);
	seq_buf_putc(s, ':');
	for (i = 0; i < digest->value_len; i++)
		seq_buf_printf(s, "%02x", digest->value[i]);
}

static void put_facts(struct seq_buf *s, const struct ipe_facts *facts)
{
	const struct ipe_vocabulary *v = &ipe_vocabulary;
	unsigned int i;

	for (i = 0; i < v->n_properties; i++) {
		if (v->properties[i].kind == IPE_PROPERTY_DIGEST)
			put_digest(s, v->properties[i].name,
				   &facts->digests[v->slot[i]]);
		else if (facts->booleans & BIT(v->slot[i]))
			seq_buf_printf(s, " %s=TRUE", v->properties[i].name);
	}
}

static size_t size_of_facts(const struct ipe_facts *facts)
{
	const struct ipe_vocabulary *v = &ipe_vocabulary;
	const struct ipe_digest *digest;
	unsigned int i;
	size_t size = 0;

	for (i = 0; i < v->n_properties; i++)
		size += strlen(v->properties[i].name) + strlen(" =TRUE");
	for (i = 0; i < v->n_digests; i++) {
		digest = &facts->digests[i];
		if (!digest->value)
			continue;
		size += digest->algorithm_len + 1 + 2 * digest->value_len;
	}
	return size;
}

/**
 * ipe_fs_events_size() - Room that ipe_fs_events_print() needs
 * @event: to be printed
 * @paths: of its file and its task
 *
 * Return: bytes, and some more.
 */
size_t ipe_fs_events_size(const struct ipe_event *event,
			  const struct ipe_fs_events_paths *paths)
{
	const char *name = ipe_policy_name(event->loaded->policy);
	size_t strings =
		strnlen(name, IPE_FS_EVENTS_NAME_MAX) + event->rule_len;

	if (paths->file)
		strings += strlen(paths->file);
	if (paths->cgroup)
		strings += strlen(paths->cgroup);
	return IPE_FS_EVENTS_SHORT_MAX + 2 * strings +
	       size_of_facts(event->facts);
}

/**
 * ipe_fs_events_print() - Print a line
 * @s: gets it, without sequence number, time and newline
 * @event: to be printed
 * @paths: of its file and its task
 *
 * Context: RCU read-side critical section of the verdict; does not sleep.
 */
void ipe_fs_events_print(struct seq_buf *s, const struct ipe_event *event,
			 const struct ipe_fs_events_paths *paths)
{
	put_question(s, event);
	put_reason(s, event, ipe_policy_name(event->loaded->policy));
	put_rule(s, event);
	put_task(s, paths->cgroup);
	put_file(s, event->file, paths->file);
	put_facts(s, event->facts);
}

/**
 * ipe_fs_events_print_short() - Print a line without the values that may be
 * long
 * @s: gets it, without sequence number, time and newline; has
 *	IPE_FS_EVENTS_SHORT_MAX bytes
 * @event: to be printed
 *
 * Context: as ipe_fs_events_print().
 */
void ipe_fs_events_print_short(struct seq_buf *s, const struct ipe_event *event)
{
	put_question(s, event);
	put_reason(s, event, NULL);
	seq_buf_putc(s, '?');
	put_task(s, NULL);
	put_file(s, event->file, NULL);
}

static noinline void add_short(const struct ipe_event *event)
{
	char text[IPE_FS_EVENTS_SHORT_MAX] = {};
	struct seq_buf s;

	seq_buf_init(&s, text, sizeof(text));
	ipe_fs_events_print_short(&s, event);
	WARN_ON_ONCE(seq_buf_has_overflowed(&s));
	ipe_lines_put(lines, ipe_subject_uid(), text,
		      strnlen(text, sizeof(text)));
}

static bool add_whole(const struct ipe_event *event,
		      const struct ipe_fs_events_paths *paths)
{
	size_t size = ipe_fs_events_size(event, paths);
	struct seq_buf s;
	bool done;
	char *text;

	text = kmalloc(size, GFP_NOWAIT | __GFP_NOWARN);
	if (!text)
		return false;
	seq_buf_init(&s, text, size);
	ipe_fs_events_print(&s, event, paths);
	done = !WARN_ON_ONCE(seq_buf_has_overflowed(&s));
	if (done)
		ipe_lines_put(lines, ipe_subject_uid(), text, seq_buf_used(&s));
	kfree(text);
	return done;
}

/* Returns where in @buf the path is, or NULL. */
static const char *path_of(const struct file *file, char *buf)
{
	const char *path;

	if (!file || !buf)
		return NULL;
	path = d_path(&file->f_path, buf, PATH_MAX);
	return IS_ERR(path) ? NULL : path;
}

/**
 * ipe_fs_events_add() - Add a line for a verdict
 * @event: the verdict and its subject
 *
 * Context: RCU read-side critical section; does not sleep.
 */
void ipe_fs_events_add(const struct ipe_event *event)
{
	char cgroup[IPE_FS_EVENTS_CGROUP_MAX];
	struct ipe_fs_events_paths paths;
	char *buf = NULL;

	if (event->file)
		buf = kmalloc(PATH_MAX, GFP_NOWAIT | __GFP_NOWARN);
	paths.file = path_of(event->file, buf);
	paths.cgroup = ipe_subject_cgroup(cgroup, sizeof(cgroup));
	if (!add_whole(event, &paths))
		add_short(event);
	kfree(buf);
	wake_up_interruptible_poll(&waiting, EPOLLIN | EPOLLRDNORM);
}

/**
 * struct events_file - an open file
 * @lock: one read() at a time, so that no line is read twice
 * @reader: the position in the lines
 */
struct events_file {
	struct mutex lock;
	struct ipe_lines_reader reader;
};

static int open_events(struct inode *inode, struct file *file)
{
	struct events_file *f = kvmalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);

	if (!f)
		return -ENOMEM;
	mutex_init(&f->lock);
	ipe_lines_open(lines, &f->reader);
	file->private_data = f;
	return stream_open(inode, file);
}

static int release_events(struct inode *inode, struct file *file)
{
	struct events_file *f = file->private_data;

	mutex_destroy(&f->lock);
	kvfree(f);
	return 0;
}

/* Returns the bytes of whole lines; 0 or an errno if it read none. */
static ssize_t read_lines(struct ipe_lines_reader *reader, char __user *data,
			  size_t len)
{
	const char *line;
	size_t n, done = 0;
	int r = 0;

	while (!r && (n = ipe_lines_peek(reader, &line))) {
		if (n > len - done) {
			r = -EINVAL;
		} else if (copy_to_user(data + done, line, n)) {
			r = -EFAULT;
		} else {
			ipe_lines_consume(reader);
			done += n;
		}
	}
	return done ?: r;
}

static ssize_t read_events(struct file *file, char __user *data, size_t len,
			   loff_t *offset)
{
	struct events_file *f = file->private_data;
	ssize_t r;

	if (!len)
		return 0;
	/* Bounds the call, however fast lines are added. */
	len = min_t(size_t, len, SIZE);
	for (;;) {
		r = mutex_lock_interruptible(&f->lock);
		if (r)
			return r;
		r = read_lines(&f->reader, data, len);
		mutex_unlock(&f->lock);
		if (r)
			return r;
		if (file->f_flags & O_NONBLOCK)
			return -EAGAIN;
		r = wait_event_interruptible(waiting,
					     ipe_lines_has_more(&f->reader));
		if (r)
			return r;
	}
}

static __poll_t poll_events(struct file *file, poll_table *table)
{
	struct events_file *f = file->private_data;

	poll_wait(file, &waiting, table);
	return ipe_lines_has_more(&f->reader) ? EPOLLIN | EPOLLRDNORM : 0;
}

const struct file_operations ipe_fs_events_fops = {
	.open = open_events,
	.release = release_events,
	.read = read_events,
	.poll = poll_events,
};
