/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What explain.c finds out by asking as a mail server does, and
 * explain_say.c says.
 */
#ifndef DRAC_EXPLAIN_H
#define DRAC_EXPLAIN_H

#include "check.h"

#define DRAC_STEPS_MAX 20

/* One look into the map. */
struct drac_step {
	struct drac_raw raw;
	bool nul;   /* the key ends with one */
	bool found; /* and raw.value is what was there */
};

/* What a server does. */
struct drac_told {
	const char *as;   /* as the command line calls it */
	const char *name; /* and the world */
	const char *note; /* a sentence on what it looks for; or NULL */
	struct drac_step step[DRAC_STEPS_MAX];
	size_t steps;
	bool relays;
	const char *because;
};

/* The map, as we write it. */
struct drac_entry {
	bool found;
	bool hidden; /* from a Postfix that reads the file */
	time_t expiry;
	struct drac_net net; /* what the address opens, and */
	time_t open;         /* until when it is open; 0: it is not */
	time_t closed;       /* to logins, until then; 0: it is not */
};

/* To people, or as JSON when ctl->json says so. */
void drac_explain_say(const struct drac_ctl *ctl,
    const struct drac_entry *entry, const struct drac_told *told, size_t count);

#endif
