/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A map's btree, changed in memory: put, get and delete on page images. The
 * format is page.h's, with pages of DRAC_PAGE_SIZE octets.
 *
 * A page comes from the caller's function, which vouches that it is as it was
 * written last, and is checked once more here before anything relies on it:
 * number, type, level, every offset, and that no two items overlap. So a page
 * that is damaged nevertheless is an error and nothing worse. What changes is
 * collected in a set of images. Nothing is written, and an error leaves the
 * set in a state that must be thrown away.
 *
 * Errors: -1 with errno; EBADMSG is a page that is not what it should be,
 * ENOSPC says that no page is free, EINVAL that a key or a value is too long
 * or a key is empty.
 */
#ifndef DRAC_BTREE_H
#define DRAC_BTREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "images.h"
#include "page.h"

/* The longest key, and the longest value. */
#define DRAC_BTREE_PART_MAX 64u

struct drac_btree {
	drac_page_read *read; /* pages as they are, DRAC_PAGE_SIZE octets */
	void *arg;
	uint32_t pages;            /* in the file, meta page included */
	struct drac_images *dirty; /* edited pages; they hide those of read */
	bool may_grow;             /* where no page is free, add one */
};

/* Store a value under a key, replacing the one that is there. 0; -1. */
int drac_btree_put(struct drac_btree *tree, const struct drac_item *item);

/*
 * The value under a key: 1, 0 not there, -1. *length: octets that value has
 * room for, then how many there are; 0 when there are more than fit.
 */
int drac_btree_get(const struct drac_btree *tree, const void *key,
    size_t key_length, void *value, size_t *length);

/* 1 deleted, 0 not there, -1. A leaf that is emptied stays in the tree. */
int drac_btree_delete(struct drac_btree *tree, const void *key,
    size_t key_length);

/*
 * Fill the empty file fd with a new btree of the items that next gives, in
 * any order: 1 an item, 0 no more, -1 with errno. The file is not synced.
 */
typedef int drac_btree_next(void *arg, struct drac_item *item);
int drac_btree_build(int fd, drac_btree_next *next, void *arg);

#endif
