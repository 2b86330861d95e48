/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * libFuzzer: any octets as a whole map. Each way of reading a tree must
 * end, stay within the page, and keep its promises: leaves once, keys in
 * order. The fuzzer would seldom hit upon a tree, so half of the inputs are
 * spread over pages first, with what every page must have made right.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "page.h"

#define LEAVES_MAX 1000u /* a chain may be a circle, here as in a map */
#define CHUNK      96u   /* of the input for one page: its head and tail */
#define HEAD       48u
#define TAIL       (CHUNK - HEAD)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct file {
	uint8_t *data;
	size_t size;
	unsigned page_size;
	uint32_t pages;
	uint32_t walked;
};

static void
must(bool condition)
{
	if (!condition)
		abort();
}

static int
read_memory(void *arg, uint32_t pgno, unsigned char *page)
{
	const struct file *file = arg;

	must(pgno > 0 && pgno < file->pages);
	memcpy(page, file->data + (size_t)pgno * file->page_size,
	    file->page_size);
	return 0;
}

static void
put32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, sizeof(value));
}

static unsigned
get16(const uint8_t *at)
{
	uint16_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static void
put16(uint8_t *at, unsigned value)
{
	uint16_t half = (uint16_t)value;

	memcpy(at, &half, sizeof(half));
}

/* dbinc/db_page.h: what drac_tree_meta asks for, and a root that exists. */
static void
mend_meta(uint8_t *meta, uint32_t pages)
{
	put32(meta + 8, 0);
	put32(meta + 12, 0x053162);
	put32(meta + 16, 9);
	put32(meta + 20, DRAC_PAGE_SIZE);
	meta[24] = 0;
	meta[25] = DRAC_PAGE_META;
	meta[26] = 0;
	put32(meta + 48, 0);
	put32(meta + 88, 1 + meta[0] % (pages - 1));
}

/* Items that lie in the page; the children of an internal one. */
static void
mend_items(uint8_t *page, uint32_t pages)
{
	for (unsigned i = 0; i < page[20]; i++) {
		unsigned at = get16(page + 26 + 2 * i) % (TAIL - 12);
		uint8_t *item = page + DRAC_PAGE_SIZE - TAIL + at;

		put16(page + 26 + 2 * i, DRAC_PAGE_SIZE - TAIL + at);
		put16(item, item[0] % 8);
		item[2] = item[2] < 16 ? item[2] : 1;
		if (page[25] == DRAC_PAGE_INTERNAL)
			put32(item + 4, item[4] % (pages + 1));
	}
}

/* A page that knows its place, of a level from 1 to 4. */
static void
mend_page(uint8_t *page, uint32_t pgno, uint32_t pages)
{
	put32(page + 8, pgno);
	put32(page + 16, page[16] % (pages + 1));
	put16(page + 20, page[20] % 10);
	page[24] = (uint8_t)(1 + page[24] % 4);
	page[25] = page[24] == 1 ? DRAC_PAGE_LEAF : DRAC_PAGE_INTERNAL;
	if ((page[0] & 7) != 0)
		mend_items(page, pages);
}

/* Each chunk of the input becomes a page: its head and its tail. */
static void
spread(struct file *file, const uint8_t *data, size_t size)
{
	uint32_t pages = (uint32_t)(size / CHUNK);

	file->size = (size_t)pages * DRAC_PAGE_SIZE;
	file->data = calloc(pages, DRAC_PAGE_SIZE);
	if (file->data == NULL)
		return;
	for (uint32_t i = 0; i < pages; i++) {
		uint8_t *page = file->data + (size_t)i * DRAC_PAGE_SIZE;

		memcpy(page, data + (size_t)i * CHUNK, HEAD);
		memcpy(page + DRAC_PAGE_SIZE - TAIL,
		    data + (size_t)i * CHUNK + HEAD, TAIL);
		if (i > 0)
			mend_page(page, i, pages);
	}
	mend_meta(file->data, pages);
}

/* Every octet of what an item points to must be there. */
static void
touch(const struct drac_leaf *leaf)
{
	const unsigned char *end = leaf->page + leaf->page_size;

	for (unsigned i = 0; i < leaf->items; i++) {
		struct drac_item item;
		int kind = drac_leaf_item(leaf, i, &item);

		if (kind == -1) {
			must(errno == EBADMSG);
			continue;
		}
		must(item.key >= leaf->page && item.key + item.key_len <= end);
		must(item.value >= leaf->page &&
		     item.value + item.value_len <= end);
	}
}

static int
visit(const struct drac_leaf *leaf, void *arg)
{
	struct file *file = arg;

	touch(leaf);
	must(++file->walked < file->pages);
	return 0;
}

static void
follow(const struct drac_tree *tree, const uint8_t *key, size_t length)
{
	struct drac_leaf *leaf = malloc(sizeof(*leaf));
	int more;

	if (leaf == NULL)
		return;
	more = drac_tree_seek(tree, key, length, leaf) == 0 ? 1 : -1;
	for (unsigned n = 0; more == 1 && n < LEAVES_MAX; n++) {
		touch(leaf);
		more = drac_leaf_next(tree, leaf);
	}
	must(more != -1 || errno == EBADMSG);
	free(leaf);
}

static void
try_tree(struct file *file)
{
	struct drac_tree tree = { .read = read_memory, .arg = file };
	struct drac_why why = { "" };
	uint32_t used = 0;

	if (drac_tree_meta(file->data, file->size, &tree, &why) == -1) {
		must(errno == EBADMSG && why.text[0] != '\0');
		return;
	}
	must(tree.page_size >= DRAC_PAGE_SIZE &&
	     tree.page_size <= DRAC_PAGE_MAX);
	file->page_size = tree.page_size;
	file->pages = (uint32_t)(file->size / tree.page_size);
	tree.pages = file->pages;
	follow(&tree, (const uint8_t *)"", 0);
	follow(&tree, file->data, file->size < 16 ? file->size : 16);
	follow(&tree, (const uint8_t *)"192.0.2.7", 9);
	if (drac_tree_walk(&tree, visit, file) == 0)
		must(file->walked > 0);
	else
		must(errno == EBADMSG);
	if (drac_tree_used(&tree, &used) == 0)
		must(used > 0 && used < file->pages && file->walked <= used);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct file file = { .size = size };

	if (size >= 2 * CHUNK && (data[1] & 1) == 0) {
		spread(&file, data, size);
	} else {
		file.data = malloc(size + 1);
		if (file.data != NULL)
			memcpy(file.data, data, size);
	}
	if (file.data != NULL)
		try_tree(&file);
	free(file.data);
	return 0;
}
