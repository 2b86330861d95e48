/* SPDX-License-Identifier: BSD-2-Clause */

/* A socket to an address; see front.h. */

#include "front.h"

int
drac_bind(int fd, const struct drac_addr *addr, unsigned short port)
{
	struct sockaddr_storage sa;
	socklen_t size = drac_addr_to_sockaddr(addr, port, &sa);

	return bind(fd, (const struct sockaddr *)&sa, size);
}
