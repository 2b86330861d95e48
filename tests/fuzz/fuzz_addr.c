/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * libFuzzer: any text as an address and as a network. What is taken must
 * survive its own text, be folded, and lie in its own network.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool condition)
{
	if (!condition)
		abort();
}

static void
try_address(const char *text)
{
	struct drac_addr addr, again;
	char canonical[DRAC_ADDR_TEXT];

	if (drac_addr_parse(text, &addr) == -1)
		return;
	must(addr.len == 4 || addr.len == 16);
	drac_addr_text(&addr, canonical);
	must(strncmp(canonical, "::ffff:", 7) != 0 ||
	     strchr(canonical, '.') == NULL);
	must(drac_addr_parse(canonical, &again) == 0);
	must(memcmp(&addr, &again, sizeof addr) == 0);
	must(drac_scope_word(drac_addr_scope(&addr)) != NULL);
}

static void
try_net(const char *text)
{
	struct drac_net net;
	struct drac_addr addr;

	if (drac_net_parse(text, &net) == -1)
		return;
	must(net.bits <= net.addr.len * 8);
	must(drac_net_has(&net, &net.addr));
	if (strchr(text, '/') == NULL)
		must(drac_addr_parse(text, &addr) == 0 &&
		     drac_addr_equal(&addr, &net.addr));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct drac_addr addr;

	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	try_address(text);
	try_net(text);
	(void)drac_addr_from_sockaddr((const void *)text, (socklen_t)size,
	    &addr);
	free(text);
	return 0;
}
