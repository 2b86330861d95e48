/* SPDX-License-Identifier: BSD-2-Clause */

/* A map that belongs to one handle, and the care that handle takes of it. */
#include <sys/file.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>

#include "map.h"
#include "maps.h"
#include "store.h"

#define BATCH 4096u /* pages that one upkeep looks at */

static struct drac_store *
open_owner(void)
{
	struct drac_store_opts opts = options();

	opts.owner = true;
	return open_with(&opts);
}

/* A writer who would wait for long if he waited at all. */
static struct drac_store *
open_patient(void)
{
	struct drac_store_opts opts = options();

	opts.timeout_ms = 3600000;
	return open_with(&opts);
}

static bool
refused(int result, const struct drac_why *why, pid_t owner)
{
	char text[200];
	bool is = result == -1 && errno == EBUSY;

	snprintf(text, sizeof(text), "%s: kept by rpc.dracd (process %ld)",
	    path, (long)owner);
	if (!is || strcmp(why->text, text) != 0)
		printf("  %d, %s\n", result, why->text);
	return is && strcmp(why->text, text) == 0;
}

static void
second_owner_is_refused(void)
{
	struct drac_store_opts opts = options();
	struct drac_store *store;
	struct drac_store *second = NULL;
	struct drac_why why;

	fresh_dir();
	store = open_owner();
	opts.owner = true;
	CHECK(refused(drac_store_open(&opts, &second, &why), &why, getpid()));
	drac_store_close(store);
	drac_store_close(open_owner());
}

static void
owner_needs_a_map_like_others(void)
{
	struct drac_store_opts opts = options();
	struct drac_store *store = NULL;
	struct drac_why why;

	fresh_dir();
	opts.owner = true;
	opts.may_create = false;
	CHECK(drac_store_open(&opts, &store, &why) == -1 && errno == ENOENT);
	CHECK(why.text[0] != '\0');
	drac_store_close(open_owner());
	store = open_with(&opts);
	drac_store_close(store);
}

static int
count_visit(const struct drac_addr *a, time_t expiry, void *arg)
{
	(void)a;
	*(unsigned *)arg += expiry == NOW + 60;
	return 0;
}

static void
other_writers_are_refused_at_once(void)
{
	struct drac_store *store;
	struct drac_store *other;
	struct drac_addr a = addr("192.0.2.7");
	struct drac_addr b = addr("192.0.2.8");
	struct drac_grant grant = { .written = true, .expiry = NOW + 60 };
	struct drac_op op = { .kind = DRAC_OP_DROP, .addr = a };
	struct drac_swept swept;
	struct drac_why why;
	unsigned count = 0;
	bool anew;
	pid_t us = getpid();

	fresh_dir();
	store = open_owner();
	other = open_patient();
	CHECK(add(store, &a, NOW + 60) == 0);
	CHECK(refused(drac_store_add(other, &b, NOW, NOW + 60, 0, NULL, &why),
	    &why, us));
	CHECK(refused(drac_store_set(other, &b, NOW + 60, &why), &why, us));
	CHECK(refused(drac_store_drop(other, &a, &why), &why, us));
	CHECK(refused(drac_store_take_back(other, &a, &grant, &why), &why, us));
	CHECK(refused(drac_store_apply(other, &op, 1, NOW, &why), &why, us));
	CHECK(refused(drac_store_sweep(other, NOW + 99, 0, &swept, &why), &why,
	    us));
	CHECK(refused(drac_store_upkeep(other, NOW, &anew, &why), &why, us));
	CHECK(refused(drac_store_clear(other, &why), &why, us));

	CHECK(expiry_of(other, &a) == NOW + 60 && expiry_of(other, &b) == -1);
	CHECK(drac_store_each(other, count_visit, &count, NULL) == 0);
	CHECK(count == 1 && info_of(other).entries == 1);
	/* What needs no writing is no writing. */
	CHECK(drac_store_add(other, &a, NOW, NOW + 61, 10, NULL, &why) == 0);
	CHECK(add(store, &b, NOW + 60) == 0);
	CHECK(expiry_of(other, &b) == NOW + 60);
	drac_store_close(store);
	CHECK(drac_store_drop(other, &b, &why) == 1);
	drac_store_close(other);
}

