/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The verbs of store.h that change no single entry; those that do are in
 * batch.c and sweep.c.
 */

#include "store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "map.h"

#define EACH_LEAVES 64u

/* Pages at hand: what a login needs, and the upper levels of a big map. */
#define SOUND_LOGIN 64u
#define SOUND_OWNER 1024u

void
drac_store_close(struct drac_store *store)
{
	int saved = errno;

	if (store == NULL)
		return;
	drac_map_forget(store);
	free(store->pass);
	drac_closed_free(&store->closed);
	if (store->lock_fd != -1)
		(void)close(store->lock_fd);
	drac_place_close(&store->place);
	free(store);
	errno = saved;
}

static void
init(struct drac_store *store, const struct drac_store_opts *opts)
{
	store->opts = *opts;
	store->opts.path = NULL;
	store->lock_fd = store->map_fd = store->journal_fd = -1;
	store->pending.page_size = store->changed.page_size = DRAC_PAGE_SIZE;
	store->sound.page_size = DRAC_PAGE_SIZE;
	store->sound.slots = opts->owner ? SOUND_OWNER : SOUND_LOGIN;
	store->place.dir = -1;
}

/* A map to work on, or at least to read. */
static int
begin(struct drac_store *store, struct drac_why *why)
{
	int result;

	if (store->opts.owner)
		return drac_map_own(store, why);
	if (drac_map_open(store, false, why) == 0)
		return 0;
	if (errno != ENOENT || !store->opts.may_create)
		return drac_map_fail(store, "", why);
	if (drac_map_lock_writers(store, why) == -1)
		return -1;
	result = drac_map_attach(store, why);
	drac_map_unlock_writers(store);
	return result;
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
	init(store, opts);
	if (drac_place_open_kept(&store->place, opts->path, opts->keeper,
		why) == -1) {
		if (why != NULL && why->text[0] == '\0')
			drac_why_set(why, "%s: %s", opts->path,
			    strerror(errno));
		drac_store_close(store);
		return -1;
	}
	drac_place_start(&store->place, opts->timeout_ms);
	if (begin(store, why) == -1) {
		drac_store_close(store);
		return -1;
	}
	store->anew = false; /* whoever opens it knows nothing of it yet */
	*out = store;
	return 0;
}

int
drac_store_get(struct drac_store *store, const struct drac_addr *addr,
    time_t *expiry, struct drac_why *why)
{
	struct drac_net net = drac_cover_of(&store->opts.cover, addr);
	enum drac_key_style style = store->opts.key_style;
	struct drac_text key[DRAC_KEY_SPELLINGS + 2];
	unsigned keys;
	int found = 0;

	drac_map_begin(store, why);
	keys = drac_key_spell_all(addr, key);
	/* Then it is not listed by its sendmail form either. */
	if (style == DRAC_KEY_BOTH && addr->len == 16)
		keys--;
	keys += drac_key_spell_net(&net, style, key + keys);
	for (unsigned i = 0; i < keys; i++) {
		time_t is;
		int there = drac_map_get(store, &key[i],
		    drac_place_left(&store->place), &is, why);

		if (there == -1)
			return -1;
		if (there == 1 && (found == 0 || is > *expiry))
			*expiry = is;
		found |= there;
	}
	return found;
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

	if (drac_map_known_tree(store, &tree, why) == -1)
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
drac_store_each_after(struct drac_store *store, const struct drac_addr *after,
    drac_store_visit *visit, void *arg, struct drac_why *why)
{
	struct stream *stream = calloc(1, sizeof(*stream));
	enum drac_key_style style = store->opts.key_style;
	unsigned readers = store->opts.readers;
	struct drac_text before, key[2];
	int result;

	drac_map_begin(store, why);
	if (stream == NULL)
		return drac_map_fail(store, "", why);
	stream->visit = visit;
	stream->arg = arg;
	if (after != NULL) {
		(void)drac_key_spell(after, style, readers, key);
		stream->cursor = key[0];
		/* The later one of both, or this entry might come again. */
		if (drac_key_spell_other(after, style, readers, key) == 1 &&
		    drac_key_order(key->text, key->length, stream->cursor.text,
			stream->cursor.length) > 0)
			stream->cursor = key[0];
	}
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
drac_store_each(struct drac_store *store, drac_store_visit *visit, void *arg,
    struct drac_why *why)
{
	return drac_store_each_after(store, NULL, visit, arg, why);
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
