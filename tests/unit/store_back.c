/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A clock that is set back: no entry may stay for longer than it was granted
 * for.
 */
#include <sys/wait.h>

#include <errno.h>
#include <stddef.h>

#include "map.h"
#include "maps.h"
#include "store.h"

#define LIFETIME 1800
#define DAY      86400

static struct drac_store *
open_as(bool owner, unsigned lifetime_s)
{
	struct drac_store_opts opts = options();

	opts.owner = owner;
	opts.lifetime_s = lifetime_s;
	return open_with(&opts);
}

/* One entry, written when the clock said NOW. */
static struct drac_store *
open_with_entry(bool owner, unsigned lifetime_s, time_t expiry)
{
	struct drac_addr a = addr("192.0.2.7");
	struct drac_store *store;

	fresh_dir();
	store = open_as(owner, lifetime_s);
	CHECK(add(store, &a, expiry) == 0);
	return store;
}

/* A sweep, or what the owner does instead. */
static int
look_after(struct drac_store *store, time_t now, bool *anew,
    struct drac_why *why)
{
	struct drac_swept swept;

	*anew = false;
	return store->opts.owner ? drac_store_upkeep(store, now, anew, why)
				 : drac_store_sweep(store, now, 0, &swept, why);
}

/* Instants of `is` and `becomes` are seconds from the time after the step. */
static const struct row {
	const char *name;
	unsigned lifetime_s;
	time_t back;
	time_t is;
	time_t becomes;
} rows[] = {
	{ "a login", LIFETIME, DAY, DAY + LIFETIME, LIFETIME },
	{ "a login of long before the step", LIFETIME, DAY, DAY + 60, 60 },
	{ "a login nearly over", LIFETIME, DAY, DAY + 1, 1 },
	{ "a login before a small step", LIFETIME, 60, 60 + LIFETIME,
	    LIFETIME },
	{ "nearly over before a small step", LIFETIME, 60, 60 + 1, 1 },
	{ "over when the sweep comes", LIFETIME, 60, 60, 0 },
	{ "over long ago before a small step", LIFETIME, 60, 30, -30 },
	{ "an hour is a login's time", 3600, 3600, 3600 + 600, 600 },
	{ "an hour is a login's time, and over", 3600, 3600, 3500, -100 },
	{ "three seconds", LIFETIME, 3, 3 + LIFETIME, LIFETIME },
	{ "two seconds are none", LIFETIME, 2, 2 + LIFETIME, 2 + LIFETIME },
	{ "one second is none", LIFETIME, 1, 1 + LIFETIME, 1 + LIFETIME },
	{ "no step", LIFETIME, 0, LIFETIME, LIFETIME },
	{ "a step forward", LIFETIME, -60, 600, 600 },
	{ "an administrator's week", LIFETIME, DAY, 7 * DAY, 6 * DAY },
	{ "an administrator's hour", LIFETIME, 60, 60 + 3600, 3600 },
	{ "a login since the step", LIFETIME, DAY, LIFETIME, LIFETIME },
	{ "a login since the step, sooner over", LIFETIME, DAY, 100, 100 },
	{ "over already", LIFETIME, DAY, -1, -1 },
	{ "no lifetime known", 0, DAY, DAY + LIFETIME, DAY + LIFETIME },
};

static void
try_row(const struct row *row, bool owner)
{
	time_t now = NOW - row->back;
	struct drac_addr a = addr("192.0.2.7");
	struct drac_store *store =
	    open_with_entry(owner, row->lifetime_s, now + row->is);
	bool shorter = row->is != row->becomes;
	struct drac_why why;
	/* The owner's batch removes it, a sweep does it itself. */
	time_t left = row->becomes > 0 || owner ? now + row->becomes : -1;
	char text[200];
	bool anew;

	snprintf(text, sizeof(text),
	    "%s: the clock went back by %lld s: 1 entries shortened", path,
	    (long long)row->back);
	CHECK_ROW(look_after(store, now, &anew, &why) == 0, row->name);
	CHECK_ROW(strcmp(why.text, shorter ? text : "") == 0, row->name);
	CHECK_ROW(expiry_of(store, &a) == left, row->name);
	CHECK_ROW(anew == (shorter && owner), row->name);
	CHECK_ROW(drac_map_back(store, now) == 0, row->name);
	/* It is over. */
	CHECK_ROW(look_after(store, now, &anew, &why) == 0, row->name);
	CHECK_ROW(!anew && why.text[0] == '\0', row->name);
	CHECK_ROW(expiry_of(store, &a) == left, row->name);
	drac_store_close(store);
}

