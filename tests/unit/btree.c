/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Edited trees, beside a model (a plain list) and Berkeley DB, which verifies
 * every file and reads it.
 */
#include "btree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "berkeley.h"
#include "journal.h"
#include "page_layout.h"
#include "test.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PAGES        4096u
#define KEYS         4000u
#define BATCH        50u

/* The keys that may be in the tree, and the value of each; "": not there. */
static char keys[KEYS][DRAC_BTREE_PART_MAX + 1];
static char values[KEYS][DRAC_BTREE_PART_MAX + 1];

static unsigned char file[PAGES * DRAC_PAGE_SIZE];
static char path[] = "/tmp/drac-btree.XXXXXX";
static int fd;
static struct drac_images dirty = { .page_size = DRAC_PAGE_SIZE };
static struct drac_btree tree;
static unsigned state;

static unsigned
chance(unsigned most)
{
	state = state * 1664525u + 1013904223u;
	return (state >> 8) % most;
}

static int
read_file(void *arg, uint32_t pgno, unsigned char *page)
{
	(void)arg;
	memcpy(page, file + (size_t)pgno * DRAC_PAGE_SIZE, DRAC_PAGE_SIZE);
	return 0;
}

static int
nothing(void *arg, struct drac_item *item)
{
	(void)arg;
	(void)item;
	return 0;
}

/* An empty tree with pages - 2 pages on its free list. */
static void
begin(uint32_t pages)
{
	memset(values, 0, sizeof(values));
	drac_images_clear(&dirty);
	CHECK(ftruncate(fd, 0) == 0);
	CHECK(drac_btree_build(fd, nothing, NULL) == 0);
	CHECK(drac_read_full(fd, file, 2 * DRAC_PAGE_SIZE, 0) == 0);
	for (uint32_t pgno = 2; pgno < pages; pgno++)
		drac_page_make_free(file + (size_t)pgno * DRAC_PAGE_SIZE,
		    DRAC_PAGE_SIZE, pgno, pgno + 1 < pages ? pgno + 1 : 0);
	drac_meta_set(file, pages > 2 ? 2 : 0, pages - 1);
	tree = (struct drac_btree){ .read = read_file,
		.pages = pages,
		.dirty = &dirty };
}

/* What was edited gets into the file, as after a journal. */
static void
apply(void)
{
	for (size_t i = 0; i < dirty.count; i++)
		memcpy(file + (size_t)dirty.pgno[i] * DRAC_PAGE_SIZE,
		    drac_images_at(&dirty, i), DRAC_PAGE_SIZE);
	drac_images_clear(&dirty);
}

static int
put(unsigned n, const char *value)
{
	const struct drac_item item = { .key = (const unsigned char *)keys[n],
		.key_len = strlen(keys[n]),
		.value = (const unsigned char *)value,
		.value_len = strlen(value) };

	return drac_btree_put(&tree, &item);
}

static void
put_both(unsigned n, const char *value)
{
	CHECK_ROW(put(n, value) == 0, keys[n]);
	snprintf(values[n], sizeof(values[n]), "%s", value);
}

static void
delete_both(unsigned n)
{
	CHECK_ROW(drac_btree_delete(&tree, keys[n], strlen(keys[n])) ==
		      (values[n][0] != '\0'),
	    keys[n]);
	values[n][0] = '\0';
}

static void
get_agrees(unsigned n)
{
	char value[DRAC_BTREE_PART_MAX];
	size_t length = sizeof(value);
	int found =
	    drac_btree_get(&tree, keys[n], strlen(keys[n]), value, &length);

	CHECK_ROW(found == (values[n][0] != '\0'), keys[n]);
	CHECK_ROW(length == strlen(values[n]) &&
		      memcmp(value, values[n], length) == 0,
	    keys[n]);
}

struct walked {
	unsigned count;
	unsigned wrong;
};

static int
by_text(const void *a, const void *b)
{
	const char *const *x = a;
	const char *const *y = b;

	return strcmp(*x, *y);
}

static const char *sorted[KEYS];

static void
look_at(const struct drac_item *item, void *arg)
{
	char key[DRAC_BTREE_PART_MAX + 1];
	const char *at = key, *const * found;
	struct walked *walked = arg;
	size_t n;

	snprintf(key, sizeof(key), "%.*s", (int)item->key_len,
	    (const char *)item->key);
	walked->count++;
	found = bsearch(&at, sorted, KEYS, sizeof(*sorted), by_text);
	if (found == NULL) {
		walked->wrong++;
		return;
	}
	n = (size_t)(*found - keys[0]) / sizeof(keys[0]);
	if (strlen(values[n]) != item->value_len ||
	    memcmp(values[n], item->value, item->value_len) != 0)
		walked->wrong++;
}

