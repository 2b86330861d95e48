/* SPDX-License-Identifier: BSD-2-Clause */

/* Many changes at once: what each does, in what order, and all or none. */
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <errno.h>

#include "map.h"
#include "maps.h"
#include "store.h"

#define NONE ((time_t)-1000000)

/* Every write of this program, and what becomes of one of them. */
static unsigned writes;
static unsigned syncs; /* of them, those that wait for the disk */
static unsigned whole; /* of these, those that wait for all of the file */
static unsigned fail_at;

static bool
fails(void)
{
	if (++writes != fail_at)
		return false;
	errno = EIO;
	return true;
}

ssize_t
pwrite(int fd, const void *data, size_t length, off_t at)
{
	return fails() ? -1 : syscall(SYS_pwrite64, fd, data, length, at);
}

ssize_t
pwritev2(int fd, const struct iovec *io, int count, off_t at, int flags)
{
	syncs += (flags & RWF_DSYNC) != 0;
	return fails() ? -1
		       : syscall(SYS_pwritev2, fd, io, (long)count, (long)at,
			     (long)(at >> 32 >> 32), (long)flags);
}

int
fdatasync(int fd)
{
	syncs++;
	whole++;
	return fails() ? -1 : (int)syscall(SYS_fdatasync, fd);
}

static struct drac_store *
open_owner(bool sync)
{
	struct drac_store_opts opts = options();

	opts.owner = true;
	opts.sync = sync;
	return open_with(&opts);
}

static struct drac_store *
open_new_owner(bool sync)
{
	fresh_dir();
	return open_owner(sync);
}

static int
do_ops(struct drac_store *store, struct drac_op *ops, size_t count)
{
	struct drac_why why;
	int result = drac_store_apply(store, ops, count, NOW, &why);

	if (result == -1 && fail_at == 0 && errno != EINVAL)
		printf("  %s\n", why.text);
	CHECK((why.text[0] != '\0') ==
	    (result == -1 || (count > 0 && ops[0].grant.deferred)));
	return result;
}

static time_t
after_now(time_t expiry)
{
	return expiry <= 0 ? NONE : expiry - NOW;
}

/* Times are seconds after NOW. */
static const struct row {
	const char *name;
	time_t before;
	enum drac_op_kind kind;
	time_t expiry;
	unsigned renew_s;
	time_t granted, previous; /* TAKE_BACK */
	bool done;
	time_t after;
} rows[] = {
	{ "add", NONE, DRAC_OP_ADD, 1800, 10, 0, 0, true, 1800 },
	{ "add longer", 900, DRAC_OP_ADD, 1800, 10, 0, 0, true, 1800 },
	{ "add the same", 1800, DRAC_OP_ADD, 1800, 0, 0, 0, false, 1800 },
	{ "add shorter", 3600, DRAC_OP_ADD, 1800, 10, 0, 0, false, 3600 },
	{ "add at renew", 1790, DRAC_OP_ADD, 1800, 10, 0, 0, false, 1790 },
	{ "add after renew", 1789, DRAC_OP_ADD, 1800, 10, 0, 0, true, 1800 },
	{ "add over an expired one", 0, DRAC_OP_ADD, 5, 60, 0, 0, true, 5 },
	{ "set", NONE, DRAC_OP_SET, 60, 0, 0, 0, true, 60 },
	{ "set shorter", 900, DRAC_OP_SET, 60, 0, 0, 0, true, 60 },
	{ "take back a new one", 1800, DRAC_OP_TAKE_BACK, 0, 0, 1800, NONE,
	    true, NONE },
	{ "take back a renewal", 1800, DRAC_OP_TAKE_BACK, 0, 0, 1800, 900, true,
	    900 },
	{ "take back what was renewed", 1801, DRAC_OP_TAKE_BACK, 0, 0, 1800,
	    900, false, 1801 },
	{ "take back what is gone", NONE, DRAC_OP_TAKE_BACK, 0, 0, 1800, 900,
	    false, NONE },
	{ "take back nothing", 1800, DRAC_OP_TAKE_BACK, 0, 0, 0, 0, false,
	    1800 },
	{ "drop", 900, DRAC_OP_DROP, 0, 0, 0, 0, true, NONE },
	{ "drop nothing", NONE, DRAC_OP_DROP, 0, 0, 0, 0, false, NONE },
	{ "expire", 0, DRAC_OP_EXPIRE, 0, 0, 0, 0, true, NONE },
	{ "expire long after", -900, DRAC_OP_EXPIRE, 0, 0, 0, 0, true, NONE },
	{ "expire too early", 1, DRAC_OP_EXPIRE, 0, 0, 0, 0, false, 1 },
	{ "expire nothing", NONE, DRAC_OP_EXPIRE, 0, 0, 0, 0, false, NONE },
};

