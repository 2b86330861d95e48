/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Postfix strips addresses (access(5)): no key that we write into the file
 * lets it find an address outside the /64 of the login, or outside the
 * network that prefix4 and prefix6 open. The addresses that log in have their
 * zeros at each place, and the keys are read from the file by Berkeley DB.
 */
#include <arpa/inet.h>
#include <db.h>
#include <stdlib.h>

#include "maps.h"
#include "test.h"

#define LOGINS_MAX 4096u
#define KEYS_MAX   16384u

struct known {
	char text[DRAC_KEY_TEXT];
	struct drac_net reach; /* the key may stand for these addresses */
};

static struct drac_addr login[LOGINS_MAX];
static size_t logins;
static struct known known[KEYS_MAX];
static size_t keys;
static struct drac_store_opts opts;

/* Every pattern of zero groups, three times; and IPv4. */
static void
make_logins(void)
{
	logins = 0;
	for (unsigned kind = 0; kind < 3; kind++)
		for (unsigned zeros = 0; zeros < 255; zeros++) {
			struct drac_addr *a = &login[logins++];

			*a = (struct drac_addr){ .len = 16 };
			for (unsigned i = 0; i < 8; i++) {
				if ((zeros & 1u << i) != 0)
					continue;
				a->octet[2 * i] =
				    kind == 2 ? (unsigned char)rand() : 0;
				a->octet[2 * i + 1] =
				    kind == 0 ? (unsigned char)(i + 1)
					      : (unsigned char)(rand() | 1);
			}
		}
	for (unsigned i = 0; i < 256; i++) {
		struct drac_addr *a = &login[logins++];

		*a = (struct drac_addr){ .len = 4,
			.octet = { (unsigned char)(i + 1), (unsigned char)i,
			    (unsigned char)(rand() % 3),
			    (unsigned char)rand() } };
	}
}

static void
log_in(void)
{
	struct drac_store *store;
	struct drac_op ops[DRAC_OPS_MAX];

	fresh_dir();
	store = open_with(&opts);
	for (size_t at = 0; at < logins;) {
		size_t n = 0;

		for (; n < DRAC_OPS_MAX && at < logins; n++, at++)
			ops[n] = (struct drac_op){ .kind = DRAC_OP_ADD,
				.addr = login[at],
				.expiry = NOW + 1800 };
		CHECK(drac_store_apply(store, ops, n, NOW, NULL) == 0);
	}
	drac_store_close(store);
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(((const struct known *)a)->text,
	    ((const struct known *)b)->text);
}

/* The network of addr that a key of addr may reach. */
static struct drac_net
reach_of(const struct drac_addr *a)
{
	unsigned char wide = a->len == 4 ? opts.cover.bits4 : opts.cover.bits6;
	struct drac_cover cover = { .bits4 = wide,
		.bits6 = wide != 0 && wide < 64 ? wide : 64 };

	return drac_cover_of(&cover, a);
}

static void
take_key(const DBT *key)
{
	struct known *is = &known[keys];
	size_t length = key->size;
	struct drac_addr a;
	bool second;

	CHECK(keys < KEYS_MAX && length < sizeof(is->text));
	memcpy(is->text, key->data, length);
	is->text[length] = '\0'; /* Postfix looks with and without a NUL */
	if (drac_key_read(key->data, length, &a, &second) == -1)
		CHECK_ROW(drac_key_read_net(key->data, length, opts.key_style,
			      &opts.cover, &a) == 1,
		    is->text);
	is->reach = reach_of(&a);
	keys++;
}

static void
read_keys(void)
{
	DBT key = { .data = NULL }, value = { .data = NULL };
	DBC *cursor = NULL;
	DB *db = NULL;

	keys = 0;
	CHECK(db_create(&db, NULL, 0) == 0 &&
	      db->open(db, NULL, path, NULL, DB_BTREE, DB_RDONLY, 0) == 0 &&
	      db->cursor(db, NULL, &cursor, 0) == 0);
	while (
	    cursor != NULL && cursor->get(cursor, &key, &value, DB_NEXT) == 0)
		take_key(&key);
	if (cursor != NULL)
		(void)cursor->close(cursor);
	(void)db->close(db, 0);
	CHECK(keys >= logins);
	qsort(known, keys, sizeof(known[0]), by_text);
}

static const struct known *
find_key(const char *text)
{
	struct known want;

	snprintf(want.text, sizeof(want.text), "%s", text);
	return bsearch(&want, known, keys, sizeof(known[0]), by_text);
}

struct seen {
	unsigned asked;
	unsigned found;   /* by a key that may stand for it */
	unsigned outside; /* by one that may not */
	char example[160];
};

/*
 * With prefix4 = 8 a key is one number, which might be the first group of an
 * IPv6 address, too; but of those nobody has one, except behind NAT64.
 */
static bool
is_assigned(const struct drac_addr *a)
{
	return a->len == 4 || opts.cover.bits4 != 8 || a->octet[0] >= 0x20 ||
	       (a->octet[0] == 0 && a->octet[1] == 0x64);
}

/* smtpd_check.c: the text, then without what is behind the last separator. */
static void
ask(const struct drac_addr *a, struct seen *seen)
{
	char whole[DRAC_ADDR_TEXT], text[DRAC_ADDR_TEXT], *end;
	const struct known *key;

	drac_addr_text(a, whole);
	memcpy(text, whole, sizeof(text));
	seen->asked++;
	do {
		key = find_key(text);
		if (key != NULL && drac_net_has(&key->reach, a))
			seen->found++;
		else if (key != NULL && is_assigned(a) && seen->outside++ == 0)
			snprintf(seen->example, sizeof(seen->example),
			    "%s finds %s", whole, key->text);
		end = strrchr(text,
		    strchr(text, ':') != NULL || a->len == 16 ? ':' : '.');
		if (end != NULL)
			*end = '\0';
	} while (key == NULL && end != NULL);
}