/* Berkeley DB finds the file sound, and in it what the model has. */
static void
berkeley_agrees(const char *row)
{
	struct walked walked = { 0 };
	unsigned live = 0;

	apply();
	CHECK(drac_write_full(fd, file, (size_t)tree.pages * DRAC_PAGE_SIZE,
		  0) == 0);
	for (unsigned n = 0; n < KEYS; n++) {
		sorted[n] = keys[n];
		live += values[n][0] != '\0';
	}
	qsort(sorted, KEYS, sizeof(*sorted), by_text);
	CHECK_ROW(berkeley_verifies(path), row);
	CHECK_ROW(berkeley_walks(path, look_at, &walked), row);
	CHECK_ROW(walked.count == live && walked.wrong == 0, row);
}

/* Kinds of keys. */

static void
random_v4(unsigned n)
{
	snprintf(keys[n], sizeof(keys[n]), "%u.%u.%u.%u", chance(256),
	    chance(256), n >> 8, n & 255);
}

static void
random_v6(unsigned n)
{
	snprintf(keys[n], sizeof(keys[n]), "2001:db8:%x:%x::%x%s",
	    chance(65536), chance(65536), n + 1, chance(4) == 0 ? "/128" : "");
}

static void
mixed(unsigned n)
{
	if (n % 3 == 0)
		random_v6(n);
	else
		random_v4(n);
}

static void
ascending(unsigned n)
{
	snprintf(keys[n], sizeof(keys[n]), "10.%03u.%03u.1", n >> 8, n & 255);
}

/* Runs of neighbours, as behind one provider, in an order of their own. */
static void
clustered(unsigned n)
{
	snprintf(keys[n], sizeof(keys[n]), "198.%u.%u.%u", 18 + n % 7 * 31 % 7,
	    n / 7 % 40 * 6, n / 280 * 8 + n % 8);
	if (n >= 280 * 10)
		random_v4(n);
}

static void
any_length(unsigned n)
{
	unsigned length = 5 + chance(DRAC_BTREE_PART_MAX - 4);

	memset(keys[n], 'a' + (int)chance(3), length);
	keys[n][snprintf(keys[n], 5, "%04x", n)] = 'x';
	keys[n][length] = '\0';
}

static const struct kind {
	const char *name;
	void (*make)(unsigned n);
	bool any_value;
} kinds[] = {
	{ "v4", random_v4, false },
	{ "v6", random_v6, false },
	{ "mixed", mixed, true },
	{ "ascending", ascending, false },
	{ "clustered", clustered, false },
	{ "any length", any_length, true },
};

static void
make_value(bool any, char *value)
{
	unsigned length = any ? 1 + chance(DRAC_BTREE_PART_MAX) : 10;

	for (unsigned i = 0; i < length; i++)
		value[i] = (char)('0' + chance(10));
	value[length] = '\0';
}

static void
run_workload(const struct kind *kind)
{
	char value[DRAC_BTREE_PART_MAX + 1];

	begin(PAGES);
	for (unsigned n = 0; n < KEYS; n++)
		kind->make(n);
	for (unsigned n = 0; n < KEYS; n++) {
		make_value(kind->any_value, value);
		put_both(n, value);
		if (chance(4) == 0)
			delete_both(chance(n + 1));
		if (chance(6) == 0) {
			make_value(kind->any_value || chance(2) == 0, value);
			put_both(chance(n + 1), value);
		}
		get_agrees(chance(n + 1));
		if (n % BATCH == 0)
			apply();
	}
	for (unsigned n = 0; n < KEYS; n++)
		get_agrees(n);
	berkeley_agrees(kind->name);
	for (unsigned n = 0; n < KEYS; n++)
		if (values[n][0] != '\0' && n % 10 != 0)
			delete_both(n);
	berkeley_agrees(kind->name);
	for (unsigned n = 0; n < KEYS; n++)
		if (values[n][0] == '\0' && n % 3 == 0)
			put_both(n, "1732430000");
	berkeley_agrees(kind->name);
}

static void
workloads_agree_with_berkeley_db(void)
{
	for (size_t i = 0; i < COUNT(kinds); i++)
		for (unsigned seed = 1; seed <= 2; seed++) {
			state = seed;
			run_workload(&kinds[i]);
		}
}

struct list {
	unsigned at;
	unsigned count;
};

static int
next_key(void *arg, struct drac_item *item)
{
	struct list *list = arg;

	if (list->at == list->count)
		return 0;
	item->key = (const unsigned char *)keys[list->at++];
	item->key_len = strlen((const char *)item->key);
	item->value = (const unsigned char *)"1732430000";
	item->value_len = 10;
	return 1;
}

