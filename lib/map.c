/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The map. The rules this file keeps, each for a reader that was seen to
 * break without it:
 *
 * - An update changes the map in place. It never grows, shrinks or renames
 *   it: readers have it mapped.
 * - A change is made to page images in memory (btree.c), which are made safe
 *   in the journal and then applied here under the readers' lock. The lock is
 *   thereby held for the pages alone and never for the disk.
 * - Pages are applied in an order that leaves a right tree after each one:
 *   pages that were free, then from the root's level down to the leaves,
 *   the meta page last. A kill between two of them is finished by the next
 *   writer, from the journal.
 * - No page is edited whose checksum is not the one in the journal. A page
 *   that differs makes the map suspect: it is read by page.c, which trusts
 *   nothing, and a new map is built from what is sound.
 * - When the map is full, a bigger copy replaces it (remap.c).
 * - When a reader will not let go of its lock, the update waits in the
 *   journal, or a fresh copy replaces the map, once a minute at most. A big
 *   map is not copied within a login, but by a sweep, or by the owner when
 *   an update has waited for some seconds.
 * - Below 10 MiB the modification time stands still, because readers see
 *   changes through their mapping and Postfix restarts when it moves.
 */

#include "map.h"

#include <sys/resource.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "entries.h"
#include "sys.h"

#define REPLACE_EVERY_S 60
#define DEFER_MOST_S    5   /* no reader that is at work takes as long */
#define READERS_WAIT_MS 250 /* for readers, who may have been told to wait */
#define CHECK_PAGES     256u
#define RETRIES         4
#define SUMS_APART      256u
#define BACK_LEAST_S    2      /* less is not told from two hands at work */
#define MARK_AGE_S      60     /* an older mark is moved on */
#define BACK_SPARE_S    120    /* a mark's age, and a sweep may come so late */
#define EARLY_BYTES     16384u /* of the ring */

void
drac_map_forget(struct drac_store *store)
{
	int saved = errno;

	drac_images_free(&store->pending);
	drac_images_free(&store->changed);
	drac_cache_free(&store->sound);
	free(store->sums);
	store->sums = NULL;
	store->attached = false;
	if (store->map_fd != -1)
		(void)close(store->map_fd);
	if (store->journal_fd != -1)
		(void)close(store->journal_fd);
	store->map_fd = store->journal_fd = -1;
	errno = saved;
}

void
drac_map_begin(struct drac_store *store, struct drac_why *why)
{
	if (why != NULL)
		why->text[0] = '\0';
	store->deferred = store->enlarged = store->repaired = false;
	/* One login is an open and a call: they share one time limit. */
	if (store->calls++ > 0)
		drac_place_start(&store->place, store->opts.timeout_ms);
}

/*
 * Say what failed, and of which map. Where a deeper room has said it
 * already, only the path may be missing.
 */
int
drac_map_fail(const struct drac_store *store, const char *what,
    struct drac_why *why)
{
	struct drac_why inner;

	if (why == NULL || why->text[0] == '/')
		return -1;
	inner = *why;
	if (inner.text[0] != '\0')
		drac_why_set(why, "%s: %.200s", store->place.path, inner.text);
	else
		drac_why_set(why, "%s: %s%s%s", store->place.path, what,
		    what[0] != '\0' ? ": " : "",
		    errno == EBADMSG ? "damaged" : strerror(errno));
	return -1;
}

uint32_t
drac_map_pages(const struct drac_store *store)
{
	return (uint32_t)(store->map_st.st_size / DRAC_PAGE_SIZE);
}

/* Reading. */

/* The file as it is, for readers: page.c checks what it needs. */
static int
read_raw(void *arg, uint32_t pgno, unsigned char *page)
{
	struct drac_store *store = arg;

	return drac_read_full(store->map_fd, page, store->raw_page_size,
	    (off_t)pgno * store->raw_page_size);
}

static int
get_sums(const struct drac_store *store, uint32_t first, uint32_t count,
    uint64_t *sums)
{
	if (store->sums == NULL)
		return drac_journal_sums(&store->journal, first, count, sums);
	memcpy(sums, store->sums + first, count * sizeof(*sums));
	return 0;
}

int
drac_map_read_checked(void *arg, uint32_t pgno, unsigned char *page)
{
	struct drac_store *store = arg;
	const unsigned char *image = drac_images_get(&store->pending, pgno);
	uint64_t sum;

	if (image == NULL)
		image = drac_cache_get(&store->sound, pgno);
	if (image != NULL) {
		memcpy(page, image, DRAC_PAGE_SIZE);
		return 0;
	}
	if (pgno >= drac_map_pages(store)) {
		errno = EBADMSG;
		return -1;
	}
	if (drac_read_full(store->map_fd, page, DRAC_PAGE_SIZE,
		(off_t)pgno * DRAC_PAGE_SIZE) == -1 ||
	    get_sums(store, pgno, 1, &sum) == -1)
		return -1;
	if (sum != drac_page_sum(page, DRAC_PAGE_SIZE, pgno)) {
		errno = EBADMSG;
		return -1;
	}
	/* The same few pages are asked for again and again. */
	drac_cache_put(&store->sound, pgno, page);
	return 0;
}

