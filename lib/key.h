/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * How an address and its expiry are spelled in the map. DRAC of 1998 wrote
 * the address as text and the expiry as decimal seconds, both without a
 * trailing NUL; some mail servers need another spelling (drac.conf(5),
 * key_style).
 */
#ifndef DRAC_KEY_H
#define DRAC_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "addr.h"
#include "cover.h"

enum drac_key_style {
	DRAC_KEY_PLAIN,    /* 192.0.2.7, 2001:db8::7: Postfix, Exim, sendmail */
	DRAC_KEY_NUL,      /* the same, key and value with a trailing NUL */
	DRAC_KEY_CIDR,     /* 192.0.2.7/32, 2001:db8::7/128 */
	DRAC_KEY_SENDMAIL, /* IPv6 as ipv6:2001:db8:0:0:0:0:0:7 */
	DRAC_KEY_BOTH      /* IPv6 under the plain and the sendmail key */
};

/* The mail servers that read the map; bits of a set. */
enum drac_reader {
	DRAC_READER_POSTFIX = 1,
	DRAC_READER_SENDMAIL = 2,
	DRAC_READER_EXIM = 4
};

#define DRAC_KEY_TEXT   64
#define DRAC_VALUE_TEXT 24

struct drac_text {
	size_t length; /* octets, a trailing NUL of the style included */
	char text[DRAC_KEY_TEXT];
};

/* At most so many keys has an address, whatever the style. */
#define DRAC_KEY_SPELLINGS 5

/*
 * Postfix looks up the text of an address and then what is left of it when
 * the end is cut off, group by group (access(5)), so the plain key of
 * 2001:db8::1 would also authorise 2001:db8::1:2:3:4. True: the plain key of
 * addr may not be in a map that Postfix reads. It is true for each IPv6 text
 * that has groups behind `::' and fewer than four before it. With four
 * before it, the addresses that such a key authorises are in the same /64,
 * and a text that ends in `::', or has none, is the beginning of no other.
 */
bool drac_key_begins_others(const struct drac_addr *addr);

/*
 * The keys of addr: one, or two for DRAC_KEY_BOTH and IPv6. Where readers
 * has Postfix, an address that begins others is spelled 2001:db8::1/128 in
 * place of its plain key; no piece of an address ends in that.
 */
unsigned drac_key_spell(const struct drac_addr *addr, enum drac_key_style style,
    unsigned readers, struct drac_text key[2]);

/*
 * The key that takes the place of key[0] when Postfix joins or leaves the
 * readers: 1, or 0 where it does not depend on them.
 */
unsigned drac_key_spell_other(const struct drac_addr *addr,
    enum drac_key_style style, unsigned readers, struct drac_text *key);

/* The keys of addr in every style, for a map that had another one before. */
unsigned drac_key_spell_all(const struct drac_addr *addr,
    struct drac_text key[DRAC_KEY_SPELLINGS]);

/*
 * What is to be known of a key that drac_key_spell would not write: it is of
 * another style, or the readers were others.
 */
enum drac_key_fault {
	DRAC_KEY_FITS, /* as it is written now, or it is no address */
	DRAC_KEY_HAS_NUL,
	DRAC_KEY_HAS_NO_NUL,
	DRAC_KEY_HAS_SUFFIX, /* /32 or /128 */
	DRAC_KEY_HAS_NO_SUFFIX,
	DRAC_KEY_IS_SENDMAIL,
	DRAC_KEY_IS_NOT_SENDMAIL,
	DRAC_KEY_FAULTS
};
enum drac_key_fault drac_key_fault(const void *key, size_t length,
    enum drac_key_style style, unsigned readers);

/*
 * Keys that were spelled anew, and a bit for each fault of theirs, as the
 * end of a sentence: "converted 7 entries: keys with NUL".
 */
#define DRAC_KEY_CONVERTED_TEXT 240
void drac_key_converted_text(uint64_t count, unsigned faults,
    char text[DRAC_KEY_CONVERTED_TEXT]);

/*
 * The keys under which Postfix finds each address of a wide network, and no
 * other address: it strips the text of an address from its end, group by
 * group, and looks up what is left (access(5)). IPv4 wants whole octets in
 * the prefix (192.0.2), IPv6 whole groups (2001:db8:77:5), and where its last
 * groups are 0 a second key, for texts in which they are part of `::'
 * (2001:db8:77:). None, 0, for other prefixes and for those with more zeros
 * than can be told apart. With DRAC_KEY_CIDR: the network's own text.
 */
unsigned drac_key_spell_net(const struct drac_net *net,
    enum drac_key_style style, struct drac_text key[2]);

/*
 * Read a key as drac_key_spell_net makes them. 1: it is one of this cover's
 * networks, and *addr is in that; -1: it is another network's; 0: it is none.
 */
int drac_key_read_net(const void *key, size_t length, enum drac_key_style style,
    const struct drac_cover *cover, struct drac_addr *addr);

void drac_value_spell(time_t expiry, enum drac_key_style style,
    struct drac_text *value);

/* Read a key of any style; second: it is the sendmail form. -1 EINVAL. */
int drac_key_read(const void *key, size_t length, struct drac_addr *addr,
    bool *sendmail_form);

/* Digits with or without a trailing NUL; -1 EINVAL otherwise. */
int drac_value_read(const void *value, size_t length, time_t *expiry);

#endif
