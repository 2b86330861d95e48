/* SPDX-License-Identifier: BSD-2-Clause */

#include "page.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "berkeley.h"
#include "test.h"

#define ENTRIES 2000u

/* A map of ENTRIES keys 00000..01999, made by Berkeley DB. */
static unsigned char *map;
static uint32_t pages;

static int
next_entry(void *arg, struct drac_item *item)
{
	static char key[8];
	unsigned *at = arg;

	if (*at == ENTRIES)
		return 0;
	snprintf(key, sizeof(key), "%05u", *at);
	++*at;
	item->key = (const unsigned char *)key;
	item->key_len = 5;
	item->value = (const unsigned char *)"1732430000";
	item->value_len = 10;
	return 1;
}

static int
read_map(void *arg, uint32_t pgno, unsigned char *page)
{
	(void)arg;
	memcpy(page, map + (size_t)pgno * DRAC_PAGE_SIZE, DRAC_PAGE_SIZE);
	return 0;
}

static struct drac_tree
tree_of_map(void)
{
	struct drac_tree tree = { .read = read_map, .pages = pages };

	CHECK(drac_tree_meta(map, DRAC_PAGE_SIZE, &tree, NULL) == 0);
	return tree;
}

static void
load_map(void)
{
	char name[] = "/tmp/drac-page.XXXXXX";
	unsigned at = 0;
	int fd = mkstemp(name);
	off_t size;

	(void)close(fd);
	(void)unlink(name);
	CHECK(berkeley_builds(name, next_entry, &at));
	fd = open(name, O_RDONLY);
	(void)unlink(name);
	size = lseek(fd, 0, SEEK_END);
	pages = (uint32_t)(size / DRAC_PAGE_SIZE);
	map = malloc((size_t)size);
	CHECK(map != NULL && pread(fd, map, (size_t)size, 0) == size);
	(void)close(fd);
}

static void
seek_finds_every_key(void)
{
	struct drac_tree tree = tree_of_map();
	struct drac_leaf *leaf = malloc(sizeof(*leaf));

	for (unsigned n = 0; n < ENTRIES; n++) {
		bool found = false;
		char key[8];

		snprintf(key, sizeof(key), "%05u", n);
		CHECK_ROW(drac_tree_seek(&tree, key, 5, leaf) == 0, key);
		for (unsigned i = 0; i < leaf->items; i++) {
			struct drac_item item;

			CHECK(drac_leaf_item(leaf, i, &item) == 1);
			if (memcmp(item.key, key, 5) == 0)
				found = true;
		}
		CHECK_ROW(found, key);
	}
	free(leaf);
}

static int
count_items(const struct drac_leaf *leaf, void *arg)
{
	unsigned *count = arg;

	*count += leaf->items;
	return 0;
}

static void
walk_and_chain_agree(void)
{
	struct drac_tree tree = tree_of_map();
	struct drac_leaf *leaf = malloc(sizeof(*leaf));
	unsigned walked = 0;
	unsigned chained = 0;
	uint32_t used = 0;

	CHECK(drac_tree_walk(&tree, count_items, &walked) == 0);
	CHECK(walked == ENTRIES);
	CHECK(drac_tree_seek(&tree, "", 0, leaf) == 0);
	do
		chained += leaf->items;
	while (drac_leaf_next(&tree, leaf) == 1);
	CHECK(chained == ENTRIES);
	CHECK(drac_tree_used(&tree, &used) == 0 && used == pages - 1);
	free(leaf);
}

static void
meta_refuses(void)
{
	static const struct {
		const char *what;
		unsigned at;
		unsigned char octet;
	} row[] = { { "magic", 12, 0 }, { "version", 16, 8 },
		{ "encryption", 24, 1 }, { "type", 25, 8 },
		{ "checksums", 26, 1 }, { "duplicates", 48, 1 },
		{ "page size", 21, 3 } };

	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		unsigned char meta[DRAC_PAGE_SIZE];
		struct drac_tree tree = { 0 };

		memcpy(meta, map, sizeof(meta));
		meta[row[i].at] = row[i].octet;
		errno = 0;
		CHECK_ROW(drac_tree_meta(meta, sizeof(meta), &tree, NULL) ==
				  -1 &&
			      errno == EBADMSG,
		    row[i].what);
	}
	CHECK(drac_tree_meta(map, 100, &(struct drac_tree){ 0 }, NULL) == -1);
}

/* The root's first child made to be the root itself. */
static void
walk_refuses_a_circle(void)
{
	struct drac_tree tree = tree_of_map();
	unsigned char *root = map + (size_t)tree.root * DRAC_PAGE_SIZE;
	unsigned char kept[DRAC_PAGE_SIZE];
	struct drac_leaf *leaf = malloc(sizeof(*leaf));
	unsigned walked = 0;
	uint16_t at;

	memcpy(kept, root, sizeof(kept));
	memcpy(&at, root + 26, sizeof(at));
	memcpy(root + at + 4, &tree.root, 4);
	CHECK(drac_tree_walk(&tree, count_items, &walked) == -1 &&
	      errno == EBADMSG);
	CHECK(drac_tree_seek(&tree, "", 0, leaf) == -1 && errno == EBADMSG);
	memcpy(root, kept, sizeof(kept));
	free(leaf);
}

static void
sum_tells_place_and_every_bit(void)
{
	unsigned char page[DRAC_PAGE_SIZE] = { 0 };
	uint64_t sum = drac_page_sum(page, sizeof(page), 1);

	CHECK(drac_page_sum(page, sizeof(page), 2) != sum);
	for (unsigned bit = 0; bit < 8 * sizeof(page); bit++) {
		page[bit / 8] ^= (unsigned char)(1u << bit % 8);
		CHECK(drac_page_sum(page, sizeof(page), 1) != sum);
		page[bit / 8] ^= (unsigned char)(1u << bit % 8);
	}
}

static void
keys_are_ordered_by_octets_then_length(void)
{
	CHECK(drac_key_order("a", 1, "b", 1) < 0);
	CHECK(drac_key_order("a", 1, "ab", 2) < 0);
	CHECK(drac_key_order("ab", 2, "a", 1) > 0);
	CHECK(drac_key_order("\xff", 1, "a", 1) > 0);
	CHECK(drac_key_order("a", 1, "a", 1) == 0);
	CHECK(drac_key_order("", 0, "a", 1) < 0);
}

/* It is in files: another value would be damage. */
static void
checksum_stays_what_it_was(void)
{
	unsigned char page[DRAC_PAGE_SIZE];

	for (size_t i = 0; i < sizeof(page); i++)
		page[i] = (unsigned char)(i * 7);
	CHECK(drac_sum("", 0, 1) == UINT64_C(0xd6e8feb8b0b1032b));
	CHECK(drac_sum("abcdefghi", 9, 2) == UINT64_C(0x5f7b77d8145853e7));
	CHECK(drac_sum("abcdefgh", 8, 2) == UINT64_C(0xeebfd3c83385834c));
	CHECK(drac_page_sum(page, sizeof(page), 3) ==
	      UINT64_C(0xd491e51071d0ca02));
}

int
main(void)
{
	load_map();
	RUN(seek_finds_every_key);
	RUN(walk_and_chain_agree);
	RUN(meta_refuses);
	RUN(walk_refuses_a_circle);
	RUN(sum_tells_place_and_every_bit);
	RUN(keys_are_ordered_by_octets_then_length);
	RUN(checksum_stays_what_it_was);
	free(map);
	return TEST_RESULT();
}
