/* SPDX-License-Identifier: BSD-2-Clause */

/* Pages made by hand: what is read of them, and what is not believed. */
#include <errno.h>
#include <stdlib.h>

#include "page.h"
#include "test.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define SIZE         DRAC_PAGE_SIZE
#define PAGES        8u

/* dbinc/db_page.h: where the fields are. */
enum {
	PGNO = 8,
	NEXT = 16,
	ENTRIES = 20,
	HIGH_FREE = 22,
	LEVEL = 24,
	TYPE = 25,
	INDEX = 26
};

/* A file of our own making: root 1, leaves 2, 3 and 4, page 5 free. */
static unsigned char file[PAGES][SIZE];

static void
put16(unsigned char *at, unsigned value)
{
	uint16_t v = (uint16_t)value;

	memcpy(at, &v, sizeof(v));
}

static void
put32(unsigned char *at, uint32_t value)
{
	memcpy(at, &value, sizeof(value));
}

static unsigned
get16(const unsigned char *at)
{
	uint16_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static void
make_page(uint32_t pgno, unsigned type, unsigned level, uint32_t next)
{
	unsigned char *page = file[pgno];

	memset(page, 0, SIZE);
	put32(page + PGNO, pgno);
	put32(page + NEXT, next);
	put16(page + HIGH_FREE, SIZE);
	page[LEVEL] = (unsigned char)level;
	page[TYPE] = (unsigned char)type;
}

/* Room for an item at the end of the page; its offset goes into the index. */
static unsigned char *
new_item(uint32_t pgno, size_t length)
{
	unsigned char *page = file[pgno];
	unsigned entries = get16(page + ENTRIES);
	unsigned at = (get16(page + HIGH_FREE) - (unsigned)length) & ~3u;

	put16(page + HIGH_FREE, at);
	put16(page + INDEX + 2 * entries, at);
	put16(page + ENTRIES, entries + 1);
	return page + at;
}

static void
add_octets(uint32_t pgno, const char *text)
{
	size_t length = strlen(text);
	unsigned char *item = new_item(pgno, length + 3);

	put16(item, (unsigned)length);
	item[2] = 1;
	memcpy(item + 3, text, length);
}

static void
add_pair(uint32_t pgno, const char *key, const char *value)
{
	add_octets(pgno, key);
	add_octets(pgno, value);
}

static void
add_child(uint32_t pgno, const char *separator, uint32_t child)
{
	size_t length = strlen(separator);
	unsigned char *item = new_item(pgno, length + 12);

	put16(item, (unsigned)length);
	item[2] = 1;
	put32(item + 4, child);
	memcpy(item + 12, separator, length);
}

static void
make_meta(void)
{
	unsigned char *meta = file[0];

	memset(meta, 0, SIZE);
	put32(meta + 12, 0x053162);
	put32(meta + 16, 9);
	put32(meta + 20, SIZE);
	meta[TYPE] = DRAC_PAGE_META;
	put32(meta + 28, 5);
	put32(meta + 32, PAGES - 1);
	put32(meta + 88, 1);
}

static void
make_file(void)
{
	memset(file, 0, sizeof(file));
	make_meta();
	make_page(1, DRAC_PAGE_INTERNAL, 2, 0);
	add_child(1, "", 2);
	add_child(1, "f", 3);
	add_child(1, "m", 4);
	make_page(2, DRAC_PAGE_LEAF, 1, 3);
	add_pair(2, "a", "1");
	add_pair(2, "c", "2");
	make_page(3, DRAC_PAGE_LEAF, 1, 4);
	add_pair(3, "f", "3");
	add_pair(3, "fa", "4");
	make_page(4, DRAC_PAGE_LEAF, 1, 0);
	add_pair(4, "x", "5");
}

static int
read_page(void *arg, uint32_t pgno, unsigned char *page)
{
	(void)arg;
	memcpy(page, file[pgno], SIZE);
	return 0;
}

static struct drac_tree
tree(void)
{
	struct drac_tree made = { 0 };

	CHECK(drac_tree_meta(file[0], SIZE, &made, NULL) == 0);
	made.read = read_page;
	made.pages = PAGES;
	return made;
}

static void
meta_accepts_our_kind(void)
{
	struct drac_tree found = { 0 };

	make_file();
	CHECK(drac_tree_meta(file[0], SIZE, &found, NULL) == 0);
	CHECK(found.page_size == SIZE && found.root == 1 && found.free == 5);
	put32(file[0] + 20, 65536);
	CHECK(drac_tree_meta(file[0], SIZE, &found, NULL) == 0);
	CHECK(found.page_size == 65536);
}

static void
meta_refuses_other_kinds(void)
{
	static const struct {
		const char *name;
		size_t at;
		uint32_t value;
	} rows[] = { { "hash", 12, 0x061561 }, { "garbage", 12, 0 },
		{ "other byte order", 12, 0x62310500 }, { "version 8", 16, 8 },
		{ "version 10", 16, 10 }, { "page size 0", 20, 0 },
		{ "page size 256", 20, 256 }, { "page size 513", 20, 513 },
		{ "page size 131072", 20, 131072 }, { "not page 0", 8, 1 },
		{ "encrypted", 24, 1 }, { "type of a leaf", 24, 5 << 8 },
		{ "checksums", 24, 9 << 8 | 1 << 16 }, { "duplicates", 48, 1 },
		{ "record numbers", 48, 8 } };

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_tree found = { 0 };
		struct drac_why why = { "" };

		make_file();
		put32(file[0] + rows[i].at, rows[i].value);
		errno = 0;
		CHECK_ROW(drac_tree_meta(file[0], SIZE, &found, &why) == -1,
		    rows[i].name);
		CHECK_ROW(errno == EBADMSG && why.text[0] != '\0',
		    rows[i].name);
	}
	make_file();
	CHECK(drac_tree_meta(file[0], SIZE - 1, &(struct drac_tree){ 0 },
		  NULL) == -1);
}

