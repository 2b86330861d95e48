/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The parts of the module and what passes between them. Private to it; what
 * becomes of a login, and what is said about it, is lib/login.h's.
 *
 *   pam_drac.c         the hooks, the configuration, the answer
 *   pam_drac_source.c  where the address comes from
 *   pam_drac_record.c  what hangs on the PAM handle: how much of the login's
 *                      time and lines is used, what is to be taken back
 *   pam_drac_text.c    PAM items as text, lines to the log
 */
#ifndef PAM_DRAC_PARTS_H
#define PAM_DRAC_PARTS_H

#include <security/pam_modules.h>

#include "conf.h"
#include "log.h"
#include "login.h"
#include "pam_drac.h"

/* What hangs on the PAM handle; pam_drac_record.c's own. */
struct drac_memory;

/*
 * One hook at work. All hooks of one handle are one login, so they share
 * the time and the lines that the log may take.
 */
struct drac_attempt {
	pam_handle_t *pamh;
	enum drac_hook hook;        /* DRAC_HOOKS: the clean-up */
	struct drac_memory *memory; /* NULL: there was no memory */
	struct drac_conf conf;
	struct drac_login login;
	struct drac_log log;
	char prefix[DRAC_LOGIN_WORD + 32]; /* of each line */
};

/* A PAM item that is text; "" for none. */
const char *drac_item(const pam_handle_t *pamh, int type);

/* Whose login it is and to what, as words, and the prefix of its lines. */
void drac_words(struct drac_attempt *attempt);

/* A sentence into the log, as pam_syslog(3) would; arg is the attempt. */
drac_login_say drac_say;

/* The same for an error of the configuration, of which there may be many. */
drac_conf_report drac_say_error;

/*
 * Begin: take on what earlier hooks of this login used of its time and lines.
 * End: leave the sum for later ones, and close the log.
 */
void drac_recall(struct drac_attempt *attempt);
void drac_remember(struct drac_attempt *attempt);

/* The address of this login. -1: its why is set. */
int drac_source_locate(struct drac_attempt *attempt);

/* Record the address, unless this login has done so. */
enum drac_outcome drac_record(struct drac_attempt *attempt);

#endif
