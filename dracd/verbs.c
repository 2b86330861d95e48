/* SPDX-License-Identifier: BSD-2-Clause */

/* What each procedure does; see work.h. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lookups.h"
#include "route.h"
#include "work.h"

/* Batches of one SWEEP; the daemon goes on with the rest by itself. */
#define SWEEP_BATCHES 16u

#define STATUS_ROOM 16384u

static void
do_null(const struct drac_turn *turn)
{
	drac_job_answer(turn->job, DRAC_ANSWER_SUCCESS);
}

/* Did the login come in on this host? An old client does not tell. */
static bool
is_of_this_host(const struct drac_caller *caller)
{
	return caller->road == DRAC_ROAD_LOCAL ||
	       drac_addr_scope(&caller->addr) == DRAC_SCOPE_LOOPBACK ||
	       drac_route_of(&caller->addr) == DRAC_ROUTE_OWN;
}

/*
 * An address of many clients, for what reports logins to this host without
 * asking so itself: programs of this host that speak an old version. What
 * gateway another host has is not known here.
 */
static const char *
hides_clients(const struct drac_turn *turn)
{
	const struct drac_job *job = turn->job;
	enum drac_route route;

	if (turn->state->conf.allow_gateway || job->local)
		return NULL;
	route = drac_route_of(&job->call.addr);
	return route != DRAC_ROUTE_OTHER && is_of_this_host(&job->caller)
		   ? drac_route_text(route)
		   : NULL;
}

/* Why an address is not recorded, or NULL. */
static const char *
never_recorded(const struct drac_turn *turn)
{
	struct drac_conf_ban ban;

	if (drac_conf_may_record(&turn->state->conf, &turn->job->call.addr,
		&ban))
		return NULL;
	return ban.net != NULL ? "excluded" : drac_scope_word(ban.scope);
}

static void
say_hidden(const struct drac_job *job, const char *reason)
{
	char address[DRAC_ADDR_TEXT], caller[DRAC_CALLER_TEXT];

	drac_addr_text(&job->call.addr, address);
	drac_caller_text(&job->caller, caller);
	drac_say(LOG_INFO,
	    "not recorded for %s: %s is %s: set allow_gateway = yes if clients "
	    "really come from there",
	    caller, address, reason);
}

static void
exclude(struct drac_job *job, const char *reason)
{
	char address[DRAC_ADDR_TEXT], sentence[128];

	drac_addr_text(&job->call.addr, address);
	snprintf(sentence, sizeof(sentence), "%s is never recorded (%s)",
	    address, reason);
	drac_job_explain(job, sentence);
}

/* An old client that names no user hears that it may not. */
static bool
admits(const struct drac_turn *turn)
{
	struct drac_job *job = turn->job;
	enum drac_conf_user what =
	    drac_conf_admits(&turn->state->conf, job->call.report.user);
	const char *reason = drac_conf_user_text(what);
	char whom[DRAC_JOB_TEXT];

	if (what == DRAC_CONF_USER_GOOD)
		return true;
	drac_job_whom(job, whom);
	if (what == DRAC_CONF_USER_ANONYMOUS) {
		drac_stats.refused[DRAC_REFUSAL_ANONYMOUS]++;
		drac_say_limited(DRAC_REFUSAL_ANONYMOUS,
		    "refused %s: %s (anonymous_reports = no)", whom, reason);
		drac_job_answer(job, DRAC_ANSWER_PERM);
	} else {
		drac_stats.excluded++;
		drac_say(LOG_INFO, "not recorded for %s: %s", whom, reason);
		drac_job_answer(job, DRAC_ANSWER_SUCCESS);
	}
	drac_job_explain(job, reason);
	return false;
}

static void
do_grant(const struct drac_turn *turn)
{
	const struct drac_conf *conf = &turn->state->conf;
	const char *reason = never_recorded(turn);
	struct drac_op *op;

	drac_status_note(&turn->job->caller, false, turn->now);
	if (reason == NULL && (reason = hides_clients(turn)) != NULL)
		say_hidden(turn->job, reason);
	if (reason != NULL) {
		drac_stats.excluded++;
		drac_job_answer(turn->job, DRAC_ANSWER_SUCCESS);
		exclude(turn->job, reason);
		return;
	}
	op = drac_batch_queue(turn->state, turn->job, DRAC_OP_ADD, turn->now);
	op->expiry = turn->now + (time_t)conf->lifetime_s;
	op->renew_s = conf->renew_s;
}

