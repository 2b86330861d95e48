/* SPDX-License-Identifier: BSD-2-Clause */

/* Addresses: what is taken, what is refused, what is folded. */
#include "addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>

#include "test.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static struct drac_addr
addr(const char *text)
{
	struct drac_addr found = { 0 };

	CHECK_ROW(drac_addr_parse(text, &found) == 0, text);
	return found;
}

static struct drac_net
net(const char *text)
{
	struct drac_net found = { 0 };

	CHECK_ROW(drac_net_parse(text, &found) == 0, text);
	return found;
}

static void
parse_accepts(void)
{
	static const struct {
		const char *text, *canonical;
		unsigned char len;
	} rows[] = {
		{ "192.0.2.7", "192.0.2.7", 4 },
		{ "0.0.0.0", "0.0.0.0", 4 },
		{ "255.255.255.255", "255.255.255.255", 4 },
		{ "2001:db8::7", "2001:db8::7", 16 },
		{ "2001:DB8:0:0:0:0:0:7", "2001:db8::7", 16 },
		{ "2001:0db8::0007", "2001:db8::7", 16 },
		{ "::", "::", 16 },
		{ "::1", "::1", 16 },
		{ "2001:db8::192.0.2.7", "2001:db8::c000:207", 16 },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 16 },
		/* Not mapped, though they look like it. */
		{ "::192.0.2.7", "::192.0.2.7", 16 },
		{ "::ffff:0:192.0.2.7", "::ffff:0:c000:207", 16 },
		{ "64:ff9b::192.0.2.7", "64:ff9b::c000:207", 16 },
		{ "::1:ffff:192.0.2.7", "::1:ffff:c000:207", 16 },
		{ "1::ffff:192.0.2.7", "1::ffff:c000:207", 16 },
	};
	char text[DRAC_ADDR_TEXT];

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_addr found = addr(rows[i].text);

		CHECK_ROW(found.len == rows[i].len, rows[i].text);
		drac_addr_text(&found, text);
		CHECK_ROW(strcmp(text, rows[i].canonical) == 0, rows[i].text);
	}
}

static void
parse_folds_mapped(void)
{
	static const char *const rows[] = { "::ffff:192.0.2.7",
		"::FFFF:192.0.2.7", "::ffff:c000:207", "::ffff:c000:0207",
		"0:0:0:0:0:ffff:192.0.2.7",
		"0000:0000:0000:0000:0000:ffff:c000:0207" };
	struct drac_addr plain = addr("192.0.2.7");

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_addr found = addr(rows[i]);

		CHECK_ROW(drac_addr_equal(&found, &plain), rows[i]);
		/* Unused octets too: an address is compared as a value. */
		CHECK_ROW(memcmp(&found, &plain, sizeof plain) == 0, rows[i]);
	}
}

static void
parse_refuses(void)
{
	static const char *const rows[] = {
		"",
		" ",
		"127.1",
		"127.0.1",
		"2130706433",
		"0x7f000001",
		"0x7f.0.0.1",
		"010.0.0.1",
		"192.0.2.07",
		"192.0.2.00",
		"192.0.2.256",
		"192.0.2.1000",
		"192.0.2.-1",
		"192.0.2.+1",
		"192.0.2.",
		".192.0.2.7",
		"192.0.2..7",
		"192.0.2.7.8",
		" 192.0.2.7",
		"192.0.2.7 ",
		"192.0.2.7\n",
		"192.0.2.7:110",
		"192.0.2.7/32",
		"[192.0.2.7]",
		"192.0.2.7%eth0",
		"[2001:db8::7]",
		"[2001:db8::7]:110",
		"2001:db8::7/128",
		"2001:db8::7 ",
		" 2001:db8::7",
		"2001:db8:::7",
		"2001:db8::7::",
		"2001:db8::12345",
		"2001:db8::g",
		"1:2:3:4:5:6:7",
		"1:2:3:4:5:6:7:8:9",
		":1",
		"1:",
		":",
		":::",
		"fe80::1%eth0",
		"fe80::1%1",
		"::ffff:010.0.0.1",
		"::ffff:127.1",
		"::ffff:192.0.2.256",
		"ipv6:2001:db8::7",
		"IPv6:2001:db8::7",
		"localhost",
		"example.org",
		"192.0.2.7.example.org",
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_addr found = { .len = 77, .octet = { 1, 2, 3 } };
		struct drac_addr before = found;

		errno = 0;
		CHECK_ROW(drac_addr_parse(rows[i], &found) == -1, rows[i]);
		CHECK_ROW(errno == EINVAL, rows[i]);
		CHECK_ROW(memcmp(&found, &before, sizeof found) == 0, rows[i]);
	}
}