/* A process that owns the map until it is killed. */
static pid_t
start_owner(void)
{
	char octet;
	int ready[2];
	pid_t pid;

	fflush(stdout);
	if (pipe(ready) == -1 || (pid = fork()) == -1)
		exit(1);
	if (pid == 0) {
		struct drac_store *store = open_owner();
		struct drac_addr a = addr("192.0.2.7");

		CHECK(add(store, &a, NOW + 60) == 0);
		if (write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			(void)pause();
	}
	(void)close(ready[1]);
	CHECK(read(ready[0], &octet, 1) == 1);
	(void)close(ready[0]);
	return pid;
}

static void
killed_owner_is_none(void)
{
	struct drac_store *other;
	struct drac_addr a = addr("192.0.2.7");
	struct drac_addr b = addr("192.0.2.8");
	struct drac_why why;
	pid_t owner;

	fresh_dir();
	owner = start_owner();
	other = open_patient();
	CHECK(refused(drac_store_set(other, &b, NOW + 60, &why), &why, owner));
	CHECK(kill(owner, SIGKILL) == 0);
	CHECK(waitpid(owner, NULL, 0) == owner);
	CHECK(add(other, &b, NOW + 60) == 0);
	CHECK(expiry_of(other, &a) == NOW + 60);
	drac_store_close(other);
	drac_store_close(open_owner());
}

static void
removed_lock_file_is_owned_anew(void)
{
	struct drac_store *store;
	struct drac_store *other;
	struct drac_addr a = addr("192.0.2.7");
	struct drac_addr b = addr("192.0.2.8");
	struct drac_addr c = addr("192.0.2.9");
	struct drac_why why;
	char name[160];

	fresh_dir();
	store = open_owner();
	CHECK(add(store, &a, NOW + 60) == 0);
	snprintf(name, sizeof(name), "%s.lock", path);
	CHECK(unlink(name) == 0);
	other = open_patient();
	CHECK(add(other, &b, NOW + 60) == 0);
	CHECK(add(store, &c, NOW + 60) == 0);
	CHECK(refused(drac_store_drop(other, &a, &why), &why, getpid()));
	CHECK(expiry_of(store, &a) == NOW + 60);
	CHECK(expiry_of(store, &b) == NOW + 60);
	CHECK(expiry_of(store, &c) == NOW + 60);
	CHECK(info_of(store).entries == 3);

	/* Another was quicker: then he owns it, and we are refused. */
	CHECK(unlink(name) == 0);
	drac_store_close(other);
	other = open_owner();
	CHECK(refused(drac_store_drop(store, &a, &why), &why, getpid()));
	CHECK(refused(drac_store_drop(store, &a, &why), &why, getpid()));
	CHECK(drac_store_drop(other, &a, &why) == 1);
	drac_store_close(other);
	CHECK(drac_store_drop(store, &b, &why) == 1);
	drac_store_close(store);
}

/* 300 entries in a map of so many pages, owned. */
static struct drac_store *
open_with_pages(uint32_t pages)
{
	struct drac_store *store;

	build_map(pages);
	store = open_owner();
	for (unsigned n = 0; n < 300; n++) {
		struct drac_addr a = nth(n);

		CHECK(add(store, &a, NOW + 60) == 0);
	}
	return store;
}

/* One octet of a page, without a trace in the time. */
static void
flip(uint32_t pgno, bool trace)
{
	struct stat st = stat_of("");
	struct timespec times[2] = { st.st_atim, st.st_mtim };
	off_t at = (off_t)pgno * DRAC_PAGE_SIZE + 300;
	int fd = open(path, O_RDWR);
	unsigned char octet;

	if (trace)
		times[1].tv_sec--;
	CHECK(pread(fd, &octet, 1, at) == 1);
	octet ^= 0x10;
	CHECK(pwrite(fd, &octet, 1, at) == 1);
	CHECK(futimens(fd, times) == 0);
	(void)close(fd);
}

static void
upkeep_finds_a_flipped_octet(void)
{
	static const struct {
		const char *name;
		uint32_t pages, page;
		unsigned calls;
	} rows[] = {
		{ "small map, a leaf", 2048, 9, 1 },
		{ "small map, the last page", 2048, 2047, 1 },
		{ "first batch", 2 * BATCH + 1, BATCH - 1, 1 },
		{ "second batch", 2 * BATCH + 1, BATCH, 2 },
		{ "last batch", 2 * BATCH + 1, 2 * BATCH, 3 },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_store *store = open_with_pages(rows[i].pages);
		struct drac_why why;
		unsigned calls = 0;
		bool anew = false;

		/* Round and round: all is well. */
		while (calls++ < (rows[i].pages + BATCH - 1) / BATCH) {
			CHECK_ROW(drac_store_upkeep(store, NOW, &anew, &why) ==
				      0,
			    rows[i].name);
			CHECK_ROW(!anew && why.text[0] == '\0', rows[i].name);
		}
		flip(rows[i].page, false);
		for (calls = 0; !anew && calls < 9; calls++)
			CHECK_ROW(drac_store_upkeep(store, NOW, &anew, &why) ==
				      0,
			    rows[i].name);
		CHECK_ROW(calls == rows[i].calls, rows[i].name);
		CHECK_ROW(strstr(why.text, "damaged") != NULL, rows[i].name);
		CHECK_ROW(drac_store_upkeep(store, NOW, &anew, &why) == 0,
		    rows[i].name);
		CHECK_ROW(!anew && why.text[0] == '\0', rows[i].name);
		CHECK_ROW(info_of(store).entries >= 280, rows[i].name);
		drac_store_close(store);
	}
}

/* Who writes to the map all the same is noticed by the next change. */
static void
foreign_hand_is_noticed(void)
{
	struct drac_store *store = open_with_pages(2048);
	struct drac_addr a = addr("192.0.2.7");
	struct drac_why why;
	bool anew = false;

	flip(9, true);
	CHECK(drac_store_set(store, &a, NOW + 60, &why) == 0);
	CHECK(why.text[0] != '\0');
	CHECK(drac_store_upkeep(store, NOW, &anew, &why) == 0);
	CHECK(anew && why.text[0] == '\0');
	CHECK(drac_store_upkeep(store, NOW, &anew, &why) == 0);
	CHECK(!anew);
	CHECK(expiry_of(store, &a) == NOW + 60);

	CHECK(unlink(path) == 0);
	CHECK(drac_store_set(store, &a, NOW + 70, &why) == 0);
	CHECK(drac_store_upkeep(store, NOW, &anew, &why) == 0);
	CHECK(anew && info_of(store).entries == 1);
	drac_store_close(store);
}

/* The journal is as much a part of the map. */
static void
upkeep_misses_a_removed_journal(void)
{
	struct drac_store *store = open_with_pages(2048);
	struct drac_why why;
	char name[160];
	bool anew = false;

	snprintf(name, sizeof(name), "%s.journal", path);
	CHECK(unlink(name) == 0);
	CHECK(drac_store_upkeep(store, NOW, &anew, &why) == 0);
	CHECK(anew && why.text[0] != '\0');
	CHECK(there(".journal") && info_of(store).entries == 300);
	drac_store_close(store);
}

static void
upkeep_enlarges_below_a_quarter_free(void)
{
	struct drac_store *store = open_with_pages(2048);
	struct drac_why why;
	unsigned n = 300;
	bool anew = true;

	while (store->journal.head.free > 2048 / 4) {
		struct drac_addr a = nth(n++);

		CHECK(add(store, &a, NOW + 60) == 0);
	}
	CHECK(drac_store_upkeep(store, NOW, &anew, &why) == 0);
	CHECK(info_of(store).pages == 2048 && !anew);
	while (store->journal.head.free == 2048 / 4) {
		struct drac_addr a = nth(n++);

		CHECK(add(store, &a, NOW + 60) == 0);
	}
	CHECK(drac_store_upkeep(store, NOW, &anew, &why) == 0);
	CHECK(info_of(store).pages == 4 * 2048 && !anew);
	CHECK(info_of(store).entries == n && why.text[0] == '\0');
	drac_store_close(store);
}

/* No login waits for the owner's map to grow; nobody else could do it. */
static void
owner_enlarges_however_long_it_takes(void)
{
	struct drac_store *store = open_with_pages(DRAC_PAGES_MAPPED + 1);

	drac_place_start(&store->place, 1);
	CHECK(drac_map_enlarge(store, NOW, NULL) == 0);
	CHECK(info_of(store).entries == 300);
	drac_store_close(store);
}

/* So many pages that there is no time to copy them, and two entries. */
static struct drac_store *
open_too_big(bool owner)
{
	struct drac_store_opts opts = options();
	struct drac_store *store;
	struct drac_addr a = addr("192.0.2.7");
	struct drac_addr b = addr("192.0.2.8");

	build_map(24000);
	opts.owner = owner;
	opts.timeout_ms = 50;
	store = open_with(&opts);
	CHECK(add(store, &a, NOW + 60) == 0 && add(store, &b, NOW + 60) == 0);
	return store;
}

/* Any local user may do so, for as long as he likes. */
static int
hold_shared_lock(void)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	CHECK(fd != -1 && flock(fd, LOCK_SH) == 0);
	return fd;
}

