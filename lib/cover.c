/* SPDX-License-Identifier: BSD-2-Clause */

/* From an address to what it opens; see cover.h. */

#include "cover.h"

#include <stddef.h>

static unsigned
full(const struct drac_addr *addr)
{
	return addr->len * 8u;
}

static struct drac_net
alone(const struct drac_addr *addr)
{
	return (struct drac_net){ .addr = *addr,
		.bits = (unsigned char)full(addr) };
}

static void
clear_behind(struct drac_addr *addr, unsigned bits)
{
	for (unsigned i = 0; i < addr->len; i++) {
		unsigned kept = bits > i * 8 ? bits - i * 8 : 0;

		if (kept < 8)
			addr->octet[i] &= (unsigned char)(0xff00u >> kept);
	}
}

static bool
overlap(const struct drac_net *a, const struct drac_net *b)
{
	return a->bits < b->bits ? drac_net_has(a, &b->addr)
				 : drac_net_has(b, &a->addr);
}

struct drac_net
drac_cover_most(const struct drac_cover *cover, const struct drac_addr *addr)
{
	unsigned bits = addr->len == 4 ? cover->bits4 : cover->bits6;
	struct drac_net net = alone(addr);

	if (bits == 0 || bits >= net.bits)
		return net;
	net.bits = (unsigned char)bits;
	clear_behind(&net.addr, bits);
	return net;
}

struct drac_net
drac_cover_of(const struct drac_cover *cover, const struct drac_addr *addr)
{
	struct drac_net net = drac_cover_most(cover, addr);
	const struct drac_nets *exclude = cover->exclude;

	if (exclude == NULL || !drac_net_is_wide(&net))
		return net;
	for (size_t i = 0; i < exclude->count; i++)
		if (overlap(&net, &exclude->net[i]))
			return alone(addr);
	return net;
}

bool
drac_net_is_wide(const struct drac_net *net)
{
	return net->bits < full(&net->addr);
}
