/* SPDX-License-Identifier: BSD-2-Clause */

/* The map: what each call does to it, and where it refuses to live. */
#include "store.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "maps.h"
#include "page.h"
#include "test.h"

static void
add_then_get(void)
{
	static const char *const rows[] = { "192.0.2.7", "198.51.100.255",
		"203.0.113.0", "2001:db8::7",
		"2001:db8:1111:2222:3333:4444:5555:6666" };
	struct drac_store *store = open_new();
	struct drac_addr other = addr("192.0.2.70");

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_addr a = addr(rows[i]);

		CHECK_ROW(expiry_of(store, &a) == -1, rows[i]);
		CHECK_ROW(add(store, &a, NOW + 100 + (time_t)i) == 0, rows[i]);
	}
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_addr a = addr(rows[i]);

		CHECK_ROW(expiry_of(store, &a) == NOW + 100 + (time_t)i,
		    rows[i]);
	}
	CHECK(expiry_of(store, &other) == -1);
	drac_store_close(store);
}

static void
add_is_seen_by_another_handle(void)
{
	struct drac_store_opts opts = options();
	struct drac_store *one = open_new();
	struct drac_store *two = open_with(&opts);
	struct drac_addr a = addr("192.0.2.7");
	struct drac_addr b = addr("192.0.2.8");

	CHECK(add(one, &a, NOW + 100) == 0);
	CHECK(add(two, &b, NOW + 200) == 0);
	CHECK(expiry_of(one, &b) == NOW + 200);
	CHECK(expiry_of(two, &a) == NOW + 100);
	CHECK(add(one, &b, NOW + 300) == 0);
	CHECK(expiry_of(two, &b) == NOW + 300);
	drac_store_close(one);
	drac_store_close(two);
}

static void
add_reports_what_it_did(void)
{
	struct drac_store *store = open_new();
	struct drac_addr a = addr("192.0.2.7");
	struct drac_grant grant;

	CHECK(
	    drac_store_add(store, &a, NOW, NOW + 1800, 10, &grant, NULL) == 0);
	CHECK(grant.written && !grant.deferred);
	CHECK(grant.expiry == NOW + 1800 && grant.previous == 0);
	CHECK(drac_store_add(store, &a, NOW + 60, NOW + 1860, 10, &grant,
		  NULL) == 0);
	CHECK(grant.written);
	CHECK(grant.expiry == NOW + 1860 && grant.previous == NOW + 1800);
	drac_store_close(store);
}

static void
add_within_renew_writes_nothing(void)
{
	static const struct {
		const char *name;
		time_t later;
		unsigned renew_s;
		bool written;
	} rows[] = {
		{ "same second", 0, 10, false },
		{ "within renew", 9, 10, false },
		{ "at renew", 10, 10, false },
		{ "after renew", 11, 10, true },
		{ "no renew, same second", 0, 0, false },
		{ "no renew, a second later", 1, 0, true },
	};
	struct drac_addr a = addr("192.0.2.7");

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_store *store = open_new();
		time_t now = NOW + rows[i].later;
		struct drac_grant grant;

		CHECK(add(store, &a, NOW + 1800) == 0);
		CHECK_ROW(drac_store_add(store, &a, now, now + 1800,
			      rows[i].renew_s, &grant, NULL) == 0,
		    rows[i].name);
		CHECK_ROW(grant.written == rows[i].written, rows[i].name);
		CHECK_ROW(expiry_of(store, &a) ==
			      (rows[i].written ? now + 1800 : NOW + 1800),
		    rows[i].name);
		CHECK_ROW(grant.expiry == expiry_of(store, &a), rows[i].name);
		drac_store_close(store);
	}
}

/* An entry that has expired is no reason to write nothing. */
static void
add_within_renew_writes_over_an_expired_one(void)
{
	struct drac_store *store = open_new();
	struct drac_addr a = addr("192.0.2.7");
	struct drac_grant grant;

	CHECK(add(store, &a, NOW + 5) == 0);
	CHECK(drac_store_add(store, &a, NOW + 5, NOW + 10, 60, &grant, NULL) ==
	      0);
	CHECK(grant.written && expiry_of(store, &a) == NOW + 10);
	drac_store_close(store);
}

static void
add_never_shortens(void)
{
	struct drac_store *store = open_new();
	struct drac_addr a = addr("192.0.2.7");
	struct drac_grant grant;

	CHECK(add(store, &a, NOW + 86400) == 0);
	CHECK(
	    drac_store_add(store, &a, NOW, NOW + 1800, 10, &grant, NULL) == 0);
	CHECK(!grant.written);
	CHECK(grant.expiry == NOW + 86400);
	CHECK(expiry_of(store, &a) == NOW + 86400);
	CHECK(drac_store_take_back(store, &a, &grant, NULL) == 0);
	CHECK(expiry_of(store, &a) == NOW + 86400);
	drac_store_close(store);
}

static void
set_shortens_and_lengthens(void)
{
	struct drac_store *store = open_new();
	struct drac_addr a = addr("2001:db8::7");

	CHECK(add(store, &a, NOW + 86400) == 0);
	CHECK(drac_store_set(store, &a, NOW + 60, NULL) == 0);
	CHECK(expiry_of(store, &a) == NOW + 60);
	CHECK(drac_store_set(store, &a, NOW + 600, NULL) == 0);
	CHECK(expiry_of(store, &a) == NOW + 600);
	drac_store_close(store);
}

