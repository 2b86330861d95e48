/* SPDX-License-Identifier: BSD-2-Clause */

/* Page images made safe before they are applied; see journal.h. */

#include "journal.h"

#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "page.h"

#define RING_AT 4096
#define SUMS_AT (RING_AT + (off_t)DRAC_RING_BYTES)

#define RECORD_MAGIC 0x64725243u

static const char magic[8] = "DRACjnl";

/* Heads each record; the images follow as {pgno, page}. */
struct record {
	uint32_t magic;
	uint32_t count;
	uint64_t epoch;
	uint64_t number;
	uint64_t sum; /* of all the other fields and of what follows */
	int64_t mark; /* not in version 1 */
};

int
drac_read_full(int fd, void *data, size_t length, off_t offset)
{
	unsigned char *at = data;

	while (length > 0) {
		ssize_t got = pread(fd, at, length, offset);

		if (got == -1 && errno == EINTR)
			continue;
		if (got <= 0) {
			if (got == 0)
				errno = EBADMSG;
			return -1;
		}
		at += got;
		offset += got;
		length -= (size_t)got;
	}
	return 0;
}

int
drac_write_full(int fd, const void *data, size_t length, off_t offset)
{
	const unsigned char *at = data;

	while (length > 0) {
		ssize_t put = pwrite(fd, at, length, offset);

		if (put == -1 && errno == EINTR)
			continue;
		if (put <= 0) {
			if (put == 0)
				errno = ENOSPC;
			return -1;
		}
		at += put;
		offset += put;
		length -= (size_t)put;
	}
	return 0;
}

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void
drac_boot_id(unsigned char boot[16])
{
	char text[36];
	unsigned digits = 0;
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	memset(boot, 0, 16);
	if (fd == -1)
		return;
	if (read(fd, text, sizeof(text)) == (ssize_t)sizeof(text)) {
		for (size_t i = 0; i < sizeof(text) && digits < 32; i++) {
			int value = hex(text[i]);

			if (value == -1)
				continue;
			boot[digits / 2] =
			    (unsigned char)(boot[digits / 2] << 4 | value);
			digits++;
		}
	}
	(void)close(fd);
}

static uint64_t
head_sum(const struct drac_journal_head *head)
{
	return drac_sum(head, offsetof(struct drac_journal_head, sum),
	    1 + (uint64_t)head->mark);
}

static int
write_head(struct drac_journal *journal)
{
	journal->head.sum = head_sum(&journal->head);
	return drac_write_full(journal->fd, &journal->head,
	    sizeof(journal->head), 0);
}

int
drac_journal_create(int fd, const struct stat *map_st,
    const struct drac_journal_head *what, const uint64_t *sums)
{
	struct drac_journal journal = { .fd = fd };
	struct drac_journal_head *head = &journal.head;
	static const unsigned char zeros[RING_AT];
	int result = 0;

	memset(head, 0, sizeof(*head));
	memcpy(head->magic, magic, sizeof(magic));
	head->version = 2;
	head->page_size = what->page_size;
	head->pages = what->pages;
	head->free = what->free;
	head->mark = what->mark;
	head->map_ino = map_st->st_ino;
	head->mtime_s = map_st->st_mtim.tv_sec;
	head->mtime_ns = map_st->st_mtim.tv_nsec;
	head->epoch = 1;
	drac_boot_id(head->boot);
	/* Piece by piece, or the kernel syncs large pieces later. */
	for (off_t at = 0; at < SUMS_AT && result == 0; at += RING_AT)
		result = drac_write_full(fd, zeros, RING_AT, at);
	if (result == 0)
		result = drac_write_full(fd, sums, head->pages * sizeof(*sums),
		    SUMS_AT);
	if (result == 0)
		result = write_head(&journal);
	return result;
}

off_t
drac_journal_size(uint64_t pages)
{
	return SUMS_AT + 8 * (off_t)pages;
}

