/* SPDX-License-Identifier: BSD-2-Clause */

/* A new map file in the place of the old one; see remap.h. */

#include "remap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal.h"
#include "page.h"

#define CHUNK       256u
#define NEW_JOURNAL DRAC_NEW DRAC_JOURNAL

/* One replacement under way. */
struct work {
	const struct drac_remap *remap;
	int map;
	int journal;
	uint32_t pages;
	uint32_t free;
	uint64_t *sums;
	bool in_place; /* the new map has the name */
	struct drac_why *why;
};

uint32_t
drac_remap_next_size(uint32_t pages)
{
	if (pages < DRAC_PAGES_MIN)
		return DRAC_PAGES_MIN;
	if (pages >= DRAC_PAGES_MAPPED)
		return 2 * pages;
	return 4 * pages > DRAC_PAGES_MAPPED ? DRAC_PAGES_MAPPED : 4 * pages;
}

static int
new_file(struct work *work, const char *suffix)
{
	const struct drac_place *place = work->remap->place;

	drac_place_unlink(place, suffix);
	return drac_place_file(place, suffix, O_RDWR | O_CREAT | O_EXCL, 0600,
	    work->why);
}

static int
begin(struct work *work)
{
	work->map = new_file(work, DRAC_NEW);
	if (work->map == -1)
		return -1;
	work->journal = new_file(work, NEW_JOURNAL);
	return work->journal == -1 ? -1 : 0;
}

/* Whatever the umask, the file gets the mode that was asked for. */
static int
set_owner(const struct work *work)
{
	const struct drac_remap *remap = work->remap;

	if (remap->keep_owner &&
	    (fchown(work->map, remap->uid, remap->gid) == -1 ||
		fchown(work->journal, remap->uid, remap->gid) == -1) &&
	    errno != EPERM)
		return -1;
	return fchmod(work->map, remap->mode);
}

static int
sync_both(const struct work *work)
{
	if (!work->remap->sync)
		return 0;
	if (fsync(work->map) == -1)
		return -1;
	return fsync(work->journal);
}

static int
install(struct work *work)
{
	const struct drac_place *place = work->remap->place;

	if (drac_place_rename(place, DRAC_NEW, "") == -1)
		return -1;
	work->in_place = true;
	if (drac_place_rename(place, NEW_JOURNAL, DRAC_JOURNAL) == -1)
		return -1;
	return work->remap->sync ? fsync(place->dir) : 0;
}

static int
complete(struct work *work)
{
	const struct drac_journal_head head = { .page_size = DRAC_PAGE_SIZE,
		.pages = work->pages,
		.free = work->free,
		.mark = work->remap->mark };
	struct stat st;

	if (fstat(work->map, &st) == -1 ||
	    drac_journal_create(work->journal, &st, &head, work->sums) == -1 ||
	    set_owner(work) == -1 || sync_both(work) == -1)
		return -1;
	return install(work);
}

/* Close, tidy up after a failure, keep errno. */
static int
end(struct work *work, int result)
{
	const struct drac_place *place = work->remap->place;
	int saved = errno;

	if (result == -1) {
		drac_place_unlink(place, DRAC_NEW);
		/* Once the new map is in place the next writer needs it. */
		if (!work->in_place)
			drac_place_unlink(place, NEW_JOURNAL);
		if (work->why != NULL && work->why->text[0] == '\0')
			drac_why_set(work->why, "%s%s: %s", place->path,
			    DRAC_NEW, strerror(saved));
	}
	if (work->map != -1)
		(void)close(work->map);
	if (work->journal != -1)
		(void)close(work->journal);
	free(work->sums);
	errno = saved;
	return result;
}

static void
sum_pages(struct work *work, const unsigned char *pages, uint32_t first,
    uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		work->sums[first + i] =
		    drac_page_sum(pages + (size_t)i * DRAC_PAGE_SIZE,
			DRAC_PAGE_SIZE, first + i);
}

/*
 * Append free pages up to work->pages, chained in order and before the
 * free pages that there are, and tell the meta page.
 */
