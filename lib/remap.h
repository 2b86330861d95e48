/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Putting a new map file in the place of the old one: a bigger copy, a
 * fresh copy, or one built from entries. The new map and its journal are
 * complete and on the disk before they are renamed into place, so the
 * name always leads to a whole map. Called with the writers' lock held and
 * never with the readers' lock: a reader that waits for the old file while
 * it is replaced would fail.
 *
 * Two names are renamed one after the other. A kill between them leaves
 * the new map with the old journal; drac_remap_finish mends that.
 */
#ifndef DRAC_REMAP_H
#define DRAC_REMAP_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "btree.h"
#include "place.h"
#include "why.h"

/* 20,000 IPv4 keys; from there four times as many, up to 9.9 MiB. */
#define DRAC_PAGES_MIN 2048u
/* Below 10 MiB Berkeley DB maps a reader's file into memory. */
#define DRAC_PAGES_MAPPED 20275u

struct drac_remap {
	const struct drac_place *place;
	mode_t mode;
	bool keep_owner; /* give the new file uid and gid */
	uid_t uid;
	gid_t gid;
	bool sync;
	int64_t mark; /* of the journal */
};

/* The size after this one. */
uint32_t drac_remap_next_size(uint32_t pages);

/* A map from entries, filled up with free pages to at least min_pages. */
int drac_remap_build(const struct drac_remap *remap, drac_btree_next *next,
    void *arg, uint32_t min_pages, struct drac_why *why);

struct drac_remap_size {
	uint32_t old_pages;
	uint32_t old_free; /* of them on the free list */
	uint32_t pages;    /* of the copy, not less than old_pages */
};

/*
 * A copy page by page. read yields pages 0..old_pages-1, many at a time,
 * checked.
 */
typedef int drac_remap_read(void *arg, uint32_t first, uint32_t count,
    unsigned char *pages);
int drac_remap_copy(const struct drac_remap *remap, drac_remap_read *read,
    void *arg, const struct drac_remap_size *size, struct drac_why *why);

/*
 * After a kill between the two renames: 1 mended, 0 nothing to mend; -1:
 * there is, but it cannot be done now.
 */
int drac_remap_finish(const struct drac_place *place, ino_t map_ino);

#endif
