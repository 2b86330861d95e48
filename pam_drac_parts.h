/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The parts of the module and what passes between them. Private to it; what
 * becomes of a login, and what is said about it, is lib/login.h's.
 *
 *   pam_drac.c         the hooks, the configuration, the answer
 *   pam_drac_source.c  where the address comes from
 *   pam_drac_record.c  what hangs on the PAM handle, to be taken back
 *   pam_drac_text.c    PAM items as text, sentences to the log
 */
#ifndef PAM_DRAC_PARTS_H
#define PAM_DRAC_PARTS_H

#include <security/pam_modules.h>

#include "conf.h"
#include "login.h"
#include "pam_drac.h"

#define DRAC_DATA_NAME "pam_drac"

/* One hook at work. */
struct drac_attempt {
	pam_handle_t *pamh;
	struct drac_conf conf;
	struct drac_login login;
};

/* A PAM item that is text; "" for none. */
const char *drac_item(const pam_handle_t *pamh, int type);

/* Whose login it is and to what, as words. */
void drac_words(struct drac_login *login, const pam_handle_t *pamh);

/* A sentence into the log; arg is the PAM handle. */
drac_login_say drac_say;

/* The same from a clean-up, where libpam names no module. */
drac_login_say drac_say_late;

/* The address of this login. -1: its why is set. */
int drac_source_locate(struct drac_attempt *attempt);

/* Record the address, unless this login has done so. */
enum drac_outcome drac_record(struct drac_attempt *attempt);

#endif
