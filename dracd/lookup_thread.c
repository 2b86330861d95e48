/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The thread of the lookup service. epoll(7) has those that are ready go
 * round: a turn takes some, each gets its share, and who wants more comes
 * after all others.
 */

#include <sys/epoll.h>

#include <errno.h>

#include "lookup_parts.h"
#include "sys.h"

#define EVENTS      64
#define ACCEPTS_MAX 16

/* Idle connections are looked for so often; so long nobody is accepted. */
#define LOOK_MS  1000
#define PAUSE_MS 1000
#define REST_MS  60000

/* What an event is about: a socket, the end, a connection. */
#define WAY_WAKE  DRAC_LOOKUP_SOCKETS_MAX
#define WAY_CONNS (DRAC_LOOKUP_SOCKETS_MAX + 1)

static int
poll_for(struct drac_lookups *lookups, int operation, int fd,
    struct epoll_event event)
{
	return epoll_ctl(lookups->poll_fd, operation, fd, &event);
}

static struct epoll_event
event_of(uint32_t events, size_t way)
{
	return (struct epoll_event){ .events = events,
		.data = { .u32 = (uint32_t)way } };
}

static void
set_paused(struct drac_lookups *lookups, bool paused)
{
	lookups->paused = paused;
	for (size_t i = 0; i < lookups->socket_count; i++)
		(void)poll_for(lookups, EPOLL_CTL_MOD, lookups->sockets[i].fd,
		    event_of(paused ? 0 : EPOLLIN, i));
}

static void
accept_some(struct drac_lookups *lookups, size_t way, int64_t now_ms)
{
	for (int i = 0; i < ACCEPTS_MAX; i++) {
		int slot = drac_lookup_conns_accept(lookups,
		    lookups->sockets[way].fd, now_ms);

		if (slot == -1 && errno == EAGAIN)
			return;
		if (slot == -1 && errno == EMFILE) {
			lookups->resume_ms = now_ms + PAUSE_MS;
			set_paused(lookups, true);
			return;
		}
		if (slot != -1 &&
		    poll_for(lookups, EPOLL_CTL_ADD,
			lookups->conns.at[slot]->fd,
			event_of(EPOLLIN, WAY_CONNS + (size_t)slot)) == -1)
			drac_lookup_conns_drop(lookups, (size_t)slot);
	}
}

/* The slot may be another's by now, whom it does not harm. */
static void
serve_conn(struct drac_lookups *lookups, size_t slot, int64_t now_ms)
{
	struct drac_lookup_conn *conn = lookups->conns.at[slot];
	int writing;

	if (conn == NULL)
		return;
	writing = drac_lookup_conn_serve(conn, lookups, now_ms);
	if (writing == -1) {
		drac_lookup_conns_drop(lookups, slot);
		return;
	}
	if (conn->writing == (writing == 1))
		return;
	conn->writing = writing == 1;
	(void)poll_for(lookups, EPOLL_CTL_MOD, conn->fd,
	    event_of(conn->writing ? EPOLLOUT : EPOLLIN, WAY_CONNS + slot));
}

static int
patience_ms(const struct drac_lookups *lookups)
{
	return lookups->paused || lookups->conns.count > 0 ? LOOK_MS : REST_MS;
}

static void
turn(struct drac_lookups *lookups)
{
	struct epoll_event events[EVENTS];
	int count =
	    epoll_wait(lookups->poll_fd, events, EVENTS, patience_ms(lookups));
	int64_t now_ms = drac_sys_ms();

	for (int i = 0; i < count; i++) {
		size_t way = events[i].data.u32;

		if (way >= WAY_CONNS)
			serve_conn(lookups, way - WAY_CONNS, now_ms);
		else if (way != WAY_WAKE && !lookups->paused)
			accept_some(lookups, way, now_ms);
	}
	if (lookups->paused && now_ms >= lookups->resume_ms)
		set_paused(lookups, false);
	if (now_ms - lookups->looked_ms >= LOOK_MS) {
		lookups->looked_ms = now_ms;
		drac_lookup_conns_drop_idle(lookups, now_ms);
	}
}

void *
drac_lookup_thread(void *arg)
{
	struct drac_lookups *lookups = arg;

	while (!atomic_load(&lookups->ending))
		turn(lookups);
	return NULL;
}
