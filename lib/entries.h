/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Entries taken from the leaves of one map to be built into another: only
 * what is an address and a time is taken, and it is spelled anew.
 */
#ifndef DRAC_ENTRIES_H
#define DRAC_ENTRIES_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "addr.h"
#include "key.h"
#include "page.h"

struct drac_entry {
	struct drac_addr addr;
	bool is_net; /* it stands for the network that it is in */
	time_t expiry;
};

/* Zero-initialised but for style, readers and cover it is empty; owns entry. */
struct drac_entries {
	enum drac_key_style style; /* for drac_entries_next, as is */
	unsigned readers;
	struct drac_cover cover; /* whose networks are kept, too */
	size_t count;
	size_t room;
	struct drac_entry *entry;
	uint64_t strange;   /* items that are not an address and a time */
	uint64_t converted; /* keys that are spelled otherwise now, and */
	unsigned faults;    /* why: a bit for each drac_key_fault */
	size_t at;          /* the rest: where drac_entries_next is */
	unsigned spelling;
	struct drac_text key[2];
	unsigned keys;
	struct drac_text value;
};

/* Take one item; one that is not understood is only counted. -1 ENOMEM. */
int drac_entries_add(struct drac_entries *entries,
    const struct drac_item *item);

/* Take all items of a leaf: a drac_leaf_visit. arg: the entries. */
int drac_entries_leaf(const struct drac_leaf *leaf, void *arg);

/*
 * Each address once, with the latest of its expiries: it may have been there
 * under keys of several styles, or more than once under one.
 */
void drac_entries_unite(struct drac_entries *entries);

/* One after the other, as drac_btree_build wants them. arg: the entries. */
int drac_entries_next(void *arg, struct drac_item *item);

void drac_entries_free(struct drac_entries *entries);

#endif
