/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What a login recorded hangs on the PAM handle. One handle is one login:
 * an address that a hook has recorded is not recorded again, and all of
 * them are taken back when the application ends the handle with a failure.
 * A refusal or a failure settles nothing: a later hook, or a second try on
 * the same handle, starts afresh.
 */

#include <errno.h>
#include <security/pam_ext.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "pam_drac_login.h"

/* What hangs on the PAM handle. */
struct memory {
	unsigned long spent_ms; /* waited, by all hooks so far */
	struct drac_mark *marks;
};

static int
take_back_from_map(const struct drac_mark *mark, struct drac_why *why)
{
	struct drac_store *store = NULL;
	int result = drac_store_open(&mark->opts, &store, why);

	if (result == 0)
		result =
		    drac_store_take_back(store, &mark->addr, &mark->grant, why);
	drac_store_close(store);
	return result;
}

static int
take_back_from_daemon(const struct drac_mark *mark, struct drac_why *why)
{
	struct drac_tell_back back = { .socket = mark->socket,
		.addr = mark->addr,
		.grant = mark->grant,
		.timeout_ms = mark->opts.timeout_ms };

	return drac_tell_back(&back, why);
}

/* libpam names no module in lines logged from a clean-up: name it here. */
static void
take_back(pam_handle_t *pamh, const struct drac_mark *mark, int status)
{
	struct drac_why why = { "" };
	char addr[DRAC_ADDR_TEXT], user[DRAC_WORD], service[DRAC_WORD];
	int result = 0;

	drac_addr_text(&mark->addr, addr);
	drac_text_escape_item(pamh, PAM_USER, user);
	drac_text_escape_item(pamh, PAM_SERVICE, service);
	if (mark->grant.written)
		result = mark->by_daemon ? take_back_from_daemon(mark, &why)
					 : take_back_from_map(mark, &why);
	if (result == 1)
		pam_syslog(pamh, LOG_INFO,
		    DRAC_DATA_NAME
		    ": took back %s: the login of %s (%s) failed: %s",
		    addr, user, service, pam_strerror(pamh, status));
	else if (result == -1)
		pam_syslog(pamh, LOG_ERR,
		    DRAC_DATA_NAME ": could not take back %s of %s (%s): %s",
		    addr, user, service, why.text);
	if (mark->keepers[0] != '\0')
		pam_syslog(pamh, LOG_WARNING,
		    DRAC_DATA_NAME
		    ": could not take back %s of %s (%s): kept until it "
		    "expires by %s",
		    addr, user, service, mark->keepers);
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
	struct drac_mark *mark;
	int saved = errno;

	while ((mark = memory->marks) != NULL) {
		memory->marks = mark->next;
		if (reports_failure(status))
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

	if (pam_get_data(pamh, DRAC_DATA_NAME, &data) == PAM_SUCCESS &&
	    data != NULL)
		return (struct memory *)(uintptr_t)data; /* ours, not const */
	memory = calloc(1, sizeof(*memory));
	if (memory != NULL &&
	    pam_set_data(pamh, DRAC_DATA_NAME, memory, forget) != PAM_SUCCESS) {
		free(memory);
		memory = NULL;
	}
	return memory;
}

/* Recorded by this login already, at the same place? */
static bool
is_settled(const struct memory *memory, const struct drac_mark *mark)
{
	const struct drac_mark *other;

	for (other = memory->marks; other != NULL; other = other->next)
		if (other->settled &&
		    drac_addr_equal(&other->addr, &mark->addr) &&
		    strcmp(other->where, mark->where) == 0)
			return true;
	return false;
}

/* Octets for all servers of a list, the local one by its socket. */
static size_t
list_room(const struct drac_conf *conf)
{
	size_t room = strlen(conf->socket) + 1;

	for (size_t i = 0; i < conf->server_count; i++)
		room += strlen(conf->servers[i].name) + sizeof(", ");
	return room;
}

static void
list_places(const struct drac_conf *conf, char *list, size_t room)
{
	if (conf->server_count == 0)
		drac_text_add(list, room, "", conf->database);
	for (size_t i = 0; i < conf->server_count; i++)
		drac_text_add(list, room, " ",
		    conf->servers[i].host == NULL ? conf->socket
						  : conf->servers[i].name);
}

/*
 * In its text: where, the paths of map and socket, and room for the names
 * of all servers.
 */
static struct drac_mark *
new_mark(const struct drac_login *login)
{
	const struct drac_conf *conf = &login->conf;
	size_t path = strlen(conf->database) + 1;
	size_t socket = strlen(conf->socket) + 1;
	size_t names = list_room(conf), where = path + names;
	struct drac_mark *mark =
	    calloc(1, sizeof(*mark) + where + path + socket + names);

	if (mark == NULL)
		return NULL;
	list_places(conf, mark->text, where);
	mark->where = mark->text;
	mark->addr = login->addr;
	drac_conf_store_opts(conf, &mark->opts);
	mark->opts.path = memcpy(mark->text + where, conf->database, path);
	mark->opts.may_create = true;
	mark->socket = memcpy(mark->text + where + path, conf->socket, socket);
	mark->keepers = mark->text + where + path + socket;
	mark->keepers_room = names;
	return mark;
}

static unsigned
left_ms(const struct drac_login *login, const struct memory *memory)
{
	return memory->spent_ms < login->conf.timeout_ms
		   ? (unsigned)(login->conf.timeout_ms - memory->spent_ms)
		   : 0;
}

/* Rounded up: who waited until the end has nothing left. */
static void
spend(struct memory *memory, const struct timespec *since)
{
	struct timespec now;
	int64_t ns;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ns = (int64_t)(now.tv_sec - since->tv_sec) * 1000000000 + now.tv_nsec -
	     since->tv_nsec;
	memory->spent_ms += (unsigned long)((ns + 999999) / 1000000);
}

static enum drac_outcome
used_up(struct drac_login *login)
{
	drac_why_set(&login->why, "the timeout of this login is used up");
	login->level = LOG_WARNING;
	return DRAC_FAILED;
}

static int
write_mark(struct drac_login *login, struct drac_mark *mark)
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

/* Where servers were told first, login->servers says why they were not. */
static void
log_grant(struct drac_login *login, const struct drac_grant *grant)
{
	bool direct = login->servers[0] != '\0';
	const char *note[] = { direct ? " (directly, for no server answered: "
				      : "",
		login->servers, direct ? ")" : "" };
	char until[DRAC_CLOCK];

	drac_text_clock(grant->expiry, until);
	if (grant->written)
		pam_syslog(login->pamh, direct ? LOG_WARNING : LOG_INFO,
		    "authorised %s until %s for %s (%s)%s%s%s",
		    login->addr_text, until, login->user, login->service,
		    note[0], note[1], note[2]);
	else if (login->conf.debug)
		pam_syslog(login->pamh, LOG_DEBUG,
		    "%s is already authorised until %s, for %s (%s) too%s%s%s",
		    login->addr_text, until, login->user, login->service,
		    note[0], note[1], note[2]);
	if (login->why.text[0] != '\0')
		pam_syslog(login->pamh, LOG_WARNING, "%s", login->why.text);
}

/* EBUSY: a daemon keeps this map. */
static enum drac_outcome
could_not_write(struct drac_login *login)
{
	struct drac_why said = login->why;

	login->level = errno == ETIMEDOUT ? LOG_WARNING : LOG_ERR;
	if (errno == EBUSY && !drac_conf_tells_local(&login->conf))
		drac_why_set(&login->why, "%s: set server = local", said.text);
	return DRAC_FAILED;
}

static enum drac_outcome
write_map(struct drac_login *login, struct memory *memory,
    struct drac_mark *mark)
{
	struct timespec start;
	int result, saved;

	mark->opts.timeout_ms = left_ms(login, memory);
	if (mark->opts.timeout_ms == 0)
		return used_up(login);
	clock_gettime(CLOCK_MONOTONIC, &start);
	result = write_mark(login, mark);
	saved = errno;
	spend(memory, &start);
	errno = saved;
	if (result == -1) {
		mark->grant = (struct drac_grant){ 0 };
		return could_not_write(login);
	}
	log_grant(login, &mark->grant);
	return DRAC_RECORDED;
}

/* With a fallback, a quarter of the time that is left is kept for it. */
static enum drac_outcome
tell_servers(struct drac_login *login, struct memory *memory,
    struct drac_mark *mark)
{
	unsigned left = left_ms(login, memory);
	bool fallback = login->conf.fallback_direct;
	struct drac_news news;
	struct timespec start;

	if (left == 0)
		return used_up(login);
	clock_gettime(CLOCK_MONOTONIC, &start);
	drac_servers_tell(login, fallback ? left - left / 4 : left, &news);
	spend(memory, &start);
	drac_servers_list(login, &news);
	if (fallback && news.kept == 0 && news.excluded == 0)
		return write_map(login, memory, mark);
	return drac_servers_conclude(login, mark, &news);
}

/*
 * Taking back gets the time that is left, but a quarter at least, for
 * nobody waits for a login that has failed.
 */
static void
remember(const struct drac_login *login, struct memory *memory,
    struct drac_mark *mark)
{
	unsigned left = left_ms(login, memory);
	unsigned quarter = login->conf.timeout_ms / 4;

	mark->opts.timeout_ms = left > quarter ? left : quarter;
	mark->next = memory->marks;
	memory->marks = mark;
}

/*
 * Memory and mark are made first: once the map has the address, nothing
 * may fail that is needed to take it back.
 */
enum drac_outcome
drac_record(struct drac_login *login)
{
	struct memory *memory = recall(login->pamh);
	struct drac_mark *mark = memory == NULL ? NULL : new_mark(login);
	enum drac_outcome outcome;

	if (mark == NULL) {
		drac_why_set(&login->why, "out of memory");
		login->level = LOG_ERR;
		return DRAC_FAILED;
	}
	if (is_settled(memory, mark)) {
		free(mark);
		if (login->conf.debug)
			pam_syslog(login->pamh, LOG_DEBUG,
			    "%s is already authorised by this login",
			    login->addr_text);
		return DRAC_RECORDED;
	}
	outcome = login->conf.server_count == 0
		      ? write_map(login, memory, mark)
		      : tell_servers(login, memory, mark);
	mark->settled = outcome == DRAC_RECORDED;
	if (mark->settled || mark->grant.written || mark->keepers[0] != '\0')
		remember(login, memory, mark);
	else
		free(mark);
	return outcome;
}
