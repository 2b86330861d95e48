/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A map's btree, changed in memory; see btree.h.
 *
 * The root keeps its page: when it is full, its items move to two new pages
 * below it. A full internal page is split on the way down, so that a split
 * never has to go back up. No page is ever given back.
 */

#include "btree.h"

#include <sys/random.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "journal.h"
#include "page_layout.h"

#define ALIGNMENT 4u
#define WORDS     (DRAC_PAGE_SIZE / ALIGNMENT)
#define ROOT      1u /* of a tree that we build */
#define CHUNK     64u

/* A put splits at most two pages a level, and the root once. */
#define TRIES (2 * MAX_LEVEL + 2)

/* A page on the way down and where it hangs. */
struct cursor {
	uint32_t pgno;
	uint32_t parent; /* 0: this is the root */
	unsigned slot;   /* in the parent */
	unsigned char page[DRAC_PAGE_SIZE];
};

static int
malformed(void)
{
	errno = EBADMSG;
	return -1;
}

/* Pages and their items. */

static bool
is_leaf(const unsigned char *page)
{
	return page[AT_TYPE] == DRAC_PAGE_LEAF;
}

static unsigned
head_size(const unsigned char *page)
{
	return is_leaf(page) ? LEAF_HEAD : INTERNAL_HEAD;
}

/* Octets that an item takes, but for its place in the index. */
static unsigned
item_size(unsigned head, size_t length)
{
	return (unsigned)((head + length + ALIGNMENT - 1) & ~(ALIGNMENT - 1u));
}

static unsigned
item_offset(const unsigned char *page, unsigned i)
{
	return get16(page + AT_INDEX + 2 * i);
}

/* The key or value of item i; of a child its separator. */
static const unsigned char *
item_data(const unsigned char *page, unsigned i, size_t *length)
{
	const unsigned char *item = page + item_offset(page, i);

	*length = get16(item + ITEM_LENGTH);
	return item + head_size(page);
}

static unsigned
room(const unsigned char *page)
{
	return get16(page + AT_HIGH_FREE) -
	       (AT_INDEX + 2 * get16(page + AT_ENTRIES));
}

/*
 * Does item i lie in the area of the items, at a place that no other item
 * has? used: a flag for each word of the page.
 */
static bool
item_is_sound(const unsigned char *page, unsigned i, bool *used)
{
	unsigned at = item_offset(page, i), head = head_size(page), size;

	if (at < get16(page + AT_HIGH_FREE) || at % ALIGNMENT != 0 ||
	    at + head > DRAC_PAGE_SIZE ||
	    get16(page + at + ITEM_LENGTH) > DRAC_BTREE_PART_MAX ||
	    (page[at + ITEM_TYPE] & ~ITEM_DELETED) != ITEM_KEYDATA)
		return false;
	size = item_size(head, get16(page + at + ITEM_LENGTH));
	if (at + size > DRAC_PAGE_SIZE)
		return false;
	for (unsigned word = at / ALIGNMENT; word < (at + size) / ALIGNMENT;
	     word++) {
		if (used[word])
			return false;
		used[word] = true;
	}
	return true;
}

/* Items fill their area to the last word: removing one counts on that. */
static bool
items_are_sound(const unsigned char *page)
{
	unsigned high = get16(page + AT_HIGH_FREE);
	bool used[WORDS] = { false };

	if (high % ALIGNMENT != 0 || high > DRAC_PAGE_SIZE ||
	    AT_INDEX + 2 * get16(page + AT_ENTRIES) > high)
		return false;
	for (unsigned i = 0; i < get16(page + AT_ENTRIES); i++)
		if (!item_is_sound(page, i, used))
			return false;
	for (unsigned word = high / ALIGNMENT; word < WORDS; word++)
		if (!used[word])
			return false;
	return true;
}

