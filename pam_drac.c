/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The module: a login in, one authorisation out. What each hook does is
 * laid down here, what it answers in pam_drac.h, and which part of the
 * module does what in pam_drac_login.h.
 *
 * It runs inside other people's daemons, so: no globals, nothing changed
 * in the process, nothing leaked, no wait beyond `timeout`, errno kept.
 * What has to outlive a hook hangs on the PAM handle.
 */

#include "pam_drac.h"

#include <errno.h>
#include <security/pam_ext.h>
#include <string.h>
#include <strings.h>
#include <syslog.h>

#include "pam_drac_login.h"

#define EXPORT   __attribute__((visibility("default")))
#define CONF_ARG "conf="

static bool
service_counts(struct drac_login *login)
{
	const char *service = drac_text_item(login->pamh, PAM_SERVICE);
	size_t i;

	if (login->conf.services == NULL)
		return true;
	/* pam_start(3) folds the service name to lower case. */
	for (i = 0; i < login->conf.service_count; i++)
		if (strcasecmp(login->conf.services[i], service) == 0)
			return true;
	drac_why_set(&login->why, "the service is not among services=");
	return false;
}

static bool
may_be_recorded(struct drac_login *login)
{
	enum drac_scope scope = drac_addr_scope(&login->addr);
	const struct drac_net *net;
	char text[DRAC_ADDR_TEXT];

	if (scope != DRAC_SCOPE_HOST) {
		drac_why_set(&login->why, "%s is never recorded: %s",
		    login->addr_text, drac_scope_word(scope));
		return false;
	}
	net = drac_nets_find(&login->conf.exclude, &login->addr);
	if (net == NULL)
		return true;
	drac_addr_text(&net->addr, text);
	drac_why_set(&login->why, "%s is in %s/%d, which is excluded",
	    login->addr_text, text, net->bits);
	return false;
}

static enum drac_outcome
authorise(struct drac_login *login)
{
	if (!service_counts(login) || drac_source_locate(login) == -1 ||
	    !may_be_recorded(login))
		return DRAC_REFUSED;
	return drac_record(login);
}

static void
report(const char *text, void *arg)
{
	pam_syslog(arg, LOG_ERR, "%s", text);
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
find_path(struct drac_login *login, int argc, const char **argv,
    const char **path)
{
	int i, count = 0;

	*path = NULL;
	for (i = 0; i < argc; i++)
		if (is_conf_path(argv[i])) {
			*path = argv[i] + sizeof(CONF_ARG) - 1;
			count++;
		}
	if (count > 1) {
		pam_syslog(login->pamh, LOG_ERR, "conf: given twice");
		return -1;
	}
	if (count == 1 && **path != '/') {
		pam_syslog(login->pamh, LOG_ERR,
		    "conf: not an absolute path: %s", *path);
		return -1;
	}
	return 0;
}

/* The default file may be missing, one that was named may not. */
static int
load_file(struct drac_login *login, int argc, const char **argv)
{
	const char *named;

	if (find_path(login, argc, argv, &named) == -1)
		return -1;
	if (drac_conf_load(&login->conf, named != NULL ? named : DRAC_CONF_PATH,
		report, login->pamh) == 0)
		return 0;
	if (errno != ENOENT)
		return -1;
	if (named == NULL)
		return 0;
	pam_syslog(login->pamh, LOG_ERR, "%s: %s", named,
	    strerrordesc_np(ENOENT));
	return -1;
}

/* The file first, for arguments override it; every error is logged. */
static int
configure(struct drac_login *login, int argc, const char **argv)
{
	struct drac_why why;
	int i, result;

	result = load_file(login, argc, argv);
	for (i = 0; i < argc; i++) {
		if (is_conf_path(argv[i]) ||
		    drac_conf_argument(&login->conf, argv[i], &why) == 0)
			continue;
		report(why.text, login->pamh);
		result = -1;
	}
	if (result == 0 && drac_conf_check(&login->conf, &why) == -1) {
		report(why.text, login->pamh);
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
		if (!is_conf_path(argv[i]))
			(void)drac_conf_argument(&conf, argv[i], NULL);
	yes = conf.after_requisite;
	drac_conf_free(&conf);
	errno = saved;
	return yes;
}

/* A reason that is policy names the client itself. */
static void
log_failure(const struct drac_login *login, enum drac_outcome outcome)
{
	const char *servers = login->servers, *why = login->why.text;
	bool both = *servers != '\0' && *why != '\0';
	bool client = outcome == DRAC_FAILED && login->addr_text[0] != '\0';

	pam_syslog(login->pamh, login->level,
	    "not recorded for %s (%s): %s%s%s%s%s", login->user, login->service,
	    servers, both ? "; " : "", why, client ? "; client " : "",
	    client ? login->addr_text : "");
}

static enum drac_outcome
attend(struct drac_login *login, int argc, const char **argv)
{
	enum drac_outcome outcome = DRAC_FAILED;

	drac_text_escape_item(login->pamh, PAM_USER, login->user);
	drac_text_escape_item(login->pamh, PAM_SERVICE, login->service);
	if (configure(login, argc, argv) == -1)
		drac_why_set(&login->why, "the configuration is broken");
	else {
		login->level = LOG_INFO;
		outcome = authorise(login);
	}
	if (outcome != DRAC_RECORDED && !login->logged)
		log_failure(login, outcome);
	return outcome;
}

static int
hook(pam_handle_t *pamh, enum drac_hook which, int argc, const char **argv)
{
	struct drac_login login = { .pamh = pamh, .level = LOG_ERR };
	enum drac_outcome outcome;
	int saved = errno, answer;

	if (drac_conf_init(&login.conf) == -1) {
		pam_syslog(pamh, LOG_ERR, "not recorded: out of memory");
		errno = saved;
		return drac_answer(which, DRAC_FAILED, false);
	}
	outcome = attend(&login, argc, argv);
	answer = drac_answer(which, outcome, login.conf.strict);
	drac_conf_free(&login.conf);
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
