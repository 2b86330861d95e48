/* SPDX-License-Identifier: BSD-2-Clause */

/* The spelling of keys and values; see key.h. */

#include "key.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define TAG     "ipv6:"
#define TAG_LEN (sizeof(TAG) - 1)

/*
 * sendmail's {client_addr} without UseCompressedIPv6Addresses, folded to
 * lower case as its maps do: eight groups, no leading zeros, no "::".
 */
static void
spell_sendmail(const struct drac_addr *addr, struct drac_text *key)
{
	const unsigned char *o = addr->octet;
	int length = snprintf(key->text, sizeof(key->text), "%s", TAG);

	for (unsigned i = 0; i < 16; i += 2)
		length += snprintf(key->text + length,
		    sizeof(key->text) - (size_t)length, "%s%x",
		    i == 0 ? "" : ":", (unsigned)(o[i] << 8 | o[i + 1]));
	key->length = (size_t)length;
}

/* Digits and a NUL, as printf(3) would do it, but many times a second. */
static size_t
spell_number(uint64_t number, char *text)
{
	char digits[20];
	size_t count = 0;
	size_t length = 0;

	do {
		digits[count++] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	while (count > 0)
		text[length++] = digits[--count];
	text[length] = '\0';
	return length;
}

static size_t
spell_plain(const struct drac_addr *addr, char text[DRAC_KEY_TEXT])
{
	size_t length = 0;

	if (addr->len != 4) {
		drac_addr_text(addr, text);
		return strlen(text);
	}
	for (unsigned i = 0; i < 4; i++) {
		if (i > 0)
			text[length++] = '.';
		length += spell_number(addr->octet[i], text + length);
	}
	return length;
}

/* An IPv6 text with groups behind `::' and fewer than four before it. */
static bool
text_begins_others(const char *text, size_t length)
{
	unsigned before = 1;

	for (size_t i = 0; i + 2 < length; i++) {
		if (text[i] != ':')
			continue;
		if (text[i + 1] == ':')
			return (i == 0 ? 0 : before) < 4;
		before++;
	}
	return false;
}

bool
drac_key_begins_others(const struct drac_addr *addr)
{
	char text[DRAC_ADDR_TEXT];

	if (addr->len == 4)
		return false;
	drac_addr_text(addr, text);
	return text_begins_others(text, strlen(text));
}

/* The key of a style that is neither cidr nor the sendmail form. */
static void
spell_exact(const struct drac_addr *addr, enum drac_key_style style,
    bool with_suffix, struct drac_text *key)
{
	key->length = spell_plain(addr, key->text);
	if (with_suffix)
		key->length += (size_t)snprintf(key->text + key->length,
		    sizeof("/128"), "%s", addr->len == 4 ? "/32" : "/128");
	if (style == DRAC_KEY_NUL)
		key->length++;
}

unsigned
drac_key_spell(const struct drac_addr *addr, enum drac_key_style style,
    unsigned readers, struct drac_text key[2])
{
	if (style == DRAC_KEY_SENDMAIL && addr->len == 16) {
		spell_sendmail(addr, &key[0]);
		return 1;
	}
	spell_exact(addr, style,
	    style == DRAC_KEY_CIDR || ((readers & DRAC_READER_POSTFIX) != 0 &&
					  drac_key_begins_others(addr)),
	    &key[0]);
	if (style != DRAC_KEY_BOTH || addr->len == 4)
		return 1;
	spell_sendmail(addr, &key[1]);
	return 2;
}

unsigned
drac_key_spell_other(const struct drac_addr *addr, enum drac_key_style style,
    unsigned readers, struct drac_text *key)
{
	if (style == DRAC_KEY_CIDR || style == DRAC_KEY_SENDMAIL ||
	    !drac_key_begins_others(addr))
		return 0;
	spell_exact(addr, style, (readers & DRAC_READER_POSTFIX) == 0, key);
	return 1;
}

unsigned
drac_key_spell_all(const struct drac_addr *addr,
    struct drac_text key[DRAC_KEY_SPELLINGS])
{
	spell_exact(addr, DRAC_KEY_PLAIN, false, &key[0]);
	spell_exact(addr, DRAC_KEY_NUL, false, &key[1]);
	spell_exact(addr, DRAC_KEY_PLAIN, true, &key[2]);
	spell_exact(addr, DRAC_KEY_NUL, true, &key[3]);
	if (addr->len == 4)
		return 4;
	spell_sendmail(addr, &key[4]);
	return 5;
}

void
drac_value_spell(time_t expiry, enum drac_key_style style,
    struct drac_text *value)
{
	value->length =
	    spell_number(expiry < 0 ? 0 : (uint64_t)expiry, value->text);
	if (style == DRAC_KEY_NUL)
		value->length++;
}

int
drac_key_read(const void *key, size_t length, struct drac_addr *addr,
    bool *sendmail_form)
{
	char text[DRAC_KEY_TEXT];
	char *at = text;
	char *slash;

	if (length == 0 || length >= sizeof(text)) {
		errno = EINVAL;
		return -1;
	}
	memcpy(text, key, length);
	text[length] = '\0';
	if (strlen(text) + 1 < length) {
		errno = EINVAL;
		return -1;
	}
	*sendmail_form = strncmp(text, TAG, TAG_LEN) == 0;
	if (*sendmail_form)
		at += TAG_LEN;
	slash = strchr(at, '/');
	if (slash != NULL)
		*slash = '\0';
	if (drac_addr_parse(at, addr) == -1)
		return -1;
	if (slash != NULL &&
	    strcmp(slash + 1, addr->len == 4 ? "32" : "128") != 0) {
		errno = EINVAL;
		return -1;
	}
	return 0;
}

/* By its characters alone: a sweep asks this of every key. */
static enum drac_key_fault
look_at(const char *key, size_t length, enum drac_key_style style,
    unsigned readers)
{
	bool nul = length > 0 && key[length - 1] == '\0';
	const char *slash;
	bool six, wanted;

	if (nul != (style == DRAC_KEY_NUL))
		return nul ? DRAC_KEY_HAS_NUL : DRAC_KEY_HAS_NO_NUL;
	length -= nul;
	if (length > TAG_LEN && memcmp(key, TAG, TAG_LEN) == 0)
		return style == DRAC_KEY_SENDMAIL || style == DRAC_KEY_BOTH
			   ? DRAC_KEY_FITS
			   : DRAC_KEY_IS_SENDMAIL;
	six = memchr(key, ':', length) != NULL;
	if (six && style == DRAC_KEY_SENDMAIL)
		return DRAC_KEY_IS_NOT_SENDMAIL;
	slash = memchr(key, '/', length);
	wanted = style == DRAC_KEY_CIDR ||
		 (six && (readers & DRAC_READER_POSTFIX) != 0 &&
		     text_begins_others(key,
			 slash != NULL ? (size_t)(slash - key) : length));
	if (wanted == (slash != NULL))
		return DRAC_KEY_FITS;
	return wanted ? DRAC_KEY_HAS_NO_SUFFIX : DRAC_KEY_HAS_SUFFIX;
}

enum drac_key_fault
drac_key_fault(const void *key, size_t length, enum drac_key_style style,
    unsigned readers)
{
	enum drac_key_fault fault = look_at(key, length, style, readers);
	struct drac_addr addr;
	bool second;

	if (fault != DRAC_KEY_FITS &&
	    drac_key_read(key, length, &addr, &second) == -1)
		return DRAC_KEY_FITS;
	return fault;
}

void
drac_key_converted_text(uint64_t count, unsigned faults,
    char text[DRAC_KEY_CONVERTED_TEXT])
{
	static const char *const texts[DRAC_KEY_FAULTS] = {
		[DRAC_KEY_HAS_NUL] = "keys with NUL",
		[DRAC_KEY_HAS_NO_NUL] = "keys without NUL",
		[DRAC_KEY_HAS_SUFFIX] = "keys with /32 or /128",
		[DRAC_KEY_HAS_NO_SUFFIX] = "keys without /32 or /128",
		[DRAC_KEY_IS_SENDMAIL] = "keys in sendmail's form",
		[DRAC_KEY_IS_NOT_SENDMAIL] = "keys not in sendmail's form",
	};
	const char *between = ": ";
	int used = snprintf(text, DRAC_KEY_CONVERTED_TEXT,
	    "converted %" PRIu64 " entries", count);

	for (unsigned i = DRAC_KEY_FITS + 1; i < DRAC_KEY_FAULTS; i++)
		if ((faults & 1u << i) != 0) {
			used += snprintf(text + used,
			    DRAC_KEY_CONVERTED_TEXT - (size_t)used, "%s%s",
			    between, texts[i]);
			between = ", ";
		}
}

int
drac_value_read(const void *value, size_t length, time_t *expiry)
{
	const char *text = value;
	int64_t seconds = 0;

	if (length > 0 && text[length - 1] == '\0')
		length--;
	if (length == 0 || length > 18) {
		errno = EINVAL;
		return -1;
	}
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9') {
			errno = EINVAL;
			return -1;
		}
		seconds = seconds * 10 + (text[i] - '0');
	}
	*expiry = (time_t)seconds;
	return 0;
}