static void
sweep_shortens(void)
{
	for (size_t i = 0; i < COUNT(rows); i++)
		try_row(&rows[i], false);
}

static void
upkeep_shortens(void)
{
	for (size_t i = 0; i < COUNT(rows); i++)
		try_row(&rows[i], true);
}

/* What the sweep does not do because it comes to its limit, the next does. */
static void
mark_stays_until_all_is_done(void)
{
	struct drac_addr a = addr("192.0.2.7"), b = addr("192.0.2.8");
	struct drac_addr old = addr("192.0.2.1");
	struct drac_addr older = addr("192.0.2.2");
	struct drac_store *store =
	    open_with_entry(false, LIFETIME, NOW + LIFETIME);
	struct drac_swept swept;
	struct drac_why why;
	time_t now = NOW - DAY;

	CHECK(add(store, &b, NOW + LIFETIME) == 0);
	CHECK(drac_store_set(store, &old, now - 1, NULL) == 0);
	CHECK(drac_store_set(store, &older, now - 1, NULL) == 0);
	CHECK(drac_store_sweep(store, now, 1, &swept, &why) == 0);
	CHECK(swept.more && swept.removed == 1);
	CHECK(drac_map_back(store, now) == DAY);
	CHECK(drac_store_sweep(store, now, 0, &swept, &why) == 0);
	CHECK(!swept.more && swept.removed == 1 && swept.kept == 2);
	CHECK(strstr(why.text, "2 entries shortened") != NULL);
	CHECK(expiry_of(store, &a) == now + LIFETIME);
	CHECK(expiry_of(store, &b) == now + LIFETIME);
	drac_store_close(store);
}

/* A login need not wait for the sweep. */
static void
add_shortens_its_own(void)
{
	static const struct {
		const char *name;
		time_t back, is, becomes;
		bool written;
	} adds[] = {
		{ "a login", DAY, DAY + LIFETIME, LIFETIME, true },
		{ "an administrator's week", DAY, 7 * DAY, 6 * DAY, true },
		{ "without a step", 0, 7 * DAY, 7 * DAY, false },
		{ "one second is none", 1, LIFETIME + 1, LIFETIME + 1, false },
		{ "not so long", DAY, 60, LIFETIME, true },
		{ "nearly over", DAY, DAY + 60, LIFETIME, true },
		{ "a small step", 60, 60 + 600, LIFETIME, true },
	};
	struct drac_addr a = addr("192.0.2.7");

	for (size_t i = 0; i < 2 * COUNT(adds); i++) {
		const char *name = adds[i / 2].name;
		time_t now = NOW - adds[i / 2].back;
		struct drac_store *store =
		    open_with_entry(i % 2 == 1, LIFETIME, now + adds[i / 2].is);
		struct drac_grant grant;
		struct drac_why why;

		CHECK_ROW(drac_store_add(store, &a, now, now + LIFETIME, 10,
			      &grant, &why) == 0,
		    name);
		CHECK_ROW(grant.written == adds[i / 2].written, name);
		CHECK_ROW(grant.expiry == now + adds[i / 2].becomes, name);
		CHECK_ROW(expiry_of(store, &a) == grant.expiry, name);
		/* Taken back, it is no longer than it may be. */
		(void)drac_store_take_back(store, &a, &grant, &why);
		CHECK_ROW(expiry_of(store, &a) <= now + adds[i / 2].becomes,
		    name);
		drac_store_close(store);
	}
}

/* Nothing was changed for a while, but somebody looked after the map. */
static void
an_idle_map_knows_the_time(void)
{
	for (int owner = 0; owner < 2; owner++) {
		struct drac_addr a = addr("192.0.2.7");
		struct drac_store *store =
		    open_with_entry(owner == 1, LIFETIME, NOW + LIFETIME);
		time_t now = NOW + 1200 - 3600;
		struct drac_why why;
		bool anew;

		CHECK(look_after(store, NOW + 1200, &anew, &why) == 0);
		drac_store_close(store);
		store = open_as(owner == 1, LIFETIME);
		CHECK(look_after(store, now, &anew, &why) == 0);
		CHECK(expiry_of(store, &a) == now + LIFETIME - 1200);
		drac_store_close(store);
	}
}