static void
sockaddr_gives_address(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_port = htons(110) };
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6,
		.sin6_scope_id = 3 };
	struct drac_addr found, four = addr("192.0.2.7");
	struct drac_addr six = addr("2001:db8::7");

	memset(&found, 0xff, sizeof found);
	inet_pton(AF_INET, "192.0.2.7", &sin.sin_addr);
	CHECK(drac_addr_from_sockaddr((struct sockaddr *)&sin, sizeof sin,
		  &found) == 0);
	CHECK(memcmp(&found, &four, sizeof four) == 0);
	inet_pton(AF_INET6, "2001:db8::7", &sin6.sin6_addr);
	CHECK(drac_addr_from_sockaddr((struct sockaddr *)&sin6, sizeof sin6,
		  &found) == 0);
	CHECK(drac_addr_equal(&found, &six));
	inet_pton(AF_INET6, "::ffff:192.0.2.7", &sin6.sin6_addr);
	CHECK(drac_addr_from_sockaddr((struct sockaddr *)&sin6, sizeof sin6,
		  &found) == 0);
	CHECK(memcmp(&found, &four, sizeof four) == 0);
}

static void
sockaddr_may_be_unaligned(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	unsigned char raw[sizeof sin + 1];
	struct drac_addr found, four = addr("192.0.2.7");

	inet_pton(AF_INET, "192.0.2.7", &sin.sin_addr);
	memcpy(raw + 1, &sin, sizeof sin);
	CHECK(drac_addr_from_sockaddr((const void *)(raw + 1), sizeof sin,
		  &found) == 0);
	CHECK(drac_addr_equal(&found, &four));
}

static void
sockaddr_refuses(void)
{
	static const struct {
		const char *name;
		sa_family_t family;
		socklen_t len;
	} rows[] = {
		{ "empty", AF_INET, 0 },
		{ "one octet", AF_INET, 1 },
		{ "family alone", AF_INET, sizeof(sa_family_t) },
		{ "short v4", AF_INET, sizeof(struct sockaddr_in) - 1 },
		{ "short v6", AF_INET6, sizeof(struct sockaddr_in6) - 1 },
		{ "v4 size for v6", AF_INET6, sizeof(struct sockaddr_in) },
		{ "local", AF_UNIX, sizeof(struct sockaddr_storage) },
		{ "none", AF_UNSPEC, sizeof(struct sockaddr_storage) },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct sockaddr_storage ss = { .ss_family = rows[i].family };
		struct drac_addr found = { .len = 77 };

		errno = 0;
		CHECK_ROW(drac_addr_from_sockaddr((const struct sockaddr *)&ss,
			      rows[i].len, &found) == -1,
		    rows[i].name);
		CHECK_ROW(errno == EAFNOSUPPORT, rows[i].name);
		CHECK_ROW(found.len == 77, rows[i].name);
	}
}

