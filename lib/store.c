/* SPDX-License-Identifier: BSD-2-Clause */

/* The public verbs on a map, but for the sweep; see store.h. */

#include "store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "map.h"

#define EACH_LEAVES 64u

void
drac_store_close(struct drac_store *store)
{
	int saved = errno;

	if (store == NULL)
		return;
	drac_map_forget(store);
	if (store->lock_fd != -1)
		(void)close(store->lock_fd);
	drac_place_close(&store->place);
	free(store);
	errno = saved;
}

int
drac_store_open(const struct drac_store_opts *opts, struct drac_store **out,
    struct drac_why *why)
{
	struct drac_store *store = calloc(1, sizeof(*store));

	if (why != NULL)
		why->text[0] = '\0';
	if (store == NULL) {
		drac_why_set(why, "%s: %s", opts->path, strerror(errno));
		return -1;
	}
	store->opts = *opts;
	store->opts.path = NULL;
	store->lock_fd = store->map_fd = store->journal_fd = -1;
	store->pending.page_size = store->sound.page_size = DRAC_PAGE_SIZE;
	store->place.dir = -1;
	if (drac_place_open(&store->place, opts->path, why) == -1) {
		if (why != NULL && why->text[0] == '\0')
			drac_why_set(why, "%s: %s", opts->path,
			    strerror(errno));
		drac_store_close(store);
		return -1;
	}
	drac_place_start(&store->place, opts->timeout_ms);
	if (drac_map_open(store, false, why) == -1) {
		int result = -1;

		if (errno == ENOENT && opts->may_create)
			result = drac_map_lock_writers(store, why);
		else
			(void)drac_map_fail(store, "", why);
		if (result == 0) {
			result = drac_map_attach(store, why);
			drac_map_unlock_writers(store);
		}
		if (result == -1) {
			drac_store_close(store);
			return -1;
		}
	}
	*out = store;
	return 0;
}

/* One key read under the readers' lock: 1, 0, -1. */
static int
get_shared(struct drac_store *store, const struct drac_text *key, int wait_ms,
    time_t *expiry, struct drac_why *why)
{
	struct drac_tree tree;
	int result;

	if (drac_map_open(store, false, why) == -1)
		return drac_map_fail(store, "", why);
	if (drac_lock_map(store->map_fd, false, wait_ms) == -1)
		return drac_map_fail(store, "lock", why);
	result = drac_map_raw_tree(store, &tree, why);
	if (result == 0)
		result = drac_map_find(&tree, key, expiry);
	drac_unlock_map(store->map_fd, false);
	return result == -1 ? drac_map_fail(store, "", why) : result;
}

int
drac_store_get(struct drac_store *store, const struct drac_addr *addr,
    time_t *expiry, struct drac_why *why)
{
	struct drac_text key[2];

	drac_map_begin(store, why);
	(void)drac_key_spell(addr, store->opts.key_style, key);
	return get_shared(store, &key[0], drac_place_left(&store->place),
	    expiry, why);
}

/* One address to be written. */
struct put {
	struct drac_text key[2];
	unsigned keys;
	time_t now; /* 0: remove nothing in passing */
	time_t expiry;
	bool shorten; /* even if the entry lasts longer */
	bool only_if; /* take_back: only if the entry is exactly this */
	time_t expected;
	time_t previous;
	bool written;
	bool removed;
};

/* What Berkeley DB would find now, read by our own hand. */
static int
peek(struct drac_store *store, const struct drac_text *key, time_t *expiry)
{
	struct drac_tree tree;

	*expiry = 0;
	if (drac_map_checked_tree(store, &tree) == -1)
		return -1;
	return drac_map_find(&tree, key, expiry);
}

/* Remove what has expired from the leaf that the key belongs to. */
static int
tidy_leaf(struct drac_store *store, const struct put *put, struct drac_why *why)
{
	struct drac_leaf *leaf = malloc(sizeof(*leaf));
	struct drac_tree tree;
	int result = -1;

	if (leaf == NULL)
		return -1;
	if (drac_map_checked_tree(store, &tree) == 0)
		result = drac_tree_seek(&tree, put->key[0].text,
		    put->key[0].length, leaf);
	for (unsigned i = 0; result == 0 && i < leaf->items; i++) {
		struct drac_item item;
		time_t expiry;
		int kind = drac_leaf_item(leaf, i, &item);

		if (kind == -1)
			result = -1;
		else if (kind == 1 &&
			 drac_value_read(item.value, item.value_len, &expiry) ==
			     0 &&
			 expiry <= put->now &&
			 drac_bdb_delete(store->bdb, item.key, item.key_len,
			     why) == -1)
			result = -1;
	}
	free(leaf);
	return result;
}

