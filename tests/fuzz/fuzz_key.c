/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * libFuzzer: any octets as a key and as a value of a foreign map. What is
 * taken as an address must be spelled again in each style and read back as
 * the same; what is taken as an instant likewise. The keys of its network
 * are known as such.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool condition)
{
	if (!condition)
		abort();
}

static void
try_style(const struct drac_addr *addr, enum drac_key_style style,
    unsigned readers)
{
	struct drac_text key[2];
	struct drac_addr again;
	unsigned keys = drac_key_spell(addr, style, readers, key);
	bool second;

	must(keys == 1 || (keys == 2 && style == DRAC_KEY_BOTH));
	for (unsigned i = 0; i < keys; i++) {
		must(key[i].length > 0 && key[i].length < DRAC_KEY_TEXT);
		must(drac_key_read(key[i].text, key[i].length, &again,
			 &second) == 0);
		must(drac_addr_equal(addr, &again));
		must(second == (i == 1 || (style == DRAC_KEY_SENDMAIL &&
					      addr->len == 16)));
		must(drac_key_fault(key[i].text, key[i].length, style,
			 readers) == DRAC_KEY_FITS);
	}
	if (drac_key_spell_other(addr, style, readers, key) == 1)
		must(drac_key_fault(key[0].text, key[0].length, style,
			 readers) != DRAC_KEY_FITS);
}

static void
try_net(const struct drac_addr *addr, enum drac_key_style style,
    const struct drac_cover *cover)
{
	struct drac_net net = drac_cover_of(cover, addr);
	struct drac_text key[2];
	struct drac_addr first;
	unsigned keys = drac_key_spell_net(&net, style, key);

	must(drac_net_has(&net, addr) && keys <= 2);
	for (unsigned i = 0; i < keys; i++) {
		must(key[i].length > 0 && key[i].length < DRAC_KEY_TEXT);
		must(drac_key_read_net(key[i].text, key[i].length, style, cover,
			 &first) == 1);
		must(drac_net_has(&net, &first));
	}
}

static void
try_key(const void *data, size_t size)
{
	static const struct drac_cover cover = { 24, 64, NULL };
	struct drac_addr addr;
	bool second;

	(void)drac_key_read_net(data, size, DRAC_KEY_PLAIN, &cover, &addr);
	if (drac_key_read(data, size, &addr, &second) == -1)
		return;
	must(addr.len == 4 || addr.len == 16);
	for (int style = DRAC_KEY_PLAIN; style <= DRAC_KEY_BOTH; style++) {
		try_style(&addr, (enum drac_key_style)style, 0);
		try_style(&addr, (enum drac_key_style)style,
		    DRAC_READER_POSTFIX);
		try_net(&addr, (enum drac_key_style)style, &cover);
	}
}

static void
try_value(const void *data, size_t size)
{
	struct drac_text value;
	time_t expiry;
	time_t again;

	if (drac_value_read(data, size, &expiry) == -1)
		return;
	must(expiry >= 0);
	for (int style = DRAC_KEY_PLAIN; style <= DRAC_KEY_BOTH; style++) {
		drac_value_spell(expiry, (enum drac_key_style)style, &value);
		must(value.length < DRAC_VALUE_TEXT);
		must(drac_value_read(value.text, value.length, &again) == 0);
		must(expiry == again);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size + 1); /* of its own, for the sanitizer */

	if (copy == NULL)
		return 0;
	memcpy(copy, data, size);
	try_key(copy, size);
	try_value(copy, size);
	free(copy);
	return 0;
}
