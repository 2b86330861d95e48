/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A map that is not as we left it: drac_map_heal of map.h. What was written
 * by somebody else and is in order is taken over; of what is damaged, the
 * sound pages are.
 */

#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>

#include "entries.h"
#include "map.h"

/* Every leaf that is still as we wrote it, wherever it hangs. */
static int
salvage_sound_pages(struct drac_store *store, struct drac_entries *salvage)
{
	struct drac_leaf *leaf = malloc(sizeof(*leaf));
	unsigned char page[DRAC_PAGE_SIZE];
	int result = 0;

	if (leaf == NULL)
		return -1;
	for (uint32_t i = 1; i < drac_map_pages(store) && result == 0; i++) {
		if (drac_map_read_checked(store, i, page) == -1) {
			if (errno != EBADMSG && errno != EIO)
				result = -1;
			continue;
		}
		if (drac_page_type(page) == DRAC_PAGE_LEAF &&
		    drac_leaf_load(leaf, i, page, DRAC_PAGE_SIZE) == 0)
			result = drac_entries_leaf(leaf, salvage);
	}
	free(leaf);
	return result;
}

/* The whole tree, only if all of it is in order. */
static int
salvage_whole_tree(struct drac_store *store, struct drac_entries *salvage)
{
	struct drac_tree tree;

	if (drac_map_raw_tree(store, &tree, NULL) == -1)
		return -1;
	return drac_tree_walk(&tree, drac_entries_leaf, salvage);
}

/* 0 nothing usable, 1 all of it, 2 the sound pages; -1. */
static int
salvage_some(struct drac_store *store, bool ours, struct drac_entries *salvage)
{
	if (!ours || drac_map_foreign(store) || store->journal.rebooted) {
		if (salvage_whole_tree(store, salvage) == 0)
			return 1;
		if (errno == ENOMEM)
			return -1;
		salvage->count = 0;
		salvage->strange = 0;
	}
	if (!ours)
		return 0;
	return salvage_sound_pages(store, salvage) == -1 ? -1 : 2;
}

static int
rebuild_from(struct drac_store *store, struct drac_entries *salvage,
    struct drac_why *why)
{
	struct drac_remap remap = drac_map_remap(store);

	if (why != NULL)
		why->text[0] = '\0';
	return drac_remap_build(&remap, drac_entries_next, salvage,
	    DRAC_PAGES_MIN, why);
}

/*
 * The map is not as we left it. Build a new one from what can be trusted;
 * keep the old one under another name unless all of it was taken over.
 * ours: the journal belongs to this map.
 */
int
drac_map_heal(struct drac_store *store, bool ours, struct drac_why *why)
{
	/* A network whose addresses are lost would never be closed: no cover. */
	struct drac_entries salvage = { .style = store->opts.key_style,
		.readers = store->opts.readers };
	struct drac_tree tree;
	char aside[64] = "";
	int kind;
	int result = -1;

	if (!store->owned &&
	    store->map_st.st_size / 51200 > drac_place_left(&store->place) &&
	    (ours || drac_map_raw_tree(store, &tree, NULL) == 0)) {
		drac_why_set(why,
		    "%s: not as we left it, and too big to be read "
		    "through now: left to the next sweep",
		    store->place.path);
		errno = EUCLEAN;
		return -1;
	}
	kind = salvage_some(store, ours, &salvage);
	if (kind != -1 && (kind == 1 || drac_place_keep(&store->place,
					    ".corrupt", aside) == 0))
		result = rebuild_from(store, &salvage, why);
	if (result == 0) {
		/*
		 * With a second name Postfix only lets go when the time moves;
		 * not before now: a moved time says that the pages are somebody
		 * else's, and damage would be taken over.
		 */
		if (kind != 1)
			(void)futimens(store->map_fd, NULL);
		drac_why_set(why,
		    kind == 1 ? "%s: taken over from another program, "
				"%zu entries kept, %llu not understood%s%s"
			      : "%s: damaged; a new map was begun, %zu entries "
				"kept, %llu not understood, the old file is "
				"%s%s",
		    store->place.path, salvage.count,
		    (unsigned long long)salvage.strange,
		    kind == 1 ? "" : store->place.name, aside);
		store->repaired = store->anew = true;
		drac_map_forget(store);
	}
	drac_entries_free(&salvage);
	return result;
}