static int
put_change(struct drac_store *store, void *arg, struct drac_why *why)
{
	struct put *put = arg;
	struct drac_text value;

	put->written = false;
	if (peek(store, &put->key[0], &put->previous) == -1)
		return -1;
	if (put->only_if && put->previous != put->expected)
		return 0;
	if (!put->shorten && put->previous >= put->expiry)
		return 0;
	if (put->now != 0 && tidy_leaf(store, put, why) == -1)
		return -1;
	drac_value_spell(put->expiry, store->opts.key_style, &value);
	for (unsigned i = 0; i < put->keys; i++)
		if (drac_bdb_put(store->bdb, put->key[i].text,
			put->key[i].length, value.text, value.length,
			why) == -1)
			return -1;
	put->written = true;
	return 0;
}

static void
prepare(struct drac_store *store, struct put *put, const struct drac_addr *addr)
{
	put->keys = drac_key_spell(addr, store->opts.key_style, put->key);
}

/* Recorded moments ago, or longer than we would: nothing to write. */
static bool
still_fresh(struct drac_store *store, const struct put *put, unsigned renew_s,
    time_t *expiry)
{
	return get_shared(store, &put->key[0],
		   drac_place_left(&store->place) / 8, expiry, NULL) == 1 &&
	       *expiry >= put->expiry - (time_t)renew_s && *expiry > put->now;
}

int
drac_store_add(struct drac_store *store, const struct drac_addr *addr,
    time_t now, time_t expiry, unsigned renew_s, struct drac_grant *grant,
    struct drac_why *why)
{
	struct put put = { .now = now, .expiry = expiry };
	struct drac_grant unused;
	int result;

	drac_map_begin(store, why);
	if (grant == NULL)
		grant = &unused;
	memset(grant, 0, sizeof(*grant));
	prepare(store, &put, addr);
	if (still_fresh(store, &put, renew_s, &grant->expiry)) {
		grant->previous = grant->expiry;
		return 0;
	}
	result = drac_map_change(store, put_change, &put, now, why);
	grant->written = put.written;
	grant->previous = put.previous;
	grant->expiry = put.written ? expiry : put.previous;
	grant->deferred = store->deferred;
	return result;
}

int
drac_store_set(struct drac_store *store, const struct drac_addr *addr,
    time_t expiry, struct drac_why *why)
{
	struct put put = { .expiry = expiry, .shorten = true };

	drac_map_begin(store, why);
	prepare(store, &put, addr);
	return drac_map_change(store, put_change, &put, 0, why);
}

static int
drop_change(struct drac_store *store, void *arg, struct drac_why *why)
{
	struct put *put = arg;

	put->removed = false;
	if (peek(store, &put->key[0], &put->previous) == -1)
		return -1;
	if (put->only_if && put->previous != put->expected)
		return 0;
	for (unsigned i = 0; i < put->keys; i++) {
		int gone = drac_bdb_delete(store->bdb, put->key[i].text,
		    put->key[i].length, why);

		if (gone == -1)
			return -1;
		put->removed = put->removed || gone == 1;
	}
	return 0;
}

int
drac_store_drop(struct drac_store *store, const struct drac_addr *addr,
    struct drac_why *why)
{
	struct put put = { .expiry = 0 };

	drac_map_begin(store, why);
	prepare(store, &put, addr);
	if (drac_map_change(store, drop_change, &put, 0, why) == -1)
		return -1;
	return put.removed ? 1 : 0;
}

int
drac_store_take_back(struct drac_store *store, const struct drac_addr *addr,
    const struct drac_grant *grant, struct drac_why *why)
{
	struct put put = { .expiry = grant->previous,
		.shorten = true,
		.only_if = true,
		.expected = grant->expiry };
	bool had = grant->previous != 0;

	drac_map_begin(store, why);
	if (!grant->written)
		return 0;
	prepare(store, &put, addr);
	if (drac_map_change(store, had ? put_change : drop_change, &put, 0,
		why) == -1)
		return -1;
	return put.written || put.removed ? 1 : 0;
}

/* Streaming. */

struct stream {
	drac_store_visit *visit;
	void *arg;
	unsigned char *pages; /* EACH_LEAVES leaves */
	uint32_t pgno[EACH_LEAVES];
	unsigned leaves;
	unsigned page_size;
	struct drac_text cursor; /* the last key seen */
	bool end;
	struct drac_leaf leaf;
};

/* Read the next leaves while holding the readers' lock. */
static int
fetch(struct drac_store *store, struct stream *stream, struct drac_why *why)
{
	struct drac_tree tree;
	struct drac_leaf *leaf = &stream->leaf;
	int more;

	if (drac_map_raw_tree(store, &tree, why) == -1)
		return -1;
	if (stream->pages == NULL)
		stream->pages = malloc((size_t)EACH_LEAVES * DRAC_PAGE_MAX);
	if (stream->pages == NULL)
		return -1;
	stream->leaves = 0;
	stream->page_size = tree.page_size;
	more = drac_tree_seek(&tree, stream->cursor.text, stream->cursor.length,
		   leaf) == -1
		   ? -1
		   : 1;
	while (more == 1 && stream->leaves < EACH_LEAVES) {
		memcpy(stream->pages +
			   (size_t)stream->leaves * stream->page_size,
		    leaf->page, stream->page_size);
		stream->pgno[stream->leaves++] = leaf->pgno;
		more = drac_leaf_next(&tree, leaf);
	}
	stream->end = more == 0;
	return more == -1 ? -1 : 0;
}

