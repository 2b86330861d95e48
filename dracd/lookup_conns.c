/* SPDX-License-Identifier: BSD-2-Clause */

/* The connections of the lookup service; see lookup_parts.h. */

#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#include "lookup_parts.h"

/*
 * A child that talks to rpcbind may hold the descriptor for a while: the
 * peer shall see the end at once, and epoll(7) has to be told.
 */
void
drac_lookup_conns_drop(struct drac_lookups *lookups, size_t slot)
{
	struct drac_lookup_conns *conns = &lookups->conns;
	struct drac_lookup_conn *conn = conns->at[slot];

	if (conn == NULL)
		return;
	(void)epoll_ctl(lookups->poll_fd, EPOLL_CTL_DEL, conn->fd, NULL);
	(void)shutdown(conn->fd, SHUT_RDWR);
	(void)close(conn->fd);
	free(conn);
	conns->at[slot] = NULL;
	conns->count--;
	drac_stats.lookup_open--;
}

static bool
is_over(const struct drac_lookup_conn *conn, int64_t now_ms)
{
	return now_ms - conn->asked_ms >= DRAC_LOOKUP_IDLE_MS ||
	       (conn->since_ms != 0 &&
		   now_ms - conn->since_ms >= DRAC_LOOKUP_UNDONE_MS);
}

void
drac_lookup_conns_drop_idle(struct drac_lookups *lookups, int64_t now_ms)
{
	const struct drac_lookup_conns *conns = &lookups->conns;

	for (size_t i = 0; i < DRAC_LOOKUPS_MAX; i++) {
		if (conns->at[i] == NULL || !is_over(conns->at[i], now_ms))
			continue;
		drac_stats.lookup_evicted++;
		drac_lookup_conns_drop(lookups, i);
	}
}

/* A free slot; when there is none, that of who asked longest ago. */
static size_t
make_room(struct drac_lookups *lookups)
{
	const struct drac_lookup_conns *conns = &lookups->conns;
	size_t oldest = 0;

	for (size_t i = 0; i < DRAC_LOOKUPS_MAX; i++) {
		if (conns->at[i] == NULL)
			return i;
		if (conns->at[i]->asked_ms < conns->at[oldest]->asked_ms)
			oldest = i;
	}
	drac_stats.lookup_evicted++;
	drac_lookup_conns_drop(lookups, oldest);
	return oldest;
}

static int
fault_of(int error)
{
	switch (error) {
	case EAGAIN:
		return EAGAIN;
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		return EMFILE;
	default:
		return ECONNABORTED;
	}
}

int
drac_lookup_conns_accept(struct drac_lookups *lookups, int listener,
    int64_t now_ms)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct drac_lookup_conn *conn;
	int on = 1;
	size_t slot;

	if (fd == -1) {
		errno = fault_of(errno);
		return -1;
	}
	conn = calloc(1, sizeof *conn);
	if (conn == NULL) {
		(void)close(fd);
		errno = EMFILE;
		return -1;
	}
	/* A UNIX socket knows no such option. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	slot = make_room(lookups);
	conn->fd = fd;
	conn->asked_ms = now_ms;
	lookups->conns.at[slot] = conn;
	lookups->conns.count++;
	drac_stats.lookup_conns++;
	drac_stats.lookup_open++;
	return (int)slot;
}
