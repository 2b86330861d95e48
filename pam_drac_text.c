/* SPDX-License-Identifier: BSD-2-Clause */

/* PAM items as text, lines to the log; see pam_drac_parts.h. */

#include <stdio.h>
#include <string.h>

#include "pam_drac_parts.h"

const char *
drac_item(const pam_handle_t *pamh, int type)
{
	const void *value = NULL;

	if (pam_get_item(pamh, type, &value) != PAM_SUCCESS || value == NULL)
		return "";
	return value;
}

/* What pam_syslog(3) puts before a line; in a clean-up it knows less. */
static void
set_prefix(struct drac_attempt *attempt)
{
	static const char *const type[DRAC_HOOKS] = {
		[DRAC_HOOK_AUTHENTICATE] = "auth",
		[DRAC_HOOK_SETCRED] = "setcred",
		[DRAC_HOOK_ACCT_MGMT] = "account",
		[DRAC_HOOK_OPEN_SESSION] = "session",
		[DRAC_HOOK_CLOSE_SESSION] = "session",
		[DRAC_HOOK_CHAUTHTOK] = "chauthtok",
	};

	if (attempt->hook == DRAC_HOOKS)
		strcpy(attempt->prefix, "PAM pam_drac: ");
	else
		snprintf(attempt->prefix, sizeof(attempt->prefix),
		    "pam_drac(%s:%s): ", attempt->login.service,
		    type[attempt->hook]);
	attempt->log.prefix = attempt->prefix;
}

void
drac_words(struct drac_attempt *attempt)
{
	drac_login_word(drac_item(attempt->pamh, PAM_USER),
	    attempt->login.user);
	drac_login_word(drac_item(attempt->pamh, PAM_SERVICE),
	    attempt->login.service);
	set_prefix(attempt);
}

void
drac_say(enum drac_login_level level, const char *text, unsigned left_ms,
    void *arg)
{
	struct drac_attempt *attempt = arg;

	if (attempt->log.wait_ms > left_ms)
		attempt->log.wait_ms = left_ms;
	drac_log_put(&attempt->log, level, text);
}

void
drac_say_error(const char *text, void *arg)
{
	struct drac_attempt *attempt = arg;

	drac_log_put_detail(&attempt->log, LOG_ERR, text);
}