static void
scope_of_address(void)
{
	static const struct {
		const char *text;
		enum drac_scope scope;
		const char *word;
	} rows[] = {
		{ "192.0.2.7", DRAC_SCOPE_HOST, "host" },
		{ "10.0.0.1", DRAC_SCOPE_HOST, "host" },
		{ "1.0.0.0", DRAC_SCOPE_HOST, "host" },
		{ "0.0.0.0", DRAC_SCOPE_UNSPECIFIED, "unspecified" },
		{ "0.255.255.255", DRAC_SCOPE_UNSPECIFIED, "unspecified" },
		{ "126.255.255.255", DRAC_SCOPE_HOST, "host" },
		{ "127.0.0.0", DRAC_SCOPE_LOOPBACK, "loopback" },
		{ "127.255.255.255", DRAC_SCOPE_LOOPBACK, "loopback" },
		{ "128.0.0.0", DRAC_SCOPE_HOST, "host" },
		{ "169.253.255.255", DRAC_SCOPE_HOST, "host" },
		{ "169.254.0.0", DRAC_SCOPE_LINKLOCAL, "link-local" },
		{ "169.254.255.255", DRAC_SCOPE_LINKLOCAL, "link-local" },
		{ "169.255.0.0", DRAC_SCOPE_HOST, "host" },
		{ "223.255.255.255", DRAC_SCOPE_HOST, "host" },
		{ "224.0.0.0", DRAC_SCOPE_MULTICAST, "multicast" },
		{ "239.255.255.255", DRAC_SCOPE_MULTICAST, "multicast" },
		{ "240.0.0.0", DRAC_SCOPE_RESERVED, "reserved" },
		{ "255.255.255.255", DRAC_SCOPE_RESERVED, "reserved" },
		{ "::", DRAC_SCOPE_UNSPECIFIED, "unspecified" },
		{ "::1", DRAC_SCOPE_LOOPBACK, "loopback" },
		{ "::2", DRAC_SCOPE_HOST, "host" },
		{ "::1:1", DRAC_SCOPE_HOST, "host" },
		{ "2001:db8::7", DRAC_SCOPE_HOST, "host" },
		{ "fc00::1", DRAC_SCOPE_HOST, "host" },
		{ "fe7f::1", DRAC_SCOPE_HOST, "host" },
		{ "fe80::1", DRAC_SCOPE_LINKLOCAL, "link-local" },
		{ "febf::1", DRAC_SCOPE_LINKLOCAL, "link-local" },
		{ "fec0::1", DRAC_SCOPE_HOST, "host" },
		{ "ff00::", DRAC_SCOPE_MULTICAST, "multicast" },
		{ "ff02::1", DRAC_SCOPE_MULTICAST, "multicast" },
		{ "::ffff:127.0.0.1", DRAC_SCOPE_LOOPBACK, "loopback" },
		{ "::ffff:0.0.0.0", DRAC_SCOPE_UNSPECIFIED, "unspecified" },
		{ "::ffff:224.0.0.1", DRAC_SCOPE_MULTICAST, "multicast" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_addr found = addr(rows[i].text);
		enum drac_scope scope = drac_addr_scope(&found);

		CHECK_ROW(scope == rows[i].scope, rows[i].text);
		CHECK_ROW(strcmp(drac_scope_word(scope), rows[i].word) == 0,
		    rows[i].text);
	}
}

static void
equal_compares_family_and_octets(void)
{
	struct drac_addr four = addr("32.1.13.184"),
			 other = addr("32.1.13.185");
	struct drac_addr six = addr("2001:db8::"),
			 mapped = addr("::ffff:2001:db8");

	CHECK(drac_addr_equal(&four, &four));
	CHECK(drac_addr_equal(&four, &mapped));
	CHECK(!drac_addr_equal(&four, &other));
	CHECK(!drac_addr_equal(&four, &six)); /* the same first octets */
}

static void
net_accepts(void)
{
	static const struct {
		const char *text, *address;
		unsigned bits;
	} rows[] = {
		{ "192.0.2.7", "192.0.2.7", 32 },
		{ "192.0.2.7/32", "192.0.2.7", 32 },
		{ "192.0.2.0/24", "192.0.2.0", 24 },
		{ "192.0.2.128/25", "192.0.2.128", 25 },
		{ "192.0.2.6/31", "192.0.2.6", 31 },
		{ "128.0.0.0/1", "128.0.0.0", 1 },
		{ "0.0.0.0/0", "0.0.0.0", 0 },
		{ "2001:db8::7", "2001:db8::7", 128 },
		{ "2001:db8::/32", "2001:db8::", 32 },
		{ "2001:db8:8000::/33", "2001:db8:8000::", 33 },
		{ "::/0", "::", 0 },
		{ "::/96", "::", 96 },
		{ "::ffff:192.0.2.7", "192.0.2.7", 32 },
		{ "::ffff:192.0.2.7/128", "192.0.2.7", 32 },
		{ "::ffff:192.0.2.0/120", "192.0.2.0", 24 },
		{ "::ffff:c000:200/120", "192.0.2.0", 24 },
		{ "::ffff:0.0.0.0/96", "0.0.0.0", 0 },
		{ "::ffff:128.0.0.0/97", "128.0.0.0", 1 },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_net found = net(rows[i].text);
		struct drac_addr address = addr(rows[i].address);

		CHECK_ROW(drac_addr_equal(&found.addr, &address), rows[i].text);
		CHECK_ROW(found.bits == rows[i].bits, rows[i].text);
	}
}

static void
to_sockaddr_and_back(void)
{
	static const char *const rows[] = { "192.0.2.7", "0.0.0.0",
		"2001:db8::7", "::" };

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct sockaddr_storage sa;
		struct drac_addr addr, back;
		socklen_t size;

		memset(&sa, 0xff, sizeof sa);
		CHECK_ROW(drac_addr_parse(rows[i], &addr) == 0, rows[i]);
		size = drac_addr_to_sockaddr(&addr, 757, &sa);
		CHECK_ROW(size == (addr.len == 4 ? sizeof(struct sockaddr_in)
						 : sizeof(struct sockaddr_in6)),
		    rows[i]);
		CHECK_ROW(drac_addr_from_sockaddr((struct sockaddr *)&sa, size,
			      &back) == 0,
		    rows[i]);
		CHECK_ROW(drac_addr_equal(&addr, &back), rows[i]);
		/* Both families have the port in the same place. */
		CHECK_ROW(((struct sockaddr_in *)&sa)->sin_port == htons(757),
		    rows[i]);
	}
}