static void
do_add(const struct drac_turn *turn)
{
	if (admits(turn))
		do_grant(turn);
}

/* What was there before never lasted as long as what an add wrote. */
static void
do_take_back(const struct drac_turn *turn)
{
	const struct drac_call *call = &turn->job->call;
	struct drac_op *op;

	if (call->expiry <= 0 || call->previous < 0 ||
	    call->previous >= call->expiry) {
		drac_job_fail(turn->job, "not what an add answered");
		return;
	}
	op = drac_batch_queue(turn->state, turn->job, DRAC_OP_TAKE_BACK,
	    turn->now);
	op->grant = (struct drac_grant){ .expiry = call->expiry,
		.previous = call->previous,
		.written = true };
}

/* What a report wrote whose caller does not know whether it did. */
static void
do_undo(const struct drac_turn *turn)
{
	const struct drac_call *call = &turn->job->call;
	struct drac_recent *recent = turn->state->work->recent;
	struct drac_op *op;
	size_t i = 0;

	while (i < DRAC_RECENT_MAX &&
	       (recent[i].id != call->report.id ||
		   !drac_addr_equal(&recent[i].addr, &call->addr)))
		i++;
	drac_job_answer(turn->job, DRAC_ANSWER_SUCCESS);
	if (call->report.id == 0 || i == DRAC_RECENT_MAX)
		return;
	recent[i].id = 0;
	op = drac_batch_queue(turn->state, turn->job, DRAC_OP_TAKE_BACK,
	    turn->now);
	op->grant = (struct drac_grant){ .expiry = recent[i].expiry,
		.previous = recent[i].previous,
		.written = true };
}

static void
do_set(const struct drac_turn *turn)
{
	struct drac_job *job = turn->job;
	const char *reason = never_recorded(turn);

	if (job->call.expiry <= 0) {
		drac_job_fail(job, "not a time to expire at");
		return;
	}
	if (drac_addr_scope(&job->call.addr) != DRAC_SCOPE_HOST) {
		drac_job_answer(job, DRAC_ANSWER_SYSERR);
		exclude(job, reason);
		return;
	}
	drac_batch_queue(turn->state, job, DRAC_OP_SET, turn->now)->expiry =
	    job->call.expiry;
}

static void
do_drop(const struct drac_turn *turn)
{
	(void)drac_batch_queue(turn->state, turn->job, DRAC_OP_DROP, turn->now);
}

/* The map could not be read or changed: say it, and to whom asked. */
static void
fail_loudly(struct drac_job *job, struct drac_why *why)
{
	drac_work_complain(why);
	drac_stats.failed++;
	drac_job_fail(job, why->text);
}

static void
do_get(const struct drac_turn *turn)
{
	struct drac_reply *reply = &turn->job->reply;
	struct drac_why why = { "" };
	const struct drac_addr *addr = &turn->job->call.addr;
	int found =
	    drac_store_get(turn->state->store, addr, &reply->expiry, &why);
	time_t open;

	if (found == -1) {
		fail_loudly(turn->job, &why);
		return;
	}
	if (found == 0)
		reply->expiry = 0;
	/* Not every network has a key in the map. */
	open = drac_lookups_get(turn->state->lookups, addr, turn->now);
	if (open > reply->expiry)
		reply->expiry = open;
	reply->flag = reply->expiry != 0 || found == 1;
	drac_job_answer(turn->job, DRAC_ANSWER_SUCCESS);
}

static void
forget_all(struct drac_state *state)
{
	struct drac_table *none;

	if (state->lookups == NULL)
		return;
	none = drac_lookups_table();
	drac_lookups_learn(state->lookups, none);
	if (none == NULL)
		state->work->learn = true;
}

