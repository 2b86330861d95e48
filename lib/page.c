/* SPDX-License-Identifier: BSD-2-Clause */

/* Berkeley DB btree pages with every offset checked; see page.h. */

#include "page.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "page_layout.h"

static int
malformed(void)
{
	errno = EBADMSG;
	return -1;
}

int
drac_tree_meta(const unsigned char *page, size_t length, struct drac_tree *tree,
    struct drac_why *why)
{
	uint32_t size;

	if (length < DRAC_PAGE_SIZE ||
	    get32(page + META_MAGIC) != BTREE_MAGIC ||
	    page[AT_TYPE] != DRAC_PAGE_META || get32(page + AT_PGNO) != 0) {
		drac_why_set(why, "not a Berkeley DB btree file");
		return malformed();
	}
	if (get32(page + META_VERSION) != BTREE_VERSION ||
	    page[META_ENCRYPT] != 0 || page[META_FLAGS] != 0 ||
	    get32(page + META_TREE_FLAGS) != 0) {
		drac_why_set(why, "a Berkeley DB btree of another kind "
				  "(version, duplicates or checksums)");
		return malformed();
	}
	size = get32(page + META_PAGE_SIZE);
	if (size < DRAC_PAGE_SIZE || size > DRAC_PAGE_MAX ||
	    (size & (size - 1)) != 0) {
		drac_why_set(why, "page size %u is impossible", (unsigned)size);
		return malformed();
	}
	tree->page_size = size;
	tree->root = get32(page + META_ROOT);
	tree->free = get32(page + META_FREE);
	return 0;
}

bool
drac_meta_is_btree(const unsigned char *page, size_t length)
{
	return length >= DRAC_PAGE_SIZE &&
	       get32(page + META_MAGIC) == BTREE_MAGIC;
}

bool
drac_meta_is_other(const unsigned char *page, size_t length)
{
	struct drac_tree tree;
	uint32_t magic;

	if (length < DRAC_PAGE_SIZE ||
	    drac_tree_meta(page, length, &tree, NULL) == 0)
		return false;
	magic = get32(page + META_MAGIC);
	return magic == BTREE_MAGIC || magic == HASH_MAGIC ||
	       magic == __builtin_bswap32(BTREE_MAGIC) ||
	       magic == __builtin_bswap32(HASH_MAGIC);
}

enum drac_page_type
drac_page_type(const unsigned char *page)
{
	return (enum drac_page_type)page[AT_TYPE];
}

unsigned
drac_page_level(const unsigned char *page)
{
	return page[AT_LEVEL];
}

int
drac_key_order(const void *a, size_t alen, const void *b, size_t blen)
{
	int order = memcmp(a, b, alen < blen ? alen : blen);

	if (order != 0)
		return order;
	return (alen > blen) - (alen < blen);
}

/*
 * Offset of item `i`, of which `head` octets before the data are fixed;
 * 0 when it does not lie within the page.
 */
static unsigned
item_at(const unsigned char *page, unsigned page_size, unsigned i,
    unsigned head)
{
	unsigned offset = get16(page + AT_INDEX + 2 * i);
	unsigned lowest = AT_INDEX + 2 * get16(page + AT_ENTRIES);

	if (offset < lowest || offset + head > page_size ||
	    offset + head + get16(page + offset) > page_size)
		return 0;
	return offset;
}

/* A tree page in place: type, level, number and index all as they must be. */
static bool
page_sound(const unsigned char *page, unsigned page_size, uint32_t pgno)
{
	unsigned type = page[AT_TYPE];
	unsigned level = page[AT_LEVEL];

	if (get32(page + AT_PGNO) != pgno)
		return false;
	if (AT_INDEX + 2 * get16(page + AT_ENTRIES) > page_size)
		return false;
	if (type == DRAC_PAGE_LEAF)
		return level == LEAF_LEVEL && get16(page + AT_ENTRIES) % 2 == 0;
	return type == DRAC_PAGE_INTERNAL && level > LEAF_LEVEL &&
	       level <= MAX_LEVEL && get16(page + AT_ENTRIES) > 0;
}

int
drac_leaf_load(struct drac_leaf *leaf, uint32_t pgno, const unsigned char *page,
    unsigned page_size)
{
	if (!page_sound(page, page_size, pgno) ||
	    page[AT_TYPE] != DRAC_PAGE_LEAF)
		return malformed();
	if (page != leaf->page)
		memcpy(leaf->page, page, page_size);
	leaf->pgno = pgno;
	leaf->next = get32(page + AT_NEXT);
	leaf->items = get16(page + AT_ENTRIES) / 2;
	leaf->page_size = page_size;
	return 0;
}