static void
take_back_removes_or_restores(void)
{
	static const struct {
		const char *name;
		time_t before, grant, since; /* expiries; 0 none */
		int result;
		time_t after;
	} rows[] = {
		{ "new entry", 0, 1800, 0, 1, -1 },
		{ "earlier grant", 900, 1800, 0, 1, 900 },
		{ "renewed since", 0, 1800, 2000, 0, 2000 },
		{ "earlier and renewed", 900, 1800, 2000, 0, 2000 },
		{ "longer before", 3600, 1800, 0, 0, 3600 },
	};
	struct drac_addr a = addr("192.0.2.7");

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_store *store = open_new();
		struct drac_grant grant;
		time_t want = rows[i].after;

		if (rows[i].before != 0)
			CHECK(add(store, &a, NOW + rows[i].before) == 0);
		CHECK(drac_store_add(store, &a, NOW, NOW + rows[i].grant, 0,
			  &grant, NULL) == 0);
		if (rows[i].since != 0)
			CHECK(add(store, &a, NOW + rows[i].since) == 0);
		CHECK_ROW(drac_store_take_back(store, &a, &grant, NULL) ==
			      rows[i].result,
		    rows[i].name);
		CHECK_ROW(expiry_of(store, &a) ==
			      (want == -1 ? -1 : NOW + want),
		    rows[i].name);
		drac_store_close(store);
	}
}

static void
take_back_after_drop_does_nothing(void)
{
	struct drac_store *store = open_new();
	struct drac_addr a = addr("192.0.2.7");
	struct drac_grant grant;

	CHECK(add(store, &a, NOW + 900) == 0);
	CHECK(drac_store_add(store, &a, NOW, NOW + 1800, 0, &grant, NULL) == 0);
	CHECK(drac_store_drop(store, &a, NULL) == 1);
	CHECK(drac_store_take_back(store, &a, &grant, NULL) == 0);
	CHECK(expiry_of(store, &a) == -1);
	drac_store_close(store);
}

static void
drop_tells_whether_it_was_there(void)
{
	struct drac_store *store = open_new();
	struct drac_addr a = addr("192.0.2.7");
	struct drac_addr b = addr("192.0.2.77");

	CHECK(add(store, &a, NOW + 100) == 0);
	CHECK(add(store, &b, NOW + 100) == 0);
	CHECK(drac_store_drop(store, &a, NULL) == 1);
	CHECK(drac_store_drop(store, &a, NULL) == 0);
	CHECK(expiry_of(store, &a) == -1);
	CHECK(expiry_of(store, &b) == NOW + 100);
	drac_store_close(store);
}

/* Entries 0..count-1; every third has expired by NOW. */
static void
fill_thirds(struct drac_store *store, unsigned count)
{
	for (unsigned n = 0; n < count; n++) {
		struct drac_addr a = nth(n);

		CHECK(drac_store_set(store, &a, n % 3 == 0 ? NOW : NOW + 1,
			  NULL) == 0);
	}
}

static void
sweep_removes_the_expired_only(void)
{
	struct drac_store *store = open_new();
	struct drac_swept swept;
	unsigned wrong = 0;

	fill_thirds(store, 900);
	CHECK(drac_store_sweep(store, NOW - 1, 0, &swept, NULL) == 0);
	CHECK(swept.removed == 0 && swept.kept == 900);
	CHECK(drac_store_sweep(store, NOW, 0, &swept, NULL) == 0);
	CHECK(swept.removed == 300 && swept.kept == 600);
	CHECK(!swept.more && !swept.enlarged);
	for (unsigned n = 0; n < 900; n++) {
		struct drac_addr a = nth(n);

		wrong += expiry_of(store, &a) != (n % 3 == 0 ? -1 : NOW + 1);
	}
	CHECK(wrong == 0);
	CHECK(info_of(store).entries == 600);
	drac_store_close(store);
}

static void
sweep_stops_at_the_limit(void)
{
	static const struct {
		const char *name;
		uint64_t limit, removed;
		bool more;
	} rows[] = {
		{ "one", 1, 1, true },
		{ "more than a batch", 200, 200, true },
		{ "all but one", 98, 98, true },
		{ "exactly the rest", 1, 1, false },
		{ "nothing left", 1, 0, false },
	};
	struct drac_store *store = open_new();

	fill_thirds(store, 900);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_swept swept;

		CHECK_ROW(drac_store_sweep(store, NOW, rows[i].limit, &swept,
			      NULL) == 0,
		    rows[i].name);
		CHECK_ROW(swept.removed == rows[i].removed, rows[i].name);
		CHECK_ROW(swept.more == rows[i].more, rows[i].name);
	}
	CHECK(info_of(store).entries == 600);
	drac_store_close(store);
}

static int
count_one(const struct drac_addr *a, time_t expiry, void *count)
{
	(void)a;
	(void)expiry;
	++*(unsigned *)count;
	return 0;
}

