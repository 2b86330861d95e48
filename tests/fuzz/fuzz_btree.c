/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * libFuzzer: a small tree, octets of it changed as the input says, then edited
 * as the input says. Whatever the damage, each edit ends, stays within its
 * pages, and answers 0, 1 or -1; without damage, what was put is found.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "btree.h"
#include "page_layout.h"

#define PAGES  32u
#define KEYS   120u
#define DAMAGE 8u /* octets changed, at most */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned char whole[PAGES * DRAC_PAGE_SIZE]; /* before any damage */
static unsigned char file[PAGES * DRAC_PAGE_SIZE];

static void
must(int condition)
{
	if (!condition)
		abort();
}

static int
read_file(void *arg, uint32_t pgno, unsigned char *page)
{
	(void)arg;
	must(pgno < PAGES);
	memcpy(page, file + (size_t)pgno * DRAC_PAGE_SIZE, DRAC_PAGE_SIZE);
	return 0;
}

static struct drac_item
item_of(const unsigned char *key, size_t length)
{
	const struct drac_item item = { .key = key,
		.key_len = length,
		.value = (const unsigned char *)"1732430000",
		.value_len = 10 };

	return item;
}

static int
nothing(void *arg, struct drac_item *item)
{
	(void)arg;
	(void)item;
	return 0;
}

static void
begin(struct drac_btree *tree, struct drac_images *dirty)
{
	*dirty = (struct drac_images){ .page_size = DRAC_PAGE_SIZE };
	*tree = (struct drac_btree){ .read = read_file,
		.pages = PAGES,
		.dirty = dirty };
}

/* An empty tree comes from a file; the others are made by putting. */
static void
make_whole(void)
{
	char name[] = "/tmp/fuzz_btree.XXXXXX", key[16];
	int fd = mkstemp(name);
	struct drac_images dirty;
	struct drac_btree tree;

	must(unlink(name) == 0 && drac_btree_build(fd, nothing, NULL) == 0);
	must(pread(fd, file, 2 * DRAC_PAGE_SIZE, 0) == 2 * DRAC_PAGE_SIZE);
	must(close(fd) == 0);
	for (uint32_t pgno = 2; pgno < PAGES; pgno++)
		drac_page_make_free(file + (size_t)pgno * DRAC_PAGE_SIZE,
		    DRAC_PAGE_SIZE, pgno, pgno + 1 < PAGES ? pgno + 1 : 0);
	drac_meta_set(file, 2, PAGES - 1);
	begin(&tree, &dirty);
	for (unsigned n = 0; n < KEYS; n++) {
		struct drac_item item;

		snprintf(key, sizeof(key), "192.0.2.%u", n * 7 % KEYS);
		item = item_of((const unsigned char *)key, strlen(key));
		must(drac_btree_put(&tree, &item) == 0);
	}
	for (size_t i = 0; i < dirty.count; i++)
		memcpy(file + (size_t)dirty.pgno[i] * DRAC_PAGE_SIZE,
		    drac_images_at(&dirty, i), DRAC_PAGE_SIZE);
	drac_images_free(&dirty);
	memcpy(whole, file, sizeof(whole));
}

/* Three octets each: where, and what. Returns how many were used. */
static size_t
damage(const uint8_t *data, size_t size)
{
	unsigned count = size > 0 ? data[0] % (DAMAGE + 1) : 0;
	size_t at = size > 0;

	memcpy(file, whole, sizeof(file));
	for (; count > 0 && at + 3 <= size; count--, at += 3)
		file[(data[at] << 8 | data[at + 1]) % sizeof(file)] ^=
		    data[at + 2];
	return at;
}

/* One edit: what, how long a key, the key. */
static void
edit(struct drac_btree *tree, unsigned verb, const uint8_t *key, size_t length,
    int damaged)
{
	const struct drac_item item = item_of(key, length);
	char value[DRAC_BTREE_PART_MAX];
	size_t value_length = sizeof(value);
	int result;

	switch (verb % 3) {
	case 0:
		result = drac_btree_put(tree, &item);
		must(result == 0 || result == -1);
		if (result == -1 || damaged)
			break;
		must(drac_btree_get(tree, key, length, value, &value_length) ==
			 1 &&
		     value_length == item.value_len);
		break;
	case 1:
		result = drac_btree_delete(tree, key, length);
		must(result >= -1 && result <= 1 && (damaged || result >= 0));
		break;
	default:
		result =
		    drac_btree_get(tree, key, length, value, &value_length);
		must(result >= -1 && result <= 1 && (damaged || result >= 0));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct drac_images dirty;
	struct drac_btree tree;
	int damaged;
	size_t at;

	if (whole[AT_TYPE] != DRAC_PAGE_META)
		make_whole();
	at = damage(data, size);
	damaged = memcmp(file, whole, sizeof(file)) != 0;
	begin(&tree, &dirty);
	while (at + 2 <= size) {
		unsigned verb = data[at];
		size_t length = data[at + 1] % (DRAC_BTREE_PART_MAX + 2);

		at += 2;
		if (length > size - at)
			length = size - at;
		if (length == 0 || length > DRAC_BTREE_PART_MAX)
			continue;
		edit(&tree, verb, data + at, length, damaged);
		at += length;
	}
	drac_images_free(&dirty);
	return 0;
}
