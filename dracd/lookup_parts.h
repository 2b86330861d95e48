/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The lookup service's own parts:
 *
 *   lookups         what the loop tells the thread; its start and end
 *   lookup_sockets  what it listens on
 *   lookup_thread   the turn: whatever is ready is served, each a share
 *   lookup_conns    connections: who has to go
 *   lookup_conn     one connection: requests in, replies out
 *
 * The thread logs nothing and counts in drac_stats. It never waits but for
 * epoll, and for the lock; nothing grows beyond the bounds here.
 */
#ifndef DRACD_LOOKUP_PARTS_H
#define DRACD_LOOKUP_PARTS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "dracd.h"
#include "lookup.h"
#include "lookups.h"
#include "unix.h"

/* A connection may be silent so long, and take so long for a request. */
#define DRAC_LOOKUP_IDLE_MS   300000
#define DRAC_LOOKUP_UNDONE_MS 10000

/* Handed over and configured. */
#define DRAC_LOOKUP_SOCKETS_MAX (2u * DRAC_LOOKUP_MAX)

/* Octets of replies that one connection has of a turn. */
#define DRAC_LOOKUP_SHARE 1024u

struct drac_lookup_conn {
	int fd;
	bool ended;       /* the peer has sent all it will */
	bool last;        /* nothing more is read: it sent nonsense */
	bool rest;        /* a whole request may be left in `in' */
	bool writing;     /* polled for writing instead of reading */
	int64_t asked_ms; /* the last whole request; at first: accepted */
	int64_t since_ms; /* something is undone since then; 0: nothing is */
	size_t in_len;
	size_t out_at;
	size_t out_len;
	char in[DRAC_LOOKUP_ASKED_MAX];
	char out[DRAC_LOOKUP_SHARE];
};

struct drac_lookup_conns {
	struct drac_lookup_conn *at[DRAC_LOOKUPS_MAX]; /* NULL: free */
	size_t count;
};

struct drac_lookups {
	pthread_mutex_t lock;
	struct drac_table *table; /* under the lock; NULL: none */
	struct drac_cover cover;  /* under the lock; of the table's addresses */
	struct drac_nets exclude; /* the cover's */
	_Atomic int64_t heart_ms;
	atomic_bool ending;
	pthread_t thread;
	bool running;

	/* The thread's once it runs. */
	int poll_fd;
	int wake_fd;
	struct drac_unix sockets[DRAC_LOOKUP_SOCKETS_MAX];
	size_t socket_count;
	struct drac_lookup_conns conns;
	bool paused; /* nobody is accepted: no descriptor to spare */
	int64_t resume_ms;
	int64_t looked_ms;
};

/* As drac_lookups_open. The sockets are in lookups, also after a failure. */
int drac_lookup_sockets_open(struct drac_lookups *lookups,
    const struct drac_conf *conf, const struct drac_lookup_fds *handed,
    struct drac_why *why);
void drac_lookup_sockets_close(struct drac_lookups *lookups);

/* The thread's function; it returns when it is to end. */
void *drac_lookup_thread(void *lookups);

/*
 * Accept one, closing the one that asked longest ago if that is one too
 * many. The slot, or -1 with errno: EAGAIN nobody waits; ECONNABORTED gone:
 * go on; EMFILE no descriptor or memory for it.
 */
int drac_lookup_conns_accept(struct drac_lookups *lookups, int listener,
    int64_t now_ms);
void drac_lookup_conns_drop(struct drac_lookups *lookups, size_t slot);
void drac_lookup_conns_drop_idle(struct drac_lookups *lookups, int64_t now_ms);

/*
 * Read once, answer as much as a share holds, send. -1: it has to be closed.
 * 1: it has to be polled for writing, 0: for reading.
 */
int drac_lookup_conn_serve(struct drac_lookup_conn *conn,
    struct drac_lookups *lookups, int64_t now_ms);

/* When it is asked, and whether the loop goes on. */
struct drac_lookup_moment {
	time_t now;
	bool alive;
};
struct drac_lookup_moment drac_lookup_moment(
    const struct drac_lookups *lookups);

/* What there is to say about an address; len 0: about none. */
struct drac_lookup_said drac_lookup_say(struct drac_lookups *lookups,
    const struct drac_addr *addr, const struct drac_lookup_moment *moment);

#endif