static int
fetch_shared(struct drac_store *store, struct stream *stream,
    struct drac_why *why)
{
	int result;

	drac_place_start(&store->place, store->opts.timeout_ms);
	if (drac_map_open(store, false, why) == -1 ||
	    drac_lock_map(store->map_fd, false,
		drac_place_left(&store->place)) == -1)
		return drac_map_fail(store, "", why);
	result = fetch(store, stream, why);
	drac_unlock_map(store->map_fd, false);
	return result == -1 ? drac_map_fail(store, "", why) : 0;
}

static int
visit_item(const struct drac_store *store, struct stream *stream,
    const struct drac_item *item)
{
	struct drac_addr addr;
	time_t expiry;
	bool second;

	size_t length = item->key_len < sizeof(stream->cursor.text)
			    ? item->key_len
			    : sizeof(stream->cursor.text);

	/* A longer key is nobody's address; it only moves us on. */
	if (drac_key_order(item->key, length, stream->cursor.text,
		stream->cursor.length) <= 0)
		return 0;
	memcpy(stream->cursor.text, item->key, length);
	stream->cursor.length = length;
	if (drac_key_read(item->key, item->key_len, &addr, &second) == -1 ||
	    drac_value_read(item->value, item->value_len, &expiry) == -1 ||
	    (second && store->opts.key_style == DRAC_KEY_BOTH))
		return 0;
	return stream->visit(&addr, expiry, stream->arg);
}

static int
visit_fetched(const struct drac_store *store, struct stream *stream)
{
	for (unsigned n = 0; n < stream->leaves; n++) {
		if (drac_leaf_load(&stream->leaf, stream->pgno[n],
			stream->pages + (size_t)n * stream->page_size,
			stream->page_size) == -1)
			return -1;
		for (unsigned i = 0; i < stream->leaf.items; i++) {
			struct drac_item item;
			int kind = drac_leaf_item(&stream->leaf, i, &item);
			int result;

			if (kind == -1)
				return -1;
			result =
			    kind == 0 ? 0 : visit_item(store, stream, &item);
			if (result != 0)
				return result;
		}
	}
	return 0;
}

int
drac_store_each(struct drac_store *store, drac_store_visit *visit, void *arg,
    struct drac_why *why)
{
	struct stream *stream = calloc(1, sizeof(*stream));
	struct drac_text before;
	int result;

	drac_map_begin(store, why);
	if (stream == NULL)
		return drac_map_fail(store, "", why);
	stream->visit = visit;
	stream->arg = arg;
	do {
		before = stream->cursor;
		result = fetch_shared(store, stream, why);
		if (result == 0)
			result = visit_fetched(store, stream);
		if (result == 0 && !stream->end &&
		    drac_key_order(before.text, before.length,
			stream->cursor.text, stream->cursor.length) == 0) {
			errno = EBADMSG; /* the leaves lead in a circle */
			result = drac_map_fail(store, "", why);
		}
	} while (result == 0 && !stream->end);
	free(stream->pages);
	free(stream);
	return result;
}

int
drac_store_clear(struct drac_store *store, struct drac_why *why)
{
	int result;

	drac_map_begin(store, why);
	if (drac_map_lock_writers(store, why) == -1)
		return -1;
	result = drac_map_open(store, true, why);
	if (result == 0 || errno == ENOENT)
		result = drac_map_create(store, why);
	else
		(void)drac_map_fail(store, "", why);
	drac_map_unlock_writers(store);
	return result;
}

struct count {
	uint64_t entries;
};

static int
count_leaf(const struct drac_leaf *leaf, void *arg)
{
	struct count *count = arg;

	for (unsigned i = 0; i < leaf->items; i++) {
		struct drac_item item;
		int kind = drac_leaf_item(leaf, i, &item);

		if (kind == -1)
			return -1;
		count->entries += (unsigned)kind;
	}
	return 0;
}

int
drac_store_info(struct drac_store *store, struct drac_store_info *info,
    struct drac_why *why)
{
	struct count count = { 0 };
	struct drac_tree tree;
	uint32_t used = 0;
	int result;

	drac_map_begin(store, why);
	memset(info, 0, sizeof(*info));
	if (drac_map_open(store, false, why) == -1 ||
	    drac_lock_map(store->map_fd, false,
		drac_place_left(&store->place)) == -1)
		return drac_map_fail(store, "", why);
	result = drac_map_raw_tree(store, &tree, why);
	if (result == 0)
		result = drac_tree_walk(&tree, count_leaf, &count);
	if (result == 0)
		result = drac_tree_used(&tree, &used);
	drac_unlock_map(store->map_fd, false);
	if (result == -1)
		return drac_map_fail(store, "", why);
	info->entries = count.entries;
	info->pages = tree.pages;
	info->pages_free = tree.pages - used - 1;
	info->page_size = tree.page_size;
	info->bytes = (uint64_t)store->map_st.st_size;
	return 0;
}
