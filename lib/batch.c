/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The verbs of store.h that change entries, one or many at once. Each is a
 * list of changes made in order to store->tree, which shows what the earlier
 * ones of the same list have done; all of them together are one entry in the
 * journal.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "map.h"
#include "store.h"

struct batch {
	struct drac_op *ops;
	size_t count;
	time_t now;
	bool tidy; /* remove what has expired in passing */
	struct drac_why closed_error; /* why the list cannot be read, or empty */
};

/* One address in the map, and the network that it opens. */
struct entry {
	struct drac_text key[2];
	unsigned keys;
	struct drac_text other; /* its key under other readers */
	unsigned others;
	bool misspelt; /* the map has that one */
	struct drac_text net[2];
	unsigned nets;
	time_t expiry; /* 0: it is not there, or holds no time */
};

static int
read_expiry(struct drac_store *store, const struct drac_text *key,
    time_t *expiry)
{
	char value[DRAC_VALUE_TEXT];
	size_t length = sizeof(value);
	int found = drac_btree_get(&store->tree, key->text, key->length, value,
	    &length);

	*expiry = 0;
	if (found == 1 && drac_value_read(value, length, expiry) == -1)
		*expiry = 0;
	return found;
}

static void
spell(const struct drac_store *store, const struct drac_addr *addr,
    const struct drac_net *net, struct entry *entry)
{
	enum drac_key_style style = store->opts.key_style;

	entry->keys =
	    drac_key_spell(addr, style, store->opts.readers, entry->key);
	entry->others = drac_key_spell_other(addr, style, store->opts.readers,
	    &entry->other);
	entry->misspelt = false;
	entry->nets = drac_key_spell_net(net, style, entry->net);
}

/* Under either key: 1 found, 0, -1. */
static int
read_entry(struct drac_store *store, struct entry *entry)
{
	int found = read_expiry(store, &entry->key[0], &entry->expiry);
	time_t is;
	int other;

	if (found == -1 || entry->others == 0)
		return found;
	other = read_expiry(store, &entry->other, &is);
	entry->misspelt = other == 1;
	if (other == 1 && is > entry->expiry)
		entry->expiry = is;
	return other == 0 ? found : other;
}

static int
find(struct drac_store *store, const struct drac_addr *addr,
    struct entry *entry)
{
	struct drac_net net = drac_cover_of(&store->opts.cover, addr);

	spell(store, addr, &net, entry);
	return read_entry(store, entry);
}

/* To be removed, with the network that it may have opened before. */
static int
find_all(struct drac_store *store, const struct drac_addr *addr,
    struct entry *entry)
{
	struct drac_net net = drac_cover_most(&store->opts.cover, addr);

	spell(store, addr, &net, entry);
	return read_entry(store, entry);
}

static int
put(struct drac_store *store, const struct drac_text *key, unsigned keys,
    time_t expiry)
{
	struct drac_text value;

	drac_value_spell(expiry, store->opts.key_style, &value);
	for (unsigned i = 0; i < keys; i++)
		if (drac_map_put(store, &key[i], &value) == -1)
			return -1;
	return 0;
}

/* 1 removed, 0 was not there, -1. */
static int
erase(struct drac_store *store, const struct drac_text *key, unsigned keys)
{
	int removed = 0;

	for (unsigned i = 0; i < keys; i++) {
		int gone =
		    drac_btree_delete(&store->tree, key[i].text, key[i].length);

		if (gone == -1)
			return -1;
		removed |= gone;
	}
	return removed;
}

/* Under the keys that the readers want, and under no other. */
static int
put_entry(struct drac_store *store, const struct entry *entry, time_t expiry)
{
	if (put(store, entry->key, entry->keys, expiry) == -1)
		return -1;
	return entry->misspelt ? erase(store, &entry->other, entry->others) : 0;
}

/* 1 removed, 0 was not there, -1. */
static int
erase_entry(struct drac_store *store, const struct entry *entry)
{
	int removed = erase(store, entry->key, entry->keys);

	if (removed == -1 || !entry->misspelt)
		return removed;
	return erase(store, &entry->other, entry->others);
}

