/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What a login opens: its address alone, or with prefix4 and prefix6 of
 * drac.conf(5) the network that the address is in.
 */
#ifndef DRAC_COVER_H
#define DRAC_COVER_H

#include <stdbool.h>

#include "addr.h"
#include "allow.h"

/* All zero: addresses alone. */
struct drac_cover {
	unsigned char bits4;             /* of an IPv4 address; 0: all 32 */
	unsigned char bits6;             /* 0: all 128 */
	const struct drac_nets *exclude; /* borrowed; NULL: none */
};

/*
 * The network that addr opens. One that has an excluded address in it is
 * not opened: then, as without a prefix, it is addr with all its bits.
 */
struct drac_net drac_cover_of(const struct drac_cover *cover,
    const struct drac_addr *addr);

/* The same, whatever is excluded: what it may have been before. */
struct drac_net drac_cover_most(const struct drac_cover *cover,
    const struct drac_addr *addr);

/* More than one address? */
bool drac_net_is_wide(const struct drac_net *net);

#endif
