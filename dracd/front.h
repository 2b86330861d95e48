/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The front's own parts:
 *
 *   front    the turn: whatever is ready is served in rotation, each a share
 *   listen   the sockets on addresses, and all sockets together
 *   local    the socket of this host's processes
 *   unix     UNIX sockets and their files
 *   handed   sockets that systemd opened
 *   conns    connections: who has how many, who has to go
 *   conn     one connection: records in, answers out
 *   dgram    datagrams in, answers out
 *   bind     a socket to an address
 *
 * Nothing here waits, and nothing grows beyond the bounds of dracd.h.
 */
#ifndef DRACD_FRONT_H
#define DRACD_FRONT_H

#include <sys/socket.h>
#include <sys/types.h>

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dracd.h"
#include "unix.h"

/* bind(2) with 0 or -1 and its errno. */
int drac_bind(int fd, const struct drac_addr *addr, unsigned short port);

/* Sockets that others call: UDP, or to accept from. */
struct drac_socket {
	int fd;
	enum drac_road road;
	bool v6;
	struct drac_addr addr; /* not DRAC_ROAD_LOCAL */
	unsigned short port;
};

#define DRAC_SOCKETS_MAX (2 * DRAC_LISTEN_MAX + 1)

struct drac_sockets {
	struct drac_socket at[DRAC_SOCKETS_MAX];
	size_t count;
	struct drac_unix local;      /* if it was made here */
	mode_t closed;               /* its mode when it is not for everybody */
	int lookup[DRAC_LOOKUP_MAX]; /* handed over for the lookup service */
	size_t lookup_count;
};

/*
 * As drac_front_open says. 0 with *why empty, or a sentence on what was left
 * out; -1 with errno and why, and nothing open.
 */
int drac_sockets_open(struct drac_sockets *sockets,
    const struct drac_conf *conf, struct drac_why *why);
void drac_sockets_close(struct drac_sockets *sockets);

/*
 * Each adds to sockets, which close them after a failure: -1 with errno and
 * why. drac_local_open takes its path from conf; drac_handed_take takes what
 * LISTEN_PID and LISTEN_FDS offer (sd_listen_fds(3)), which may be nothing; a
 * UNIX socket that LISTEN_FDNAMES calls `lookup' is for the lookup service.
 */
int drac_local_open(struct drac_sockets *sockets, const struct drac_conf *conf,
    struct drac_why *why);
int drac_handed_take(struct drac_sockets *sockets, struct drac_why *why);

/* The socket becomes the table's. -1 with ENOSPC: the table is full. */
int drac_sockets_add(struct drac_sockets *sockets,
    const struct drac_socket *socket);

/* Find out what a socket is bound to. -1 with errno. */
int drac_socket_learn(struct drac_socket *socket);

/* As drac_front_admit. */
int drac_local_admit(const struct drac_sockets *sockets,
    const struct drac_conf *conf, struct drac_why *why);

/* One connection. */
struct drac_conn {
	int fd;
	uint64_t number;
	struct drac_caller caller;
	int64_t last_ms; /* the last whole call; at first: accepted */
	size_t mates;    /* connections of the same caller, this one too */
	bool ready;      /* something arrived that was not yet looked at */
	bool unanswered; /* a job of it is under way */
	bool writing;    /* polled for writing, since an answer waits */
	bool last;       /* the fragment at hand ends the record */
	bool complete;   /* record is a whole one, read already */
	size_t mark_len; /* octets of mark that are there */
	size_t left;     /* octets missing in the fragment */
	unsigned empty;  /* empty fragments in this record */
	size_t raw_at;   /* of raw: looked at */
	size_t raw_len;  /* of raw: filled */
	size_t record_len;
	unsigned char *out; /* what the peer did not yet take; NULL: nothing */
	size_t out_at;
	size_t out_len;
	unsigned char mark[DRAC_MARK_SIZE];
	unsigned char record[DRAC_CALL_MAX];
	unsigned char raw[DRAC_CALL_MAX];
};

/* -1: it has to be closed. All others: 1 done, 0 not yet. */
int drac_conn_read(struct drac_conn *conn); /* record, record_len */
int drac_conn_send(struct drac_conn *conn, const unsigned char *octets,
    size_t size);
int drac_conn_flush(struct drac_conn *conn);

/* Something was read that belongs to the next record. */
bool drac_conn_rest(const struct drac_conn *conn);

/* All connections. */
struct drac_conns {
	struct drac_conn *at[DRAC_CONNS_MAX]; /* NULL: free */
	size_t count;
	uint64_t last_number;
};

/*
 * Accept one, closing another if that is one too many. The slot, or -1 with
 * errno: EAGAIN nobody waits; ECONNABORTED gone, or sent away: go on;
 * EMFILE no descriptor or memory for it.
 */
int drac_conns_accept(struct drac_conns *conns,
    const struct drac_socket *socket, int64_t now_ms);
void drac_conns_drop(struct drac_conns *conns, size_t slot);
void drac_conns_drop_idle(struct drac_conns *conns, int64_t now_ms);

/* Datagrams read at once: a socket's share. */
#define DRAC_DGRAMS_MAX 32u

/* Where an answer goes, and from which address of ours. */
struct drac_back {
	union {
		struct sockaddr sa;
		struct sockaddr_in sin;
		struct sockaddr_in6 sin6;
	} peer;
	socklen_t peer_len;
	_Alignas(struct cmsghdr) unsigned char control[CMSG_SPACE(
	    sizeof(struct in6_pktinfo))];
	size_t control_len;
	size_t asked; /* octets: an answer is never longer */
};

struct drac_dgrams {
	struct drac_back back[DRAC_JOBS_MAX]; /* by job */
	struct drac_back from[DRAC_DGRAMS_MAX];
	unsigned char octets[DRAC_DGRAMS_MAX][DRAC_CALL_MAX];
};

/* Make a UDP socket tell to which address of ours a datagram came. */
int drac_dgram_prepare(const struct drac_socket *socket);

/*
 * At most max jobs, of the turn's from `first` on; *more: as many datagrams
 * as asked for were there.
 */
size_t drac_dgram_collect(struct drac_dgrams *dgrams,
    const struct drac_socket *socket, struct drac_job *jobs, size_t first,
    size_t max, bool *more);

/* The answers of those jobs among them that came as datagrams. */
void drac_dgram_answer(struct drac_dgrams *dgrams,
    const struct drac_sockets *sockets, const struct drac_job *jobs,
    size_t count);

/* A job's answer in its version; <= 28 octets for versions 1 and 2. */
size_t drac_front_encode(const struct drac_job *job, unsigned char *octets);

#endif