static struct drac_op
op_of(const struct row *row, unsigned n)
{
	struct drac_op op = { .kind = row->kind,
		.addr = nth(n),
		.expiry = NOW + row->expiry,
		.renew_s = row->renew_s };

	if (row->kind == DRAC_OP_TAKE_BACK && row->granted != 0) {
		op.grant.written = true;
		op.grant.expiry = NOW + row->granted;
		op.grant.previous =
		    row->previous == NONE ? 0 : NOW + row->previous;
	}
	return op;
}

static void
put_before(struct drac_store *store, const struct row *row, unsigned n)
{
	struct drac_addr a = nth(n);

	if (row->before != NONE)
		CHECK(drac_store_set(store, &a, NOW + row->before, NULL) == 0);
}

static void
check_after(struct drac_store *store, const struct row *row,
    const struct drac_op *op)
{
	const struct drac_grant *grant = &op->grant;

	CHECK_ROW(after_now(expiry_of(store, &op->addr)) == row->after,
	    row->name);
	CHECK_ROW(op->done == row->done, row->name);
	if (row->kind == DRAC_OP_ADD || row->kind == DRAC_OP_EXPIRE)
		CHECK_ROW(after_now(grant->expiry) == row->after, row->name);
	if (row->kind == DRAC_OP_ADD) {
		CHECK_ROW(grant->written == row->done, row->name);
		CHECK_ROW(after_now(grant->previous) == row->before, row->name);
		CHECK_ROW(!grant->deferred, row->name);
	}
}

static void
each_kind_alone(void)
{
	for (unsigned i = 0; i < COUNT(rows); i++) {
		struct drac_store *store = open_new_owner(false);
		struct drac_op op = op_of(&rows[i], i);

		put_before(store, &rows[i], i);
		CHECK_ROW(do_ops(store, &op, 1) == 0, rows[i].name);
		check_after(store, &rows[i], &op);
		drac_store_close(store);
	}
}

static void
all_kinds_in_one_batch(void)
{
	for (int owner = 0; owner < 2; owner++) {
		struct drac_store *store =
		    owner ? open_new_owner(false) : open_new();
		struct drac_op ops[COUNT(rows)];

		for (unsigned i = 0; i < COUNT(rows); i++) {
			put_before(store, &rows[i], i);
			ops[i] = op_of(&rows[i], i);
		}
		/* Who does not own it removes expired ones in passing. */
		CHECK(do_ops(store, ops, COUNT(rows)) == 0);
		for (unsigned i = 0; i < COUNT(rows); i++)
			if (owner || rows[i].before > 0)
				check_after(store, &rows[i], &ops[i]);
		drac_store_close(store);
	}
}