static bool
tree_page_is_sound(const unsigned char *page, uint32_t pgno)
{
	unsigned entries = get16(page + AT_ENTRIES), level = page[AT_LEVEL];

	if (get32(page + AT_PGNO) != pgno)
		return false;
	if (is_leaf(page)
		? level != LEAF_LEVEL || entries % 2 != 0
		: page[AT_TYPE] != DRAC_PAGE_INTERNAL || level <= LEAF_LEVEL ||
		      level > MAX_LEVEL || entries == 0)
		return false;
	return items_are_sound(page);
}

static void
make_page(unsigned char *page, uint32_t pgno, const unsigned char *like)
{
	memset(page, 0, DRAC_PAGE_SIZE);
	put32(page + AT_LSN_OFFSET, NOT_LOGGED);
	put32(page + AT_PGNO, pgno);
	put16(page + AT_HIGH_FREE, DRAC_PAGE_SIZE);
	page[AT_LEVEL] = like[AT_LEVEL];
	page[AT_TYPE] = like[AT_TYPE];
}

/* Make item i of a whole item without its padding. There is room. */
static void
insert_item(unsigned char *page, unsigned i, const unsigned char *item,
    size_t length)
{
	unsigned entries = get16(page + AT_ENTRIES);
	unsigned size = item_size(0, length);
	unsigned at = get16(page + AT_HIGH_FREE) - size;
	unsigned char *index = page + AT_INDEX + 2 * i;

	memmove(index + 2, index, 2 * (entries - i));
	memcpy(page + at, item, length);
	memset(page + at + length, 0, size - length);
	put16(index, at);
	put16(page + AT_HIGH_FREE, at);
	put16(page + AT_ENTRIES, entries + 1);
}

static void
insert_data(unsigned char *leaf, unsigned i, const void *data, size_t length)
{
	unsigned char item[LEAF_HEAD + DRAC_BTREE_PART_MAX];

	put16(item + ITEM_LENGTH, (unsigned)length);
	item[ITEM_TYPE] = ITEM_KEYDATA;
	memcpy(item + LEAF_HEAD, data, length);
	insert_item(leaf, i, item, LEAF_HEAD + length);
}

static void
insert_child(unsigned char *page, unsigned i, uint32_t child,
    const struct drac_item *separator)
{
	unsigned char item[INTERNAL_HEAD + DRAC_BTREE_PART_MAX] = { 0 };

	put16(item + ITEM_LENGTH, (unsigned)separator->key_len);
	item[ITEM_TYPE] = ITEM_KEYDATA;
	put32(item + ITEM_CHILD, child);
	memcpy(item + INTERNAL_HEAD, separator->key, separator->key_len);
	insert_item(page, i, item, INTERNAL_HEAD + separator->key_len);
}

/* The items below it move up, so that there is no gap. */
static void
remove_item(unsigned char *page, unsigned i)
{
	unsigned entries = get16(page + AT_ENTRIES);
	unsigned high = get16(page + AT_HIGH_FREE);
	unsigned at = item_offset(page, i);
	unsigned size =
	    item_size(head_size(page), get16(page + at + ITEM_LENGTH));
	unsigned char *index = page + AT_INDEX + 2 * i;

	memmove(page + high + size, page + high, at - high);
	memmove(index, index + 2, 2 * (entries - i - 1));
	put16(page + AT_ENTRIES, entries - 1);
	put16(page + AT_HIGH_FREE, high + size);
	for (unsigned k = 0; k + 1 < entries; k++)
		if (item_offset(page, k) < at)
			put16(page + AT_INDEX + 2 * k,
			    item_offset(page, k) + size);
}

/* Reading and keeping pages. */

static int
read_page(const struct drac_btree *tree, uint32_t pgno, unsigned char *page)
{
	const unsigned char *image = drac_images_get(tree->dirty, pgno);

	if (image == NULL) {
		if (pgno >= tree->pages)
			return malformed();
		return tree->read(tree->arg, pgno, page);
	}
	memcpy(page, image, DRAC_PAGE_SIZE);
	return 0;
}

