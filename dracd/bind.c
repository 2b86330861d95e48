/* SPDX-License-Identifier: BSD-2-Clause */

/* A socket to an address; see front.h. */

#include <string.h>

#include "front.h"

static int
bind4(int fd, const struct drac_addr *addr, unsigned short port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_port = htons(port) };

	memcpy(&sin.sin_addr, addr->octet, sizeof sin.sin_addr);
	return bind(fd, (const struct sockaddr *)&sin, sizeof sin);
}

static int
bind6(int fd, const struct drac_addr *addr, unsigned short port)
{
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6,
		.sin6_port = htons(port) };

	memcpy(&sin6.sin6_addr, addr->octet, sizeof sin6.sin6_addr);
	return bind(fd, (const struct sockaddr *)&sin6, sizeof sin6);
}

int
drac_bind(int fd, const struct drac_addr *addr, unsigned short port)
{
	return addr->len == 4 ? bind4(fd, addr, port) : bind6(fd, addr, port);
}
