/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The module: a login in, one authorisation out. What each hook does is
 * laid down here, what it answers in pam_drac.h, and where the address may
 * come from in the table of sources below.
 *
 * It runs inside other people's daemons, so: no globals, nothing changed
 * in the process, nothing leaked, no wait beyond `timeout`, errno kept.
 * What has to outlive a hook hangs on the PAM handle. One handle is one
 * login: an address that a hook has recorded is not recorded again, and
 * all of them are taken back when the application ends the handle with a
 * failure. A refusal or a failure leaves no mark, so that a later hook, or
 * a second try on the same handle, starts afresh.
 */

#include "pam_drac.h"

#include <sys/socket.h>

#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <security/pam_ext.h>
#include <security/pam_modules.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <syslog.h>
#include <time.h>

#include "addr.h"
#include "allow.h"
#include "conf.h"
#include "store.h"
#include "why.h"

#define EXPORT    __attribute__((visibility("default")))
#define DATA_NAME "pam_drac"
#define CONF_ARG  "conf="

enum {
	WORD = 96, /* octets of outside text in a log line, escaped */
	CLOCK = sizeof("00:00:00Z")
};

/* An address that this login recorded, and how to take it back. */
struct mark {
	struct mark *next;
	struct drac_addr addr;
	struct drac_grant grant;
	struct drac_store_opts opts; /* opts.path points to path */
	char path[];
};

/* What hangs on the PAM handle. */
struct memory {
	unsigned long spent_ms; /* in the store, by all hooks so far */
	struct mark *marks;
};

struct login {
	pam_handle_t *pamh;
	struct drac_conf conf;
	struct drac_addr addr;
	char addr_text[DRAC_ADDR_TEXT];
	char user[WORD];
	char service[WORD];
	struct drac_why why; /* why nothing was recorded */
	int level;           /* at which that is logged */
};

/*
 * Outside text as one word for a log line: printable ASCII without quotes
 * and backslashes, anything else as \xNN; cut with dots.
 */
static void
escape(const char *text, char word[WORD])
{
	static const char hex[] = "0123456789abcdef";
	size_t used = 0;

	for (; *text != '\0' && used + sizeof("\\xNN...") <= WORD; text++) {
		unsigned char c = (unsigned char)*text;

		if (c > ' ' && c < 0x7f && c != '"' && c != '\\') {
			word[used++] = (char)c;
			continue;
		}
		word[used++] = '\\';
		word[used++] = 'x';
		word[used++] = hex[c >> 4];
		word[used++] = hex[c & 15];
	}
	memcpy(word + used, *text == '\0' ? "" : "...", *text == '\0' ? 1 : 4);
}

static const char *
item(const pam_handle_t *pamh, int type)
{
	const void *value = NULL;

	if (pam_get_item(pamh, type, &value) != PAM_SUCCESS || value == NULL)
		return "";
	return value;
}

static void
escape_item(const pam_handle_t *pamh, int type, char word[WORD])
{
	const char *value = item(pamh, type);

	escape(*value == '\0' ? "-" : value, word);
}

/* By arithmetic: gmtime_r(3) would make the C library read TZ. */
static void
clock_text(time_t when, char text[CLOCK])
{
	unsigned second = (unsigned)(when % 86400);

	snprintf(text, CLOCK, "%02u:%02u:%02uZ", second / 3600 % 24,
	    second / 60 % 60, second % 60);
}

/* libpam names no module in lines logged from a clean-up: name it here. */
static void
take_back(pam_handle_t *pamh, const struct mark *mark, int status)
{
	struct drac_store *store = NULL;
	struct drac_why why = { "" };
	char addr[DRAC_ADDR_TEXT], user[WORD], service[WORD];
	int result;

	drac_addr_text(&mark->addr, addr);
	escape_item(pamh, PAM_USER, user);
	escape_item(pamh, PAM_SERVICE, service);
	result = drac_store_open(&mark->opts, &store, &why);
	if (result == 0)
		result = drac_store_take_back(store, &mark->addr, &mark->grant,
		    &why);
	drac_store_close(store);
	if (result == 1)
		pam_syslog(pamh, LOG_INFO,
		    DATA_NAME ": took back %s: the login of %s (%s) failed: %s",
		    addr, user, service, pam_strerror(pamh, status));
	else if (result == -1)
		pam_syslog(pamh, LOG_ERR,
		    DATA_NAME ": could not take back %s of %s (%s): %s", addr,
		    user, service, why.text);
}

