/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Sockets that systemd opened: LISTEN_PID says for whom, LISTEN_FDS how
 * many from descriptor 3 on (sd_listen_fds(3)). Each is recognised by what
 * it is, so their order and names are free, but for the UNIX sockets of the
 * lookup service: LISTEN_FDNAMES tells these from the local socket.
 */

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "front.h"

#define FIRST_FD    3
#define LOOKUP_NAME "lookup"

/* -1: not a number, or nothing. */
static long
number_of(const char *name)
{
	const char *text = getenv(name);
	char *end;
	long value;

	if (text == NULL || text[0] < '0' || text[0] > '9')
		return -1;
	errno = 0;
	value = strtol(text, &end, 10);
	return errno == 0 && *end == '\0' ? value : -1;
}

long
drac_handed_offered(void)
{
	long pid = number_of("LISTEN_PID"), count = number_of("LISTEN_FDS");

	return pid == (long)getpid() && count > 0 ? count : 0;
}

/* Not for our children, be they meant for us or not. */
static void
forget_offer(void)
{
	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_FDNAMES");
}

static int
get_option(int fd, int level, int option)
{
	int value = -1;
	socklen_t len = sizeof value;

	if (getsockopt(fd, level, option, &value, &len) == -1)
		return -1;
	return value;
}

/* -1 with errno: not one that can be served. */
static int
recognise(struct drac_socket *socket)
{
	int domain = get_option(socket->fd, SOL_SOCKET, SO_DOMAIN);
	int type = get_option(socket->fd, SOL_SOCKET, SO_TYPE);

	errno = EOPNOTSUPP;
	if (type == SOCK_STREAM &&
	    get_option(socket->fd, SOL_SOCKET, SO_ACCEPTCONN) != 1)
		return -1;
	if (domain == AF_UNIX && type == SOCK_STREAM) {
		socket->road = DRAC_ROAD_LOCAL;
		return 0;
	}
	if ((domain != AF_INET && domain != AF_INET6) ||
	    (type != SOCK_STREAM && type != SOCK_DGRAM))
		return -1;
	errno = EAFNOSUPPORT;
	if (domain == AF_INET6 &&
	    get_option(socket->fd, IPPROTO_IPV6, IPV6_V6ONLY) != 1)
		return -1;
	socket->road = type == SOCK_STREAM ? DRAC_ROAD_TCP : DRAC_ROAD_UDP;
	if (drac_socket_learn(socket) == -1)
		return -1;
	return type == SOCK_DGRAM ? drac_dgram_prepare(socket) : 0;
}

static int
make_ours(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags == -1 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1)
		return -1;
	return fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static const char *
reason(int error)
{
	if (error == EOPNOTSUPP)
		return "not a listening stream socket, nor a UDP socket";
	if (error == EAFNOSUPPORT)
		return "IPv4 and IPv6 at once; BindIPv6Only=ipv6-only and a "
		       "socket for each are needed";
	return strerror(error);
}

/* Names stand apart by colons, in the order of the sockets. */
static bool
is_for_lookups(const struct drac_socket *socket)
{
	const char *name = getenv("LISTEN_FDNAMES");
	size_t len = sizeof LOOKUP_NAME - 1;

	for (int fd = FIRST_FD; name != NULL && fd < socket->fd; fd++) {
		name = strchr(name, ':');
		if (name != NULL)
			name++;
	}
	return socket->road == DRAC_ROAD_LOCAL && name != NULL &&
	       strncmp(name, LOOKUP_NAME, len) == 0 &&
	       (name[len] == ':' || name[len] == '\0');
}

static int
take(struct drac_sockets *sockets, int fd)
{
	struct drac_socket socket = { .fd = fd };

	if (make_ours(fd) == -1 || recognise(&socket) == -1)
		return -1;
	if (!is_for_lookups(&socket))
		return drac_sockets_add(sockets, &socket);
	if (sockets->lookup_count == DRAC_LOOKUP_MAX) {
		errno = ENOSPC;
		return -1;
	}
	sockets->lookup[sockets->lookup_count++] = fd;
	return 0;
}

static int
take_all(struct drac_sockets *sockets, long count, struct drac_why *why)
{
	if (count > (long)(DRAC_SOCKETS_MAX + DRAC_LOOKUP_MAX)) {
		drac_why_set(why, "LISTEN_FDS: more than %u sockets",
		    (unsigned)(DRAC_SOCKETS_MAX + DRAC_LOOKUP_MAX));
		errno = ENOSPC;
		return -1;
	}
	for (int fd = FIRST_FD; fd < FIRST_FD + count; fd++) {
		if (take(sockets, fd) == 0)
			continue;
		drac_why_set(why,
		    "descriptor %d of LISTEN_FDS cannot be served: %s", fd,
		    reason(errno));
		return -1;
	}
	return 0;
}

int
drac_handed_take(struct drac_sockets *sockets, struct drac_why *why)
{
	int result = take_all(sockets, drac_handed_offered(), why);

	forget_offer();
	return result;
}
