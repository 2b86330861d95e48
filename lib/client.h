/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Calls to daemons: one authorisation told to several of them at the same
 * time, with one deadline for everything; and a connection to the local
 * one for those who ask more. No statics, no threads, no signals (a peer
 * that is gone is an errno), every descriptor close-on-exec and above
 * stderr, errno kept where nothing is said about it.
 */
#ifndef DRAC_CLIENT_H
#define DRAC_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "why.h"
#include "wire.h"

/* Addresses of one server that are tried. */
#define DRAC_HOSTS_MAX 8

/*
 * ANY: root calls by UDP first, as callers always did, and proves itself by
 * a reserved port. Others call by TCP first, where the kernel of a server on
 * the same host can tell who they are. A server that refuses, or cannot be
 * reached, is tried at its next address, and then by the other transport.
 */
enum drac_transport {
	DRAC_TRANSPORT_ANY,
	DRAC_TRANSPORT_UDP,
	DRAC_TRANSPORT_TCP
};

/*
 * One server and what became of asking it. The caller fills in the first
 * half, zeroes the rest, and finds the outcome in the second.
 */
struct drac_ask {
	const char *name;   /* for sentences; borrowed */
	const char *socket; /* path: the local socket; NULL: hosts */
	struct drac_addr hosts[DRAC_HOSTS_MAX]; /* unless socket */
	size_t host_count;
	const struct drac_report *report; /* with a socket: what REPORT tells,
					   * or ADD where the daemon knows no
					   * REPORT; NULL: ADD; borrowed */
	unsigned short port; /* host order; 0: its rpcbind is asked */
	enum drac_transport transport;

	int error; /* 0: acknowledged. ETIMEDOUT, ECONNREFUSED, EPERM the
		    * server refused us (ADD_PERM), EIO it could not
		    * (ADD_SYSERR), ENXIO its rpcbind does not know DRAC, and
		    * whatever sockets say */
	struct drac_reply reply; /* answer: what the server said, 0 if it said
				  * nothing else; the rest version 3 alone:
				  * ADD, no list, no text */
	struct drac_why why; /* "NAME: what happened"; empty when all is well */
	unsigned took_ms;
};

/* Servers that are asked at the same time; no more than 16 may be named. */
#define DRAC_ASKS_MAX 16

/*
 * Tell every server of addr, all at once. Versions 1 and 2 over UDP (asked
 * again after 200 ms, 400 ms ...) or TCP, from a reserved port when the
 * process may have one; version 3 over the local socket. Returns when each
 * has answered or failed, or after timeout_ms, however many addresses and
 * transports were tried. A refusal is reported before any other error. The
 * number of those that acknowledged.
 */
size_t drac_client_add(struct drac_ask *asks, size_t count,
    const struct drac_addr *addr, unsigned timeout_ms);

/*
 * One server told of one address after another: its rpcbind is asked once
 * and the socket is kept. ask is borrowed until the end and has the outcome
 * of each step, as above. v6: the version to ask rpcbind for. 0, or -1 with
 * errno as in ask->error. A UDP server with a known port is not spoken to
 * when its connection is opened.
 */
struct drac_conn;
int drac_conn_open(struct drac_ask *ask, bool v6, unsigned timeout_ms,
    struct drac_conn **conn);

/*
 * 0 acknowledged, -1 with errno as in ask->error. May be called again after
 * a failure, after the server went away and in a child of fork(2): then the
 * way is found anew.
 */
int drac_conn_add(struct drac_conn *conn, const struct drac_addr *addr,
    unsigned timeout_ms);

/* NULL is allowed. errno is kept. */
void drac_conn_close(struct drac_conn *conn);

/*
 * The addresses that /etc/hosts (path) gives for a name, at most
 * DRAC_HOSTS_MAX, in the order of the file. The DNS is not asked: it takes
 * its time, and this happens within a login. Their number, or -1 with the
 * errno of open(2).
 */
int drac_client_hosts(const char *path, const char *name,
    struct drac_addr addrs[DRAC_HOSTS_MAX]);

/*
 * Fill in ask->hosts and host_count for host: numeric, or as
 * drac_client_hosts finds it. -1 with EADDRNOTAVAIL and why, which begins
 * with ask->name.
 */
int drac_client_find(const char *hosts, const char *host, struct drac_ask *ask,
    struct drac_why *why);

/*
 * A connection to the local daemon for one call after another. -1 with
 * errno (ENOENT, ECONNREFUSED: no daemon there) and why.
 */
struct drac_link;
int drac_link_open(const char *socket, unsigned timeout_ms,
    struct drac_link **link, struct drac_why *why);

/*
 * One call of version 3 and its reply; call->xid is filled in. reply->listed
 * and reply->text are the caller's. 0 when the daemon answered, whatever it
 * answered; -1 with errno (ETIMEDOUT, ECONNRESET ...) and why: the
 * connection is of no more use.
 */
int drac_link_call(struct drac_link *link, struct drac_call *call,
    struct drac_reply *reply, unsigned timeout_ms, struct drac_why *why);

/*
 * One call to the local daemon whose reply nobody reads: sent if that can be
 * done without waiting, even for a moment. 0 it is on its way, which says
 * nothing of what becomes of it; -1 with errno and why.
 */
int drac_link_post(const char *socket, struct drac_call *call,
    struct drac_why *why);

/* NULL is allowed. errno is kept. */
void drac_link_close(struct drac_link *link);

#endif
