/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A line of ours: is its module there, what does it say, and who comes to
 * it, as pam_walk.c goes the ways?
 */

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "check_pam.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* Files that others include: what stands there stands in every service. */
static const char *const shared_files[] = { "common-account", "common-auth",
	"common-session", "common-session-noninteractive", "common-password",
	"password-auth", "system-auth", "system-login", "system-services",
	"postlogin", "other" };

bool
drac_look_is_shared(const char *path)
{
	const char *name = strrchr(path, '/');

	name = name == NULL ? path : name + 1;
	for (size_t i = 0; i < COUNT(shared_files); i++)
		if (strcmp(shared_files[i], name) == 0)
			return true;
	return false;
}

const char *
drac_look_where(const struct drac_pam_line *line, char where[DRAC_CHECK_WHERE])
{
	return drac_check_at(line->file, line->number, where);
}

void
drac_look_for_shared(struct drac_check *check, const struct drac_pam_line *line)
{
	char where[DRAC_CHECK_WHERE];

	if (!drac_look_is_shared(line->file))
		return;
	drac_check_find(check, "pam-shared", drac_look_where(line, where),
	    "Remove it there, and put " DRAC_PAM_GOOD_LINE
	    " into the files of the mail "
	    "services alone.",
	    "Every service includes this file or falls back to it, so sshd, su "
	    "and cron authorise addresses as well.");
}

/* The module's file */

static bool
dir_has(const char *dir, const char *file)
{
	char *path;
	bool has;

	if (asprintf(&path, "%s/%s", dir, file) == -1)
		return false;
	has = access(path, F_OK) == 0;
	free(path);
	return has;
}

/*
 * Modules are looked for where libpam was built to look: that is where
 * those that come with it are. 1 ours is there, too; 0 not; -1: no such place.
 */
static int
find_module(const struct drac_ctl *ctl, const char *file, char **dir)
{
	static const char *const patterns[] = { "/lib/security",
		"/lib64/security", "/usr/lib/security", "/usr/lib64/security",
		"/lib/*/security", "/usr/lib/*/security" };
	glob_t dirs = { 0 };
	int result = -1;

	*dir = NULL;
	for (size_t i = 0; i < COUNT(patterns); i++) {
		char *pattern = drac_below(ctl, patterns[i]);

		if (pattern != NULL)
			(void)glob(pattern, i > 0 ? GLOB_APPEND : 0, NULL,
			    &dirs);
		free(pattern);
	}
	for (size_t i = 0; i < dirs.gl_pathc && result != 1; i++) {
		if (!dir_has(dirs.gl_pathv[i], "pam_permit.so") &&
		    !dir_has(dirs.gl_pathv[i], "pam_unix.so"))
			continue;
		result = dir_has(dirs.gl_pathv[i], file);
		free(*dir);
		*dir = strdup(drac_below_name(ctl, dirs.gl_pathv[i]));
	}
	globfree(&dirs);
	return result;
}

static void
check_module(struct drac_look *look, const struct drac_pam_line *line)
{
	struct drac_check *check = look->check;
	char where[DRAC_CHECK_WHERE];
	char *path;

	if (strchr(line->module, '$') != NULL)
		return;
	if (line->module[0] != '/') {
		if (find_module(check->ctl, line->module, &path) == 0)
			drac_check_find(check, "pam-module",
			    drac_look_where(line, where),
			    "Install it there (make install pamdir=DIR), or "
			    "write its full path in the line.",
			    "PAM looks for %s in %s, and it is not there.",
			    line->module, path != NULL ? path : "its place");
		free(path);
		return;
	}
	path = drac_below(check->ctl, line->module);
	if (path != NULL && access(path, F_OK) == -1)
		drac_check_find(check, "pam-module",
		    drac_look_where(line, where),
		    "Write pam_drac.so alone, if it was installed where PAM "
		    "looks, or its right path.",
		    "There is no %s.", line->module);
	free(path);
}

/* What the line says */

static bool
is_conf_path(const char *argument)
{
	return strncmp(argument, "conf=", 5) == 0;
}

