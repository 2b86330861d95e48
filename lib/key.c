/* SPDX-License-Identifier: BSD-2-Clause */

/* The spelling of keys and values; see key.h. */

#include "key.h"

#include <errno.h>
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

unsigned
drac_key_spell(const struct drac_addr *addr, enum drac_key_style style,
    struct drac_text key[2])
{
	if (style == DRAC_KEY_SENDMAIL && addr->len == 16) {
		spell_sendmail(addr, &key[0]);
		return 1;
	}
	key[0].length = spell_plain(addr, key[0].text);
	if (style == DRAC_KEY_CIDR)
		key[0].length += (size_t)snprintf(key[0].text + key[0].length,
		    sizeof("/128"), "%s", addr->len == 4 ? "/32" : "/128");
	if (style == DRAC_KEY_NUL)
		key[0].length++;
	if (style != DRAC_KEY_BOTH || addr->len == 4)
		return 1;
	spell_sendmail(addr, &key[1]);
	return 2;
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
