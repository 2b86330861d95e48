/* SPDX-License-Identifier: BSD-2-Clause */

/* Lists of networks: order, growth, release. */
#include "allow.h"

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
add(struct drac_nets *nets, const char *text)
{
	struct drac_net net = { 0 };

	CHECK_ROW(drac_net_parse(text, &net) == 0, text);
	CHECK_ROW(drac_nets_add(nets, &net) == 0, text);
}

static void
empty_list_holds_nothing(void)
{
	struct drac_nets nets = { 0 };
	struct drac_addr any = addr("192.0.2.7");

	CHECK(drac_nets_find(&nets, &any) == NULL);
	drac_nets_free(&nets);
	CHECK(nets.net == NULL && nets.count == 0);
}

static void
find_names_first_match(void)
{
	static const struct {
		const char *address;
		int index; /* -1: none */
	} rows[] = {
		{ "192.0.2.7", 0 },
		{ "192.0.2.200", 1 },
		{ "::ffff:192.0.2.200", 1 },
		{ "192.0.3.1", -1 },
		{ "198.51.100.9", 2 },
		{ "198.51.100.8", -1 },
		{ "2001:db8::7", 3 },
		{ "2001:db9::7", -1 },
	};
	struct drac_nets nets = { 0 };

	add(&nets, "192.0.2.0/25");
	add(&nets, "192.0.2.0/24");
	add(&nets, "198.51.100.9");
	add(&nets, "2001:db8::/32");
	CHECK(nets.count == 4);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_addr address = addr(rows[i].address);
		const struct drac_net *found = drac_nets_find(&nets, &address);

		CHECK_ROW(found == (rows[i].index == -1
					   ? NULL
					   : &nets.net[rows[i].index]),
		    rows[i].address);
	}
	drac_nets_free(&nets);
}

static void
add_keeps_all_while_growing(void)
{
	struct drac_nets nets = { 0 };
	struct drac_addr address = addr("192.0.2.0");
	char text[DRAC_ADDR_TEXT];

	for (unsigned i = 0; i < 256; i++) {
		snprintf(text, sizeof text, "192.0.2.%u", i);
		add(&nets, text);
		CHECK_ROW(nets.count == i + 1, text);
	}
	for (unsigned i = 0; i < 256; i++) {
		address.octet[3] = (unsigned char)i;
		CHECK(drac_nets_find(&nets, &address) == &nets.net[i]);
	}
	drac_nets_free(&nets);
}

static void
add_copies_own_member(void)
{
	struct drac_nets nets = { 0 };

	add(&nets, "192.0.2.0/24");
	for (int i = 0; i < 8; i++)
		CHECK(drac_nets_add(&nets, &nets.net[0]) == 0);
	CHECK(nets.count == 9);
	CHECK(memcmp(&nets.net[8], &nets.net[0], sizeof nets.net[0]) == 0);
	drac_nets_free(&nets);
}

static void
free_makes_list_usable_again(void)
{
	struct drac_nets nets = { 0 };
	struct drac_addr old = addr("192.0.2.7"), new = addr("198.51.100.7");

	add(&nets, "192.0.2.0/24");
	drac_nets_free(&nets);
	drac_nets_free(&nets);
	add(&nets, "198.51.100.0/24");
	CHECK(drac_nets_find(&nets, &old) == NULL);
	CHECK(drac_nets_find(&nets, &new) == &nets.net[0]);
	drac_nets_free(&nets);
}

int
main(void)
{
	RUN(empty_list_holds_nothing);
	RUN(find_names_first_match);
	RUN(add_keeps_all_while_growing);
	RUN(add_copies_own_member);
	RUN(free_makes_list_usable_again);
	return TEST_RESULT();
}
