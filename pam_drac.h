/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the module answers to PAM, decided in one table. Private to the
 * module and its tests; nothing of it is installed.
 *
 * The values are fixed by how Linux-PAM weighs a stack (pam.conf(5)): a
 * line that answers PAM_IGNORE never lets anyone in, whatever its control,
 * not even when it stands alone; a session line often does stand alone and
 * has to succeed. `strict` never reaches authenticate, where an error and
 * a wrong password could not be told apart, and in setcred it counts only
 * with a PAM library that does not reuse the answer of authenticate.
 */
#ifndef PAM_DRAC_H
#define PAM_DRAC_H

#include <security/pam_modules.h>
#include <stdbool.h>

#include "login.h"

enum drac_hook {
	DRAC_HOOK_AUTHENTICATE,
	DRAC_HOOK_SETCRED,
	DRAC_HOOK_ACCT_MGMT,
	DRAC_HOOK_OPEN_SESSION,
	DRAC_HOOK_CLOSE_SESSION,
	DRAC_HOOK_CHAUTHTOK,
	DRAC_HOOKS
};

static inline int
drac_answer(enum drac_hook hook, enum drac_outcome outcome, bool strict)
{
	static const struct {
		int usual;
		int strict_failure;
	} answer[DRAC_HOOKS] = {
		[DRAC_HOOK_AUTHENTICATE] = { PAM_IGNORE, PAM_IGNORE },
		[DRAC_HOOK_SETCRED] = { PAM_IGNORE, PAM_SYSTEM_ERR },
		[DRAC_HOOK_ACCT_MGMT] = { PAM_IGNORE, PAM_SYSTEM_ERR },
		[DRAC_HOOK_OPEN_SESSION] = { PAM_SUCCESS, PAM_SESSION_ERR },
		[DRAC_HOOK_CLOSE_SESSION] = { PAM_SUCCESS, PAM_SUCCESS },
		[DRAC_HOOK_CHAUTHTOK] = { PAM_IGNORE, PAM_IGNORE },
	};

	if (strict && outcome == DRAC_FAILED)
		return answer[hook].strict_failure;
	return answer[hook].usual;
}

#endif
