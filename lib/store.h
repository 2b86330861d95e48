/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The map: a Berkeley DB btree file of addresses and expiries that
 * unmodified mail servers read while it changes. Every function here
 * returns within the time the caller allows, keeps the map readable at
 * any instant and never lets an acknowledged update be lost by a kill.
 * How that is done is written at the head of store.c and in docs/DESIGN.
 *
 * Instants are time_t seconds UTC and always the caller's: this room never
 * reads the wall clock. Deadlines are taken on CLOCK_MONOTONIC.
 */
#ifndef DRAC_STORE_H
#define DRAC_STORE_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "addr.h"
#include "closed.h"
#include "key.h"
#include "opts.h"
#include "why.h"

struct drac_store; /* opaque; use from one thread at a time */

/*
 * With opts->cover an address stands for a network. The network has keys of
 * its own where the style has some (drac_key_spell_net), which are open until
 * the latest of its addresses expires. Taking back or dropping an address
 * closes its network, whoever else has opened it; the next login opens it
 * again. Networks are not visited.
 */

/*
 * What one add did, kept by the caller for drac_store_take_back.
 */
struct drac_grant {
	time_t expiry;   /* what the map says now */
	time_t previous; /* what it said before; 0: nothing */
	bool written;    /* false: recorded moments ago, or longer already */
	bool deferred;   /* safe in the journal, not yet seen by readers;
			  * why says that one is in the way */
	time_t closed; /* not 0: not authorised, for the address or its network
			* is closed until then; or DRAC_CLOSED_UNKNOWN */
};

/* The list of closed addresses cannot be read; why says so. */
#define DRAC_CLOSED_UNKNOWN ((time_t)-1)

/*
 * Open the directory, check that it is safe (owned by us or root, not
 * writable by others, not a symbolic link) and attach to the map.
 * On success *store is the caller's, to be closed with drac_store_close.
 * -1: ENOENT no map (and may_create false) or no directory, EACCES/EPERM
 * unsafe or not ours, ELOOP symbolic link, ETIMEDOUT, and I/O errors; why
 * names the path and the reason.
 *
 * With opts->owner the map is this handle's own until it is closed: every
 * call that would change it through another handle, here or elsewhere,
 * fails with EBUSY at once and says who owns it; reading is as ever. EBUSY:
 * it is owned already. A child that keeps the handle's descriptors open
 * (fork without exec) keeps the map owned, too.
 */
int drac_store_open(const struct drac_store_opts *opts,
    struct drac_store **store, struct drac_why *why);

/* Release everything; NULL is allowed. errno is kept. */
void drac_store_close(struct drac_store *store);

/*
 * Authorise addr until expiry. An entry that already lasts longer is left
 * alone; one that was written less than renew_s seconds ago (its expiry is
 * within renew_s of the new one) is left alone too, without any write.
 * Removes a few expired entries that it passes. An entry that lasts longer
 * only because the clock was ahead and went back (drac_store_sweep) is
 * shortened. grant may be NULL.
 * A closed address is not authorised: 0, and grant->closed says so.
 * 0 done; -1 with errno: ETIMEDOUT, ENOSPC, EIO, EACCES ...: not recorded.
 * A damaged map is replaced on the way; then why is set although the
 * result is 0 (why->text is empty otherwise).
 */
int drac_store_add(struct drac_store *store, const struct drac_addr *addr,
    time_t now, time_t expiry, unsigned renew_s, struct drac_grant *grant,
    struct drac_why *why);

/* Like add, but the expiry is set as given, shorter or longer. */
int drac_store_set(struct drac_store *store, const struct drac_addr *addr,
    time_t expiry, struct drac_why *why);

/*
 * Undo one add: if the entry still has exactly grant->expiry, put
 * grant->previous back (or remove the entry). 1 undone, 0 somebody else
 * has renewed it since, -1 error.
 */
int drac_store_take_back(struct drac_store *store, const struct drac_addr *addr,
    const struct drac_grant *grant, struct drac_why *why);

/*
 * Many changes at once, for the daemon: one entry in the journal, one wait
 * for the disk.
 */
enum drac_op_kind {
	DRAC_OP_ADD,       /* as drac_store_add does */
	DRAC_OP_SET,       /* as drac_store_set */
	DRAC_OP_TAKE_BACK, /* as drac_store_take_back */
	DRAC_OP_DROP,
	DRAC_OP_EXPIRE /* remove the entry if its expiry is <= now */
};

struct drac_op {
	enum drac_op_kind kind;
	struct drac_addr addr;
	time_t expiry;           /* ADD, SET: until when */
	unsigned renew_s;        /* ADD */
	struct drac_grant grant; /* ADD, SET: filled in; TAKE_BACK: what to
				  * undo; EXPIRE: grant.expiry is filled in
				  * with what the map holds afterwards, 0
				  * nothing; all: deferred is filled in */
	bool done; /* filled in: something was written, put back or removed */
};

#define DRAC_OPS_MAX 256u