/* The network is closed, too, whoever else has opened it: be it once more. */
static int
remove_entry(struct drac_store *store, const struct entry *entry)
{
	int removed = erase_entry(store, entry);
	int closed = removed == -1 ? -1 : erase(store, entry->net, entry->nets);

	return closed == -1 ? -1 : removed | closed;
}

/* What is to be known of the network's keys. */
static int
net_expiry(struct drac_store *store, const struct entry *entry, time_t *expiry)
{
	*expiry = 0;
	for (unsigned i = 0; i < entry->nets; i++) {
		time_t is;

		if (read_expiry(store, &entry->net[i], &is) == -1)
			return -1;
		if (is > *expiry)
			*expiry = is;
	}
	return 0;
}

/* Open until expiry at least: others may have opened it for longer. */
static int
open_net(struct drac_store *store, const struct batch *batch,
    const struct entry *entry, time_t expiry)
{
	time_t is;

	if (entry->nets == 0)
		return 0;
	if (net_expiry(store, entry, &is) == -1)
		return -1;
	is = drac_map_shorter(store, is, batch->now,
	    drac_map_back(store, batch->now));
	return put(store, entry->net, entry->nets, is > expiry ? is : expiry);
}

/* One that nobody has opened for longer. */
static int
close_net(struct drac_store *store, const struct batch *batch,
    const struct entry *entry)
{
	time_t is;

	if (net_expiry(store, entry, &is) == -1)
		return -1;
	return is > batch->now ? 0 : erase(store, entry->net, entry->nets);
}

/* One key of the leaf as it was before the batch, which may have changed it. */
static int
tidy_item(struct drac_store *store, const struct drac_item *item, time_t now)
{
	struct drac_text key = { .length = item->key_len };
	time_t expiry;

	if (item->key_len > sizeof(key.text) ||
	    drac_value_read(item->value, item->value_len, &expiry) == -1 ||
	    expiry > now)
		return 0;
	memcpy(key.text, item->key, item->key_len);
	if (read_expiry(store, &key, &expiry) == -1)
		return -1;
	return expiry > now
		   ? 0
		   : drac_btree_delete(&store->tree, key.text, key.length);
}

/* Remove what has expired from the leaf that the key belongs to. */
static int
tidy_leaf(struct drac_store *store, const struct drac_text *key, time_t now)
{
	struct drac_leaf *leaf = malloc(sizeof(*leaf));
	struct drac_tree tree;
	int result = -1;

	if (leaf == NULL)
		return -1;
	if (drac_map_checked_tree(store, &tree) == 0)
		result = drac_tree_seek(&tree, key->text, key->length, leaf);
	for (unsigned i = 0; result != -1 && i < leaf->items; i++) {
		struct drac_item item;

		result = drac_leaf_item(leaf, i, &item);
		if (result == 1)
			result = tidy_item(store, &item, now);
	}
	free(leaf);
	return result == -1 ? -1 : 0;
}

/*
 * Where the list cannot be read every add is refused, and the other changes
 * of the batch are made: what has expired goes.
 */
static bool
is_closed(struct drac_store *store, struct batch *batch, struct drac_op *op)
{
	op->grant = (struct drac_grant){ 0 };
	if (batch->closed_error.text[0] != '\0' ||
	    drac_store_is_closed(store, &op->addr, batch->now,
		&op->grant.closed, &batch->closed_error) == -1)
		op->grant.closed = DRAC_CLOSED_UNKNOWN;
	return op->grant.closed != 0;
}

