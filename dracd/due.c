/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Two binary heaps, one for each family, the earliest expiry on top. An
 * item is the expiry in seconds since 1970 as four octets, the highest
 * first, then the address: so memcmp(3) orders by expiry, then address.
 * A later expiry than 32 bits hold is kept as the last that they do.
 */

#include <stdlib.h>
#include <string.h>

#include "dracd.h"

#define SECONDS  4u
#define ITEM_MAX (SECONDS + 16u)
#define ROOM_MIN 64u

struct heap {
	unsigned char *items;
	size_t count;
	size_t room;
	size_t size; /* octets of an item */
};

struct drac_due {
	struct heap v4;
	struct heap v6;
};

static unsigned char *
item(const struct heap *heap, size_t i)
{
	return heap->items + i * heap->size;
}

static bool
before(const struct heap *heap, const unsigned char *a, const unsigned char *b)
{
	return memcmp(a, b, heap->size) < 0;
}

static int
resize(struct heap *heap, size_t room)
{
	unsigned char *items = reallocarray(heap->items, room, heap->size);

	if (items == NULL)
		return -1;
	heap->items = items;
	heap->room = room;
	return 0;
}

static int
push(struct heap *heap, const unsigned char *fresh)
{
	size_t i = heap->count, room = heap->room + heap->room / 2;

	if (i == heap->room &&
	    resize(heap, room < ROOM_MIN ? ROOM_MIN : room) == -1)
		return -1;
	heap->count++;
	while (i > 0 && before(heap, fresh, item(heap, (i - 1) / 2))) {
		memcpy(item(heap, i), item(heap, (i - 1) / 2), heap->size);
		i = (i - 1) / 2;
	}
	memcpy(item(heap, i), fresh, heap->size);
	return 0;
}

/* Fill the hole at the top with what was last. */
static void
pop(struct heap *heap)
{
	const unsigned char *last = item(heap, --heap->count);
	size_t i = 0, child;

	while ((child = 2 * i + 1) < heap->count) {
		if (child + 1 < heap->count &&
		    before(heap, item(heap, child + 1), item(heap, child)))
			child++;
		if (!before(heap, item(heap, child), last))
			break;
		memcpy(item(heap, i), item(heap, child), heap->size);
		i = child;
	}
	if (i != heap->count)
		memcpy(item(heap, i), last, heap->size);
	if (heap->room > ROOM_MIN && heap->count < heap->room / 4)
		(void)resize(heap, heap->room / 2);
}

static time_t
seconds(const unsigned char *at)
{
	return (time_t)((uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 |
			(uint32_t)at[2] << 8 | at[3]);
}

static void
put_seconds(unsigned char *at, time_t expiry)
{
	uint32_t s = expiry < 0                    ? 0
		     : expiry > (time_t)UINT32_MAX ? UINT32_MAX
						   : (uint32_t)expiry;

	at[0] = (unsigned char)(s >> 24);
	at[1] = (unsigned char)(s >> 16);
	at[2] = (unsigned char)(s >> 8);
	at[3] = (unsigned char)s;
}

struct drac_due *
drac_due_new(void)
{
	struct drac_due *due = calloc(1, sizeof(*due));

	if (due != NULL) {
		due->v4.size = SECONDS + 4;
		due->v6.size = SECONDS + 16;
	}
	return due;
}

void
drac_due_clear(struct drac_due *due)
{
	free(due->v4.items);
	free(due->v6.items);
	due->v4.items = due->v6.items = NULL;
	due->v4.count = due->v6.count = 0;
	due->v4.room = due->v6.room = 0;
}

void
drac_due_free(struct drac_due *due)
{
	if (due == NULL)
		return;
	drac_due_clear(due);
	free(due);
}

int
drac_due_add(struct drac_due *due, const struct drac_addr *addr, time_t expiry)
{
	unsigned char fresh[ITEM_MAX] = { 0 };

	put_seconds(fresh, expiry);
	memcpy(fresh + SECONDS, addr->octet, addr->len == 4 ? 4 : 16);
	return push(addr->len == 4 ? &due->v4 : &due->v6, fresh);
}

/* The heap with the earliest item; NULL when both are empty. */
static const struct heap *
earliest(const struct drac_due *due)
{
	const struct heap *v4 = &due->v4, *v6 = &due->v6;

	if (v4->count == 0 || v6->count == 0)
		return v4->count > 0 ? v4 : v6->count > 0 ? v6 : NULL;
	return memcmp(v6->items, v4->items, SECONDS) < 0 ? v6 : v4;
}

bool
drac_due_next(const struct drac_due *due, time_t *expiry)
{
	const struct heap *heap = earliest(due);

	if (heap == NULL)
		return false;
	*expiry = seconds(heap->items);
	return true;
}

bool
drac_due_take(struct drac_due *due, time_t now, struct drac_addr *addr)
{
	const struct heap *heap = earliest(due);

	if (heap == NULL || seconds(heap->items) > now)
		return false;
	memset(addr, 0, sizeof(*addr));
	addr->len = (unsigned char)(heap->size - SECONDS);
	memcpy(addr->octet, heap->items + SECONDS, addr->len);
	pop(heap == &due->v4 ? &due->v4 : &due->v6);
	return true;
}

size_t
drac_due_count(const struct drac_due *due)
{
	return due->v4.count + due->v6.count;
}