static void
do_clear(const struct drac_turn *turn)
{
	struct drac_state *state = turn->state;
	char caller[DRAC_CALLER_TEXT];
	struct drac_why why = { "" };

	if (drac_store_clear(state->store, &why) == -1) {
		state->work->learn = true;
		fail_loudly(turn->job, &why);
		return;
	}
	drac_stats.batches++;
	drac_stats.dropped += state->entries;
	state->entries = 0;
	drac_due_clear(state->due);
	forget_all(state);
	drac_caller_text(&turn->job->caller, caller);
	drac_say(LOG_INFO, "dropped every entry for %s", caller);
	drac_job_answer(turn->job, DRAC_ANSWER_SUCCESS);
}

/* Memory for an answer, until the next turn; NULL: the job has failed. */
static void *
lend(const struct drac_turn *turn, size_t size)
{
	struct drac_work *work = turn->state->work;
	void *memory = NULL;

	if (work->lent_count < DRAC_JOBS_MAX)
		memory = calloc(1, size);
	if (memory == NULL)
		drac_job_fail(turn->job, "out of memory");
	else
		work->lent[work->lent_count++] = memory;
	return memory;
}

void
drac_verbs_free(struct drac_work *work)
{
	while (work->lent_count > 0)
		free(work->lent[--work->lent_count]);
}

struct page {
	struct drac_listed *listed;
	size_t count;
	size_t room;
};

/* Stops at the first entry that there is no room for. */
static int
list_entry(const struct drac_addr *addr, time_t expiry, void *arg)
{
	struct page *page = arg;

	if (page->count == page->room)
		return 1;
	page->listed[page->count++] =
	    (struct drac_listed){ .addr = *addr, .expiry = expiry };
	return 0;
}

static void
do_list(const struct drac_turn *turn)
{
	const struct drac_call *call = &turn->job->call;
	struct drac_why why = { "" };
	struct page page = { .room = call->count };
	int more;

	if (page.room < 1 || page.room > DRAC_LIST_MAX)
		page.room = DRAC_LIST_MAX;
	page.listed = lend(turn, page.room * sizeof(*page.listed));
	if (page.listed == NULL)
		return;
	more = drac_store_each_after(turn->state->store,
	    call->addr.len != 0 ? &call->addr : NULL, list_entry, &page, &why);
	if (more == -1) {
		fail_loudly(turn->job, &why);
		return;
	}
	turn->job->reply.listed = page.listed;
	turn->job->reply.count = page.count;
	turn->job->reply.flag = more == 0;
	drac_job_answer(turn->job, DRAC_ANSWER_SUCCESS);
}

static void
do_sweep(const struct drac_turn *turn)
{
	struct drac_state *state = turn->state;
	struct drac_reply *reply = &turn->job->reply;
	uint64_t expired = drac_stats.expired, sweeps = drac_stats.sweeps;
	char caller[DRAC_CALLER_TEXT];
	unsigned batches = 0;
	time_t next;

	while (batches++ < SWEEP_BATCHES &&
	       drac_batch_queue_due(state, DRAC_OPS_MAX, turn->now) > 0)
		if (drac_batch_flush(state, turn->now) == -1) {
			drac_job_fail(turn->job,
			    "could not remove what has expired");
			return;
		}
	drac_stats.sweeps = sweeps + 1;
	reply->removed = drac_stats.expired - expired;
	reply->kept = state->entries;
	if (reply->removed > 0) {
		drac_caller_text(&turn->job->caller, caller);
		drac_say(LOG_INFO, "swept: removed %" PRIu64 " expired for %s",
		    reply->removed, caller);
	}
	if (drac_due_next(state->due, &next) && next <= turn->now)
		drac_job_explain(turn->job, "there is more to remove, at once");
	drac_job_answer(turn->job, DRAC_ANSWER_SUCCESS);
}

static void
do_status(const struct drac_turn *turn)
{
	char *text = lend(turn, STATUS_ROOM);

	if (text == NULL)
		return;
	drac_status_text(turn->state, turn->now, text, STATUS_ROOM);
	turn->job->reply.text = text;
	turn->job->reply.text_room = STATUS_ROOM;
	drac_job_answer(turn->job, DRAC_ANSWER_SUCCESS);
}

