/* SPDX-License-Identifier: BSD-2-Clause */

/* One login told to every daemon; see tell.h. */

#include "tell.h"

#include <sys/random.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "breaker.h"
#include "client.h"
#include "sys.h"
#include "wire.h"

/* Those that are asked, and whose they are. */
struct round {
	struct drac_ask asks[DRAC_SERVERS_MAX];
	struct drac_told *told[DRAC_SERVERS_MAX];
	size_t count;
	struct drac_report report; /* for the local one */
};

static bool
may_ask(const struct drac_tell *tell, struct drac_told *told)
{
	unsigned wait_s = 0;

	if (drac_breaker_may_ask(tell->breaker_dir, told->name, tell->boot,
		&wait_s))
		return true;
	drac_why_set(&told->why,
	    "%s: did not answer lately, asked again in %us", told->name,
	    wait_s);
	told->error = EAGAIN;
	return false;
}

static void
prepare(const struct drac_tell *tell, const struct drac_server *server,
    struct drac_told *told, struct round *round)
{
	struct drac_ask ask = { .name = server->name, .port = server->port };

	told->name = server->name;
	told->local = server->host == NULL;
	if (told->local) {
		ask.socket = tell->conf->socket;
		ask.report = &round->report;
	} else if (drac_client_find(tell->hosts, server->host, &ask,
		       &told->why) == -1) {
		told->error = errno;
		return;
	}
	if (!may_ask(tell, told))
		return;
	round->asks[round->count] = ask;
	round->told[round->count++] = told;
}

/* A refusal is an answer. */
static bool
has_answered(const struct drac_ask *ask)
{
	return ask->error == 0 || ask->reply.answer != DRAC_ANSWER_SUCCESS;
}

/* Our own want says nothing about a server. */
static bool
is_our_want(int error)
{
	return error == ENOMEM || error == EMFILE || error == ENFILE ||
	       error == ENOBUFS;
}

static void
tell_breaker(const struct drac_tell *tell, const struct drac_ask *ask,
    struct drac_told *told)
{
	if (has_answered(ask))
		drac_breaker_answered(tell->breaker_dir, told->name,
		    &told->closed);
	else if (!is_our_want(ask->error))
		told->problem = drac_breaker_failed(tell->breaker_dir,
		    told->name, tell->boot, &told->tripped);
}

/* Another one for each report, though nobody has to be kept from guessing. */
static uint64_t
new_id(void)
{
	uint64_t id;

	if (getrandom(&id, sizeof(id), GRND_NONBLOCK) != sizeof(id))
		id = (uint64_t)getpid() << 40 ^ drac_sys_boot_ms();
	return id != 0 ? id : 1;
}

/*
 * A name that does not fit is not cut, for another one may be denied: it is
 * as if it were not known.
 */
static void
fill_report(const struct drac_tell *tell, struct drac_report *report)
{
	report->id = new_id();
	report->deadline_ms = drac_sys_boot_ms() + tell->timeout_ms;
	if (strlen(tell->user) <= DRAC_USER_MAX)
		strcpy(report->user, tell->user);
	snprintf(report->service, sizeof(report->service), "%s", tell->service);
}

/* Nobody was there who could have heard it. */
static bool
was_not_heard(int error)
{
	return error == ENOENT || error == ECONNREFUSED || error == EACCES;
}

/* What the local daemon tells beyond yes. */
static void
take_reply(const struct drac_reply *reply, struct drac_told *told,
    struct drac_news *news)
{
	if (!reply->flag && reply->expiry == 0) {
		told->kept = false;
		news->excluded = 1;
		drac_why_set(&told->why, "%s: %s", told->name,
		    reply->why.text[0] != '\0' ? reply->why.text
					       : "never recorded");
		return;
	}
	news->grant.written = reply->flag;
	news->grant.expiry = reply->expiry;
	news->grant.previous = reply->previous;
}

static void
settle(const struct drac_tell *tell, const struct drac_ask *ask,
    struct drac_told *told, struct drac_news *news)
{
	told->error = ask->error;
	told->kept = ask->error == 0;
	if (told->kept && told->local)
		take_reply(&ask->reply, told, news);
	else if (!told->kept)
		told->why = ask->why;
	if (told->kept)
		news->kept++;
	if (told->local && !has_answered(ask) && !was_not_heard(ask->error))
		news->unanswered = ask->report->id;
	tell_breaker(tell, ask, told);
}

void
drac_tell(const struct drac_tell *tell, const struct drac_addr *addr,
    struct drac_news *news)
{
	const struct drac_conf *conf = tell->conf;
	struct round round;
	int saved = errno;

	memset(&round, 0, sizeof(round));
	memset(news, 0, sizeof(*news));
	fill_report(tell, &round.report);
	for (; news->count < conf->server_count; news->count++)
		prepare(tell, &conf->servers[news->count],
		    &news->told[news->count], &round);
	if (round.count > 0)
		(void)drac_client_add(round.asks, round.count, addr,
		    tell->timeout_ms);
	for (size_t i = 0; i < round.count; i++)
		settle(tell, &round.asks[i], round.told[i], news);
	errno = saved;
}

/* The daemon answered; with what? */
static int
read_answer(const struct drac_reply *reply, struct drac_why *why)
{
	if (reply->answer == DRAC_ANSWER_SUCCESS)
		return reply->flag ? 1 : 0;
	errno = reply->answer == DRAC_ANSWER_PERM ? EPERM : EIO;
	if (reply->why.text[0] != '\0')
		drac_why_set(why, "local: %s", reply->why.text);
	else
		drac_why_set(why, "local: %s",
		    errno == EPERM ? "refused us (permission denied)"
				   : "could not");
	return -1;
}

int
drac_tell_back(const struct drac_tell_back *back, struct drac_why *why)
{
	struct drac_call call = { .version = DRAC_VERSION_LOCAL,
		.procedure = DRAC_PROC_TAKE_BACK,
		.addr = back->addr,
		.expiry = back->grant.expiry,
		.previous = back->grant.previous };
	unsigned connecting_ms = back->timeout_ms / 4 + 1;
	struct drac_reply reply = { 0 };
	struct drac_link *link = NULL;
	struct drac_why said = { "" };
	int result;

	if (drac_link_open(back->socket, connecting_ms, &link, &said) == 0 &&
	    drac_link_call(link, &call, &reply,
		back->timeout_ms - back->timeout_ms / 4, &said) == 0) {
		result = read_answer(&reply, why);
	} else {
		drac_why_set(why, "local: %s", said.text);
		result = -1;
	}
	drac_link_close(link);
	return result;
}

int
drac_tell_undo(const char *socket, const struct drac_addr *addr, uint64_t id,
    struct drac_why *why)
{
	struct drac_call call = { .version = DRAC_VERSION_LOCAL,
		.procedure = DRAC_PROC_UNDO,
		.addr = *addr,
		.report = { .id = id } };
	struct drac_why said = { "" };

	if (drac_link_post(socket, &call, &said) == 0)
		return 0;
	drac_why_set(why, "local: %s", said.text);
	return -1;
}