/* Networks. */

#define GROUPS 8u

static unsigned
group(const struct drac_addr *addr, unsigned i)
{
	return (unsigned)addr->octet[2 * i] << 8 | addr->octet[2 * i + 1];
}

static size_t
spell_octets(const struct drac_net *net, char text[DRAC_KEY_TEXT])
{
	size_t length = 0;

	for (unsigned i = 0; i < net->bits / 8u; i++) {
		if (i > 0)
			text[length++] = '.';
		length += spell_number(net->addr.octet[i], text + length);
	}
	return length;
}

/* The first count groups, each in full. */
static size_t
spell_groups(const struct drac_net *net, unsigned count,
    char text[DRAC_KEY_TEXT])
{
	size_t length = 0;

	for (unsigned i = 0; i < count; i++)
		length +=
		    (size_t)snprintf(text + length, DRAC_KEY_TEXT - length,
			"%s%x", i == 0 ? "" : ":", group(&net->addr, i));
	return length;
}

/* Two groups of 0 side by side among the first count become `::' somewhere. */
static bool
has_zeros(const struct drac_net *net, unsigned count)
{
	for (unsigned i = 1; i < count; i++)
		if (group(&net->addr, i - 1) == 0 && group(&net->addr, i) == 0)
			return true;
	return false;
}

