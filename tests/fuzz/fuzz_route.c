/* SPDX-License-Identifier: BSD-2-Clause */

/* Whatever a netlink socket hands us for an answer about a route. */

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool condition)
{
	if (!condition)
		abort();
}

static void
try(const uint8_t *data, size_t size, uint32_t port)
{
	struct drac_route_answer answer;

	errno = 0;
	if (drac_route_read(data, size, port, &answer) == -1) {
		must(errno > 0);
		return;
	}
	must(answer.len == 4 || answer.len == 16);
	must(answer.gateways.count <= DRAC_ROUTE_GATEWAYS);
	for (size_t i = 0; i < answer.gateways.count; i++)
		must(answer.gateways.addr[i].len == answer.len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size + 1); /* of its own, for the sanitizer */
	uint32_t port = 0, length = (uint32_t)size;
	uint16_t type = 24; /* RTM_NEWROUTE */

	if (copy == NULL)
		return 0;
	if (size > 0)
		memcpy(copy, data, size);
	if (size >= 16)
		memcpy(&port, copy + 12, sizeof(port));
	try(copy, size, port);
	if (size >= 16) {
		/* As far as the attributes, too. */
		memcpy(copy, &length, sizeof(length));
		memcpy(copy + 4, &type, sizeof(type));
		if (size > 16)
			copy[16] = copy[16] % 2 == 0 ? 2 : 10;
		try(copy, size, port);
	}
	free(copy);
	return 0;
}