/* One that logged in with some groups or octets changed, often to zero. */
static struct drac_addr
somebody(void)
{
	struct drac_addr a = login[(unsigned)rand() % logins];
	unsigned changes = (unsigned)rand() % 5;

	for (unsigned i = 0; i < changes; i++) {
		unsigned at = (unsigned)rand() % a.len;

		a.octet[at] =
		    (unsigned char)(rand() % 2 == 0 ? rand() % 3 : rand());
		if (rand() % 2 == 0)
			a.octet[at & ~1u] = 0;
	}
	if (rand() % 8 == 0)
		for (unsigned i = 0; i < a.len; i++)
			a.octet[i] = (unsigned char)rand();
	return a;
}

/* What a key becomes with more groups behind it, if that is an address. */
static void
ask_extended(const struct known *key, struct seen *seen)
{
	static const char *const more[] = { ":1", ":0", ":ffff", ":1:2",
		":1:2:3", ":1:2:3:4", ":1:2:3:4:5", ":1:2:3:4:5:6", ":0:5",
		":5:0", ":1::2", "::1", "::", ":a:0:0:b", ":192.0.2.7", ".1",
		".1.2" };
	char text[DRAC_KEY_TEXT + 32];
	struct drac_addr a;

	for (size_t i = 0; i < COUNT(more); i++) {
		snprintf(text, sizeof(text), "%.63s%s", key->text, more[i]);
		if (drac_addr_parse(text, &a) == 0)
			ask(&a, seen);
	}
}

static struct seen
ask_many(unsigned count)
{
	struct seen seen = { 0 };
	struct drac_addr nat64;

	for (size_t i = 0; i < logins; i++)
		ask(&login[i], &seen);
	for (size_t i = 0; i < keys; i++)
		ask_extended(&known[i], &seen);
	CHECK(drac_addr_parse("64:ff9b::192.0.2.7", &nat64) == 0);
	ask(&nat64, &seen);
	for (unsigned i = 0; i < count; i++) {
		struct drac_addr a = somebody();

		ask(&a, &seen);
	}
	return seen;
}

static struct seen
try(enum drac_key_style style, unsigned readers, struct drac_cover cover,
    unsigned count)
{
	srand(900101);
	opts = options();
	opts.key_style = style;
	opts.readers = readers;
	opts.cover = cover;
	make_logins();
	log_in();
	read_keys();
	return ask_many(count);
}

#define ALL (DRAC_READER_POSTFIX | DRAC_READER_SENDMAIL | DRAC_READER_EXIM)

static void
a_million_addresses_find_no_key_of_another_network(void)
{
	struct seen seen =
	    try(DRAC_KEY_PLAIN, ALL, (struct drac_cover){ 0 }, 1000000);

	CHECK_ROW(seen.outside == 0, seen.example);
	CHECK(seen.asked > 1000000);
	CHECK(seen.found > 100000);
}

static void
no_style_and_no_prefix_opens_another_network(void)
{
	static const struct {
		enum drac_key_style style;
		struct drac_cover cover;
	} rows[] = {
		{ DRAC_KEY_NUL, { 0 } },
		{ DRAC_KEY_BOTH, { 0 } },
		{ DRAC_KEY_CIDR, { 0 } },
		{ DRAC_KEY_SENDMAIL, { 0 } },
		{ DRAC_KEY_PLAIN, { 24, 64, NULL } },
		{ DRAC_KEY_PLAIN, { 16, 48, NULL } },
		{ DRAC_KEY_NUL, { 8, 32, NULL } },
		{ DRAC_KEY_BOTH, { 25, 56, NULL } },
		{ DRAC_KEY_PLAIN, { 31, 80, NULL } },
		{ DRAC_KEY_PLAIN, { 32, 112, NULL } },
		{ DRAC_KEY_CIDR, { 24, 64, NULL } },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct seen seen =
		    try(rows[i].style, ALL, rows[i].cover, 40000);

		CHECK_ROW(seen.outside == 0, seen.example);
	}
}

/* Could this test fail? It does for keys that are not written for Postfix. */
static void
plain_keys_would_open_other_networks(void)
{
	struct seen seen =
	    try(DRAC_KEY_PLAIN, DRAC_READER_SENDMAIL | DRAC_READER_EXIM,
		(struct drac_cover){ 0 }, 100000);

	CHECK(seen.outside > 100);
}

static void
each_login_has_one_key(void)
{
	unsigned exact = 0, suffixed = 0;

	(void)try(DRAC_KEY_PLAIN, ALL, (struct drac_cover){ 0 }, 0);
	for (size_t i = 0; i < logins; i++) {
		char text[DRAC_KEY_TEXT];

		drac_addr_text(&login[i], text);
		if (find_key(text) != NULL) {
			exact++;
			CHECK_ROW(!drac_key_begins_others(&login[i]), text);
			continue;
		}
		CHECK_ROW(drac_key_begins_others(&login[i]), text);
		strcat(text, "/128");
		CHECK_ROW(find_key(text) != NULL, text);
		suffixed++;
	}
	CHECK(exact > 256 && suffixed > 256);
}

int
main(void)
{
	begin();
	RUN(a_million_addresses_find_no_key_of_another_network);
	RUN(no_style_and_no_prefix_opens_another_network);
	RUN(plain_keys_would_open_other_networks);
	RUN(each_login_has_one_key);
	end();
	return TEST_RESULT();
}
