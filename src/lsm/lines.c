// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lines in chains of small blocks. The free blocks are a chain, too: its first
 * blocks already are the chain of a new line.
 */

#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/sprintf.h>
#include <linux/string.h>
#include <linux/timekeeping.h>
#include <linux/vmalloc.h>

#include "lines.h"

static struct ipe_line *line_at(struct ipe_lines *lines, u32 block)
{
	return (struct ipe_line *)lines->blocks[block].data;
}

static struct ipe_line *line_of(struct rb_node *node)
{
	return rb_entry_safe(node, struct ipe_line, node);
}

/* The longest text whose line takes no more than half of the memory. */
static size_t text_max(const struct ipe_lines *lines)
{
	size_t half = lines->n_blocks / 2 * IPE_LINES_BLOCK;

	return min_t(size_t, IPE_LINES_TEXT_MAX,
		     half - sizeof(struct ipe_line));
}

/* Returns the last block of the text. */
static u32 copy_in(struct ipe_lines *lines, u32 block, const char *text,
		   size_t len)
{
	size_t skip = sizeof(struct ipe_line), n;

	for (;;) {
		n = min(len, IPE_LINES_BLOCK - skip);
		memcpy(lines->blocks[block].data + skip, text, n);
		len -= n;
		if (!len)
			return block;
		text += n;
		skip = 0;
		block = lines->blocks[block].next;
	}
}

static void copy_out(const struct ipe_lines *lines, u32 block, char *text,
		     size_t len)
{
	size_t skip = sizeof(struct ipe_line), n;

	for (;;) {
		n = min(len, IPE_LINES_BLOCK - skip);
		memcpy(text, lines->blocks[block].data + skip, n);
		len -= n;
		if (!len)
			return;
		text += n;
		skip = 0;
		block = lines->blocks[block].next;
	}
}

static u32 block_of(const struct ipe_lines *lines, const struct ipe_line *line)
{
	static_assert(offsetof(struct ipe_lines_block, data) == 0);
	return (const struct ipe_lines_block *)line - lines->blocks;
}

static void drop_oldest(struct ipe_lines *lines, unsigned int user)
{
	u32 first = lines->oldest[user], last = first, n, i;
	struct ipe_line *line = line_at(lines, first);

	lockdep_assert_held(&lines->lock);

	n = IPE_LINES_BLOCKS(line->len);
	for (i = 1; i < n; i++)
		last = lines->blocks[last].next;
	rb_erase(&line->node, &lines->order);
	lines->oldest[user] = line->next;
	lines->dropped[user]++;
	lines->used[user] -= n;
	lines->blocks[last].next = lines->free;
	lines->free = first;
	lines->n_free += n;
}

/*
 * The user whose oldest line is dropped, because @user needs @need more blocks.
 * Among users with equally many blocks, @user loses.
 */
static unsigned int losing_user(const struct ipe_lines *lines,
				unsigned int user, u32 need)
{
	unsigned int most = IPE_LINES_ROOT, i;
	u32 size, most_size = 0;

	for (i = 0; i < IPE_LINES_USERS; i++) {
		if (!lines->used[i])
			continue;
		size = lines->used[i] + (i == user ? need : 0);
		if (i == IPE_LINES_ROOT) {
			if (size > lines->n_blocks / 2)
				return IPE_LINES_ROOT;
		} else if (size > most_size ||
			   (size == most_size && i == user)) {
			most = i;
			most_size = size;
		}
	}
	return most;
}

static bool make_room(struct ipe_lines *lines, unsigned int user, u32 need)
{
	unsigned int loser;

	lockdep_assert_held(&lines->lock);

	while (lines->n_free < need) {
		loser = losing_user(lines, user, need);
		if (WARN_ON_ONCE(!lines->used[loser]))
			return false;
		drop_oldest(lines, loser);
	}
	return true;
}

/*
 * The place of a user. A new user takes a place without lines, the one that had
 * the fewest lines.
 */
