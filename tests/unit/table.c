/* SPDX-License-Identifier: BSD-2-Clause */

/* Addresses and expiries in memory: the table against plain arrays. */

#include "table.h"

#include <stdlib.h>
#include <time.h>

#include "test.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define MANY         1000000u

static const struct drac_table_key keys[] = {
	{ { 0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9, 0x94d049bb133111eb,
	    0xd6e8feb86659fd93, 0xa0761d6478bd642f } },
	{ { 1, 2, 3, 4, 5 } }, { { UINT64_MAX, 7, UINT64_MAX / 3, 1, 0 } },
	{ { 0 } }, /* each address has the same hash: still right, if slow */
};

static struct drac_addr
addr(const char *text)
{
	struct drac_addr found = { 0 };

	CHECK_ROW(drac_addr_parse(text, &found) == 0, text);
	return found;
}

/* The n-th of neighbours, IPv6 every third. */
static struct drac_addr
nth(uint32_t n)
{
	struct drac_addr made = { .len = 4 };
	unsigned char *last = made.octet;

	if (n % 3 == 0) {
		made.len = 16;
		memcpy(made.octet, "\x20\x01\x0d\xb8", 4);
		last = made.octet + 12;
	}
	for (int i = 0; i < 4; i++)
		last[i] = (unsigned char)(n >> (24 - 8 * i));
	return made;
}

/* The same numbers on every machine. */
static uint64_t
next_number(void)
{
	static uint64_t state = 1;

	state = state * 6364136223846793005u + 1442695040888963407u;
	return state >> 33;
}

static bool
holds(const struct drac_table *table, uint32_t n, time_t expiry)
{
	struct drac_addr a = nth(n);
	time_t found = 0;

	if (!drac_table_get(table, &a, &found))
		return expiry == 0;
	return found == expiry;
}

/* What the model says of all numbers below range. */
static void
compare(const struct drac_table *table, const uint32_t *model, uint32_t range)
{
	size_t count = 0, wrong = 0;

	for (uint32_t n = 0; n < range; n++) {
		wrong += !holds(table, n, (time_t)model[n]);
		count += model[n] != 0;
	}
	CHECK(wrong == 0);
	CHECK(drac_table_count(table) == count);
}

/* Waves, so that the table grows and shrinks, runs are long and broken. */
static void
change_at_random(struct drac_table *table, uint32_t *model, uint32_t range,
    unsigned rounds)
{
	for (unsigned i = 0; i < rounds; i++) {
		uint32_t n = (uint32_t)(next_number() % range);
		struct drac_addr a = nth(n);
		bool more = i / (rounds / 4) % 2 == 0;

		if (next_number() % 8 < (more ? 7u : 1u)) {
			model[n] = (uint32_t)next_number() | 1;
			CHECK(drac_table_set(table, &a, (time_t)model[n]) == 0);
		} else {
			CHECK(drac_table_remove(table, &a) == (model[n] != 0));
			model[n] = 0;
		}
	}
}

static void
random_changes_match_an_array(void)
{
	static uint32_t model[3000];

	for (size_t i = 0; i < COUNT(keys); i++) {
		struct drac_table *table = drac_table_new(&keys[i]);
		uint32_t range = i == COUNT(keys) - 1 ? 300 : COUNT(model);

		memset(model, 0, sizeof model);
		for (unsigned wave = 0; wave < 5; wave++) {
			change_at_random(table, model, range, 20000);
			compare(table, model, range);
		}
		drac_table_free(table);
	}
}

static void
remove_all_but(struct drac_table *table, uint32_t *model, uint32_t rest)
{
	for (uint32_t n = 0; n < MANY; n++) {
		struct drac_addr a = nth(n);

		if (n % rest == 0)
			continue;
		CHECK(drac_table_remove(table, &a) == (model[n] != 0));
		model[n] = 0;
	}
}

static void
million_entries_match_an_array(void)
{
	uint32_t *model = calloc(MANY, sizeof *model);
	struct drac_table *table = drac_table_new(&keys[0]);

	for (uint32_t n = 0; n < MANY; n++) {
		struct drac_addr a = nth(n);

		model[n] = n + 1;
		CHECK(drac_table_set(table, &a, (time_t)model[n]) == 0);
	}
	compare(table, model, MANY);
	change_at_random(table, model, MANY, MANY);
	compare(table, model, MANY);
	remove_all_but(table, model, 1000);
	compare(table, model, MANY);
	drac_table_free(table);
	free(model);
}

