/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Sweeping: drac_store_sweep and drac_store_upkeep of store.h. Short
 * batches, each a change of its own with the locks released after it, so
 * that neither a login nor a reader waits for long.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "map.h"
#include "store.h"

#define SWEEP_LEAVES  64u
#define SWEEP_ENTRIES 128u
#define CHECK_BATCH   4096u

struct sweep {
	time_t now;
	uint64_t limit; /* still to be removed; UINT64_MAX: no limit */
	struct drac_text cursor;
	struct drac_text doomed[SWEEP_ENTRIES];
	unsigned count;
	uint64_t kept;
	bool end;
};

/* Note one entry; false when the batch is full. */
static bool
sweep_item(struct sweep *sweep, const struct drac_item *item)
{
	time_t expiry;

	if (item->key_len > sizeof(sweep->cursor.text) ||
	    drac_key_order(item->key, item->key_len, sweep->cursor.text,
		sweep->cursor.length) <= 0)
		return true;
	if (drac_value_read(item->value, item->value_len, &expiry) == -1 ||
	    expiry > sweep->now) {
		sweep->kept++;
	} else {
		struct drac_text *doomed;

		if (sweep->count == SWEEP_ENTRIES ||
		    sweep->count >= sweep->limit)
			return false;
		doomed = &sweep->doomed[sweep->count++];
		memcpy(doomed->text, item->key, item->key_len);
		doomed->length = item->key_len;
	}
	memcpy(sweep->cursor.text, item->key, item->key_len);
	sweep->cursor.length = item->key_len;
	return true;
}

/* 1 go on with the next leaf, 0 the batch is full, -1. */
static int
sweep_leaf(struct sweep *sweep, const struct drac_leaf *leaf)
{
	for (unsigned i = 0; i < leaf->items; i++) {
		struct drac_item item;
		int kind = drac_leaf_item(leaf, i, &item);

		if (kind == -1)
			return -1;
		if (kind == 1 && !sweep_item(sweep, &item))
			return 0;
	}
	return 1;
}

static int
sweep_collect(struct drac_store *store, struct sweep *sweep)
{
	struct drac_leaf *leaf = malloc(sizeof(*leaf));
	struct drac_tree tree;
	int more = -1;

	if (leaf == NULL)
		return -1;
	sweep->count = 0;
	sweep->kept = 0;
	if (drac_map_checked_tree(store, &tree) == 0 &&
	    drac_tree_seek(&tree, sweep->cursor.text, sweep->cursor.length,
		leaf) == 0)
		more = 1;
	for (unsigned n = 0; more == 1 && n < SWEEP_LEAVES; n++) {
		int room = sweep_leaf(sweep, leaf);

		if (room != 1) {
			more = room == 0 ? 1 : -1;
			break;
		}
		more = drac_leaf_next(&tree, leaf);
	}
	sweep->end = more == 0;
	free(leaf);
	return more == -1 ? -1 : 0;
}

static int
sweep_change(struct drac_store *store, void *arg, struct drac_why *why)
{
	struct sweep *sweep = arg;
	struct drac_text cursor = sweep->cursor;

	if (sweep_collect(store, sweep) == -1) {
		sweep->cursor = cursor;
		return -1;
	}
	for (unsigned i = 0; i < sweep->count; i++)
		if (drac_bdb_delete(store->bdb, sweep->doomed[i].text,
			sweep->doomed[i].length, why) == -1) {
			sweep->cursor = cursor;
			return -1;
		}
	return 0;
}

/*
 * Let writers who poll for the lock have their turn, and have the disk at
 * work meanwhile, so that a checkpoint has little left to wait for.
 */
static int
yield_to_writers(const struct drac_store *store)
{
	struct timespec pause = { .tv_nsec = 2500000 };

	(void)nanosleep(&pause, NULL);
	if (!store->opts.sync || store->map_fd == -1)
		return 0;
	return fdatasync(store->map_fd);
}

static int
sweep_all(struct drac_store *store, struct sweep *sweep,
    struct drac_swept *swept, struct drac_why *why)
{
	struct drac_why batch = { .text = "" };