static int
op_add(struct drac_store *store, struct batch *batch, struct drac_op *op)
{
	struct entry entry;
	time_t is, may;

	if (is_closed(store, batch, op))
		return 0;
	if (find(store, &op->addr, &entry) == -1)
		return -1;
	is = entry.expiry;
	may = drac_map_shorter(store, is, batch->now,
	    drac_map_back(store, batch->now));
	op->grant = (struct drac_grant){ .expiry = may, .previous = may };
	if (is == may && !entry.misspelt &&
	    (is >= op->expiry ||
		(is > batch->now && is >= op->expiry - (time_t)op->renew_s)))
		return 0;
	if (batch->tidy && tidy_leaf(store, &entry.key[0], batch->now) == -1)
		return -1;
	if (op->grant.expiry < op->expiry)
		op->grant.expiry = op->expiry;
	if (put_entry(store, &entry, op->grant.expiry) == -1 ||
	    open_net(store, batch, &entry, op->grant.expiry) == -1)
		return -1;
	op->grant.written = op->done = true;
	return 0;
}

static int
op_set(struct drac_store *store, struct drac_op *op)
{
	struct entry entry;

	if (find(store, &op->addr, &entry) == -1 ||
	    put_entry(store, &entry, op->expiry) == -1 ||
	    put(store, entry.net, entry.nets, op->expiry) == -1)
		return -1;
	op->grant = (struct drac_grant){ .expiry = op->expiry,
		.previous = entry.expiry,
		.written = true };
	op->done = true;
	return 0;
}

static int
op_take_back(struct drac_store *store, struct drac_op *op)
{
	const struct drac_grant *grant = &op->grant;
	struct entry entry;
	int result;

	if (!grant->written)
		return 0;
	if (find_all(store, &op->addr, &entry) == -1)
		return -1;
	if (entry.expiry != grant->expiry)
		return 0;
	if (grant->previous == 0) {
		result = remove_entry(store, &entry);
		op->done = result == 1;
	} else {
		result = put_entry(store, &entry, grant->previous);
		op->done = result == 0;
		if (result == 0)
			result = erase(store, entry.net, entry.nets);
	}
	return result == -1 ? -1 : 0;
}

/* Also in the style of before, which the next sweep would convert. */
static int
op_drop(struct drac_store *store, struct drac_op *op)
{
	struct drac_net net = drac_cover_most(&store->opts.cover, &op->addr);
	struct drac_text key[DRAC_KEY_SPELLINGS], wide[2];
	unsigned keys = drac_key_spell_all(&op->addr, key);
	unsigned nets = drac_key_spell_net(&net, store->opts.key_style, wide);
	int removed = erase(store, key, keys);
	int closed = removed == -1 ? -1 : erase(store, wide, nets);

	op->done = removed == 1 || closed == 1;
	return closed == -1 ? -1 : 0;
}

static int
op_expire(struct drac_store *store, const struct batch *batch,
    struct drac_op *op)
{
	struct entry entry;
	int result = find_all(store, &op->addr, &entry);

	op->grant = (struct drac_grant){ .expiry = entry.expiry };
	if (result != 1 || entry.expiry > batch->now)
		return result == -1 ? -1 : 0;
	result = erase_entry(store, &entry);
	op->grant.expiry = 0;
	op->done = result == 1;
	if (result != -1)
		result = close_net(store, batch, &entry);
	return result == -1 ? -1 : 0;
}

static int
make_op(struct drac_store *store, struct batch *batch, struct drac_op *op)
{
	op->done = false;
	switch (op->kind) {
	case DRAC_OP_ADD:
		return op_add(store, batch, op);
	case DRAC_OP_SET:
		return op_set(store, op);
	case DRAC_OP_TAKE_BACK:
		return op_take_back(store, op);
	case DRAC_OP_DROP:
		return op_drop(store, op);
	case DRAC_OP_EXPIRE:
		return op_expire(store, batch, op);
	}
	errno = EINVAL;
	return -1;
}

static int
make_all(struct drac_store *store, void *arg)
{
	struct batch *batch = arg;

	batch->closed_error.text[0] = '\0';
	for (size_t i = 0; i < batch->count; i++)
		if (make_op(store, batch, &batch->ops[i]) == -1)
			return -1;
	return 0;
}

/* None of them counts: let no caller take back what was not granted. */
static void
undo_answers(struct drac_op *ops, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		ops[i].done = false;
		if (ops[i].kind != DRAC_OP_TAKE_BACK)
			ops[i].grant = (struct drac_grant){ 0 };
	}
}

