/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The sockets on addresses, and all sockets together. A port that nobody
 * named must be free for all of them; it is tried until one is.
 */

#include <sys/socket.h>

#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

#include "front.h"

/* Where bindresvport(3) looks as well. */
#define RESERVED_FIRST 600u
#define RESERVED_COUNT 424u

#define KERNEL_TRIES 64u

/* What is being opened, and what became of it. */
struct opening {
	struct drac_sockets *sockets;
	const struct drac_conf *conf;
	struct drac_why *why;
	struct drac_why skipped; /* the last one: why */
	bool skipped_v6;
	int skipped_errno; /* 0: none */
};

int
drac_sockets_add(struct drac_sockets *sockets, const struct drac_socket *socket)
{
	if (sockets->count == DRAC_SOCKETS_MAX) {
		errno = ENOSPC;
		return -1;
	}
	sockets->at[sockets->count++] = *socket;
	return 0;
}

int
drac_socket_learn(struct drac_socket *socket)
{
	union {
		struct sockaddr sa;
		struct sockaddr_in sin;
		struct sockaddr_in6 sin6;
	} name = { 0 };
	socklen_t len = sizeof name;

	if (getsockname(socket->fd, &name.sa, &len) == -1 ||
	    drac_addr_from_sockaddr(&name.sa, len, &socket->addr) == -1)
		return -1;
	socket->v6 = name.sa.sa_family == AF_INET6;
	socket->port =
	    ntohs(socket->v6 ? name.sin6.sin6_port : name.sin.sin_port);
	return 0;
}

static void
close_keeping_errno(int fd)
{
	int saved = errno;

	close(fd);
	errno = saved;
}

