/* SPDX-License-Identifier: BSD-2-Clause */

/* Which entry expires when: the heaps against a plain list. */

#include <stdlib.h>

#include "../../dracd/dracd.h"
#include "test.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define MODEL_MAX    5000u
#define ROUNDS       20000u

static struct drac_addr
addr(const char *text)
{
	struct drac_addr found = { 0 };

	CHECK_ROW(drac_addr_parse(text, &found) == 0, text);
	return found;
}

/* The same numbers on every machine. */
static uint64_t
next_number(void)
{
	static uint64_t state = 1;

	state = state * 6364136223846793005u + 1442695040888963407u;
	return state >> 33;
}

static struct drac_addr
some_addr(void)
{
	uint64_t n = next_number() % 300;
	struct drac_addr made = { .len = 4, .octet = { 192, 0, 2 } };

	if (n % 2 == 0) {
		made.len = 16;
		memcpy(made.octet, "\x20\x01\x0d\xb8", 4);
		made.octet[15] = (unsigned char)n;
	} else {
		made.octet[2] = (unsigned char)(n >> 8);
		made.octet[3] = (unsigned char)n;
	}
	return made;
}

struct known {
	struct drac_addr addr;
	time_t expiry;
};

static struct known model[MODEL_MAX];
static size_t known;

static bool
model_take(const struct drac_addr *a, time_t expiry)
{
	for (size_t i = 0; i < known; i++)
		if (model[i].expiry == expiry &&
		    drac_addr_equal(&model[i].addr, a)) {
			model[i] = model[--known];
			return true;
		}
	return false;
}

static bool
model_next(time_t *expiry)
{
	for (size_t i = 0; i < known; i++)
		if (i == 0 || model[i].expiry < *expiry)
			*expiry = model[i].expiry;
	return known > 0;
}

static void
check_next(const struct drac_due *due)
{
	time_t is = 0, should = 0;
	bool there = model_next(&should);

	CHECK(drac_due_next(due, &is) == there);
	CHECK(is == should);
	CHECK(drac_due_count(due) == known);
}

/* What comes out is the earliest of what went in, and due. */
static void
take_one(struct drac_due *due, time_t now)
{
	struct drac_addr out = { 0 };
	time_t earliest = 0;
	bool is_due = model_next(&earliest) && earliest <= now;

	CHECK(drac_due_take(due, now, &out) == is_due);
	if (is_due)
		CHECK(model_take(&out, earliest));
}

static void
random_operations_match_a_list(void)
{
	struct drac_due *due = drac_due_new();
	time_t now = 1000;

	known = 0;
	for (unsigned i = 0; i < ROUNDS; i++) {
		/* Waves, so that the arrays grow and shrink. */
		bool more = i / 2500 % 2 == 0;

		if (next_number() % 4 < (more ? 3u : 1u) && known < MODEL_MAX) {
			struct known *k = &model[known++];

			k->addr = some_addr();
			k->expiry = now + (time_t)(next_number() % 500) - 50;
			CHECK(drac_due_add(due, &k->addr, k->expiry) == 0);
		} else {
			take_one(due, now);
		}
		if (i % 16 == 0)
			now++;
		if (i % 64 == 0)
			check_next(due);
	}
	while (known > 0 && test_failures == 0)
		take_one(due, now + 1000);
	check_next(due);
	drac_due_free(due);
}

static void
order_is_by_second_across_families(void)
{
	static const struct {
		const char *text;
		time_t expiry;
	} in[] = { { "2001:db8::3", 30 }, { "192.0.2.1", 10 },
		{ "2001:db8::2", 20 }, { "192.0.2.4", 40 },
		{ "2001:db8::ff", 50 } };
	static const char *const out[] = { "192.0.2.1", "2001:db8::2",
		"2001:db8::3", "192.0.2.4", "2001:db8::ff" };
	struct drac_due *due = drac_due_new();
	struct drac_addr a;

	for (size_t i = 0; i < COUNT(in); i++) {
		a = addr(in[i].text);
		CHECK(drac_due_add(due, &a, in[i].expiry) == 0);
	}
	for (size_t i = 0; i < COUNT(out); i++) {
		struct drac_addr should = addr(out[i]);

		CHECK_ROW(drac_due_take(due, 50, &a), out[i]);
		CHECK_ROW(drac_addr_equal(&a, &should), out[i]);
	}
	CHECK(!drac_due_take(due, 50, &a));
	drac_due_free(due);
}

static void
due_at_its_second_not_before(void)
{
	struct drac_due *due = drac_due_new();
	struct drac_addr a = addr("192.0.2.7");

	CHECK(drac_due_add(due, &a, 100) == 0);
	CHECK(!drac_due_take(due, 99, &a));
	CHECK(!drac_due_take(due, -1, &a));
	CHECK(drac_due_take(due, 100, &a));
	drac_due_free(due);
}

static void
duplicates_of_a_second_come_in_a_row(void)
{
	static const char *const texts[] = { "192.0.2.9", "192.0.2.1",
		"192.0.2.9", "192.0.2.5", "192.0.2.9" };
	struct drac_due *due = drac_due_new();
	struct drac_addr a, nine = addr("192.0.2.9");
	size_t row = 0;

	for (size_t i = 0; i < COUNT(texts); i++) {
		a = addr(texts[i]);
		CHECK(drac_due_add(due, &a, 5) == 0);
	}
	while (drac_due_take(due, 5, &a))
		if (drac_addr_equal(&a, &nine))
			row++;
		else
			CHECK(row == 0 || row == 3);
	CHECK(row == 3);
	drac_due_free(due);
}

static void
instants_beyond_32_bits_are_kept_within(void)
{
	static const struct {
		const char *name;
		time_t in, out;
	} rows[] = { { "before 1970", -5, 0 }, { "1970", 0, 0 },
		{ "2038", 0x80000000, 0x80000000 },
		{ "the last", 0xffffffff, 0xffffffff },
		{ "one more", 0x100000000, 0xffffffff } };
	struct drac_addr a = addr("2001:db8::1");

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_due *due = drac_due_new();
		time_t next = -1;

		CHECK(drac_due_add(due, &a, rows[i].in) == 0);
		CHECK_ROW(drac_due_next(due, &next), rows[i].name);
		CHECK_ROW(next == rows[i].out, rows[i].name);
		drac_due_free(due);
	}
}

static void
clear_empties_and_can_be_filled_again(void)
{
	struct drac_due *due = drac_due_new();
	struct drac_addr a = addr("192.0.2.7");
	time_t next;

	for (int i = 0; i < 1000; i++)
		CHECK(drac_due_add(due, &a, i) == 0);
	drac_due_clear(due);
	CHECK(drac_due_count(due) == 0);
	CHECK(!drac_due_next(due, &next));
	CHECK(!drac_due_take(due, 5000, &a));
	CHECK(drac_due_add(due, &a, 3) == 0);
	CHECK(drac_due_take(due, 3, &a));
	drac_due_free(due);
	drac_due_free(NULL);
}

int
main(void)
{
	RUN(random_operations_match_a_list);
	RUN(order_is_by_second_across_families);
	RUN(due_at_its_second_not_before);
	RUN(duplicates_of_a_second_come_in_a_row);
	RUN(instants_beyond_32_bits_are_kept_within);
	RUN(clear_empties_and_can_be_filled_again);
	return TEST_RESULT();
}
