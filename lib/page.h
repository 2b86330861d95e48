/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Pages of a Berkeley DB 5.3 btree file, read with every offset checked:
 * whatever might be damaged can be read here. This room also knows how a page
 * on the free list looks, which is how a map is pre-grown. The format is that
 * of dbinc/db_page.h, btree version 9, in host byte order.
 *
 * Errors: -1 with errno; EBADMSG is a page or a file that is not what it
 * should be, anything else comes from pread(2).
 */
#ifndef DRAC_PAGE_H
#define DRAC_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "why.h"

#define DRAC_PAGE_SIZE 512 /* of the maps that we make, as in 1998 */
#define DRAC_PAGE_MAX  65536

/* What sort of page an image is; the numbers are the file's. */
enum drac_page_type {
	DRAC_PAGE_FREE = 0,
	DRAC_PAGE_INTERNAL = 3,
	DRAC_PAGE_LEAF = 5,
	DRAC_PAGE_META = 9
};

/* Where pages come from: the file, and what lies over it. */
typedef int drac_page_read(void *arg, uint32_t pgno, unsigned char *page);

/* A map as its meta page describes it. */
struct drac_tree {
	drac_page_read *read; /* fills page_size octets; 0 or -1 */
	void *arg;
	unsigned page_size;
	uint32_t pages; /* whole pages in the file, meta page included */
	uint32_t root;
	uint32_t free; /* head of the free list, 0 none */
};

/* One leaf, as it was when it was read. */
struct drac_leaf {
	uint32_t pgno;
	uint32_t next;  /* the following leaf, 0 none */
	unsigned items; /* pairs */
	unsigned page_size;
	unsigned char page[DRAC_PAGE_MAX];
};

/* One key and its value, pointing into the leaf. */
struct drac_item {
	const unsigned char *key;
	size_t key_len;
	const unsigned char *value;
	size_t value_len;
};

/*
 * The meta page says btree, version 9, this byte order, a plain tree
 * without duplicates, encryption or checksums? Fills page_size, root and
 * free of tree (not read, arg, pages). length: octets available at page.
 */
int drac_tree_meta(const unsigned char *page, size_t length,
    struct drac_tree *tree, struct drac_why *why);

/*
 * Does a file that drac_tree_meta refuses say that it is of Berkeley DB all
 * the same: a hash file, another byte order, duplicates, checksums?
 */
bool drac_meta_is_other(const unsigned char *page, size_t length);

/* A btree of this byte order, as far as its first words tell? */
bool drac_meta_is_btree(const unsigned char *page, size_t length);

enum drac_page_type drac_page_type(const unsigned char *page);
unsigned drac_page_level(const unsigned char *page);

/* Find the leaf that holds key or would; length 0: the first leaf. */
int drac_tree_seek(const struct drac_tree *tree, const void *key, size_t length,
    struct drac_leaf *leaf);

/*
 * The next leaf that holds anything, for those whose entries were all
 * removed stay in the chain: 1, or 0 when there is none.
 */
int drac_leaf_next(const struct drac_tree *tree, struct drac_leaf *leaf);

/* Check a page image as a leaf and take it in. */
int drac_leaf_load(struct drac_leaf *leaf, uint32_t pgno,
    const unsigned char *page, unsigned page_size);

/*
 * Item i of 0..items-1: 1; 0 when it is marked deleted; -1 EBADMSG when it
 * is of a kind that our maps do not have (overflow, duplicate).
 */
int drac_leaf_item(const struct drac_leaf *leaf, unsigned i,
    struct drac_item *item);

/* Order of keys: by octets, then by length. */
int drac_key_order(const void *a, size_t alen, const void *b, size_t blen);

/*
 * Visit every leaf from the root down, in key order, each page once at
 * most. A page met twice, a wrong level or type, or keys out of order:
 * -1 EBADMSG. visit returns 0 to go on; another value is returned.
 */
typedef int drac_leaf_visit(const struct drac_leaf *leaf, void *arg);
int drac_tree_walk(const struct drac_tree *tree, drac_leaf_visit *visit,
    void *arg);

/* Pages in the tree below the root, the root included. */
int drac_tree_used(const struct drac_tree *tree, uint32_t *used);

/* Write the image of a free page. next: the following free page or 0. */
void drac_page_make_free(unsigned char *page, unsigned page_size, uint32_t pgno,
    uint32_t next);

/* Change the free list's head and the last page in a meta page image. */
void drac_meta_set(unsigned char *meta, uint32_t free, uint32_t last);

/* Checksum of a page at its place; two places never share one by chance. */
uint64_t drac_page_sum(const unsigned char *page, unsigned page_size,
    uint32_t pgno);

/* The same over any octets, from a seed. */
uint64_t drac_sum(const void *data, size_t length, uint64_t seed);

#endif
