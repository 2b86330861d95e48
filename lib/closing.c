/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The verbs of store.h that close addresses. The list is read again whenever
 * its file is another one; under the writers' lock it cannot change.
 */

#include <errno.h>
#include <string.h>

#include "map.h"
#include "store.h"

static bool
same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool
same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mode == b->st_mode && a->st_uid == b->st_uid &&
	       same_time(&a->st_mtim, &b->st_mtim) &&
	       same_time(&a->st_ctim, &b->st_ctim);
}

int
drac_map_know_closed(struct drac_store *store, struct drac_why *why)
{
	struct stat now = { 0 };

	if (drac_place_stat(&store->place, DRAC_CLOSED, &now) == -1) {
		if (errno != ENOENT)
			return drac_map_fail(store, DRAC_CLOSED, why);
		memset(&now, 0, sizeof(now));
	}
	if (store->closed_known && same_file(&now, &store->closed_st))
		return 0;
	store->closed_known = false;
	drac_closed_free(&store->closed);
	if (now.st_ino != 0 &&
	    drac_closed_load(&store->place, store->opts.keeper,
		&store->closed, why) == -1)
		return drac_map_fail(store, DRAC_CLOSED, why);
	store->closed_st = now;
	store->closed_known = true;
	return 0;
}

static int
save(struct drac_store *store, struct drac_why *why)
{
	store->closed_known = false;
	return drac_closed_save(&store->place, &store->closed,
	    store->opts.mode & 0644, why);
}

int
drac_map_prune_closed(struct drac_store *store, time_t now,
    struct drac_why *why)
{
	if (drac_map_know_closed(store, why) == -1)
		return -1;
	return drac_closed_prune(&store->closed, now) ? save(store, why) : 0;
}

static int
change(struct drac_store *store, const struct drac_closing *closing, time_t now,
    struct drac_why *why)
{
	if (drac_map_know_closed(store, why) == -1)
		return -1;
	(void)drac_closed_prune(&store->closed, now);
	if (drac_closed_set(&store->closed, &closing->net, closing->until) ==
	    0)
		return save(store, why);
	if (errno == ENOSPC)
		drac_why_set(why, "%s%s: full: %u addresses are closed",
		    store->place.path, DRAC_CLOSED, DRAC_CLOSED_MAX);
	store->closed_known = false;
	return drac_map_fail(store, DRAC_CLOSED, why);
}

int
drac_store_close_net(struct drac_store *store, const struct drac_net *net,
    time_t until, time_t now, struct drac_why *why)
{
	const struct drac_closing closing = { *net, until };
	int result;

	drac_map_begin(store, why);
	if (drac_map_lock_writers(store, why) == -1)
		return -1;
	result = change(store, &closing, now, why);
	drac_map_unlock_writers(store);
	return result;
}

int
drac_store_closed(struct drac_store *store, struct drac_closed *closed,
    struct drac_why *why)
{
	*closed = (struct drac_closed){ 0 };
	drac_map_begin(store, why);
	if (drac_map_know_closed(store, why) == -1)
		return -1;
	return drac_closed_copy(closed, &store->closed) == -1
		   ? drac_map_fail(store, DRAC_CLOSED, why)
		   : 0;
}

int
drac_store_is_closed(struct drac_store *store, const struct drac_addr *addr,
    time_t now, time_t *until, struct drac_why *why)
{
	struct drac_net net = drac_cover_of(&store->opts.cover, addr);
	const struct drac_closing *closing;

	if (drac_map_know_closed(store, why) == -1)
		return -1;
	closing = drac_closed_find(&store->closed, &net, now);
	*until = closing == NULL ? 0 : closing->until;
	return closing != NULL;
}