/* Removed in an order that leaves holes at each place of a run. */
static void
runs_are_closed(void)
{
	for (uint32_t first = 0; first < 40; first++) {
		uint32_t model[40] = { 0 };
		struct drac_table *table = drac_table_new(&keys[3]);

		for (uint32_t n = 0; n < COUNT(model); n++) {
			struct drac_addr a = nth(n);

			model[n] = n + 1;
			CHECK(drac_table_set(table, &a, (time_t)n + 1) == 0);
		}
		for (uint32_t n = 0; n < COUNT(model); n++) {
			uint32_t gone = (first + n * 7) % COUNT(model);
			struct drac_addr a = nth(gone);

			CHECK(drac_table_remove(table, &a));
			CHECK(!drac_table_remove(table, &a));
			model[gone] = 0;
			compare(table, model, COUNT(model));
		}
		drac_table_free(table);
	}
}

static void
families_are_apart(void)
{
	struct drac_table *table = drac_table_new(&keys[0]);
	struct drac_addr v4 = addr("192.0.2.7"), v6 = addr("c000:207::");
	struct drac_addr mapped = addr("::ffff:192.0.2.7");
	time_t expiry = 0;

	CHECK(drac_table_set(table, &v4, 5) == 0);
	CHECK(!drac_table_get(table, &v6, &expiry));
	CHECK(drac_table_set(table, &v6, 6) == 0);
	CHECK(drac_table_get(table, &mapped, &expiry) && expiry == 5);
	CHECK(drac_table_get(table, &v6, &expiry) && expiry == 6);
	CHECK(drac_table_remove(table, &v4));
	CHECK(!drac_table_get(table, &v4, &expiry));
	CHECK(drac_table_get(table, &v6, &expiry) && expiry == 6);
	CHECK(drac_table_count(table) == 1);
	drac_table_free(table);
}

static void
instants_beyond_32_bits_are_kept_within(void)
{
	static const struct {
		const char *name;
		time_t in, out; /* 0: not there */
	} rows[] = { { "before 1970", -5, 0 }, { "1970", 0, 0 },
		{ "a second later", 1, 1 }, { "2038", 0x80000000, 0x80000000 },
		{ "the last", 0xffffffff, 0xffffffff },
		{ "one more", 0x100000000, 0xffffffff },
		{ "far more", INT64_MAX, 0xffffffff } };
	struct drac_table *table = drac_table_new(&keys[0]);
	struct drac_addr a = addr("2001:db8::1");

	for (size_t i = 0; i < COUNT(rows); i++) {
		time_t expiry = 0;

		CHECK(drac_table_set(table, &a, 100) == 0);
		CHECK(drac_table_set(table, &a, rows[i].in) == 0);
		CHECK_ROW(drac_table_get(table, &a, &expiry) ==
			      (rows[i].out != 0),
		    rows[i].name);
		CHECK_ROW(expiry == rows[i].out, rows[i].name);
	}
	drac_table_free(table);
}

static void
empty_table_has_nothing(void)
{
	struct drac_table *table = drac_table_new(&keys[0]);
	struct drac_addr a = addr("192.0.2.7");
	time_t expiry;

	CHECK(drac_table_count(table) == 0);
	CHECK(!drac_table_get(table, &a, &expiry));
	CHECK(!drac_table_remove(table, &a));
	CHECK(drac_table_set(table, &a, 7) == 0);
	CHECK(drac_table_remove(table, &a));
	CHECK(!drac_table_get(table, &a, &expiry));
	CHECK(drac_table_count(table) == 0);
	drac_table_free(table);
	drac_table_free(NULL);
}

int
main(void)
{
	RUN(random_changes_match_an_array);
	RUN(million_entries_match_an_array);
	RUN(runs_are_closed);
	RUN(families_are_apart);
	RUN(instants_beyond_32_bits_are_kept_within);
	RUN(empty_table_has_nothing);
	return TEST_RESULT();
}