int
drac_map_checked_tree(struct drac_store *store, struct drac_tree *tree)
{
	unsigned char meta[DRAC_PAGE_SIZE];

	memset(tree, 0, sizeof(*tree));
	if (drac_map_read_checked(store, 0, meta) == -1 ||
	    drac_tree_meta(meta, sizeof(meta), tree, NULL) == -1)
		return -1;
	if (tree->page_size != DRAC_PAGE_SIZE) {
		errno = EBADMSG;
		return -1;
	}
	tree->read = drac_map_read_checked;
	tree->arg = store;
	tree->pages = drac_map_pages(store);
	return 0;
}

int
drac_map_raw_tree(struct drac_store *store, struct drac_tree *tree,
    struct drac_why *why)
{
	unsigned char meta[DRAC_PAGE_SIZE];

	memset(tree, 0, sizeof(*tree));
	if (fstat(store->map_fd, &store->map_st) == -1)
		return -1;
	if (drac_read_full(store->map_fd, meta, sizeof(meta), 0) == -1 ||
	    drac_tree_meta(meta, sizeof(meta), tree, why) == -1)
		return -1;
	store->raw_page_size = tree->page_size;
	tree->read = read_raw;
	tree->arg = store;
	tree->pages = (uint32_t)(store->map_st.st_size / tree->page_size);
	return 0;
}

int
drac_map_known_tree(struct drac_store *store, struct drac_tree *tree,
    struct drac_why *why)
{
	if (store->opts.owner && store->pending.count > 0)
		return drac_map_checked_tree(store, tree);
	return drac_map_raw_tree(store, tree, why);
}

/* 1 and the item when leaf has the key, 0, -1. */
static int
leaf_find(const struct drac_leaf *leaf, const struct drac_text *key,
    struct drac_item *item)
{
	for (unsigned i = 0; i < leaf->items; i++) {
		int kind = drac_leaf_item(leaf, i, item);

		if (kind == -1)
			return -1;
		if (kind == 1 && drac_key_order(key->text, key->length,
				     item->key, item->key_len) == 0)
			return 1;
	}
	return 0;
}

int
drac_map_find(const struct drac_tree *tree, const struct drac_text *key,
    time_t *expiry)
{
	struct drac_leaf *leaf = malloc(sizeof(*leaf));
	struct drac_item item;
	int result;

	if (leaf == NULL)
		return -1;
	result = drac_tree_seek(tree, key->text, key->length, leaf);
	if (result == 0)
		result = leaf_find(leaf, key, &item);
	if (result == 1 &&
	    drac_value_read(item.value, item.value_len, expiry) == -1)
		*expiry = 0; /* not ours: counts as long expired */
	free(leaf);
	return result;
}

int
drac_map_get(struct drac_store *store, const struct drac_text *key, int wait_ms,
    time_t *expiry, struct drac_why *why)
{
	struct drac_tree tree;
	int result;

	if (drac_map_open(store, false, why) == -1)
		return drac_map_fail(store, "", why);
	if (drac_lock_map(store->map_fd, false, wait_ms) == -1)
		return drac_map_fail(store, "lock", why);
	result = drac_map_known_tree(store, &tree, why);
	if (result == 0)
		result = drac_map_find(&tree, key, expiry);
	drac_unlock_map(store->map_fd, false);
	return result == -1 ? drac_map_fail(store, "", why) : result;
}

/* Attaching to the map. */

static bool
same_file(int fd, const struct stat *have, const struct stat *now)
{
	return fd != -1 && have->st_ino == now->st_ino &&
	       have->st_dev == now->st_dev;
}

/* The mode may have been configured anew since the map was made. */
static void
set_mode(const struct drac_store *store)
{
	if ((store->map_st.st_mode & 07777) != store->opts.mode)
		(void)fchmod(store->map_fd, store->opts.mode);
}

/*
 * Have the map that the name leads to open. -1 with ENOENT: there is none.
 */
int
drac_map_open(struct drac_store *store, bool write, struct drac_why *why)
{
	struct stat now;

	if (drac_place_stat(&store->place, "", &now) == -1)
		return -1;
	if (same_file(store->map_fd, &store->map_st, &now) &&
	    (store->writable || !write)) {
		store->map_st = now;
		return 0;
	}
	drac_map_forget(store);
	store->map_fd = drac_place_file(&store->place, "",
	    write ? O_RDWR : O_RDONLY, 0, why);
	if (store->map_fd == -1)
		return -1;
	store->writable = write;
	if (fstat(store->map_fd, &store->map_st) == -1)
		return -1;
	if (write)
		set_mode(store);
	return 0;
}

static int
keep_pending(void *arg, uint32_t pgno, const unsigned char *page)
{
	struct drac_store *store = arg;

	return drac_images_put(&store->pending, pgno, page);
}

/* As they are in the file now. */
static int
load_sums(struct drac_store *store)
{
	uint32_t pages = drac_map_pages(store);

	free(store->sums);
	store->sums = NULL;
	if (!store->opts.owner)
		return 0;
	store->sums = calloc(pages, sizeof(*store->sums));
	return store->sums == NULL
		   ? -1
		   : drac_journal_sums(&store->journal, 0, pages, store->sums);
}

/*
 * Have the journal of this map open, with what is pending loaded. -1 with
 * EBADMSG: there is none that belongs to this map.
 */
