/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * libFuzzer: any text as an allow file. What is taken is a network without
 * a host bit set, after what was in the list; a refusal has a sentence,
 * each sentence is printable, and the list is as it was.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool condition)
{
	if (!condition)
		abort();
}

static void
see_warning(const char *text, void *arg)
{
	(void)arg;
	must(*text != '\0');
	for (; *text != '\0'; text++)
		must(*text >= ' ' && *text <= '~');
}

static void
count_error(const char *text, void *arg)
{
	unsigned *errors = arg;

	see_warning(text, NULL);
	(*errors)++;
}

/* Its own text is read as the same again, which host bits would prevent. */
static void
must_be_network(const struct drac_net *net)
{
	char addr[DRAC_ADDR_TEXT], text[DRAC_ADDR_TEXT + 4];
	struct drac_net again;

	must(net->bits <= net->addr.len * 8);
	drac_addr_text(&net->addr, addr);
	snprintf(text, sizeof text, "%s/%d", addr, net->bits);
	must(drac_net_parse(text, &again) == 0);
	must(memcmp(net, &again, sizeof again) == 0);
}

static void
try_file(struct drac_nets *nets, char *text, size_t size)
{
	size_t before = nets->count;
	unsigned errors = 0;
	struct drac_allow_report report = { count_error, see_warning, &errors };

	if (drac_allow_parse(nets, "f", text, size, &report) == -1)
		must(errors > 0 && errno == EINVAL && nets->count == before);
	else
		must(errors == 0);
	for (size_t i = 0; i < nets->count; i++)
		must_be_network(&nets->net[i]);
}

/* Twice, so that a list is appended to as well. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct drac_nets nets = { 0 };

	for (int i = 0; i < 2; i++) {
		char *text = malloc(size + 1);

		if (text == NULL)
			break;
		memcpy(text, data, size);
		try_file(&nets, text, size);
		free(text);
	}
	drac_nets_free(&nets);
	return 0;
}