int
drac_journal_load(struct drac_journal *journal, int fd)
{
	struct drac_journal_head *head = &journal->head;
	unsigned char boot[16];
	static const unsigned char unknown[16];
	struct stat st;

	journal->fd = fd;
	head->mark = 0;
	if (drac_read_full(fd, head, sizeof(*head), 0) == -1 ||
	    fstat(fd, &st) == -1)
		return -1;
	if (memcmp(head->magic, magic, sizeof(magic)) != 0 ||
	    head->version < 1 || head->version > 2 ||
	    head->sum != head_sum(head) || head->mark < 0 ||
	    head->page_size != DRAC_PAGE_SIZE || head->pages < 2 ||
	    head->pages > UINT32_MAX || head->tail > DRAC_RING_BYTES ||
	    st.st_size < drac_journal_size(head->pages)) {
		head->mark = 0; /* another's map goes on with this one */
		errno = EBADMSG;
		return -1;
	}
	drac_boot_id(boot);
	/* A boot that nobody can name counts as another one: safe, slower. */
	journal->rebooted = memcmp(boot, unknown, sizeof(boot)) == 0 ||
			    memcmp(boot, head->boot, sizeof(boot)) != 0;
	memcpy(head->boot, boot, sizeof(boot));
	journal->end = head->tail;
	journal->last = head->applied;
	journal->synced = false;
	return 0;
}

/* What of struct record the ring holds. */
static size_t
record_head(const struct drac_journal *journal)
{
	return journal->head.version == 1 ? offsetof(struct record, mark)
					  : sizeof(struct record);
}

static size_t
record_bytes(const struct drac_journal *journal, size_t count)
{
	return record_head(journal) +
	       count * (sizeof(uint32_t) + journal->head.page_size);
}

static uint64_t
record_sum(const struct record *record, const unsigned char *body, size_t bytes)
{
	return drac_sum(body, bytes,
	    drac_sum(record, offsetof(struct record, sum),
		2 + (uint64_t)record->mark));
}

/*
 * The record at ring offset `at`, if a whole valid one of this epoch is
 * there: its body in memory of its own. 1, 0 no record, -1.
 */
static int
read_record(const struct drac_journal *journal, uint64_t at,
    struct record *record, unsigned char **body)
{
	size_t head = record_head(journal);
	size_t bytes;

	if (at + head > DRAC_RING_BYTES)
		return 0;
	record->mark = 0;
	if (drac_read_full(journal->fd, record, head, RING_AT + (off_t)at) ==
	    -1)
		return -1;
	if (record->magic != RECORD_MAGIC ||
	    record->epoch != journal->head.epoch || record->count == 0 ||
	    record->count > DRAC_RING_BYTES / journal->head.page_size ||
	    at + record_bytes(journal, record->count) > DRAC_RING_BYTES)
		return 0;
	bytes = record_bytes(journal, record->count) - head;
	*body = malloc(bytes);
	if (*body == NULL)
		return -1;
	if (drac_read_full(journal->fd, *body, bytes,
		RING_AT + (off_t)(at + head)) == -1) {
		free(*body);
		return -1;
	}
	if (record_sum(record, *body, bytes) != record->sum) {
		free(*body);
		return 0;
	}
	return 1;
}

static int
take_record(const struct drac_journal *journal, const struct record *record,
    const unsigned char *body, drac_journal_take *take, void *arg)
{
	for (uint32_t i = 0; i < record->count; i++) {
		uint32_t pgno;

		memcpy(&pgno, body, sizeof(pgno));
		body += sizeof(pgno);
		if (pgno >= journal->head.pages) {
			errno = EBADMSG;
			return -1;
		}
		if (take(arg, pgno, body) == -1)
			return -1;
		body += journal->head.page_size;
	}
	return 0;
}

int
drac_journal_pending(struct drac_journal *journal, drac_journal_take *take,
    void *arg)
{
	uint64_t at = journal->rebooted ? 0 : journal->head.tail;
	uint64_t number = journal->head.applied;
	bool any = !journal->rebooted;

	for (;;) {
		struct record record;
		unsigned char *body;
		int result = read_record(journal, at, &record, &body);

		if (result == -1)
			return -1;
		if (result == 1 && any && record.number != number + 1) {
			free(body);
			result = 0;
		}
		if (result == 0)
			break;
		result = take_record(journal, &record, body, take, arg);
		free(body);
		if (result == -1)
			return -1;
		at += record_bytes(journal, record.count);
		number = record.number;
		any = true;
		if (at > journal->end || journal->rebooted)
			journal->end = at;
		if (number > journal->last)
			journal->last = number;
		if (record.mark > journal->head.mark)
			journal->head.mark = record.mark;
	}
	return 0;
}

bool
drac_journal_holds(const struct drac_journal *journal, size_t count)
{
	return record_bytes(journal, count) <= DRAC_RING_BYTES;
}

bool
drac_journal_fits(const struct drac_journal *journal, size_t count)
{
	return journal->end + record_bytes(journal, count) <= DRAC_RING_BYTES;
}

/*
 * A record that could not be synced: the kernel may count it as clean now
 * and never write it, and a replay would stop at the gap, before records
 * that were acknowledged. So the next one goes to its place.
 */
