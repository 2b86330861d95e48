/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the tests of the module share: a directory with service files, a
 * configuration and a map of its own; an application that logs in through
 * it; and what the module logged meanwhile, caught by log_trap.h.
 *
 * The map is looked at in a child process: Berkeley DB's I/O functions are
 * process-wide, and this program's copy of the store must not displace the
 * module's.
 */
#ifndef DRAC_TEST_LOGIN_H
#define DRAC_TEST_LOGIN_H

#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <security/pam_appl.h>
#include <security/pam_ext.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../log_trap.h"
#include "../unit/test.h"
#include "store.h"

#define SERVICE  "dovecot"
#define LIFETIME 1800

static char place[] = "/tmp/drac-pam.XXXXXX";
static char module_path[PATH_MAX], stub_path[PATH_MAX];
static char map_path[64], conf_path[64];

_Noreturn static inline void
die(const char *what)
{
	printf("FAIL %s: %s\n", what, strerror(errno));
	exit(1);
}

static inline void
find_object(const char *path, char found[PATH_MAX])
{
	if (realpath(path, found) == NULL)
		die(path);
}

__attribute__((format(printf, 2, 3))) static inline void
write_file(const char *name, const char *format, ...)
{
	char path[PATH_MAX];
	va_list ap;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", place, name);
	file = fopen(path, "we");
	if (file == NULL)
		die(path);
	va_start(ap, format);
	vfprintf(file, format, ap);
	va_end(ap);
	if (fclose(file) != 0 || chmod(path, 0644) == -1)
		die(path);
}

/* The configuration of this place, with more lines at its end. */
static inline void
write_conf(const char *more)
{
	/* Whatever addresses the machine has that this runs on. */
	write_file("drac.conf",
	    "database = %s\nsync = no\n%s\nallow_gateway = yes\n", map_path,
	    more);
}

static inline void
make_place(void)
{
	const char *build = getenv("DRAC_BUILD"), *module;
	char path[PATH_MAX];

	if (build == NULL)
		build = "build";
	module = getenv("DRAC_MODULE");
	if (module == NULL) {
		snprintf(path, sizeof(path), "%s/pam_drac.so", build);
		module = path;
	}
	find_object(module, module_path);
	snprintf(path, sizeof(path), "%s/tests/pam/pam_stub.so", build);
	find_object(path, stub_path);
	if (mkdtemp(place) == NULL || chmod(place, 0755) == -1)
		die(place);
	snprintf(map_path, sizeof(map_path), "%s/db", place);
	if (mkdir(map_path, 0755) == -1)
		die(map_path);
	snprintf(map_path, sizeof(map_path), "%s/db/dracd.db", place);
	snprintf(conf_path, sizeof(conf_path), "%s/drac.conf", place);
	write_conf("");
	/* Without one, libpam complains where a group is missing. */
	write_file("other", "# nothing\n");
}