/* One address after the other, in the order of numbers, not of text. */
static void
neighbours(unsigned n)
{
	snprintf(keys[n], sizeof(keys[n]), "10.0.%u.%u", n >> 8, n & 255);
}

/* Pages that Berkeley DB needs for the keys, put in this order. */
static unsigned
pages_of_berkeley_db(void)
{
	char name[] = "/tmp/drac-btree.XXXXXX";
	struct list list = { .count = KEYS };
	int other = mkstemp(name);
	off_t size;

	(void)close(other);
	(void)unlink(name);
	CHECK(berkeley_builds(name, next_key, &list));
	other = open(name, O_RDONLY);
	size = lseek(other, 0, SEEK_END);
	(void)close(other);
	(void)unlink(name);
	return (unsigned)(size / DRAC_PAGE_SIZE);
}

static void
pages_are_as_full_as_those_of_berkeley_db(void)
{
	void (*const makes[])(unsigned) = { ascending, neighbours, clustered,
		random_v4, random_v6 };

	for (size_t i = 0; i < COUNT(makes); i++) {
		struct list list = { .count = KEYS };
		char row[32];

		state = 11;
		for (unsigned n = 0; n < KEYS; n++)
			makes[i](n);
		CHECK(ftruncate(fd, 0) == 0);
		CHECK(drac_btree_build(fd, next_key, &list) == 0);
		snprintf(row, sizeof(row), "order %zu", i);
		CHECK_ROW(lseek(fd, 0, SEEK_END) / DRAC_PAGE_SIZE <=
			      pages_of_berkeley_db() * 110 / 100,
		    row);
	}
}

static void
nothing_free_is_said_and_nothing_is_lost(void)
{
	unsigned n = 0;

	state = 7;
	begin(8);
	for (; n < KEYS; n++) {
		random_v4(n);
		apply();
		if (put(n, "1732430000") == -1)
			break;
		snprintf(values[n], sizeof(values[n]), "1732430000");
	}
	CHECK(n < KEYS && errno == ENOSPC);
	drac_images_clear(&dirty);
	for (unsigned k = n; k < KEYS; k++)
		random_v4(k);
	berkeley_agrees("full");
}

static void
parts_that_do_not_fit_are_refused(void)
{
	static const unsigned char text[DRAC_BTREE_PART_MAX + 1];
	const struct {
		const char *name;
		size_t key;
		size_t value;
		int error;
	} rows[] = { { "longest", DRAC_BTREE_PART_MAX, DRAC_BTREE_PART_MAX, 0 },
		{ "no value", 1, 0, 0 }, { "no key", 0, 1, EINVAL },
		{ "long key", DRAC_BTREE_PART_MAX + 1, 1, EINVAL },
		{ "long value", 1, DRAC_BTREE_PART_MAX + 1, EINVAL } };

	begin(64);
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct drac_item item = { .key = text,
			.key_len = rows[i].key,
			.value = text,
			.value_len = rows[i].value };
		int result = drac_btree_put(&tree, &item);

		CHECK_ROW(result == (rows[i].error == 0 ? 0 : -1),
		    rows[i].name);
		CHECK_ROW(result == 0 || errno == rows[i].error, rows[i].name);
	}
}

static void
value_that_does_not_fit_has_no_length(void)
{
	char value[4];
	size_t length = sizeof(value);

	begin(64);
	random_v4(0);
	put_both(0, "1732430000");
	CHECK(drac_btree_get(&tree, keys[0], strlen(keys[0]), value, &length) ==
	      1);
	CHECK(length == 0);
}

