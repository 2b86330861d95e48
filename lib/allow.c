/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Lists of networks, searched from the front: they are short, written by
 * hand, and the first match is the one that a log line names.
 */
#include "allow.h"

#include <stdlib.h>

/*
 * Room is doubled whenever count is a power of two, so the list needs no
 * field for its capacity: that is always the next power of two or more.
 */
static int
make_room(struct drac_nets *nets)
{
	size_t room = nets->count == 0 ? 1 : nets->count * 2;
	struct drac_net *net;

	if ((nets->count & (nets->count - 1)) != 0)
		return 0;
	net = reallocarray(nets->net, room, sizeof *net);
	if (net == NULL)
		return -1;
	nets->net = net;
	return 0;
}

int
drac_nets_add(struct drac_nets *nets, const struct drac_net *net)
{
	struct drac_net copy = *net;

	if (make_room(nets) == -1)
		return -1;
	nets->net[nets->count++] = copy;
	return 0;
}

const struct drac_net *
drac_nets_find(const struct drac_nets *nets, const struct drac_addr *addr)
{
	for (size_t i = 0; i < nets->count; i++) {
		if (drac_net_has(&nets->net[i], addr))
			return &nets->net[i];
	}
	return NULL;
}

void
drac_nets_free(struct drac_nets *nets)
{
	free(nets->net);
	nets->net = NULL;
	nets->count = 0;
}
