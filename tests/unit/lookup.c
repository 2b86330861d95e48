/* SPDX-License-Identifier: BSD-2-Clause */

/* What mail servers ask, octet by octet, and what they are told. */

#include "lookup.h"

#include <stdlib.h>

#include "test.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* A request by its octets, with its end where it has a NUL. */
#define OCTETS(text) (text), sizeof(text) - 1

#define MAP    DRAC_LOOKUP_MAP
#define LINE   DRAC_LOOKUP_LINE
#define POLICY DRAC_LOOKUP_POLICY

#define REQUEST "request=smtpd_access_policy\n"

static const struct {
	const char *octets;
	size_t len;
	enum drac_lookup_protocol protocol;
	const char *addr; /* NULL: about none */
} good[] = {
	/* As sendmail, Postfix and Exim were seen to ask. */
	{ OCTETS("15:drac 192.0.2.11,"), MAP, "192.0.2.11" },
	{ OCTETS("31:drac ipv6:2001:db8:1:0:0:0:0:10,"), MAP,
	    "2001:db8:1::10" },
	{ OCTETS("26:drac 2001:db8:1:0:0:0:0:10,"), MAP, "2001:db8:1::10" },
	{ OCTETS("19:drac 2001:db8:1::11,"), MAP, "2001:db8:1::11" },
	{ OCTETS("12:drac unknown,"), MAP, NULL },
	{ OCTETS("22:drac pc1.cust9.example,"), MAP, NULL },

	/* Other spellings. */
	{ OCTETS("11:m 192.0.2.7,"), MAP, "192.0.2.7" },
	{ OCTETS("13:m [192.0.2.7],"), MAP, "192.0.2.7" },
	{ OCTETS("32:drac IPv6:2001:db8:1:0:0:0:0:10 ,"), MAP, NULL },
	{ OCTETS("20:m [IPv6:2001:db8::7],"), MAP, "2001:db8::7" },
	{ OCTETS("18:m IPV6:2001:DB8::7,"), MAP, "2001:db8::7" },
	{ OCTETS("15:m [2001:db8::7],"), MAP, "2001:db8::7" },
	{ OCTETS("18:m ::ffff:192.0.2.7,"), MAP, "192.0.2.7" },
	{ OCTETS("25:m [IPv6:::FFFF:192.0.2.7],"), MAP, "192.0.2.7" },
	{ OCTETS("46:m ipv6:0000:0000:0000:0000:0000:ffff:c000:0207,"), MAP,
	    "192.0.2.7" },

	/* Well-formed, and no address. */
	{ OCTETS("9:m 192.0.2,"), MAP, NULL },
	{ OCTETS("7:m 192.0,"), MAP, NULL },
	{ OCTETS("10:m 2001:db8,"), MAP, NULL },
	{ OCTETS("2:m ,"), MAP, NULL },
	{ OCTETS("4:m [],"), MAP, NULL },
	{ OCTETS("13:m [192.0.2.7,,"), MAP, NULL },
	{ OCTETS("12:m 192.0.2.7],"), MAP, NULL },
	{ OCTETS("12:m 192.0.2.07,"), MAP, NULL },
	{ OCTETS("12:m  192.0.2.7,"), MAP, NULL },
	{ OCTETS("14:m 192.0.2.7/32,"), MAP, NULL },
	{ OCTETS("12:m 192.0.2.7\0,"), MAP, NULL },
	{ OCTETS("16:m ipv6:192.0.2.7,"), MAP, NULL },
	{ OCTETS("7:m ipv6:,"), MAP, NULL },
	{ OCTETS("22:m 2001:db8::7%loopback,"), MAP, NULL },
	{ OCTETS("16:m ipv6:ipv6:::7:,"), MAP, NULL },

	{ OCTETS("get 192.0.2.7\n"), LINE, "192.0.2.7" },
	{ OCTETS("get 192.0.2.7\r\n"), LINE, "192.0.2.7" },
	{ OCTETS("get [IPv6:2001:db8::7]\r\n"), LINE, "2001:db8::7" },
	{ OCTETS("get host.example.org\n"), LINE, NULL },
	{ OCTETS("get 192.0.2.7\r\r\n"), LINE, NULL },
	{ OCTETS("get  192.0.2.7\n"), LINE, NULL },

	{ OCTETS(REQUEST "protocol_state=RCPT\nclient_address=192.0.2.7\n"
			 "client_name=unknown\nsender=\nsize=0\n\n"),
	    POLICY, "192.0.2.7" },
	{ OCTETS(REQUEST "client_address=2001:db8::7\n\n"), POLICY,
	    "2001:db8::7" },
	{ OCTETS(REQUEST "\n"), POLICY, NULL },
	{ OCTETS(REQUEST "client_address=\n\n"), POLICY, NULL },
	{ OCTETS(REQUEST "client_address=unknown\n\n"), POLICY, NULL },
	{ OCTETS(REQUEST "client_address=192.0.2.7\r\n\n"), POLICY, NULL },
	{ OCTETS(REQUEST "xclient_address=192.0.2.7\n\n"), POLICY, NULL },
	{ OCTETS(REQUEST "sender=client_address=192.0.2.7\n\n"), POLICY, NULL },
};

