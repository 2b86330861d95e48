/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The module: a login in, one authorisation out. What each hook does is
 * laid down here, what it answers in pam_drac.h, and which part of the
 * module does what in pam_drac_parts.h.
 *
 * It runs inside other people's daemons, so: no globals, nothing changed
 * in the process, nothing leaked, no wait beyond `timeout`, errno kept.
 * What has to outlive a hook hangs on the PAM handle.
 */

#include "pam_drac.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "breaker.h"
#include "pam_drac_parts.h"
#include "sys.h"

#define EXPORT   __attribute__((visibility("default")))
#define CONF_ARG "conf="
#define VOUCHER  "after_requisite"

static enum drac_outcome
authorise(struct drac_attempt *attempt)
{
	struct drac_login *login = &attempt->login;

	if (!drac_login_serves(login, drac_item(attempt->pamh, PAM_SERVICE)) ||
	    !drac_login_admits(login, drac_item(attempt->pamh, PAM_USER)) ||
	    drac_source_locate(attempt) == -1 || !drac_login_may_record(login))
		return DRAC_REFUSED;
	return drac_record(attempt);
}

static bool
is_conf_path(const char *argument)
{
	return strncmp(argument, CONF_ARG, sizeof(CONF_ARG) - 1) == 0;
}

/*
 * The path after conf=, or NULL where there is none. Not a key of the
 * file, so it is checked here.
 */
static int
find_path(struct drac_attempt *attempt, int argc, const char **argv,
    const char **path)
{
	struct drac_why why;
	int i, count = 0;

	*path = NULL;
	for (i = 0; i < argc; i++)
		if (is_conf_path(argv[i])) {
			*path = argv[i] + sizeof(CONF_ARG) - 1;
			count++;
		}
	if (count > 1) {
		drac_say_error("conf: given twice", attempt);
		return -1;
	}
	if (count == 1 && **path != '/') {
		drac_why_set(&why, "conf: not an absolute path: %s", *path);
		drac_say_error(why.text, attempt);
		return -1;
	}
	return 0;
}

/* The file first, for arguments override it; every error is logged. */
static int
configure(struct drac_attempt *attempt, int argc, const char **argv)
{
	struct drac_conf *conf = &attempt->conf;
	const char *named;
	struct drac_why why;
	int i, result;

	result = find_path(attempt, argc, argv, &named);
	if (result == 0)
		result = drac_conf_load_named(conf, named, drac_say_error,
		    attempt);
	for (i = 0; i < argc; i++) {
		if (is_conf_path(argv[i]) ||
		    drac_conf_argument(conf, argv[i], &why) == 0)
			continue;
		drac_say_error(why.text, attempt);
		result = -1;
	}
	if (result == 0 && drac_conf_check(conf, &why) == -1) {
		drac_say_error(why.text, attempt);
		result = -1;
	}
	return result;
}

/* Does the line vouch that no wrong password reaches it? */
static bool
vouches(int argc, const char **argv)
{
	struct drac_conf conf;
	int saved = errno;
	bool yes;

	if (drac_conf_init(&conf) == -1)
		return false;
	for (int i = 0; i < argc; i++)
		if (strncmp(argv[i], VOUCHER, sizeof(VOUCHER) - 1) == 0)
			(void)drac_conf_argument(&conf, argv[i], NULL);
	yes = conf.after_requisite;
	drac_conf_free(&conf);
	errno = saved;
	return yes;
}

static enum drac_outcome
attend(struct drac_attempt *attempt, int argc, const char **argv)
{
	struct drac_login *login = &attempt->login;
	unsigned wait_ms = attempt->log.wait_ms;
	enum drac_outcome outcome = DRAC_FAILED;
	bool configured = configure(attempt, argc, argv) == 0;

	login->spent_ms += wait_ms - attempt->log.wait_ms;
	if (!configured)
		drac_why_set(&login->why, "the configuration is broken");
	else {
		login->level = DRAC_LOGIN_INFO;
		outcome = authorise(attempt);
	}
	drac_login_conclude(login, outcome);
	return outcome;
}

static void
begin(struct drac_attempt *attempt)
{
	struct drac_login *login = &attempt->login;

	login->conf = &attempt->conf;
	login->say = drac_say;
	login->say_arg = attempt;
	login->hosts = DRAC_LOGIN_HOSTS;
	login->breaker_dir = DRAC_BREAKER_DIR;
	login->now = time(NULL);
	login->boot = (time_t)(drac_sys_boot_ms() / 1000);
	login->level = DRAC_LOGIN_ERR;
	drac_recall(attempt);
	drac_words(attempt);
}

static int
hook(pam_handle_t *pamh, enum drac_hook which, int argc, const char **argv)
{
	struct drac_attempt attempt = { .pamh = pamh, .hook = which };
	enum drac_outcome outcome = DRAC_FAILED;
	int saved = errno, answer;

	begin(&attempt);
	if (drac_conf_init(&attempt.conf) == 0)
		outcome = attend(&attempt, argc, argv);
	else
		drac_say_error("not recorded: out of memory", &attempt);
	answer = drac_answer(which, outcome, attempt.conf.strict);
	drac_conf_free(&attempt.conf);
	drac_remember(&attempt);
	errno = saved;
	return answer;
}

/* Nothing to do in this hook. */
static int
pass(enum drac_hook which)
{
	return drac_answer(which, DRAC_REFUSED, false);
}

/* Nothing is proved yet, unless the line vouches for the one before it. */
EXPORT int
pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)flags;
	if (!vouches(argc, argv))
		return pass(DRAC_HOOK_AUTHENTICATE);
	return hook(pamh, DRAC_HOOK_AUTHENTICATE, argc, argv);
}

/*
 * Only where credentials are established: UW IMAP deletes them after a
 * wrong password, and again at the end. PAM_SILENT may stand beside it.
 * No flag at all is no login (Linux-PAM never hands us that: it makes the
 * application's 0 into PAM_ESTABLISH_CRED).
 */
EXPORT int
pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	if ((flags & ~PAM_SILENT) != PAM_ESTABLISH_CRED)
		return pass(DRAC_HOOK_SETCRED);
	return hook(pamh, DRAC_HOOK_SETCRED, argc, argv);
}

EXPORT int
pam_sm_acct_mgmt(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)flags;
	return hook(pamh, DRAC_HOOK_ACCT_MGMT, argc, argv);
}

EXPORT int
pam_sm_open_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)flags;
	return hook(pamh, DRAC_HOOK_OPEN_SESSION, argc, argv);
}

EXPORT int
pam_sm_close_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)pamh;
	(void)flags;
	(void)argc;
	(void)argv;
	return pass(DRAC_HOOK_CLOSE_SESSION);
}

EXPORT int
pam_sm_chauthtok(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)pamh;
	(void)flags;
	(void)argc;
	(void)argv;
	return pass(DRAC_HOOK_CHAUTHTOK);
}