/* Leaves that are empty stay: hundreds in a row are neither end nor damage. */
static void
a_map_swept_empty_goes_on(void)
{
	struct drac_store *store = open_new();
	struct drac_addr last = nth(5000);
	struct drac_swept swept;
	unsigned seen = 0;

	for (unsigned n = 0; n < 5000; n++) {
		struct drac_addr a = nth(n);

		CHECK(drac_store_set(store, &a, NOW, NULL) == 0);
	}
	CHECK(drac_store_set(store, &last, NOW + 1, NULL) == 0);
	(void)alarm(60); /* it went on for ever once */
	CHECK(drac_store_sweep(store, NOW, 2500, &swept, NULL) == 0);
	CHECK(swept.removed == 2500 && swept.more);
	CHECK(drac_store_sweep(store, NOW, 0, &swept, NULL) == 0);
	CHECK(swept.removed == 2500 && swept.kept == 1);
	CHECK(drac_store_sweep(store, NOW, 0, &swept, NULL) == 0);
	CHECK(swept.removed == 0 && swept.kept == 1);
	(void)alarm(0);
	CHECK(drac_store_each(store, count_one, &seen, NULL) == 0);
	CHECK(seen == 1);
	drac_store_close(store);
}

static void
add_removes_expired_ones_beside_it(void)
{
	struct drac_store *store = open_new();
	struct drac_addr old = addr("192.0.2.7");
	struct drac_addr live = addr("192.0.2.8");
	struct drac_addr new = addr("192.0.2.9");

	CHECK(drac_store_set(store, &old, NOW, NULL) == 0);
	CHECK(drac_store_set(store, &live, NOW + 1, NULL) == 0);
	CHECK(add(store, &new, NOW + 1800) == 0);
	CHECK(expiry_of(store, &old) == -1);
	CHECK(expiry_of(store, &live) == NOW + 1);
	CHECK(info_of(store).entries == 2);
	drac_store_close(store);
}

/* What a walk saw, and what it does to the map under way. */
struct seen {
	struct drac_store *other;
	unsigned count;
	unsigned stop_at;
	unsigned char times[4000];
	unsigned unknown;
	bool unordered;
	struct drac_addr last;
};

static int
see(const struct drac_addr *a, time_t expiry, void *arg)
{
	struct seen *seen = arg;
	unsigned n = (unsigned)a->octet[12] << 24 |
		     (unsigned)a->octet[13] << 16 |
		     (unsigned)a->octet[14] << 8 | a->octet[15];

	CHECK(expiry > 0);
	if (a->len != 16 || n >= COUNT(seen->times))
		seen->unknown++;
	else
		seen->times[n]++;
	seen->last = *a;
	if (seen->other != NULL && seen->count == 1)
		for (unsigned i = 0; i < 1000; i++) {
			struct drac_addr made = nth(2000 + i);
			struct drac_addr gone = nth(i * 2);

			CHECK(add(seen->other, &made, NOW + 9) == 0);
			if (i < 500)
				CHECK(drac_store_drop(seen->other, &gone,
					  NULL) == 1);
		}
	return ++seen->count == seen->stop_at ? 42 : 0;
}

static void
each_sees_every_entry_once(void)
{
	struct drac_store *store = open_new();
	struct seen *seen = calloc(1, sizeof(*seen));
	unsigned wrong = 0;

	CHECK(drac_store_each(store, see, seen, NULL) == 0);
	CHECK(seen->count == 0);
	for (unsigned n = 0; n < 2000; n++) {
		struct drac_addr a = nth(n);

		CHECK(add(store, &a, NOW + 1) == 0);
	}
	CHECK(drac_store_each(store, see, seen, NULL) == 0);
	CHECK(seen->count == 2000 && seen->unknown == 0);
	for (unsigned n = 0; n < 2000; n++)
		wrong += seen->times[n] != 1;
	CHECK(wrong == 0);
	seen->count = 0;
	seen->stop_at = 7;
	CHECK(drac_store_each(store, see, seen, NULL) == 42);
	CHECK(seen->count == 7);
	free(seen);
	drac_store_close(store);
}

/* Nobody waits for a walk: leaves split and empty behind and before it. */
static void
each_goes_on_across_changes(void)
{
	struct drac_store_opts opts = options();
	struct drac_store *store = open_new();
	struct seen *seen = calloc(1, sizeof(*seen));
	unsigned wrong = 0;

	for (unsigned n = 0; n < 2000; n++) {
		struct drac_addr a = nth(n);

		CHECK(add(store, &a, NOW + 1) == 0);
	}
	seen->other = open_with(&opts);
	CHECK(drac_store_each(store, see, seen, NULL) == 0);
	for (unsigned n = 0; n < 2000; n++)
		wrong += n < 1000 && n % 2 == 0 ? seen->times[n] > 1
						: seen->times[n] != 1;
	for (unsigned n = 2000; n < 3000; n++)
		wrong += seen->times[n] > 1;
	CHECK(wrong == 0 && seen->unknown == 0);
	drac_store_close(seen->other);
	free(seen);
	drac_store_close(store);
}

static void
clear_empties_the_map(void)
{
	struct drac_store_opts opts = options();
	struct drac_store *store = open_new();
	struct drac_store *other;
	struct drac_addr a = nth(3);

	for (unsigned n = 0; n < 100; n++) {
		struct drac_addr b = nth(n);

		CHECK(add(store, &b, NOW + 1) == 0);
	}
	other = open_with(&opts);
	CHECK(expiry_of(other, &a) == NOW + 1);
	CHECK(drac_store_clear(store, NULL) == 0);
	CHECK(info_of(store).entries == 0);
	CHECK(info_of(store).pages == SMALL_PAGES);
	CHECK(expiry_of(other, &a) == -1);
	CHECK(add(other, &a, NOW + 5) == 0);
	CHECK(expiry_of(store, &a) == NOW + 5);
	CHECK(!there(".new") && !there(".new.journal"));
	drac_store_close(other);
	drac_store_close(store);
}

