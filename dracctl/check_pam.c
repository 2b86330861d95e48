/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The PAM services that record: which they are, and what is to be said of
 * each as a whole.
 */

#include "check_pam.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define OURS         "pam_drac"
#define PAM_DIR      "/etc/pam.d"
#define LINES_MAX    8 /* of ours in a service; more say nothing new */

/* In the order in which libpam looks. */
static int
read_service(const char *name, char **text, char **path, void *arg)
{
	static const char *const dirs[] = { PAM_DIR "/", "/usr/lib/pam.d/" };
	struct drac_check *check = arg;
	size_t count = name[0] == '/' ? 1 : COUNT(dirs);

	for (size_t i = 0; i < count; i++) {
		if (asprintf(path, "%s%s", name[0] == '/' ? "" : dirs[i],
			name) == -1)
			return -1;
		*text = drac_below_read(check->ctl, *path);
		if (*text != NULL)
			return 1;
		free(*path);
		if (errno == ENOMEM)
			return -1;
	}
	return 0;
}

/* The service as a whole */

static const struct drac_pam_line *
first_of_ours(const struct drac_pam_stack *stack)
{
	for (size_t i = 0; i < stack->count; i++)
		if (drac_pam_is(&stack->line[i], OURS))
			return &stack->line[i];
	return NULL;
}

static bool
opens_sessions(const struct drac_look *look)
{
	for (size_t i = 0; i < look->check->session_count; i++)
		if (strcasecmp(look->check->sessions[i], look->name) == 0)
			return true;
	return false;
}

static void
check_whole(struct drac_look *look)
{
	struct drac_check *check = look->check;

	for (size_t i = 0; i < look->stack.count; i++) {
		const struct drac_pam_line *line = &look->stack.line[i];
		char where[DRAC_CHECK_WHERE];

		if (line->kind == DRAC_PAM_BROKEN)
			drac_check_find(check, "pam-broken",
			    drac_look_where(line, where),
			    "Mend the line, as pam.d(5) tells.",
			    "PAM refuses whoever comes to this line: %s.",
			    line->fault);
	}
	if (!look->service.account && !look->service.auth &&
	    !(look->service.session && opens_sessions(look)))
		drac_check_find(check, "pam-session", look->service.where,
		    "Put " DRAC_PAM_GOOD_LINE " at the end of the file "
		    "instead.",
		    "This line records nothing for %s: mail servers open no "
		    "sessions, but for Dovecot with session=yes, and change no "
		    "passwords.",
		    look->name);
	if (!look->counted)
		drac_check_find(check, "pam-services", look->service.where,
		    "Add it to services, or remove our line from the file.",
		    "The key services leaves out %s, so its logins are not "
		    "recorded.",
		    look->name);
}

static void
keep_service(struct drac_look *look)
{
	struct drac_check *check = look->check;
	struct drac_check_service *more =
	    reallocarray(check->service, check->services + 1, sizeof(*more));

	check->tells_local = check->tells_local || look->service.tells_local;
	check->writes = check->writes || look->service.writes;
	if (more != NULL)
		check->service = more;
	look->service.name = strdup(look->name);
	if (more == NULL || look->service.name == NULL) {
		free(look->service.where);
		free(look->service.name);
		check->no_memory = true;
		return;
	}
	more[check->services++] = look->service;
	drac_check_looked(check, "PAM: %s records, by %s.", look->name,
	    look->service.where);
}

static void
look_at(struct drac_look *look, const struct drac_pam_line *first)
{
	char where[DRAC_CHECK_WHERE];
	unsigned count = 0;

	look->service.where = strdup(drac_look_where(first, where));
	if (look->service.where == NULL) {
		look->check->no_memory = true;
		return;
	}
	for (size_t i = 0; i < look->stack.count && count < LINES_MAX; i++)
		if (drac_pam_is(&look->stack.line[i], OURS)) {
			drac_look_at_line(look, &look->stack.line[i]);
			count++;
		}
	check_whole(look);
	keep_service(look);
}

/* Why there is no stack: none of the name, or one that is too large. */
static void
find_no_stack(struct drac_check *check, const char *name, int result,
    bool asked)
{
	char where[DRAC_CHECK_WHERE];

	snprintf(where, sizeof(where), PAM_DIR "/%.255s", name);
	if (result == -1 && errno != EFBIG)
		check->no_memory = true;
	else if (result == -1)
		drac_check_find(check, "pam-broken", where,
		    "Let it include less.",
		    "With all that it includes the service has more than %u "
		    "lines or %u files, so it was not looked at.",
		    DRAC_PAM_LINES, DRAC_PAM_FILES);
	else if (asked)
		drac_check_find(check, "pam-no-service", PAM_DIR "/other",
		    "Write a file with " DRAC_PAM_GOOD_LINE " at its end; "
		    "conf/pam.d has examples.",
		    "There is no file for the service %s, so PAM takes this "
		    "one.",
		    name);
}

