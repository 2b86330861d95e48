/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Sweeping: drac_store_sweep and drac_store_upkeep of store.h. Short
 * batches, each a change of its own with the locks released after it, so
 * that neither a login nor a reader waits for long.
 */

#include <sys/stat.h>

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

#define PASS_BATCHES 128u
#define GONE         ((time_t)-1)

/* A way through the map; upkeep goes it in several calls. */
struct drac_sweep {
	time_t now;
	uint64_t limit;          /* still to be removed; UINT64_MAX: no limit */
	bool keep_expired;       /* the owner removes them by name */
	struct drac_text from;   /* behind this the batch begins */
	struct drac_text cursor; /* and this far it has come */
	struct doomed {
		struct drac_text key;
		time_t to;    /* its new expiry, or GONE */
		bool respell; /* under the keys that are wanted now */
	} doomed[SWEEP_ENTRIES];
	unsigned count;
	unsigned removed; /* of them */
	unsigned sooner;  /* of them, because the clock went back */
	unsigned respelt; /* of them, and why: bits of drac_key_fault */
	unsigned faults;
	uint64_t kept;
	bool begun;
	bool end;
	time_t back; /* the clock went back by so much, and then */
	int64_t mark;
	uint64_t shortened; /* so many of all batches */
	uint64_t converted;
	unsigned all_faults;
};

static time_t
new_expiry(const struct drac_store *store, const struct drac_sweep *sweep,
    time_t expiry)
{
	expiry = drac_map_shorter(store, expiry, sweep->now, sweep->back);
	return expiry > sweep->now || sweep->keep_expired ? expiry : GONE;
}

/*
 * A network that was opened under another prefix: the owner, who removes by
 * name what expires, would never come across it.
 */
static bool
is_stray(const struct drac_store *store, const struct drac_sweep *sweep,
    const struct drac_item *item)
{
	struct drac_addr addr;

	return store->opts.owner && !sweep->keep_expired &&
	       drac_key_read_net(item->key, item->key_len,
		   store->opts.key_style, &store->opts.cover, &addr) == -1;
}

/*
 * Of a closed address, or of a network that has one: no add writes it, but a
 * map that was restored or carried over may have it.
 */
static bool
is_closed(const struct drac_store *store, const struct drac_sweep *sweep,
    const struct drac_item *item)
{
	const struct drac_cover *cover = &store->opts.cover;
	struct drac_addr addr;
	struct drac_net net;
	bool second;

	if (store->closed.count == 0)
		return false;
	if (drac_key_read_net(item->key, item->key_len, store->opts.key_style,
		cover, &addr) != 1 &&
	    drac_key_read(item->key, item->key_len, &addr, &second) == -1)
		return false;
	net = drac_cover_of(cover, &addr);
	return drac_closed_find(&store->closed, &net, sweep->now) != NULL;
}

/* Note one entry; false when the batch is full. */
static bool
sweep_item(const struct drac_store *store, struct drac_sweep *sweep,
    const struct drac_item *item)
{
	enum drac_key_fault fault = DRAC_KEY_FITS;
	time_t expiry = 0;
	time_t to = 0;

	if (item->key_len > sizeof(sweep->cursor.text) ||
	    drac_key_order(item->key, item->key_len, sweep->cursor.text,
		sweep->cursor.length) <= 0)
		return true;
	if (drac_value_read(item->value, item->value_len, &expiry) == 0)
		to = is_stray(store, sweep, item) ||
			     is_closed(store, sweep, item)
			 ? GONE
			 : new_expiry(store, sweep, expiry);
	if (to != GONE && to != 0)
		fault = drac_key_fault(item->key, item->key_len,
		    store->opts.key_style, store->opts.readers);
	if (to != expiry || fault != DRAC_KEY_FITS) {
		struct doomed *doomed = &sweep->doomed[sweep->count];

		if (sweep->count == SWEEP_ENTRIES ||
		    (to == GONE && sweep->removed >= sweep->limit))
			return false;
		memcpy(doomed->key.text, item->key, item->key_len);
		doomed->key.length = item->key_len;
		doomed->to = to;
		doomed->respell = fault != DRAC_KEY_FITS;
		sweep->count++;
		sweep->removed += to == GONE;
		sweep->sooner += to != expiry && expiry > sweep->now;
		sweep->respelt += doomed->respell;
		sweep->faults |= 1u << fault;
	}
	sweep->kept += to != GONE;
	memcpy(sweep->cursor.text, item->key, item->key_len);
	sweep->cursor.length = item->key_len;
	return true;
}

