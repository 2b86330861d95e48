/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The lookup service: mail servers ask whether an address is authorised, by
 * the protocols of lib/lookup.h, and are answered from memory by a thread
 * of its own, so that nobody waits for the disk. The thread has its sockets
 * and connections; it shares a table of addresses with the loop, under a
 * lock that each holds for one address at a time, and the heart.
 *
 * All functions are the loop's. But for open and start, NULL is allowed and
 * there is nothing to do.
 */
#ifndef DRACD_LOOKUPS_H
#define DRACD_LOOKUPS_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "addr.h"
#include "conf.h"
#include "table.h"
#include "why.h"

struct drac_lookups;

/* Sockets of systemd, to be taken over. */
struct drac_lookup_fds {
	int fd[DRAC_LOOKUP_MAX];
	size_t count;
};

/*
 * Open what conf->lookup names, but for paths that a socket handed over has.
 * To be called with the privileges of the start. UNIX sockets become the
 * user's; they are for everybody, unless the map is not (mode). 0 with
 * *lookups, or NULL when nothing is to be served, and *why empty or a
 * sentence on the default socket, which nobody has asked for and which
 * could not be made. -1 with errno and why. handed are closed in any case.
 */
int drac_lookups_open(const struct drac_conf *conf,
    const struct drac_lookup_fds *handed, struct drac_lookups **lookups,
    struct drac_why *why);

/*
 * Answer from now on, what came before too. To be called when the table has
 * been learnt and the privileges are given up. -1 with errno and why.
 */
int drac_lookups_start(struct drac_lookups *lookups, struct drac_why *why);

/* End the thread, close all, remove the files that were made. */
void drac_lookups_close(struct drac_lookups *lookups);

/*
 * The loop goes on, CLOCK_BOOTTIME milliseconds. When it has not for
 * DRAC_LOOKUP_HEART_MS, what it was told to drop may be unknown here, and
 * each answer is TEMP.
 */
#define DRAC_LOOKUP_HEART_MS 30000
void drac_lookups_beat(struct drac_lookups *lookups, int64_t boot_ms);

/*
 * What every lookup from now on sees of addr and the network that it opens.
 * expiry 0: it is gone. -1 with ENOMEM: it could not be kept; each answer is
 * TEMP until all is learnt anew.
 */
int drac_lookups_tell(struct drac_lookups *lookups,
    const struct drac_addr *addr, time_t expiry);

/* The same of an addr that is one of several perhaps: the latest counts. */
int drac_lookups_raise(struct drac_lookups *lookups,
    const struct drac_addr *addr, time_t expiry, time_t now);

/* Until when addr may relay; 0: it may not, or nobody can tell. */
time_t drac_lookups_get(struct drac_lookups *lookups,
    const struct drac_addr *addr, time_t now);

/*
 * What an address opens from now on. To be followed by learning. -1 with
 * ENOMEM: all stays as it was.
 */
int drac_lookups_cover(struct drac_lookups *lookups,
    const struct drac_conf *conf);

/* An empty table with a key of its own. NULL with errno. */
struct drac_table *drac_lookups_table(void);

/* Into such a table, where the latest expiry of a network counts. -1 ENOMEM. */
int drac_lookups_enter(struct drac_table *table, const struct drac_cover *cover,
    const struct drac_addr *addr, time_t expiry);

/* All at once: the table is the service's now. NULL: each answer is TEMP. */
void drac_lookups_learn(struct drac_lookups *lookups, struct drac_table *table);

#endif