/* Several changes of one address, each of which must find the one before. */
static void
later_ones_find_the_earlier(void)
{
	static const struct {
		const char *name;
		time_t after;
		struct row step[4];
		unsigned steps;
	} lists[] = {
		{ "two adds", 1800,
		    { { "1", NONE, DRAC_OP_ADD, 1800, 10, 0, 0, true, 1800 },
			{ "2", 1800, DRAC_OP_ADD, 1805, 10, 0, 0, false,
			    1800 } },
		    2 },
		{ "add and longer", 1900,
		    { { "1", NONE, DRAC_OP_ADD, 1800, 10, 0, 0, true, 1800 },
			{ "2", 1800, DRAC_OP_ADD, 1900, 10, 0, 0, true,
			    1900 } },
		    2 },
		{ "add and take back", NONE,
		    { { "1", NONE, DRAC_OP_ADD, 1800, 10, 0, 0, true, 1800 },
			{ "2", 0, DRAC_OP_TAKE_BACK, 0, 0, 1800, NONE, true,
			    NONE } },
		    2 },
		{ "renewed between add and take back", 1900,
		    { { "1", NONE, DRAC_OP_ADD, 1800, 10, 0, 0, true, 1800 },
			{ "2", 1800, DRAC_OP_ADD, 1900, 10, 0, 0, true, 1900 },
			{ "3", 0, DRAC_OP_TAKE_BACK, 0, 0, 1800, NONE, false,
			    1900 } },
		    3 },
		{ "add, drop, add", 1700,
		    { { "1", NONE, DRAC_OP_ADD, 1800, 10, 0, 0, true, 1800 },
			{ "2", 0, DRAC_OP_DROP, 0, 0, 0, 0, true, NONE },
			{ "3", NONE, DRAC_OP_ADD, 1700, 10, 0, 0, true, 1700 },
			{ "4", 0, DRAC_OP_EXPIRE, 0, 0, 0, 0, false, 1700 } },
		    4 },
		{ "set to the past and expire", NONE,
		    { { "1", NONE, DRAC_OP_ADD, 1800, 10, 0, 0, true, 1800 },
			{ "2", 0, DRAC_OP_SET, 0, 0, 0, 0, true, 0 },
			{ "3", 0, DRAC_OP_EXPIRE, 0, 0, 0, 0, true, NONE } },
		    3 },
	};

	for (size_t i = 0; i < COUNT(lists); i++) {
		struct drac_store *store = open_new_owner(false);
		struct drac_op ops[4];

		for (unsigned n = 0; n < lists[i].steps; n++)
			ops[n] = op_of(&lists[i].step[n], 7);
		CHECK_ROW(do_ops(store, ops, lists[i].steps) == 0,
		    lists[i].name);
		for (unsigned n = 0; n < lists[i].steps; n++) {
			CHECK_ROW(ops[n].done == lists[i].step[n].done,
			    lists[i].name);
			if (ops[n].kind == DRAC_OP_ADD)
				CHECK_ROW(after_now(ops[n].grant.expiry) ==
					      lists[i].step[n].after,
				    lists[i].name);
		}
		CHECK_ROW(after_now(expiry_of(store, &ops[0].addr)) ==
			      lists[i].after,
		    lists[i].name);
		drac_store_close(store);
	}
}

/* An entry that expired and is renewed in the same batch must not go. */
static void
passing_by_spares_what_was_renewed(void)
{
	struct drac_store *store = open_new();
	struct drac_op ops[2] = {
		{ .kind = DRAC_OP_SET, .addr = nth(1), .expiry = NOW + 60 },
		{ .kind = DRAC_OP_ADD, .addr = nth(2), .expiry = NOW + 60 },
	};
	struct drac_addr gone = nth(3);

	CHECK(drac_store_set(store, &ops[0].addr, NOW - 5, NULL) == 0);
	CHECK(drac_store_set(store, &gone, NOW - 5, NULL) == 0);
	CHECK(do_ops(store, ops, 2) == 0);
	CHECK(expiry_of(store, &ops[0].addr) == NOW + 60);
	CHECK(expiry_of(store, &ops[1].addr) == NOW + 60);
	CHECK(expiry_of(store, &gone) == -1);
	drac_store_close(store);
}

static void
fill_ops(struct drac_op *ops, unsigned first, unsigned count, time_t expiry)
{
	for (unsigned i = 0; i < count; i++)
		ops[i] = (struct drac_op){ .kind = DRAC_OP_ADD,
			.addr = nth(first + i),
			.expiry = expiry,
			.renew_s = 10 };
}

static unsigned
with_expiry(struct drac_store *store, unsigned first, unsigned count,
    time_t expiry)
{
	unsigned found = 0;

	for (unsigned i = 0; i < count; i++) {
		struct drac_addr a = nth(first + i);

		found += expiry_of(store, &a) == expiry;
	}
	return found;
}

static void
one_wait_for_the_disk(void)
{
	struct drac_store *store = open_new_owner(true);
	struct drac_op ops[DRAC_OPS_MAX];

	for (unsigned i = 0; i < 3; i++) {
		fill_ops(ops, i * 100, 100, NOW + 1800);
		syncs = 0;
		CHECK(do_ops(store, ops, 100) == 0);
		CHECK(syncs == 1);
	}
	CHECK(with_expiry(store, 0, 300, NOW + 1800) == 300);
	drac_store_close(store);
}

/* What another left unsynced must not be a gap before what we sync. */
static void
first_wait_is_for_the_whole_journal(void)
{
	struct drac_store *store = open_new_owner(false);
	struct drac_op ops[10];

	fill_ops(ops, 0, 10, NOW + 1800);
	syncs = 0;
	CHECK(do_ops(store, ops, 10) == 0);
	CHECK(syncs == 0);
	drac_store_close(store);
	store = open_owner(true);
	for (unsigned i = 1; i < 4; i++) {
		whole = 0;
		syncs = 0;
		fill_ops(ops, 10 * i, 10, NOW + 1800);
		CHECK(do_ops(store, ops, 10) == 0);
		CHECK(syncs == 1 && whole == (i == 1));
	}
	drac_store_close(store);
}

