/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Where the fields of a btree page are: dbinc/db_page.h of Berkeley DB 5.3,
 * btree version 9, host byte order. Private to page.c, which reads pages, and
 * btree.c, which edits them.
 */
#ifndef DRAC_PAGE_LAYOUT_H
#define DRAC_PAGE_LAYOUT_H

#include <stdint.h>
#include <string.h>

enum {
	/* Every page. */
	AT_LSN_OFFSET = 4,
	AT_PGNO = 8,
	AT_PREV = 12,
	AT_NEXT = 16,
	AT_ENTRIES = 20,
	AT_HIGH_FREE = 22, /* items lie from here to the end of the page */
	AT_LEVEL = 24,
	AT_TYPE = 25,
	AT_INDEX = 26, /* 16-bit offsets of the items */

	/* The meta page. */
	META_MAGIC = 12,
	META_VERSION = 16,
	META_PAGE_SIZE = 20,
	META_ENCRYPT = 24,
	META_FLAGS = 26,
	META_FREE = 28,
	META_LAST = 32,
	META_TREE_FLAGS = 48,
	META_UID = 52,
	META_MIN_KEY = 76,
	META_RE_PAD = 84,
	META_ROOT = 88,

	/* An item: length, type, and behind its head the data. */
	ITEM_LENGTH = 0,
	ITEM_TYPE = 2,
	ITEM_CHILD = 4, /* of an internal page */
	LEAF_HEAD = 3,
	INTERNAL_HEAD = 12
};

#define BTREE_MAGIC   0x053162u
#define HASH_MAGIC    0x061561u
#define BTREE_VERSION 9u
#define UID_LENGTH    20u
#define NOT_LOGGED    1u /* the offset in the LSN of such a page */
#define LEAF_LEVEL    1u
#define MAX_LEVEL     32u
#define ITEM_KEYDATA  1u
#define ITEM_DELETED  0x80u

static inline unsigned
get16(const unsigned char *at)
{
	uint16_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static inline uint32_t
get32(const unsigned char *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static inline void
put16(unsigned char *at, unsigned value)
{
	uint16_t word = (uint16_t)value;

	memcpy(at, &word, sizeof(word));
}

static inline void
put32(unsigned char *at, uint32_t value)
{
	memcpy(at, &value, sizeof(value));
}

#endif
