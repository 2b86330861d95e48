/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Lists of networks: which addresses are never recorded, which hosts may
 * ask. A list owns its memory; zero-initialised it is empty.
 */
#ifndef DRAC_ALLOW_H
#define DRAC_ALLOW_H

#include <stddef.h>

#include "addr.h"

struct drac_nets {
	struct drac_net *net;
	size_t count;
};

/* Append a copy; -1 with ENOMEM leaves the list as it was. */
int drac_nets_add(struct drac_nets *nets, const struct drac_net *net);

/* The first network that holds addr, or NULL. Valid until the list changes. */
const struct drac_net *drac_nets_find(const struct drac_nets *nets,
    const struct drac_addr *addr);

/* Release what the list owns and make it empty. */
void drac_nets_free(struct drac_nets *nets);

#endif