static int
fill_up(struct work *work, uint32_t have, unsigned char *buffer)
{
	unsigned char meta[DRAC_PAGE_SIZE];
	struct drac_tree tree = { 0 };

	if (have == work->pages)
		return 0;
	work->free += work->pages - have;
	if (drac_read_full(work->map, meta, sizeof(meta), 0) == -1 ||
	    drac_tree_meta(meta, sizeof(meta), &tree, work->why) == -1)
		return -1;
	for (uint32_t at = have; at < work->pages;) {
		uint32_t n =
		    work->pages - at < CHUNK ? work->pages - at : CHUNK;

		for (uint32_t i = 0; i < n; i++)
			drac_page_make_free(buffer + (size_t)i * DRAC_PAGE_SIZE,
			    DRAC_PAGE_SIZE, at + i,
			    at + i + 1 < work->pages ? at + i + 1 : tree.free);
		sum_pages(work, buffer, at, n);
		if (drac_write_full(work->map, buffer,
			(size_t)n * DRAC_PAGE_SIZE,
			(off_t)at * DRAC_PAGE_SIZE) == -1)
			return -1;
		at += n;
	}
	drac_meta_set(meta, have, work->pages - 1);
	sum_pages(work, meta, 0, 1);
	return drac_write_full(work->map, meta, sizeof(meta), 0);
}

static int
sum_file(struct work *work, uint32_t pages, unsigned char *buffer)
{
	for (uint32_t at = 0; at < pages;) {
		uint32_t n = pages - at < CHUNK ? pages - at : CHUNK;

		if (drac_read_full(work->map, buffer,
			(size_t)n * DRAC_PAGE_SIZE,
			(off_t)at * DRAC_PAGE_SIZE) == -1)
			return -1;
		sum_pages(work, buffer, at, n);
		at += n;
	}
	return 0;
}

static int
build(struct work *work, drac_btree_next *next, void *arg, uint32_t min_pages)
{
	unsigned char *buffer;
	struct stat st;
	uint32_t have;
	int result;

	if (begin(work) == -1 ||
	    drac_btree_build(work->map, next, arg) == -1 ||
	    fstat(work->map, &st) == -1)
		return -1;
	have = (uint32_t)(st.st_size / DRAC_PAGE_SIZE);
	work->pages = have > min_pages ? drac_remap_next_size(have) : min_pages;
	work->sums = calloc(work->pages, sizeof(*work->sums));
	buffer = malloc((size_t)CHUNK * DRAC_PAGE_SIZE);
	result = work->sums == NULL || buffer == NULL ? -1
		 : sum_file(work, have, buffer) == -1 ? -1
						      : 0;
	if (result == 0)
		result = fill_up(work, have, buffer);
	free(buffer);
	return result == 0 ? complete(work) : -1;
}

int
drac_remap_build(const struct drac_remap *remap, drac_btree_next *next, void *arg,
    uint32_t min_pages, struct drac_why *why)
{
	struct work work = { .remap = remap,
		.map = -1,
		.journal = -1,
		.why = why };

	return end(&work, build(&work, next, arg, min_pages));
}

static int
copy_pages(struct work *work, drac_remap_read *read, void *arg, uint32_t old,
    unsigned char *buffer)
{
	for (uint32_t at = 0; at < old;) {
		uint32_t n = old - at < CHUNK ? old - at : CHUNK;

		if (read(arg, at, n, buffer) == -1)
			return -1;
		sum_pages(work, buffer, at, n);
		if (drac_write_full(work->map, buffer,
			(size_t)n * DRAC_PAGE_SIZE,
			(off_t)at * DRAC_PAGE_SIZE) == -1)
			return -1;
		at += n;
	}
	return 0;
}

static int
copy(struct work *work, drac_remap_read *read, void *arg, uint32_t old_pages)
{
	unsigned char *buffer;
	int result;

	if (begin(work) == -1)
		return -1;
	work->sums = calloc(work->pages, sizeof(*work->sums));
	buffer = malloc((size_t)CHUNK * DRAC_PAGE_SIZE);
	result = work->sums == NULL || buffer == NULL
		     ? -1
		     : copy_pages(work, read, arg, old_pages, buffer);
	if (result == 0)
		result = fill_up(work, old_pages, buffer);
	free(buffer);
	return result == 0 ? complete(work) : -1;
}

int
drac_remap_copy(const struct drac_remap *remap, drac_remap_read *read,
    void *arg, const struct drac_remap_size *size, struct drac_why *why)
{
	struct work work = { .remap = remap,
		.map = -1,
		.journal = -1,
		.pages = size->pages,
		.free = size->old_free,
		.why = why };

	return end(&work, copy(&work, read, arg, size->old_pages));
}

int
drac_remap_finish(const struct drac_place *place, ino_t map_ino)
{
	struct drac_journal journal;
	int fd = drac_place_file(place, NEW_JOURNAL, O_RDONLY, 0, NULL);
	bool ours;

	if (fd == -1)
		return 0;
	ours = drac_journal_load(&journal, fd) == 0 &&
	       journal.head.map_ino == map_ino;
	(void)close(fd);
	if (!ours)
		return 0;
	return drac_place_rename(place, NEW_JOURNAL, DRAC_JOURNAL) == -1 ? -1
									 : 1;
}
