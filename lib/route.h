/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Is an address one of this host's own, or its default gateway? A client
 * that comes from there stands for many: a proxy, a load balancer or an
 * address translator hides who it is.
 *
 * The kernel is asked through rtnetlink(7), with one datagram of two RTM_GETROUTE
 * requests: for the address and for the default route. It answers while they
 * are sent and takes no lock for them; the routing table is never read. A
 * process that may not ask is told DRAC_ROUTE_OTHER.
 */
#ifndef DRAC_ROUTE_H
#define DRAC_ROUTE_H

#include <stddef.h>
#include <stdint.h>

#include "addr.h"

enum drac_route {
	DRAC_ROUTE_OTHER, /* neither of both, or it could not be told */
	DRAC_ROUTE_OWN,
	DRAC_ROUTE_GATEWAY
};

/* errno is kept. */
enum drac_route drac_route_of(const struct drac_addr *addr);

/* For a sentence: "192.0.2.1 is ...". */
const char *drac_route_text(enum drac_route route);

#define DRAC_ROUTE_GATEWAYS 8u

struct drac_gateways {
	struct drac_addr addr[DRAC_ROUTE_GATEWAYS];
	size_t count; /* more than one: the default route has several paths */
};

/* The default gateways for addresses of len octets; none: it is not told. */
void drac_route_gateways(unsigned char len, struct drac_gateways *gateways);

/* What an answer says; the rest is for tests. */
struct drac_route_answer {
	uint32_t sequence;  /* of the request */
	unsigned char len;  /* octets of an address */
	unsigned char type; /* RTN_LOCAL, RTN_UNICAST ... */
	unsigned char bits; /* of the route's destination */
	struct drac_gateways gateways;
};

/*
 * Read one datagram from the kernel, an answer to our port. -1 with errno: the
 * kernel's for an error, EBADMSG when it is no answer to such a request or
 * does not keep to its lengths.
 */
int drac_route_read(const void *datagram, size_t length, uint32_t port,
    struct drac_route_answer *answer);

#endif
