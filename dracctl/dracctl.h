/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The admin's tool. main.c reads the command line and the configuration;
 * list.c, change.c, status.c and ask.c are the verbs; road.c is how they
 * get at the map: through rpc.dracd where one keeps it (daemon.c finds
 * out; hung.c ends one that hangs), else by themselves; owner.c settles whose the files are, and
 * hands.c has them change hands; check.h is about check and explain; say.c
 * talks. A verb gets what was asked
 * for in struct drac_ctl and returns an exit status; main.c closes.
 */
#ifndef DRAC_DRACCTL_H
#define DRAC_DRACCTL_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "addr.h"
#include "client.h"
#include "closed.h"
#include "conf.h"
#include "store.h"
#include "why.h"
#include "wire.h"

enum drac_ctl_status {
	DRAC_CTL_YES,   /* done; yes, authorised */
	DRAC_CTL_NO,    /* no: not authorised, not there, refused */
	DRAC_CTL_USAGE, /* a wrong command line */
	DRAC_CTL_FAILED /* could not: permissions, I/O, configuration */
};

#define DRAC_CTL_PAM_MAX 64

struct drac_ctl {
	struct drac_conf conf;
	struct drac_store_opts opts; /* a verb may change it before opening */
	struct drac_link *link;      /* to the daemon that keeps the map */
	struct drac_store *store;    /* the map itself; NULL when link is not */
	time_t now;                  /* taken once, when the program starts */

	const char *conf_path; /* -c; NULL: the default one */
	const char *root;      /* "", or what stands before every path */
	char *map_path;        /* opts.path, when there is a root */

	/* The verb's options and operands. */
	const char *server;
	const char *as; /* postfix, sendmail or exim; NULL: all */
	const char *pam[DRAC_CTL_PAM_MAX];
	size_t pam_count;
	struct drac_addr addr;
	bool all;
	bool daemon;
	bool json;
	bool quiet;
	bool tcp;
	bool shut;            /* drop --for; and for how long, 0: no more */
	unsigned shut_s;
	bool closed;          /* list --closed */
	unsigned lifetime_s;  /* 0: not given */
	unsigned end_hung_ms; /* 0: not given */
	uint64_t limit;       /* 0: not given */
};

/* Octets of text including the NUL. */
#define DRAC_CTL_INSTANT 32
#define DRAC_CTL_SPAN    48

/*
 * ctl->link is set when a daemon keeps this map and lets us change it. -1
 * when one does not answer: to_read has said so, and the map itself can be
 * read; to_change has said that nobody else may change it; the first leaves
 * it to the caller, with errno, ETIMEDOUT when all was silent.
 */
int drac_ctl_find_daemon(struct drac_ctl *ctl, struct drac_why *why);
int drac_ctl_find_daemon_to_read(struct drac_ctl *ctl);
int drac_ctl_find_daemon_to_change(struct drac_ctl *ctl);
void drac_ctl_complain_of_silence(const struct drac_why *why);

/* The map itself, as ctl->opts say. -1 after saying why not. */
int drac_ctl_open_map(struct drac_ctl *ctl);

/* Find the road to the map and open it. -1 after saying why not. */
int drac_ctl_open_to_read(struct drac_ctl *ctl);
int drac_ctl_open_to_change(struct drac_ctl *ctl);

/*
 * The same for a sweep, which asks no daemon but one that keeps the map, and
 * ends that one when it does not answer within end_hung_ms.
 */
int drac_ctl_open_to_sweep(struct drac_ctl *ctl);

/*
 * The functions of store.h, down whichever road is open. Beyond what is
 * there: EPERM, the daemon refused; EPROTO, what it says makes no sense.
 * Whatever a daemon says, a sweep ends within twice ctl->opts.timeout_ms,
 * and a list gets on or ends within that time for each DRAC_LIST_MAX.
 */
int drac_ctl_map_get(struct drac_ctl *ctl, time_t *expiry,
    struct drac_why *why);
int drac_ctl_map_each(struct drac_ctl *ctl, drac_store_visit *visit, void *arg,
    struct drac_why *why);
int drac_ctl_map_add(struct drac_ctl *ctl, time_t expiry,
    struct drac_grant *grant, struct drac_why *why);
