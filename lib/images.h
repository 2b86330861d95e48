/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Pages of a map in memory: a set of them, in which each is found at once
 * however many there are, and a small cache.
 */
#ifndef DRAC_IMAGES_H
#define DRAC_IMAGES_H

#include <stddef.h>
#include <stdint.h>

/* In the order in which they were first put in; owns its memory. */
struct drac_images {
	unsigned page_size;
	size_t count;
	size_t room; /* 0 or a power of two */
	uint32_t *pgno;
	unsigned char *data; /* count * page_size octets */
	uint32_t *slot;      /* 2 * room: an index + 1, 0 empty */
};

/* Add or replace the image of one page. -1 with ENOMEM. */
int drac_images_put(struct drac_images *images, uint32_t pgno,
    const unsigned char *page);

/* The image of pgno, or NULL. Valid until the next put. */
const unsigned char *drac_images_get(const struct drac_images *images,
    uint32_t pgno);

/* The i-th image's octets. */
unsigned char *drac_images_at(const struct drac_images *images, size_t i);

/* Empty, but the memory is kept for the next ones. */
void drac_images_clear(struct drac_images *images);

void drac_images_swap(struct drac_images *a, struct drac_images *b);

/* Empty, and no memory is held; page_size stays. */
void drac_images_free(struct drac_images *images);

/* Pages at hand: one that comes takes the place of another. */
struct drac_cache {
	unsigned page_size;
	unsigned slots;      /* how many at most */
	uint32_t *tag;       /* pgno + 1, 0 empty */
	unsigned char *data; /* slots * page_size octets */
};

/* Without memory it is not kept; nobody misses it. */
void drac_cache_put(struct drac_cache *cache, uint32_t pgno,
    const unsigned char *page);

/* NULL: not at hand. Valid until the next put. */
const unsigned char *drac_cache_get(const struct drac_cache *cache,
    uint32_t pgno);

void drac_cache_clear(struct drac_cache *cache);
void drac_cache_free(struct drac_cache *cache); /* sizes stay */

#endif
