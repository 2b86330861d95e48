/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * fill MAP [NOW]   set `ADDRESS EXPIRY` lines from stdin in a map that
 * exists: many entries quickly, and instants in the past, so that no test
 * waits. With NOW they are logins at that instant, whatever the clock says.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "addr.h"
#include "store.h"

/* now 0: none is a login. */
static int
set_lines(struct drac_store *store, time_t now, struct drac_why *why)
{
	char text[DRAC_ADDR_TEXT];
	struct drac_addr addr;
	intmax_t expiry;

	while (scanf("%45s %jd", text, &expiry) == 2) {
		if (drac_addr_parse(text, &addr) == -1) {
			drac_why_set(why, "not an address: %s", text);
			return -1;
		}
		if ((now == 0 ? drac_store_set(store, &addr, expiry, why)
			      : drac_store_add(store, &addr, now, expiry, 0,
				    NULL, why)) == -1)
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

	if (argc < 2 || argc > 3)
		return 2;
	opts.path = argv[1];
	result = drac_store_open(&opts, &store, &why);
	if (result == 0)
		result = set_lines(store, argc == 3 ? atoll(argv[2]) : 0, &why);
	if (result == -1)
		fprintf(stderr, "fill: %s\n", why.text);
	drac_store_close(store);
	return result == 0 ? 0 : 1;
}