static void
nothing_to_write_writes_nothing(void)
{
	struct drac_store *store = open_new_owner(true);
	struct drac_op ops[DRAC_OPS_MAX];

	fill_ops(ops, 0, 50, NOW + 1800);
	CHECK(do_ops(store, ops, 50) == 0);
	fill_ops(ops, 0, 50, NOW + 1805);
	ops[50] = (struct drac_op){ .kind = DRAC_OP_DROP, .addr = nth(99) };
	ops[51] = (struct drac_op){ .kind = DRAC_OP_EXPIRE, .addr = nth(1) };
	ops[52] = (struct drac_op){ .kind = DRAC_OP_TAKE_BACK,
		.addr = nth(2),
		.grant = { .written = true, .expiry = NOW + 1805 } };
	writes = 0;
	CHECK(do_ops(store, ops, 53) == 0);
	CHECK(do_ops(store, ops, 0) == 0);
	CHECK(writes == 0);
	CHECK(with_expiry(store, 0, 50, NOW + 1800) == 50);
	drac_store_close(store);
}

static void
at_most_256(void)
{
	struct drac_op ops[DRAC_OPS_MAX + 1];
	struct drac_store *store = open_new_owner(false);
	unsigned done = 0;

	fill_ops(ops, 0, DRAC_OPS_MAX + 1, NOW + 60);
	CHECK(do_ops(store, ops, DRAC_OPS_MAX + 1) == -1 && errno == EINVAL);
	CHECK(info_of(store).entries == 0);
	CHECK(do_ops(store, ops, DRAC_OPS_MAX) == 0);
	for (unsigned i = 0; i < DRAC_OPS_MAX; i++)
		done += ops[i].done;
	CHECK(done == DRAC_OPS_MAX);
	CHECK(with_expiry(store, 0, DRAC_OPS_MAX, NOW + 60) == DRAC_OPS_MAX);
	CHECK(info_of(store).entries == DRAC_OPS_MAX);
	drac_store_close(store);
}

/* All of a batch or nothing of it, whichever write fails. */
static void
batch_with_failure_at(unsigned at, bool *again)
{
	struct drac_store *store = open_new_owner(true);
	struct drac_op ops[DRAC_OPS_MAX];
	struct drac_op one = { .kind = DRAC_OP_SET,
		.addr = nth(9000),
		.expiry = NOW + 1 };
	char name[32];
	unsigned found;
	int result;

	snprintf(name, sizeof(name), "write %u", at);
	fill_ops(ops, 0, 40, NOW + 60);
	CHECK_ROW(do_ops(store, ops, 40) == 0, name);
	fill_ops(ops, 20, 60, NOW + 1800);
	writes = 0;
	fail_at = at;
	result = do_ops(store, ops, 60);
	*again = writes >= at;
	fail_at = 0;
	CHECK_ROW(result == 0 || *again, name);
	for (unsigned i = 0; i < 60; i++) {
		CHECK_ROW(ops[i].done == (result == 0), name);
		CHECK_ROW(ops[i].grant.written == (result == 0), name);
	}
	/* The record is one write; before that nothing may be seen. */
	if (at == 1)
		CHECK_ROW(with_expiry(store, 20, 60, NOW + 1800) == 0, name);
	CHECK_ROW(do_ops(store, &one, 1) == 0, name);
	found = with_expiry(store, 20, 60, NOW + 1800);
	CHECK_ROW(found == 60 || (found == 0 && result == -1), name);
	CHECK_ROW(at != 1 || found == 0, name);
	CHECK_ROW(with_expiry(store, 0, 20, NOW + 60) == 20, name);
	CHECK_ROW(info_of(store).entries == (found == 60 ? 81 : 41), name);
	drac_store_close(store);
}

static void
failed_write_leaves_all_or_none(void)
{
	bool again = true;
	unsigned at;

	for (at = 1; again; at++)
		batch_with_failure_at(at, &again);
	CHECK(at > 12);
}