static unsigned int user_of(struct ipe_lines *lines, u32 uid)
{
	unsigned int empty = IPE_LINES_SHARED, i;

	lockdep_assert_held(&lines->lock);

	for (i = 0; i < IPE_LINES_SHARED; i++) {
		if (lines->uid[i] == uid)
			return i;
		if (i == IPE_LINES_ROOT || lines->used[i])
			continue;
		if (empty == IPE_LINES_SHARED ||
		    lines->put[i] < lines->put[empty])
			empty = i;
	}
	if (empty != IPE_LINES_SHARED) {
		lines->uid[empty] = uid;
		lines->former[empty] = lines->dropped[empty];
	}
	return empty;
}

/* @line has the highest number, so it is the last in the tree. */
static void append_line(struct ipe_lines *lines, struct ipe_line *line)
{
	struct rb_node *last = rb_last(&lines->order);
	struct rb_node **link = last ? &last->rb_right : &lines->order.rb_node;

	rb_link_node(&line->node, last, link);
	rb_insert_color(&line->node, &lines->order);
}

static void put_locked(struct ipe_lines *lines, u32 uid, const char *text,
		       size_t len)
{
	unsigned int user = user_of(lines, uid);
	u32 need = IPE_LINES_BLOCKS(len), first, last;
	struct ipe_line *line;

	if (!make_room(lines, user, need))
		return;
	first = lines->free;
	last = copy_in(lines, first, text, len);
	lines->free = lines->blocks[last].next;
	lines->n_free -= need;

	line = line_at(lines, first);
	/* Read under the lock, so that times have the order of the numbers. */
	line->time = ktime_get_boottime_ns();
	line->number = lines->next++;
	line->index = ++lines->put[user];
	line->len = len;
	line->user = user;
	append_line(lines, line);
	if (lines->used[user])
		line_at(lines, lines->newest[user])->next = first;
	else
		lines->oldest[user] = first;
	lines->newest[user] = first;
	lines->used[user] += need;
}

/**
 * ipe_lines_put() - Add a line
 * @lines: drops old lines until there is room for the new one
 * @uid: of the user whose share it counts to, in the initial user namespace
 * @text: without a newline
 * @len: bytes of @text; it is cut if it is above IPE_LINES_TEXT_MAX, or if its
 *	line would take more than half of the memory
 *
 * Context: any but interrupts. Allocates nothing.
 */
void ipe_lines_put(struct ipe_lines *lines, u32 uid, const char *text,
		   size_t len)
{
	len = min(len, text_max(lines));
	spin_lock(&lines->lock);
	put_locked(lines, uid, text, len);
	spin_unlock(&lines->lock);
}

/**
 * ipe_lines_new() - Allocate the memory for lines
 * @size: bytes for them
 *
 * Context: Process context.
 * Return: to be freed with vfree(); NULL if there is no memory.
 */
struct ipe_lines *ipe_lines_new(size_t size)
{
	u32 n = size / sizeof(struct ipe_lines_block), i;
	struct ipe_lines *lines;

	lines = vzalloc(struct_size(lines, blocks, n));
	if (!lines)
		return NULL;
	spin_lock_init(&lines->lock);
	lines->order = RB_ROOT;
	lines->next = 1;
	lines->n_blocks = n;
	lines->n_free = n;
	for (i = 0; i < n; i++)
		lines->blocks[i].next = i + 1;
	memset(lines->uid, 0xff, sizeof(lines->uid));
	lines->uid[IPE_LINES_ROOT] = 0;
	return lines;
}

/**
 * ipe_lines_open() - Begin to read
 * @lines: to be read
 * @reader: starts before the oldest line, and has lost none
 *
 * Context: any but interrupts.
 */
void ipe_lines_open(struct ipe_lines *lines, struct ipe_lines_reader *reader)
{
	reader->lines = lines;
	reader->number = 0;
	reader->after = (struct ipe_lines_place){};
	spin_lock(&lines->lock);
	memcpy(reader->seen, lines->dropped, sizeof(reader->seen));
	spin_unlock(&lines->lock);
}

/**
 * ipe_lines_has_more() - Is there a line to read?
 * @reader: may be reading at the same time
 *
 * Also %true if lines are lost: only a newer line makes the memory drop lines.
 *
 * Context: any but interrupts.
 * Return: %true if there is one.
 */
bool ipe_lines_has_more(const struct ipe_lines_reader *reader)
{
	struct ipe_lines *lines = reader->lines;
	struct ipe_line *newest;
	bool more;

	spin_lock(&lines->lock);
	newest = line_of(rb_last(&lines->order));
	more = newest && newest->number >= reader->number;
	spin_unlock(&lines->lock);
	return more;
}

