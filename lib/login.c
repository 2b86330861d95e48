/* SPDX-License-Identifier: BSD-2-Clause */

/* One login recorded, and what is said about it; see login.h. */

#include "login.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "breaker.h"
#include "closed.h"
#include "route.h"
#include "sigguard.h"
#include "sys.h"
#include "tell.h"

#define CLOCK sizeof("00:00:00Z")

static unsigned
left_ms(const struct drac_login *login)
{
	return login->spent_ms < login->conf->timeout_ms
		   ? (unsigned)(login->conf->timeout_ms - login->spent_ms)
		   : 0;
}

__attribute__((format(printf, 3, 4))) static void
say(struct drac_login *login, enum drac_login_level level, const char *format,
    ...)
{
	int64_t start = drac_sys_ms();
	char line[DRAC_LOGIN_LINE];
	int saved = errno;
	va_list ap;

	if (login->renewal && !login->opened && level == DRAC_LOGIN_INFO)
		return;
	va_start(ap, format);
	vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	login->say(level, line, left_ms(login), login->say_arg);
	login->spent_ms += (unsigned long)(drac_sys_ms() - start);
	errno = saved;
}

void
drac_login_word(const char *text, char word[DRAC_LOGIN_WORD])
{
	drac_why_word(text, word, DRAC_LOGIN_WORD);
}

/* By arithmetic: gmtime_r(3) would make the C library read TZ. */
static void
clock_text(time_t when, char text[CLOCK])
{
	unsigned second = (unsigned)(when % 86400);

	snprintf(text, CLOCK, "%02u:%02u:%02uZ", second / 3600 % 24,
	    second / 60 % 60, second % 60);
}

/* Add word to a list, with separator between; cut with dots. */
static void
add_word(char *list, size_t room, const char *separator, const char *word)
{
	size_t used = strlen(list);
	int more;

	more = snprintf(list + used, room - used, "%s%s",
	    used == 0 ? "" : separator, word);
	if ((size_t)more >= room - used && room > 4)
		memcpy(list + room - 4, "...", 4);
}

void
drac_login_found(struct drac_login *login, const struct drac_addr *addr)
{
	login->addr = *addr;
	drac_addr_text(addr, login->addr_text);
	login->why.text[0] = '\0';
}

bool
drac_login_serves(struct drac_login *login, const char *service)
{
	snprintf(login->service_name, sizeof(login->service_name), "%s",
	    service);
	if (drac_conf_counts_service(login->conf, service))
		return true;
	drac_why_set(&login->why, "the service is not among services=");
	return false;
}

bool
drac_login_admits(struct drac_login *login, const char *user)
{
	enum drac_conf_user what = drac_conf_admits(login->conf, user);

	snprintf(login->name, sizeof(login->name), "%s", user);
	if (what == DRAC_CONF_USER_GOOD)
		return true;
	drac_why_set(&login->why, "%s", drac_conf_user_text(what));
	return false;
}

/* An address of many clients: this host's own, or its gateway's. */
static bool
may_record_route(struct drac_login *login)
{
	enum drac_route route = DRAC_ROUTE_OTHER;

	if (!login->conf->allow_gateway)
		route = drac_route_of(&login->addr);
	if (route == DRAC_ROUTE_OTHER)
		return true;
	drac_why_set(&login->why,
	    "%s is %s: set allow_gateway = yes if clients really come from "
	    "there",
	    login->addr_text, drac_route_text(route));
	return false;
}

bool
drac_login_may_record(struct drac_login *login)
{
	char text[DRAC_ADDR_TEXT];
	struct drac_conf_ban ban;

	if (drac_conf_may_record(login->conf, &login->addr, &ban))
		return may_record_route(login);
	if (ban.net == NULL) {
		drac_why_set(&login->why, "%s is never recorded: %s",
		    login->addr_text, drac_scope_word(ban.scope));
		return false;
	}
	drac_addr_text(&ban.net->addr, text);
	drac_why_set(&login->why, "%s is in %s/%d, which is excluded",
	    login->addr_text, text, ban.net->bits);
	return false;
}

/* Time */

/* Rounded up: who waited until the end has nothing left. */
static void
spend(struct drac_login *login, const struct timespec *since)
{
	int saved = errno;
	struct timespec now;
	int64_t ns;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ns = (int64_t)(now.tv_sec - since->tv_sec) * 1000000000 + now.tv_nsec -
	     since->tv_nsec;
	login->spent_ms += (unsigned long)((ns + 999999) / 1000000);
	errno = saved;
}