static void
info_tells_the_sizes(void)
{
	struct drac_store *store = open_new();
	struct drac_store_info info = info_of(store);
	struct drac_addr a = addr("192.0.2.7");

	CHECK(info.entries == 0 && info.page_size == DRAC_PAGE_SIZE);
	CHECK(info.pages == SMALL_PAGES);
	CHECK(info.pages_free == SMALL_PAGES - 2);
	CHECK(info.bytes == (uint64_t)SMALL_PAGES * DRAC_PAGE_SIZE);
	CHECK((off_t)info.bytes == stat_of("").st_size);
	CHECK(add(store, &a, NOW + 1) == 0);
	info = info_of(store);
	CHECK(info.entries == 1 && info.pages_free == SMALL_PAGES - 2);
	for (unsigned n = 0; n < 50; n++) {
		a = nth(n);
		CHECK(add(store, &a, NOW + 1) == 0);
	}
	info = info_of(store);
	CHECK(info.entries == 51 && info.pages_free < SMALL_PAGES - 6);
	CHECK(info.bytes == (uint64_t)SMALL_PAGES * DRAC_PAGE_SIZE);
	drac_store_close(store);
}

/* The keys of the file, one after the other, `|` for a NUL. */
static int
read_page(void *arg, uint32_t pgno, unsigned char *page)
{
	const int *fd = arg;
	off_t at = (off_t)pgno * DRAC_PAGE_SIZE;

	return pread(*fd, page, DRAC_PAGE_SIZE, at) == DRAC_PAGE_SIZE ? 0 : -1;
}

static void
spell(char text[512], const unsigned char *octets, size_t length)
{
	size_t at = strlen(text);

	for (size_t i = 0; i < length; i++)
		text[at++] = octets[i] == '\0' ? '|' : (char)octets[i];
	text[at++] = ' ';
	text[at] = '\0';
}

static int
spell_leaf(const struct drac_leaf *leaf, void *arg)
{
	struct drac_item item;

	for (unsigned i = 0; i < leaf->items; i++)
		if (drac_leaf_item(leaf, i, &item) == 1) {
			spell(arg, item.key, item.key_len);
			spell(arg, item.value, item.value_len);
		}
	return 0;
}

static void
raw_text(char text[512])
{
	unsigned char meta[DRAC_PAGE_SIZE];
	struct drac_tree tree = { 0 };
	int fd = open(path, O_RDONLY);

	text[0] = '\0';
	CHECK(read_page(&fd, 0, meta) == 0);
	CHECK(drac_tree_meta(meta, sizeof(meta), &tree, NULL) == 0);
	tree.read = read_page;
	tree.arg = &fd;
	tree.pages = SMALL_PAGES;
	CHECK(drac_tree_walk(&tree, spell_leaf, text) == 0);
	(void)close(fd);
}

static int
count_visit(const struct drac_addr *a, time_t expiry, void *arg)
{
	unsigned *count = arg;

	CHECK(expiry == NOW + 1);
	CHECK(a->len == 4 || a->len == 16);
	++*count;
	return 0;
}

static void
key_styles_spell_the_file(void)
{
#define V "1700000001"
	static const struct {
		const char *name;
		enum drac_key_style style;
		const char *text;
	} rows[] = {
		{ "plain", DRAC_KEY_PLAIN,
		    "192.0.2.7 " V " 2001:db8::7 " V " " },
		{ "nul", DRAC_KEY_NUL,
		    "192.0.2.7| " V "| 2001:db8::7| " V "| " },
		{ "cidr", DRAC_KEY_CIDR,
		    "192.0.2.7/32 " V " 2001:db8::7/128 " V " " },
		{ "sendmail", DRAC_KEY_SENDMAIL,
		    "192.0.2.7 " V " ipv6:2001:db8:0:0:0:0:0:7 " V " " },
		{ "both", DRAC_KEY_BOTH,
		    "192.0.2.7 " V " 2001:db8::7 " V
		    " ipv6:2001:db8:0:0:0:0:0:7 " V " " },
	};
#undef V
	struct drac_addr four = addr("192.0.2.7");
	struct drac_addr six = addr("2001:db8::7");
	char text[512];

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_store_opts opts = options();
		struct drac_store *store;
		struct drac_grant grant;
		struct drac_swept swept;
		unsigned count = 0;

		fresh_dir();
		opts.key_style = rows[i].style;
		store = open_with(&opts);
		CHECK(add(store, &four, NOW + 1) == 0);
		CHECK(drac_store_add(store, &six, NOW, NOW + 1, 0, &grant,
			  NULL) == 0);
		raw_text(text);
		CHECK_ROW(strcmp(text, rows[i].text) == 0, rows[i].name);
		CHECK_ROW(expiry_of(store, &six) == NOW + 1, rows[i].name);
		CHECK_ROW(drac_store_each(store, count_visit, &count, NULL) ==
			      0,
		    rows[i].name);
		CHECK_ROW(count == 2, rows[i].name);
		CHECK_ROW(drac_store_take_back(store, &six, &grant, NULL) == 1,
		    rows[i].name);
		CHECK_ROW(drac_store_drop(store, &four, NULL) == 1,
		    rows[i].name);
		raw_text(text);
		CHECK_ROW(text[0] == '\0', rows[i].name);
		CHECK(add(store, &six, NOW + 1) == 0);
		CHECK(drac_store_sweep(store, NOW + 1, 0, &swept, NULL) == 0);
		raw_text(text);
		CHECK_ROW(text[0] == '\0', rows[i].name);
		drac_store_close(store);
	}
}