static int
read_tree_page(const struct drac_btree *tree, uint32_t pgno,
    unsigned char *page)
{
	if (read_page(tree, pgno, page) == -1)
		return -1;
	return pgno != 0 && tree_page_is_sound(page, pgno) ? 0 : malformed();
}

static int
read_meta(const struct drac_btree *tree, unsigned char *meta, uint32_t *root)
{
	struct drac_tree head;

	if (read_page(tree, 0, meta) == -1 ||
	    drac_tree_meta(meta, DRAC_PAGE_SIZE, &head, NULL) == -1)
		return -1;
	*root = head.root;
	return head.page_size == DRAC_PAGE_SIZE ? 0 : malformed();
}

static int
keep_page(struct drac_btree *tree, const unsigned char *page)
{
	return drac_images_put(tree->dirty, get32(page + AT_PGNO), page);
}

/* Take the first page of the free list, or a new one behind the last. */
static int
allocate(struct drac_btree *tree, uint32_t *pgno)
{
	unsigned char meta[DRAC_PAGE_SIZE], page[DRAC_PAGE_SIZE];
	uint32_t root;

	if (read_meta(tree, meta, &root) == -1)
		return -1;
	*pgno = get32(meta + META_FREE);
	if (*pgno != 0) {
		if (read_page(tree, *pgno, page) == -1)
			return -1;
		if (page[AT_TYPE] != DRAC_PAGE_FREE ||
		    get32(page + AT_PGNO) != *pgno)
			return malformed();
		put32(meta + META_FREE, get32(page + AT_NEXT));
	} else if (tree->may_grow) {
		*pgno = tree->pages++;
		drac_meta_set(meta, 0, *pgno);
	} else {
		errno = ENOSPC;
		return -1;
	}
	return keep_page(tree, meta);
}

/* Finding. */

/*
 * In a leaf the pair that has the key, or where it would be; in an internal
 * page the child to which the key belongs: the last one whose separator is
 * not above it. The first child's separator counts as below every key.
 */
