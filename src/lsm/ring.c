// SPDX-License-Identifier: GPL-2.0-only
/*
 * A ring of lines. A line in it is a header and its text, one byte after the
 * other; its number is not stored, as numbers have no gaps.
 */

#include <linux/minmax.h>
#include <linux/sprintf.h>
#include <linux/string.h>
#include <linux/timekeeping.h>

#include "ring.h"

/**
 * struct header - what is before each text
 * @time: when it was put there, boottime ns
 * @len: bytes of the text
 */
struct header {
	u64 time;
	u32 len;
} __packed;

static void copy_in(struct ipe_ring *ring, u64 at, const void *data, size_t len)
{
	size_t place = at & (ring->size - 1);
	size_t first = min(len, ring->size - place);

	memcpy(ring->room + place, data, first);
	memcpy(ring->room, data + first, len - first);
}

static void copy_out(const struct ipe_ring *ring, u64 at, void *data,
		     size_t len)
{
	size_t place = at & (ring->size - 1);
	size_t first = min(len, ring->size - place);

	memcpy(data, ring->room + place, first);
	memcpy(data + first, ring->room, len - first);
}

static struct header header_at(const struct ipe_ring *ring, u64 at)
{
	struct header header;

	copy_out(ring, at, &header, sizeof(header));
	return header;
}

static void drop_oldest(struct ipe_ring *ring)
{
	ring->tail += sizeof(struct header) + header_at(ring, ring->tail).len;
	ring->first++;
}

/**
 * ipe_ring_put() - Add a line
 * @ring: loses its oldest lines, as many as the new one needs room
 * @text: without a newline
 * @len: bytes of @text; what is above IPE_RING_TEXT_MAX, or above what the ring
 *	can hold, is cut
 *
 * Context: any but interrupts.
 */
void ipe_ring_put(struct ipe_ring *ring, const char *text, size_t len)
{
	struct header header;
	size_t size;

	len = min3(len, (size_t)IPE_RING_TEXT_MAX,
		   ring->size - sizeof(struct header));
	header.len = len;
	size = sizeof(header) + len;

	spin_lock(&ring->lock);
	while (ring->head + size - ring->tail > ring->size)
		drop_oldest(ring);
	/* Asked for here, so that times are in the order of the numbers. */
	header.time = ktime_get_boottime_ns();
	copy_in(ring, ring->head, &header, sizeof(header));
	copy_in(ring, ring->head + sizeof(header), text, len);
	ring->head += size;
	ring->next++;
	spin_unlock(&ring->lock);
}

/**
 * ipe_ring_open() - Begin to read
 * @ring: what is to be read
 * @reader: is before the oldest line that is kept
 *
 * Context: any but interrupts.
 */
void ipe_ring_open(struct ipe_ring *ring, struct ipe_ring_reader *reader)
{
	reader->ring = ring;
	spin_lock(&ring->lock);
	reader->place.number = ring->first;
	reader->place.at = ring->tail;
	reader->after = reader->place;
	spin_unlock(&ring->lock);
}

/**
 * ipe_ring_has_more() - Is there a line that was not read?
 * @reader: may be reading at the same time
 *
 * Context: any but interrupts.
 * Return: whether there is.
 */
bool ipe_ring_has_more(const struct ipe_ring_reader *reader)
{
	struct ipe_ring *ring = reader->ring;
	bool more;

	spin_lock(&ring->lock);
	more = reader->place.number < ring->next;
	spin_unlock(&ring->lock);
	return more;
}

/**
 * struct found - what is next for a reader
 * @lost: how many lines were dropped before it got there; then nothing else
 * @number: of the line; 0 if there is none
 * @header: its header
 */
struct found {
	u64 lost;
	u64 number;
	struct header header;
};

static struct found find_locked(struct ipe_ring_reader *reader, char *text)
{
	const struct ipe_ring *ring = reader->ring;
	const struct ipe_ring_place *place = &reader->place;
	struct found found = {};
	u64 at;

	lockdep_assert_held(&ring->lock);

	if (place->number < ring->first) {
		found.lost = ring->first - place->number;
		reader->after.number = ring->first;
		reader->after.at = ring->tail;
	} else if (place->number < ring->next) {
		found.number = place->number;
		found.header = header_at(ring, place->at);
		at = place->at + sizeof(found.header);
		copy_out(ring, at, text, found.header.len);
		reader->after.number = place->number + 1;
		reader->after.at = at + found.header.len;
	}
	return found;
}

/**
 * ipe_ring_peek() - Look at the next line
 * @reader: nobody else looks; stays where it is
 * @ret: the line with its newline, in @reader until the next call
 *
 * Where lines are gone that were not read, that is the next line: "lost=N".
 *
 * Context: any but interrupts.
 * Return: bytes of the line; %0 if there is none.
 */
size_t ipe_ring_peek(struct ipe_ring_reader *reader, const char **ret)
{
	char *text = reader->room + IPE_RING_PREFIX_MAX;
	char prefix[IPE_RING_PREFIX_MAX];
	struct found found;
	size_t len;

	spin_lock(&reader->ring->lock);
	found = find_locked(reader, text);
	spin_unlock(&reader->ring->lock);

	if (found.lost) {
		*ret = reader->room;
		return scnprintf(reader->room, sizeof(reader->room),
				 "lost=%llu\n", found.lost);
	}
	if (!found.number)
		return 0;
	text[found.header.len] = '\n';
	len = scnprintf(prefix, sizeof(prefix), "seq=%llu time=%llu ",
			found.number, found.header.time);
	memcpy(text - len, prefix, len);
	*ret = text - len;
	return len + found.header.len + 1;
}

/**
 * ipe_ring_consume() - Go on to behind the line that was looked at
 * @reader: after ipe_ring_peek() has found something
 *
 * Context: any but interrupts.
 */
void ipe_ring_consume(struct ipe_ring_reader *reader)
{
	spin_lock(&reader->ring->lock);
	reader->place = reader->after;
	spin_unlock(&reader->ring->lock);
}