/* Damage, one field at a time: an error, never a crash or a wrong page. */
static void
damage_is_an_error(void)
{
	static const struct {
		const char *name;
		bool root; /* in the root, else in the leaf of key 0 */
		unsigned at;
		unsigned value;
	} rows[] = {
		{ "number", false, AT_PGNO, 77 },
		{ "type", false, AT_TYPE, DRAC_PAGE_FREE },
		{ "level of a leaf", false, AT_LEVEL, 2 },
		{ "more entries", false, AT_ENTRIES, 500 },
		{ "odd entries", false, AT_ENTRIES, 3 },
		{ "items begin beyond the page", false, AT_HIGH_FREE, 516 },
		{ "items begin too late", false, AT_HIGH_FREE, 500 },
		{ "items begin too early", false, AT_HIGH_FREE, 64 },
		{ "items begin askew", false, AT_HIGH_FREE, 333 },
		{ "offset in the index", false, AT_INDEX, 30 },
		{ "offset beyond the page", false, AT_INDEX, 510 },
		{ "offset askew", false, AT_INDEX, 501 },
		{ "level of the root", true, AT_LEVEL, 7 },
		{ "no level", true, AT_LEVEL, 1 },
		{ "no entries", true, AT_ENTRIES, 0 },
		{ "offset in the root", true, AT_INDEX, 2 },
	};
	unsigned char whole[2 * DRAC_PAGE_SIZE];

	state = 3;
	begin(256);
	for (unsigned n = 0; n < 200; n++) {
		random_v4(n);
		put_both(n, "1732430000");
	}
	apply();
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint32_t child =
		    get32(file + DRAC_PAGE_SIZE +
			  get16(file + DRAC_PAGE_SIZE + AT_INDEX) + ITEM_CHILD);
		unsigned char *page =
		    file + (size_t)(rows[i].root ? 1 : child) * DRAC_PAGE_SIZE;
		char value[16];
		size_t length = sizeof(value);
		const struct drac_item item = { .key =
						    (const unsigned char *)"0",
			.key_len = 1,
			.value = (const unsigned char *)"1",
			.value_len = 1 };

		memcpy(whole, page, DRAC_PAGE_SIZE);
		if (rows[i].at == AT_TYPE || rows[i].at == AT_LEVEL)
			page[rows[i].at] = (unsigned char)rows[i].value;
		else
			put16(page + rows[i].at, rows[i].value);
		errno = 0;
		CHECK_ROW(drac_btree_get(&tree, "0", 1, value, &length) == -1 &&
			      errno == EBADMSG,
		    rows[i].name);
		CHECK_ROW(drac_btree_put(&tree, &item) == -1 &&
			      errno == EBADMSG,
		    rows[i].name);
		CHECK_ROW(drac_btree_delete(&tree, "0", 1) == -1 &&
			      errno == EBADMSG,
		    rows[i].name);
		CHECK_ROW(dirty.count == 0, rows[i].name);
		memcpy(page, whole, DRAC_PAGE_SIZE);
	}
}

/* A free list that leads into the tree, to itself, or out of the file. */
static void
damaged_free_list_is_an_error(void)
{
	const struct {
		const char *name;
		uint32_t head;
		uint32_t next; /* of page 2 */
	} rows[] = { { "root", 1, 3 }, { "outside", 5000, 3 },
		{ "circle", 2, 2 }, { "meta", 0x80000000u, 3 } };

	for (size_t i = 0; i < COUNT(rows); i++) {
		int result = 0;

		state = 5;
		begin(64);
		put32(file + META_FREE, rows[i].head);
		put32(file + 2 * DRAC_PAGE_SIZE + AT_NEXT, rows[i].next);
		for (unsigned n = 0; n < 40 && result == 0; n++) {
			random_v4(n);
			result = put(n, "1732430000");
		}
		CHECK_ROW(result == -1 && errno == EBADMSG, rows[i].name);
	}
}

static void
built_files_agree_with_berkeley_db(void)
{
	const unsigned counts[] = { 0, 1, 13, 14, 200, KEYS };

	for (size_t i = 0; i < COUNT(counts) * COUNT(kinds); i++) {
		const struct kind *kind = &kinds[i % COUNT(kinds)];
		struct list list = { .count = counts[i / COUNT(kinds)] };
		off_t size;

		state = (unsigned)i;
		memset(values, 0, sizeof(values));
		for (unsigned n = 0; n < KEYS; n++) {
			kind->make(n);
			if (n < list.count)
				snprintf(values[n], sizeof(values[n]),
				    "1732430000");
		}
		drac_images_clear(&dirty);
		CHECK(ftruncate(fd, 0) == 0);
		CHECK_ROW(drac_btree_build(fd, next_key, &list) == 0,
		    kind->name);
		size = lseek(fd, 0, SEEK_END);
		tree.pages = (uint32_t)(size / DRAC_PAGE_SIZE);
		CHECK_ROW(tree.pages <= PAGES, kind->name);
		CHECK(drac_read_full(fd, file, (size_t)size, 0) == 0);
		berkeley_agrees(kind->name);
	}
}

int
main(void)
{
	fd = mkstemp(path);
	RUN(workloads_agree_with_berkeley_db);
	RUN(pages_are_as_full_as_those_of_berkeley_db);
	RUN(nothing_free_is_said_and_nothing_is_lost);
	RUN(parts_that_do_not_fit_are_refused);
	RUN(value_that_does_not_fit_has_no_length);
	RUN(damage_is_an_error);
	RUN(damaged_free_list_is_an_error);
	RUN(built_files_agree_with_berkeley_db);
	drac_images_free(&dirty);
	(void)close(fd);
	(void)unlink(path);
	return TEST_RESULT();
}