	while (!sweep->end) {
		drac_place_start(&store->place, store->opts.timeout_ms);
		if (drac_map_change(store, sweep_change, sweep, sweep->now,
			&batch) == -1) {
			if (why != NULL)
				*why = batch;
			return -1;
		}
		if (batch.text[0] != '\0' && why != NULL)
			*why = batch;
		batch.text[0] = '\0';
		swept->removed += sweep->count;
		swept->kept += sweep->kept;
		swept->enlarged = swept->enlarged || store->enlarged;
		if (sweep->limit != UINT64_MAX)
			sweep->limit -= sweep->count;
		if (sweep->limit == 0 && !sweep->end) {
			swept->more = true;
			break;
		}
		if (!sweep->end && yield_to_writers(store) == -1)
			return drac_map_fail(store, "sync", why);
	}
	return 0;
}

/* One batch of pages; a map with a damaged one is healed. */
static int
check_batch(struct drac_store *store, uint32_t first, struct drac_why *why)
{
	int result;

	drac_place_start(&store->place, store->opts.timeout_ms);
	if (drac_map_lock_writers(store, why) == -1)
		return -1;
	result = drac_map_attach(store, why);
	if (result == 0)
		result =
		    drac_map_check_pages(store, first, first + CHECK_BATCH);
	if (result == -1 && errno == EBADMSG)
		result = drac_map_heal(store, true, why);
	if (result == -1)
		(void)drac_map_fail(store, "check", why);
	drac_map_unlock_writers(store);
	return result;
}

/*
 * What no login comes across, a server may: is every page as we left it?
 * In batches, so that no login waits.
 */
static int
check_whole(struct drac_store *store, struct drac_why *why)
{
	uint32_t at = 0;
	int result;

	do {
		result = check_batch(store, at, why);
		at += CHECK_BATCH;
		if (result == 0)
			result = yield_to_writers(store);
	} while (result == 0 && at < drac_map_pages(store));
	return result;
}

/* Nearly full: enlarge now, so that no login has to. */
static int
make_room(struct drac_store *store, time_t now, bool *enlarged,
    struct drac_why *why)
{
	int result;

	drac_place_start(&store->place, store->opts.timeout_ms);
	if (drac_map_lock_writers(store, why) == -1)
		return -1;
	result = drac_map_attach(store, why);
	if (result == 0 &&
	    store->journal.head.free < drac_map_pages(store) / 4) {
		result = drac_map_enlarge(store, now, why);
		*enlarged = result == 0;
		if (result == -1)
			(void)drac_map_fail(store, "enlarge", why);
	}
	drac_map_unlock_writers(store);
	return result;
}

int
drac_store_sweep(struct drac_store *store, time_t now, uint64_t limit,
    struct drac_swept *swept, struct drac_why *why)
{
	struct sweep *sweep = calloc(1, sizeof(*sweep));
	bool enlarged = false;
	int result;

	drac_map_begin(store, why);
	memset(swept, 0, sizeof(*swept));
	if (sweep == NULL)
		return drac_map_fail(store, "", why);
	sweep->now = now;
	sweep->limit = limit == 0 ? UINT64_MAX : limit;
	result = sweep_all(store, sweep, swept, why);
	free(sweep);
	if (result == 0)
		result = check_whole(store, why);
	if (result == 0)
		result = make_room(store, now, &enlarged, why);
	swept->enlarged = swept->enlarged || enlarged;
	return result;
}

int
drac_store_upkeep(struct drac_store *store, time_t now, bool *anew,
    struct drac_why *why)
{
	bool enlarged;
	int result;

	drac_map_begin(store, why);
	/* Look at everything again, also where the owner takes it for granted. */
	store->attached = false;
	result = check_batch(store, store->upkeep_at, why);
	if (result == 0)
		result = make_room(store, now, &enlarged, why);
	store->upkeep_at += CHECK_BATCH;
	if (store->upkeep_at >= drac_map_pages(store))
		store->upkeep_at = 0;
	*anew = result == 0 && store->anew;
	if (result == -1)
		return -1;
	store->anew = false;
	if (!store->repaired && why != NULL)
		why->text[0] = '\0';
	return 0;
}