/* "192.0.2.0/24"; -1 when it has bits behind its own. */
static int
net_of(const struct drac_call *call, struct drac_net *net)
{
	char text[DRAC_ADDR_TEXT + 4], addr[DRAC_ADDR_TEXT];

	drac_addr_text(&call->addr, addr);
	snprintf(text, sizeof(text), "%s/%u", addr, call->bits & 0xff);
	return drac_net_parse(text, net);
}

static void
log_closing(const struct drac_turn *turn, const struct drac_net *net)
{
	char text[DRAC_CLOSED_NET], until[DRAC_CLOSED_UNTIL];
	char caller[DRAC_CALLER_TEXT];

	drac_closed_net_text(net, text);
	drac_closed_until_text(turn->job->call.expiry, turn->now, until);
	drac_caller_text(&turn->job->caller, caller);
	if (turn->job->call.expiry == 0)
		drac_say(LOG_INFO, "opened %s again for %s", text, caller);
	else
		drac_say(LOG_INFO, "closed %s until %s for %s", text, until,
		    caller);
}

/* What is in the map is dropped by a call of its own. */
static void
do_close(const struct drac_turn *turn)
{
	const struct drac_call *call = &turn->job->call;
	struct drac_why why = { "" };
	struct drac_net net;

	if (net_of(call, &net) == -1) {
		drac_job_fail(turn->job, "not a network");
		return;
	}
	if (drac_store_close_net(turn->state->store, &net, call->expiry,
		turn->now, &why) == -1) {
		fail_loudly(turn->job, &why);
		return;
	}
	log_closing(turn, &net);
	drac_job_answer(turn->job, DRAC_ANSWER_SUCCESS);
}

static void
do_closed(const struct drac_turn *turn)
{
	struct drac_closed closed;
	struct drac_why why = { "" };
	struct drac_listed *listed;

	if (drac_store_closed(turn->state->store, &closed, &why) == -1) {
		fail_loudly(turn->job, &why);
		return;
	}
	listed = lend(turn, (closed.count + 1) * sizeof(*listed));
	for (size_t i = 0; listed != NULL && i < closed.count; i++)
		listed[i] =
		    (struct drac_listed){ .addr = closed.at[i].net.addr,
			    .bits = closed.at[i].net.bits,
			    .expiry = closed.at[i].until };
	if (listed != NULL) {
		turn->job->reply.listed = listed;
		turn->job->reply.count = closed.count;
		drac_job_answer(turn->job, DRAC_ANSWER_SUCCESS);
	}
	drac_closed_free(&closed);
}

static const struct drac_verb verbs[] = {
	[DRAC_PROC_NULL] = { DRAC_RIGHT_ADD, true, do_null },
	[DRAC_PROC_ADD] = { DRAC_RIGHT_ADD, true, do_add },
	[DRAC_PROC_TAKE_BACK] = { DRAC_RIGHT_ADMIN, true, do_take_back },
	[DRAC_PROC_GET] = { DRAC_RIGHT_ADMIN, false, do_get },
	[DRAC_PROC_SET] = { DRAC_RIGHT_ADMIN, true, do_set },
	[DRAC_PROC_DROP] = { DRAC_RIGHT_ADMIN, true, do_drop },
	[DRAC_PROC_CLEAR] = { DRAC_RIGHT_ADMIN, false, do_clear },
	[DRAC_PROC_LIST] = { DRAC_RIGHT_ADMIN, false, do_list },
	[DRAC_PROC_SWEEP] = { DRAC_RIGHT_ADMIN, false, do_sweep },
	[DRAC_PROC_STATUS] = { DRAC_RIGHT_ADMIN, false, do_status },
	[DRAC_PROC_CLOSE] = { DRAC_RIGHT_ADMIN, false, do_close },
	[DRAC_PROC_CLOSED] = { DRAC_RIGHT_ADMIN, false, do_closed },
	[DRAC_PROC_REPORT] = { DRAC_RIGHT_ADD, true, do_add },
	[DRAC_PROC_UNDO] = { DRAC_RIGHT_ADMIN, false, do_undo },
	[DRAC_PROC_GRANT] = { DRAC_RIGHT_ADMIN, true, do_grant },
};

const struct drac_verb *
drac_verb_of(uint32_t procedure)
{
	return procedure < sizeof(verbs) / sizeof(verbs[0]) ? &verbs[procedure]
							    : NULL;
}