static void
full_map_is_enlarged_in_a_batch(void)
{
	struct drac_store *store;
	struct drac_store_opts opts = options();
	struct drac_op ops[DRAC_OPS_MAX];
	unsigned n = 0;

	fresh_dir();
	opts.owner = true;
	opts.key_style = DRAC_KEY_BOTH;
	store = open_with(&opts);
	while (stat_of("").st_size == (off_t)SMALL_PAGES * DRAC_PAGE_SIZE &&
	       n < 60000) {
		fill_ops(ops, n, DRAC_OPS_MAX, NOW + 60);
		CHECK(do_ops(store, ops, DRAC_OPS_MAX) == 0);
		for (unsigned i = 0; i < DRAC_OPS_MAX; i++)
			CHECK(ops[i].done && ops[i].grant.previous == 0);
		n += DRAC_OPS_MAX;
	}
	CHECK(info_of(store).pages == 4 * (uint64_t)SMALL_PAGES);
	CHECK(info_of(store).entries == 2 * n);
	CHECK(with_expiry(store, 0, n, NOW + 60) == n);
	CHECK(!there(".new") && !there(".new.journal"));
	drac_store_close(store);
}

/* The map's file of this moment, locked as a reader locks it. */
static int
hold_map(void)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	CHECK(fd != -1 && flock(fd, LOCK_SH | LOCK_NB) == 0);
	return fd;
}

/* So far apart that each has a leaf of its own. */
static void
fill_apart(struct drac_op *ops, unsigned first, time_t expiry)
{
	for (unsigned i = 0; i < DRAC_OPS_MAX; i++)
		ops[i] = (struct drac_op){ .kind = DRAC_OP_SET,
			.addr = nth(first + i * 23),
			.expiry = expiry };
}

/*
 * A reader that holds each copy, too, makes updates wait in the ring until
 * that is full and the map has to be replaced once more.
 */
static void
ring_that_wraps_while_updates_wait_loses_nothing(void)
{
	struct drac_store *store = open_new_owner(false);
	struct drac_op ops[DRAC_OPS_MAX];
	int held[2] = { -1, -1 };

	for (unsigned i = 0; i < 23; i++) {
		fill_ops(ops, i * DRAC_OPS_MAX, DRAC_OPS_MAX, NOW + 60);
		CHECK(do_ops(store, ops, DRAC_OPS_MAX) == 0);
	}
	store->opts.timeout_ms = 20;
	held[0] = hold_map();
	for (unsigned round = 0; round < 23; round++) {
		struct drac_why why;

		fill_apart(ops, round, NOW + 1800);
		CHECK(drac_store_apply(store, ops, DRAC_OPS_MAX, NOW, &why) ==
		    0);
		if (round == 0)
			held[1] = hold_map();
	}
	CHECK(with_expiry(store, 0, 23 * DRAC_OPS_MAX, NOW + 1800) ==
	    23 * DRAC_OPS_MAX);
	(void)close(held[0]);
	(void)close(held[1]);
	drac_store_close(store);
	store = open_owner(false);
	CHECK(with_expiry(store, 0, 23 * DRAC_OPS_MAX, NOW + 1800) ==
	    23 * DRAC_OPS_MAX);
	drac_store_close(store);
}

/* More pages than the ring holds: no list of 256 does that so easily. */
#define MANY 25000u

static int
put_many(struct drac_store *store, void *arg)
{
	const time_t *expiry = arg;
	struct drac_text value;

	drac_value_spell(*expiry, DRAC_KEY_PLAIN, &value);
	for (unsigned n = 0; n < MANY; n++) {
		struct drac_addr a = nth(n);
		struct drac_text key[2];

		(void)drac_key_spell(&a, DRAC_KEY_PLAIN, 0, key);
		if (drac_map_put(store, &key[0], &value) == -1)
			return -1;
	}
	return 0;
}

static void
more_than_the_ring_holds(void)
{
	struct drac_store *store;
	time_t first = NOW + 60;
	time_t second = NOW + 70;
	struct drac_op one = { .kind = DRAC_OP_SET,
		.addr = nth(MANY),
		.expiry = NOW + 1 };
	uint64_t pages_free;

	build_map(20275);
	store = open_owner(true);
	CHECK(drac_map_change(store, put_many, &first, NOW, NULL) == 0);
	CHECK(with_expiry(store, 0, MANY, first) == MANY);
	CHECK(info_of(store).entries == MANY);
	pages_free = info_of(store).pages_free;
	CHECK(store->journal.head.free <= pages_free);
	CHECK(store->journal.head.free > pages_free / 2);
	for (unsigned at = 1; at < 5; at++) {
		writes = 0;
		fail_at = at;
		CHECK(
		    drac_map_change(store, put_many, &second, NOW, NULL) == -1);
		fail_at = 0;
		CHECK(do_ops(store, &one, 1) == 0);
		CHECK(with_expiry(store, 0, MANY, first) == MANY);
	}
	CHECK(drac_map_change(store, put_many, &second, NOW, NULL) == 0);
	CHECK(with_expiry(store, 0, MANY, second) == MANY);
	CHECK(info_of(store).pages_free <= pages_free);
	CHECK(do_ops(store, &one, 1) == 0);
	CHECK(!there(".new") && !there(".new.journal"));
	drac_store_close(store);
}