static int
attach_journal(struct drac_store *store)
{
	struct stat now;

	drac_cache_clear(&store->sound);
	if (drac_place_stat(&store->place, DRAC_JOURNAL, &now) == -1)
		goto none;
	if (!same_file(store->journal_fd, &store->journal_st, &now)) {
		if (store->journal_fd != -1)
			(void)close(store->journal_fd);
		store->journal_fd = drac_place_file(&store->place, DRAC_JOURNAL,
		    O_RDWR, 0, NULL);
		if (store->journal_fd == -1)
			goto none;
		if (fstat(store->journal_fd, &store->journal_st) == -1)
			return -1;
	}
	if (drac_journal_load(&store->journal, store->journal_fd) == -1)
		goto none;
	if (store->journal.head.map_ino == store->map_st.st_ino &&
	    store->journal.head.pages * DRAC_PAGE_SIZE ==
		(uint64_t)store->map_st.st_size) {
		drac_images_clear(&store->pending);
		if (load_sums(store) == -1)
			goto none;
		return drac_journal_pending(&store->journal, keep_pending,
		    store);
	}
	errno = EBADMSG;
none:
	if (errno == EACCES || errno == EPERM || errno == EIO ||
	    errno == ENOMEM || errno == EMFILE || errno == ENFILE)
		return -1;
	errno = EBADMSG;
	return -1;
}

struct drac_remap
drac_map_remap(const struct drac_store *store)
{
	struct drac_remap remap = { .place = &store->place,
		.mode = store->opts.mode,
		.keep_owner = store->map_fd != -1,
		.uid = store->map_st.st_uid,
		.gid = store->map_st.st_gid,
		.sync = store->opts.sync,
		.mark = store->journal.head.mark };

	return remap;
}

static int
no_entries(void *arg, struct drac_item *item)
{
	(void)arg;
	(void)item;
	return 0;
}

int
drac_map_create(struct drac_store *store, struct drac_why *why)
{
	struct drac_remap remap = drac_map_remap(store);

	drac_map_forget(store);
	return drac_remap_build(&remap, no_entries, NULL, DRAC_PAGES_MIN, why);
}

/* Applying. */

/* When a page is applied; see the head of this file. */
enum {
	TAKES_FREE = 0,
	BY_LEVEL = 1,
	BECOMES_FREE = 999,
	META = 1000
};

static int
page_turn(struct drac_store *store, uint32_t pgno, const unsigned char *image)
{
	const unsigned char *old = drac_cache_get(&store->sound, pgno);
	unsigned char page[DRAC_PAGE_SIZE];
	unsigned level = drac_page_level(image);

	if (pgno == 0)
		return META;
	if (old == NULL) {
		if (drac_read_full(store->map_fd, page, sizeof(page),
			(off_t)pgno * DRAC_PAGE_SIZE) == -1)
			return -1;
		old = page;
	}
	if (drac_page_type(old) == DRAC_PAGE_FREE)
		return TAKES_FREE;
	if (drac_page_type(image) == DRAC_PAGE_FREE)
		return BECOMES_FREE;
	if (drac_page_level(old) > level)
		level = drac_page_level(old);
	return BY_LEVEL + 255 - (int)level;
}

struct turn {
	int turn;
	size_t image;
};

static int
by_turn(const void *a, const void *b)
{
	const struct turn *x = a;
	const struct turn *y = b;

	if (x->turn != y->turn)
		return x->turn < y->turn ? -1 : 1;
	return (x->image > y->image) - (x->image < y->image);
}

/* The order of the pending images; the caller frees it. */
static struct turn *
order_pending(struct drac_store *store)
{
	const struct drac_images *images = &store->pending;
	struct turn *turns = calloc(images->count, sizeof(*turns));

	if (turns == NULL)
		return NULL;
	for (size_t i = 0; i < images->count; i++) {
		turns[i].image = i;
		turns[i].turn = BY_LEVEL;
		if (images->count == 1)
			break; /* a page taken always comes with others */
		turns[i].turn = page_turn(store, images->pgno[i],
		    drac_images_at(images, i));
		if (turns[i].turn == -1) {
			free(turns);
			return NULL;
		}
	}
	qsort(turns, images->count, sizeof(*turns), by_turn);
	return turns;
}

static int
write_pages(struct drac_store *store, const struct turn *turns)
{
	const struct drac_images *images = &store->pending;

	for (size_t i = 0; i < images->count; i++) {
		size_t at = turns[i].image;

		if (drac_write_full(store->map_fd, drac_images_at(images, at),
			DRAC_PAGE_SIZE,
			(off_t)images->pgno[at] * DRAC_PAGE_SIZE) == -1)
			return -1;
	}
	return 0;
}

static int
by_pgno(const void *a, const void *b)
{
	const uint32_t *x = a;
	const uint32_t *y = b;

	return (*x > *y) - (*x < *y);
}

/* What lies close together at once, with what is in between. */
static int
write_kept_sums(const struct drac_store *store)
{
	size_t count = store->pending.count;
	uint32_t *pgno = malloc(count * sizeof(*pgno));
	int result = 0;
	size_t end;

	if (pgno == NULL)
		return -1;
	memcpy(pgno, store->pending.pgno, count * sizeof(*pgno));
	qsort(pgno, count, sizeof(*pgno), by_pgno);
	for (size_t at = 0; at < count && result == 0; at = end) {
		for (end = at + 1; end < count; end++)
			if (pgno[end] - pgno[end - 1] > SUMS_APART)
				break;
		result = drac_journal_set_sums(&store->journal, pgno[at],
		    pgno[end - 1] - pgno[at] + 1, store->sums + pgno[at]);
	}
	free(pgno);
	return result;
}