#define HIDDEN "2001:db8::7"

/* A map of one entry that was written for these readers and this style. */
static struct drac_store *
open_changed(enum drac_key_style style, unsigned readers,
    const struct drac_store_opts *now)
{
	struct drac_store_opts before = *now;
	struct drac_addr six = addr(HIDDEN);
	struct drac_store *store;

	fresh_dir();
	before.key_style = style;
	before.readers = readers;
	store = open_with(&before);
	CHECK(add(store, &six, NOW + 60) == 0);
	drac_store_close(store);
	return open_with(now);
}

/* Each verb finds the entry under the key of before, and leaves no other. */
static void
readers_may_change(void)
{
	static const struct {
		enum drac_key_style style;
		unsigned before, now;
		const char *text;
	} rows[] = {
		{ DRAC_KEY_PLAIN, 0, DRAC_READER_POSTFIX, HIDDEN "/128" },
		{ DRAC_KEY_PLAIN, DRAC_READER_POSTFIX, 0, HIDDEN },
		{ DRAC_KEY_NUL, 0, DRAC_READER_POSTFIX, HIDDEN "/128|" },
		{ DRAC_KEY_NUL, DRAC_READER_POSTFIX, 0, HIDDEN "|" },
	};
	struct drac_addr six = addr(HIDDEN);

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_store_opts opts = options();
		const char *end = rows[i].style == DRAC_KEY_NUL ? "|" : "";
		char text[512], wanted[128];
		struct drac_store *store;
		struct drac_grant grant;
		struct drac_op op = { .kind = DRAC_OP_EXPIRE, .addr = six };
		struct drac_swept swept;
		struct drac_why why;
		unsigned count = 0;

		opts.key_style = rows[i].style;
		opts.readers = rows[i].now;
#define CHANGED open_changed(rows[i].style, rows[i].before, &opts)
#define LEAVES(expiry)                                                       \
	do {                                                                 \
		snprintf(wanted, sizeof(wanted), "%s %lld%s ", rows[i].text, \
		    (long long)(expiry), end);                               \
		raw_text(text);                                              \
		CHECK_ROW(strcmp(text, wanted) == 0, text);                  \
	} while (0)
		store = CHANGED;
		CHECK_ROW(expiry_of(store, &six) == NOW + 60, rows[i].text);
		CHECK(drac_store_each_after(store, &six, count_visit, &count,
			  NULL) == 0);
		CHECK_ROW(count == 0, rows[i].text);
		CHECK(drac_store_add(store, &six, NOW, NOW + 90, 0, &grant,
			  NULL) == 0);
		CHECK_ROW(grant.previous == NOW + 60, rows[i].text);
		LEAVES(NOW + 90);
		CHECK(drac_store_take_back(store, &six, &grant, NULL) == 1);
		LEAVES(NOW + 60);
		drac_store_close(store);

		/* Fresh, or longer than the login: spelled anew all the same. */
		store = CHANGED;
		CHECK(drac_store_add(store, &six, NOW, NOW + 50, 10, &grant,
			  NULL) == 0);
		CHECK_ROW(grant.written && grant.expiry == NOW + 60,
		    rows[i].text);
		LEAVES(NOW + 60);
		drac_store_close(store);

		store = CHANGED;
		CHECK(drac_store_set(store, &six, NOW + 30, NULL) == 0);
		LEAVES(NOW + 30);
		drac_store_close(store);

		store = CHANGED;
		CHECK_ROW(drac_store_drop(store, &six, NULL) == 1,
		    rows[i].text);
		raw_text(text);
		CHECK_ROW(text[0] == '\0', text);
		drac_store_close(store);

		store = CHANGED;
		CHECK(drac_store_apply(store, &op, 1, NOW + 60, NULL) == 0);
		raw_text(text);
		CHECK_ROW(op.done && text[0] == '\0', text);
		drac_store_close(store);

		store = CHANGED;
		CHECK(drac_store_sweep(store, NOW, 0, &swept, &why) == 0);
		CHECK_ROW(strstr(why.text,
			      rows[i].now != 0
				  ? ": converted 1 entries: keys without /32 "
				    "or /128"
				  : ": converted 1 entries: keys with /32 or "
				    "/128") != NULL,
		    why.text);
		CHECK(swept.removed == 0);
		LEAVES(NOW + 60);
		CHECK(drac_store_sweep(store, NOW, 0, &swept, &why) == 0);
		CHECK_ROW(why.text[0] == '\0', why.text);
		drac_store_close(store);
#undef CHANGED
#undef LEAVES
	}
}

