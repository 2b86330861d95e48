/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The admin's tool: main.c reads the command line and the configuration,
 * list.c answers questions, change.c changes the map, say.c talks. A verb
 * gets what was asked for in struct drac_ctl, opens the map itself and
 * returns an exit status; main.c closes.
 */
#ifndef DRAC_DRACCTL_H
#define DRAC_DRACCTL_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "addr.h"
#include "conf.h"
#include "store.h"
#include "why.h"

enum drac_ctl_status {
	DRAC_CTL_YES,   /* done; yes, authorised */
	DRAC_CTL_NO,    /* no: not authorised, not there, refused */
	DRAC_CTL_USAGE, /* a wrong command line */
	DRAC_CTL_FAILED /* could not: permissions, I/O, configuration */
};

struct drac_ctl {
	struct drac_conf conf;
	struct drac_store_opts opts; /* a verb may change it before opening */
	struct drac_store *store;    /* NULL until drac_ctl_open */
	time_t now;                  /* taken once, when the program starts */

	/* The verb's options and operand. */
	struct drac_addr addr;
	bool all;
	bool json;
	bool quiet;
	unsigned lifetime_s; /* 0: not given */
	uint64_t limit;      /* 0: not given */
};

/* Octets of text including the NUL. */
#define DRAC_CTL_INSTANT 32
#define DRAC_CTL_SPAN    48

/* Open the map as ctl->opts say. -1 after saying on stderr why not. */
int drac_ctl_open(struct drac_ctl *ctl);

/* Allow waits longer than a login's: nobody is held up by this verb. */
void drac_ctl_be_patient(struct drac_ctl *ctl);

/*
 * Print to stdout. False when that, or anything printed earlier, failed:
 * then there is no point in going on; drac_ctl_finish reports it.
 */
__attribute__((format(printf, 1, 2))) bool drac_ctl_say(const char *format,
    ...);

/*
 * Close stdout. DRAC_CTL_FAILED after a complaint when something printed
 * was lost, else status. A reader that went away is no failure.
 */
enum drac_ctl_status drac_ctl_finish(enum drac_ctl_status status);

/* One sentence to stderr, `dracctl: ` before it and a newline after it. */
__attribute__((format(printf, 1, 2))) void drac_ctl_complain(const char *format,
    ...);

/* Say why a call of the store failed; errno counts when why is empty. */
enum drac_ctl_status drac_ctl_failed(const struct drac_why *why);

/* Pass on what the store has to say although it did what was asked. */
void drac_ctl_warn(const struct drac_why *why);

/* "2026-11-24 12:34:56Z", or the bare number when no calendar holds it. */
void drac_ctl_instant(time_t instant, char text[DRAC_CTL_INSTANT]);

/* "2d 3h", "29m 30s", "12s": the two largest units. */
void drac_ctl_span(uint64_t span_s, char text[DRAC_CTL_SPAN]);

/* The verbs. */
enum drac_ctl_status drac_ctl_list(struct drac_ctl *ctl);
enum drac_ctl_status drac_ctl_show(struct drac_ctl *ctl);
enum drac_ctl_status drac_ctl_init(struct drac_ctl *ctl);
enum drac_ctl_status drac_ctl_add(struct drac_ctl *ctl);
enum drac_ctl_status drac_ctl_drop(struct drac_ctl *ctl);
enum drac_ctl_status drac_ctl_sweep(struct drac_ctl *ctl);

#endif