/* Killed in the middle: what was done is done again, and is no longer. */
static void
a_second_time_is_no_worse(void)
{
	struct drac_addr a = addr("192.0.2.7");
	struct drac_store *store =
	    open_with_entry(false, LIFETIME, NOW + LIFETIME);
	time_t now = NOW - DAY;
	struct drac_swept swept;

	CHECK(drac_store_sweep(store, now, 0, &swept, NULL) == 0);
	CHECK(drac_map_lock_writers(store, NULL) == 0);
	CHECK(drac_map_attach(store, NULL) == 0);
	CHECK(drac_map_set_mark(store, NOW, NULL) == 0);
	drac_map_unlock_writers(store);
	CHECK(drac_store_sweep(store, now, 0, &swept, NULL) == 0);
	CHECK(expiry_of(store, &a) == now + LIFETIME);
	drac_store_close(store);
}

/* Whatever happens to the files, the mark is not lost. */
static void
mark_outlives(void (*what)(struct drac_store *store))
{
	struct drac_addr a = addr("192.0.2.7");
	struct drac_store *store =
	    open_with_entry(false, LIFETIME, NOW + LIFETIME);
	struct drac_swept swept;
	time_t now = NOW - DAY;

	what(store);
	drac_store_close(store);
	store = open_as(false, LIFETIME);
	CHECK(drac_store_sweep(store, now, 0, &swept, NULL) == 0);
	CHECK(expiry_of(store, &a) == now + LIFETIME);
	drac_store_close(store);
}

static void
enlarge(struct drac_store *store)
{
	CHECK(drac_map_lock_writers(store, NULL) == 0);
	CHECK(drac_map_attach(store, NULL) == 0);
	CHECK(drac_map_enlarge(store, NOW, NULL) == 0);
	drac_map_unlock_writers(store);
}

static void
spoil(struct drac_store *store)
{
	struct drac_swept swept;
	struct timespec times[2];
	struct stat st;

	CHECK(fstat(store->map_fd, &st) == 0);
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	CHECK(pwrite(store->map_fd, "x", 1, 2000 * DRAC_PAGE_SIZE) == 1);
	CHECK(futimens(store->map_fd, times) == 0);
	CHECK(drac_store_sweep(store, NOW, 0, &swept, NULL) == 0);
}

/* What a kill before the header was written leaves, and a power cut. */
static void
forget_header(struct drac_store *store)
{
	struct drac_journal_head *head = &store->journal.head;

	CHECK(head->mark == NOW);
	head->mark = 0;
	head->applied--;
	head->tail = 0;
	memset(head->boot, 1, sizeof(head->boot));
	head->sum = drac_sum(head, offsetof(struct drac_journal_head, sum), 1);
	CHECK(drac_write_full(store->journal_fd, head, sizeof(*head), 0) == 0);
}

static void
mark_survives_a_bigger_copy(void)
{
	mark_outlives(enlarge);
}

static void
mark_survives_a_repair(void)
{
	mark_outlives(spoil);
}

static void
mark_survives_a_power_cut(void)
{
	mark_outlives(forget_header);
}

/* As every journal was before there were marks. */
static void
journal_without_a_mark_gets_one(void)
{
	struct drac_addr a = addr("192.0.2.7"), b = addr("192.0.2.8");
	struct drac_store *store =
	    open_with_entry(false, LIFETIME, NOW + LIFETIME);
	struct drac_journal_head *head = &store->journal.head;
	struct drac_swept swept;
	struct drac_why why;
	time_t now = NOW - DAY;

	CHECK(drac_journal_restart(&store->journal, false) == 0);
	head->version = 1;
	head->mark = 0;
	CHECK(drac_journal_applied(&store->journal, &store->map_st) == 0);
	drac_store_close(store);
	store = open_as(false, LIFETIME);
	CHECK(drac_store_sweep(store, now, 0, &swept, &why) == 0);
	CHECK(why.text[0] == '\0');
	CHECK(expiry_of(store, &a) == NOW + LIFETIME);
	CHECK(add(store, &b, NOW + LIFETIME) == 0);
	CHECK(drac_store_sweep(store, now, 0, &swept, &why) == 0);
	CHECK(strstr(why.text, "2 entries shortened") != NULL);
	CHECK(expiry_of(store, &a) == now + LIFETIME);
	drac_store_close(store);
}