/* What a reader finds, who knows nothing of the journal. */
static bool
readers_find(const char *text)
{
	struct drac_store_opts opts = options();
	struct drac_store *reader = open_with(&opts);
	struct drac_addr a = addr(text);
	bool found = expiry_of(reader, &a) != -1;

	drac_store_close(reader);
	return found;
}

static void
drop_deferred(struct drac_store *store, const char *text)
{
	struct drac_op op = { .kind = DRAC_OP_DROP, .addr = addr(text) };
	struct drac_why why;

	CHECK(drac_store_apply(store, &op, 1, NOW, &why) == 0);
	CHECK(op.done && op.grant.deferred);
	CHECK(strstr(why.text, "is safe in the journal and waits") != NULL);
	CHECK(readers_find(text));
}

/* What has expired must not be there for as long as somebody likes. */
static void
owner_copies_a_big_map_in_the_end(void)
{
	struct drac_store *store = open_too_big(true);
	int lock = hold_shared_lock();
	struct stat st = stat_of("");
	struct drac_why why;
	bool anew;

	drop_deferred(store, "192.0.2.7");
	store->deferred_since += 1000; /* however slow this machine is */
	CHECK(drac_store_upkeep(store, NOW, &anew, &why) == 0);
	CHECK(stat_of("").st_ino == st.st_ino && readers_find("192.0.2.7"));
	store->deferred_since -= 1006;
	CHECK(drac_store_upkeep(store, NOW, &anew, &why) == 0);
	CHECK(strstr(why.text, "replaced by a fresh copy") != NULL);
	CHECK(stat_of("").st_ino != st.st_ino && !anew);
	CHECK(!readers_find("192.0.2.7") && readers_find("192.0.2.8"));
	CHECK(stat_of("").st_size == st.st_size);
	(void)close(lock);

	/* Once a minute. */
	lock = hold_shared_lock();
	drop_deferred(store, "192.0.2.8");
	store->deferred_since -= 6;
	CHECK(drac_store_upkeep(store, NOW, &anew, &why) == 0);
	CHECK(readers_find("192.0.2.8"));
	(void)close(lock);
	CHECK(drac_store_upkeep(store, NOW, &anew, &why) == 0);
	CHECK(why.text[0] == '\0' && !readers_find("192.0.2.8"));
	CHECK(store->deferred_since == 0);
	drac_store_close(store);
}

