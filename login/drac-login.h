/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The parts of drac-login and what passes between them.
 *
 *   main.c  the command line, one login, the command behind it
 *   list.c  many logins from standard input
 *   say.c   the log, and the terminal
 */
#ifndef DRAC_POST_H
#define DRAC_POST_H

#include <stdbool.h>

#include "conf.h"
#include "log.h"
#include "login.h"

enum drac_post_status {
	DRAC_POST_DONE = 0,   /* recorded, or there already */
	DRAC_POST_NOT = 1,    /* not to be recorded */
	DRAC_POST_USAGE = 2,  /* the command line */
	DRAC_POST_FAILED = 3, /* could not */
};

/* The command line. */
struct drac_post_options {
	const char *conf_path; /* NULL: the usual one, if it is there */
	const char *address;
	const char *variable; /* has the address; NULL: address */
	const char *user;
	const char *service;
	bool list;
	char **command; /* *command is NULL where there is none */
};

/* What is said where. Zero: to the log alone. */
struct drac_post_speaker {
	bool terminal;      /* to standard error as well */
	bool debug;         /* the configuration's */
	bool brief;         /* only so many warnings and errors */
	unsigned said;      /* of those */
	unsigned held_back; /* of those, because there were too many */
	struct drac_log log;
};

/* A login of now; its conf, user and service are set. */
void drac_post_begin(struct drac_login *login, const struct drac_conf *conf,
    struct drac_post_speaker *speaker);

/* Read standard input to its end and record each line. */
enum drac_post_status drac_post_list(const struct drac_conf *conf,
    const char *service, struct drac_post_speaker *speaker);

void drac_post_open_log(struct drac_post_speaker *speaker);

/* The logins that are recorded together may wait for the log as one does. */
void drac_post_begin_group(struct drac_post_speaker *speaker);

/* A sentence of lib/login; arg is the speaker. */
drac_login_say drac_post_say;

/* An error of the configuration; arg is the speaker. */
drac_conf_report drac_post_say_error;

/* The same whatever the speaker leaves out. */
__attribute__((format(printf, 3, 4))) void
drac_post_tell(struct drac_post_speaker *speaker,
    enum drac_login_level level, const char *format, ...);

/* For who started us in the wrong way: to standard error alone. */
__attribute__((format(printf, 1, 2))) void
drac_post_complain(const char *format, ...);

#endif
