/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * One successful mail login recorded as the configuration says: may its
 * address be, in the map or by servers, within the time of the login; and
 * each sentence about it. Nothing here logs, exits or asks what time it is:
 * sentences go to the caller, who knows where. errno is kept.
 *
 *	drac_login_serves()         does the service count?
 *	drac_login_admits()         and the user?
 *	...                         the caller finds the address
 *	drac_login_may_record()     by policy?
 *	drac_login_mark()           how to take it back, made beforehand
 *	drac_login_record()
 *	drac_login_conclude()       what there is to say if it was not
 */
#ifndef DRAC_LOGIN_H
#define DRAC_LOGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "addr.h"
#include "conf.h"
#include "log.h"
#include "store.h"
#include "why.h"
#include "wire.h"

#define DRAC_LOGIN_HOSTS "/etc/hosts"

enum {
	DRAC_LOGIN_WORD = 96,   /* octets of outside text, escaped */
	DRAC_LOGIN_LIST = 1024, /* of what is said about several servers */
	DRAC_LOGIN_LINE = 6144  /* of the longest sentence */
};

enum drac_outcome {
	DRAC_RECORDED, /* the map has the address, now or already */
	DRAC_REFUSED,  /* by policy, or nothing to do */
	DRAC_FAILED,   /* should have been recorded and could not be */
	DRAC_OUTCOMES
};

/* Those of syslog(3): the worst first. */
enum drac_login_level {
	DRAC_LOGIN_ERR = LOG_ERR,         /* somebody must act */
	DRAC_LOGIN_WARNING = LOG_WARNING, /* refused input, too long a wait */
	DRAC_LOGIN_INFO = LOG_INFO,       /* one a login */
	DRAC_LOGIN_DEBUG = LOG_DEBUG      /* only with debug configured */
};

/*
 * Where sentences go: text without a newline. It may take up to left_ms,
 * what is left of the login's time; what it takes is counted there.
 */
typedef void drac_login_say(enum drac_login_level level, const char *text,
    unsigned left_ms, void *arg);

/*
 * One login at work. The caller fills in the first part, what is borrowed
 * until the end; finds and sets addr with drac_login_found; sets why and
 * level where there is none; and zeroes the rest.
 */
struct drac_login {
	const struct drac_conf *conf;
	drac_login_say *say;
	void *say_arg;
	const char *hosts;          /* file with names: DRAC_LOGIN_HOSTS */
	const char *breaker_dir;    /* DRAC_BREAKER_DIR */
	time_t now;                 /* the wall clock */
	time_t boot;                /* CLOCK_BOOTTIME seconds */
	char user[DRAC_LOGIN_WORD]; /* by drac_login_word */
	char service[DRAC_LOGIN_WORD];
	char name[DRAC_USER_MAX + 2]; /* the user as it is; drac_login_admits */
	char service_name[DRAC_SERVICE_MAX + 1]; /* drac_login_serves */
	unsigned long spent_ms; /* of conf->timeout_ms, so far; added to */
	bool renewal; /* of somebody who is logged in: of what goes well only
		       * a grant to an address that had none is said */

	struct drac_addr addr;
	char addr_text[DRAC_ADDR_TEXT];
	struct drac_why why;         /* why nothing was recorded */
	enum drac_login_level level; /* at which that is said */

	char servers[DRAC_LOGIN_LIST]; /* what became of those that failed */
	int64_t began_ms;
	enum drac_outcome outcome; /* of drac_login_record_all */
	bool opened; /* the address, which was not authorised before */
	bool said;   /* all there is to say */
};

/*
 * An address that a login recorded, and how to take it back; free(3) is
 * enough. The first two are the caller's own.
 */
struct drac_mark {
	struct drac_mark *next;
	bool settled;

	struct drac_addr addr;
	struct drac_grant grant;
	struct drac_store_opts opts; /* opts.path points into text */
	bool by_daemon;              /* grant is the local daemon's */
	uint64_t unanswered;         /* the id of a report to it; 0: none */
	const char *where;           /* the map or the servers; in text */
	const char *socket;          /* of the local daemon; in text */
	char *keepers;               /* cannot take back; in text */
	size_t keepers_room;
	char text[];
};

/*
 * Outside text as one word of a sentence: printable ASCII without quotes
 * and backslashes, anything else as \xNN; cut with dots; "-" for none.
 */
void drac_login_word(const char *text, char word[DRAC_LOGIN_WORD]);

/* This is the address. */
void drac_login_found(struct drac_login *login, const struct drac_addr *addr);

/*
 * Questions of policy, and what a server will be told. false: why is set, and the
 * outcome is DRAC_REFUSED.
 */
bool drac_login_serves(struct drac_login *login, const char *service);
bool drac_login_admits(struct drac_login *login, const char *user);
bool drac_login_may_record(struct drac_login *login);

/*
 * The mark of this login, not yet recorded. It is made first, since nothing
 * may fail that is needed to take back what is recorded. NULL: no memory;
 * why and level are set, and the outcome is DRAC_FAILED.
 */
struct drac_mark *drac_login_mark(struct drac_login *login);

/*
 * Record the address: in the map, or by the servers and, where none of them
 * answered and the configuration has that fallback, in the map. Waits for no
 * longer than is left of the login's time. With strict, one server that
 * could not makes it DRAC_FAILED although others did.
 */
enum drac_outcome drac_login_record(struct drac_login *login,
    struct drac_mark *mark);

/* Is there anything of it that a failed login would have to undo? */
bool drac_login_is_marked(const struct drac_mark *mark);

/*
 * At most DRAC_OPS_MAX logins of one configuration that names no server, all
 * allowed by policy, recorded in one change of the map: all of them or none,
 * now and within the time that is left as the first one tells. Those that
 * the administrator has closed are left out. What became of each is in its
 * outcome. Nobody can take these back.
 */
void drac_login_record_all(struct drac_login *logins, size_t count);

/* Say why it was not recorded, unless it was or that has been said. */
void drac_login_conclude(struct drac_login *login, enum drac_outcome outcome);

/*
 * The login failed after all, for this reason: take back what it recorded.
 * Of login the sentences need user, service and say; the rest may be zero, and
 * conf is NULL afterwards. It takes as long as was left of the login's time, or
 * a quarter of timeout.
 */
void drac_login_take_back(struct drac_login *login,
    const struct drac_mark *mark, const char *reason);

#endif