static inline int
remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static inline void
remove_place(void)
{
	nftw(place, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/*
 * Write a service file. In text, %M is our module with its configuration,
 * %N our module bare, %S the stub with the answers given, %C a control.
 */
struct stack {
	const char *text;
	const char *control;
	const char *answers;
};

static inline void
write_stack(const struct stack *stack)
{
	char path[PATH_MAX];
	const char *at;
	FILE *file;

	snprintf(path, sizeof(path), "%s/" SERVICE, place);
	file = fopen(path, "we");
	if (file == NULL)
		die(path);
	for (at = stack->text; *at != '\0'; at++) {
		if (*at != '%')
			fputc(*at, file);
		else if (*++at == 'M')
			fprintf(file, "%s conf=%s", module_path, conf_path);
		else if (*at == 'N')
			fputs(module_path, file);
		else if (*at == 'S')
			fprintf(file, "%s %s", stub_path, stack->answers);
		else
			fputs(stack->control, file);
	}
	if (fclose(file) != 0)
		die(path);
}

static inline void
write_lines(const char *text)
{
	struct stack stack = { text, "", "" };

	write_stack(&stack);
}

/* The stack that we recommend, after a right password. */
static inline void
write_usual(void)
{
	write_lines("auth required %S\n"
		    "account required %S\n"
		    "account optional %M\n"
		    "session required %S\n");
}

static struct {
	int count;
	int level[64];
	char line[64][640];
} caught;
static bool catch_nothing; /* set where threads log at once */

/* What libpam has to say itself does not reach the log of this host. */
__attribute__((visibility("default"))) void
pam_syslog(const pam_handle_t *pamh, int priority, const char *format, ...)
{
	(void)pamh;
	(void)priority;
	(void)format;
}

/* Without what pam_syslog(3) would have put before it. */
static void
log_caught(int priority, const char *tag, const char *text)
{
	const char *end = strstr(text, "): ");

	if (catch_nothing || caught.count == 64)
		return;
	if (strncmp(text, "PAM ", 4) == 0)
		text += 4;
	else if (strncmp(text, "pam_drac(", 9) == 0 && end != NULL)
		text = end + 3;
	else
		die(text);
	if ((priority & LOG_FACMASK) != LOG_AUTHPRIV ||
	    strcmp(tag, program_invocation_short_name) != 0)
		die(tag);
	snprintf(caught.line[caught.count], sizeof(caught.line[0]), "%s", text);
	if (getenv("VERBOSE") != NULL)
		printf("  <%d> %s\n", priority, caught.line[caught.count]);
	caught.level[caught.count++] = LOG_PRI(priority);
}

static inline void
forget_log(void)
{
	caught.count = 0;
}

/* How many lines of this level have this text in them. */
static inline int
logged(int level, const char *text)
{
	int found = 0;

	for (int i = 0; i < caught.count; i++)
		if (caught.level[i] == level &&
		    strstr(caught.line[i], text) != NULL)
			found++;
	return found;
}

static inline int
converse(int count, const struct pam_message **message,
    struct pam_response **response, void *arg)
{
	(void)count;
	(void)message;
	(void)response;
	(void)arg;
	return PAM_CONV_ERR;
}

static inline void
set_rhost(pam_handle_t *pamh, const char *rhost)
{
	if (pam_set_item(pamh, PAM_RHOST, rhost) != PAM_SUCCESS)
		die("PAM_RHOST");
}

static inline pam_handle_t *
start(const char *user, const char *rhost)
{
	static const struct pam_conv conversation = { converse, NULL };
	pam_handle_t *pamh = NULL;

	if (pam_start_confdir(SERVICE, user, &conversation, place, &pamh) !=
	    PAM_SUCCESS)
		die("pam_start_confdir");
	if (rhost != NULL)
		set_rhost(pamh, rhost);
	return pamh;
}

/*
 * Authenticate, aCcount, Setcred, Delete credentials, Open, X close, in
 * the order of the letters, until one fails; its answer.
 */
static inline int
call(pam_handle_t *pamh, const char *letters)
{
	int status = PAM_SUCCESS;

	for (; *letters != '\0' && status == PAM_SUCCESS; letters++) {
		if (*letters == 'A')
			status = pam_authenticate(pamh, 0);
		else if (*letters == 'C')
			status = pam_acct_mgmt(pamh, 0);
		else if (*letters == 'S')
			status = pam_setcred(pamh, PAM_ESTABLISH_CRED);
		else if (*letters == 'D')
			status = pam_setcred(pamh, PAM_DELETE_CRED);
		else if (*letters == 'O')
			status = pam_open_session(pamh, 0);
		else if (*letters == 'X')
			status = pam_close_session(pamh, 0);
		else
			status = PAM_ABORT;
	}
	return status;
}

/* A whole login of alice that ends as it went. */
static inline int
log_in(const char *rhost, const char *letters)
{
	pam_handle_t *pamh = start("alice", rhost);
	int status = call(pamh, letters);

	pam_end(pamh, status);
	return status;
}

static inline struct drac_store *
child_store(bool may_create)
{
	struct drac_store_opts opts = { .path = map_path,
		.mode = 0644,
		.timeout_ms = 5000,
		.may_create = may_create };
	struct drac_store *store = NULL;
	struct drac_why why = { "" };

	if (drac_store_open(&opts, &store, &why) == 0)
		return store;
	if (errno != ENOENT || may_create) {
		printf("FAIL map: %s\n", why.text);
		fflush(stdout);
		_exit(1);
	}
	return NULL;
}

static inline struct drac_addr
address(const char *text)
{
	struct drac_addr addr = { 0 };

	if (drac_addr_parse(text, &addr) == -1)
		die(text);
	return addr;
}

/* Set the expiry of an entry; 0 removes it. */
static inline void
set_entry(const char *text, time_t expiry)
{
	struct drac_addr addr = address(text);
	struct drac_why why = { "" };
	struct drac_store *store;
	int status, result;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		store = child_store(true);
		result = expiry == 0
			     ? drac_store_drop(store, &addr, &why)
			     : drac_store_set(store, &addr, expiry, &why);
		drac_store_close(store);
		_exit(result == -1);
	}
	if (child == -1 || waitpid(child, &status, 0) == -1 || status != 0)
		die("set_entry");
}

/* The expiry that the map has for an address, 0 for none. */
static inline time_t
entry(const char *text)
{
	struct drac_addr addr = address(text);
	struct drac_why why = { "" };
	struct drac_store *store;
	int64_t expiry = 0;
	time_t found = 0;
	int ends[2], status;
	pid_t child;

	fflush(stdout);
	if (pipe(ends) == -1 || (child = fork()) == -1)
		die("entry");
	if (child == 0) {
		store = child_store(false);
		if (store != NULL &&
		    drac_store_get(store, &addr, &found, &why) == -1)
			_exit(1);
		drac_store_close(store);
		expiry = found;
		if (write(ends[1], &expiry, sizeof(expiry)) != sizeof(expiry))
			_exit(1);
		_exit(0);
	}
	close(ends[1]);
	if (read(ends[0], &expiry, sizeof(expiry)) != sizeof(expiry) ||
	    waitpid(child, &status, 0) == -1 || status != 0)
		die("entry");
	close(ends[0]);
	return (time_t)expiry;
}

static inline bool
recorded(const char *text)
{
	time_t expiry = entry(text), now = time(NULL);

	return expiry > now + LIFETIME - 60 && expiry <= now + LIFETIME;
}

#endif
