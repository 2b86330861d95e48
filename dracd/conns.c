/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * All connections, and who has how many. A connection too many costs its
 * own caller an idle one; when every slot is in use, it costs the caller
 * with the most.
 */

#include <sys/socket.h>

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "front.h"

static bool
same_caller(const struct drac_caller *a, const struct drac_caller *b)
{
	if (a->road != b->road)
		return false;
	return a->road == DRAC_ROAD_LOCAL ? a->uid == b->uid
					  : drac_addr_equal(&a->addr, &b->addr);
}

static bool
is_root(const struct drac_caller *caller)
{
	return caller->road == DRAC_ROAD_LOCAL && caller->uid == 0;
}

static size_t
count_mates(const struct drac_conns *conns, const struct drac_caller *caller)
{
	for (size_t i = 0; i < DRAC_CONNS_MAX; i++) {
		if (conns->at[i] != NULL &&
		    same_caller(&conns->at[i]->caller, caller))
			return conns->at[i]->mates;
	}
	return 0;
}

static void
set_mates(struct drac_conns *conns, const struct drac_caller *caller,
    size_t mates)
{
	for (size_t i = 0; i < DRAC_CONNS_MAX; i++) {
		if (conns->at[i] != NULL &&
		    same_caller(&conns->at[i]->caller, caller))
			conns->at[i]->mates = mates;
	}
}

void
drac_conns_drop(struct drac_conns *conns, size_t slot)
{
	struct drac_conn *conn = conns->at[slot];

	if (conn == NULL)
		return;
	set_mates(conns, &conn->caller, conn->mates - 1);
	conns->at[slot] = NULL;
	conns->count--;
	drac_stats.open = conns->count;
	close(conn->fd);
	free(conn->out);
	free(conn);
}

static void
evict(struct drac_conns *conns, size_t slot)
{
	drac_stats.evicted++;
	drac_conns_drop(conns, slot);
}

/* Should a go before b? Who has said something is not idle. */
static bool
goes_first(const struct drac_conn *a, const struct drac_conn *b)
{
	if (a->ready != b->ready)
		return b->ready;
	if (a->mates != b->mates)
		return a->mates > b->mates;
	return a->last_ms < b->last_ms;
}

/* One of caller's, or with NULL of the caller with the most. -1: none. */
static int
find_victim(const struct drac_conns *conns, const struct drac_caller *caller)
{
	int victim = -1;

	for (size_t i = 0; i < DRAC_CONNS_MAX; i++) {
		const struct drac_conn *conn = conns->at[i];

		if (conn == NULL || conn->unanswered)
			continue;
		if (caller != NULL && !same_caller(&conn->caller, caller))
			continue;
		if (victim == -1 || goes_first(conn, conns->at[victim]))
			victim = (int)i;
	}
	return victim;
}

/* A free slot, made free if need be. -1: not for this caller now. */
static int
find_slot(struct drac_conns *conns, const struct drac_caller *caller)
{
	size_t most = is_root(caller) ? DRAC_CONNS_MAX / 2 : DRAC_CONNS_CALLER;
	int slot;

	if (count_mates(conns, caller) >= most)
		slot = find_victim(conns, caller);
	else if (conns->count == DRAC_CONNS_MAX)
		slot = find_victim(conns, NULL);
	else {
		for (slot = 0; conns->at[slot] != NULL; slot++)
			continue;
		return slot;
	}
	if (slot != -1)
		evict(conns, (size_t)slot);
	return slot;
}

static int
learn_user(int fd, struct drac_caller *caller)
{
	struct ucred peer;
	socklen_t len = sizeof peer;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == -1)
		return -1;
	caller->uid = peer.uid;
	caller->pid = peer.pid;
	return 0;
}

/* errno as drac_conns_accept says. */
static int
accept_caller(const struct drac_socket *socket, struct drac_caller *caller)
{
	union {
		struct sockaddr sa;
		struct sockaddr_in sin;
		struct sockaddr_in6 sin6;
		struct sockaddr_storage any;
	} peer = { 0 };
	socklen_t len = sizeof peer;
	int on = 1;
	int fd =
	    accept4(socket->fd, &peer.sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd == -1)
		return -1;
	*caller = (struct drac_caller){ .road = socket->road };
	if (socket->road == DRAC_ROAD_LOCAL) {
		if (learn_user(fd, caller) == 0)
			return fd;
	} else if (drac_addr_from_sockaddr(&peer.sa, len, &caller->addr) == 0) {
		caller->port =
		    ntohs(peer.sa.sa_family == AF_INET6 ? peer.sin6.sin6_port
							: peer.sin.sin_port);
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		caller->fd = fd;
		return fd;
	}
	close(fd);
	errno = ECONNABORTED;
	return -1;
}

static int
put_in(struct drac_conns *conns, size_t slot, int fd,
    const struct drac_caller *caller)
{
	struct drac_conn *conn = calloc(1, sizeof *conn);
	size_t mates = count_mates(conns, caller) + 1;

	if (conn == NULL)
		return -1;
	conn->fd = fd;
	conn->number = ++conns->last_number;
	conn->caller = *caller;
	conns->at[slot] = conn;
	conns->count++;
	set_mates(conns, caller, mates);
	drac_stats.open = conns->count;
	drac_stats.connections++;
	return 0;
}

/* Out of descriptors or memory: one idle connection less may be enough. */
static int
make_way(struct drac_conns *conns)
{
	int victim = find_victim(conns, NULL);

	if (victim == -1 || conns->at[victim]->ready)
		return EMFILE;
	evict(conns, (size_t)victim);
	return ECONNABORTED;
}

/* accept(2) fails for want of a descriptor even when nobody waits. */
static int
judge_errno(struct drac_conns *conns, int fd)
{
	struct pollfd waiting = { .fd = fd, .events = POLLIN };

	switch (errno) {
	case EAGAIN:
		return EAGAIN;
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		return poll(&waiting, 1, 0) == 1 ? make_way(conns) : EAGAIN;
	default:
		return ECONNABORTED;
	}
}

int
drac_conns_accept(struct drac_conns *conns, const struct drac_socket *socket,
    int64_t now_ms)
{
	struct drac_caller caller;
	int fd = accept_caller(socket, &caller);
	int slot;

	if (fd == -1) {
		errno = judge_errno(conns, socket->fd);
		return -1;
	}
	slot = find_slot(conns, &caller);
	if (slot == -1 || put_in(conns, (size_t)slot, fd, &caller) == -1) {
		drac_stats.evicted++;
		close(fd);
		errno = ECONNABORTED;
		return -1;
	}
	conns->at[slot]->last_ms = now_ms;
	return slot;
}

void
drac_conns_drop_idle(struct drac_conns *conns, int64_t now_ms)
{
	for (size_t i = 0; i < DRAC_CONNS_MAX; i++) {
		const struct drac_conn *conn = conns->at[i];

		if (conn != NULL && !conn->ready && !conn->unanswered &&
		    now_ms - conn->last_ms >= (int64_t)DRAC_IDLE_S * 1000)
			evict(conns, i);
	}
}
