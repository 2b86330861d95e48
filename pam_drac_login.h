/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The parts of the module and what passes between them. Private to it.
 *
 *   pam_drac.c          the hooks, the configuration, the answer
 *   pam_drac_source.c   where the address comes from
 *   pam_drac_record.c   what a login recorded, the map, taking it back
 *   pam_drac_servers.c  daemons told instead of writing the map
 *   pam_drac_text.c     PAM items and instants as words of a log line
 */
#ifndef PAM_DRAC_LOGIN_H
#define PAM_DRAC_LOGIN_H

#include <security/pam_modules.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "addr.h"
#include "conf.h"
#include "pam_drac.h"
#include "store.h"
#include "tell.h"
#include "why.h"

#define DRAC_DATA_NAME "pam_drac"

enum {
	DRAC_WORD = 96, /* octets of outside text in a log line, escaped */
	DRAC_CLOCK = sizeof("00:00:00Z"),
	DRAC_LIST = 1024 /* octets of what is said about several servers */
};

/* One hook at work. */
struct drac_login {
	pam_handle_t *pamh;
	struct drac_conf conf;
	struct drac_addr addr;
	char addr_text[DRAC_ADDR_TEXT];
	char user[DRAC_WORD];
	char service[DRAC_WORD];
	char servers[DRAC_LIST]; /* what became of those that failed */
	struct drac_why why;     /* why nothing was recorded */
	int level;               /* at which that is logged */
	bool logged;             /* the outcome is in the log already */
};

/*
 * An address that this login recorded, and how to take it back. grant is
 * the local daemon's or that of the map.
 */
struct drac_mark {
	struct drac_mark *next;
	struct drac_addr addr;
	struct drac_grant grant;
	struct drac_store_opts opts; /* opts.path points into text */
	bool by_daemon;              /* grant is the local daemon's */
	bool settled;       /* not to be recorded by this login again */
	const char *where;  /* the map or the servers; in text */
	const char *socket; /* of the local daemon; in text */
	char *keepers;      /* servers that cannot take back; in text */
	size_t keepers_room;
	char text[];
};

/* Text */

/* A PAM item that is text; "" for none. */
const char *drac_text_item(const pam_handle_t *pamh, int type);

/*
 * Outside text as one word for a log line: printable ASCII without quotes
 * and backslashes, anything else as \xNN; cut with dots.
 */
void drac_text_escape(const char *text, char word[DRAC_WORD]);

/* The same for a PAM item; "-" for none. */
void drac_text_escape_item(const pam_handle_t *pamh, int type,
    char word[DRAC_WORD]);

/* The time of day of an instant, UTC. */
void drac_text_clock(time_t when, char text[DRAC_CLOCK]);

/* Add word to a list, with separator between; cut with dots. */
void drac_text_add(char *list, size_t room, const char *separator,
    const char *word);

/* The address of this login into addr and addr_text. -1: why is set. */
int drac_source_locate(struct drac_login *login);

/* Record the address, unless this login has done so. */
enum drac_outcome drac_record(struct drac_login *login);

/*
 * Tell the servers of the configuration, within timeout_ms, and log which of
 * them is left alone from now on and which no longer.
 */
void drac_servers_tell(struct drac_login *login, unsigned timeout_ms,
    struct drac_news *news);

/* Who could not be told, and why, into login->servers. */
void drac_servers_list(struct drac_login *login, const struct drac_news *news);

/* What that makes of this login: into the mark and the log. */
enum drac_outcome drac_servers_conclude(struct drac_login *login,
    struct drac_mark *mark, const struct drac_news *news);

#endif
