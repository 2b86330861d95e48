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
		salvage->strange = salvage->converted = 0;
		salvage->faults = 0;
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
	drac_entries_unite(salvage);
	return drac_remap_build(&remap, drac_entries_next, salvage,
	    DRAC_PAGES_MIN, why);
}

/* Maps of other formats */

/*
 * With a journal of its own a btree that makes no sense is our map, damaged: a
 * login takes its sound pages.
 */
static bool
is_other_format(const struct drac_store *store, bool ours)
{
	unsigned char meta[DRAC_PAGE_SIZE];

	if (drac_read_full(store->map_fd, meta, sizeof(meta), 0) == -1 ||
	    !drac_meta_is_other(meta, sizeof(meta)))
		return false;
	return !ours || store->opts.import != NULL ||
	       !drac_meta_is_btree(meta, sizeof(meta));
}

static int
take_item(void *entries, const struct drac_item *item)
{
	return drac_entries_add(entries, item);
}

/* Whatever it says, only addresses and times are taken. -1 EBADMSG: damaged. */
static int
import(struct drac_store *store, struct drac_entries *entries,
    struct drac_why *why)
{
	int result;

	if (store->opts.import == NULL) {
		drac_why_set(why,
		    "%s: a Berkeley DB file of another type: left to the next "
		    "sweep, which converts it",
		    store->place.path);
		errno = EUCLEAN;
		return -1;
	}
	if (drac_lock_map(store->map_fd, false,
		drac_place_left(&store->place)) == -1)
		return drac_map_fail(store, "lock", why);
	result = store->opts.import(store->map_fd, take_item, entries, why);
	drac_unlock_map(store->map_fd, false);
	/* It took a while, which the rest does not lack. */
	drac_place_start(&store->place, store->opts.timeout_ms);
	return result;
}

/* How the old map was read. */
enum kind {
	DAMAGED,
	WHOLE,
	SOUND_PAGES,
	IMPORTED
};

static void
tell_healed(const struct drac_store *store, enum kind kind,
    const struct drac_entries *salvage, const char *aside, struct drac_why *why)
{
	static const char *const did[] = {
		[DAMAGED] = "damaged; a new map was begun",
		[WHOLE] = "taken over from another program",
		[SOUND_PAGES] = "damaged; a new map was begun",
		[IMPORTED] = "read with Berkeley DB",
	};
	char converted[DRAC_KEY_CONVERTED_TEXT] = "";

	if (salvage->converted > 0)
		drac_key_converted_text(salvage->converted, salvage->faults,
		    converted);
	drac_why_set(why,
	    "%s: %s, %zu entries kept, %llu not understood%s%s%s%s%s",
	    store->place.path, did[kind], salvage->count,
	    (unsigned long long)salvage->strange,
	    aside[0] != '\0' ? ", the old file is " : "",
	    aside[0] != '\0' ? store->place.name : "", aside,
	    converted[0] != '\0' ? "; " : "", converted);
}

/* The new map has the name. */
static void
install(struct drac_store *store, enum kind kind,
    const struct drac_entries *salvage, const char *aside, struct drac_why *why)
{
	/*
	 * With a second name Postfix only lets go when the time moves; not
	 * before now: a moved time says that the pages are somebody else's,
	 * and damage would be taken over.
	 */
	if (aside[0] != '\0')
		(void)futimens(store->map_fd, NULL);
	tell_healed(store, kind, salvage, aside, why);
	store->repaired = store->anew = true;
	drac_map_forget(store);
}

/* 1 imported, 0 it is not of that sort, or damaged; -1. */
static int
try_import(struct drac_store *store, bool ours, struct drac_entries *salvage,
    struct drac_why *why)
{
	if ((ours && !drac_map_foreign(store) && !store->journal.rebooted) ||
	    !is_other_format(store, ours))
		return 0;
	if (import(store, salvage, why) == 0)
		return 1;
	if (errno != EBADMSG && errno != ETIMEDOUT && errno != EFBIG)
		return -1;
	salvage->count = 0;
	salvage->strange = salvage->converted = 0;
	salvage->faults = 0;
	return 0;
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
	enum kind kind = IMPORTED;
	char aside[64] = "";
	int result;

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
	result = try_import(store, ours, &salvage, why);
	if (result == 0) {
		result = salvage_some(store, ours, &salvage);
		kind = (enum kind)result;
	}
	if (result != -1 && kind != WHOLE)
		result = drac_place_keep(&store->place,
		    kind == IMPORTED ? ".old" : ".corrupt", aside);
	if (result != -1)
		result = rebuild_from(store, &salvage, why);
	if (result == 0)
		install(store, kind, &salvage, aside, why);
	drac_entries_free(&salvage);
	return result;
}
