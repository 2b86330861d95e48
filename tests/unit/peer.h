/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A small server in a thread, on loopback or a local socket, with manners
 * good or bad. What it heard may be looked at when it has been stopped, or
 * when its answer has arrived.
 */
#ifndef DRAC_PEER_H
#define DRAC_PEER_H

#include <sys/socket.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "addr.h"
#include "test.h"
#include "wire.h"

#define PEER_CONNS 8

enum road {
	ROAD_UDP,
	ROAD_UDP6,
	ROAD_TCP,
	ROAD_TCP6,
	ROAD_LOCAL
};

enum manner {
	ANSWERS,
	IS_SILENT,
	TALKS_RUBBISH,     /* no RPC at all, and never a reply */
	ANSWERS_ANOTHER,   /* a reply to another call, then to ours */
	OVERHEARS_ONE,     /* answers the second time */
	KNOWS_NO_VERSION,  /* PROG_MISMATCH */
	TALKS_NONSENSE,    /* a reply with octets behind it */
	HANGS_UP_AT_ONCE,  /* the connection, when it has a call */
	HANGS_UP_HALFWAY,  /* within the reply */
	HANGS_UP_POLITELY, /* after the reply */
	SENDS_OCTETS,      /* one at a time */
	SENDS_FRAGMENTS,   /* two of them */
	SENDS_EMPTY,       /* fragments, again and again */
	SENDS_TOO_MUCH     /* a record that nobody has room for */
};

struct peer {
	enum road road;
	enum manner manner;
	struct drac_reply reply; /* answer alone, unless version 3 */
	const char *path;        /* ROAD_LOCAL */
	const char *host;        /* IPv4; NULL: 127.0.0.1 */
	unsigned short port;     /* 0: any */
	bool rpcbind;            /* answers with `told` */
	const char *told;        /* octets behind an accepted reply */
	size_t told_size;

	int fd;
	int conns[PEER_CONNS];
	int stop[2];
	pthread_t thread;
	bool running;
	atomic_uint heard; /* messages */
	struct drac_call call;
	struct sockaddr_storage at; /* the last caller */
	socklen_t at_size;
	unsigned short from; /* its port */
};

static inline bool
peer_is_stream(const struct peer *peer)
{
	return peer->road == ROAD_TCP || peer->road == ROAD_TCP6 ||
	       peer->road == ROAD_LOCAL;
}

static inline bool
peer_is_v6(const struct peer *peer)
{
	return peer->road == ROAD_UDP6 || peer->road == ROAD_TCP6;
}

static inline int
peer_bind_local(const struct peer *peer, int fd)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", peer->path);
	(void)unlink(peer->path);
	return bind(fd, (struct sockaddr *)&un, sizeof(un));
}

static inline int
peer_bind_host(struct peer *peer, int fd)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_port = htons(peer->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
		.sin6_port = htons(peer->port),
		.sin6_addr = IN6ADDR_LOOPBACK_INIT };
	bool v6 = peer_is_v6(peer);
	socklen_t size = v6 ? sizeof(in6) : sizeof(in);
	struct sockaddr *at =
	    v6 ? (struct sockaddr *)&in6 : (struct sockaddr *)&in;

	if (peer->host != NULL)
		(void)inet_pton(AF_INET, peer->host, &in.sin_addr);
	if (bind(fd, at, size) == -1 || getsockname(fd, at, &size) == -1)
		return -1;
	peer->port = ntohs(v6 ? in6.sin6_port : in.sin_port);
	return 0;
}

