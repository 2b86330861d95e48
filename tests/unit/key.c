/* SPDX-License-Identifier: BSD-2-Clause */

/* Keys and values: how they are spelled, what is read back. */
#include "key.h"

#include <errno.h>

#include "test.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static struct drac_addr
addr(const char *text)
{
	struct drac_addr found = { 0 };

	CHECK_ROW(drac_addr_parse(text, &found) == 0, text);
	return found;
}

static bool
is(const struct drac_text *text, const char *octets, size_t length)
{
	return text->length == length &&
	       memcmp(text->text, octets, length) == 0;
}

static void
key_spelled_in_each_style(void)
{
#define T(literal) literal, sizeof(literal) - 1
	static const struct {
		enum drac_key_style style;
		const char *addr;
		const char *first;
		size_t first_len;
		const char *second;
		size_t second_len;
	} rows[] = {
		{ DRAC_KEY_PLAIN, "192.0.2.7", T("192.0.2.7"), NULL, 0 },
		{ DRAC_KEY_PLAIN, "203.0.113.255", T("203.0.113.255"), NULL,
		    0 },
		{ DRAC_KEY_PLAIN, "198.51.100.0", T("198.51.100.0"), NULL, 0 },
		{ DRAC_KEY_CIDR, "198.51.100.10", T("198.51.100.10/32"), NULL,
		    0 },
		{ DRAC_KEY_CIDR, "2001:db8:1111:2222:3333:4444:5555:6666",
		    T("2001:db8:1111:2222:3333:4444:5555:6666/128"), NULL, 0 },
		{ DRAC_KEY_PLAIN, "2001:DB8:0::7", T("2001:db8::7"), NULL, 0 },
		{ DRAC_KEY_PLAIN, "::ffff:192.0.2.7", T("192.0.2.7"), NULL, 0 },
		{ DRAC_KEY_NUL, "192.0.2.7", T("192.0.2.7\0"), NULL, 0 },
		{ DRAC_KEY_NUL, "2001:db8::7", T("2001:db8::7\0"), NULL, 0 },
		{ DRAC_KEY_CIDR, "192.0.2.7", T("192.0.2.7/32"), NULL, 0 },
		{ DRAC_KEY_CIDR, "2001:db8::7", T("2001:db8::7/128"), NULL, 0 },
		{ DRAC_KEY_SENDMAIL, "192.0.2.7", T("192.0.2.7"), NULL, 0 },
		{ DRAC_KEY_SENDMAIL, "2001:db8::7",
		    T("ipv6:2001:db8:0:0:0:0:0:7"), NULL, 0 },
		{ DRAC_KEY_SENDMAIL, "2001:db8:abcd:10::ff",
		    T("ipv6:2001:db8:abcd:10:0:0:0:ff"), NULL, 0 },
		{ DRAC_KEY_BOTH, "192.0.2.7", T("192.0.2.7"), NULL, 0 },
		{ DRAC_KEY_BOTH, "2001:db8::7", T("2001:db8::7"),
		    T("ipv6:2001:db8:0:0:0:0:0:7") },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_addr a = addr(rows[i].addr);
		struct drac_text key[2];
		unsigned keys = drac_key_spell(&a, rows[i].style, 0, key);

		CHECK_ROW(keys == (rows[i].second == NULL ? 1u : 2u),
		    rows[i].first);
		CHECK_ROW(is(&key[0], rows[i].first, rows[i].first_len),
		    rows[i].first);
		if (keys == 2)
			CHECK_ROW(is(&key[1], rows[i].second,
				      rows[i].second_len),
			    rows[i].second);
	}
}