/*
 * Whether the application reports a failed login to pam_end(3). A forked
 * child says PAM_DATA_SILENT and speaks for nobody; PAM_DATA_REPLACE comes
 * from pam_set_data(3). A negative status is no PAM code and has no flags:
 * it cannot mean success.
 */
static bool
reports_failure(int status)
{
	if (status < 0)
		return true;
	return (status & (PAM_DATA_SILENT | PAM_DATA_REPLACE)) == 0 &&
	       status != PAM_SUCCESS;
}

/* The clean-up of pam_set_data(3). The latest mark goes first. */
static void
forget(pam_handle_t *pamh, void *data, int status)
{
	struct memory *memory = data;
	struct mark *mark;
	int saved = errno;

	while ((mark = memory->marks) != NULL) {
		memory->marks = mark->next;
		if (mark->grant.written && reports_failure(status))
			take_back(pamh, mark, status);
		free(mark);
	}
	free(memory);
	errno = saved;
}

/* The memory of this handle, made at need; NULL without memory. */
static struct memory *
recall(pam_handle_t *pamh)
{
	const void *data = NULL;
	struct memory *memory;

	if (pam_get_data(pamh, DATA_NAME, &data) == PAM_SUCCESS && data != NULL)
		return (struct memory *)(uintptr_t)data; /* ours, not const */
	memory = calloc(1, sizeof(*memory));
	if (memory != NULL &&
	    pam_set_data(pamh, DATA_NAME, memory, forget) != PAM_SUCCESS) {
		free(memory);
		memory = NULL;
	}
	return memory;
}

/* Recorded by this login already, in the same map? */
static bool
is_marked(const struct memory *memory, const struct login *login)
{
	const struct mark *mark;

	for (mark = memory->marks; mark != NULL; mark = mark->next)
		if (drac_addr_equal(&mark->addr, &login->addr) &&
		    strcmp(mark->path, login->conf.database) == 0)
			return true;
	return false;
}

static struct mark *
new_mark(const struct login *login)
{
	size_t size = strlen(login->conf.database) + 1;
	struct mark *mark = calloc(1, sizeof(*mark) + size);

	if (mark == NULL)
		return NULL;
	memcpy(mark->path, login->conf.database, size);
	mark->addr = login->addr;
	drac_conf_store_opts(&login->conf, &mark->opts);
	mark->opts.path = mark->path;
	mark->opts.may_create = true;
	return mark;
}

static int
write_mark(struct login *login, struct mark *mark)
{
	struct drac_store *store = NULL;
	time_t now = time(NULL);
	int result, saved;

	result = drac_store_open(&mark->opts, &store, &login->why);
	if (result == 0)
		result = drac_store_add(store, &mark->addr, now,
		    now + (time_t)login->conf.lifetime_s, login->conf.renew_s,
		    &mark->grant, &login->why);
	saved = errno;
	drac_store_close(store);
	errno = saved;
	return result;
}

static unsigned long
elapsed_ms(const struct timespec *since)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (unsigned long)((now.tv_sec - since->tv_sec) * 1000 +
			       (now.tv_nsec - since->tv_nsec) / 1000000);
}

/*
 * All waits of one login share `timeout`; taking back gets what is left,
 * but a quarter at least, for nobody waits for a login that has failed.
 */
static int
write_in_time(struct login *login, struct memory *memory, struct mark *mark)
{
	unsigned long total = login->conf.timeout_ms, left;
	struct timespec start;
	int result, saved;

	if (memory->spent_ms >= total) {
		drac_why_set(&login->why,
		    "the timeout of this login is used up");
		errno = ETIMEDOUT;
		return -1;
	}
	mark->opts.timeout_ms = (unsigned)(total - memory->spent_ms);
	clock_gettime(CLOCK_MONOTONIC, &start);
	result = write_mark(login, mark);
	saved = errno;
	memory->spent_ms += elapsed_ms(&start);
	left = memory->spent_ms < total ? total - memory->spent_ms : 0;
	mark->opts.timeout_ms = (unsigned)(left > total / 4 ? left : total / 4);
	errno = saved;
	return result;
}