static void
sweep_converts_another_style(void)
{
	static const char *const names[] = { "plain", "nul", "cidr", "sendmail",
		"both" };
	struct drac_addr six = addr(HIDDEN), four = addr("192.0.2.7");

	for (int from = DRAC_KEY_PLAIN; from <= DRAC_KEY_BOTH; from++)
		for (int to = DRAC_KEY_PLAIN; to <= DRAC_KEY_BOTH; to++) {
			struct drac_store_opts opts = options();
			struct drac_store *store;
			struct drac_swept swept;
			char before[512], after[512];

			/* sendmail's key is one of both. */
			if (from == DRAC_KEY_SENDMAIL && to == DRAC_KEY_BOTH)
				continue;
			opts.key_style = (enum drac_key_style)to;
			opts.readers = DRAC_READER_POSTFIX;
			fresh_dir();
			store = open_with(&opts);
			CHECK(add(store, &six, NOW + 60) == 0 &&
			      add(store, &four, NOW + 60) == 0);
			raw_text(after);
			drac_store_close(store);
			store = open_changed((enum drac_key_style)from,
			    DRAC_READER_POSTFIX, &opts);
			CHECK_ROW(expiry_of(store, &six) == NOW + 60,
			    names[from]);
			CHECK(add(store, &four, NOW + 60) == 0);
			CHECK(
			    drac_store_sweep(store, NOW, 0, &swept, NULL) == 0);
			raw_text(before);
			/* No login has come since that writes the second. */
			if (to == DRAC_KEY_BOTH &&
			    (from == DRAC_KEY_PLAIN || from == DRAC_KEY_CIDR))
				CHECK(add(store, &six, NOW + 61) == 0 &&
				      drac_store_set(store, &six, NOW + 60,
					  NULL) == 0);
			raw_text(before);
			CHECK_ROW(strcmp(before, after) == 0, before);
			CHECK_ROW(drac_store_drop(store, &six, NULL) == 1,
			    names[to]);
			drac_store_close(store);
		}
}

/* 1 MiB, 4 MiB, 9.9 MiB: the two steps below the size that is not mapped. */
static void
enlarges_in_two_steps(void)
{
	static const uint64_t steps[] = { 2048, 8192, 20275 };
	struct drac_store_opts opts = options();
	struct drac_store *store;
	struct drac_store *other;
	unsigned step = 0;
	unsigned wrong = 0;
	unsigned n;

	fresh_dir();
	opts.key_style = DRAC_KEY_BOTH;
	store = open_with(&opts);
	other = open_with(&opts);
	for (n = 0; n < 60000 && step < 2; n++) {
		struct drac_addr a = nth(n);
		uint64_t pages;

		CHECK(add(store, &a, NOW + 1 + n) == 0);
		pages = (uint64_t)stat_of("").st_size / DRAC_PAGE_SIZE;
		if (pages == steps[step])
			continue;
		CHECK(pages == steps[++step]);
		CHECK(expiry_of(other, &a) == NOW + 1 + n);
		CHECK(!there(".new") && !there(".new.journal"));
	}
	CHECK(step == 2 && n > 10000);
	for (unsigned i = 0; i < n; i++) {
		struct drac_addr a = nth(i);

		wrong += expiry_of(other, &a) != NOW + 1 + i;
	}
	CHECK(wrong == 0);
	CHECK(info_of(store).entries == 2 * n);
	drac_store_close(other);
	drac_store_close(store);
}

/* When the map is full of what has expired, it is made compact instead. */
static void
full_of_expired_is_made_compact(void)
{
	struct drac_store *store = open_new();
	struct drac_addr last = addr("192.0.2.199");
	ino_t before = stat_of("").st_ino;
	unsigned live = 0;
	unsigned n = 0;

	while (info_of(store).pages_free > 10)
		for (unsigned i = 0; i < 10; i++, n++) {
			struct drac_addr a = nth(n);

			CHECK(drac_store_set(store, &a,
				  n % 100 == 0 ? NOW + 86400 : NOW, NULL) == 0);
			live += n % 100 == 0;
		}
	CHECK(stat_of("").st_ino == before);
	for (unsigned i = 0; i < 200; i++, live++) {
		struct drac_addr a = last;

		a.octet[3] = (unsigned char)i;
		CHECK(add(store, &a, NOW + 100) == 0);
	}
	CHECK(stat_of("").st_ino != before);
	CHECK(stat_of("").st_size == (off_t)SMALL_PAGES * DRAC_PAGE_SIZE);
	CHECK(info_of(store).entries == live);
	CHECK(info_of(store).pages_free > SMALL_PAGES / 2);
	CHECK(expiry_of(store, &last) == NOW + 100);
	for (unsigned i = 0; i < n; i += 100) {
		struct drac_addr a = nth(i);

		CHECK(expiry_of(store, &a) == NOW + 86400);
	}
	drac_store_close(store);
}

static void
sweep_enlarges_before_it_is_full(void)
{
	struct drac_store *store = open_new();
	struct drac_swept swept = { 0 };
	unsigned n = 0;

	while (info_of(store).pages_free > SMALL_PAGES / 4 - 8)
		for (unsigned i = 0; i < 50; i++) {
			struct drac_addr a = nth(n++);

			CHECK(add(store, &a, NOW + 1) == 0);
		}
	CHECK(drac_store_sweep(store, NOW, 0, &swept, NULL) == 0);
	CHECK(swept.enlarged && swept.removed == 0 && swept.kept == n);
	CHECK(info_of(store).pages == 4 * (uint64_t)SMALL_PAGES);
	CHECK(info_of(store).entries == n);
	CHECK(drac_store_sweep(store, NOW, 0, &swept, NULL) == 0);
	CHECK(!swept.enlarged);
	drac_store_close(store);
}