/* Where there is no owner a login leaves it to the sweep. */
static void
sweep_copies_a_big_map(void)
{
	struct drac_store *store = open_too_big(false);
	int lock = hold_shared_lock();
	struct stat st = stat_of("");
	struct drac_swept swept;
	struct drac_why why;

	drop_deferred(store, "192.0.2.7");
	store->deferred_since -= 3600;
	drop_deferred(store, "192.0.2.8");
	CHECK(stat_of("").st_ino == st.st_ino);
	CHECK(drac_store_sweep(store, NOW, 0, &swept, &why) == 0);
	CHECK(strstr(why.text, "replaced by a fresh copy") != NULL);
	CHECK(stat_of("").st_ino != st.st_ino && swept.kept == 0);
	CHECK(!readers_find("192.0.2.7") && !readers_find("192.0.2.8"));
	(void)close(lock);
	drac_store_close(store);
}

int
main(void)
{
	begin();
	RUN(second_owner_is_refused);
	RUN(owner_needs_a_map_like_others);
	RUN(other_writers_are_refused_at_once);
	RUN(killed_owner_is_none);
	RUN(removed_lock_file_is_owned_anew);
	RUN(upkeep_finds_a_flipped_octet);
	RUN(foreign_hand_is_noticed);
	RUN(upkeep_misses_a_removed_journal);
	RUN(upkeep_enlarges_below_a_quarter_free);
	RUN(owner_enlarges_however_long_it_takes);
	RUN(owner_copies_a_big_map_in_the_end);
	RUN(sweep_copies_a_big_map);
	end();
	return TEST_RESULT();
}