/* Length and type, then the data: the BKEYDATA of db_page.h. */
static int
leaf_part(const struct drac_leaf *leaf, unsigned i, const unsigned char **data,
    size_t *length, bool *deleted)
{
	unsigned at = item_at(leaf->page, leaf->page_size, i, LEAF_HEAD);
	unsigned type;

	if (at == 0)
		return malformed();
	type = leaf->page[at + ITEM_TYPE];
	*deleted = (type & ITEM_DELETED) != 0;
	if ((type & ~ITEM_DELETED) != ITEM_KEYDATA)
		return malformed();
	*data = leaf->page + at + LEAF_HEAD;
	*length = get16(leaf->page + at);
	return 0;
}

int
drac_leaf_item(const struct drac_leaf *leaf, unsigned i, struct drac_item *item)
{
	bool gone_key;
	bool gone_value;

	if (leaf_part(leaf, 2 * i, &item->key, &item->key_len, &gone_key) ==
		-1 ||
	    leaf_part(leaf, 2 * i + 1, &item->value, &item->value_len,
		&gone_value) == -1)
		return -1;
	return gone_key || gone_value ? 0 : 1;
}

/* The child and separator of an internal page: the BINTERNAL. */
static int
separator(const unsigned char *page, unsigned page_size, unsigned i,
    struct drac_item *item, uint32_t *child)
{
	unsigned at = item_at(page, page_size, i, INTERNAL_HEAD);

	if (at == 0 || page[at + ITEM_TYPE] != ITEM_KEYDATA)
		return malformed();
	item->key = page + at + INTERNAL_HEAD;
	item->key_len = get16(page + at);
	*child = get32(page + at + ITEM_CHILD);
	return 0;
}

/* The last child whose separator is not above key; the first has none. */
static int
choose_child(const unsigned char *page, unsigned page_size, const void *key,
    size_t length, uint32_t *child)
{
	unsigned low = 0;
	unsigned high = get16(page + AT_ENTRIES);
	struct drac_item item;

	while (high - low > 1) {
		unsigned middle = low + (high - low) / 2;

		if (separator(page, page_size, middle, &item, child) == -1)
			return -1;
		if (drac_key_order(key, length, item.key, item.key_len) >= 0)
			low = middle;
		else
			high = middle;
	}
	return separator(page, page_size, low, &item, child);
}

static int
read_page(const struct drac_tree *tree, uint32_t pgno, unsigned char *page)
{
	if (pgno == 0 || pgno >= tree->pages)
		return malformed();
	if (tree->read(tree->arg, pgno, page) == -1)
		return -1;
	if (!page_sound(page, tree->page_size, pgno))
		return malformed();
	return 0;
}

int
drac_tree_seek(const struct drac_tree *tree, const void *key, size_t length,
    struct drac_leaf *leaf)
{
	uint32_t pgno = tree->root;
	unsigned above = MAX_LEVEL + 1;

	for (;;) {
		unsigned char *page = leaf->page;

		if (read_page(tree, pgno, page) == -1)
			return -1;
		if (page[AT_LEVEL] >= above)
			return malformed();
		if (page[AT_TYPE] == DRAC_PAGE_LEAF)
			return drac_leaf_load(leaf, pgno, page,
			    tree->page_size);
		above = page[AT_LEVEL];
		if (choose_child(page, tree->page_size, key, length, &pgno) ==
		    -1)
			return -1;
	}
}

int
drac_leaf_next(const struct drac_tree *tree, struct drac_leaf *leaf)
{
	for (uint32_t n = 0; n < tree->pages; n++) {
		uint32_t next = leaf->next;

		if (next == 0)
			return 0;
		if (read_page(tree, next, leaf->page) == -1 ||
		    drac_leaf_load(leaf, next, leaf->page, tree->page_size) ==
			-1)
			return -1;
		if (leaf->items > 0)
			return 1;
	}
	return malformed(); /* a circle */
}

/* A walk: one page buffer per level, the pages met, the last key seen. */
struct walk {
	const struct drac_tree *tree;
	drac_leaf_visit *visit;
	void *arg;
	unsigned char *seen;
	uint32_t used;
	struct drac_leaf leaf;
	unsigned char last[DRAC_PAGE_MAX];
	size_t last_len;
	bool any;
};

static int
ascending(struct walk *walk)
{
	for (unsigned i = 0; i < walk->leaf.items; i++) {
		struct drac_item item;
		int kind = drac_leaf_item(&walk->leaf, i, &item);

		if (kind == -1)
			return -1;
		if (walk->any && drac_key_order(walk->last, walk->last_len,
				     item.key, item.key_len) >= 0)
			return malformed();
		memcpy(walk->last, item.key, item.key_len);
		walk->last_len = item.key_len;
		walk->any = true;
	}
	return 0;
}