static const struct {
	const char *octets;
	size_t len;
	enum drac_lookup_protocol protocol;
} bad[] = {
	{ OCTETS("05:m k.,"), MAP },
	{ OCTETS("00:,"), MAP },
	{ OCTETS("0:,"), MAP },
	{ OCTETS("1001:"), MAP },
	{ OCTETS("99999999999999999999999:"), MAP },
	{ OCTETS("15 :"), MAP },
	{ OCTETS("1x"), MAP },
	{ OCTETS("3:m k;"), MAP },
	{ OCTETS("3:m k\n"), MAP },
	{ OCTETS("4:abcd,"), MAP },
	{ OCTETS("2: k,"), MAP },

	{ OCTETS("\n"), LINE },
	{ OCTETS("\r\n"), LINE },
	{ OCTETS("\0\n"), LINE },
	{ OCTETS("get\n"), LINE },
	{ OCTETS("get \n"), LINE },
	{ OCTETS("get \r\n"), LINE },
	{ OCTETS("GET 192.0.2.7\n"), LINE },
	{ OCTETS("put 192.0.2.7\n"), LINE },
	{ OCTETS(":7\n"), LINE },
	{ OCTETS("-1:m k,\n"), LINE },

	{ OCTETS("request=\n"), POLICY },
	{ OCTETS("request=smtpd_access_policy2\n"), POLICY },
	{ OCTETS("request=smtpd_access_polic\n"), POLICY },
	{ OCTETS("r\n"), POLICY },
	{ OCTETS(REQUEST "client_address\n"), POLICY },
	{ OCTETS(REQUEST "client_address=192.0.2.7\n"
			 "client_address=192.0.2.8\n"),
	    POLICY },
};

static bool
is_about(const struct drac_lookup *asked, const char *text)
{
	struct drac_addr addr;

	if (text == NULL)
		return asked->addr.len == 0;
	return drac_addr_parse(text, &addr) == 0 &&
	       drac_addr_equal(&addr, &asked->addr);
}

/* In memory of that size, so that a sanitizer sees a read beyond it. */
static int
read_part(const char *octets, size_t len, struct drac_lookup *asked)
{
	char *copy = malloc(len + 1);
	int got;

	memcpy(copy + 1, octets, len);
	got = drac_lookup_read(copy + 1, len, asked);
	free(copy);
	return got;
}

/* Every split of it into what is there and what is not. */
static void
requests_are_read_when_they_are_whole(void)
{
	for (size_t i = 0; i < COUNT(good); i++) {
		struct drac_lookup asked;

		for (size_t len = 0; len < good[i].len; len++)
			CHECK_ROW(read_part(good[i].octets, len, &asked) == 0,
			    good[i].octets);
		CHECK_ROW(read_part(good[i].octets, good[i].len, &asked) == 1,
		    good[i].octets);
		CHECK_ROW(asked.protocol == good[i].protocol, good[i].octets);
		CHECK_ROW(asked.used == good[i].len, good[i].octets);
		CHECK_ROW(is_about(&asked, good[i].addr), good[i].octets);
	}
}

static void
nonsense_is_refused_with_a_reason(void)
{
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct drac_lookup asked;

		CHECK_ROW(read_part(bad[i].octets, bad[i].len, &asked) == -1,
		    bad[i].octets);
		CHECK_ROW(asked.protocol == bad[i].protocol, bad[i].octets);
		CHECK_ROW(asked.fault != NULL && asked.fault[0] != '\0',
		    bad[i].octets);
		for (size_t len = 0; len < bad[i].len; len++)
			CHECK_ROW(read_part(bad[i].octets, len, &asked) != 1,
			    bad[i].octets);
	}
}

/* Several at once: each is read where the one before ended. */
static void
requests_follow_each_other(void)
{
	char all[4096];
	size_t len = 0, at = 0, count = 0;
	struct drac_lookup asked;

	for (size_t i = 0; i < COUNT(good); i++) {
		memcpy(all + len, good[i].octets, good[i].len);
		len += good[i].len;
	}
	while (at < len && read_part(all + at, len - at, &asked) == 1) {
		CHECK(is_about(&asked, good[count].addr));
		CHECK(asked.used == good[count].len);
		at += asked.used;
		count++;
	}
	CHECK(count == COUNT(good) && at == len);
}

