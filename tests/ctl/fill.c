/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * fill MAP   set `ADDRESS EXPIRY` lines from stdin in a map that exists:
 * many entries quickly, and instants in the past, so that no test waits.
 */

#include <inttypes.h>
#include <stdio.h>

#include "addr.h"
#include "store.h"

static int
set_lines(struct drac_store *store, struct drac_why *why)
{
	char text[DRAC_ADDR_TEXT];
	struct drac_addr addr;
	intmax_t expiry;

	while (scanf("%45s %jd", text, &expiry) == 2) {
		if (drac_addr_parse(text, &addr) == -1) {
			drac_why_set(why, "not an address: %s", text);
			return -1;
		}
		if (drac_store_set(store, &addr, expiry, why) == -1)
			return -1;
	}
	return 0;
}

int
main(int argc, char **argv)
{
	struct drac_store_opts opts = { .mode = 0644, .timeout_ms = 10000 };
	struct drac_store *store = NULL;
	struct drac_why why = { "" };
	int result;

	if (argc != 2)
		return 2;
	opts.path = argv[1];
	result = drac_store_open(&opts, &store, &why);
	if (result == 0)
		result = set_lines(store, &why);
	if (result == -1)
		fprintf(stderr, "fill: %s\n", why.text);
	drac_store_close(store);
	return result == 0 ? 0 : 1;
}
