/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * How a map is to be kept; what drac.conf(5) says of it.
 */
#ifndef DRAC_OPTS_H
#define DRAC_OPTS_H

#include <sys/types.h>

#include <stdbool.h>

#include "cover.h"
#include "key.h"
#include "page.h"
#include "why.h"

/*
 * How a file of another format is read: take is called for each item. 0; -1
 * with errno and why: EBADMSG it cannot be read, or only a part of it.
 */
typedef int drac_store_item(void *arg, const struct drac_item *item);
typedef int drac_store_import(int fd, drac_store_item *take, void *arg,
    struct drac_why *why);

struct drac_store_opts {
	const char *path; /* absolute path of the map; borrowed */
	mode_t mode;      /* of the map file, 0600..0666 without x */
	enum drac_key_style key_style;
	unsigned readers;        /* of the map: bits of enum drac_reader */
	struct drac_cover cover; /* what else an entry opens */
	bool sync;               /* one fdatasync(2) before an update counts */
	unsigned timeout_ms;     /* all waits of one call together */
	unsigned lifetime_s; /* of a login; 0: unknown, and a clock that goes
			      * back shortens nothing */
	bool may_create;     /* make a map where there is none */
	drac_store_import *import; /* NULL: a map of another format is left
				    * to somebody who has one */
	bool owner;   /* keep all other writers away while it is open */
	uid_t keeper; /* the directory may be this user's besides ours and
		       * root's; not for a writer with more rights than
		       * the keeper. 0: nobody else's */
};

#endif