static int
set_options(const struct drac_socket *socket)
{
	int on = 1;

	if (socket->v6 && setsockopt(socket->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on,
			      sizeof on) == -1)
		return -1;
	if (socket->road == DRAC_ROAD_UDP)
		return drac_dgram_prepare(socket);
	return setsockopt(socket->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
}

static int
open_socket(struct drac_socket *made)
{
	int type = made->road == DRAC_ROAD_UDP ? SOCK_DGRAM : SOCK_STREAM;

	made->fd = socket(made->v6 ? AF_INET6 : AF_INET,
	    type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (made->fd == -1)
		return -1;
	if (set_options(made) == -1 ||
	    drac_bind(made->fd, &made->addr, made->port) == -1 ||
	    (type == SOCK_STREAM && listen(made->fd, SOMAXCONN) == -1) ||
	    drac_socket_learn(made) == -1) {
		close_keeping_errno(made->fd);
		return -1;
	}
	return 0;
}

static void
explain(struct drac_why *why, const struct drac_socket *socket)
{
	char address[DRAC_ADDR_TEXT];
	const char *reason = strerror(errno);

	if (errno == EACCES)
		reason = "only root may have this port";
	else if (errno == EADDRINUSE)
		reason = "somebody else has this port";
	drac_addr_text(&socket->addr, address);
	drac_why_set(why, "cannot listen on %s port %u (%s): %s", address,
	    socket->port, socket->road == DRAC_ROAD_UDP ? "udp" : "tcp",
	    reason);
}

/* Not on this machine, or switched off; loopback and any ask for both. */
static bool
lacks_family(const struct drac_socket *socket)
{
	enum drac_scope scope = drac_addr_scope(&socket->addr);

	if (scope != DRAC_SCOPE_LOOPBACK && scope != DRAC_SCOPE_UNSPECIFIED)
		return false;
	return errno == EAFNOSUPPORT || (errno == EADDRNOTAVAIL && socket->v6 &&
					    scope == DRAC_SCOPE_LOOPBACK);
}

static int
open_one(struct opening *o, struct drac_socket socket)
{
	if (open_socket(&socket) == 0) {
		if (drac_sockets_add(o->sockets, &socket) == 0)
			return 0;
		close_keeping_errno(socket.fd);
	} else if (lacks_family(&socket)) {
		o->skipped_errno = errno;
		o->skipped_v6 = socket.v6;
		explain(&o->skipped, &socket);
		return 0;
	}
	explain(o->why, &socket);
	return -1;
}

static unsigned short
own_port(const struct drac_conf *conf, const struct drac_endpoint *endpoint)
{
	return endpoint->port != 0 ? endpoint->port : conf->port;
}

/* common 0: the endpoints with a port of their own; else all others. */
static int
open_each(struct opening *o, unsigned short common)
{
	for (size_t i = 0; i < o->conf->listen_count; i++) {
		const struct drac_endpoint *endpoint = &o->conf->listen[i];
		unsigned short port = own_port(o->conf, endpoint);
		struct drac_socket udp = { .fd = -1,
			.road = DRAC_ROAD_UDP,
			.v6 = endpoint->addr.len == 16,
			.addr = endpoint->addr,
			.port = port != 0 ? port : common };
		struct drac_socket tcp = udp;

		tcp.road = DRAC_ROAD_TCP;
		if ((port == 0) != (common != 0))
			continue;
		if (open_one(o, udp) == -1 || open_one(o, tcp) == -1)
			return -1;
	}
	return 0;
}

static void
close_down_to(struct drac_sockets *sockets, size_t count)
{
	while (sockets->count > count)
		close_keeping_errno(sockets->at[--sockets->count].fd);
}

/* 1: that port is free everywhere; 0: it is not; -1 with errno and why. */
static int
try_port(struct opening *o, unsigned short port)
{
	size_t before = o->sockets->count;

	if (open_each(o, port) == 0)
		return 1;
	close_down_to(o->sockets, before);
	return errno == EADDRINUSE ? 0 : -1;
}

/* Reserved ports of services that may start after us. */
static bool
is_of_a_service(unsigned short port)
{
	static const unsigned short mail_and_more[] = { 631, 636, 783, 853, 873,
		953, 989, 990, 992, 993, 994, 995 };

	for (size_t i = 0; i < sizeof mail_and_more / sizeof mail_and_more[0];
	     i++) {
		if (mail_and_more[i] == port)
			return true;
	}
	return getservbyport(htons(port), NULL) != NULL;
}

/* As try_port; 0 also when reserved ports are not for us. */
static int
try_reserved(struct opening *o)
{
	unsigned start = (unsigned)getpid();

	for (unsigned i = 0; i < RESERVED_COUNT; i++) {
		unsigned short port =
		    (unsigned short)(RESERVED_FIRST +
				     (start + i) % RESERVED_COUNT);
		int tried = is_of_a_service(port) ? 0 : try_port(o, port);

		if (tried == -1 && errno == EACCES)
			return 0;
		if (tried != 0)
			return tried;
	}
	return 0;
}

/* A port that the kernel would give to the first endpoint that needs one. */
static int
kernels_port(const struct drac_conf *conf, unsigned short *port)
{
	for (size_t i = 0; i < conf->listen_count; i++) {
		struct drac_socket probe = { .road = DRAC_ROAD_UDP,
			.v6 = conf->listen[i].addr.len == 16,
			.addr = conf->listen[i].addr };

		if (own_port(conf, &conf->listen[i]) != 0 ||
		    open_socket(&probe) == -1)
			continue;
		close(probe.fd);
		*port = probe.port;
		return 0;
	}
	return -1;
}

static int
try_kernels(struct opening *o)
{
	unsigned short port = 0;
	int tried = 0;

	for (unsigned i = 0; i < KERNEL_TRIES && tried == 0; i++) {
		if (kernels_port(o->conf, &port) == -1)
			port = 65535;
		tried = try_port(o, port);
	}
	return tried == 1 ? 0 : -1;
}

static bool
needs_common_port(const struct drac_conf *conf)
{
	for (size_t i = 0; i < conf->listen_count; i++) {
		if (own_port(conf, &conf->listen[i]) == 0)
			return true;
	}
	return false;
}

static int
open_common(struct opening *o)
{
	int tried;

	if (!needs_common_port(o->conf))
		return 0;
	tried = try_reserved(o);
	if (tried == 0)
		return try_kernels(o);
	return tried == 1 ? 0 : -1;
}

/* One family may be missing if the other is there. */
static int
judge_skipped(struct opening *o)
{
	const struct drac_sockets *sockets = o->sockets;

	*o->why = o->skipped;
	if (o->skipped_errno == 0)
		return 0;
	for (size_t i = 0; i < sockets->count; i++) {
		if (sockets->at[i].road != DRAC_ROAD_LOCAL &&
		    sockets->at[i].v6 != o->skipped_v6)
			return 0;
	}
	errno = o->skipped_errno;
	return -1;
}

static int
open_all(struct opening *o)
{
	size_t local = 0, handed;

	if (drac_handed_take(o->sockets, o->why) == -1)
		return -1;
	handed = o->sockets->count;
	for (size_t i = 0; i < handed; i++)
		local += o->sockets->at[i].road == DRAC_ROAD_LOCAL;
	if (local == 0 && o->conf->socket != NULL &&
	    drac_local_open(o->sockets, o->conf, o->why) == -1)
		return -1;
	if (handed > local)
		return 0;
	if (open_each(o, 0) == -1 || open_common(o) == -1)
		return -1;
	return judge_skipped(o);
}

int
drac_sockets_open(struct drac_sockets *sockets, const struct drac_conf *conf,
    struct drac_why *why)
{
	struct drac_why unheard;
	struct opening opening = { .sockets = sockets,
		.conf = conf,
		.why = why != NULL ? why : &unheard };
	int saved;

	*sockets = (struct drac_sockets){ 0 };
	opening.why->text[0] = '\0';
	if (open_all(&opening) == 0)
		return 0;
	saved = errno;
	drac_sockets_close(sockets);
	errno = saved;
	return -1;
}

void
drac_sockets_close(struct drac_sockets *sockets)
{
	drac_unix_remove(&sockets->local);
	close_down_to(sockets, 0);
	while (sockets->lookup_count > 0)
		(void)close(sockets->lookup[--sockets->lookup_count]);
}