static void
length_is_limited(void)
{
	static char text[2 * DRAC_LOOKUP_ASKED_MAX];
	struct drac_lookup asked;

	memset(text, 'x', sizeof text);
	memcpy(text, "1000:m ", 7);
	text[5 + 1000] = ',';
	CHECK(read_part(text, 5 + 1000, &asked) == 0);
	CHECK(read_part(text, 5 + 1000 + 1, &asked) == 1);
	CHECK(asked.used == 5 + 1000 + 1 && asked.addr.len == 0);

	memset(text, 'x', sizeof text);
	memcpy(text, "get ", 4);
	CHECK(read_part(text, DRAC_LOOKUP_LINE_MAX - 1, &asked) == 0);
	CHECK(read_part(text, DRAC_LOOKUP_LINE_MAX, &asked) == -1);
	text[DRAC_LOOKUP_LINE_MAX - 1] = '\n';
	CHECK(read_part(text, DRAC_LOOKUP_LINE_MAX, &asked) == 1);
	text[DRAC_LOOKUP_LINE_MAX - 1] = 'x';
	text[DRAC_LOOKUP_LINE_MAX] = '\n';
	CHECK(read_part(text, DRAC_LOOKUP_LINE_MAX + 1, &asked) == -1);
}

static void
policy_request_is_limited(void)
{
	static char text[2 * DRAC_LOOKUP_ASKED_MAX];
	const size_t most = DRAC_LOOKUP_ASKED_MAX;
	struct drac_lookup asked;

	memset(text, 'x', sizeof text);
	memcpy(text, REQUEST "a=", sizeof REQUEST + 1);
	CHECK(read_part(text, most - 1, &asked) == 0);
	CHECK(read_part(text, most, &asked) == -1);
	CHECK(read_part(text, sizeof text, &asked) == -1);
	text[most - 2] = text[most - 1] = '\n';
	CHECK(read_part(text, most, &asked) == 1 && asked.used == most);
	text[most - 2] = 'x';
	text[most] = '\n';
	CHECK(read_part(text, most + 1, &asked) == -1);
}

static void
replies_are_what_was_agreed(void)
{
	static const struct {
		enum drac_lookup_answer answer;
		const char *text[3]; /* by protocol */
	} rows[] = {
		{ DRAC_LOOKUP_FOUND, { "13:OK 1732430000,", "OK 1732430000\n",
					 "action=OK\n\n" } },
		{ DRAC_LOOKUP_NOTFOUND,
		    { "9:NOTFOUND ,", "NOTFOUND\n", "action=DUNNO\n\n" } },
		{ DRAC_LOOKUP_TEMP,
		    { "16:TEMP some reason,", "TEMP some reason\n",
			"action=451 4.3.0 relay authorisation database "
			"unavailable\n\n" } },
		{ DRAC_LOOKUP_PERM,
		    { "16:PERM some reason,", "PERM some reason\n", "" } },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		for (int p = MAP; p <= POLICY; p++) {
			const struct drac_lookup_said said = {
				.answer = rows[i].answer,
				.expiry = 1732430000,
				.reason = "some reason"
			};
			char text[DRAC_LOOKUP_REPLY_MAX];
			size_t len =
			    drac_lookup_reply((enum drac_lookup_protocol)p,
				&said, text);

			CHECK_ROW(len == strlen(rows[i].text[p]) &&
				      memcmp(text, rows[i].text[p], len) == 0,
			    rows[i].text[p]);
		}
	}
}

static void
longest_reply_has_room(void)
{
	char reason[300], text[DRAC_LOOKUP_REPLY_MAX];
	const struct drac_lookup_said said = { .answer = DRAC_LOOKUP_TEMP,
		.reason = reason };

	memset(reason, 'r', sizeof reason - 1);
	reason[sizeof reason - 1] = '\0';
	CHECK(drac_lookup_reply(MAP, &said, text) == 3 + 5 + 80 + 1);
	CHECK(memcmp(text, "85:TEMP rrr", 11) == 0 && text[88] == ',');
}

int
main(void)
{
	RUN(requests_are_read_when_they_are_whole);
	RUN(nonsense_is_refused_with_a_reason);
	RUN(requests_follow_each_other);
	RUN(length_is_limited);
	RUN(policy_request_is_limited);
	RUN(replies_are_what_was_agreed);
	RUN(longest_reply_has_room);
	return TEST_RESULT();
}