static unsigned
search_page(const unsigned char *page, const void *key, size_t length,
    bool *found)
{
	unsigned step = is_leaf(page) ? 2 : 1;
	unsigned low = is_leaf(page) ? 0 : 1;
	unsigned high = get16(page + AT_ENTRIES) / step;

	*found = false;
	while (low < high) {
		unsigned middle = low + (high - low) / 2;
		size_t item_length;
		const unsigned char *item =
		    item_data(page, middle * step, &item_length);
		int order = drac_key_order(key, length, item, item_length);

		if (order == 0 && is_leaf(page)) {
			*found = true;
			return middle;
		}
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return is_leaf(page) ? low : low - 1;
}

static bool
pair_is_deleted(const unsigned char *leaf, unsigned pair)
{
	return ((leaf[item_offset(leaf, 2 * pair) + ITEM_TYPE] |
		    leaf[item_offset(leaf, 2 * pair + 1) + ITEM_TYPE]) &
		   ITEM_DELETED) != 0;
}

/* One level down. Levels fall by one, so there is an end. */
static int
descend(const struct drac_btree *tree, const void *key, size_t length,
    struct cursor *cursor)
{
	unsigned level = cursor->page[AT_LEVEL];
	bool found;

	cursor->slot = search_page(cursor->page, key, length, &found);
	cursor->parent = cursor->pgno;
	cursor->pgno =
	    get32(cursor->page + item_offset(cursor->page, cursor->slot) +
		  ITEM_CHILD);
	if (read_tree_page(tree, cursor->pgno, cursor->page) == -1)
		return -1;
	return cursor->page[AT_LEVEL] == level - 1 ? 0 : malformed();
}

static int
start_at_root(const struct drac_btree *tree, struct cursor *cursor)
{
	cursor->parent = 0;
	cursor->slot = 0;
	if (read_meta(tree, cursor->page, &cursor->pgno) == -1)
		return -1;
	return read_tree_page(tree, cursor->pgno, cursor->page);
}

static int
seek_leaf(const struct drac_btree *tree, const void *key, size_t length,
    struct cursor *cursor)
{
	int result = start_at_root(tree, cursor);

	while (result == 0 && !is_leaf(cursor->page))
		result = descend(tree, key, length, cursor);
	return result;
}

int
drac_btree_get(const struct drac_btree *tree, const void *key,
    size_t key_length, void *value, size_t *length)
{
	struct cursor cursor;
	const unsigned char *data;
	unsigned pair;
	size_t have;
	bool found;

	if (seek_leaf(tree, key, key_length, &cursor) == -1)
		return -1;
	pair = search_page(cursor.page, key, key_length, &found);
	if (!found || pair_is_deleted(cursor.page, pair)) {
		*length = 0;
		return 0;
	}
	data = item_data(cursor.page, 2 * pair + 1, &have);
	if (have <= *length)
		memcpy(value, data, have);
	*length = have <= *length ? have : 0;
	return 1;
}

/* Splitting. */

/*
 * Where to split: half of the octets to each side, and what is over to the
 * left, since runs of neighbours mostly go on to the right. Ascending keys
 * would leave half of each page empty, so what comes behind all others begins
 * a page of its own.
 */
static unsigned
choose_middle(const unsigned char *page, unsigned at)
{
	unsigned entries = get16(page + AT_ENTRIES);
	unsigned step = is_leaf(page) ? 2 : 1, size = 0, i;
	unsigned half = (DRAC_PAGE_SIZE - get16(page + AT_HIGH_FREE)) / 2;

	if (at == entries && is_leaf(page) && get32(page + AT_NEXT) == 0)
		return entries - step;
	for (i = 0; i < entries && size < half; i++) {
		size_t length;

		(void)item_data(page, i, &length);
		size += item_size(head_size(page), length);
	}
	i += i % step; /* a pair is not parted */
	return i < entries ? i : entries - step;
}

/* The items from `middle' on go to the right page, the others to the left. */
static void
deal_items(const unsigned char *old, unsigned middle, unsigned char *left,
    unsigned char *right)
{
	for (unsigned i = 0; i < get16(old + AT_ENTRIES); i++) {
		const unsigned char *item = old + item_offset(old, i);
		size_t length = head_size(old) + get16(item + ITEM_LENGTH);

		if (i < middle)
			insert_item(left, i, item, length);
		else
			insert_item(right, i - middle, item, length);
	}
}

/*
 * What parts the right page from the left: of a leaf as few octets of its
 * first key as are above the left one's last key.
 */
static struct drac_item
separator_of(const unsigned char *left, const unsigned char *right)
{
	struct drac_item separator = { 0 };
	const unsigned char *last;
	size_t last_length, same = 0;

	separator.key = item_data(right, 0, &separator.key_len);
	if (!is_leaf(right))
		return separator;
	last = item_data(left, get16(left + AT_ENTRIES) - 2, &last_length);
	while (same < last_length && same < separator.key_len &&
	       last[same] == separator.key[same])
		same++;
	if (same < separator.key_len)
		separator.key_len = same + 1;
	return separator;
}

/* Leaves are chained in key order. */
static int
link_leaves(struct drac_btree *tree, const unsigned char *old,
    unsigned char *left, unsigned char *right)
{
	unsigned char next[DRAC_PAGE_SIZE];
	uint32_t after = get32(old + AT_NEXT);

	put32(left + AT_PREV, get32(old + AT_PREV));
	put32(left + AT_NEXT, get32(right + AT_PGNO));
	put32(right + AT_PREV, get32(left + AT_PGNO));
	put32(right + AT_NEXT, after);
	if (after == 0)
		return 0;
	if (read_tree_page(tree, after, next) == -1)
		return -1;
	put32(next + AT_PREV, get32(right + AT_PGNO));
	return keep_page(tree, next);
}

/* The page above gets the new child; a root becomes that page. */
static int
hang_in(struct drac_btree *tree, const struct cursor *cursor,
    const unsigned char *left, const unsigned char *right)
{
	const struct drac_item separator = separator_of(left, right);
	const struct drac_item lowest = { .key = right };
	unsigned char page[DRAC_PAGE_SIZE];

	if (cursor->parent != 0) {
		if (read_tree_page(tree, cursor->parent, page) == -1)
			return -1;
		insert_child(page, cursor->slot + 1, get32(right + AT_PGNO),
		    &separator);
		return keep_page(tree, page);
	}
	make_page(page, cursor->pgno, cursor->page);
	page[AT_TYPE] = DRAC_PAGE_INTERNAL;
	page[AT_LEVEL]++;
	insert_child(page, 0, get32(left + AT_PGNO), &lowest);
	insert_child(page, 1, get32(right + AT_PGNO), &separator);
	return keep_page(tree, page);
}

/*
 * Split the page at the cursor into two; the page above has room. at: where
 * an item is to come.
 */
static int
split(struct drac_btree *tree, const struct cursor *cursor, unsigned at)
{
	const unsigned char *old = cursor->page;
	unsigned char left[DRAC_PAGE_SIZE], right[DRAC_PAGE_SIZE];
	uint32_t left_pgno = cursor->pgno, right_pgno;

	if (old[AT_LEVEL] == MAX_LEVEL ||
	    get16(old + AT_ENTRIES) < (is_leaf(old) ? 4 : 2))
		return malformed();
	if ((cursor->parent == 0 && allocate(tree, &left_pgno) == -1) ||
	    allocate(tree, &right_pgno) == -1)
		return -1;
	if (left_pgno == right_pgno) /* a free list in a circle */
		return malformed();
	make_page(left, left_pgno, old);
	make_page(right, right_pgno, old);
	deal_items(old, choose_middle(old, at), left, right);
	if (is_leaf(old) && link_leaves(tree, old, left, right) == -1)
		return -1;
	if (hang_in(tree, cursor, left, right) == -1 ||
	    keep_page(tree, right) == -1)
		return -1;
	return keep_page(tree, left);
}

/* Changing. */

static bool
has_room_for_child(const unsigned char *page)
{
	return room(page) >= item_size(INTERNAL_HEAD, DRAC_BTREE_PART_MAX) + 2;
}

static bool
has_room_for(const unsigned char *leaf, const struct drac_item *item)
{
	return room(leaf) >= item_size(LEAF_HEAD, item->key_len) +
				 item_size(LEAF_HEAD, item->value_len) + 4;
}

/*
 * Down to the leaf, where every page above it has room for one more child.
 * 1 there; 0 a page had to be split, begin again; -1.
 */
static int
seek_to_insert(struct drac_btree *tree, const struct drac_item *item,
    struct cursor *cursor)
{
	if (start_at_root(tree, cursor) == -1)
		return -1;
	while (!is_leaf(cursor->page)) {
		if (!has_room_for_child(cursor->page))
			return split(tree, cursor, 0);
		if (descend(tree, item->key, item->key_len, cursor) == -1)
			return -1;
	}
	return 1;
}

/* 1 put; 0 the leaf had to be split, begin again; -1. */
static int
put_into_leaf(struct drac_btree *tree, const struct drac_item *item,
    struct cursor *cursor)
{
	unsigned char *leaf = cursor->page;
	bool found;
	unsigned at = 2 * search_page(leaf, item->key, item->key_len, &found);

	if (found) {
		remove_item(leaf, at + 1);
		remove_item(leaf, at);
	}
	if (has_room_for(leaf, item)) {
		insert_data(leaf, at, item->key, item->key_len);
		insert_data(leaf, at + 1, item->value, item->value_len);
		return keep_page(tree, leaf) == -1 ? -1 : 1;
	}
	return split(tree, cursor, at);
}

int
drac_btree_put(struct drac_btree *tree, const struct drac_item *item)
{
	struct cursor cursor;

	if (item->key_len == 0 || item->key_len > DRAC_BTREE_PART_MAX ||
	    item->value_len > DRAC_BTREE_PART_MAX) {
		errno = EINVAL;
		return -1;
	}
	for (unsigned i = 0; i < TRIES; i++) {
		int result = seek_to_insert(tree, item, &cursor);

		if (result == 1)
			result = put_into_leaf(tree, item, &cursor);
		if (result != 0)
			return result == 1 ? 0 : -1;
	}
	return malformed();
}

int
drac_btree_delete(struct drac_btree *tree, const void *key, size_t key_length)
{
	struct cursor cursor;
	unsigned pair;
	bool found, deleted;

	if (seek_leaf(tree, key, key_length, &cursor) == -1)
		return -1;
	pair = search_page(cursor.page, key, key_length, &found);
	if (!found)
		return 0;
	deleted = pair_is_deleted(cursor.page, pair);
	remove_item(cursor.page, 2 * pair + 1);
	remove_item(cursor.page, 2 * pair);
	if (keep_page(tree, cursor.page) == -1)
		return -1;
	return deleted ? 0 : 1;
}

/* Building. */

/* A file's own id, by which Berkeley DB tells files apart. */
static int
make_meta(unsigned char *meta)
{
	memset(meta, 0, DRAC_PAGE_SIZE);
	put32(meta + AT_LSN_OFFSET, NOT_LOGGED);
	put32(meta + META_MAGIC, BTREE_MAGIC);
	put32(meta + META_VERSION, BTREE_VERSION);
	put32(meta + META_PAGE_SIZE, DRAC_PAGE_SIZE);
	meta[AT_TYPE] = DRAC_PAGE_META;
	put32(meta + META_LAST, ROOT);
	put32(meta + META_MIN_KEY, 2);
	put32(meta + META_RE_PAD, ' ');
	put32(meta + META_ROOT, ROOT);
	return getrandom(meta + META_UID, UID_LENGTH, 0) == UID_LENGTH ? 0 : -1;
}

static int
make_empty_tree(struct drac_btree *tree)
{
	static const unsigned char leaf[AT_INDEX] = { [AT_LEVEL] = LEAF_LEVEL,
		[AT_TYPE] = DRAC_PAGE_LEAF };
	unsigned char page[DRAC_PAGE_SIZE];

	/* Its number is 0, where a page of the tree has its own. */
	if (make_meta(page) == -1 ||
	    drac_images_put(tree->dirty, 0, page) == -1)
		return -1;
	make_page(page, ROOT, leaf);
	return keep_page(tree, page);
}

static int
write_tree(int fd, const struct drac_btree *tree)
{
	unsigned char pages[CHUNK * DRAC_PAGE_SIZE];

	for (uint32_t at = 0; at < tree->pages;) {
		uint32_t count =
		    tree->pages - at < CHUNK ? tree->pages - at : CHUNK;

		for (uint32_t i = 0; i < count; i++)
			if (read_page(tree, at + i,
				pages + i * DRAC_PAGE_SIZE) == -1)
				return -1;
		if (drac_write_full(fd, pages, (size_t)count * DRAC_PAGE_SIZE,
			(off_t)at * DRAC_PAGE_SIZE) == -1)
			return -1;
		at += count;
	}
	return 0;
}

static int
no_page(void *arg, uint32_t pgno, unsigned char *page)
{
	(void)arg;
	(void)pgno;
	(void)page;
	return malformed();
}

int
drac_btree_build(int fd, drac_btree_next *next, void *arg)
{
	struct drac_images images = { .page_size = DRAC_PAGE_SIZE };
	struct drac_btree tree = { .read = no_page,
		.pages = ROOT + 1,
		.dirty = &images,
		.may_grow = true };
	struct drac_item item;
	int result = make_empty_tree(&tree);

	while (result == 0 && (result = next(arg, &item)) == 1)
		result = drac_btree_put(&tree, &item);
	if (result == 0)
		result = write_tree(fd, &tree);
	drac_images_free(&images);
	return result;
}
