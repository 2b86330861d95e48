/* SPDX-License-Identifier: BSD-2-Clause */

#include "journal.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "page.h"
#include "test.h"

#define PAGES 8u

/* The one that the journal calls: it fails when we say so. */
static bool sync_fails;
int fdatasync(int fd);

int
fdatasync(int fd)
{
	if (sync_fails) {
		errno = EIO;
		return -1;
	}
	return fsync(fd);
}

/* A journal in a file without a name. */
static int
fresh(void)
{
	char name[] = "/tmp/drac-journal.XXXXXX";
	const struct drac_journal_head what = { .page_size = DRAC_PAGE_SIZE,
		.pages = PAGES,
		.free = 3,
		.mark = 77 };
	struct stat st = { .st_ino = 42 };
	uint64_t sums[PAGES];
	int fd = mkstemp(name);

	CHECK(fd != -1);
	(void)unlink(name);
	for (unsigned i = 0; i < PAGES; i++)
		sums[i] = 100 + i;
	CHECK(drac_journal_create(fd, &st, &what, sums) == 0);
	return fd;
}

struct seen {
	unsigned count;
	uint32_t pgno[16];
	unsigned char first[16]; /* octet of each image */
};

static int
see(void *arg, uint32_t pgno, const unsigned char *page)
{
	struct seen *seen = arg;

	if (seen->count < 16) {
		seen->pgno[seen->count] = pgno;
		seen->first[seen->count++] = page[0];
	}
	return 0;
}

static int
append(struct drac_journal *journal, uint32_t pgno, int octet)
{
	unsigned char page[DRAC_PAGE_SIZE];

	memset(page, octet, sizeof(page));
	return drac_journal_append(journal, &pgno, page, 1, false);
}

static void
new_journal_has_nothing_pending(void)
{
	struct drac_journal journal;
	struct seen seen = { 0 };
	uint64_t sum = 0;
	int fd = fresh();

	CHECK(drac_journal_load(&journal, fd) == 0);
	CHECK(journal.head.map_ino == 42 && journal.head.pages == PAGES &&
	      journal.head.free == 3 && !journal.rebooted);
	CHECK(drac_journal_pending(&journal, see, &seen) == 0);
	CHECK(seen.count == 0);
	CHECK(drac_journal_sums(&journal, 5, 1, &sum) == 0 && sum == 105);
	(void)close(fd);
}

static void
appended_is_pending_until_applied(void)
{
	struct drac_journal journal;
	struct seen seen = { 0 };
	struct stat st = { .st_mtim = { .tv_sec = 7, .tv_nsec = 8 } };
	int fd = fresh();

	CHECK(drac_journal_load(&journal, fd) == 0);
	CHECK(append(&journal, 1, 'a') == 0 && append(&journal, 2, 'b') == 0);
	CHECK(drac_journal_load(&journal, fd) == 0);
	CHECK(drac_journal_pending(&journal, see, &seen) == 0);
	CHECK(seen.count == 2 && seen.pgno[0] == 1 && seen.first[1] == 'b');
	CHECK(drac_journal_applied(&journal, &st) == 0);
	CHECK(drac_journal_load(&journal, fd) == 0);
	CHECK(journal.head.mtime_s == 7 && journal.head.mtime_ns == 8);
	seen.count = 0;
	CHECK(drac_journal_pending(&journal, see, &seen) == 0);
	CHECK(seen.count == 0);
	(void)close(fd);
}

static void
torn_record_ends_the_journal(void)
{
	struct drac_journal journal;
	struct seen seen = { 0 };
	uint64_t second;
	int fd = fresh();

	CHECK(drac_journal_load(&journal, fd) == 0);
	CHECK(append(&journal, 1, 'a') == 0);
	second = journal.end;
	CHECK(append(&journal, 2, 'b') == 0);
	/* One octet of the second record's page. */
	CHECK(pwrite(fd, "x", 1, 4096 + (off_t)second + 100) == 1);
	CHECK(drac_journal_load(&journal, fd) == 0);
	CHECK(drac_journal_pending(&journal, see, &seen) == 0);
	CHECK(seen.count == 1 && seen.pgno[0] == 1);
	CHECK(journal.end == second);
	(void)close(fd);
}

