/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What an address opens, and that the keys of a network let Postfix find
 * each of its addresses and no other.
 */
#include "cover.h"

#include <stdlib.h>

#include "key.h"
#include "test.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static struct drac_addr
addr(const char *text)
{
	struct drac_addr found = { 0 };

	CHECK_ROW(drac_addr_parse(text, &found) == 0, text);
	return found;
}

static void
net_text(const struct drac_net *net, char text[DRAC_ADDR_TEXT + 4])
{
	drac_addr_text(&net->addr, text);
	sprintf(text + strlen(text), "/%u", net->bits);
}

static void
cover_of_each_prefix(void)
{
	static const struct {
		unsigned char bits4, bits6;
		const char *addr, *net;
		bool wide;
	} rows[] = {
		{ 0, 0, "192.0.2.7", "192.0.2.7/32", false },
		{ 0, 0, "2001:db8::7", "2001:db8::7/128", false },
		{ 32, 128, "192.0.2.7", "192.0.2.7/32", false },
		{ 32, 128, "2001:db8::7", "2001:db8::7/128", false },
		{ 24, 64, "192.0.2.7", "192.0.2.0/24", true },
		{ 24, 64, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", true },
		{ 31, 127, "192.0.2.7", "192.0.2.6/31", true },
		{ 31, 127, "2001:db8::7", "2001:db8::6/127", true },
		{ 25, 56, "192.0.2.200", "192.0.2.128/25", true },
		{ 25, 56, "2001:db8:0:12ff::1", "2001:db8:0:1200::/56", true },
		{ 8, 32, "203.0.113.9", "203.0.0.0/8", true },
		{ 8, 32, "2001:db8:ffff::1", "2001:db8::/32", true },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct drac_cover cover = { rows[i].bits4, rows[i].bits6,
			NULL };
		struct drac_addr a = addr(rows[i].addr);
		struct drac_net net = drac_cover_of(&cover, &a);
		char text[DRAC_ADDR_TEXT + 4];

		net_text(&net, text);
		CHECK_ROW(strcmp(text, rows[i].net) == 0, rows[i].net);
		CHECK_ROW(drac_net_is_wide(&net) == rows[i].wide, rows[i].net);
		CHECK_ROW(drac_net_has(&net, &a), rows[i].net);
	}
}

static void
cover_leaves_out_what_is_excluded(void)
{
	static const struct {
		const char *exclude, *addr, *net;
	} rows[] = {
		{ "192.0.2.25", "192.0.2.7", "192.0.2.7/32" },
		{ "192.0.2.128/25", "192.0.2.7", "192.0.2.7/32" },
		{ "192.0.0.0/16", "192.0.2.7", "192.0.2.7/32" },
		{ "192.0.3.0/24", "192.0.2.7", "192.0.2.0/24" },
		{ "2001:db8::25", "2001:db8::7", "2001:db8::7/128" },
		{ "2001:db8::/32", "2001:db8::7", "2001:db8::7/128" },
		{ "2001:db8:0:1::25", "2001:db8::7", "2001:db8::/64" },
		{ "::/0", "192.0.2.7", "192.0.2.0/24" },
		{ "0.0.0.0/0", "192.0.2.7", "192.0.2.7/32" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_net exclude, net;
		struct drac_nets nets = { &exclude, 1 };
		const struct drac_cover cover = { 24, 64, &nets };
		struct drac_addr a = addr(rows[i].addr);
		char text[DRAC_ADDR_TEXT + 4];

		CHECK(drac_net_parse(rows[i].exclude, &exclude) == 0);
		net = drac_cover_of(&cover, &a);
		net_text(&net, text);
		CHECK_ROW(strcmp(text, rows[i].net) == 0, rows[i].exclude);
		net = drac_cover_most(&cover, &a);
		CHECK_ROW(net.bits == (a.len == 4 ? 24 : 64), rows[i].exclude);
	}
}

static void
nets_spelled(void)
{
	static const struct {
		const char *net;
		enum drac_key_style style;
		const char *first, *second;
	} rows[] = {
		{ "192.0.2.0/24", DRAC_KEY_PLAIN, "192.0.2", NULL },
		{ "192.0.0.0/16", DRAC_KEY_BOTH, "192.0", NULL },
		{ "10.0.0.0/8", DRAC_KEY_SENDMAIL, "10", NULL },
		{ "64.0.0.0/8", DRAC_KEY_PLAIN, NULL, NULL },
		{ "64.3.0.0/16", DRAC_KEY_PLAIN, "64.3", NULL },
		{ "192.0.2.0/25", DRAC_KEY_PLAIN, NULL, NULL },
		{ "192.0.2.7/32", DRAC_KEY_PLAIN, NULL, NULL },
		{ "192.0.2.0/24", DRAC_KEY_CIDR, "192.0.2.0/24", NULL },
		{ "192.0.2.0/25", DRAC_KEY_CIDR, "192.0.2.0/25", NULL },
		{ "2001:db8:77:5::/64", DRAC_KEY_PLAIN, "2001:db8:77:5", NULL },
		{ "2001:db8:77::/64", DRAC_KEY_PLAIN, "2001:db8:77:0",
		    "2001:db8:77:" },
		{ "2001:db8::/64", DRAC_KEY_PLAIN, "2001:db8:0:0",
		    "2001:db8:" },
		{ "2001:db8::/48", DRAC_KEY_PLAIN, "2001:db8:0", "2001:db8:" },
		{ "2001:db8::/32", DRAC_KEY_PLAIN, "2001:db8", NULL },
		{ "2001:0:5:6::/64", DRAC_KEY_PLAIN, "2001:0:5:6", NULL },
		{ "2001::/64", DRAC_KEY_PLAIN, NULL, NULL },
		{ "2001:0:0:5::/64", DRAC_KEY_PLAIN, NULL, NULL },
		{ "2001:db8:77::/56", DRAC_KEY_PLAIN, NULL, NULL },
		{ "2001:db8:77::/56", DRAC_KEY_CIDR, "2001:db8:77::/56", NULL },
		{ "2001:db8:77::7/128", DRAC_KEY_PLAIN, NULL, NULL },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_text key[2];
		struct drac_net net;
		unsigned keys,
		    wanted = (rows[i].first != NULL) + (rows[i].second != NULL);

		CHECK(drac_net_parse(rows[i].net, &net) == 0);
		keys = drac_key_spell_net(&net, rows[i].style, key);
		CHECK_ROW(keys == wanted, rows[i].net);
		for (unsigned k = 0; k < keys && k < wanted; k++) {
			const char *is =
			    k == 0 ? rows[i].first : rows[i].second;

			CHECK_ROW(strcmp(key[k].text, is) == 0, rows[i].net);
			CHECK_ROW(key[k].length == strlen(is), rows[i].net);
		}
	}
}

static void
nets_spelled_with_a_nul(void)
{
	struct drac_text key[2];
	struct drac_net net;

	CHECK(drac_net_parse("2001:db8:77::/64", &net) == 0);
	CHECK(drac_key_spell_net(&net, DRAC_KEY_NUL, key) == 2);
	CHECK(key[0].length == sizeof("2001:db8:77:0"));
	CHECK(key[1].length == sizeof("2001:db8:77:"));
	CHECK(key[1].text[key[1].length - 1] == '\0');
}

/* Postfix: the whole text, then without what is behind the last separator. */
static bool
postfix_finds(const struct drac_addr *a, const struct drac_text *key,
    unsigned keys)
{
	char text[DRAC_ADDR_TEXT], *end;

	drac_addr_text(a, text);
	do {
		for (unsigned k = 0; k < keys; k++)
			if (strcmp(text, key[k].text) == 0)
				return true;
		end = strrchr(text, a->len == 4 ? '.' : ':');
		if (end != NULL)
			*end = '\0';
	} while (end != NULL);
	return false;
}

/* Zeros are what is awkward. */
static struct drac_addr
some_addr(unsigned char len)
{
	struct drac_addr a = { .len = len };

	for (unsigned i = 0; i < len; i += 2) {
		int kind = rand() % 4;

		a.octet[i] = (unsigned char)(kind == 0 ? rand() : 0);
		a.octet[i + 1] = (unsigned char)(kind < 2    ? rand()
						 : kind == 2 ? 1
							     : 0);
	}
	a.octet[0] = len == 4 ? 198 : 0x20;
	return a;
}

/* Another one, mostly of the same network. */
static struct drac_addr
neighbour(const struct drac_addr *a)
{
	struct drac_addr b = some_addr(a->len);
	unsigned same = (unsigned)rand() % (a->len + 1u);

	memcpy(b.octet, a->octet, same);
	return b;
}

static void
check_keys(const struct drac_net *net, const struct drac_addr *b,
    unsigned seen[2])
{
	struct drac_text key[2];
	unsigned keys = drac_key_spell_net(net, DRAC_KEY_PLAIN, key);
	bool has = drac_net_has(net, b);
	char text[DRAC_ADDR_TEXT];

	if (keys == 0)
		return;
	seen[has]++;
	drac_addr_text(b, text);
	CHECK_ROW(postfix_finds(b, key, keys) == has, text);
}

static void
postfix_finds_the_network_and_nothing_else(void)
{
	static const unsigned char bits4[] = { 8, 16, 24 };
	static const unsigned char bits6[] = { 32, 48, 64, 80, 96, 112 };
	unsigned seen[2] = { 0, 0 };

	srand(900101);
	for (unsigned i = 0; i < 400000; i++) {
		struct drac_addr a = some_addr(i % 2 == 0 ? 4 : 16);
		struct drac_addr b = neighbour(&a);
		const struct drac_cover cover = { bits4[i % 3], bits6[i % 6],
			NULL };
		struct drac_net net = drac_cover_of(&cover, &a);

		check_keys(&net, &a, seen);
		check_keys(&net, &b, seen);
	}
	CHECK(seen[true] > 100000);
	CHECK(seen[false] > 100000);
}

static void
nets_read_back(void)
{
	const struct drac_cover with_nul = { 24, 64, NULL };
	struct drac_addr first;
	static const struct {
		unsigned char bits4, bits6;
		enum drac_key_style style;
		const char *key;
		int is;
	} rows[] = {
		{ 24, 64, DRAC_KEY_PLAIN, "192.0.2", 1 },
		{ 16, 64, DRAC_KEY_PLAIN, "192.0.2", -1 },
		{ 32, 128, DRAC_KEY_PLAIN, "192.0.2", -1 },
		{ 32, 128, DRAC_KEY_PLAIN, "192", -1 },
		{ 24, 64, DRAC_KEY_PLAIN, "192.0.2.7", 0 },
		{ 24, 64, DRAC_KEY_PLAIN, "192.0.2.0/24", -1 },
		{ 24, 64, DRAC_KEY_CIDR, "192.0.2.0/24", 1 },
		{ 25, 64, DRAC_KEY_CIDR, "192.0.2.0/24", -1 },
		{ 24, 64, DRAC_KEY_PLAIN, "2001:db8:77:0", 1 },
		{ 24, 64, DRAC_KEY_PLAIN, "2001:db8:77:", 1 },
		{ 24, 64, DRAC_KEY_PLAIN, "2001:db8:77", -1 },
		{ 24, 48, DRAC_KEY_PLAIN, "2001:db8:77:", -1 },
		{ 24, 48, DRAC_KEY_PLAIN, "2001:db8:77", 1 },
		{ 24, 128, DRAC_KEY_PLAIN, "2001:db8:77:5", -1 },
		{ 24, 56, DRAC_KEY_PLAIN, "2001:db8:77:5", -1 },
		{ 24, 64, DRAC_KEY_PLAIN, "2001:db8:77::7", 0 },
		{ 24, 64, DRAC_KEY_PLAIN, "ipv6:2001:db8:0:0:0:0:0:7", 0 },
		{ 24, 64, DRAC_KEY_PLAIN, "pop.example.org", 0 },
		{ 24, 64, DRAC_KEY_PLAIN, "unknown", 0 },
		{ 24, 64, DRAC_KEY_PLAIN, "192.0.2.", 0 },
		{ 24, 64, DRAC_KEY_PLAIN, ":", -1 },
		{ 24, 64, DRAC_KEY_PLAIN, "", 0 },
		{ 24, 64, DRAC_KEY_PLAIN, "/", 0 },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct drac_cover cover = { rows[i].bits4, rows[i].bits6,
			NULL };
		struct drac_addr a;

		CHECK_ROW(drac_key_read_net(rows[i].key, strlen(rows[i].key),
			      rows[i].style, &cover, &a) == rows[i].is,
		    rows[i].key);
	}
	CHECK(drac_key_read_net("192.0.2", sizeof("192.0.2"), DRAC_KEY_NUL,
		  &with_nul, &first) == 1);
}

int
main(void)
{
	RUN(cover_of_each_prefix);
	RUN(cover_leaves_out_what_is_excluded);
	RUN(nets_spelled);
	RUN(nets_spelled_with_a_nul);
	RUN(postfix_finds_the_network_and_nothing_else);
	RUN(nets_read_back);
	return TEST_RESULT();
}