static void
net_refuses(void)
{
	static const char *const rows[] = {
		"",
		"/",
		"/24",
		"192.0.2.0/",
		"192.0.2.0/33",
		"192.0.2.0/129",
		"192.0.2.0/256",
		"192.0.2.0/4294967320",
		"192.0.2.0/024",
		"192.0.2.0/00",
		"192.0.2.0/0x18",
		"192.0.2.0/-1",
		"192.0.2.0/+24",
		"192.0.2.0/ 24",
		"192.0.2.0/24 ",
		" 192.0.2.0/24",
		"192.0.2.0 /24",
		"192.0.2.0/24/24",
		"192.0.2.0/255.255.255.0",
		"192.0.2.0/24a",
		"010.0.0.0/8",
		"10/8",
		"10.0.0/8",
		"10.0.0.0-10.0.0.255",
		"10.0.0.*",
		"2001:db8::/129",
		"[2001:db8::]/32",
		"fe80::%eth0/64",
		"fe80::1%eth0",
		"::ffff:192.0.2.0/129",
		"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000",
		"0000:0000:0000:0000:0000:0000:192.000.002.007/1",
		"example.org/24",
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_net found = { .bits = 77 };

		errno = 0;
		CHECK_ROW(drac_net_parse(rows[i], &found) == -1, rows[i]);
		CHECK_ROW(errno == EINVAL, rows[i]);
		CHECK_ROW(found.bits == 77 && found.addr.len == 0, rows[i]);
	}
}

/* Whoever writes this means another prefix or another address. */
static void
net_refuses_bits_after_the_prefix(void)
{
	static const char *const rows[] = {
		"192.0.2.1/24",
		"192.0.2.1/31",
		"192.0.2.64/25",
		"0.0.0.1/0",
		"128.0.0.0/0",
		"2001:db8::/28",
		"2001:db8::1/127",
		"2001:db8::1/32",
		"::ffff:192.0.2.1/120",
		"::ffff:0.0.0.0/95",
		"::ffff:0.0.0.0/80",
		"::ffff:192.0.2.7/32",
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_net found = { .bits = 77 };

		errno = 0;
		CHECK_ROW(drac_net_parse(rows[i], &found) == -1, rows[i]);
		CHECK_ROW(errno == EDOM, rows[i]);
		CHECK_ROW(found.bits == 77 && found.addr.len == 0, rows[i]);
	}
}

static void
net_has_members(void)
{
	static const struct {
		const char *net, *address;
		bool in;
	} rows[] = {
		{ "192.0.2.0/24", "192.0.2.0", true },
		{ "192.0.2.0/24", "192.0.2.255", true },
		{ "192.0.2.0/24", "192.0.1.255", false },
		{ "192.0.2.0/24", "192.0.3.0", false },
		{ "192.0.2.128/25", "192.0.2.127", false },
		{ "192.0.2.128/25", "192.0.2.128", true },
		{ "192.0.2.8/29", "192.0.2.15", true },
		{ "192.0.2.8/29", "192.0.2.16", false },
		{ "192.0.2.7", "192.0.2.7", true },
		{ "192.0.2.7", "192.0.2.6", false },
		{ "128.0.0.0/1", "127.255.255.255", false },
		{ "128.0.0.0/1", "192.0.2.7", true },
		{ "0.0.0.0/0", "255.255.255.255", true },
		{ "0.0.0.0/0", "::1", false },
		{ "0.0.0.0/0", "::ffff:192.0.2.7", true },
		{ "::/0", "192.0.2.7", false },
		{ "::/0", "2001:db8::7", true },
		{ "::/0", "::ffff:192.0.2.7", false },
		{ "::ffff:192.0.2.0/120", "192.0.2.7", true },
		{ "::ffff:0.0.0.0/96", "192.0.2.7", true },
		{ "2001:db8::/32", "2001:db8:ffff::1", true },
		{ "2001:db8::/32", "2001:db9::", false },
		{ "2001:db8:8000::/33", "2001:db8:7fff::", false },
		{ "2001:db8::7", "2001:db8::7", true },
		{ "2001:db8::7", "2001:db8::6", false },
		{ "2001:db8::6/127", "2001:db8::7", true },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_net in = net(rows[i].net);
		struct drac_addr address = addr(rows[i].address);

		CHECK_ROW(drac_net_has(&in, &address) == rows[i].in,
		    rows[i].address);
	}
}

int
main(void)
{
	RUN(parse_accepts);
	RUN(parse_folds_mapped);
	RUN(parse_refuses);
	RUN(sockaddr_gives_address);
	RUN(sockaddr_may_be_unaligned);
	RUN(sockaddr_refuses);
	RUN(scope_of_address);
	RUN(equal_compares_family_and_octets);
	RUN(net_accepts);
	RUN(to_sockaddr_and_back);
	RUN(net_refuses);
	RUN(net_refuses_bits_after_the_prefix);
	RUN(net_has_members);
	return TEST_RESULT();
}
