/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Addresses that the administrator has closed for some time: no login, no
 * renewal and no report may authorise them until then. They are kept in a
 * file beside the map (suffix .closed), never in the map, where a mail server
 * could find them. The file is replaced as a whole:
 *
 *	drac closed 1 COUNT
 *	ADDRESS/BITS SECONDS-SINCE-1970
 *	...
 *
 * A file that is damaged, unsafe or too big is an error and no empty list:
 * while it cannot be read, nothing is authorised.
 */
#ifndef DRAC_CLOSED_H
#define DRAC_CLOSED_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "addr.h"
#include "place.h"
#include "why.h"

#define DRAC_CLOSED     ".closed"
#define DRAC_CLOSED_MAX 1000u

struct drac_closing {
	struct drac_net net;
	time_t until; /* closed while this is later than now */
};

/* The list owns its memory; zero-initialised it is empty. */
struct drac_closed {
	struct drac_closing *at;
	size_t count;
};

/*
 * Read the file, which belongs to root, to us, to the owner of its directory
 * or to keeper (0: to nobody else). No file: an empty list. -1 with errno and
 * why; the list is empty.
 */
int drac_closed_load(const struct drac_place *place, uid_t keeper,
    struct drac_closed *closed, struct drac_why *why);

/*
 * Put the list in the place of the file, or remove the file when the list is
 * empty; when this returns 0 it is on the disk. The caller has the writers'
 * lock. mode: of the file. -1 with errno and why.
 */
int drac_closed_save(const struct drac_place *place,
    const struct drac_closed *closed, mode_t mode, struct drac_why *why);

/* The part of loading after the reading. -1: EINVAL, or ENOMEM. */
int drac_closed_parse(struct drac_closed *closed, const char *text, size_t len,
    struct drac_why *why);

/*
 * The closing that lasts longest of those that share an address with net and
 * are not over; NULL: there is none. Valid until the list changes.
 */
const struct drac_closing *drac_closed_find(const struct drac_closed *closed,
    const struct drac_net *net, time_t now);

/*
 * Close net until then, whatever was said of the same net before; 0: open it.
 * -1: ENOSPC, or ENOMEM.
 */
int drac_closed_set(struct drac_closed *closed, const struct drac_net *net,
    time_t until);

/* Forget those that are over. Were there any? */
bool drac_closed_prune(struct drac_closed *closed, time_t now);

int drac_closed_copy(struct drac_closed *to, const struct drac_closed *from);
void drac_closed_free(struct drac_closed *closed);

/* "192.0.2.7", or "192.0.2.0/24". */
#define DRAC_CLOSED_NET (DRAC_ADDR_TEXT + 4)
void drac_closed_net_text(const struct drac_net *net,
    char text[DRAC_CLOSED_NET]);

/* "12:34:56Z", with the date before it when that is a day away or more. */
#define DRAC_CLOSED_UNTIL 48
void drac_closed_until_text(time_t until, time_t now,
    char text[DRAC_CLOSED_UNTIL]);

#endif