static void
old_epoch_is_not_replayed(void)
{
	struct drac_journal journal;
	struct stat st = { 0 };
	struct seen seen = { 0 };
	int fd = fresh();

	CHECK(drac_journal_load(&journal, fd) == 0);
	CHECK(append(&journal, 1, 'a') == 0 && append(&journal, 2, 'b') == 0);
	CHECK(drac_journal_applied(&journal, &st) == 0);
	CHECK(drac_journal_restart(&journal, false) == 0);
	CHECK(append(&journal, 3, 'c') == 0);
	CHECK(drac_journal_load(&journal, fd) == 0);
	CHECK(drac_journal_pending(&journal, see, &seen) == 0);
	CHECK(seen.count == 1 && seen.pgno[0] == 3);
	(void)close(fd);
}

static void
reboot_replays_the_whole_ring(void)
{
	struct drac_journal journal;
	struct stat st = { 0 };
	struct seen seen = { 0 };
	int fd = fresh();

	CHECK(drac_journal_load(&journal, fd) == 0);
	CHECK(append(&journal, 1, 'a') == 0 && append(&journal, 2, 'b') == 0);
	memset(journal.head.boot, 1, sizeof(journal.head.boot));
	CHECK(drac_journal_applied(&journal, &st) == 0);
	CHECK(drac_journal_load(&journal, fd) == 0);
	CHECK(journal.rebooted);
	CHECK(drac_journal_pending(&journal, see, &seen) == 0);
	CHECK(seen.count == 2 && seen.pgno[0] == 1 && seen.pgno[1] == 2);
	(void)close(fd);
}

/* The journal is loaded as after a reboot. */
static void
load_after_reboot(struct drac_journal *journal, int fd)
{
	struct stat st = { 0 };

	memset(journal->head.boot, 1, sizeof(journal->head.boot));
	CHECK(drac_journal_applied(journal, &st) == 0);
	CHECK(drac_journal_load(journal, fd) == 0);
	CHECK(journal->rebooted);
}

/*
 * The map was on the disk when the ring began anew. Records from before,
 * whole and in a row as they are, would undo what was done since: the mark
 * that a clock which was set back has moved, for one.
 */
static void
reboot_replays_no_old_epoch(void)
{
	struct drac_journal journal;
	struct stat st = { 0 };
	struct seen seen = { 0 };
	int fd = fresh();

	CHECK(drac_journal_load(&journal, fd) == 0);
	journal.head.mark = 99;
	CHECK(append(&journal, 1, 'a') == 0 && append(&journal, 2, 'b') == 0);
	CHECK(drac_journal_applied(&journal, &st) == 0);
	journal.head.mark = 55;
	CHECK(drac_journal_restart(&journal, false) == 0);
	load_after_reboot(&journal, fd);
	CHECK(drac_journal_pending(&journal, see, &seen) == 0);
	CHECK(seen.count == 0 && journal.head.mark == 55);
	CHECK(journal.end == 0);
	/* One record over the old ones; they follow it, but are not its own. */
	CHECK(append(&journal, 3, 'c') == 0);
	load_after_reboot(&journal, fd);
	CHECK(drac_journal_pending(&journal, see, &seen) == 0);
	CHECK(seen.count == 1 && seen.pgno[0] == 3);
	(void)close(fd);
}

static void
ring_says_when_it_is_full(void)
{
	struct drac_journal journal;
	unsigned records = 0;
	int fd = fresh();

	CHECK(drac_journal_load(&journal, fd) == 0);
	while (drac_journal_fits(&journal, 1) && records < 10000) {
		CHECK(append(&journal, 1, 'a') == 0);
		records++;
	}
	CHECK(records == DRAC_RING_BYTES / (40 + 4 + DRAC_PAGE_SIZE));
	CHECK(!drac_journal_fits(&journal, DRAC_RING_BYTES / DRAC_PAGE_SIZE));
	(void)close(fd);
}

/* The latest time of a change is in its record before it is in the header. */
static void
mark_is_in_the_records(void)
{
	struct drac_journal journal;
	struct seen seen = { 0 };
	int fd = fresh();

	CHECK(drac_journal_load(&journal, fd) == 0);
	CHECK(journal.head.mark == 77);
	journal.head.mark = 99;
	CHECK(append(&journal, 1, 'a') == 0);
	journal.head.mark = 88;
	CHECK(append(&journal, 2, 'b') == 0);
	CHECK(drac_journal_load(&journal, fd) == 0);
	CHECK(journal.head.mark == 77);
	CHECK(drac_journal_pending(&journal, see, &seen) == 0);
	CHECK(seen.count == 2 && journal.head.mark == 99);
	(void)close(fd);
}