static void
seek_finds_the_leaf(void)
{
	static const struct {
		const char *key;
		uint32_t leaf;
	} rows[] = { { "", 2 }, { "a", 2 }, { "ezzz", 2 }, { "f", 3 },
		{ "fa", 3 }, { "lz", 3 }, { "m", 4 }, { "zzz", 4 } };
	struct drac_leaf *leaf = malloc(sizeof(*leaf));
	struct drac_tree t;

	make_file();
	t = tree();
	for (size_t i = 0; i < COUNT(rows); i++) {
		CHECK_ROW(drac_tree_seek(&t, rows[i].key, strlen(rows[i].key),
			      leaf) == 0,
		    rows[i].key);
		CHECK_ROW(leaf->pgno == rows[i].leaf, rows[i].key);
	}
	free(leaf);
}

static void
leaves_follow_each_other(void)
{
	struct drac_leaf *leaf = malloc(sizeof(*leaf));
	struct drac_item item;
	struct drac_tree t;

	make_file();
	t = tree();
	CHECK(drac_tree_seek(&t, "", 0, leaf) == 0);
	CHECK(leaf->pgno == 2 && leaf->items == 2);
	CHECK(drac_leaf_item(leaf, 1, &item) == 1);
	CHECK(item.key_len == 1 && item.key[0] == 'c');
	CHECK(item.value_len == 1 && item.value[0] == '2');
	CHECK(drac_leaf_next(&t, leaf) == 1 && leaf->pgno == 3);
	CHECK(drac_leaf_next(&t, leaf) == 1 && leaf->pgno == 4);
	CHECK(drac_leaf_next(&t, leaf) == 0);
	/* A chain that leads to a page of another kind. */
	put32(file[3] + NEXT, 1);
	CHECK(drac_tree_seek(&t, "f", 1, leaf) == 0);
	CHECK(drac_leaf_next(&t, leaf) == -1 && errno == EBADMSG);
	put32(file[3] + NEXT, PAGES);
	CHECK(drac_tree_seek(&t, "f", 1, leaf) == 0);
	CHECK(drac_leaf_next(&t, leaf) == -1 && errno == EBADMSG);
	free(leaf);
}