static void
log_grant(struct login *login, const struct drac_grant *grant)
{
	char until[CLOCK];

	clock_text(grant->expiry, until);
	if (grant->written)
		pam_syslog(login->pamh, LOG_INFO,
		    "authorised %s until %s for %s (%s)", login->addr_text,
		    until, login->user, login->service);
	else if (login->conf.debug)
		pam_syslog(login->pamh, LOG_DEBUG,
		    "%s is already authorised until %s, for %s (%s) too",
		    login->addr_text, until, login->user, login->service);
	if (login->why.text[0] != '\0')
		pam_syslog(login->pamh, LOG_WARNING, "%s", login->why.text);
}

/*
 * Memory and mark are made first: once the map has the address, nothing
 * may fail that is needed to take it back.
 */
static enum drac_outcome
record(struct login *login)
{
	struct memory *memory = recall(login->pamh);
	struct mark *mark;

	if (memory != NULL && is_marked(memory, login)) {
		if (login->conf.debug)
			pam_syslog(login->pamh, LOG_DEBUG,
			    "%s is already authorised by this login",
			    login->addr_text);
		return DRAC_RECORDED;
	}
	mark = memory == NULL ? NULL : new_mark(login);
	if (mark == NULL) {
		drac_why_set(&login->why, "out of memory");
		login->level = LOG_ERR;
		return DRAC_FAILED;
	}
	if (write_in_time(login, memory, mark) == -1) {
		login->level = errno == ETIMEDOUT ? LOG_WARNING : LOG_ERR;
		free(mark);
		return DRAC_FAILED;
	}
	mark->next = memory->marks;
	memory->marks = mark;
	log_grant(login, &mark->grant);
	return DRAC_RECORDED;
}

/*
 * Could this be the name of a host? Nothing is done with it but to look
 * for the address elsewhere, so the test is a coarse one: letters, digits,
 * dots, hyphens and underscores, and a letter among them (not 127.1).
 */
static bool
is_name(const char *text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

	if (strpbrk(text, letters) == NULL)
		return false;
	while (*text != '\0' && (strchr(letters, *text) != NULL ||
				    strchr("0123456789.-_", *text) != NULL))
		text++;
	return *text == '\0';
}

/*
 * A source looks in one place: 1 found, 0 nothing there, look further,
 * -1 something there that cannot be used; then why is set.
 */
static int
from_rhost(struct login *login)
{
	const char *rhost = item(login->pamh, PAM_RHOST);
	char word[WORD];

	if (*rhost == '\0') {
		drac_why_set(&login->why, "no remote host");
		return 0;
	}
	if (drac_addr_parse(rhost, &login->addr) == 0)
		return 1;
	escape(rhost, word);
	if (is_name(rhost)) {
		drac_why_set(&login->why, "remote host \"%s\" is a name", word);
		return 0;
	}
	drac_why_set(&login->why, "remote host \"%s\" is not an address", word);
	login->level = LOG_WARNING;
	return -1;
}

/* A variable that holds anything but an address was asked for in vain. */
static int
from_env(struct login *login)
{
	const char *name = login->conf.rhost_env, *value;
	char word[WORD];

	if (name == NULL)
		return 0;
	value = pam_getenv(login->pamh, name);
	if (value == NULL)
		value = secure_getenv(name);
	if (value == NULL || *value == '\0')
		return 0;
	if (drac_addr_parse(value, &login->addr) == 0)
		return 1;
	escape(value, word);
	drac_why_set(&login->why, "%s=\"%s\" is not an address", name, word);
	login->level = LOG_WARNING;
	return -1;
}

/* The other end of a connected stream socket of the internet. */
static bool
client_of(int fd, struct drac_addr *addr)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer), type_len = sizeof(int);
	int type = 0;

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len) == 0 &&
	       type == SOCK_STREAM &&
	       getpeername(fd, (struct sockaddr *)&peer, &len) == 0 &&
	       drac_addr_from_sockaddr((struct sockaddr *)&peer, len, addr) ==
		   0;
}

