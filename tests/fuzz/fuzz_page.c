/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * libFuzzer: any octets as a whole map. Each way of reading a tree must
 * end, stay within the page, and keep its promises: leaves once, keys in
 * order. The fuzzer would seldom hit upon the meta page's magic, so that
 * and the sort of each page are mended first, in half of the inputs.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "page.h"

#define LEAVES_MAX 1000u /* a chain may be a circle, here as in a map */

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

/* dbinc/db_page.h: a meta page that is taken, pages that know their place. */
static void
mend(struct file *file)
{
	unsigned page_size = 512u << (file->data[0] & 1);
	size_t pages = file->size / page_size;

	put32(file->data + 8, 0);
	put32(file->data + 12, 0x053162);
	put32(file->data + 16, 9);
	put32(file->data + 20, page_size);
	file->data[24] = 0;
	file->data[25] = DRAC_PAGE_META;
	file->data[26] = 0;
	put32(file->data + 48, 0);
	if (pages > 1)
		put32(file->data + 88,
		    1 + file->data[88] % (uint32_t)(pages - 1));
	for (size_t i = 1; i < pages; i++) {
		uint8_t *page = file->data + i * page_size;

		put32(page + 8, (uint32_t)i);
		page[16] %= (uint8_t)(pages < 255 ? pages + 1 : 255);
		memset(page + 17, 0, 3);
		page[21] = 0;
		page[24] = (uint8_t)(1 + page[24] % 4);
		page[25] = page[24] == 1 ? DRAC_PAGE_LEAF : DRAC_PAGE_INTERNAL;
	}
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
	follow(&tree, NULL, 0);
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

	file.data = malloc(size + 1);
	if (file.data == NULL)
		return 0;
	memcpy(file.data, data, size);
	if (size >= 2 * DRAC_PAGE_SIZE && (data[1] & 1) == 0)
		mend(&file);
	try_tree(&file);
	free(file.data);
	return 0;
}