/* What was emptied is passed by; a circle of it is none without an end. */
static void
empty_leaves_are_passed_by(void)
{
	struct drac_leaf *leaf = malloc(sizeof(*leaf));
	struct drac_tree t;

	make_file();
	t = tree();
	put16(file[3] + ENTRIES, 0);
	CHECK(drac_tree_seek(&t, "", 0, leaf) == 0);
	CHECK(drac_leaf_next(&t, leaf) == 1 && leaf->pgno == 4);
	put16(file[4] + ENTRIES, 0);
	CHECK(drac_tree_seek(&t, "", 0, leaf) == 0);
	CHECK(drac_leaf_next(&t, leaf) == 0);
	put32(file[4] + NEXT, 3);
	CHECK(drac_tree_seek(&t, "", 0, leaf) == 0);
	CHECK(drac_leaf_next(&t, leaf) == -1 && errno == EBADMSG);
	free(leaf);
}

static void
deleted_items_are_told_apart(void)
{
	struct drac_leaf *leaf = malloc(sizeof(*leaf));
	struct drac_item item;

	make_file();
	file[2][get16(file[2] + INDEX) + 2] |= 0x80;
	CHECK(drac_leaf_load(leaf, 2, file[2], SIZE) == 0);
	CHECK(drac_leaf_item(leaf, 0, &item) == 0);
	CHECK(drac_leaf_item(leaf, 1, &item) == 1);
	free(leaf);
}

/* Damage of a leaf: refused when it is loaded, or when it is read. */
static void
damaged_leaf_is_refused(void)
{
	static const struct {
		const char *name;
		size_t at;
		unsigned value;
		bool loads;
	} rows[] = {
		{ "another page's number", PGNO, 3, false },
		{ "an internal page", LEVEL, 1 | DRAC_PAGE_INTERNAL << 8,
		    false },
		{ "a free page", LEVEL, 1 | DRAC_PAGE_FREE << 8, false },
		{ "level 2", LEVEL, 2 | DRAC_PAGE_LEAF << 8, false },
		{ "odd count", ENTRIES, 3, false },
		{ "more than fits", ENTRIES, 400, false },
		{ "most that can be", ENTRIES, 0xfffe, false },
		{ "item in the header", INDEX, 0, true },
		{ "item in the index", INDEX, INDEX + 2, true },
		{ "item at the end", INDEX, SIZE - 2, true },
		{ "item beyond the end", INDEX, SIZE, true },
		{ "item far away", INDEX, 0xffff, true },
		{ "value beyond the end", INDEX + 2, SIZE + 10, true },
		/* Their first item is four octets from the page's end. */
		{ "length of one more", SIZE - 4, 2, true },
		{ "longest length", SIZE - 4, 0xffff, true },
		{ "overflow item", SIZE - 2, 3 | 'a' << 8, true },
		{ "duplicate item", SIZE - 2, 2 | 'a' << 8, true },
	};
	struct drac_leaf *leaf = malloc(sizeof(*leaf));

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_item item;
		int loaded;

		make_file();
		put16(file[2] + rows[i].at, rows[i].value);
		errno = 0;
		loaded = drac_leaf_load(leaf, 2, file[2], SIZE);
		CHECK_ROW(loaded == (rows[i].loads ? 0 : -1), rows[i].name);
		if (loaded == 0)
			CHECK_ROW(drac_leaf_item(leaf, 0, &item) == -1,
			    rows[i].name);
		CHECK_ROW(errno == EBADMSG, rows[i].name);
	}
	free(leaf);
}

static int
count_items(const struct drac_leaf *leaf, void *arg)
{
	unsigned *count = arg;

	*count += leaf->items;
	return *count >= 100 ? 7 : 0;
}

static void
walk_visits_every_leaf(void)
{
	unsigned count = 0;
	uint32_t used = 0;
	struct drac_tree t;

	make_file();
	t = tree();
	CHECK(drac_tree_walk(&t, count_items, &count) == 0 && count == 5);
	CHECK(drac_tree_used(&t, &used) == 0 && used == 4);
	count = 98;
	CHECK(drac_tree_walk(&t, count_items, &count) == 7 && count == 100);
}

/* What a seek may pass by, a walk of the whole tree must not. */
static void
swap_children(void)
{
	unsigned char *index = file[1] + INDEX;
	unsigned second = get16(index + 2);

	put16(index + 2, get16(index + 4));
	put16(index + 4, second);
}