static int
from_stdin(struct login *login)
{
	return client_of(0, &login->addr) ? 1 : 0;
}

static bool
on_peer_port(const struct drac_conf *conf, int fd)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} local;
	socklen_t len = sizeof(local);
	in_port_t port;
	size_t i;

	memset(&local, 0, sizeof(local));
	if (getsockname(fd, &local.any, &len) == -1)
		return false;
	if (local.any.sa_family == AF_INET)
		port = local.v4.sin_port;
	else if (local.any.sa_family == AF_INET6)
		port = local.v6.sin6_port;
	else
		return false;
	for (i = 0; i < conf->peer_port_count; i++)
		if (conf->peer_ports[i] == ntohs(port))
			return true;
	return false;
}

/* How many clients, by address, are on the ports of peer=: 0, 1 or 2. */
static int
count_clients(const struct drac_conf *conf, DIR *dir, struct drac_addr *addr)
{
	struct drac_addr other;
	struct dirent *entry;
	int count = 0, fd;

	while (count < 2 && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		fd = atoi(entry->d_name);
		if (!on_peer_port(conf, fd) || !client_of(fd, &other))
			continue;
		if (count == 0 || !drac_addr_equal(addr, &other))
			count++;
		*addr = other;
	}
	return count;
}

static int
from_ports(struct login *login)
{
	DIR *dir;
	int count;

	if (login->conf.peer_port_count == 0)
		return 0;
	dir = opendir("/proc/self/fd");
	if (dir == NULL) {
		drac_why_set(&login->why, "/proc/self/fd: %s",
		    strerrordesc_np(errno));
		return -1;
	}
	count = count_clients(&login->conf, dir, &login->addr);
	closedir(dir);
	if (count < 2)
		return count;
	drac_why_set(&login->why,
	    "clients of several addresses are connected to the ports of peer=");
	return -1;
}

static int
locate(struct login *login)
{
	static int (*const source[])(
	    struct login *) = { from_rhost, from_env, from_stdin, from_ports };
	struct drac_why rhost;
	int found = 0;

	for (size_t i = 0; found == 0 && i < sizeof(source) / sizeof(*source);
	     i++)
		found = source[i](login);
	if (found == 1) {
		drac_addr_text(&login->addr, login->addr_text);
		login->why.text[0] = '\0';
		return 0;
	}
	if (found == 0) {
		rhost = login->why;
		drac_why_set(&login->why,
		    "%s, and descriptor 0 is not a client socket%s", rhost.text,
		    login->conf.peer_port_count == 0
			? ""
			: ", nor is a client connected to a port of peer=");
	}
	return -1;
}

static bool
service_counts(struct login *login)
{
	const char *service = item(login->pamh, PAM_SERVICE);
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
may_be_recorded(struct login *login)
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
authorise(struct login *login)
{
	if (!service_counts(login) || locate(login) == -1 ||
	    !may_be_recorded(login))
		return DRAC_REFUSED;
	return record(login);
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
find_path(struct login *login, int argc, const char **argv, const char **path)
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
load_file(struct login *login, int argc, const char **argv)
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
configure(struct login *login, int argc, const char **argv)
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

static enum drac_outcome
attend(struct login *login, int argc, const char **argv)
{
	enum drac_outcome outcome = DRAC_FAILED;

	escape_item(login->pamh, PAM_USER, login->user);
	escape_item(login->pamh, PAM_SERVICE, login->service);
	if (configure(login, argc, argv) == -1)
		drac_why_set(&login->why, "the configuration is broken");
	else {
		login->level = LOG_INFO;
		outcome = authorise(login);
	}
	if (outcome != DRAC_RECORDED)
		pam_syslog(login->pamh, login->level,
		    "not recorded for %s (%s): %s", login->user, login->service,
		    login->why.text);
	return outcome;
}

static int
hook(pam_handle_t *pamh, enum drac_hook which, int argc, const char **argv)
{
	struct login login = { .pamh = pamh, .level = LOG_ERR };
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