/* asked: by the command line. */
static void
check_service(struct drac_check *check, const char *name, bool asked)
{
	struct drac_look look = { .check = check, .name = name };
	const struct drac_pam_line *first;
	char *path = NULL;
	int result;

	result = drac_pam_load(&look.stack, name, read_service, check);
	if (result != 1) {
		find_no_stack(check, name, result, asked);
		return;
	}
	first = first_of_ours(&look.stack);
	if (first != NULL)
		look_at(&look, first);
	else if (asked && asprintf(&path, PAM_DIR "/%s", name) != -1)
		drac_check_find(check, "pam-no-line", path,
		    "Put " DRAC_PAM_GOOD_LINE " at its end.",
		    "Neither this file nor one that it includes has a line "
		    "with pam_drac.so, so its logins are not recorded.");
	free(path);
	drac_pam_free(&look.stack);
}

bool
drac_check_records(struct drac_check *check, const char *service)
{
	struct drac_pam_stack stack;
	bool does;

	if (drac_pam_load(&stack, service, read_service, check) != 1 &&
	    drac_pam_load(&stack, "other", read_service, check) != 1)
		return false;
	does = first_of_ours(&stack) != NULL;
	drac_pam_free(&stack);
	return does;
}

/* What packagers and editors leave is nobody's service. */
static bool
is_service(const char *name)
{
	static const char *const ends[] = { "~", ".dpkg-old", ".dpkg-dist",
		".dpkg-new", ".rpmnew", ".rpmsave", ".orig", ".bak" };
	size_t length = strlen(name);

	for (size_t i = 0; i < COUNT(ends); i++) {
		size_t end = strlen(ends[i]);

		if (length >= end && strcmp(name + length - end, ends[i]) == 0)
			return false;
	}
	return name[0] != '.';
}

/* Those are read where they are included; alone they are nobody's. */
static void
check_shared(struct drac_check *check, const char *name)
{
	struct drac_pam_stack stack;

	if (drac_pam_load(&stack, name, read_service, check) != 1)
		return;
	for (size_t i = 0; i < stack.count; i++)
		if (drac_pam_is(&stack.line[i], OURS))
			drac_look_for_shared(check, &stack.line[i]);
	drac_pam_free(&stack);
}

static bool
takes_remote(const struct drac_ctl *ctl)
{
	const struct drac_conf *conf = &ctl->conf;
	char *file =
	    conf->allow_file == NULL ? NULL : drac_below(ctl, conf->allow_file);
	bool allows =
	    conf->allow.count > 0 || (file != NULL && access(file, F_OK) == 0);

	free(file);
	for (size_t i = 0; allows && i < conf->listen_count; i++)
		if (drac_addr_scope(&conf->listen[i].addr) !=
		    DRAC_SCOPE_LOOPBACK)
			return true;
	return false;
}

/* For old programs of this host: whoever says so has some. */
static bool
listens_here(const struct drac_conf *conf)
{
	if (!drac_conf_is_given(conf, "listen"))
		return false;
	for (size_t i = 0; i < conf->listen_count; i++)
		if (drac_addr_scope(&conf->listen[i].addr) ==
		    DRAC_SCOPE_LOOPBACK)
			return true;
	return false;
}

/* From other hosts or programs, which is reason enough to keep a map. */
static bool
takes_reports(const struct drac_ctl *ctl)
{
	const struct drac_conf *conf = &ctl->conf;

	return drac_conf_takes_users(conf) || listens_here(conf) ||
	       takes_remote(ctl);
}

static void
check_directory(struct drac_check *check)
{
	char *dir = drac_below(check->ctl, PAM_DIR);
	struct dirent **entry = NULL;
	int count = dir == NULL ? -1 : scandir(dir, &entry, NULL, alphasort);

	for (int i = 0; i < count; i++) {
		const char *name = entry[i]->d_name;

		if (drac_look_is_shared(name))
			check_shared(check, name);
		else if (is_service(name))
			check_service(check, name, false);
		free(entry[i]);
	}
	free(entry);
	free(dir);
	if (check->services == 0 && takes_reports(check->ctl))
		drac_check_looked(check, "PAM: no service records here, but "
					 "others may report.");
	else if (check->services == 0 && !check->has_hook)
		drac_check_find(check, "pam-none", PAM_DIR,
		    "Put " DRAC_PAM_GOOD_LINE
		    " at the end of the file of each mail "
		    "service; drac(7) tells which.",
		    "No service has a line with pam_drac.so, so no login is "
		    "recorded, unless a hook of the mail server runs "
		    "drac-login.");
}

void
drac_check_pam(struct drac_check *check)
{
	const struct drac_ctl *ctl = check->ctl;

	for (size_t i = 0; i < ctl->pam_count; i++)
		check_service(check, ctl->pam[i], true);
	if (ctl->pam_count == 0)
		check_directory(check);
	if (check->has_hook && ctl->conf.server_count == 0)
		check->writes = true;
	check->by_daemon = check->tells_local ||
			   (check->services == 0 && takes_reports(check->ctl));
}
