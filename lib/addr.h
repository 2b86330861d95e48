/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * An address is a value: 4 or 16 octets in network order, parsed once at
 * the edge. IPv4-mapped IPv6 (RFC 4291, 2.5.5.2) is folded to IPv4 here
 * and nowhere else, so the rest of the project never meets it. Text goes
 * through inet_pton(3) and inet_ntop(3) only; names are never resolved.
 */
#ifndef DRAC_ADDR_H
#define DRAC_ADDR_H

#include <sys/socket.h>

#include <stdbool.h>

/* Octets of text including the NUL: INET6_ADDRSTRLEN. */
#define DRAC_ADDR_TEXT 46

struct drac_addr {
	unsigned char len;       /* 4 or 16 */
	unsigned char octet[16]; /* network order; unused octets are 0 */
};

/* A network: the bits after `bits` in addr are 0. */
struct drac_net {
	struct drac_addr addr;
	unsigned char bits; /* 0..32 or 0..128 */
};

/* What an address is by its block (RFC 1122, RFC 4291, RFC 3927). */
enum drac_scope {
	DRAC_SCOPE_HOST,        /* an ordinary unicast address */
	DRAC_SCOPE_UNSPECIFIED, /* 0.0.0.0/8, :: */
	DRAC_SCOPE_LOOPBACK,    /* 127.0.0.0/8, ::1 */
	DRAC_SCOPE_LINKLOCAL,   /* 169.254.0.0/16, fe80::/10 */
	DRAC_SCOPE_MULTICAST,   /* 224.0.0.0/4, ff00::/8 */
	DRAC_SCOPE_RESERVED     /* 240.0.0.0/4 with 255.255.255.255 */
};

/*
 * Parse a whole string as one numeric address. A zone (fe80::1%eth0),
 * brackets, blanks, a port, leading zeros in an IPv4 octet or anything
 * else inet_pton(3) refuses: -1 with EINVAL, *addr untouched.
 */
int drac_addr_parse(const char *text, struct drac_addr *addr);

/* From AF_INET or AF_INET6; another family or a short len: -1, EAFNOSUPPORT. */
int drac_addr_from_sockaddr(const struct sockaddr *sa, socklen_t len,
    struct drac_addr *addr);

/*
 * Into *sa, all of which is set, with a port in host order. Returns the size
 * of what it is: sockaddr_in or sockaddr_in6.
 */
socklen_t drac_addr_to_sockaddr(const struct drac_addr *addr,
    unsigned short port, struct sockaddr_storage *sa);

/* inet_ntop(3) form, always NUL-terminated. */
void drac_addr_text(const struct drac_addr *addr, char text[DRAC_ADDR_TEXT]);

enum drac_scope drac_addr_scope(const struct drac_addr *addr);

/* One word for a log line: "loopback", "link-local", ... */
const char *drac_scope_word(enum drac_scope scope);

bool drac_addr_equal(const struct drac_addr *a, const struct drac_addr *b);

/*
 * Parse ADDRESS or ADDRESS/BITS. A bits value out of range or not plain
 * decimal, or no address: -1 with EINVAL; host bits set ("192.0.2.1/24"): -1
 * with EDOM. A mapped ::ffff:a.b.c.d/N with N >= 96 becomes a.b.c.d/(N-96).
 */
int drac_net_parse(const char *text, struct drac_net *net);

bool drac_net_has(const struct drac_net *net, const struct drac_addr *addr);

#endif