/* As the module does it: the file first, then the arguments. */
static void
configure(struct drac_look *look, const struct drac_pam_line *line,
    struct drac_conf *conf)
{
	struct drac_check *check = look->check;
	char where[DRAC_CHECK_WHERE], *path;
	const char *named = NULL;
	struct drac_why why;
	bool good = true;

	for (int i = 0; i < line->arguments; i++)
		if (is_conf_path(line->argument[i]))
			named = line->argument[i] + 5;
	if (named == NULL && check->ctl->conf_path != NULL)
		path = strdup(check->ctl->conf_path);
	else
		path = drac_below(check->ctl,
		    named != NULL ? named : DRAC_CONF_PATH);
	if (path != NULL &&
	    drac_conf_load(conf, path, drac_check_conf_error, check) == -1 &&
	    errno == ENOENT && named != NULL)
		drac_check_find(check, "pam-argument",
		    drac_look_where(line, where), "Name the right file.",
		    "There is no %s.", named);
	free(path);
	for (int i = 0; i < line->arguments; i++) {
		if (is_conf_path(line->argument[i]) ||
		    drac_conf_argument(conf, line->argument[i], &why) == 0)
			continue;
		good = false;
		drac_check_find(check, "pam-argument",
		    drac_look_where(line, where),
		    "See pam_drac(8) for what may stand there.",
		    "The module does not understand its argument, and records "
		    "nothing: %s.",
		    why.text);
	}
	if (good && drac_conf_check(conf, &why) == -1)
		drac_check_find(check, "pam-argument",
		    drac_look_where(line, where),
		    "See pam_drac(8) for what may stand there.", "%s.",
		    why.text);
}

static bool
counts(const struct drac_look *look, const struct drac_conf *conf)
{
	for (size_t i = 0; i < conf->service_count; i++)
		if (strcasecmp(conf->services[i], look->name) == 0)
			return true;
	return conf->services == NULL;
}

/* What the module answers nearly always must not decide. */
static bool
decides(const struct drac_pam_line *line)
{
	int action = line->group == DRAC_PAM_SESSION
			 ? line->action[DRAC_PAM_SUCCESS]
			 : line->action[DRAC_PAM_IGNORE];

	return action != DRAC_PAM_DO_IGNORE && action != DRAC_PAM_DO_OK;
}

static void
check_control(struct drac_look *look, const struct drac_pam_line *line,
    bool strict)
{
	char where[DRAC_CHECK_WHERE];

	if (strcasecmp(line->control, "required") == 0 ||
	    strcasecmp(line->control, "requisite") == 0) {
		if (!strict)
			drac_check_find(look->check, "pam-control",
			    drac_look_where(line, where),
			    "Write optional; or add strict, if nobody may log "
			    "in without being recorded.",
			    "%s gains nothing without the argument strict, and "
			    "locks everybody out when the module's file is "
			    "missing.",
			    line->control);
	} else if (strcasecmp(line->control, "sufficient") == 0 ||
		   decides(line)) {
		drac_check_find(look->check, "pam-control",
		    drac_look_where(line, where), "Write optional.",
		    "The control field (%s) lets the module decide about the "
		    "login, or end the group.",
		    line->control);
	}
}

/* Who comes to it */

static void
describe(const struct drac_pam_line *line, const char *otherwise,
    char text[DRAC_CHECK_WHERE])
{
	if (line == NULL)
		snprintf(text, DRAC_CHECK_WHERE, "%s", otherwise);
	else
		snprintf(text, DRAC_CHECK_WHERE, "%s:%u (%.80s %.80s)",
		    line->file, line->number, line->control,
		    line->module != NULL ? line->module : "");
}

static void
check_wrong_password(struct drac_look *look, const struct drac_pam_line *line)
{
	char where[DRAC_CHECK_WHERE], who[DRAC_CHECK_WHERE];
	struct drac_pam_fate fate;

	drac_pam_walk(&look->stack, line, DRAC_PAM_WRONG, &fate);
	if (!fate.in_vain && !fate.too_many)
		return;
	describe(fate.refused_by, "the password check", who);
	drac_check_find(look->check, "pam-wrong-password",
	    drac_look_where(line, where),
	    "Remove this line at once and put " DRAC_PAM_GOOD_LINE
	    " at the end of the "
	    "file; or put it behind `@include common-auth' or a requisite "
	    "password module.",
	    "after_requisite stands here, but the line can be reached after a "
	    "wrong password, which %s lets pass: anybody who tries to log in "
	    "to %s may relay, without any password.",
	    who, look->name);
}