/*
 * With its last one or two groups 0 an address may have its `::' from there
 * on, and nothing but an address of this network has it there: the text of
 * one has two groups of 0 at least behind it. With three, an address whose
 * third group is another one might.
 */
static unsigned
spell_wide6(const struct drac_net *net, struct drac_text key[2])
{
	unsigned count = net->bits / 16u, zeros = 0;

	while (zeros < count && group(&net->addr, count - 1 - zeros) == 0)
		zeros++;
	if (zeros > 2 || zeros == count || has_zeros(net, count - zeros))
		return 0;
	key[0].length = spell_groups(net, count, key[0].text);
	if (zeros == 0)
		return 1;
	key[1].length = spell_groups(net, count - zeros, key[1].text);
	key[1].text[key[1].length++] = ':';
	return 2;
}

static unsigned
spell_cidr(const struct drac_net *net, struct drac_text *key)
{
	drac_addr_text(&net->addr, key->text);
	key->length = strlen(key->text);
	key->length += (size_t)snprintf(key->text + key->length, sizeof("/128"),
	    "/%u", net->bits);
	return 1;
}

unsigned
drac_key_spell_net(const struct drac_net *net, enum drac_key_style style,
    struct drac_text key[2])
{
	unsigned unit = net->addr.len == 4 ? 8 : 16, keys = 1;

	if (!drac_net_is_wide(net))
		return 0;
	if (style == DRAC_KEY_CIDR)
		return spell_cidr(net, key);
	if (net->bits < unit || net->bits % unit != 0)
		return 0;
	/* 64 is also what is left of an address of NAT64, 64:ff9b::/96. */
	if (net->addr.len == 4 && net->bits == 8 && net->addr.octet[0] == 64)
		return 0;
	if (net->addr.len == 4)
		key[0].length = spell_octets(net, key[0].text);
	else
		keys = spell_wide6(net, key);
	for (unsigned i = 0; i < keys; i++) {
		key[i].text[key[i].length] = '\0';
		key[i].length += style == DRAC_KEY_NUL;
	}
	return keys;
}

/* The first address of the network that such a key is about. */
static bool
read_net(char *text, struct drac_addr *addr)
{
	char whole[DRAC_KEY_TEXT + sizeof(".0.0.0")];
	char *slash = strchr(text, '/');
	const char *rest = "";
	size_t length, dots = 0;

	if (slash != NULL)
		*slash = '\0';
	length = strlen(text);
	for (size_t i = 0; i < length; i++)
		dots += text[i] == '.';
	if (slash == NULL && strchr(text, ':') != NULL)
		rest = text[length - 1] == ':' ? ":" : "::";
	else if (slash == NULL && dots < 3)
		rest = &".0.0.0"[2 * dots];
	(void)snprintf(whole, sizeof(whole), "%s%s", text, rest);
	return drac_addr_parse(whole, addr) == 0;
}

int
drac_key_read_net(const void *key, size_t length, enum drac_key_style style,
    const struct drac_cover *cover, struct drac_addr *addr)
{
	char text[DRAC_KEY_TEXT] = "";
	struct drac_text ours[2];
	struct drac_net net;
	unsigned keys;
	bool second;

	if (length >= sizeof(text) ||
	    drac_key_read(key, length, addr, &second) == 0)
		return 0;
	memcpy(text, key, length);
	if (!read_net(text, addr))
		return 0;
	net = drac_cover_most(cover, addr);
	keys = drac_key_spell_net(&net, style, ours);
	for (unsigned i = 0; i < keys; i++)
		if (ours[i].length == length &&
		    memcmp(ours[i].text, key, length) == 0)
			return 1;
	return -1;
}