/* A ring that was begun without marks is gone on with in the same way. */
static void
version_one_is_read_and_written(void)
{
	struct drac_journal journal;
	struct stat st = { 0 };
	struct seen seen = { 0 };
	unsigned char octets[5] = { 0 };
	uint64_t end;
	int fd = fresh();

	CHECK(drac_journal_load(&journal, fd) == 0);
	journal.head.version = 1;
	journal.head.mark = 0;
	CHECK(drac_journal_applied(&journal, &st) == 0);
	CHECK(drac_journal_load(&journal, fd) == 0);
	journal.head.mark = 99;
	CHECK(append(&journal, 1, 'a') == 0 && append(&journal, 2, 'b') == 0);
	end = journal.end;
	CHECK(end == 2 * (32 + 4 + DRAC_PAGE_SIZE));
	CHECK(pread(fd, octets, 5, 4096 + 32) == 5);
	CHECK(octets[0] == 1 && octets[4] == 'a');
	CHECK(drac_journal_load(&journal, fd) == 0);
	CHECK(drac_journal_pending(&journal, see, &seen) == 0);
	CHECK(seen.count == 2 && seen.pgno[1] == 2 && seen.first[1] == 'b');
	CHECK(journal.end == end && journal.head.mark == 0);
	journal.head.mark = 99;
	CHECK(drac_journal_applied(&journal, &st) == 0);
	CHECK(drac_journal_load(&journal, fd) == 0);
	CHECK(journal.head.mark == 99 && journal.head.version == 1);
	CHECK(drac_journal_restart(&journal, false) == 0);
	CHECK(append(&journal, 3, 'c') == 0);
	seen.count = 0;
	CHECK(drac_journal_load(&journal, fd) == 0);
	CHECK(drac_journal_pending(&journal, see, &seen) == 0);
	CHECK(seen.count == 1 && journal.head.version == 2);
	(void)close(fd);
}

/* Each octet of the header, and the file's length. */
static void
load_refuses_damage(void)
{
	struct drac_journal journal;
	size_t bytes = sizeof(struct drac_journal_head);
	int fd = fresh();

	for (size_t i = 0; i < bytes; i++) {
		unsigned char octet;

		CHECK(pread(fd, &octet, 1, (off_t)i) == 1);
		octet ^= 0x10;
		CHECK(pwrite(fd, &octet, 1, (off_t)i) == 1);
		CHECK(
		    drac_journal_load(&journal, fd) == -1 && errno == EBADMSG);
		octet ^= 0x10;
		CHECK(pwrite(fd, &octet, 1, (off_t)i) == 1);
	}
	CHECK(drac_journal_load(&journal, fd) == 0);
	CHECK(ftruncate(fd, 4096 + DRAC_RING_BYTES + 8 * PAGES - 1) == 0);
	CHECK(drac_journal_load(&journal, fd) == -1 && errno == EBADMSG);
	(void)close(fd);
}

/* Otherwise a replay would stop at it, before one that was acknowledged. */
static void
record_that_could_not_be_synced_is_none(void)
{
	struct drac_journal journal;
	struct seen seen = { 0 };
	unsigned char page[DRAC_PAGE_SIZE] = { 'b' };
	uint32_t pgno = 2;
	int fd = fresh();

	CHECK(drac_journal_load(&journal, fd) == 0);
	CHECK(append(&journal, 1, 'a') == 0);
	sync_fails = true;
	errno = 0;
	CHECK(drac_journal_append(&journal, &pgno, page, 1, true) == -1);
	CHECK(errno == EIO);
	sync_fails = false;
	CHECK(drac_journal_load(&journal, fd) == 0);
	CHECK(drac_journal_pending(&journal, see, &seen) == 0);
	CHECK(seen.count == 1 && seen.pgno[0] == 1);
	CHECK(append(&journal, 3, 'c') == 0);
	memset(&seen, 0, sizeof(seen));
	CHECK(drac_journal_load(&journal, fd) == 0);
	CHECK(drac_journal_pending(&journal, see, &seen) == 0);
	CHECK(seen.count == 2 && seen.pgno[1] == 3);
	(void)close(fd);
}

int
main(void)
{
	RUN(new_journal_has_nothing_pending);
	RUN(appended_is_pending_until_applied);
	RUN(torn_record_ends_the_journal);
	RUN(old_epoch_is_not_replayed);
	RUN(reboot_replays_the_whole_ring);
	RUN(reboot_replays_no_old_epoch);
	RUN(ring_says_when_it_is_full);
	RUN(mark_is_in_the_records);
	RUN(version_one_is_read_and_written);
	RUN(load_refuses_damage);
	RUN(record_that_could_not_be_synced_is_none);
	return TEST_RESULT();
}
