/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A module that answers what its arguments say, to stand for pam_unix and
 * the like: auth=ANSWER, setcred=, account=, session=. Without an argument
 * for a hook it succeeds. An answer it does not know is PAM_ABORT, so that
 * a misspelt test fails.
 */

#include <security/pam_modules.h>
#include <stddef.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

static const struct {
	const char *name;
	int code;
} answers[] = {
	{ "success", PAM_SUCCESS },
	{ "ignore", PAM_IGNORE },
	{ "auth_err", PAM_AUTH_ERR },
	{ "user_unknown", PAM_USER_UNKNOWN },
	{ "perm_denied", PAM_PERM_DENIED },
	{ "acct_expired", PAM_ACCT_EXPIRED },
	{ "new_authtok_reqd", PAM_NEW_AUTHTOK_REQD },
};

static int
answer(const char *hook, int argc, const char **argv)
{
	size_t length = strlen(hook);

	for (int i = 0; i < argc; i++) {
		if (strncmp(argv[i], hook, length) != 0)
			continue;
		for (size_t k = 0; k < sizeof(answers) / sizeof(*answers); k++)
			if (strcmp(argv[i] + length, answers[k].name) == 0)
				return answers[k].code;
		return PAM_ABORT;
	}
	return PAM_SUCCESS;
}

EXPORT int
pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)pamh;
	(void)flags;
	return answer("auth=", argc, argv);
}

EXPORT int
pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)pamh;
	(void)flags;
	return answer("setcred=", argc, argv);
}

EXPORT int
pam_sm_acct_mgmt(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)pamh;
	(void)flags;
	return answer("account=", argc, argv);
}

EXPORT int
pam_sm_open_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)pamh;
	(void)flags;
	return answer("session=", argc, argv);
}

EXPORT int
pam_sm_close_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)pamh;
	(void)flags;
	return answer("session=", argc, argv);
}

EXPORT int
pam_sm_chauthtok(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)pamh;
	(void)flags;
	return answer("password=", argc, argv);
}