/* Where it will be; it does nothing yet. -1: no such address here. */
static inline int
peer_open(struct peer *peer)
{
	int family = peer->road == ROAD_LOCAL ? AF_UNIX
		     : peer_is_v6(peer)       ? AF_INET6
					      : AF_INET;
	const int on = 1;

	for (unsigned i = 0; i < PEER_CONNS; i++)
		peer->conns[i] = -1;
	peer->fd = socket(family,
	    (peer_is_stream(peer) ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC,
	    0);
	if (peer->fd == -1)
		return -1;
	/* To come back to a port that an old connection still has. */
	if (peer->road == ROAD_TCP || peer->road == ROAD_TCP6)
		(void)setsockopt(peer->fd, SOL_SOCKET, SO_REUSEADDR, &on,
		    sizeof(on));
	if ((peer->road == ROAD_LOCAL ? peer_bind_local(peer, peer->fd)
				      : peer_bind_host(peer, peer->fd)) == 0 &&
	    (!peer_is_stream(peer) || listen(peer->fd, PEER_CONNS) == 0))
		return 0;
	(void)close(peer->fd);
	peer->fd = -1;
	return -1;
}

static inline void
peer_put(const struct peer *peer, int fd, const void *octets, size_t size)
{
	const int on = 1;

	if (peer->manner == SENDS_OCTETS && size > 1) {
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		for (size_t i = 0; i < size; i++)
			(void)send(fd, (const char *)octets + i, 1,
			    MSG_NOSIGNAL);
	} else if (peer_is_stream(peer)) {
		(void)send(fd, octets, size, MSG_NOSIGNAL);
	} else {
		(void)sendto(fd, octets, size, 0,
		    (const struct sockaddr *)&peer->at, peer->at_size);
	}
}

static inline void
peer_put_part(const struct peer *peer, int fd, const unsigned char *octets,
    uint32_t mark)
{
	unsigned char *part = malloc(DRAC_MARK_SIZE + DRAC_REPLY_MAX);
	uint32_t size = mark & ~DRAC_MARK_LAST, word = htonl(mark);

	if (part == NULL)
		return;
	memcpy(part, &word, sizeof(word));
	memcpy(part + DRAC_MARK_SIZE, octets, size);
	peer_put(peer, fd, part, DRAC_MARK_SIZE + size);
	free(part);
}

/* One message. */
static inline void
peer_send(const struct peer *peer, int fd, const unsigned char *octets,
    size_t size)
{
	if (!peer_is_stream(peer)) {
		peer_put(peer, fd, octets, size);
	} else if (peer->manner == SENDS_FRAGMENTS) {
		peer_put_part(peer, fd, octets, 5);
		peer_put_part(peer, fd, octets + 5,
		    (uint32_t)(size - 5) | DRAC_MARK_LAST);
	} else {
		peer_put_part(peer, fd, octets,
		    (uint32_t)size | DRAC_MARK_LAST);
	}
}

/* The good reply. */
static inline size_t
peer_reply(const struct peer *peer, uint32_t xid, unsigned char *octets)
{
	size_t size;

	if (peer->rpcbind) {
		size = drac_wire_void(xid, octets);
		memcpy(octets + size, peer->told, peer->told_size);
		return size + peer->told_size;
	}
	if (peer->call.version == DRAC_VERSION_LOCAL)
		return drac_wire_reply(xid, peer->call.procedure, &peer->reply,
		    octets);
	return drac_wire_answer(xid, (enum drac_answer)peer->reply.answer,
	    octets);
}

/* false: hang up. */
static inline bool
peer_answer(struct peer *peer, int fd, unsigned char *octets)
{
	static const uint32_t empty, huge = 0xffffffff;
	uint32_t xid = peer->call.xid;
	size_t size = peer_reply(peer, xid, octets);

	switch (peer->manner) {
	case IS_SILENT:
		return true;
	case HANGS_UP_AT_ONCE:
		return false;
	case TALKS_RUBBISH:
		memset(octets, 'x', size);
		break;
	case ANSWERS_ANOTHER:
		peer_send(peer, fd, octets, peer_reply(peer, xid + 1, octets));
		size = peer_reply(peer, xid, octets);
		break;
	case OVERHEARS_ONE:
		if (peer->heard < 2)
			return true;
		break;
	case KNOWS_NO_VERSION:
		size = drac_wire_fault(xid, DRAC_FAULT_VERSION, DRAC_VERSION_V6,
		    octets);
		break;
	case TALKS_NONSENSE:
		memset(octets + size, 0, 4);
		size += 4;
		break;
	case HANGS_UP_HALFWAY: {
		uint32_t mark = htonl((uint32_t)size | DRAC_MARK_LAST);

		peer_put(peer, fd, &mark, sizeof(mark));
		peer_put(peer, fd, octets, size / 2);
		return false;
	}
	case SENDS_EMPTY:
		for (unsigned i = 0; i < 64; i++)
			peer_put(peer, fd, &empty, sizeof(empty));
		return true;
	case SENDS_TOO_MUCH:
		peer_put(peer, fd, &huge, sizeof(huge));
		return true;
	case ANSWERS:
	case HANGS_UP_POLITELY:
	case SENDS_OCTETS:
	case SENDS_FRAGMENTS:
		break;
	}
	peer_send(peer, fd, octets, size);
	return peer->manner != HANGS_UP_POLITELY;
}

/* false: it is no call, or we are to hang up. */
static inline bool
peer_hear(struct peer *peer, int fd, const unsigned char *octets, size_t size)
{
	unsigned char *reply = malloc(DRAC_REPLY_MAX);
	enum drac_fault fault;
	bool go_on = false;

	peer->heard++;
	if (reply != NULL &&
	    drac_wire_read_call(octets, size, DRAC_VERSION_LOCAL, &peer->call,
		&fault) != DRAC_CALL_NOISE &&
	    (peer->rpcbind || fault == DRAC_FAULT_NONE))
		go_on = peer_answer(peer, fd, reply);
	free(reply);
	return go_on;
}

static inline unsigned short
peer_port_of(const struct sockaddr_storage *at)
{
	struct sockaddr_in in;

	/* In both families at the same place. */
	memcpy(&in, at, sizeof(in));
	return ntohs(in.sin_port);
}

static inline void
peer_take_datagram(struct peer *peer)
{
	unsigned char octets[DRAC_CALL_MAX];
	ssize_t got;

	peer->at_size = sizeof(peer->at);
	got = recvfrom(peer->fd, octets, sizeof(octets), 0,
	    (struct sockaddr *)&peer->at, &peer->at_size);
	if (got == -1)
		return;
	peer->from = peer_port_of(&peer->at);
	(void)peer_hear(peer, peer->fd, octets, (size_t)got);
}

static inline void
peer_accept(struct peer *peer)
{
	int fd;

	peer->at_size = sizeof(peer->at);
	fd = accept4(peer->fd, (struct sockaddr *)&peer->at, &peer->at_size,
	    SOCK_CLOEXEC);
	if (fd == -1)
		return;
	peer->from = peer->road == ROAD_LOCAL ? 0 : peer_port_of(&peer->at);
	for (unsigned i = 0; i < PEER_CONNS; i++)
		if (peer->conns[i] == -1) {
			peer->conns[i] = fd;
			return;
		}
	(void)close(fd);
}

/* Half a call is looked at again and again until the rest is there. */
static inline void
peer_take_record(struct peer *peer, int *fd)
{
	unsigned char octets[DRAC_MARK_SIZE + DRAC_CALL_MAX] = { 0 };
	ssize_t got = recv(*fd, octets, sizeof(octets), MSG_PEEK);
	size_t size;
	uint32_t mark;

	if (got > 0 && got < (ssize_t)DRAC_MARK_SIZE)
		return;
	memcpy(&mark, octets, sizeof(mark));
	size = ntohl(mark) & ~DRAC_MARK_LAST;
	if (got > 0 && (size_t)got < DRAC_MARK_SIZE + size)
		return;
	if (got > 0 && size <= DRAC_CALL_MAX &&
	    recv(*fd, octets, DRAC_MARK_SIZE + size, 0) > 0 &&
	    peer_hear(peer, *fd, octets + DRAC_MARK_SIZE, size))
		return;
	(void)close(*fd);
	*fd = -1;
}

static inline void *
peer_run(void *arg)
{
	struct peer *peer = arg;
	struct pollfd polled[PEER_CONNS + 2];

	for (;;) {
		polled[0] = (struct pollfd){ peer->stop[0], POLLIN, 0 };
		polled[1] = (struct pollfd){ peer->fd, POLLIN, 0 };
		for (unsigned i = 0; i < PEER_CONNS; i++)
			polled[i + 2] =
			    (struct pollfd){ peer->conns[i], POLLIN, 0 };
		if (poll(polled, PEER_CONNS + 2, -1) == -1)
			continue;
		if (polled[0].revents != 0)
			return NULL;
		if (polled[1].revents != 0)
			peer_is_stream(peer) ? peer_accept(peer)
					     : peer_take_datagram(peer);
		for (unsigned i = 0; i < PEER_CONNS; i++)
			if (polled[i + 2].revents != 0)
				peer_take_record(peer, &peer->conns[i]);
	}
}

static inline int
peer_run_open(struct peer *peer)
{
	if (pipe(peer->stop) == -1)
		return -1;
	peer->running =
	    pthread_create(&peer->thread, NULL, peer_run, peer) == 0;
	return peer->running ? 0 : -1;
}

static inline int
peer_start(struct peer *peer)
{
	return peer_open(peer) == -1 ? -1 : peer_run_open(peer);
}

static inline void
peer_stop(struct peer *peer)
{
	if (peer->running) {
		(void)close(peer->stop[1]);
		(void)pthread_join(peer->thread, NULL);
		(void)close(peer->stop[0]);
		peer->running = false;
	}
	for (unsigned i = 0; i < PEER_CONNS; i++)
		if (peer->conns[i] != -1)
			(void)close(peer->conns[i]);
	if (peer->fd != -1)
		(void)close(peer->fd);
	peer->fd = -1;
	if (peer->road == ROAD_LOCAL)
		(void)unlink(peer->path);
}

static inline int64_t
peer_clock_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Of this process. */
static inline unsigned
open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned count = 0;

	CHECK(dir != NULL);
	while (dir != NULL && readdir(dir) != NULL)
		count++;
	if (dir != NULL)
		(void)closedir(dir);
	return count;
}

#endif