static int
write_sums(struct drac_store *store)
{
	const struct drac_images *images = &store->pending;

	for (size_t i = 0; i < images->count; i++) {
		const unsigned char *image = drac_images_at(images, i);
		uint32_t pgno = images->pgno[i];
		uint64_t sum = drac_page_sum(image, DRAC_PAGE_SIZE, pgno);

		if (store->sums != NULL)
			store->sums[pgno] = sum;
		else if (drac_journal_set_sums(&store->journal, pgno, 1,
			     &sum) == -1)
			return -1;
		drac_cache_put(&store->sound, pgno, image);
	}
	return store->sums == NULL ? 0 : write_kept_sums(store);
}

/* Below 10 MiB: put the modification time back to what readers know. */
static void
still_mtime(struct drac_store *store)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
		store->map_st.st_mtim };

	if (drac_map_pages(store) <= DRAC_PAGES_MAPPED)
		(void)futimens(store->map_fd, times);
}

/*
 * Have the disk begin with what a checkpoint would have to wait for, unless
 * the map is so small that this would not be long. Only a handle that lives
 * on gains by it. No error counts: a checkpoint syncs.
 */
static void
write_early(struct drac_store *store)
{
	uint64_t stretch = store->journal.end / EARLY_BYTES;

	if (!store->owned || !store->opts.sync || stretch == store->early ||
	    drac_map_pages(store) <= DRAC_PAGES_MIN)
		return;
	store->early = stretch;
	(void)sync_file_range(store->map_fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

/* The readers' lock is ours: write, note it, let the pending ones go. */
static int
apply_locked(struct drac_store *store, const struct turn *turns)
{
	int result = write_pages(store, turns);
	uint64_t taken = 0;

	while (taken < store->pending.count && turns[taken].turn == TAKES_FREE)
		taken++;
	if (taken > store->journal.head.free)
		taken = store->journal.head.free;
	still_mtime(store);
	drac_unlock_map(store->map_fd, true);
	if (result == 0)
		store->journal.head.free -= taken;
	if (result == -1 || write_sums(store) == -1 ||
	    fstat(store->map_fd, &store->map_st) == -1 ||
	    drac_journal_applied(&store->journal, &store->map_st) == -1)
		return -1;
	write_early(store);
	drac_images_clear(&store->pending);
	store->deferred_since = 0;
	return 0;
}

/* count: CHECK_PAGES at most. */
static int
read_with_sums(struct drac_store *store, uint32_t first, uint32_t count,
    unsigned char *pages, uint64_t *sums)
{
	if (drac_read_full(store->map_fd, pages, (size_t)count * DRAC_PAGE_SIZE,
		(off_t)first * DRAC_PAGE_SIZE) == -1)
		return -1;
	return get_sums(store, first, count, sums);
}

/* Many pages as they were last written, or EBADMSG: a drac_remap_read. */
static int
read_many(void *arg, uint32_t first, uint32_t count, unsigned char *pages)
{
	struct drac_store *store = arg;
	uint64_t sums[CHECK_PAGES];

	for (uint32_t i = 0; i < count; i++) {
		unsigned char *page = pages + (size_t)i * DRAC_PAGE_SIZE;
		const unsigned char *image =
		    drac_images_get(&store->pending, first + i);
		unsigned at = i % CHECK_PAGES;
		uint32_t left = count - i;

		if (at == 0 && read_with_sums(store, first + i,
				   left < CHECK_PAGES ? left : CHECK_PAGES,
				   page, sums) == -1)
			return -1;
		if (image != NULL) {
			memcpy(page, image, DRAC_PAGE_SIZE);
		} else if (sums[at] !=
			   drac_page_sum(page, DRAC_PAGE_SIZE, first + i)) {
			errno = EBADMSG;
			return -1;
		}
	}
	return 0;
}

/* Replace the map by a copy of `pages` pages and attach to that. */
static int
replace_by_copy(struct drac_store *store, uint32_t pages, struct drac_why *why)
{
	struct drac_remap remap = drac_map_remap(store);
	struct drac_remap_size size = { .old_pages = drac_map_pages(store),
		.old_free = (uint32_t)store->journal.head.free,
		.pages = pages };

	if (drac_remap_copy(&remap, read_many, store, &size, why) == -1)
		return -1;
	store->deferred_since = 0;
	drac_map_forget(store);
	return drac_map_attach(store, why);
}

/*
 * Would a copy of so many pages take longer than there is time? Measured:
 * 1.1 us for each page; what the disk takes for it nobody knows before.
 */
static bool
too_big_to_copy(const struct drac_store *store, uint32_t pages)
{
	return pages > DRAC_PAGES_MAPPED &&
	       pages / (store->opts.sync ? 100 : 400) >
		   (unsigned)drac_place_left(&store->place);
}

/* Has the copy to be made now, however long it takes? */
static bool
copy_is_due(const struct drac_store *store, int64_t now)
{
	if (store->sweeping)
		return true;
	return store->owned && store->deferred_since != 0 &&
	       now - store->deferred_since > DEFER_MOST_S;
}

/*
 * The readers' lock is not to be had. The update is safe in the journal;
 * a fresh copy lets readers see it, but costs each of them a reopening.
 */
static int
readers_in_the_way(struct drac_store *store, bool must, struct drac_why *why)
{
	int64_t now = (int64_t)(drac_sys_boot_ms() / 1000) + 1; /* never 0 */
	int64_t last = store->journal.head.replaced;

	if (!must &&
	    ((too_big_to_copy(store, drac_map_pages(store)) &&
		 !copy_is_due(store, now)) ||
		(last != 0 && now >= last && now - last < REPLACE_EVERY_S))) {
		drac_why_set(why,
		    "%s: a process holds a lock on the map (dracctl check "
		    "names it); the update is safe in the journal and waits",
		    store->place.path);
		store->deferred = store->repaired = true;
		if (store->deferred_since == 0)
			store->deferred_since = now;
		return 0;
	}
	if (replace_by_copy(store, drac_map_pages(store), why) == -1)
		return -1;
	store->journal.head.replaced = now;
	if (drac_journal_applied(&store->journal, &store->map_st) == -1)
		return -1;
	drac_why_set(why,
	    "%s: a process holds a lock on the map (dracctl check names it); "
	    "replaced by a fresh copy (mode = 0600 keeps local users from "
	    "locking it)",
	    store->place.path);
	store->repaired = true;
	return 0;
}

/* Bring what is pending into the map. waited: it was there before us. */
static int
apply(struct drac_store *store, bool waited, struct drac_why *why)
{
	int wait_ms = drac_place_left(&store->place) / (waited ? 16 : 4);
	struct turn *turns;
	int result;

	if (store->pending.count == 0)
		return 0;
	if (wait_ms > READERS_WAIT_MS)
		wait_ms = READERS_WAIT_MS;
	turns = order_pending(store);
	if (turns == NULL)
		return drac_map_fail(store, "", why);
	if (drac_lock_map(store->map_fd, true, wait_ms) == 0)
		result = apply_locked(store, turns);
	else if (errno == ETIMEDOUT)
		result = readers_in_the_way(store, false, why);
	else
		result = -1;
	free(turns);
	if (result == -1) {
		drac_cache_clear(&store->sound);
		store->attached = false;
	}
	return result == 0 ? 0 : drac_map_fail(store, "write", why);
}

/* Sync what the ring vouches for, then begin the ring anew. */
static int
checkpoint(struct drac_store *store, struct drac_why *why)
{
	if (store->pending.count > 0)
		return readers_in_the_way(store, true, why);
	if (store->opts.sync && (fdatasync(store->map_fd) == -1 ||
				    fdatasync(store->journal_fd) == -1))
		return drac_map_fail(store, "sync", why);
	if (drac_journal_restart(&store->journal, store->opts.sync) == -1)
		return drac_map_fail(store, "journal", why);
	return 0;
}

/* The clock went back; see docs/DESIGN. */

time_t
drac_map_back(const struct drac_store *store, time_t now)
{
	int waited_ms =
	    (int)store->opts.timeout_ms - drac_place_left(&store->place);
	time_t ahead = (time_t)store->journal.head.mark - now;

	/* Since the caller looked at the clock others may have made changes. */
	if (store->opts.lifetime_s == 0 || now == 0 ||
	    ahead <= BACK_LEAST_S + waited_ms / 1000)
		return 0;
	return ahead;
}

time_t
drac_map_shorter(const struct drac_store *store, time_t expiry, time_t now,
    time_t back)
{
	time_t lifetime_s = (time_t)store->opts.lifetime_s;
	bool told_apart = back > lifetime_s + BACK_SPARE_S;

	if (back == 0 || expiry <= now ||
	    (told_apart && expiry <= now + lifetime_s))
		return expiry;
	return expiry - back;
}

int
drac_map_set_mark(struct drac_store *store, time_t now, struct drac_why *why)
{
	store->journal.head.mark = (int64_t)now;
	return checkpoint(store, why);
}

int
drac_map_raise_mark(struct drac_store *store, time_t now, struct drac_why *why)
{
	if (now - (time_t)store->journal.head.mark < MARK_AGE_S ||
	    drac_journal_note(&store->journal, (int64_t)now) == 0)
		return 0;
	return drac_map_fail(store, "journal", why);
}

bool
drac_map_foreign(const struct drac_store *store)
{
	const struct drac_journal_head *head = &store->journal.head;

	return head->mtime_s != store->map_st.st_mtim.tv_sec ||
	       head->mtime_ns != store->map_st.st_mtim.tv_nsec;
}

/* Are pages first to end - 1 as we left them, or as many as there are? */
int
drac_map_check_pages(struct drac_store *store, uint32_t first, uint32_t end)
{
	unsigned char *pages = malloc((size_t)CHECK_PAGES * DRAC_PAGE_SIZE);
	int result = pages == NULL ? -1 : 0;

	if (end > drac_map_pages(store))
		end = drac_map_pages(store);
	while (result == 0 && first < end) {
		uint32_t count =
		    end - first < CHECK_PAGES ? end - first : CHECK_PAGES;

		result = read_many(store, first, count, pages);
		first += count;
	}
	free(pages);
	return result;
}

/*
 * The first writer after a reboot, or after somebody else had the file in
 * hand: check all, apply all, begin anew.
 */
static int
settle(struct drac_store *store, struct drac_why *why)
{
	if (drac_map_pages(store) <= DRAC_PAGES_MAPPED &&
	    drac_map_check_pages(store, 0, UINT32_MAX) == -1)
		return -1;
	if (apply(store, false, why) == -1)
		return -1;
	if (store->pending.count > 0)
		return 0;
	if (drac_journal_applied(&store->journal, &store->map_st) == -1)
		return -1;
	return checkpoint(store, why);
}

/*
 * May this process write as far as an update goes? Where the limit for files
 * came to be noticed later, half an update would be safe in the journal: the
 * next writer would finish it, after this one has reported a failure.
 */
static int
check_file_limit(const struct drac_store *store, struct drac_why *why)
{
	off_t need = drac_journal_size(drac_map_pages(store));
	struct rlimit limit;

	if (need < store->map_st.st_size)
		need = store->map_st.st_size;
	if (getrlimit(RLIMIT_FSIZE, &limit) == -1 ||
	    limit.rlim_cur >= (rlim_t)need)
		return 0;
	drac_why_set(why,
	    "this process may write files of %ju octets, and %ju are needed",
	    (uintmax_t)limit.rlim_cur, (uintmax_t)need);
	errno = EFBIG;
	return -1;
}

/* The journal is another map's: ours may have been left under its new name. */
static int
mend_journal(struct drac_store *store, struct drac_why *why)
{
	switch (drac_remap_finish(&store->place, store->map_st.st_ino)) {
	case 1:
		return 0;
	case 0:
		return drac_map_heal(store, false, why);
	default:
		return drac_map_fail(store, DRAC_JOURNAL, why);
	}
}

/* The writers' lock is ours: have a map to work on, whole and up to date. */
static int
attach_once(struct drac_store *store, bool *again, struct drac_why *why)
{
	*again = true;
	if (drac_map_open(store, true, why) == -1) {
		if (errno != ENOENT || !store->opts.may_create) {
			*again = false;
			return drac_map_fail(store, "", why);
		}
		store->anew = true;
		return drac_map_create(store, why) == -1
			   ? drac_map_fail(store, "", why)
			   : 0;
	}
	if (check_file_limit(store, why) == -1) {
		*again = false;
		return drac_map_fail(store, "", why);
	}
	if (attach_journal(store) == -1) {
		if (errno != EBADMSG) {
			*again = false;
			return drac_map_fail(store, DRAC_JOURNAL, why);
		}
		return mend_journal(store, why);
	}
	*again = false;
	if (!store->journal.rebooted && !drac_map_foreign(store))
		return apply(store, true, why);
	if (settle(store, why) == 0)
		return 0;
	if (errno != EBADMSG)
		return drac_map_fail(store, "", why);
	*again = true;
	return drac_map_heal(store, true, why);
}

/*
 * Nobody but the owner writes to the map, by what is agreed. Whoever does
 * all the same leaves another time or another file.
 */
static bool
untouched(struct drac_store *store)
{
	struct stat now;

	if (!store->owned || !store->attached ||
	    drac_place_stat(&store->place, "", &now) == -1 ||
	    !same_file(store->map_fd, &store->map_st, &now) ||
	    (uint64_t)now.st_size != store->journal.head.pages * DRAC_PAGE_SIZE)
		return false;
	store->map_st = now;
	return !drac_map_foreign(store);
}

int
drac_map_attach(struct drac_store *store, struct drac_why *why)
{
	bool again = !untouched(store);

	if (!again)
		return apply(store, true, why);
	store->attached = false;
	for (int i = 0; i < RETRIES && again; i++)
		if (attach_once(store, &again, why) == -1)
			return -1;
	if (again) {
		errno = EAGAIN;
		return drac_map_fail(store, "changes too often", why);
	}
	store->attached = true;
	return 0;
}

static int
open_lock(struct drac_store *store, struct drac_why *why)
{
	if (store->lock_fd == -1)
		store->lock_fd = drac_place_file(&store->place, DRAC_LOCK,
		    O_RDWR | O_CREAT, 0600, why);
	return store->lock_fd == -1 ? drac_map_fail(store, DRAC_LOCK, why) : 0;
}

/*
 * Have the lock that has the lock's name. Half of the time is for it, and
 * then for a look whether who has it is dead.
 */
static int
lock_named(struct drac_store *store, struct drac_why *why)
{
	int64_t half_ms =
	    store->place.deadline_ms - drac_place_left(&store->place) / 2;

	for (int i = 0; i < RETRIES; i++) {
		int fd;

		if (open_lock(store, why) == -1)
			return -1;
		if (drac_lock_writers(&store->place, store->lock_fd, half_ms,
			why) == -1) {
			if (errno != ETIMEDOUT)
				return -1;
			fd = drac_lock_recover(&store->place, store->lock_fd);
			if (fd != -1) {
				(void)close(store->lock_fd);
				store->lock_fd = fd;
				return 0;
			}
			if (drac_lock_is_named(&store->place, store->lock_fd) &&
			    drac_lock_writers(&store->place, store->lock_fd,
				store->place.deadline_ms, why) == -1)
				return -1;
		}
		if (drac_lock_is_named(&store->place, store->lock_fd))
			return 0;
		(void)close(store->lock_fd);
		store->lock_fd = -1;
	}
	errno = EAGAIN;
	return drac_map_fail(store, DRAC_LOCK, why);
}

static int
lock_unless_owned(struct drac_store *store, struct drac_why *why)
{
	long pid;
	int owned;

	if (lock_named(store, why) == -1)
		return -1;
	owned = drac_lock_owned(store->lock_fd, &pid);
	if (owned == 0)
		return 0;
	if (owned == 1) {
		drac_why_set(why, "%s: kept by rpc.dracd (process %ld)",
		    store->place.path, pid);
		errno = EBUSY;
	}
	(void)drac_map_fail(store, DRAC_LOCK, why);
	drac_unlock_writers(store->lock_fd);
	return -1;
}

int
drac_map_own(struct drac_store *store, struct drac_why *why)
{
	struct stat st = { 0 };
	int saved;

	if (lock_unless_owned(store, why) == 0) {
		if (drac_lock_own(store->lock_fd) == -1)
			(void)drac_map_fail(store, DRAC_LOCK, why);
		else if (fstat(store->lock_fd, &st) == 0 &&
			 drac_map_attach(store, why) == 0)
			store->owned = true;
		store->lock_ino = st.st_ino;
		drac_unlock_writers(store->lock_fd);
	}
	if (store->owned)
		return 0;
	saved = errno;
	if (store->lock_fd != -1)
		(void)close(store->lock_fd);
	store->lock_fd = -1;
	errno = saved;
	return -1;
}

/* Somebody removed the lock's file; whoever makes a new one is not kept away. */
static int
own_again(struct drac_store *store, struct drac_why *why)
{
	(void)close(store->lock_fd);
	store->lock_fd = -1;
	store->owned = store->attached = false;
	return drac_map_own(store, why);
}

int
drac_map_lock_writers(struct drac_store *store, struct drac_why *why)
{
	struct stat now;

	if (!store->opts.owner)
		return lock_unless_owned(store, why);
	if (store->owned &&
	    drac_place_stat(&store->place, DRAC_LOCK, &now) == 0 &&
	    now.st_ino == store->lock_ino)
		return 0;
	return own_again(store, why);
}

void
drac_map_unlock_writers(struct drac_store *store)
{
	if (!store->owned)
		drac_unlock_writers(store->lock_fd);
}

/* Changing. */

/* Begin a change of the map as it is now. */
static void
begin_change(struct drac_store *store)
{
	drac_images_clear(&store->changed);
	store->tree = (struct drac_btree){ .read = drac_map_read_checked,
		.arg = store,
		.pages = drac_map_pages(store),
		.dirty = &store->changed };
}

int
drac_map_put(struct drac_store *store, const struct drac_text *key,
    const struct drac_text *value)
{
	const struct drac_item item = {
		.key = (const unsigned char *)key->text,
		.key_len = key->length,
		.value = (const unsigned char *)value->text,
		.value_len = value->length,
	};

	return drac_btree_put(&store->tree, &item);
}

struct live {
	time_t now;
	uint64_t count;
	struct drac_entries *salvage;
};

static int
count_live(const struct drac_leaf *leaf, void *arg)
{
	struct live *live = arg;

	for (unsigned i = 0; i < leaf->items; i++) {
		struct drac_item item;
		time_t expiry;
		int kind = drac_leaf_item(leaf, i, &item);

		if (kind == -1)
			return -1;
		if (kind == 0 ||
		    drac_value_read(item.value, item.value_len, &expiry) ==
			-1 ||
		    expiry <= live->now)
			continue;
		live->count++;
		if (live->salvage != NULL &&
		    drac_entries_add(live->salvage, &item) == -1)
			return -1;
	}
	return 0;
}

/* Few entries in many pages: build the map anew at the size it has. */
static int
compact(struct drac_store *store, time_t now, struct drac_why *why)
{
	struct drac_entries salvage = { .style = store->opts.key_style,
		.readers = store->opts.readers,
		.cover = store->opts.cover };
	struct live live = { .now = now, .salvage = &salvage };
	struct drac_remap remap = drac_map_remap(store);
	uint32_t pages = drac_map_pages(store);
	struct drac_tree tree;
	int result = -1;

	if (drac_map_checked_tree(store, &tree) == 0 &&
	    drac_tree_walk(&tree, count_live, &live) == 0)
		result = drac_remap_build(&remap, drac_entries_next, &salvage,
		    pages, why);
	drac_entries_free(&salvage);
	return result;
}

/* The same for every leaf of the file, without the way through the tree. */
static int
count_all_live(struct drac_store *store, struct live *live)
{
	unsigned char *pages = malloc((size_t)CHECK_PAGES * DRAC_PAGE_SIZE);
	struct drac_leaf *leaf = malloc(sizeof(*leaf));
	int result = pages == NULL || leaf == NULL ? -1 : 0;

	for (uint32_t at = 0; result == 0 && at < drac_map_pages(store);) {
		uint32_t left = drac_map_pages(store) - at;
		uint32_t count = left < CHECK_PAGES ? left : CHECK_PAGES;

		result = read_many(store, at, count, pages);
		for (uint32_t i = 0; result == 0 && i < count; i++) {
			unsigned char *page = pages + i * DRAC_PAGE_SIZE;

			if (drac_page_type(page) != DRAC_PAGE_LEAF)
				continue;
			result =
			    drac_leaf_load(leaf, at + i, page, DRAC_PAGE_SIZE);
			if (result == 0)
				result = count_live(leaf, live);
		}
		at += count;
	}
	free(pages);
	free(leaf);
	return result;
}

/*
 * No page is left: a bigger copy, or, where most of it is expired or
 * emptied, a compact one.
 */
int
drac_map_enlarge(struct drac_store *store, time_t now, struct drac_why *why)
{
	struct live live = { .now = now };
	uint32_t pages = drac_map_pages(store);
	uint32_t bigger = drac_remap_next_size(pages);

	if (!store->owned && too_big_to_copy(store, bigger)) {
		drac_why_set(why,
		    "%s: full, and too big to be enlarged within a login: "
		    "left to the next sweep",
		    store->place.path);
		errno = ENOSPC;
		return -1;
	}
	if (count_all_live(store, &live) == -1)
		return -1;
	store->enlarged = true;
	if (live.count < pages) {
		if (compact(store, now, why) == -1)
			return -1;
		drac_map_forget(store);
		return drac_map_attach(store, why);
	}
	return replace_by_copy(store, bigger, why);
}

/* Have what was changed pending, over what is pending already. */
static int
make_pending(struct drac_store *store)
{
	const struct drac_images *images = &store->changed;

	if (store->pending.count == 0) {
		drac_images_swap(&store->pending, &store->changed);
		return 0;
	}
	for (size_t i = 0; i < images->count; i++)
		if (drac_images_put(&store->pending, images->pgno[i],
			drac_images_at(images, i)) == -1)
			return -1;
	return 0;
}

/*
 * More than the ring can hold, which only the strangest of batches is: every
 * key in a leaf of its own that has to be split, as has all above it. The
 * changed pages get into the map with a copy of the others.
 */
static int
commit_by_copy(struct drac_store *store, struct drac_why *why)
{
	const struct drac_images *images = &store->pending;
	uint64_t taken = 0;

	if (make_pending(store) == -1)
		return -1;
	for (size_t i = 0; i < images->count; i++) {
		int turn = page_turn(store, images->pgno[i],
		    drac_images_at(images, i));

		if (turn == -1)
			return -1;
		taken += turn == TAKES_FREE;
	}
	if (taken > store->journal.head.free)
		taken = store->journal.head.free;
	store->journal.head.free -= taken;
	return replace_by_copy(store, drac_map_pages(store), why);
}

/*
 * A writer may have been killed after it put the map and its journal in
 * place and before it synced the directory. So the first record of a journal
 * waits until their names are on the disk.
 */
static int
sync_names(const struct drac_store *store)
{
	if (!store->opts.sync || store->journal.last > 0)
		return 0;
	return fsync(store->place.dir);
}

/*
 * Room in the ring for the change. *again: updates waited there for a reader,
 * and the map was replaced by a copy with them in it; the change has to be
 * made to that.
 */
static int
make_room_in_journal(struct drac_store *store, bool *again,
    struct drac_why *why)
{
	bool waiting = store->pending.count > 0;

	if (drac_journal_fits(&store->journal, store->changed.count))
		return 0;
	if (checkpoint(store, why) == -1)
		return -1;
	*again = waiting;
	return 0;
}

/* What was changed: safe in the journal first, then into the map. */
static int
commit(struct drac_store *store, bool *again, struct drac_why *why)
{
	const struct drac_images *images = &store->changed;

	if (!drac_journal_holds(&store->journal, images->count))
		return commit_by_copy(store, why) == -1
			   ? drac_map_fail(store, "copy", why)
			   : 0;
	if (make_room_in_journal(store, again, why) == -1)
		return -1;
	if (*again)
		return 0;
	if (sync_names(store) == -1 ||
	    drac_journal_append(&store->journal, images->pgno, images->data,
		images->count, store->opts.sync) == -1)
		return drac_map_fail(store, DRAC_JOURNAL, why);
	if (make_pending(store) == -1)
		return drac_map_fail(store, "", why);
	return apply(store, store->deferred, why);
}

static int
heal_and_attach(struct drac_store *store, struct drac_why *why)
{
	if (drac_map_heal(store, true, why) == -1)
		return -1;
	return drac_map_attach(store, why);
}

/* No page was free; a damaged map is noticed on the way. */
static int
make_space(struct drac_store *store, time_t now, struct drac_why *why)
{
	int result = drac_map_enlarge(store, now, why);

	if (result == -1 && errno == EBADMSG)
		result = heal_and_attach(store, why);
	return result == -1 ? drac_map_fail(store, "enlarge", why) : 0;
}

/*
 * One try of a change. *again: the map was enlarged or healed, and the
 * change has to be made once more.
 */
static int
change_once(struct drac_store *store, drac_map_change_fn *change, void *arg,
    time_t now, bool *again, struct drac_why *why)
{
	int result;

	begin_change(store);
	result = change(store, arg);
	*again = result == -1 && (errno == EBADMSG || errno == ENOSPC);
	if (*again)
		return errno == EBADMSG ? heal_and_attach(store, why)
					: make_space(store, now, why);
	if (result == -1)
		return drac_map_fail(store, "", why);
	if (store->changed.count == 0)
		return 0;
	if ((int64_t)now > store->journal.head.mark)
		store->journal.head.mark = (int64_t)now;
	return commit(store, again, why);
}

/* Lock and attached: make the change, however many tries it takes. */
static int
change_locked(struct drac_store *store, drac_map_change_fn *change, void *arg,
    time_t now, struct drac_why *why)
{
	for (int i = 0; i < RETRIES; i++) {
		bool again;

		if (change_once(store, change, arg, now, &again, why) == -1) {
			store->attached = false;
			return -1;
		}
		if (!again) {
			/* A repair is worth telling, a detour is not. */
			if (!store->repaired && why != NULL)
				why->text[0] = '\0';
			return 0;
		}
	}
	errno = EAGAIN;
	return drac_map_fail(store, "changes too often", why);
}

int
drac_map_change(struct drac_store *store, drac_map_change_fn *fn, void *arg,
    time_t now, struct drac_why *why)
{
	int result;

	if (drac_map_lock_writers(store, why) == -1)
		return -1;
	result = drac_map_attach(store, why);
	if (result == 0)
		result = change_locked(store, fn, arg, now, why);
	drac_map_unlock_writers(store);
	return result;
}