/* 0 to 7 groups before `::', and what has none or ends in it. */
static void
key_that_begins_others_is_not_plain_for_postfix(void)
{
	static const struct {
		const char *addr;
		bool begins;
	} rows[] = {
		{ "::5", true },
		{ "::1:5", true },
		{ "::2:3:4:5:6:7", true },
		{ "2001::5", true },
		{ "2001::1:2:3:4:5", true },
		{ "2001:db8::1", true },
		{ "2001:db8::1:2:3:4", true },
		{ "2001:db8:1::5", true },
		{ "2001:db8:1::5:6:7", true },
		{ "2001:db8:1:2::5", false },
		{ "2001:db8:1:2::5:6", false },
		{ "2001:db8:1:2:3::5", false },
		{ "2001:db8:1:2:3:4::", false },
		{ "2001:db8:1:2:3:4:5:0", false },
		{ "2001:db8::", false },
		{ "2001::", false },
		{ "2001:db8:0:1:2:3:4:5", false },
		{ "2001:0:0:1:0:0:0:5", false },
		{ "2001:db8:1:2:3:4:5:6", false },
		{ "192.0.2.7", false },
		{ "64:ff9b::192.0.2.7", true },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_addr a = addr(rows[i].addr);
		struct drac_text key[2], other;
		bool slash;

		CHECK_ROW(drac_key_begins_others(&a) == rows[i].begins,
		    rows[i].addr);
		for (int style = DRAC_KEY_PLAIN; style <= DRAC_KEY_BOTH;
		     style++) {
			bool fixed = style == DRAC_KEY_CIDR ||
				     (style == DRAC_KEY_SENDMAIL && a.len > 4);

			if (fixed) {
				CHECK_ROW(drac_key_spell_other(&a,
					      (enum drac_key_style)style,
					      DRAC_READER_POSTFIX, &other) == 0,
				    rows[i].addr);
				continue;
			}
			(void)drac_key_spell(&a, (enum drac_key_style)style,
			    DRAC_READER_EXIM | DRAC_READER_POSTFIX, key);
			slash = memchr(key[0].text, '/', key[0].length) != NULL;
			CHECK_ROW(slash == rows[i].begins, rows[i].addr);
			CHECK_ROW(drac_key_spell_other(&a,
				      (enum drac_key_style)style,
				      DRAC_READER_POSTFIX,
				      &other) == rows[i].begins,
			    rows[i].addr);
			(void)drac_key_spell(&a, (enum drac_key_style)style,
			    DRAC_READER_EXIM, key);
			CHECK_ROW(memchr(key[0].text, '/', key[0].length) ==
				      NULL,
			    rows[i].addr);
			CHECK_ROW(!rows[i].begins ||
				      is(&key[0], other.text, other.length),
			    rows[i].addr);
		}
	}
}

static void
keys_of_another_style_or_reader_are_told(void)
{
#define POSTFIX DRAC_READER_POSTFIX
	static const struct {
		const char *key;
		size_t length;
		enum drac_key_style style;
		unsigned readers;
		enum drac_key_fault fault;
	} rows[] = {
		{ T("192.0.2.7"), DRAC_KEY_PLAIN, POSTFIX, DRAC_KEY_FITS },
		{ T("192.0.2.7\0"), DRAC_KEY_PLAIN, 0, DRAC_KEY_HAS_NUL },
		{ T("192.0.2.7"), DRAC_KEY_NUL, 0, DRAC_KEY_HAS_NO_NUL },
		{ T("192.0.2.7/32"), DRAC_KEY_PLAIN, 0, DRAC_KEY_HAS_SUFFIX },
		{ T("192.0.2.7"), DRAC_KEY_CIDR, 0, DRAC_KEY_HAS_NO_SUFFIX },
		{ T("192.0.2.7/32\0"), DRAC_KEY_CIDR, 0, DRAC_KEY_HAS_NUL },
		{ T("2001:db8::7"), DRAC_KEY_PLAIN, 0, DRAC_KEY_FITS },
		{ T("2001:db8::7"), DRAC_KEY_PLAIN, POSTFIX,
		    DRAC_KEY_HAS_NO_SUFFIX },
		{ T("2001:db8::7/128"), DRAC_KEY_PLAIN, POSTFIX,
		    DRAC_KEY_FITS },
		{ T("2001:db8::7/128"), DRAC_KEY_BOTH, DRAC_READER_EXIM,
		    DRAC_KEY_HAS_SUFFIX },
		{ T("2001:db8:1:2::7/128"), DRAC_KEY_PLAIN, POSTFIX,
		    DRAC_KEY_HAS_SUFFIX },
		{ T("2001:db8::/128"), DRAC_KEY_PLAIN, POSTFIX,
		    DRAC_KEY_HAS_SUFFIX },
		{ T("ipv6:2001:db8:0:0:0:0:0:7"), DRAC_KEY_BOTH, POSTFIX,
		    DRAC_KEY_FITS },
		{ T("ipv6:2001:db8:0:0:0:0:0:7"), DRAC_KEY_PLAIN, 0,
		    DRAC_KEY_IS_SENDMAIL },
		{ T("2001:db8:1:2::7"), DRAC_KEY_SENDMAIL, 0,
		    DRAC_KEY_IS_NOT_SENDMAIL },
		{ T("192.0.2.7"), DRAC_KEY_SENDMAIL, 0, DRAC_KEY_FITS },
		{ T("192.0.2"), DRAC_KEY_CIDR, 0, DRAC_KEY_FITS },
		{ T("2001:db8:77:"), DRAC_KEY_NUL, POSTFIX, DRAC_KEY_FITS },
		{ T("example.org\0"), DRAC_KEY_PLAIN, 0, DRAC_KEY_FITS },
		{ T(""), DRAC_KEY_NUL, POSTFIX, DRAC_KEY_FITS },
	};
	char text[DRAC_KEY_CONVERTED_TEXT];

	for (size_t i = 0; i < COUNT(rows); i++)
		CHECK_ROW(drac_key_fault(rows[i].key, rows[i].length,
			      rows[i].style, rows[i].readers) == rows[i].fault,
		    rows[i].key);
	drac_key_converted_text(7, 1u << DRAC_KEY_HAS_NUL, text);
	CHECK(strcmp(text, "converted 7 entries: keys with NUL") == 0);
	drac_key_converted_text(UINT64_MAX, ~0u, text);
	CHECK(strlen(text) < sizeof(text) - 20);
}