static void
images_are_found_again(void)
{
	struct drac_images images = { .page_size = 4 };
	struct drac_images other = { .page_size = 4 };
	unsigned wrong = 0;

	CHECK(drac_images_get(&images, 0) == NULL);
	for (uint32_t i = 0; i < 6000; i++) {
		uint32_t pgno = i * 2654435761u;

		CHECK(drac_images_put(&images, pgno, (void *)&i) == 0);
		wrong += drac_images_get(&images, pgno + 1) != NULL;
	}
	for (uint32_t i = 0; i < 6000; i += 3) {
		uint32_t changed = ~i;

		CHECK(drac_images_put(&images, i * 2654435761u,
			  (void *)&changed) == 0);
	}
	CHECK(images.count == 6000);
	drac_images_swap(&images, &other);
	CHECK(images.count == 0 && drac_images_get(&images, 0) == NULL);
	for (uint32_t i = 0; i < 6000; i++) {
		uint32_t want = i % 3 == 0 ? ~i : i;
		const unsigned char *is =
		    drac_images_get(&other, i * 2654435761u);

		wrong += is == NULL || memcmp(is, &want, 4) != 0 ||
			 is != drac_images_at(&other, i);
	}
	CHECK(wrong == 0);
	drac_images_clear(&other);
	CHECK(drac_images_get(&other, 0) == NULL);
	CHECK(drac_images_put(&other, 7, (const void *)"seven") == 0);
	CHECK(other.count == 1 && drac_images_get(&other, 7) != NULL);
	drac_images_free(&other);
	drac_images_free(&images);
}

static void
cache_yields_what_was_put_last(void)
{
	struct drac_cache cache = { .page_size = 4, .slots = 16 };

	CHECK(drac_cache_get(&cache, 0) == NULL);
	drac_cache_clear(&cache);
	drac_cache_put(&cache, 0, (const void *)"zero");
	drac_cache_put(&cache, 5, (const void *)"five");
	CHECK(memcmp(drac_cache_get(&cache, 0), "zero", 4) == 0);
	CHECK(memcmp(drac_cache_get(&cache, 5), "five", 4) == 0);
	CHECK(drac_cache_get(&cache, 16) == NULL);
	CHECK(drac_cache_get(&cache, 21) == NULL);
	drac_cache_put(&cache, 21, (const void *)"more");
	CHECK(drac_cache_get(&cache, 5) == NULL);
	CHECK(memcmp(drac_cache_get(&cache, 21), "more", 4) == 0);
	drac_cache_clear(&cache);
	CHECK(drac_cache_get(&cache, 0) == NULL);
	CHECK(drac_cache_get(&cache, 21) == NULL);
	drac_cache_free(&cache);
}

/* Networks: each row is an op, and what their keys say after it. */

#define HOME  "2001:db8:77::4d"
#define MATE  "2001:db8:77:0:1::1"
#define FIRST "2001:db8:77:0"
#define OTHER "2001:db8:77:"

static time_t
at_key(struct drac_store *store, const char *key)
{
	struct drac_text text = { .length = strlen(key) };
	time_t expiry = 0;
	int found;

	strcpy(text.text, key);
	found = drac_map_get(store, &text, 5000, &expiry, NULL);
	CHECK_ROW(found != -1, key);
	return found == 1 ? expiry - NOW : NONE;
}

static struct drac_store *
open_with_prefix(const struct drac_nets *exclude, bool owner, bool anew)
{
	struct drac_store_opts opts = options();

	opts.cover = (struct drac_cover){ 24, 64, exclude };
	opts.owner = owner;
	if (anew)
		fresh_dir();
	return open_with(&opts);
}

