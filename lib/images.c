/* SPDX-License-Identifier: BSD-2-Clause */

/* Pages in memory; see images.h. */

#include "images.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST 8u

/*
 * The slot that pgno has, or the empty one where it would be put. Half of
 * the slots at least are empty, so there is one. (Knuth's multiplier: pages
 * in use lie side by side.)
 */
static uint32_t *
slot_of(const struct drac_images *images, uint32_t pgno)
{
	size_t mask = 2 * images->room - 1;
	size_t at = (pgno * UINT32_C(2654435769)) >> 7 & mask;

	while (
	    images->slot[at] != 0 && images->pgno[images->slot[at] - 1] != pgno)
		at = (at + 1) & mask;
	return &images->slot[at];
}

static int
grow(struct drac_images *images)
{
	size_t room = images->room == 0 ? ROOM_FIRST : 2 * images->room;
	uint32_t *slot = calloc(2 * room, sizeof(*slot));
	uint32_t *pgno = realloc(images->pgno, room * sizeof(*pgno));
	unsigned char *data;

	if (pgno != NULL)
		images->pgno = pgno;
	data = realloc(images->data, room * images->page_size);
	if (data != NULL)
		images->data = data;
	if (slot == NULL || pgno == NULL || data == NULL) {
		free(slot);
		return -1;
	}
	free(images->slot);
	images->slot = slot;
	images->room = room;
	for (size_t i = 0; i < images->count; i++)
		*slot_of(images, images->pgno[i]) = (uint32_t)i + 1;
	return 0;
}

int
drac_images_put(struct drac_images *images, uint32_t pgno,
    const unsigned char *page)
{
	uint32_t *slot;

	if (images->count == images->room && grow(images) == -1)
		return -1;
	slot = slot_of(images, pgno);
	if (*slot == 0) {
		images->pgno[images->count] = pgno;
		*slot = (uint32_t)++images->count;
	}
	memcpy(drac_images_at(images, *slot - 1), page, images->page_size);
	return 0;
}

const unsigned char *
drac_images_get(const struct drac_images *images, uint32_t pgno)
{
	uint32_t slot;

	if (images->count == 0)
		return NULL;
	slot = *slot_of(images, pgno);
	return slot == 0 ? NULL : drac_images_at(images, slot - 1);
}

unsigned char *
drac_images_at(const struct drac_images *images, size_t i)
{
	return images->data + i * images->page_size;
}

void
drac_images_clear(struct drac_images *images)
{
	if (images->count > 0)
		memset(images->slot, 0, 2 * images->room * sizeof(uint32_t));
	images->count = 0;
}

void
drac_images_swap(struct drac_images *a, struct drac_images *b)
{
	struct drac_images was = *a;

	*a = *b;
	*b = was;
}

void
drac_images_free(struct drac_images *images)
{
	unsigned page_size = images->page_size;

	free(images->pgno);
	free(images->data);
	free(images->slot);
	memset(images, 0, sizeof(*images));
	images->page_size = page_size;
}

void
drac_cache_put(struct drac_cache *cache, uint32_t pgno,
    const unsigned char *page)
{
	size_t at = pgno % cache->slots;

	if (cache->data == NULL) {
		uint32_t *tag = calloc(cache->slots, sizeof(*tag));
		unsigned char *data =
		    malloc((size_t)cache->slots * cache->page_size);

		if (tag == NULL || data == NULL) {
			free(tag);
			free(data);
			return;
		}
		cache->tag = tag;
		cache->data = data;
	}
	memcpy(cache->data + at * cache->page_size, page, cache->page_size);
	cache->tag[at] = pgno + 1;
}

const unsigned char *
drac_cache_get(const struct drac_cache *cache, uint32_t pgno)
{
	size_t at = pgno % cache->slots;

	if (cache->data == NULL || cache->tag[at] != pgno + 1)
		return NULL;
	return cache->data + at * cache->page_size;
}

void
drac_cache_clear(struct drac_cache *cache)
{
	if (cache->tag != NULL)
		memset(cache->tag, 0, cache->slots * sizeof(*cache->tag));
}

void
drac_cache_free(struct drac_cache *cache)
{
	free(cache->tag);
	free(cache->data);
	cache->tag = NULL;
	cache->data = NULL;
}
