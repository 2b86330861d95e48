/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * libFuzzer: any octets as requests of the lookup service, one after the
 * other. What a request is does not change when more of it is there, it
 * takes no octet that is not there, and each reply is one of its protocol.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lookup.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void
must(bool condition)
{
	if (!condition)
		abort();
}

/* In memory of that size, so that a read beyond it is seen. */
static int
read_part(const unsigned char *data, size_t len, struct drac_lookup *asked)
{
	char *copy = malloc(len + 1);
	int got;

	if (copy == NULL)
		abort();
	memcpy(copy + 1, data, len);
	got = drac_lookup_read(copy + 1, len, asked);
	free(copy);
	must(got == 0 || got == 1 || got == -1);
	return got;
}

/* A shorter part is the same, or not yet a request. */
static void
must_be_steady(const unsigned char *data, size_t len,
    const struct drac_lookup *all, int got)
{
	struct drac_lookup asked;
	int earlier = read_part(data, len, &asked);

	if (earlier == 0)
		return;
	must(earlier == got && asked.protocol == all->protocol);
	if (earlier == -1)
		return;
	must(asked.used == all->used && asked.addr.len == all->addr.len &&
	     memcmp(asked.addr.octet, all->addr.octet, asked.addr.len) == 0);
}

static void
must_reply(const struct drac_lookup *asked, enum drac_lookup_answer answer)
{
	const struct drac_lookup_said said = { .answer = answer,
		.expiry = 1732430000,
		.reason = asked->fault != NULL ? asked->fault : "trouble" };
	char text[DRAC_LOOKUP_REPLY_MAX];
	size_t len = drac_lookup_reply(asked->protocol, &said, text);

	must(len <= sizeof text);
	if (asked->protocol == DRAC_LOOKUP_POLICY)
		must(len == 0 || (len > 2 && memcmp(text, "action=", 7) == 0 &&
				     memcmp(text + len - 2, "\n\n", 2) == 0));
	else
		must(len > 0 &&
		     text[len - 1] ==
			 (asked->protocol == DRAC_LOOKUP_MAP ? ',' : '\n'));
}

static void
must_be_sound(const struct drac_lookup *asked, size_t len)
{
	must(asked->used > 0 && asked->used <= len);
	must(asked->used <= DRAC_LOOKUP_ASKED_MAX);
	must(asked->fault == NULL);
	must(asked->addr.len == 0 || asked->addr.len == 4 ||
	     asked->addr.len == 16);
	must_reply(asked, DRAC_LOOKUP_FOUND);
	must_reply(asked, DRAC_LOOKUP_NOTFOUND);
	must_reply(asked, DRAC_LOOKUP_TEMP);
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct drac_lookup asked;
	int got;

	while ((got = read_part(data, size, &asked)) == 1) {
		must_be_sound(&asked, size);
		must_be_steady(data, asked.used - 1, &asked, got);
		must_be_steady(data, asked.used / 2, &asked, got);
		must_be_steady(data, asked.used, &asked, got);
		data += asked.used;
		size -= asked.used;
	}
	if (got == -1) {
		must(asked.fault != NULL && asked.fault[0] != '\0');
		must_be_steady(data, size / 2, &asked, got);
		must_reply(&asked, DRAC_LOOKUP_PERM);
	}
	must(got != 0 || size < DRAC_LOOKUP_ASKED_MAX);
	return 0;
}