static void
nets_follow_their_addresses(void)
{
	static const struct {
		const char *name, *addr;
		enum drac_op_kind kind;
		time_t expiry, previous;
		time_t home, mate, net;
	} steps[] = {
		{ "add", HOME, DRAC_OP_ADD, 100, 0, 100, NONE, 100 },
		{ "another, longer", MATE, DRAC_OP_ADD, 200, 0, 100, 200, 200 },
		{ "renewed, shorter than the other", HOME, DRAC_OP_ADD, 150, 0,
		    150, 200, 200 },
		{ "expired, not yet", MATE, DRAC_OP_EXPIRE, 0, 0, 150, 200,
		    200 },
		{ "set", HOME, DRAC_OP_SET, 50, 0, 50, 200, 50 },
		{ "added again", MATE, DRAC_OP_ADD, 300, 0, 50, 300, 300 },
		{ "taken back to before", MATE, DRAC_OP_TAKE_BACK, 300, 200, 50,
		    200, NONE },
		{ "opened again", HOME, DRAC_OP_ADD, 400, 0, 400, 200, 400 },
		{ "taken back", HOME, DRAC_OP_TAKE_BACK, 400, NONE, NONE, 200,
		    NONE },
		{ "and again", HOME, DRAC_OP_ADD, 100, 0, 100, 200, 100 },
		{ "dropped", HOME, DRAC_OP_DROP, 0, 0, NONE, 200, NONE },
		{ "set to the past", MATE, DRAC_OP_SET, 0, 0, NONE, 0, 0 },
		{ "expired", MATE, DRAC_OP_EXPIRE, 0, 0, NONE, NONE, NONE },
	};
	struct drac_store *store = open_with_prefix(NULL, true, true);

	for (unsigned i = 0; i < COUNT(steps); i++) {
		struct drac_op op = { .kind = steps[i].kind,
			.addr = addr(steps[i].addr),
			.expiry = NOW + steps[i].expiry };

		op.grant.written = true;
		op.grant.expiry = op.expiry;
		op.grant.previous =
		    steps[i].previous == NONE ? 0 : NOW + steps[i].previous;
		CHECK_ROW(do_ops(store, &op, 1) == 0, steps[i].name);
		CHECK_ROW(at_key(store, HOME) == steps[i].home, steps[i].name);
		CHECK_ROW(at_key(store, MATE) == steps[i].mate, steps[i].name);
		CHECK_ROW(at_key(store, FIRST) == steps[i].net, steps[i].name);
		CHECK_ROW(at_key(store, OTHER) == steps[i].net, steps[i].name);
	}
	drac_store_close(store);
}

static void
whoever_is_in_the_net_is_found(void)
{
	struct drac_store *store = open_with_prefix(NULL, false, true);
	struct drac_addr home = addr("192.0.2.7"), mate = addr("192.0.2.8");
	struct drac_addr outside = addr("192.0.3.7");

	CHECK(add(store, &home, NOW + 60) == 0);
	CHECK(expiry_of(store, &home) == NOW + 60);
	CHECK(expiry_of(store, &mate) == NOW + 60);
	CHECK(expiry_of(store, &outside) == -1);
	CHECK(drac_store_drop(store, &home, NULL) == 1);
	CHECK(expiry_of(store, &mate) == -1);
	drac_store_close(store);
}

static void
excluded_keeps_its_net_closed(void)
{
	struct drac_net proxy;
	struct drac_nets exclude = { &proxy, 1 };
	struct drac_addr home = addr("192.0.2.7");
	struct drac_store *store = open_with_prefix(NULL, false, true);

	CHECK(drac_net_parse("192.0.2.25", &proxy) == 0);
	CHECK(add(store, &home, NOW + 60) == 0);
	CHECK(at_key(store, "192.0.2") == 60);
	drac_store_close(store);
	/* It was open before; nobody opens it longer, and it can be closed. */
	store = open_with_prefix(&exclude, false, false);
	CHECK(add(store, &home, NOW + 90) == 0);
	CHECK(at_key(store, "192.0.2.7") == 90);
	CHECK(at_key(store, "192.0.2") == 60);
	CHECK(drac_store_drop(store, &home, NULL) == 1);
	CHECK(at_key(store, "192.0.2") == NONE);
	drac_store_close(store);
}

/* Nobody would remove it by name any more. */
static void
owner_closes_nets_of_another_prefix(void)
{
	struct drac_store *store = open_with_prefix(NULL, true, true);
	struct drac_addr home = addr("192.0.2.7"), six = addr(HOME);
	struct drac_swept swept;

	CHECK(add(store, &home, NOW + 60) == 0);
	CHECK(add(store, &six, NOW + 60) == 0);
	CHECK(drac_store_sweep(store, NOW, 0, &swept, NULL) == 0);
	CHECK(swept.removed == 0);
	CHECK(at_key(store, "192.0.2") == 60);
	drac_store_close(store);
	store = open_owner(false);
	CHECK(drac_store_sweep(store, NOW, 0, &swept, NULL) == 0);
	CHECK(swept.removed == 3);
	CHECK(at_key(store, "192.0.2") == NONE);
	CHECK(at_key(store, FIRST) == NONE);
	CHECK(at_key(store, OTHER) == NONE);
	CHECK(at_key(store, HOME) == 60);
	CHECK(at_key(store, "192.0.2.7") == 60);
	drac_store_close(store);
}