/* One row of the refusals: make the ground, try, see errno and the words. */
static void
refused(const char *name, const char *at, bool may_create, int expected)
{
	struct drac_store_opts opts = options();
	struct drac_store *store = NULL;
	struct drac_why why;
	int result;

	opts.path = at;
	opts.may_create = may_create;
	errno = 0;
	result = drac_store_open(&opts, &store, &why);
	if (result != -1 || errno != expected)
		printf("  %s: result %d, %s: %s\n", name, result,
		    strerror(errno), why.text);
	CHECK_ROW(result == -1 && errno == expected, name);
	CHECK_ROW(why.text[0] != '\0', name);
	if (result == 0)
		drac_store_close(store);
}

static void
open_refuses_paths_that_are_not_absolute(void)
{
	fresh_dir();
	refused("relative", "dracd.db", true, EINVAL);
	refused("dot", "./dracd.db", true, EINVAL);
	refused("empty", "", true, EINVAL);
	refused("a directory's slash", "/tmp/", true, EINVAL);
}

static void
open_refuses_unsafe_directories(void)
{
	static const struct {
		const char *name;
		mode_t mode;
	} rows[] = { { "group", 0775 }, { "others", 0757 }, { "all", 0777 },
		{ "sticky", 01777 } };
	char link[96];
	char below[128];

	for (size_t i = 0; i < COUNT(rows); i++) {
		fresh_dir();
		CHECK(chmod(dir, rows[i].mode) == 0);
		refused(rows[i].name, path, true, EPERM);
		CHECK_ROW(!there("") && !there(".lock"), rows[i].name);
	}
	fresh_dir();
	snprintf(link, sizeof(link), "%s/link", base);
	snprintf(below, sizeof(below), "%s/dracd.db", link);
	CHECK(symlink(dir, link) == 0);
	refused("symbolic link", below, true, ELOOP);
	CHECK(!there(""));
	CHECK(unlink(link) == 0);
	refused("missing", below, true, ENOENT);
}

static void
open_refuses_what_is_not_a_map_file(void)
{
	char target[128];

	fresh_dir();
	refused("no map", path, false, ENOENT);
	CHECK(!there(".lock"));
	CHECK(mkdir(path, 0755) == 0);
	refused("a directory", path, true, EINVAL);
	CHECK(rmdir(path) == 0);
	CHECK(mkfifo(path, 0644) == 0);
	refused("a fifo", path, true, EINVAL);
	CHECK(unlink(path) == 0);
	snprintf(target, sizeof(target), "%s/target", dir);
	CHECK(symlink(target, path) == 0);
	refused("a dangling link", path, true, ELOOP);
	CHECK(close(open(target, O_CREAT | O_WRONLY, 0644)) == 0);
	refused("a link", path, true, ELOOP);
}

/* Neither the lock nor the journal is followed to somewhere else. */
static void
links_beside_the_map_are_not_followed(void)
{
	struct drac_store_opts opts = options();
	struct drac_store *store;
	struct drac_why why;
	struct drac_addr a = addr("192.0.2.7");
	char target[128];
	char name[160];
	struct stat st;

	drac_store_close(open_new());
	snprintf(target, sizeof(target), "%s/target", dir);
	CHECK(close(open(target, O_CREAT | O_WRONLY, 0644)) == 0);
	snprintf(name, sizeof(name), "%s.lock", path);
	CHECK(unlink(name) == 0 && symlink(target, name) == 0);
	store = open_with(&opts);
	CHECK(drac_store_add(store, &a, NOW, NOW + 1, 0, NULL, &why) == -1);
	CHECK(errno == ELOOP && strstr(why.text, ".lock") != NULL);
	drac_store_close(store);
	CHECK(unlink(name) == 0);
	snprintf(name, sizeof(name), "%s.new", path);
	CHECK(symlink(target, name) == 0);
	store = open_with(&opts);
	CHECK(drac_store_clear(store, NULL) == 0);
	CHECK(add(store, &a, NOW + 1) == 0);
	CHECK(stat(target, &st) == 0 && st.st_size == 0);
	CHECK(S_ISREG(stat_of("").st_mode));
	drac_store_close(store);
}

static void
modes_do_not_depend_on_the_umask(void)
{
	static const struct {
		const char *name;
		mode_t mask, mode;
	} rows[] = { { "000", 0, 0644 }, { "077", 077, 0644 },
		{ "private", 0, 0600 }, { "group", 077, 0640 } };

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_store_opts opts = options();
		struct drac_store *store;
		struct drac_addr a = addr("192.0.2.7");
		mode_t before;

		fresh_dir();
		opts.mode = rows[i].mode;
		before = umask(rows[i].mask);
		store = open_with(&opts);
		CHECK(add(store, &a, NOW + 1) == 0);
		CHECK_ROW((stat_of("").st_mode & 07777) == rows[i].mode,
		    rows[i].name);
		CHECK_ROW((stat_of(".journal").st_mode & 07777) == 0600,
		    rows[i].name);
		CHECK_ROW((stat_of(".lock").st_mode & 07777) == 0600,
		    rows[i].name);
		CHECK(drac_store_clear(store, NULL) == 0);
		CHECK_ROW((stat_of("").st_mode & 07777) == rows[i].mode,
		    rows[i].name);
		drac_store_close(store);
		(void)umask(before);
	}
}

