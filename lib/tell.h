/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * One login told to every daemon that the configuration names: names made
 * into addresses, those left out that did not answer lately, the others
 * asked all at once, and what became of each. No PAM, no log, and no clock
 * but what is passed; errno is kept.
 */
#ifndef DRAC_TELL_H
#define DRAC_TELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "addr.h"
#include "conf.h"
#include "store.h"
#include "why.h"

/* What is to be told. All pointers are borrowed. */
struct drac_tell {
	const struct drac_conf *conf; /* servers, socket */
	const char *hosts;            /* the file with names: /etc/hosts */
	const char *breaker_dir;      /* DRAC_BREAKER_DIR */
	time_t boot;                  /* CLOCK_BOOTTIME seconds */
	unsigned timeout_ms;          /* until every server has answered */
	const char *user, *service;   /* for the local daemon; "" unknown */
};

/* What became of one server. */
struct drac_told {
	const char *name; /* as configured; borrowed from there */
	bool local;
	bool kept; /* it acknowledged: the address may relay there */
	int error; /* 0: kept, or excluded there; EAGAIN: left out, since it
		    * did not answer lately; EADDRNOTAVAIL: its name has no
		    * address; else as in struct drac_ask */
	struct drac_why why; /* "NAME: what happened"; empty when kept */
	const char *problem; /* nothing can be remembered of it; or NULL */
	bool tripped;        /* left alone from now on (breaker.h) */
	bool closed;         /* and no longer */
};

struct drac_news {
	struct drac_told told[DRAC_SERVERS_MAX]; /* in the order of conf */
	size_t count;
	size_t kept;             /* how many acknowledged */
	size_t excluded;         /* 1: the local daemon never records it */
	struct drac_grant grant; /* of the local daemon, to be taken back
				  * there; expiry 0: it did not tell */
	uint64_t unanswered;     /* id of the report to the local daemon, which
				  * did not say what became of it; 0: it did */
};

/* Tell addr, in at most tell->timeout_ms. */
void drac_tell(const struct drac_tell *tell, const struct drac_addr *addr,
    struct drac_news *news);

/* What the local daemon granted, to be taken back there. */
struct drac_tell_back {
	const char *socket; /* borrowed */
	struct drac_addr addr;
	struct drac_grant grant;
	unsigned timeout_ms;
};

/*
 * 1 taken back, 0 somebody else has renewed it since, -1 with errno and why
 * ("local: what happened").
 */
int drac_tell_back(const struct drac_tell_back *back, struct drac_why *why);

/*
 * Whatever the report with this id, which was not answered, has written is to
 * be taken back, as soon as the daemon comes to it; nothing is waited for.
 * 0 it was sent, or -1 with errno and why ("local: what happened").
 */
int drac_tell_undo(const char *socket, const struct drac_addr *addr,
    uint64_t id, struct drac_why *why);

#endif