static enum drac_outcome
fail(struct drac_login *login, enum drac_login_level level, const char *why)
{
	drac_why_set(&login->why, "%s", why);
	login->level = level;
	return DRAC_FAILED;
}

static enum drac_outcome
used_up(struct drac_login *login)
{
	return fail(login, DRAC_LOGIN_WARNING,
	    "the timeout of this login is used up");
}

/* The wall clock at this moment, though it was read when we began. */
static time_t
now_of(const struct drac_login *login)
{
	return login->now + (time_t)((drac_sys_ms() - login->began_ms) / 1000);
}

/* The mark */

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
		add_word(list, room, "", conf->database);
	for (size_t i = 0; i < conf->server_count; i++)
		add_word(list, room, " ",
		    conf->servers[i].host == NULL ? conf->socket
						  : conf->servers[i].name);
}

/*
 * In its text: where, the paths of map and socket, and room for the names
 * of all servers.
 */
struct drac_mark *
drac_login_mark(struct drac_login *login)
{
	const struct drac_conf *conf = login->conf;
	size_t path = strlen(conf->database) + 1;
	size_t socket = strlen(conf->socket) + 1;
	size_t names = list_room(conf), where = path + names;
	struct drac_mark *mark =
	    calloc(1, sizeof(*mark) + where + path + socket + names);

	if (mark == NULL) {
		(void)fail(login, DRAC_LOGIN_ERR, "out of memory");
		return NULL;
	}
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

bool
drac_login_is_marked(const struct drac_mark *mark)
{
	return mark->grant.written || mark->unanswered != 0 ||
	       mark->keepers[0] != '\0';
}

/* The map */

/* The end of a line that tells of a grant. */
static const char *
hidden_note(const struct drac_login *login)
{
	return drac_conf_hides(login->conf, &login->addr)
		   ? ", but not for a Postfix that reads the file (drac(7), "
		     "RISKS)"
		   : "";
}

static bool
opens(const struct drac_login *login, const struct drac_grant *grant)
{
	return grant->written && grant->previous <= login->now;
}

/* Where servers were told first, login->servers says why they were not. */
static void
say_granted(struct drac_login *login, const struct drac_grant *grant)
{
	bool direct = login->servers[0] != '\0';
	const char *note[] = { direct ? " (directly, for no server answered: "
				      : "",
		login->servers, direct ? ")" : "" };
	char until[CLOCK];

	clock_text(grant->expiry, until);
	login->opened = opens(login, grant);
	if (grant->written)
		say(login, direct ? DRAC_LOGIN_WARNING : DRAC_LOGIN_INFO,
		    "authorised %s until %s for %s (%s)%s%s%s%s",
		    login->addr_text, until, login->user, login->service,
		    hidden_note(login), note[0], note[1], note[2]);
	else
		say(login, DRAC_LOGIN_INFO,
		    "%s is already authorised until %s, for %s (%s) too%s%s%s",
		    login->addr_text, until, login->user, login->service,
		    note[0], note[1], note[2]);
	if (login->why.text[0] != '\0')
		say(login, DRAC_LOGIN_WARNING, "%s", login->why.text);
}

/* By the administrator, who may have closed an address of its network. */
static enum drac_outcome
refuse_closed(struct drac_login *login, time_t until, time_t now)
{
	char clock[DRAC_CLOSED_UNTIL];

	drac_closed_until_text(until, now, clock);
	drac_why_set(&login->why, "%s is closed until %s", login->addr_text,
	    clock);
	login->level = DRAC_LOGIN_INFO;
	return DRAC_REFUSED;
}

/* errno and why say what was in the way. EBUSY: a daemon keeps this map. */
static enum drac_outcome
could_not_write(struct drac_login *login)
{
	struct drac_why said = login->why;

	login->level = errno == ETIMEDOUT ? DRAC_LOGIN_WARNING : DRAC_LOGIN_ERR;
	if (errno == EBUSY && !drac_conf_tells_local(login->conf))
		drac_why_set(&login->why, "%s: set server = local", said.text);
	return DRAC_FAILED;
}

/* Several logins, or one: ops are the changes that they make. */
struct entry {
	struct drac_store_opts *opts;
	struct drac_login *login; /* the first: whose time it is */
	struct drac_op *ops;      /* NULL: only the first, into *grant */
	size_t count;
	struct drac_grant *grant;
};

static int
add_one(struct drac_store *store, const struct entry *entry)
{
	struct drac_login *login = entry->login;
	time_t now = now_of(login);

	return drac_store_add(store, &login->addr, now,
	    now + (time_t)login->conf->lifetime_s, login->conf->renew_s,
	    entry->grant, &login->why);
}

static int
add_all(struct drac_store *store, const struct entry *entry)
{
	struct drac_login *login = entry->login;
	time_t now = now_of(login);

	for (size_t i = 0; i < entry->count; i++)
		entry->ops[i] = (struct drac_op){ .kind = DRAC_OP_ADD,
			.addr = login[i].addr,
			.expiry = now + (time_t)login->conf->lifetime_s,
			.renew_s = login->conf->renew_s };
	return drac_store_apply(store, entry->ops, entry->count, now,
	    &login->why);
}

/* Within the time that is left. errno is kept from the failure. */
static enum drac_outcome
write_entry(const struct entry *entry)
{
	struct drac_login *login = entry->login;
	struct drac_store *store = NULL;
	struct timespec start;
	int result;

	entry->opts->timeout_ms = left_ms(login);
	if (entry->opts->timeout_ms == 0)
		return used_up(login);
	clock_gettime(CLOCK_MONOTONIC, &start);
	result = drac_store_open(entry->opts, &store, &login->why);
	if (result == 0)
		result = entry->ops == NULL ? add_one(store, entry)
					    : add_all(store, entry);
	drac_store_close(store);
	spend(login, &start);
	return result == -1 ? could_not_write(login) : DRAC_RECORDED;
}

static enum drac_outcome
write_map(struct drac_login *login, struct drac_mark *mark)
{
	const struct entry entry = { .opts = &mark->opts,
		.login = login,
		.grant = &mark->grant };

	enum drac_outcome outcome = write_entry(&entry);

	mark->opts.cover.exclude = NULL; /* the mark outlives it */
	if (outcome == DRAC_FAILED) {
		mark->grant = (struct drac_grant){ 0 };
		return DRAC_FAILED;
	}
	if (mark->grant.closed != 0)
		return refuse_closed(login, mark->grant.closed, now_of(login));
	say_granted(login, &mark->grant);
	return DRAC_RECORDED;
}

/* What became of one of several; error is why the others failed. */
static enum drac_outcome
settle_one(struct drac_login *login, const struct drac_grant *grant, time_t now,
    const struct drac_why *error)
{
	if (grant->closed == DRAC_CLOSED_UNKNOWN)
		return fail(login, DRAC_LOGIN_ERR, error->text);
	if (grant->closed != 0)
		return refuse_closed(login, grant->closed, now);
	say_granted(login, grant);
	return DRAC_RECORDED;
}

static void
write_all(struct drac_login *logins, size_t count, struct drac_op *ops)
{
	struct drac_store_opts opts;
	const struct entry entry = { .opts = &opts,
		.login = logins,
		.ops = ops,
		.count = count };
	struct drac_why error;
	enum drac_outcome outcome;
	time_t now;

	drac_conf_store_opts(logins->conf, &opts);
	opts.may_create = true;
	outcome = write_entry(&entry);
	error = logins->why;
	now = now_of(logins);
	for (size_t i = 0; i < count; i++)
		logins[i].outcome =
		    outcome == DRAC_RECORDED
			? settle_one(&logins[i], &ops[i].grant, now, &error)
			: fail(&logins[i], logins->level, error.text);
}

void
drac_login_record_all(struct drac_login *logins, size_t count)
{
	struct drac_sigguard guard;
	int saved = errno;
	struct drac_op *ops;

	if (count == 0)
		return;
	ops = calloc(count, sizeof(*ops));
	drac_sigguard_begin(&guard);
	logins->began_ms = drac_sys_ms();
	if (ops != NULL)
		write_all(logins, count, ops);
	for (size_t i = 0; ops == NULL && i < count; i++)
		logins[i].outcome =
		    fail(&logins[i], DRAC_LOGIN_ERR, "out of memory");
	free(ops);
	drac_sigguard_end(&guard);
	errno = saved;
}

/* Servers */

/* Once in the life of a process: each login would say it. */
static void
say_problem(struct drac_login *login, const char *problem)
{
	static atomic_flag said = ATOMIC_FLAG_INIT;

	if (problem != NULL && !atomic_flag_test_and_set(&said))
		say(login, DRAC_LOGIN_WARNING,
		    "%s: %s: each login waits for a server that does not "
		    "answer",
		    login->breaker_dir, problem);
}

/* One sentence for all servers, so that a login has few lines. */
static void
say_breakers(struct drac_login *login, const struct drac_news *news)
{
	char tripped[DRAC_LOGIN_LIST] = "", closed[DRAC_LOGIN_LIST] = "";
	const char *problem = NULL;

	for (size_t i = 0; i < news->count; i++) {
		const struct drac_told *told = &news->told[i];

		if (told->tripped)
			add_word(tripped, sizeof(tripped), ", ", told->name);
		if (told->closed)
			add_word(closed, sizeof(closed), ", ", told->name);
		if (told->problem != NULL)
			problem = told->problem;
	}
	say_problem(login, problem);
	if (tripped[0] != '\0')
		say(login, DRAC_LOGIN_WARNING,
		    "%s %s not answered %d logins in a row: left alone for "
		    "%d seconds",
		    tripped, strchr(tripped, ',') == NULL ? "has" : "have",
		    DRAC_BREAKER_FAILURES, DRAC_BREAKER_PAUSE_S);
	if (closed[0] != '\0')
		say(login, DRAC_LOGIN_INFO, "%s %s again", closed,
		    strchr(closed, ',') == NULL ? "answers" : "answer");
}

/* What an operator can mend is an error, a wait that was too long is not. */
static enum drac_login_level
level_of(int error)
{
	switch (error) {
	case 0:
		return DRAC_LOGIN_INFO;
	case ETIMEDOUT:
	case EAGAIN:
		return DRAC_LOGIN_WARNING;
	default:
		return DRAC_LOGIN_ERR;
	}
}

static enum drac_login_level
worst_level(const struct drac_news *news)
{
	enum drac_login_level worst = DRAC_LOGIN_INFO;

	for (size_t i = 0; i < news->count; i++) {
		enum drac_login_level level = level_of(news->told[i].error);

		/* Where another one did record it, this can wait. */
		if (news->kept > 0 && level == DRAC_LOGIN_ERR &&
		    news->told[i].error != EPERM)
			level = DRAC_LOGIN_WARNING;
		if (level < worst)
			worst = level;
	}
	return worst;
}

/* Only the local daemon tells until when; others have their own lifetime. */
static void
say_kept(struct drac_login *login, const struct drac_news *news)
{
	bool told_until = news->kept == 1 && news->grant.expiry != 0;
	char until[CLOCK] = "", by[DRAC_LOGIN_LIST] = "";

	for (size_t i = 0; i < news->count; i++)
		if (news->told[i].kept)
			add_word(by, sizeof(by), ", ", news->told[i].name);
	if (told_until)
		clock_text(news->grant.expiry, until);
	login->said = true;
	login->opened = told_until && opens(login, &news->grant);
	if (told_until && news->count == 1 && !news->grant.written) {
		say(login, DRAC_LOGIN_INFO,
		    "%s is already authorised until %s, for %s (%s) too",
		    login->addr_text, until, login->user, login->service);
		return;
	}
	say(login, worst_level(news),
	    "authorised %s%s%s for %s (%s) by %s%s%s%s", login->addr_text,
	    told_until ? " until " : "", until, login->user, login->service, by,
	    told_until ? hidden_note(login) : "",
	    login->servers[0] != '\0' ? "; not by " : "", login->servers);
}

static void
fill_mark(struct drac_mark *mark, const struct drac_news *news)
{
	mark->by_daemon = true;
	mark->grant = news->grant;
	for (size_t i = 0; i < news->count; i++)
		if (news->told[i].kept && !news->told[i].local)
			add_word(mark->keepers, mark->keepers_room, ", ",
			    news->told[i].name);
}

/* What the news makes of this login. */
static enum drac_outcome
settle(struct drac_login *login, struct drac_mark *mark,
    const struct drac_news *news)
{
	bool failed = news->kept + news->excluded < news->count;

	if (news->kept == 0) {
		login->level = worst_level(news);
		return failed ? DRAC_FAILED : DRAC_REFUSED;
	}
	fill_mark(mark, news);
	say_kept(login, news);
	return failed && login->conf->strict ? DRAC_FAILED : DRAC_RECORDED;
}

static void
tell(struct drac_login *login, unsigned timeout_ms, struct drac_news *news)
{
	struct drac_tell tell = { .conf = login->conf,
		.hosts = login->hosts,
		.breaker_dir = login->breaker_dir,
		.boot = login->boot,
		.timeout_ms = timeout_ms,
		.user = login->name,
		.service = login->service_name };
	struct timespec start;

	clock_gettime(CLOCK_MONOTONIC, &start);
	drac_tell(&tell, &login->addr, news);
	spend(login, &start);
	say_breakers(login, news);
	for (size_t i = 0; i < news->count; i++)
		if (!news->told[i].kept)
			add_word(login->servers, sizeof(login->servers), "; ",
			    news->told[i].why.text);
}

/* With a fallback, a quarter of the time that is left is kept for it. */
static enum drac_outcome
tell_servers(struct drac_login *login, struct drac_mark *mark)
{
	unsigned left = left_ms(login);
	bool fallback = login->conf->fallback_direct;
	struct drac_news news;

	if (left == 0)
		return used_up(login);
	tell(login, fallback ? left - left / 4 : left, &news);
	mark->unanswered = news.unanswered;
	if (fallback && news.kept == 0 && news.excluded == 0)
		return write_map(login, mark);
	return settle(login, mark, &news);
}

/*
 * Taking back gets the time that is left, but a quarter at least, for
 * nobody waits for a login that has failed.
 */
enum drac_outcome
drac_login_record(struct drac_login *login, struct drac_mark *mark)
{
	unsigned quarter = login->conf->timeout_ms / 4, left;
	struct drac_sigguard guard;
	int saved = errno;
	enum drac_outcome outcome;

	drac_sigguard_begin(&guard);
	login->began_ms = drac_sys_ms();
	outcome = login->conf->server_count == 0 ? write_map(login, mark)
						 : tell_servers(login, mark);
	left = left_ms(login);
	mark->opts.timeout_ms = left > quarter ? left : quarter;
	drac_sigguard_end(&guard);
	errno = saved;
	return outcome;
}

/* A reason that is policy names the client itself. */
void
drac_login_conclude(struct drac_login *login, enum drac_outcome outcome)
{
	const char *servers = login->servers, *why = login->why.text;
	bool both = *servers != '\0' && *why != '\0';
	bool client = outcome == DRAC_FAILED && login->addr_text[0] != '\0';

	if (outcome == DRAC_RECORDED || login->said)
		return;
	login->said = true;
	say(login, login->level, "not recorded for %s (%s): %s%s%s%s%s",
	    login->user, login->service, servers, both ? "; " : "", why,
	    client ? "; client " : "", client ? login->addr_text : "");
}

/* Taking back */

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

/* It may be in the map, now or when the daemon wakes up. */
static void
undo_unanswered(struct drac_login *login, const struct drac_mark *mark,
    const char *addr)
{
	struct drac_why why = { "" };

	if (drac_tell_undo(mark->socket, &mark->addr, mark->unanswered, &why) ==
	    0)
		say(login, DRAC_LOGIN_INFO,
		    "asked to take back %s of %s (%s), which local did not "
		    "acknowledge",
		    addr, login->user, login->service);
	else
		say(login, DRAC_LOGIN_ERR,
		    "could not ask to take back %s of %s (%s): %s", addr,
		    login->user, login->service, why.text);
}

void
drac_login_take_back(struct drac_login *login, const struct drac_mark *mark,
    const char *reason)
{
	const struct drac_conf limit = { .timeout_ms = mark->opts.timeout_ms };
	struct drac_why why = { "" };
	char addr[DRAC_ADDR_TEXT];
	int result = 0, saved = errno;
	struct drac_sigguard guard;
	struct timespec start;

	drac_sigguard_begin(&guard);
	clock_gettime(CLOCK_MONOTONIC, &start);
	login->conf = &limit;
	login->spent_ms = 0;
	drac_addr_text(&mark->addr, addr);
	if (mark->grant.written)
		result = mark->by_daemon ? take_back_from_daemon(mark, &why)
					 : take_back_from_map(mark, &why);
	spend(login, &start);
	if (mark->unanswered != 0)
		undo_unanswered(login, mark, addr);
	if (result == 1)
		say(login, DRAC_LOGIN_INFO,
		    "took back %s: the login of %s (%s) failed: %s", addr,
		    login->user, login->service, reason);
	else if (result == -1)
		say(login, DRAC_LOGIN_ERR,
		    "could not take back %s of %s (%s): %s", addr, login->user,
		    login->service, why.text);
	if (mark->keepers[0] != '\0')
		say(login, DRAC_LOGIN_WARNING,
		    "could not take back %s of %s (%s): kept until it "
		    "expires by %s",
		    addr, login->user, login->service, mark->keepers);
	login->conf = NULL;
	drac_sigguard_end(&guard);
	errno = saved;
}
