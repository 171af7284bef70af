// SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later
/*
 * Memory that grows while a policy is compiled.
 */

#include "internal.h"

static int resize_array(struct ipe_array *array, u32 room, size_t size)
{
	void *data = ipe_port_alloc(room, size);

	if (!data)
		return -ENOMEM;
	if (array->n)
		memcpy(data, array->data, array->n * size);
	ipe_port_free(array->data);
	array->data = data;
	array->room = room;
	return 0;
}

/**
 * ipe_array_reserve() - Make room for later pushes
 * @array: its elements may move
 * @room: elements in all; does nothing if they fit already
 * @size: bytes of an element, always the same for one array
 *
 * Return: %0, or %-ENOMEM and the array as it was.
 */
int ipe_array_reserve(struct ipe_array *array, u64 room, size_t size)
{
	if (room <= array->room)
		return 0;
	return room < IPE_NONE ? resize_array(array, room, size) : -ENOMEM;
}

/**
 * ipe_array_grow() - Make room for @n more elements, by doubling
 * @array: its elements may move
 * @n: new elements
 * @size: bytes of an element, always the same for one array
 *
 * Return: %0, or %-ENOMEM and the array as it was.
 */
int ipe_array_grow(struct ipe_array *array, u32 n, size_t size)
{
	u64 need = (u64)array->n + n;
	u64 room = array->room ? array->room : 16;

	while (room < need)
		room *= 2;
	return ipe_array_reserve(array, room, size);
}

/**
 * ipe_array_trim() - Give back unused memory, if it is much
 * @array: its elements may move
 * @size: bytes of an element
 *
 * Return: %0, or %-ENOMEM and the array as it was.
 */
int ipe_array_trim(struct ipe_array *array, size_t size)
{
	if (array->room - array->n <= array->n / 16)
		return 0;
	return resize_array(array, array->n, size);
}

/**
 * ipe_table_init() - Make an empty table
 * @table: its old slots are freed
 * @n: elements to hold; at most four in five slots are taken
 * @limit: above every index
 *
 * Return: %0, or %-ENOMEM and the table as it was.
 */
int ipe_table_init(struct ipe_table *table, u32 n, u32 limit)
{
	u64 slots = 16;
	u8 shift = 1;
	u32 *new;

	while (slots < (u64)n + n / 4 + 1)
		slots *= 2;
	/* No entry is IPE_NONE, as no index has all its bits set. */
	while ((1ULL << shift) <= limit)
		shift++;
	if (slots >= IPE_NONE || shift > IPE_TABLE_SHIFT_MAX)
		return -ENOMEM;
	new = ipe_port_alloc(slots, sizeof(*new));
	if (!new)
		return -ENOMEM;
	memset(new, 0xff, slots * sizeof(*new));
	ipe_port_free(table->slots);
	*table = (struct ipe_table){
		.slots = new, .mask = slots - 1, .shift = shift,
	};
	return 0;
}
