/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Addresses and networks as values. Text is read by inet_pton(3) alone:
 * it refuses what getaddrinfo(3) would take (127.1, 010.0.0.1, zones).
 * The one place where IPv4-mapped IPv6 becomes IPv4 is fold().
 */
#include "addr.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

_Static_assert(DRAC_ADDR_TEXT == INET6_ADDRSTRLEN, "room for any address");

#define MAPPED_BITS 96

static const unsigned char
    mapped[MAPPED_BITS / 8] = { [10] = 0xff, [11] = 0xff };

static int
invalid(void)
{
	errno = EINVAL;
	return -1;
}

/* True if addr was mapped and is IPv4 now. */
static bool
fold(struct drac_addr *addr)
{
	if (addr->len != 16 || memcmp(addr->octet, mapped, sizeof mapped) != 0)
		return false;
	addr->len = 4;
	memcpy(addr->octet, addr->octet + sizeof mapped, 4);
	memset(addr->octet + 4, 0, sizeof addr->octet - 4);
	return true;
}

static int
parse_unfolded(const char *text, struct drac_addr *addr)
{
	struct drac_addr found = { 0 };

	if (inet_pton(AF_INET, text, found.octet) == 1)
		found.len = 4;
	else if (inet_pton(AF_INET6, text, found.octet) == 1)
		found.len = 16;
	else
		return invalid();
	*addr = found;
	return 0;
}

int
drac_addr_parse(const char *text, struct drac_addr *addr)
{
	if (parse_unfolded(text, addr) == -1)
		return -1;
	fold(addr);
	return 0;
}

/* Copied out, because the caller's buffer may be aligned for octets only. */
static bool
copy_sockaddr(const struct sockaddr *sa, socklen_t len, struct drac_addr *addr)
{
	struct sockaddr_in sin;
	struct sockaddr_in6 sin6;
	sa_family_t family;

	if (len < offsetof(struct sockaddr, sa_family) + sizeof family)
		return false;
	memcpy(&family, (const char *)sa + offsetof(struct sockaddr, sa_family),
	    sizeof family);
	if (family == AF_INET && len >= sizeof sin) {
		memcpy(&sin, sa, sizeof sin);
		addr->len = 4;
		memcpy(addr->octet, &sin.sin_addr, 4);
		return true;
	}
	if (family == AF_INET6 && len >= sizeof sin6) {
		memcpy(&sin6, sa, sizeof sin6);
		addr->len = 16;
		memcpy(addr->octet, &sin6.sin6_addr, 16);
		return true;
	}
	return false;
}

int
drac_addr_from_sockaddr(const struct sockaddr *sa, socklen_t len,
    struct drac_addr *addr)
{
	struct drac_addr found = { 0 };

	if (!copy_sockaddr(sa, len, &found)) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	fold(&found);
	*addr = found;
	return 0;
}

socklen_t
drac_addr_to_sockaddr(const struct drac_addr *addr, unsigned short port,
    struct sockaddr_storage *sa)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_port = htons(port) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
		.sin6_port = htons(port) };

	memset(sa, 0, sizeof *sa);
	if (addr->len == 4) {
		memcpy(&in.sin_addr, addr->octet, sizeof in.sin_addr);
		memcpy(sa, &in, sizeof in);
		return sizeof in;
	}
	memcpy(&in6.sin6_addr, addr->octet, sizeof in6.sin6_addr);
	memcpy(sa, &in6, sizeof in6);
	return sizeof in6;
}

void
drac_addr_text(const struct drac_addr *addr, char text[DRAC_ADDR_TEXT])
{
	int family = addr->len == 4 ? AF_INET : AF_INET6;

	if (inet_ntop(family, addr->octet, text, DRAC_ADDR_TEXT) == NULL)
		text[0] = '\0';
}

static enum drac_scope
scope4(const unsigned char *octet)
{
	if (octet[0] == 0)
		return DRAC_SCOPE_UNSPECIFIED;
	if (octet[0] == 127)
		return DRAC_SCOPE_LOOPBACK;
	if (octet[0] == 169 && octet[1] == 254)
		return DRAC_SCOPE_LINKLOCAL;
	if (octet[0] >= 240)
		return DRAC_SCOPE_RESERVED;
	if (octet[0] >= 224)
		return DRAC_SCOPE_MULTICAST;
	return DRAC_SCOPE_HOST;
}