static void
key_of_any_style_is_read_back(void)
{
	static const char *const rows[] = { "192.0.2.7", "203.0.113.255",
		"2001:db8::7", "2001:db8:1111:2222:3333:4444:5555:6666",
		"2001:db8::192.0.2.7" };

	for (size_t i = 0; i < COUNT(rows); i++)
		for (int style = DRAC_KEY_PLAIN; style <= DRAC_KEY_BOTH;
		     style++) {
			struct drac_addr a = addr(rows[i]);
			struct drac_addr back = { 0 };
			struct drac_text key[2];
			bool second = true;
			unsigned keys = drac_key_spell(&a,
			    (enum drac_key_style)style, 0, key);

			for (unsigned k = 0; k < keys; k++) {
				CHECK_ROW(drac_key_read(key[k].text,
					      key[k].length, &back,
					      &second) == 0,
				    rows[i]);
				CHECK_ROW(drac_addr_equal(&a, &back), rows[i]);
				CHECK_ROW(second ==
					      (a.len == 16 &&
						  (style == DRAC_KEY_SENDMAIL ||
						      k == 1)),
				    rows[i]);
			}
		}
}

static void
key_refused(void)
{
	static const struct {
		const char *key;
		size_t length;
	} rows[] = { { T("") }, { T("\0") }, { T("192.0.2") },
		{ T("192.0.2.7 ") }, { T("192.0.2.7\n") },
		{ T("192.0.2.7\0\0") }, { T("192.0.2.7\0x") },
		{ T("192.0.2.7/24") }, { T("192.0.2.7/") },
		{ T("192.0.2.7/128") }, { T("2001:db8::7/32") },
		{ T("2001:db8::7/64") }, { T("192.000.002.007") },
		{ T("ipv6:") }, { T("ipv6:2001:db8") }, { T("IPV6:::1") },
		{ T("example.org") },
		{ T("2001:db8:1111:2222:3333:4444:5555:6666:7777:8888:9999:"
		    "aaaa") } };

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_addr a;
		bool second;

		CHECK_ROW(drac_key_read(rows[i].key, rows[i].length, &a,
			      &second) == -1,
		    rows[i].key);
	}
}

static void
value_spelled(void)
{
	struct drac_text text;

	drac_value_spell(1700000000, DRAC_KEY_PLAIN, &text);
	CHECK(is(&text, T("1700000000")));
	drac_value_spell(1700000000, DRAC_KEY_NUL, &text);
	CHECK(is(&text, T("1700000000\0")));
	drac_value_spell(4102444800, DRAC_KEY_CIDR, &text);
	CHECK(is(&text, T("4102444800")));
	drac_value_spell(999999999999999999, DRAC_KEY_NUL, &text);
	CHECK(is(&text, T("999999999999999999\0")));
	/* Readers take digits alone for a yes and anything else for trouble. */
	drac_value_spell(0, DRAC_KEY_NUL, &text);
	CHECK(is(&text, T("0\0")));
	drac_value_spell(-1, DRAC_KEY_PLAIN, &text);
	CHECK(is(&text, T("0")));
}

static void
value_read(void)
{
	static const struct {
		const char *value;
		size_t length;
		time_t expiry; /* -1: refused */
	} rows[] = { { T("0"), 0 }, { T("1700000000"), 1700000000 },
		{ T("1700000000\0"), 1700000000 }, { T("007"), 7 },
		{ T("999999999999999999"), 999999999999999999 },
		{ T("1000000000000000000"), -1 }, { T(""), -1 },
		{ T("\0"), -1 }, { T("1\0\0"), -1 }, { T("-1"), -1 },
		{ T("+1"), -1 }, { T(" 1"), -1 }, { T("1 "), -1 },
		{ T("1x"), -1 }, { T("0x10"), -1 }, { T("RELAY"), -1 } };

	for (size_t i = 0; i < COUNT(rows); i++) {
		time_t expiry = 42;
		int result =
		    drac_value_read(rows[i].value, rows[i].length, &expiry);

		CHECK_ROW(result == (rows[i].expiry == -1 ? -1 : 0),
		    rows[i].value);
		CHECK_ROW(expiry ==
			      (rows[i].expiry == -1 ? 42 : rows[i].expiry),
		    rows[i].value);
	}
#undef T
}

int
main(void)
{
	RUN(key_spelled_in_each_style);
	RUN(key_that_begins_others_is_not_plain_for_postfix);
	RUN(keys_of_another_style_or_reader_are_told);
	RUN(key_of_any_style_is_read_back);
	RUN(key_refused);
	RUN(value_spelled);
	RUN(value_read);
	return TEST_RESULT();
}
