/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * libFuzzer: any text as the list of closed addresses, which a login of root
 * reads where the daemon's user wrote it. What is taken are networks with a
 * time, which can be found again; a refusal has a sentence and leaves nothing.
 * Also behind a good beginning.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "closed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool condition)
{
	if (!condition)
		abort();
}

static void
try_list(const char *text, size_t size)
{
	struct drac_closed closed;
	struct drac_why why = { "" };

	errno = 0;
	if (drac_closed_parse(&closed, text, size, &why) == -1) {
		must(errno == EINVAL && why.text[0] != '\0');
		must(closed.count == 0 && closed.at == NULL);
		return;
	}
	must(closed.count <= DRAC_CLOSED_MAX);
	for (size_t i = 0; i < closed.count; i++) {
		const struct drac_closing *closing = &closed.at[i];
		char until[DRAC_CLOSED_UNTIL], net[DRAC_CLOSED_NET];
		struct drac_net again;

		must(closing->until >= 0);
		drac_closed_until_text(closing->until, 0, until);
		must(until[strlen(until) - 1] == 'Z');
		drac_closed_net_text(&closing->net, net);
		must(drac_net_parse(net, &again) == 0);
		must(memcmp(&again, &closing->net, sizeof again) == 0);
		if (closing->until > 5)
			must(drac_closed_find(&closed, &closing->net, 5) !=
			     NULL);
	}
	(void)drac_closed_prune(&closed, 1000);
	for (size_t i = 0; i < closed.count; i++)
		must(closed.at[i].until > 1000);
	drac_closed_free(&closed);
}

/* Behind a good beginning. */
static void
try_behind(const char *head, const uint8_t *data, size_t size)
{
	size_t length = strlen(head);
	char *text = malloc(length + size + 1);

	if (text == NULL)
		return;
	memcpy(text, head, length);
	if (size > 0)
		memcpy(text + length, data, size);
	try_list(text, length + size);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_behind("", data, size);
	try_behind("drac closed 1 1\n", data, size);
	try_behind("drac closed 1 2\n192.0.2.7/32 900\n", data, size);
	try_behind("drac closed 1 1\n2001:db8::7/128 ", data, size);
	return 0;
}