int drac_ctl_map_set(struct drac_ctl *ctl, time_t expiry, struct drac_why *why);
int drac_ctl_map_drop(struct drac_ctl *ctl, struct drac_why *why);
int drac_ctl_map_clear(struct drac_ctl *ctl, struct drac_why *why);
int drac_ctl_map_close(struct drac_ctl *ctl, const struct drac_net *net,
    time_t until, struct drac_why *why);
int drac_ctl_map_closed(struct drac_ctl *ctl, struct drac_closed *closed,
    struct drac_why *why);
int drac_ctl_map_sweep(struct drac_ctl *ctl, struct drac_swept *swept,
    struct drac_why *why);

/*
 * One call of version 3. 0 when the daemon did it, and why is what it has
 * to say all the same; -1 with EPERM refused, EIO it could not, or what
 * drac_link_call says.
 */
int drac_ctl_call(struct drac_link *link, struct drac_call *call,
    struct drac_reply *reply, unsigned timeout_ms, struct drac_why *why);

/* There is no daemon at the socket, as errno of drac_link_open tells. */
bool drac_ctl_nobody_there(int error);

/* Allow waits longer than a login's: nobody is held up by this verb. */
void drac_ctl_be_patient(struct drac_ctl *ctl);

/*
 * Root works in a directory of the configuration's user as that user, so
 * that nothing there can turn root against itself. -1 after saying why not.
 */
int drac_ctl_become_keeper(struct drac_ctl *ctl);

/* Somebody who may keep the map. */
struct drac_ctl_owner {
	const char *name; /* borrowed */
	uid_t uid;
	gid_t gid;
};

/*
 * Root alone: the map's directory and files are from's or to's, and to's
 * from now on. Only the entries pass from another one to root, not the
 * files with them. -1 after saying why not and what to do.
 */
int drac_ctl_change_hands(const struct drac_ctl *ctl,
    const struct drac_ctl_owner *from, const struct drac_ctl_owner *to);

/*
 * Make the directories and give them and the files to whom configuration
 * and command line say. kept: a daemon keeps the map, so nothing may change
 * hands. -1 after saying why not.
 */
int drac_ctl_settle(struct drac_ctl *ctl, bool kept);

/*
 * Print to stdout. False when that, or anything printed earlier, failed:
 * then there is no point in going on; drac_ctl_finish reports it.
 */
__attribute__((format(printf, 1, 2))) bool drac_ctl_say(const char *format,
    ...);

/*
 * A line in the log on a change that an administrator made, of which no daemon
 * has a line: ` by ` and whose change it is are added. To be opened before the
 * program becomes another user; drac_ctl_finish closes.
 */
void drac_ctl_open_log(void);
__attribute__((format(printf, 1, 2))) void drac_ctl_log(const char *format,
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

/* A string of JSON; what is not printable ASCII is a `?'. */
void drac_ctl_say_string(const char *text);

/* Pass on what the store has to say although it did what was asked. */
void drac_ctl_warn(const struct drac_why *why);

/* "2026-11-24 12:34:56Z", or the bare number when no calendar holds it. */
void drac_ctl_instant(time_t instant, char text[DRAC_CTL_INSTANT]);

/* "2d 3h", "29m 30s", "12s": the two largest units. */
void drac_ctl_span(uint64_t span_s, char text[DRAC_CTL_SPAN]);

/*
 * Until when a closing keeps ctl->addr or what it opens shut, 0: none does.
 * -1 after saying why that cannot be told.
 */
int drac_ctl_closed_until(struct drac_ctl *ctl, time_t *until);

/* Could any login record ctl->addr? False after a complaint. */
bool drac_ctl_may_be_recorded(const struct drac_ctl *ctl);

/* The verbs. */
enum drac_ctl_status drac_ctl_list(struct drac_ctl *ctl);
enum drac_ctl_status drac_ctl_show(struct drac_ctl *ctl);
enum drac_ctl_status drac_ctl_init(struct drac_ctl *ctl);
enum drac_ctl_status drac_ctl_add(struct drac_ctl *ctl);
enum drac_ctl_status drac_ctl_drop(struct drac_ctl *ctl);
enum drac_ctl_status drac_ctl_sweep(struct drac_ctl *ctl);
enum drac_ctl_status drac_ctl_status(struct drac_ctl *ctl);
enum drac_ctl_status drac_ctl_ask(struct drac_ctl *ctl);
enum drac_ctl_status drac_ctl_check(struct drac_ctl *ctl);
enum drac_ctl_status drac_ctl_explain(struct drac_ctl *ctl);

#endif
