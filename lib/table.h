/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Addresses and their expiries in memory, to be asked often: a slot has 8
 * octets for an IPv4 address and 20 for IPv6, and a quarter of the slots is
 * free, or more. No lock and no clock: what has expired is here until it is
 * removed.
 *
 * Addresses come from outside, so the hash is keyed: no set of addresses is
 * slow under more than a few keys. Growing and shrinking goes by parts of a
 * table, of which a change touches one: at a million entries some four
 * thousand of them.
 */
#ifndef DRAC_TABLE_H
#define DRAC_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "addr.h"

/* Random words that nobody else knows, to be had from getrandom(2). */
struct drac_table_key {
	uint64_t word[5];
};

struct drac_table;

/* An empty one; NULL: ENOMEM. */
struct drac_table *drac_table_new(const struct drac_table_key *key);
void drac_table_free(struct drac_table *table); /* NULL is allowed */

/*
 * From now on addr has this expiry: seconds since 1970; later ones than 32
 * bits hold are kept as the last that they do, and 0 or less removes. -1
 * with ENOMEM: nothing has changed.
 */
int drac_table_set(struct drac_table *table, const struct drac_addr *addr,
    time_t expiry);

/* True: it was there. */
bool drac_table_remove(struct drac_table *table, const struct drac_addr *addr);
bool drac_table_get(const struct drac_table *table,
    const struct drac_addr *addr, time_t *expiry);

size_t drac_table_count(const struct drac_table *table);

#endif