/* 1 go on with the next leaf, 0 the batch is full, -1. */
static int
sweep_leaf(const struct drac_store *store, struct drac_sweep *sweep,
    const struct drac_leaf *leaf)
{
	for (unsigned i = 0; i < leaf->items; i++) {
		struct drac_item item;
		int kind = drac_leaf_item(leaf, i, &item);

		if (kind == -1)
			return -1;
		if (kind == 1 && !sweep_item(store, sweep, &item))
			return 0;
	}
	return 1;
}

static int
sweep_collect(struct drac_store *store, struct drac_sweep *sweep)
{
	struct drac_leaf *leaf = malloc(sizeof(*leaf));
	struct drac_tree tree;
	int more = -1;

	if (leaf == NULL)
		return -1;
	sweep->cursor = sweep->from;
	sweep->count = sweep->removed = sweep->sooner = sweep->respelt = 0;
	sweep->faults = 0;
	sweep->kept = 0;
	if (drac_map_checked_tree(store, &tree) == 0 &&
	    drac_tree_seek(&tree, sweep->cursor.text, sweep->cursor.length,
		leaf) == 0)
		more = 1;
	for (unsigned n = 0; more == 1 && n < SWEEP_LEAVES; n++) {
		int room = sweep_leaf(store, sweep, leaf);

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
sweep_put(struct drac_store *store, const struct drac_text *key, time_t expiry)
{
	struct drac_text value;

	drac_value_spell(expiry, store->opts.key_style, &value);
	return drac_map_put(store, key, &value);
}

/* Until expiry at least: a login may have written the right key since. */
static int
sweep_add(struct drac_store *store, const struct drac_text *key, time_t expiry)
{
	char value[DRAC_VALUE_TEXT];
	size_t length = sizeof(value);
	time_t is;
	int found = drac_btree_get(&store->tree, key->text, key->length, value,
	    &length);

	if (found == 1 && drac_value_read(value, length, &is) == 0 &&
	    is >= expiry)
		return 0;
	return found == -1 ? -1 : sweep_put(store, key, expiry);
}

static int
sweep_respell(struct drac_store *store, const struct doomed *doomed)
{
	struct drac_text key[2];
	struct drac_addr addr;
	unsigned keys;
	bool second;

	if (drac_key_read(doomed->key.text, doomed->key.length, &addr,
		&second) == -1)
		return -1;
	keys = drac_key_spell(&addr, store->opts.key_style, store->opts.readers,
	    key);
	for (unsigned i = 0; i < keys; i++)
		if (sweep_add(store, &key[i], doomed->to) == -1)
			return -1;
	return drac_btree_delete(&store->tree, doomed->key.text,
	    doomed->key.length);
}

static int
sweep_entry(struct drac_store *store, const struct doomed *doomed)
{
	if (doomed->to == GONE)
		return drac_btree_delete(&store->tree, doomed->key.text,
		    doomed->key.length);
	if (doomed->respell)
		return sweep_respell(store, doomed);
	return sweep_put(store, &doomed->key, doomed->to);
}

static int
sweep_change(struct drac_store *store, void *arg)
{
	struct drac_sweep *sweep = arg;

	/* Another process may have closed or opened some since. */
	(void)drac_map_know_closed(store, NULL);
	/* Later ones wait for locks, and others go on: that is no step. */
	if (!sweep->begun) {
		sweep->mark = store->journal.head.mark;
		sweep->back = drac_map_back(store, sweep->now);
		sweep->begun = true;
	}
	if (sweep_collect(store, sweep) == -1)
		return -1;
	for (unsigned i = 0; i < sweep->count; i++)
		if (sweep_entry(store, &sweep->doomed[i]) == -1)
			return -1;
	return 0;
}

static int
sweep_batch(struct drac_store *store, struct drac_sweep *sweep,
    struct drac_why *why)
{
	drac_place_start(&store->place, store->opts.timeout_ms);
	if (drac_map_change(store, sweep_change, sweep, sweep->now, why) == -1)
		return -1;
	sweep->from = sweep->cursor;
	sweep->shortened += sweep->sooner;
	sweep->converted += sweep->respelt;
	sweep->all_faults |= sweep->faults;
	return 0;
}

/*
 * The whole map was gone through: let the mark go back with the clock, as
 * the last thing, so that whoever comes after a kill does all of it again.
 */
static int
sweep_back(struct drac_store *store, const struct drac_sweep *sweep,
    struct drac_why *why)
{
	int result;

	if (sweep->back == 0)
		return 0;
	drac_place_start(&store->place, store->opts.timeout_ms);
	if (drac_map_lock_writers(store, why) == -1)
		return -1;
	result = drac_map_attach(store, why);
	if (result == 0 && store->journal.head.mark == sweep->mark)
		result = drac_map_set_mark(store, sweep->now, why);
	drac_map_unlock_writers(store);
	if (result == 0 && sweep->shortened > 0 && why != NULL &&
	    why->text[0] == '\0')
		drac_why_set(why,
		    "%s: the clock went back by %lld s: %llu entries shortened",
		    store->place.path, (long long)sweep->back,
		    (unsigned long long)sweep->shortened);
	return result;
}

/* What was converted is told once, where there is nothing worse to tell. */
static void
tell_converted(const struct drac_store *store, const struct drac_sweep *sweep,
    struct drac_why *why)
{
	char text[DRAC_KEY_CONVERTED_TEXT];

	if (sweep->converted == 0 || why == NULL || why->text[0] != '\0')
		return;
	drac_key_converted_text(sweep->converted, sweep->all_faults, text);
	drac_why_set(why, "%s: %s", store->place.path, text);
}

/*
 * Let writers who poll for the lock have their turn, and have the disk at
 * work meanwhile, so that a checkpoint has little left to wait for.
 */
static int
yield_to_writers(const struct drac_store *store)
{
	struct timespec pause = { .tv_nsec = 2500000 };

	if (store->opts.owner)
		return 0;
	(void)nanosleep(&pause, NULL);
	if (!store->opts.sync || store->map_fd == -1)
		return 0;
	return fdatasync(store->map_fd);
}

static int
sweep_all(struct drac_store *store, struct drac_sweep *sweep,
    struct drac_swept *swept, struct drac_why *why)
{
	struct drac_why batch = { .text = "" };

	while (!sweep->end) {
		if (sweep_batch(store, sweep, &batch) == -1) {
			if (why != NULL)
				*why = batch;
			return -1;
		}
		if (batch.text[0] != '\0' && why != NULL)
			*why = batch;
		batch.text[0] = '\0';
		swept->removed += sweep->removed;
		swept->kept += sweep->kept;
		swept->enlarged = swept->enlarged || store->enlarged;
		if (sweep->limit != UINT64_MAX)
			sweep->limit -= sweep->removed;
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

/* An idle map's mark must not grow old, or a step would not be known whole. */
static int
raise_mark(struct drac_store *store, time_t now, struct drac_why *why)
{
	int result;

	drac_place_start(&store->place, store->opts.timeout_ms);
	if (drac_map_lock_writers(store, why) == -1)
		return -1;
	result = drac_map_attach(store, why);
	if (result == 0)
		result = drac_map_raise_mark(store, now, why);
	drac_map_unlock_writers(store);
	return result;
}

/* So that others can see whether anybody sweeps. */
static void
leave_trace(const struct drac_store *store, time_t now)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
		{ .tv_sec = now } };

	(void)futimens(store->lock_fd, times);
}

/* What is wrong with the list keeps nothing else from being swept. */
static int
prune_closed(struct drac_store *store, time_t now, struct drac_why *why)
{
	struct drac_why error = { "" };
	int result = drac_map_know_closed(store, &error);

	if (result == 0 && store->closed.count == 0)
		return 0;
	if (result == 0 && drac_map_lock_writers(store, why) == -1)
		return -1;
	if (result == 0) {
		result = drac_map_prune_closed(store, now, &error);
		drac_map_unlock_writers(store);
	}
	if (result == -1 && why != NULL)
		*why = error;
	return result;
}

int
drac_store_sweep(struct drac_store *store, time_t now, uint64_t limit,
    struct drac_swept *swept, struct drac_why *why)
{
	struct drac_sweep *sweep = calloc(1, sizeof(*sweep));
	bool enlarged = false;
	int result;

	drac_map_begin(store, why);
	memset(swept, 0, sizeof(*swept));
	if (sweep == NULL)
		return drac_map_fail(store, "", why);
	sweep->now = now;
	sweep->limit = limit == 0 ? UINT64_MAX : limit;
	store->sweeping = true;
	result = sweep_all(store, sweep, swept, why);
	if (result == 0 && sweep->end)
		result = sweep_back(store, sweep, why);
	if (result == 0)
		tell_converted(store, sweep, why);
	free(sweep);
	if (result == 0)
		result = check_whole(store, why);
	if (result == 0)
		result = make_room(store, now, &enlarged, why);
	if (result == 0)
		result = raise_mark(store, now, why);
	if (result == 0) {
		leave_trace(store, now);
		result = prune_closed(store, now, why);
	}
	swept->enlarged = swept->enlarged || enlarged;
	store->sweeping = false;
	return result;
}

/* Begin a pass when the clock went back; from the start when it does again. */
static int
need_pass(struct drac_store *store, time_t now)
{
	struct drac_sweep *pass = store->pass;

	if (pass != NULL && (drac_map_back(store, now) == 0 ||
				pass->mark != store->journal.head.mark)) {
		free(pass);
		pass = store->pass = NULL;
	}
	if (pass == NULL && drac_map_back(store, now) != 0) {
		pass = store->pass = calloc(1, sizeof(*pass));
		if (pass == NULL)
			return -1;
		pass->keep_expired = true;
		pass->limit = UINT64_MAX;
	}
	return 0;
}

/* A part of what a sweep does when the clock went back. */
static int
shorten_some(struct drac_store *store, time_t now, struct drac_why *why)
{
	struct drac_sweep *pass;
	int result = 0;

	if (need_pass(store, now) == -1)
		return drac_map_fail(store, "", why);
	pass = store->pass;
	if (pass == NULL)
		return 0;
	pass->now = now;
	pass->begun = false;
	for (unsigned n = 0; n < PASS_BATCHES && !pass->end; n++)
		if (sweep_batch(store, pass, why) == -1)
			return -1;
	if (pass->end) {
		result = sweep_back(store, pass, why);
		if (pass->shortened > 0)
			store->anew = store->repaired = true;
		free(pass);
		store->pass = NULL;
	}
	return result;
}

bool
drac_store_upkeep_more(const struct drac_store *store)
{
	return store->pass != NULL;
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
		result = shorten_some(store, now, why);
	if (result == 0)
		result = make_room(store, now, &enlarged, why);
	if (result == 0)
		result = raise_mark(store, now, why);
	if (result == 0)
		leave_trace(store, now);
	store->upkeep_at += CHECK_BATCH;
	if (store->upkeep_at >= drac_map_pages(store))
		store->upkeep_at = 0;
	*anew = result == 0 && store->anew;
	if (result == -1)
		return -1;
	store->anew = false;
	if (!store->repaired && why != NULL)
		why->text[0] = '\0';
	return prune_closed(store, now, why);
}
