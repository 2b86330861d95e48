/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A map at work: attached to its files, read with every page checked,
 * changed through the journal, healed, enlarged. What store.c, batch.c and
 * sweep.c are made of; map.c and heal.c are this room, and nobody else
 * includes it.
 *
 * All but drac_map_open, drac_map_raw_tree and drac_map_find want the
 * writers' lock. 0 / -1 with errno and why, unless said otherwise.
 */
#ifndef DRAC_MAP_H
#define DRAC_MAP_H

#include <sys/stat.h>

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "btree.h"
#include "closed.h"
#include "images.h"
#include "journal.h"
#include "key.h"
#include "opts.h"
#include "page.h"
#include "place.h"
#include "remap.h"
#include "why.h"

/* The handle of store.h. */
struct drac_store {
	struct drac_store_opts opts;
	struct drac_place place;
	unsigned calls; /* made on this handle; the first has begun already */
	int lock_fd;
	ino_t lock_ino; /* of the owner's */
	int map_fd;
	bool writable;          /* map_fd is */
	unsigned raw_page_size; /* of the map as a reader finds it */
	struct stat map_st;
	int journal_fd;
	struct stat journal_st;
	struct drac_journal journal;
	uint64_t *sums; /* the owner has those of all pages at hand; or NULL */
	struct drac_images pending; /* in the journal, not yet in the map */
	struct drac_images changed; /* by the change under way */
	struct drac_cache sound;    /* read and found right since we attached */
	struct drac_btree tree;     /* the change under way: edits `changed` */
	bool owned;          /* by this handle, until it is closed */
	bool attached;       /* to the end, and nothing has failed since */
	bool deferred;
	int64_t deferred_since; /* CLOCK_BOOTTIME, 0: nothing waits */
	bool sweeping;          /* no login waits for this call */
	bool enlarged;
	bool repaired; /* why tells of it, even though all went well */
	bool anew;     /* made from other entries than ours, upkeep tells */
	uint32_t upkeep_at; /* the page that upkeep looks at next */
	uint64_t early;     /* the stretch of the ring written early last */
	struct drac_sweep *pass; /* that upkeep has begun; NULL none */
	struct drac_closed closed; /* as its file was when we looked last */
	struct stat closed_st;     /* that file; all zero: there was none */
	bool closed_known;
};

/* Begin a public call: an empty why, a fresh time limit. */
void drac_map_begin(struct drac_store *store, struct drac_why *why);

/*
 * Always -1, errno kept. Says which map and what, where a deeper room has
 * not said it yet.
 */
int drac_map_fail(const struct drac_store *store, const char *what,
    struct drac_why *why);

/* Let go of everything that depends on which file the map is. */
void drac_map_forget(struct drac_store *store);

uint32_t drac_map_pages(const struct drac_store *store);

/* Have the file open that the name leads to; ENOENT: there is none. */
int drac_map_open(struct drac_store *store, bool write, struct drac_why *why);

/* The map as any reader finds it, under the readers' lock. */
int drac_map_raw_tree(struct drac_store *store, struct drac_tree *tree,
    struct drac_why *why);

/*
 * The same; for its owner with what is safe in the journal and waits for a
 * reader to let go, or the owner would not know of entries that are to come.
 */
int drac_map_known_tree(struct drac_store *store, struct drac_tree *tree,
    struct drac_why *why);

/* The expiry under a key, 0 if it is no time: 1 found, 0, -1. */
int drac_map_find(const struct drac_tree *tree, const struct drac_text *key,
    time_t *expiry);

/* The same for what the map says, under the readers' lock. */
int drac_map_get(struct drac_store *store, const struct drac_text *key,
    int wait_ms, time_t *expiry, struct drac_why *why);

/*
 * EBUSY: the map is another handle's. The owner has the lock all the time,
 * and nothing is done here.
 */
int drac_map_lock_writers(struct drac_store *store, struct drac_why *why);
void drac_map_unlock_writers(struct drac_store *store);

/* Be the owner from now on, with a map to work on. EBUSY as above. */
int drac_map_own(struct drac_store *store, struct drac_why *why);

/* Have a map to work on, whole and up to date, whatever it takes. */
int drac_map_attach(struct drac_store *store, struct drac_why *why);

/*
 * Have the list of closed addresses as its file is now; wants no lock, for
 * the file is only ever replaced. -1: it cannot be read, and nothing may be
 * authorised.
 */
int drac_map_know_closed(struct drac_store *store, struct drac_why *why);

/* Forget the closings that are over, in the file, too. Locked. */
int drac_map_prune_closed(struct drac_store *store, time_t now,
    struct drac_why *why);

/* The map with every page checked, and what is pending over it. */
int drac_map_checked_tree(struct drac_store *store, struct drac_tree *tree);

/* Are pages first to end - 1 as we left them? EBADMSG: not all. */
int drac_map_check_pages(struct drac_store *store, uint32_t first,
    uint32_t end);

/*
 * Attached: by how many seconds the clock went back behind the journal's
 * mark; 0: it did not, or lifetime_s is not known.
 */
time_t drac_map_back(const struct drac_store *store, time_t now);

/*
 * What an expiry becomes then: `back` sooner, be it over already. Where the
 * clock went back by more than a lifetime (and some), an expiry of now + a
 * lifetime or sooner is of a login since the step, and is left alone.
 */
time_t drac_map_shorter(const struct drac_store *store, time_t expiry,
    time_t now, time_t back);

/* All of that is done: the mark goes back, too, and the ring begins anew. */
int drac_map_set_mark(struct drac_store *store, time_t now,
    struct drac_why *why);

/*
 * Attached, and the clock did not go back: a mark that is a minute old or
 * more becomes now, so that a step is known to a minute although nothing was
 * changed for hours.
 */
int drac_map_raise_mark(struct drac_store *store, time_t now,
    struct drac_why *why);

/*
 * Build a new map from what can be trusted. ours: the journal belongs to
 * this map. The caller attaches anew.
 */
int drac_map_heal(struct drac_store *store, bool ours, struct drac_why *why);

/* What drac_map_heal is made of. */

/* A page as it was last written, or EBADMSG: a drac_page_read. */
int drac_map_read_checked(void *store, uint32_t pgno, unsigned char *page);

/* Somebody else wrote to the file: its mtime is not the one we left. */
bool drac_map_foreign(const struct drac_store *store);

/* A replacement of the map, as the handle's options want it. */
struct drac_remap drac_map_remap(const struct drac_store *store);

/* Replace the map by a bigger copy, or by a compact one. */
int drac_map_enlarge(struct drac_store *store, time_t now,
    struct drac_why *why);

/* An empty map in the place of whatever is there. */
int drac_map_create(struct drac_store *store, struct drac_why *why);

/*
 * Lock, attach, let fn edit store->tree, commit, unlock. fn is called again
 * when the map had to be enlarged or healed on the way; it returns 0 / -1 with
 * errno.
 */
typedef int drac_map_change_fn(struct drac_store *store, void *arg);
int drac_map_change(struct drac_store *store, drac_map_change_fn *fn, void *arg,
    time_t now, struct drac_why *why);

/* Within fn: put a value under a key of store->tree. */
int drac_map_put(struct drac_store *store, const struct drac_text *key,
    const struct drac_text *value);

#endif