static void
leaf_twice(void)
{
	put32(file[1] + get16(file[1] + INDEX + 4) + 4, 3);
}

static void
child_is_the_root(void)
{
	put32(file[1] + get16(file[1] + INDEX + 4) + 4, 1);
}

static void
child_is_free(void)
{
	put32(file[1] + get16(file[1] + INDEX + 4) + 4, 5);
}

static void
child_is_beyond_the_end(void)
{
	put32(file[1] + get16(file[1] + INDEX + 4) + 4, PAGES);
}

static void
child_is_the_meta_page(void)
{
	put32(file[1] + get16(file[1] + INDEX + 4) + 4, 0);
}

static void
root_of_level_three(void)
{
	file[1][LEVEL] = 3;
}

static void
root_without_children(void)
{
	put16(file[1] + ENTRIES, 0);
}

static void
keys_out_of_order(void)
{
	make_page(3, DRAC_PAGE_LEAF, 1, 4);
	add_pair(3, "fa", "4");
	add_pair(3, "f", "3");
}

static void
key_twice(void)
{
	add_pair(4, "x", "6");
}

static void
separator_beyond_the_end(void)
{
	put16(file[1] + INDEX + 2, SIZE - 8);
}

static void
walk_refuses_damage(void)
{
	static const struct {
		const char *name;
		void (*damage)(void);
	} rows[] = { { "children swapped", swap_children },
		{ "leaf twice", leaf_twice },
		{ "child is the root", child_is_the_root },
		{ "child is free", child_is_free },
		{ "child is beyond the end", child_is_beyond_the_end },
		{ "child is the meta page", child_is_the_meta_page },
		{ "root of level 3", root_of_level_three },
		{ "root without children", root_without_children },
		{ "keys out of order", keys_out_of_order },
		{ "key twice", key_twice },
		{ "separator beyond the end", separator_beyond_the_end } };

	for (size_t i = 0; i < COUNT(rows); i++) {
		unsigned count = 0;
		struct drac_tree t;

		make_file();
		rows[i].damage();
		t = tree();
		errno = 0;
		CHECK_ROW(drac_tree_walk(&t, count_items, &count) == -1,
		    rows[i].name);
		CHECK_ROW(errno == EBADMSG, rows[i].name);
	}
}

/* A seek ends, whatever circle the pages make. */
static void
seek_refuses_circles(void)
{
	struct drac_leaf *leaf = malloc(sizeof(*leaf));
	struct drac_tree t;

	make_file();
	child_is_the_root();
	t = tree();
	errno = 0;
	CHECK(drac_tree_seek(&t, "z", 1, leaf) == -1 && errno == EBADMSG);
	CHECK(drac_tree_seek(&t, "a", 1, leaf) == 0);
	free(leaf);
}

static void
free_pages_are_made(void)
{
	unsigned char page[SIZE];
	struct drac_tree t;

	drac_page_make_free(page, SIZE, 6, 7);
	CHECK(drac_page_type(page) == DRAC_PAGE_FREE);
	CHECK(drac_page_level(page) == 0);
	CHECK(memcmp(page + PGNO, &(uint32_t){ 6 }, 4) == 0);
	CHECK(memcmp(page + NEXT, &(uint32_t){ 7 }, 4) == 0);
	CHECK(get16(page + HIGH_FREE) == SIZE);
	make_file();
	drac_meta_set(file[0], 6, 7);
	t = tree();
	CHECK(t.free == 6 && t.root == 1);
	CHECK(memcmp(file[0] + 32, &(uint32_t){ 7 }, 4) == 0);
}

int
main(void)
{
	RUN(meta_accepts_our_kind);
	RUN(meta_refuses_other_kinds);
	RUN(seek_finds_the_leaf);
	RUN(leaves_follow_each_other);
	RUN(empty_leaves_are_passed_by);
	RUN(deleted_items_are_told_apart);
	RUN(damaged_leaf_is_refused);
	RUN(walk_visits_every_leaf);
	RUN(walk_refuses_damage);
	RUN(seek_refuses_circles);
	RUN(free_pages_are_made);
	return TEST_RESULT();
}
