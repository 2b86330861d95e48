/* SPDX-License-Identifier: BSD-2-Clause */

/* PAM items as text, sentences to the log; see pam_drac_parts.h. */

#include <security/pam_ext.h>
#include <syslog.h>

#include "pam_drac_parts.h"

static const int priority[] = {
	[DRAC_LOGIN_ERR] = LOG_ERR,
	[DRAC_LOGIN_WARNING] = LOG_WARNING,
	[DRAC_LOGIN_INFO] = LOG_INFO,
	[DRAC_LOGIN_DEBUG] = LOG_DEBUG,
};

const char *
drac_item(const pam_handle_t *pamh, int type)
{
	const void *value = NULL;

	if (pam_get_item(pamh, type, &value) != PAM_SUCCESS || value == NULL)
		return "";
	return value;
}

void
drac_words(struct drac_login *login, const pam_handle_t *pamh)
{
	drac_login_word(drac_item(pamh, PAM_USER), login->user);
	drac_login_word(drac_item(pamh, PAM_SERVICE), login->service);
}

void
drac_say(enum drac_login_level level, const char *text, void *arg)
{
	pam_syslog(arg, priority[level], "%s", text);
}

void
drac_say_late(enum drac_login_level level, const char *text, void *arg)
{
	pam_syslog(arg, priority[level], DRAC_DATA_NAME ": %s", text);
}
