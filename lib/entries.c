/* SPDX-License-Identifier: BSD-2-Clause */

/* Entries taken from one map to be built into another; see entries.h. */

#include "entries.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void
drac_entries_free(struct drac_entries *entries)
{
	free(entries->entry);
	entries->entry = NULL;
	entries->count = entries->room = 0;
}

static bool
read_key(const struct drac_entries *entries, const struct drac_item *item,
    struct drac_entry *entry)
{
	bool second;

	if (drac_key_read(item->key, item->key_len, &entry->addr, &second) == 0)
		return true;
	entry->is_net = drac_key_read_net(item->key, item->key_len,
			    entries->style, &entries->cover, &entry->addr) == 1;
	return entry->is_net;
}

static void
note_fault(struct drac_entries *entries, const struct drac_item *item,
    const struct drac_entry *entry)
{
	enum drac_key_fault fault = DRAC_KEY_FITS;

	if (!entry->is_net)
		fault = drac_key_fault(item->key, item->key_len, entries->style,
		    entries->readers);
	entries->converted += fault != DRAC_KEY_FITS;
	entries->faults |= 1u << fault;
}

int
drac_entries_add(struct drac_entries *entries, const struct drac_item *item)
{
	struct drac_entry entry = { .is_net = false };

	if (!read_key(entries, item, &entry) ||
	    drac_value_read(item->value, item->value_len, &entry.expiry) ==
		-1) {
		entries->strange++;
		return 0;
	}
	note_fault(entries, item, &entry);
	if (entries->count == entries->room) {
		size_t room = entries->room == 0 ? 256 : 2 * entries->room;
		struct drac_entry *grown =
		    realloc(entries->entry, room * sizeof(*grown));

		if (grown == NULL)
			return -1;
		entries->entry = grown;
		entries->room = room;
	}
	entries->entry[entries->count++] = entry;
	return 0;
}

int
drac_entries_leaf(const struct drac_leaf *leaf, void *arg)
{
	for (unsigned i = 0; i < leaf->items; i++) {
		struct drac_item item;
		int kind = drac_leaf_item(leaf, i, &item);

		if (kind == -1 ||
		    (kind == 1 && drac_entries_add(arg, &item) == -1))
			return -1;
	}
	return 0;
}

/* The latest expiry of an address first. */
static int
by_address(const void *a, const void *b)
{
	const struct drac_entry *x = a, *y = b;
	int order = (x->is_net > y->is_net) - (x->is_net < y->is_net);

	if (order == 0)
		order = memcmp(&x->addr, &y->addr, sizeof(x->addr));
	return order != 0 ? order
			  : (x->expiry < y->expiry) - (x->expiry > y->expiry);
}

void
drac_entries_unite(struct drac_entries *entries)
{
	struct drac_entry *entry = entries->entry;
	size_t kept = 0;

	if (entries->count < 2)
		return;
	qsort(entry, entries->count, sizeof(*entry), by_address);
	for (size_t i = 0; i < entries->count; i++)
		if (kept == 0 || entry[i].is_net != entry[kept - 1].is_net ||
		    !drac_addr_equal(&entry[i].addr, &entry[kept - 1].addr))
			entry[kept++] = entry[i];
	entries->count = kept;
}

static unsigned
spell(struct drac_entries *entries, const struct drac_entry *entry)
{
	struct drac_net net;

	if (!entry->is_net)
		return drac_key_spell(&entry->addr, entries->style,
		    entries->readers, entries->key);
	net = drac_cover_most(&entries->cover, &entry->addr);
	return drac_key_spell_net(&net, entries->style, entries->key);
}

int
drac_entries_next(void *arg, struct drac_item *item)
{
	struct drac_entries *entries = arg;

	while (entries->spelling == entries->keys) {
		const struct drac_entry *entry;

		if (entries->at == entries->count)
			return 0;
		entry = &entries->entry[entries->at++];
		entries->keys = spell(entries, entry);
		drac_value_spell(entry->expiry, entries->style,
		    &entries->value);
		entries->spelling = 0;
	}
	item->key = (const unsigned char *)entries->key[entries->spelling].text;
	item->key_len = entries->key[entries->spelling++].length;
	item->value = (const unsigned char *)entries->value.text;
	item->value_len = entries->value.length;
	return 1;
}