static void
unwrite(const struct drac_journal *journal)
{
	static const struct record none;
	int saved = errno;

	(void)drac_write_full(journal->fd, &none, sizeof(none),
	    RING_AT + (off_t)journal->end);
	errno = saved;
}

/* Write at once what has to be on the disk before anything is answered. */
static int
write_synced(int fd, const void *data, size_t length, off_t offset)
{
	struct iovec left = { .iov_len = length };

	memcpy(&left.iov_base, &data, sizeof(data));
	while (left.iov_len > 0) {
		ssize_t put = pwritev2(fd, &left, 1, offset, RWF_DSYNC);

		if (put == -1 && errno == EINTR)
			continue;
		if (put <= 0) {
			if (put == 0)
				errno = ENOSPC;
			return -1;
		}
		left.iov_base = (char *)left.iov_base + put;
		left.iov_len -= (size_t)put;
		offset += put;
	}
	return 0;
}

/*
 * A whole record. fdatasync(2) writes the header and the checksums as well,
 * which are soon changed again; so it is left to the first record, behind
 * others of which nobody knows whether they were synced.
 */
static int
write_record(struct drac_journal *journal, const void *data, size_t bytes,
    bool sync)
{
	off_t at = RING_AT + (off_t)journal->end;

	if (sync && journal->synced) {
		if (write_synced(journal->fd, data, bytes, at) == 0)
			return 0;
		if (errno != EOPNOTSUPP) {
			unwrite(journal);
			return -1;
		}
	}
	if (drac_write_full(journal->fd, data, bytes, at) == -1)
		return -1;
	if (sync && fdatasync(journal->fd) == -1) {
		unwrite(journal);
		return -1;
	}
	journal->synced = sync;
	return 0;
}

int
drac_journal_append(struct drac_journal *journal, const uint32_t *pgno,
    const unsigned char *images, size_t count, bool sync)
{
	size_t size = journal->head.page_size;
	size_t head = record_head(journal);
	size_t bytes = record_bytes(journal, count);
	unsigned char *buffer = malloc(bytes);
	unsigned char *at;
	struct record record = { .magic = RECORD_MAGIC,
		.count = (uint32_t)count,
		.epoch = journal->head.epoch,
		.number = journal->last + 1,
		.mark = head < sizeof(record) ? 0 : journal->head.mark };
	int result;

	if (buffer == NULL)
		return -1;
	if (count == 0) { /* a reader would take it for the end */
		free(buffer);
		errno = EINVAL;
		return -1;
	}
	at = buffer + head;
	for (size_t i = 0; i < count; i++) {
		memcpy(at, &pgno[i], sizeof(pgno[i]));
		at += sizeof(pgno[i]);
		memcpy(at, images + i * size, size);
		at += size;
	}
	record.sum = record_sum(&record, buffer + head, bytes - head);
	memcpy(buffer, &record, head);
	result = write_record(journal, buffer, bytes, sync);
	free(buffer);
	if (result == 0) {
		journal->end += bytes;
		journal->last++;
	}
	return result;
}

int
drac_journal_applied(struct drac_journal *journal, const struct stat *map_st)
{
	journal->head.applied = journal->last;
	journal->head.tail = journal->end;
	journal->head.mtime_s = map_st->st_mtim.tv_sec;
	journal->head.mtime_ns = map_st->st_mtim.tv_nsec;
	journal->rebooted = false;
	return write_head(journal);
}

int
drac_journal_note(struct drac_journal *journal, int64_t mark)
{
	if (journal->head.version == 1)
		return 0;
	journal->head.mark = mark;
	return write_head(journal);
}

int
drac_journal_restart(struct drac_journal *journal, bool sync)
{
	journal->head.version = 2;
	journal->head.epoch++;
	journal->head.tail = journal->end = 0;
	if (write_head(journal) == -1 || (sync && fdatasync(journal->fd) == -1))
		return -1;
	journal->synced = sync;
	return 0;
}

int
drac_journal_sums(const struct drac_journal *journal, uint32_t first,
    uint32_t count, uint64_t *sums)
{
	return drac_read_full(journal->fd, sums, count * sizeof(*sums),
	    SUMS_AT + 8 * (off_t)first);
}

int
drac_journal_set_sums(const struct drac_journal *journal, uint32_t first,
    uint32_t count, const uint64_t *sums)
{
	return drac_write_full(journal->fd, sums, count * sizeof(*sums),
	    SUMS_AT + 8 * (off_t)first);
}