/* One took the time, waited, and another was quicker: no step. */
static void
waiting_is_no_step(void)
{
	struct drac_store *store =
	    open_with_entry(false, LIFETIME, NOW + LIFETIME);

	drac_place_start(&store->place, store->opts.timeout_ms);
	CHECK(drac_map_back(store, NOW - 2) == 0);
	CHECK(drac_map_back(store, NOW - 60) == 60);
	store->place.deadline_ms -= 3000;
	CHECK(drac_map_back(store, NOW - 5) == 0);
	CHECK(drac_map_back(store, NOW - 60) == 60);
	CHECK(drac_map_back(store, 0) == 0);
	drac_store_close(store);
}

/* Entries that are no login's, quickly. */
static void
build_many(unsigned count, time_t expiry)
{
	struct drac_entries all = { .count = 0 };
	struct drac_place place;
	struct drac_remap remap = { .place = &place,
		.mode = 0644,
		.mark = NOW };

	fresh_dir();
	all.entry = calloc(count, sizeof(*all.entry));
	for (unsigned n = 0; all.entry != NULL && n < count; n++)
		all.entry[all.count++] =
		    (struct drac_entry){ .addr = nth(n), .expiry = expiry };
	CHECK(drac_place_open(&place, path, NULL) == 0);
	CHECK(
	    drac_remap_build(&remap, drac_entries_next, &all, 8192, NULL) == 0);
	drac_place_close(&place);
	drac_entries_free(&all);
}

static int
is_short(const struct drac_addr *a, time_t expiry, void *now)
{
	(void)a;
	return expiry <= *(time_t *)now + LIFETIME ? 0 : 1;
}

/* The daemon has to answer in between. */
static void
big_map_in_several_calls(void)
{
	struct drac_store *store;
	struct drac_why why;
	time_t now = NOW - DAY;
	unsigned calls = 0;
	bool anew = false;

	build_many(40000, NOW + LIFETIME);
	store = open_as(true, LIFETIME);
	CHECK(!drac_store_upkeep_more(store));
	do {
		CHECK(!anew);
		now++; /* time goes on */
		CHECK(drac_store_upkeep(store, now, &anew, &why) == 0);
		CHECK(anew != drac_store_upkeep_more(store));
	} while (++calls < 20 && drac_store_upkeep_more(store));
	CHECK(calls == 3);
	CHECK(strstr(why.text, " 40000 entries shortened") != NULL);
	CHECK(drac_store_each(store, is_short, &now, NULL) == 0);
	CHECK(drac_map_back(store, now) == 0);
	drac_store_close(store);
}

/* The clock goes back once more in the middle of it, or ahead again. */
static void
another_step_in_the_middle(void)
{
	struct drac_store *store;
	time_t now = NOW - DAY;
	bool anew = false;

	build_many(40000, NOW + LIFETIME);
	store = open_as(true, LIFETIME);
	CHECK(drac_store_upkeep(store, now, &anew, NULL) == 0);
	CHECK(drac_store_upkeep_more(store));
	CHECK(drac_store_upkeep(store, NOW, &anew, NULL) == 0);
	CHECK(!drac_store_upkeep_more(store));
	now -= DAY;
	do
		CHECK(drac_store_upkeep(store, now, &anew, NULL) == 0);
	while (drac_store_upkeep_more(store));
	CHECK(drac_store_each(store, is_short, &now, NULL) == 0);
	CHECK(drac_store_upkeep(store, NOW - 3 * DAY, &anew, NULL) == 0);
	CHECK(drac_store_upkeep_more(store));
	drac_store_close(store);
}

int
main(void)
{
	begin();
	RUN(sweep_shortens);
	RUN(upkeep_shortens);
	RUN(mark_stays_until_all_is_done);
	RUN(add_shortens_its_own);
	RUN(an_idle_map_knows_the_time);
	RUN(a_second_time_is_no_worse);
	RUN(mark_survives_a_bigger_copy);
	RUN(mark_survives_a_repair);
	RUN(mark_survives_a_power_cut);
	RUN(journal_without_a_mark_gets_one);
	RUN(waiting_is_no_step);
	RUN(big_map_in_several_calls);
	RUN(another_step_in_the_middle);
	end();
	return TEST_RESULT();
}