static enum drac_scope
scope6(const unsigned char *octet)
{
	static const unsigned char zero[15];

	if (memcmp(octet, zero, 15) == 0 && octet[15] == 0)
		return DRAC_SCOPE_UNSPECIFIED;
	if (memcmp(octet, zero, 15) == 0 && octet[15] == 1)
		return DRAC_SCOPE_LOOPBACK;
	if (octet[0] == 0xfe && (octet[1] & 0xc0) == 0x80)
		return DRAC_SCOPE_LINKLOCAL;
	if (octet[0] == 0xff)
		return DRAC_SCOPE_MULTICAST;
	return DRAC_SCOPE_HOST;
}

enum drac_scope
drac_addr_scope(const struct drac_addr *addr)
{
	return addr->len == 4 ? scope4(addr->octet) : scope6(addr->octet);
}

const char *
drac_scope_word(enum drac_scope scope)
{
	switch (scope) {
	case DRAC_SCOPE_HOST:
		return "host";
	case DRAC_SCOPE_UNSPECIFIED:
		return "unspecified";
	case DRAC_SCOPE_LOOPBACK:
		return "loopback";
	case DRAC_SCOPE_LINKLOCAL:
		return "link-local";
	case DRAC_SCOPE_MULTICAST:
		return "multicast";
	case DRAC_SCOPE_RESERVED:
		return "reserved";
	}
	return "unknown";
}

bool
drac_addr_equal(const struct drac_addr *a, const struct drac_addr *b)
{
	return a->len == b->len && memcmp(a->octet, b->octet, a->len) == 0;
}

/* "0" to "128", no sign, no blank, no leading zero. */
static int
parse_bits(const char *text, unsigned limit, unsigned *bits)
{
	size_t len = strlen(text);
	unsigned value = 0;

	if (len < 1 || len > 3 || strspn(text, "0123456789") != len)
		return invalid();
	if (text[0] == '0' && len > 1)
		return invalid();
	for (size_t i = 0; i < len; i++)
		value = value * 10 + (unsigned)(text[i] - '0');
	if (value > limit)
		return invalid();
	*bits = value;
	return 0;
}

/* Do a and b agree in their first bits? */
static bool
same_prefix(const unsigned char *a, const unsigned char *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}

static bool
host_bits_clear(const struct drac_addr *addr, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (rest != 0 && (addr->octet[whole++] & (0xffu >> rest)) != 0)
		return false;
	for (unsigned i = whole; i < addr->len; i++) {
		if (addr->octet[i] != 0)
			return false;
	}
	return true;
}

/* text up to the slash into addr; *bits is the rest, or all of them. */
static int
parse_parts(const char *text, struct drac_addr *addr, unsigned *bits)
{
	char part[DRAC_ADDR_TEXT] = "";
	const char *slash = strchr(text, '/');
	size_t len = slash == NULL ? strlen(text) : (size_t)(slash - text);

	if (len >= sizeof part)
		return invalid();
	memcpy(part, text, len);
	if (parse_unfolded(part, addr) == -1)
		return -1;
	*bits = addr->len * 8u;
	return slash == NULL ? 0 : parse_bits(slash + 1, *bits, bits);
}

int
drac_net_parse(const char *text, struct drac_net *net)
{
	struct drac_addr addr;
	unsigned bits;

	if (parse_parts(text, &addr, &bits) == -1)
		return -1;
	/* Also refuses a mapped address with fewer than 96 bits. */
	if (!host_bits_clear(&addr, bits)) {
		errno = EDOM;
		return -1;
	}
	if (fold(&addr))
		bits -= MAPPED_BITS;
	net->addr = addr;
	net->bits = (unsigned char)bits;
	return 0;
}

bool
drac_net_has(const struct drac_net *net, const struct drac_addr *addr)
{
	return net->addr.len == addr->len &&
	       same_prefix(net->addr.octet, addr->octet, net->bits);
}