static int
apply(struct drac_store *store, struct drac_op *ops, size_t count, time_t now,
    struct drac_why *why)
{
	/* The owner has what is due removed by name. */
	struct batch batch = { .ops = ops,
		.count = count,
		.now = now,
		.tidy = !store->opts.owner };

	if (drac_map_change(store, make_all, &batch, now, why) == -1) {
		undo_answers(ops, count);
		return -1;
	}
	for (size_t i = 0; i < count; i++)
		ops[i].grant.deferred = store->deferred;
	if (batch.closed_error.text[0] != '\0' && why != NULL)
		*why = batch.closed_error;
	return 0;
}

int
drac_store_apply(struct drac_store *store, struct drac_op *ops, size_t count,
    time_t now, struct drac_why *why)
{
	drac_map_begin(store, why);
	if (count == 0)
		return 0;
	if (count > DRAC_OPS_MAX) {
		errno = EINVAL;
		return drac_map_fail(store, "too many changes at once", why);
	}
	return apply(store, ops, count, now, why);
}

/*
 * Recorded moments ago, or longer than we would: nothing to write. Longer
 * than any login counts: only the journal tells if the clock went back.
 */
static bool
still_fresh(struct drac_store *store, const struct drac_op *op, time_t now,
    time_t *expiry)
{
	time_t most = now + (time_t)store->opts.lifetime_s;
	struct drac_text key[2];

	(void)drac_key_spell(&op->addr, store->opts.key_style,
	    store->opts.readers, key);
	return drac_map_get(store, &key[0], drac_place_left(&store->place) / 8,
		   expiry, NULL) == 1 &&
	       *expiry >= op->expiry - (time_t)op->renew_s && *expiry > now &&
	       (*expiry <= most || store->opts.lifetime_s == 0);
}

int
drac_store_add(struct drac_store *store, const struct drac_addr *addr,
    time_t now, time_t expiry, unsigned renew_s, struct drac_grant *grant,
    struct drac_why *why)
{
	struct drac_op op = { .kind = DRAC_OP_ADD,
		.addr = *addr,
		.expiry = expiry,
		.renew_s = renew_s };
	int result;

	drac_map_begin(store, why);
	result =
	    drac_store_is_closed(store, addr, now, &op.grant.closed, why);
	if (result == 0 && still_fresh(store, &op, now, &op.grant.expiry))
		op.grant.previous = op.grant.expiry;
	else if (result == 0)
		result = apply(store, &op, 1, now, why);
	/* The list may have changed since. */
	if (op.grant.closed == DRAC_CLOSED_UNKNOWN) {
		errno = EINVAL;
		result = -1;
	}
	if (grant != NULL)
		*grant = op.grant;
	return result == -1 ? -1 : 0;
}

/* A change that knows no time: 1 done, 0 not, -1. */
static int
apply_one(struct drac_store *store, struct drac_op *op, struct drac_why *why)
{
	drac_map_begin(store, why);
	if (apply(store, op, 1, 0, why) == -1)
		return -1;
	return op->done ? 1 : 0;
}

int
drac_store_set(struct drac_store *store, const struct drac_addr *addr,
    time_t expiry, struct drac_why *why)
{
	struct drac_op op = { .kind = DRAC_OP_SET,
		.addr = *addr,
		.expiry = expiry };

	return apply_one(store, &op, why) == -1 ? -1 : 0;
}

int
drac_store_drop(struct drac_store *store, const struct drac_addr *addr,
    struct drac_why *why)
{
	struct drac_op op = { .kind = DRAC_OP_DROP, .addr = *addr };

	return apply_one(store, &op, why);
}

int
drac_store_take_back(struct drac_store *store, const struct drac_addr *addr,
    const struct drac_grant *grant, struct drac_why *why)
{
	struct drac_op op = { .kind = DRAC_OP_TAKE_BACK,
		.addr = *addr,
		.grant = *grant };

	if (!grant->written) {
		drac_map_begin(store, why);
		return 0;
	}
	return apply_one(store, &op, why);
}