/**
 * struct found - the next line for a reader, or a loss
 * @lost: number of lines that were dropped unread; then only @uid is set
 * @uid: of their user; U32_MAX if unknown
 * @number: of the line; 0 if there is none
 * @time: of the line
 * @len: bytes of its text
 */
struct found {
	u64 lost;
	u32 uid;
	u64 number;
	u64 time;
	size_t len;
};

static bool find_lost(struct ipe_lines_reader *reader, struct found *found)
{
	const struct ipe_lines *lines = reader->lines;
	u64 seen, until;
	unsigned int i;

	lockdep_assert_held(&lines->lock);

	for (i = 0; i < IPE_LINES_USERS; i++) {
		seen = reader->seen[i];
		if (seen >= lines->dropped[i])
			continue;
		found->uid = lines->uid[i];
		until = lines->dropped[i];
		if (seen < lines->former[i]) {
			found->uid = U32_MAX;
			until = lines->former[i];
		}
		found->lost = until - seen;
		reader->after = (struct ipe_lines_place){
			.number = reader->number, .user = i, .seen = until,
		};
		return true;
	}
	return false;
}

static struct ipe_line *first_from(const struct ipe_lines *lines, u64 number)
{
	struct rb_node *node = lines->order.rb_node;
	struct ipe_line *line, *found = NULL;

	while (node) {
		line = line_of(node);
		if (line->number >= number) {
			found = line;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	return found;
}

static void find_line(struct ipe_lines_reader *reader, char *text,
		      struct found *found)
{
	const struct ipe_lines *lines = reader->lines;
	const struct ipe_line *line = first_from(lines, reader->number);

	lockdep_assert_held(&lines->lock);

	if (!line)
		return;
	copy_out(lines, block_of(lines, line), text, line->len);
	found->number = line->number;
	found->time = line->time;
	found->len = line->len;
	reader->after = (struct ipe_lines_place){
		.number = line->number + 1, .user = line->user,
		.seen = line->index,
	};
}

static size_t print_lost(struct ipe_lines_reader *reader,
			 const struct found *found)
{
	if (found->uid == U32_MAX)
		return scnprintf(reader->room, sizeof(reader->room),
				 "lost=%llu uid=?\n", found->lost);
	return scnprintf(reader->room, sizeof(reader->room),
			 "lost=%llu uid=%u\n", found->lost, found->uid);
}

/**
 * ipe_lines_peek() - Look at the next line
 * @reader: one task at a time uses it; its position stays
 * @ret: the line with its newline, in @reader until the next call
 *
 * If lines were dropped unread, the next lines report it, one for each user:
 * "lost=N uid=U", or "uid=?" if the user is unknown.
 *
 * Context: any but interrupts.
 * Return: bytes of the line; %0 if there is none.
 */
size_t ipe_lines_peek(struct ipe_lines_reader *reader, const char **ret)
{
	char *text = reader->room + IPE_LINES_PREFIX_MAX;
	char prefix[IPE_LINES_PREFIX_MAX];
	struct found found = {};
	size_t len;

	spin_lock(&reader->lines->lock);
	if (!find_lost(reader, &found))
		find_line(reader, text, &found);
	spin_unlock(&reader->lines->lock);

	if (found.lost) {
		*ret = reader->room;
		return print_lost(reader, &found);
	}
	if (!found.number)
		return 0;
	text[found.len] = '\n';
	len = scnprintf(prefix, sizeof(prefix), "seq=%llu time=%llu ",
			found.number, found.time);
	memcpy(text - len, prefix, len);
	*ret = text - len;
	return len + found.len + 1;
}

/**
 * ipe_lines_consume() - Advance behind the line of ipe_lines_peek()
 * @reader: ipe_lines_peek() has found a line
 *
 * Context: any but interrupts.
 */
void ipe_lines_consume(struct ipe_lines_reader *reader)
{
	const struct ipe_lines_place *after = &reader->after;

	spin_lock(&reader->lines->lock);
	reader->number = after->number;
	reader->seen[after->user] = after->seen;
	spin_unlock(&reader->lines->lock);
}