static void
sweep_closes_nets_in_time(void)
{
	struct drac_store *store = open_with_prefix(NULL, false, true);
	struct drac_addr home = addr("192.0.2.7"), mate = addr("192.0.2.8");
	struct drac_swept swept;

	CHECK(add(store, &home, NOW + 60) == 0);
	CHECK(add(store, &mate, NOW + 90) == 0);
	CHECK(drac_store_sweep(store, NOW + 60, 0, &swept, NULL) == 0);
	CHECK(at_key(store, "192.0.2.7") == NONE);
	CHECK(at_key(store, "192.0.2") == 90);
	CHECK(drac_store_sweep(store, NOW + 90, 0, &swept, NULL) == 0);
	CHECK(at_key(store, "192.0.2") == NONE);
	drac_store_close(store);
}

/* What a map that is built anew is made from. */
static void
nets_go_into_a_new_map(void)
{
	static const struct {
		const char *key;
		bool kept;
	} list[] = {
		{ HOME, true },
		{ FIRST, true },
		{ OTHER, true },
		{ "192.0.2", true },
		{ "192.0", false },
		{ "2001:db8:77", false },
		{ "pop.example.org", false },
	};
	struct drac_entries entries = { .cover = { 24, 64, NULL } };
	struct drac_item item = { .value = (const unsigned char *)"1700000060",
		.value_len = 10 };
	unsigned nets = 0, strange = 0;

	for (unsigned i = 0; i < COUNT(list); i++) {
		item.key = (const unsigned char *)list[i].key;
		item.key_len = strlen(list[i].key);
		CHECK(drac_entries_add(&entries, &item) == 0);
		strange += !list[i].kept;
		CHECK_ROW(entries.strange == strange, list[i].key);
	}
	while (drac_entries_next(&entries, &item) == 1) {
		bool known = false;

		for (unsigned i = 0; i < COUNT(list); i++)
			known =
			    known || (list[i].kept &&
					 strlen(list[i].key) == item.key_len &&
					 memcmp(list[i].key, item.key,
					     item.key_len) == 0);
		CHECK(known && item.value_len == 10);
		nets++;
	}
	CHECK(nets == 6);
	drac_entries_free(&entries);
}

/* The most that one turn of the daemon can ask for. */
static void
full_batch_of_nets(void)
{
	struct drac_store *store = open_with_prefix(NULL, true, true);
	struct drac_op ops[DRAC_OPS_MAX];

	for (unsigned i = 0; i < DRAC_OPS_MAX; i++) {
		ops[i] = (struct drac_op){ .kind = DRAC_OP_ADD,
			.addr = nth(i),
			.expiry = NOW + 60 };
		memset(ops[i].addr.octet + 6, 0, 2);
	}
	CHECK(do_ops(store, ops, DRAC_OPS_MAX) == 0);
	for (unsigned i = 0; i < DRAC_OPS_MAX; i++) {
		struct drac_addr mate = ops[i].addr;

		mate.octet[15] ^= 0x80;
		CHECK(expiry_of(store, &ops[i].addr) == NOW + 60);
		CHECK(expiry_of(store, &mate) == NOW + 60);
	}
	drac_store_close(store);
}

int
main(void)
{
	begin();
	RUN(each_kind_alone);
	RUN(all_kinds_in_one_batch);
	RUN(later_ones_find_the_earlier);
	RUN(passing_by_spares_what_was_renewed);
	RUN(one_wait_for_the_disk);
	RUN(first_wait_is_for_the_whole_journal);
	RUN(nothing_to_write_writes_nothing);
	RUN(at_most_256);
	RUN(failed_write_leaves_all_or_none);
	RUN(ring_that_wraps_while_updates_wait_loses_nothing);
	RUN(full_map_is_enlarged_in_a_batch);
	RUN(more_than_the_ring_holds);
	RUN(images_are_found_again);
	RUN(cache_yields_what_was_put_last);
	RUN(nets_follow_their_addresses);
	RUN(whoever_is_in_the_net_is_found);
	RUN(excluded_keeps_its_net_closed);
	RUN(owner_closes_nets_of_another_prefix);
	RUN(sweep_closes_nets_in_time);
	RUN(nets_go_into_a_new_map);
	RUN(full_batch_of_nets);
	end();
	return TEST_RESULT();
}