static void
check_refused(struct drac_look *look, const struct drac_pam_line *line)
{
	char where[DRAC_CHECK_WHERE], who[DRAC_CHECK_WHERE];
	struct drac_pam_fate fate;

	drac_pam_walk(&look->stack, line, DRAC_PAM_REFUSED, &fate);
	if (!fate.in_vain || fate.refused_by == NULL)
		return;
	describe(fate.refused_by, "another line", who);
	drac_check_find(look->check, "pam-refused-account",
	    drac_look_where(line, where),
	    "Put the line behind modules that end the group when they refuse: "
	    "Debian's `@include common-account', or requisite instead of "
	    "required; a line `account requisite pam_unix.so' right before it "
	    "does no harm where another one follows.",
	    "An account that is refused by %s, because it has expired for "
	    "instance, comes to this line with a right password and is "
	    "recorded. That is taken back at the end of the login, where the "
	    "mail server reports truly that it failed; Mailutils, UW imapd, "
	    "solid-pop3d and Exim do not.",
	    who);
}

/* by: the line that ended the group; NULL: one that skipped ours. */
static const char *
reach_advice(const struct drac_pam_line *line, const struct drac_pam_line *by)
{
	if (by == NULL || strcmp(by->file, line->file) == 0)
		return "Put the line before that one.";
	return "Put the line before the include of that file, or include it as "
	       "a substack (`account substack FILE').";
}

static void
check_reached(struct drac_look *look, const struct drac_pam_line *line)
{
	char where[DRAC_CHECK_WHERE], who[DRAC_CHECK_WHERE];
	struct drac_pam_fate fate, local;

	drac_pam_walk(&look->stack, line, DRAC_PAM_GOOD, &fate);
	if (fate.called && !fate.missed)
		return;
	drac_pam_walk(&look->stack, line, DRAC_PAM_LOCAL, &local);
	describe(fate.ended_by, "a line before it", who);
	drac_check_find(look->check, "pam-not-reached",
	    drac_look_where(line, where), reach_advice(line, fate.ended_by),
	    "This line is %s: %s may end the group before it, or skip it.",
	    !fate.called    ? "never reached"
	    : !local.called ? "never reached by users of the password file"
			    : "not reached by all who log in",
	    who);
}

static void
check_auth(struct drac_look *look, const struct drac_pam_line *line,
    bool vouches)
{
	char where[DRAC_CHECK_WHERE];

	if (vouches) {
		check_wrong_password(look, line);
		check_reached(look, line);
		return;
	}
	drac_check_find(look->check, "pam-auth", drac_look_where(line, where),
	    "Put " DRAC_PAM_GOOD_LINE " at the end of the file instead.",
	    "An auth line records only when the server sets credentials, and "
	    "few mail servers do: Dovecot, Courier, popa3d and perdition do "
	    "not.");
}

void
drac_look_at_line(struct drac_look *look, const struct drac_pam_line *line)
{
	struct drac_check *check = look->check;
	struct drac_conf conf;

	if (drac_conf_init(&conf) == -1) {
		check->no_memory = true;
		return;
	}
	configure(look, line, &conf);
	drac_look_for_shared(check, line);
	check_module(look, line);
	check_control(look, line, conf.strict);
	look->counted = look->counted || counts(look, &conf);
	look->service.auth = look->service.auth || line->group == DRAC_PAM_AUTH;
	if (drac_conf_tells_local(&conf))
		look->service.tells_local = true;
	else if (conf.server_count == 0)
		look->service.writes = true;
	if (line->group == DRAC_PAM_AUTH)
		check_auth(look, line, conf.after_requisite);
	if (line->group == DRAC_PAM_ACCOUNT) {
		look->service.account = true;
		check_refused(look, line);
		check_reached(look, line);
	} else if (line->group == DRAC_PAM_SESSION) {
		look->service.session = true;
		check_reached(look, line);
	}
	drac_conf_free(&conf);
}