static int
first_visit(struct walk *walk, uint32_t pgno)
{
	if (pgno == 0 || pgno >= walk->tree->pages ||
	    (walk->seen[pgno / 8] & (1u << pgno % 8)) != 0)
		return malformed();
	walk->seen[pgno / 8] |= (unsigned char)(1u << pgno % 8);
	walk->used++;
	return 0;
}

static int
walk_leaf(struct walk *walk, uint32_t pgno, const unsigned char *page)
{
	if (walk->visit == NULL)
		return 0;
	if (drac_leaf_load(&walk->leaf, pgno, page, walk->tree->page_size) ==
		-1 ||
	    ascending(walk) == -1)
		return -1;
	return walk->visit(&walk->leaf, walk->arg);
}

/* level: what the page must have; 0 at the root, where any will do. */
static int
walk_down(struct walk *walk, uint32_t pgno, unsigned level)
{
	unsigned size = walk->tree->page_size;
	unsigned char *page;
	int result;

	if (first_visit(walk, pgno) == -1)
		return -1;
	page = malloc(size);
	if (page == NULL)
		return -1;
	result = read_page(walk->tree, pgno, page);
	if (result == 0 && level != 0 && page[AT_LEVEL] != level)
		result = malformed();
	if (result == 0 && page[AT_TYPE] == DRAC_PAGE_LEAF) {
		result = walk_leaf(walk, pgno, page);
	} else if (result == 0) {
		unsigned count = get16(page + AT_ENTRIES);

		for (unsigned i = 0; i < count && result == 0; i++) {
			struct drac_item item;
			uint32_t child;

			result = separator(page, size, i, &item, &child);
			if (result == 0)
				result =
				    walk_down(walk, child, page[AT_LEVEL] - 1u);
		}
	}
	free(page);
	return result;
}

static int
walk_tree(const struct drac_tree *tree, drac_leaf_visit *visit, void *arg,
    uint32_t *used)
{
	struct walk *walk = calloc(1, sizeof(*walk));
	int result = -1;

	if (walk == NULL)
		return -1;
	walk->tree = tree;
	walk->visit = visit;
	walk->arg = arg;
	walk->seen = calloc(1, tree->pages / 8 + 1);
	if (walk->seen != NULL)
		result = walk_down(walk, tree->root, 0);
	if (used != NULL)
		*used = walk->used;
	free(walk->seen);
	free(walk);
	return result;
}

int
drac_tree_walk(const struct drac_tree *tree, drac_leaf_visit *visit, void *arg)
{
	return walk_tree(tree, visit, arg, NULL);
}

int
drac_tree_used(const struct drac_tree *tree, uint32_t *used)
{
	return walk_tree(tree, NULL, NULL, used);
}

void
drac_page_make_free(unsigned char *page, unsigned page_size, uint32_t pgno,
    uint32_t next)
{
	memset(page, 0, page_size);
	put32(page + AT_LSN_OFFSET, NOT_LOGGED);
	put32(page + AT_PGNO, pgno);
	put32(page + AT_NEXT, next);
	put16(page + AT_HIGH_FREE, page_size);
	page[AT_TYPE] = DRAC_PAGE_FREE;
}

void
drac_meta_set(unsigned char *meta, uint32_t free, uint32_t last)
{
	put32(meta + META_FREE, free);
	put32(meta + META_LAST, last);
}

static uint64_t
stir(uint64_t state, uint64_t word)
{
	state = (state ^ word) * UINT64_C(0xd6e8feb86659fd93);
	return state ^ (state >> 32);
}

/*
 * Every step is a bijection of the state for a given word, so a change
 * confined to one word of eight octets is always seen, any other but once
 * in 2^64.
 */
uint64_t
drac_sum(const void *data, size_t length, uint64_t seed)
{
	const unsigned char *at = data;
	uint64_t state = seed ^ (length * UINT64_C(0x9e3779b97f4a7c15));

	for (; length >= 8; length -= 8, at += 8) {
		uint64_t word;

		memcpy(&word, at, 8);
		state = stir(state, word);
	}
	if (length > 0) {
		uint64_t word = 0;

		memcpy(&word, at, length);
		state = stir(state, word);
	}
	return stir(state, 0);
}

uint64_t
drac_page_sum(const unsigned char *page, unsigned page_size, uint32_t pgno)
{
	return drac_sum(page, page_size, pgno + UINT64_C(0x64726163));
}