/* Below 10 MiB no reader has cause to reopen the file. */
static void
mtime_and_inode_stand_still(void)
{
	struct timespec old[2] = { { .tv_sec = 1000000000 },
		{ .tv_sec = 1000000000, .tv_nsec = 7 } };
	struct drac_store *store = open_new();
	struct drac_swept swept;
	ino_t inode = stat_of("").st_ino;

	CHECK(utimensat(AT_FDCWD, path, old, 0) == 0);
	for (unsigned n = 0; n < 200; n++) {
		struct drac_addr a = nth(n);

		CHECK(add(store, &a, NOW + 1 + n % 2) == 0);
	}
	CHECK(drac_store_sweep(store, NOW + 1, 0, &swept, NULL) == 0);
	CHECK(swept.removed == 100);
	CHECK(stat_of("").st_mtim.tv_sec == 1000000000);
	CHECK(stat_of("").st_mtim.tv_nsec == 7);
	CHECK(stat_of("").st_ino == inode);
	drac_store_close(store);
}

/* A wait for another writer ends when it must. */
static void
add_gives_up_waiting_for_a_writer(void)
{
	struct drac_store_opts opts = options();
	struct drac_store *store;
	struct drac_addr a = addr("192.0.2.7");
	struct drac_why why;
	char name[160];
	int fd;

	drac_store_close(open_new());
	opts.timeout_ms = 30;
	store = open_with(&opts);
	snprintf(name, sizeof(name), "%s.lock", path);
	fd = open(name, O_RDWR);
	CHECK(flock(fd, LOCK_EX) == 0);
	CHECK(drac_store_add(store, &a, NOW, NOW + 1, 0, NULL, &why) == -1);
	CHECK(errno == ETIMEDOUT && why.text[0] != '\0');
	CHECK(expiry_of(store, &a) == -1);
	CHECK(close(fd) == 0);
	CHECK(drac_store_add(store, &a, NOW, NOW + 1, 0, NULL, &why) == 0);
	drac_store_close(store);
}

/* What errno happened to be before a call decides nothing. */
static void
stale_errno_is_no_reason(void)
{
	static const int rows[] = { EACCES, EIO, ENOMEM, EPERM };
	struct drac_addr a = addr("192.0.2.7");
	struct drac_addr b = addr("192.0.2.8");

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_store_opts opts = options();
		struct drac_store *store = open_new();
		char copy[160];
		char command[800];

		CHECK(add(store, &a, NOW + 1) == 0);
		drac_store_close(store);
		/* Another file with the same octets: restored from a backup. */
		snprintf(copy, sizeof(copy), "%s.copy", path);
		snprintf(command, sizeof(command),
		    "cp '%s' '%s' && mv '%s' "
		    "'%s'",
		    path, copy, copy, path);
		CHECK(system(command) == 0);
		store = open_with(&opts);
		errno = rows[i];
		CHECK_ROW(drac_store_add(store, &b, NOW, NOW + 1, 0, NULL,
			      NULL) == 0,
		    strerror(rows[i]));
		CHECK_ROW(expiry_of(store, &a) == NOW + 1, strerror(rows[i]));
		drac_store_close(store);
	}
}

static void
close_takes_null_and_keeps_errno(void)
{
	struct drac_store *store = open_new();

	errno = ENOTTY;
	drac_store_close(store);
	drac_store_close(NULL);
	CHECK(errno == ENOTTY);
}

int
main(void)
{
	begin();
	RUN(add_then_get);
	RUN(add_is_seen_by_another_handle);
	RUN(add_reports_what_it_did);
	RUN(add_within_renew_writes_nothing);
	RUN(add_within_renew_writes_over_an_expired_one);
	RUN(add_never_shortens);
	RUN(set_shortens_and_lengthens);
	RUN(take_back_removes_or_restores);
	RUN(take_back_after_drop_does_nothing);
	RUN(drop_tells_whether_it_was_there);
	RUN(sweep_removes_the_expired_only);
	RUN(sweep_stops_at_the_limit);
	RUN(a_map_swept_empty_goes_on);
	RUN(add_removes_expired_ones_beside_it);
	RUN(each_sees_every_entry_once);
	RUN(each_goes_on_across_changes);
	RUN(clear_empties_the_map);
	RUN(info_tells_the_sizes);
	RUN(key_styles_spell_the_file);
	RUN(readers_may_change);
	RUN(sweep_converts_another_style);
	RUN(enlarges_in_two_steps);
	RUN(full_of_expired_is_made_compact);
	RUN(sweep_enlarges_before_it_is_full);
	RUN(open_refuses_paths_that_are_not_absolute);
	RUN(open_refuses_unsafe_directories);
	RUN(open_refuses_what_is_not_a_map_file);
	RUN(links_beside_the_map_are_not_followed);
	RUN(modes_do_not_depend_on_the_umask);
	RUN(mtime_and_inode_stand_still);
	RUN(add_gives_up_waiting_for_a_writer);
	RUN(stale_errno_is_no_reason);
	RUN(close_takes_null_and_keeps_errno);
	end();
	return TEST_RESULT();
}