/*
 * At most DRAC_OPS_MAX changes, in order; EINVAL: more. 0: all of them are
 * safe. -1: none of them counts, and no done is set. Where only the writing
 * of the map failed, all of them are in the journal, and the next change or
 * upkeep completes all of them; never are some there and others not. When no
 * change has anything to write, the disk is not waited for. An owner's ADD
 * removes no expired entries in passing.
 */
int drac_store_apply(struct drac_store *store, struct drac_op *ops,
    size_t count, time_t now, struct drac_why *why);

/*
 * The expiry the map holds for addr or for the network that it is in, the
 * later one, expired or not. 1 found, 0 not there, -1 error. Needs read
 * permission only and writes nothing.
 */
int drac_store_get(struct drac_store *store, const struct drac_addr *addr,
    time_t *expiry, struct drac_why *why);

/* Remove addr. 1 removed, 0 was not there, -1 error. */
int drac_store_drop(struct drac_store *store, const struct drac_addr *addr,
    struct drac_why *why);

/*
 * Close a network to every add until then, or, with 0, open it again; what is
 * in the map stays, set still sets. When it returns 0 it is on the disk.
 * Closings that are over are forgotten. -1: ENOSPC, there are DRAC_CLOSED_MAX
 * already; and others.
 */
int drac_store_close_net(struct drac_store *store, const struct drac_net *net,
    time_t until, time_t now, struct drac_why *why);

/* All closings, over or not; *closed is the caller's to free. */
int drac_store_closed(struct drac_store *store, struct drac_closed *closed,
    struct drac_why *why);

/*
 * Does a closing keep the address or the network that it opens shut? 1 and
 * until when, 0, -1. It costs one fstatat(2).
 */
int drac_store_is_closed(struct drac_store *store, const struct drac_addr *addr,
    time_t now, time_t *until, struct drac_why *why);

/*
 * Call visit for every entry in key order, streaming: no lock is held
 * during visit, memory does not depend on the size. Entries added or
 * removed meanwhile may or may not be seen, all others are seen once.
 * visit returns 0 to go on, anything else to stop; that value is returned.
 * -1 with errno on error. Read permission is enough.
 */
typedef int drac_store_visit(const struct drac_addr *addr, time_t expiry,
    void *arg);
int drac_store_each(struct drac_store *store, drac_store_visit *visit,
    void *arg, struct drac_why *why);

/* The same for those that come behind after in key order; NULL: for all. */
int drac_store_each_after(struct drac_store *store,
    const struct drac_addr *after, drac_store_visit *visit, void *arg,
    struct drac_why *why);

struct drac_swept {
	uint64_t removed; /* entries removed */
	uint64_t kept;    /* entries looked at and still valid */
	bool more;        /* the limit came first */
	bool enlarged;    /* the map was replaced by a bigger or fresher copy */
};

/*
 * Remove entries with expiry <= now, in short batches with the locks
 * released between them. limit: at most so many removed, 0 for all.
 * Also finishes what a killed writer left, repairs a damaged map,
 * removes what is closed all the same, forgets the closings that are over,
 * enlarges one that is nearly full, and replaces one by a copy, whatever its
 * size, when updates wait for a reader to let go. The lock file's time of
 * modification becomes now, by which others see when the map was swept.
 *
 * When now is more than two seconds before the latest time at which a change
 * was made or the map swept, the clock went back. Then what was authorised
 * before expires sooner by as much, and goes when that was before now; see
 * docs/DESIGN for what is told apart. Then why says so although the result
 * is 0.
 */
int drac_store_sweep(struct drac_store *store, time_t now, uint64_t limit,
    struct drac_swept *swept, struct drac_why *why);

/*
 * A part of what a sweep does besides removing, for the daemon, in at most
 * a few milliseconds unless the map has to be enlarged or healed: look
 * whether the next few thousand pages are as we left them, finish what a
 * killed writer left, enlarge a map that is nearly full. The pages go round
 * from call to call. *anew: since the last upkeep, or the open, the map was
 * begun anew from what somebody else left there, so entries may be other
 * than the caller knows. A damaged map is replaced, as drac_store_add does
 * it; then why is set although the result is 0. A clock that went back is
 * answered as a sweep does it, which makes entries *anew, and what is over
 * by that stays for the owner to remove; of a big map a part in each call,
 * and drac_store_upkeep_more asks for the next one soon. The lock file is
 * marked as by a sweep.
 */
int drac_store_upkeep(struct drac_store *store, time_t now, bool *anew,
    struct drac_why *why);
bool drac_store_upkeep_more(const struct drac_store *store);

/* Remove every entry. */
int drac_store_clear(struct drac_store *store, struct drac_why *why);

struct drac_store_info {
	uint64_t entries; /* keys of them: style and networks may have more */
	uint64_t pages;   /* of the file */
	uint64_t pages_free;
	unsigned page_size; /* octets */
	uint64_t bytes;     /* of the file */
};

/* Sizes, by walking the map; read permission is enough. */
int drac_store_info(struct drac_store *store, struct drac_store_info *info,
    struct drac_why *why);

#endif
