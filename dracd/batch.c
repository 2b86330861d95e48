/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What changes an entry becomes an op of a batch, which is written when the
 * turn's jobs have been looked at, or earlier when a job wants to see the map
 * or change all of it. An op without a job is the daemon's own: an entry
 * whose time is up.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lookups.h"
#include "sys.h"
#include "work.h"

/* Answers. */

void
drac_job_answer(struct drac_job *job, enum drac_answer word)
{
	job->answer = word;
	job->reply.answer = word;
}

void
drac_job_explain(struct drac_job *job, const char *sentence)
{
	drac_why_set(&job->reply.why, "%s", sentence);
	drac_why_make_harmless(job->reply.why.text);
}

void
drac_job_fail(struct drac_job *job, const char *sentence)
{
	drac_job_answer(job, DRAC_ANSWER_SYSERR);
	drac_job_explain(job, sentence);
}

void
drac_work_complain(struct drac_why *why)
{
	if (why->text[0] == '\0')
		drac_why_set(why, "%s", strerror(errno));
	drac_say_limited(DRAC_REFUSAL_NONE, "%s", why->text);
}

/* The log of what was done. */

void
drac_job_whom(const struct drac_job *job, char text[DRAC_JOB_TEXT])
{
	const struct drac_report *report = &job->call.report;
	char user[DRAC_WORD], service[DRAC_WORD], caller[DRAC_CALLER_TEXT];

	drac_caller_text(&job->caller, caller);
	drac_why_word(report->user, user, sizeof(user));
	drac_why_word(report->service, service, sizeof(service));
	if (report->user[0] == '\0')
		snprintf(text, DRAC_JOB_TEXT, "%s", caller);
	else
		snprintf(text, DRAC_JOB_TEXT, "%s (%s) by %s", user, service,
		    caller);
}

static void
log_done(const char *what, const struct drac_job *job, time_t expiry)
{
	char address[DRAC_ADDR_TEXT], whom[DRAC_JOB_TEXT], until[40] = "";
	struct tm tm;

	drac_addr_text(&job->call.addr, address);
	drac_job_whom(job, whom);
	if (expiry != 0 && gmtime_r(&expiry, &tm) != NULL)
		(void)strftime(until, sizeof(until), " until %H:%M:%SZ", &tm);
	drac_say(LOG_INFO, "%s %s%s for %s", what, address, until, whom);
}

/* The batch. */

static void
due_add(struct drac_state *state, const struct drac_addr *addr, time_t expiry)
{
	if (drac_due_add(state->due, addr, expiry) == 0)
		return;
	drac_say_limited(DRAC_REFUSAL_NONE, "expiry: %s", strerror(errno));
	state->work->learn = true;
}

static void
lookups_told(struct drac_state *state, int result)
{
	if (result == 0)
		return;
	drac_say_limited(DRAC_REFUSAL_NONE, "lookup: %s", strerror(errno));
	state->work->learn = true;
}

/* What a lookup sees from now on. 0: addr is gone. */
static void
tell_lookups(struct drac_state *state, const struct drac_addr *addr,
    time_t expiry)
{
	lookups_told(state, drac_lookups_tell(state->lookups, addr, expiry));
}

/* The same, where others may have opened the network for longer. */
static void
raise_lookups(struct drac_state *state, const struct drac_op *op, time_t now)
{
	lookups_told(state, drac_lookups_raise(state->lookups, &op->addr,
				op->grant.expiry, now));
}

static void
count_gone(struct drac_state *state)
{
	if (state->entries > 0)
		state->entries--;
}

/* Not a failure, but nobody else may say it: old clients hear yes or no. */
static void
settle_closed(const struct drac_op *op, struct drac_job *job, time_t now)
{
	char address[DRAC_ADDR_TEXT], caller[DRAC_CALLER_TEXT];
	char until[DRAC_CLOSED_UNTIL], sentence[128];

	if (op->grant.closed == DRAC_CLOSED_UNKNOWN) {
		drac_stats.failed++;
		drac_job_fail(job, "the list of closed addresses cannot be "
				   "read");
		return;
	}
	drac_stats.excluded++;
	drac_addr_text(&op->addr, address);
	drac_caller_text(&job->caller, caller);
	drac_closed_until_text(op->grant.closed, now, until);
	snprintf(sentence, sizeof(sentence), "%s is closed until %s", address,
	    until);
	drac_job_explain(job, sentence);
	drac_say(LOG_INFO, "not recorded for %s: %s", caller, sentence);
}

/* The caller may not hear of it and take it back all the same. */
static void
remember(struct drac_work *work, const struct drac_op *op, uint64_t id)
{
	work->recent[work->recent_next] = (struct drac_recent){ .id = id,
		.addr = op->addr,
		.expiry = op->grant.expiry,
		.previous = op->grant.previous };
	work->recent_next = (work->recent_next + 1) % DRAC_RECENT_MAX;
}

static void
settle_add(struct drac_state *state, const struct drac_op *op,
    struct drac_job *job, time_t now)
{
	const struct drac_grant *grant = &op->grant;

	if (grant->closed != 0) {
		settle_closed(op, job, now);
		return;
	}
	raise_lookups(state, op, now);
	job->reply.flag = grant->written;
	job->reply.expiry = op->expiry;
	if (job->right == DRAC_RIGHT_ADMIN) {
		job->reply.expiry = grant->expiry;
		job->reply.previous = grant->previous;
	}
	if (!grant->written) {
		drac_stats.fresh++;
		return;
	}
	drac_stats.added++;
	if (job->call.report.id != 0)
		remember(state->work, op, job->call.report.id);
	if (grant->previous != 0)
		drac_stats.renewed++;
	else
		state->entries++;
	if (grant->previous == 0 || grant->expiry < grant->previous)
		due_add(state, &op->addr, grant->expiry);
	log_done("authorised", job, grant->expiry);
}

static void
settle_set(struct drac_state *state, const struct drac_op *op,
    const struct drac_job *job)
{
	if (op->grant.previous == 0)
		state->entries++;
	tell_lookups(state, &op->addr, op->expiry);
	due_add(state, &op->addr, op->expiry);
	log_done("set", job, op->expiry);
}

static void
settle_take_back(struct drac_state *state, const struct drac_op *op,
    struct drac_job *job)
{
	job->reply.flag = op->done;
	if (!op->done)
		return;
	tell_lookups(state, &op->addr, op->grant.previous);
	drac_stats.taken_back++;
	if (op->grant.previous == 0)
		count_gone(state);
	else
		due_add(state, &op->addr, op->grant.previous);
	log_done("took back", job, 0);
}

static void
settle_drop(struct drac_state *state, const struct drac_op *op,
    struct drac_job *job)
{
	tell_lookups(state, &op->addr, 0);
	job->reply.flag = op->done;
	if (!op->done)
		return;
	drac_stats.dropped++;
	count_gone(state);
	log_done("dropped", job, 0);
}

static void
settle_expire(struct drac_state *state, const struct drac_op *op, time_t now)
{
	char address[DRAC_ADDR_TEXT];

	raise_lookups(state, op, now);
	if (op->grant.expiry > now)
		due_add(state, &op->addr, op->grant.expiry);
	if (!op->done)
		return;
	drac_stats.expired++;
	count_gone(state);
	drac_addr_text(&op->addr, address);
	drac_say(LOG_DEBUG, "expired %s", address);
}

static void
settle(struct drac_state *state, const struct drac_op *op, struct drac_job *job,
    time_t now)
{
	switch (op->kind) {
	case DRAC_OP_ADD:
		settle_add(state, op, job, now);
		break;
	case DRAC_OP_SET:
		settle_set(state, op, job);
		break;
	case DRAC_OP_TAKE_BACK:
		settle_take_back(state, op, job);
		break;
	case DRAC_OP_DROP:
		settle_drop(state, op, job);
		break;
	case DRAC_OP_EXPIRE:
		settle_expire(state, op, now);
		break;
	}
}

/*
 * Nothing of the batch counts, though the map may come to hold it. What was
 * due is tried again in a second.
 */
static void
batch_failed(struct drac_state *state, struct drac_why *why, time_t now)
{
	struct drac_work *work = state->work;

	drac_work_complain(why);
	work->learn = true;
	for (size_t i = 0; i < work->count; i++) {
		if (work->jobs[i] == NULL) {
			due_add(state, &work->ops[i].addr, now + 1);
			continue;
		}
		drac_stats.failed++;
		drac_job_fail(work->jobs[i], why->text);
	}
}

/* It counts, but there is something to tell: a reader in the way, a repair. */
static void
batch_warned(struct drac_state *state, struct drac_why *why)
{
	struct drac_work *work = state->work;
	bool deferred = false;

	drac_work_complain(why);
	for (size_t i = 0; i < work->count; i++) {
		deferred = deferred || work->ops[i].grant.deferred;
		if (work->jobs[i] != NULL)
			drac_job_explain(work->jobs[i], why->text);
	}
	if (!deferred)
		work->learn = true;
}

static void
batch_done(struct drac_state *state, struct drac_why *why, time_t now)
{
	struct drac_work *work = state->work;
	uint64_t expired = drac_stats.expired;
	bool changed = false;

	for (size_t i = 0; i < work->count; i++) {
		changed = changed || work->ops[i].done;
		if (work->jobs[i] != NULL)
			drac_job_answer(work->jobs[i], DRAC_ANSWER_SUCCESS);
		settle(state, &work->ops[i], work->jobs[i], now);
	}
	if (changed)
		drac_stats.batches++;
	if (drac_stats.expired != expired)
		drac_stats.sweeps++;
	if (why->text[0] != '\0')
		batch_warned(state, why);
}

/* Deadlines */

/* The longest `timeout', and what rounding may add. */
#define DEADLINE_MAX_MS (60u * 1000 + 1000)

/* Why a report is not to be served any more, or not at all; or NULL. */
static const char *
too_late(const struct drac_call *call, uint64_t boot_ms, char text[128])
{
	uint64_t deadline_ms = call->report.deadline_ms;

	if (call->procedure != DRAC_PROC_REPORT)
		return NULL;
	if (boot_ms > deadline_ms)
		snprintf(text, 128, "the report is %ju ms past its deadline",
		    (uintmax_t)(boot_ms - deadline_ms));
	else if (deadline_ms - boot_ms > DEADLINE_MAX_MS)
		snprintf(text, 128,
		    "its deadline is %ju s ahead: has the caller another boot "
		    "clock (a time namespace)?",
		    (uintmax_t)(deadline_ms - boot_ms) / 1000);
	else
		return NULL;
	return text;
}

static void
refuse_late(struct drac_job *job, const char *reason)
{
	char address[DRAC_ADDR_TEXT], whom[DRAC_JOB_TEXT];

	drac_addr_text(&job->call.addr, address);
	drac_job_whom(job, whom);
	drac_stats.refused[DRAC_REFUSAL_LATE]++;
	drac_say_limited(DRAC_REFUSAL_LATE, "not recorded %s for %s: %s",
	    address, whom, reason);
	drac_job_fail(job, reason);
}

/*
 * Whoever reported a login has given it up, and perhaps refused it: it must
 * not be recorded now. This is looked at last of all before the map changes.
 */
static void
leave_out_late(struct drac_work *work)
{
	uint64_t boot_ms = drac_sys_boot_ms();
	size_t kept = 0;

	for (size_t i = 0; i < work->count; i++) {
		struct drac_job *job = work->jobs[i];
		char text[128];
		const char *reason =
		    job != NULL ? too_late(&job->call, boot_ms, text) : NULL;

		if (reason != NULL) {
			refuse_late(job, reason);
			continue;
		}
		work->ops[kept] = work->ops[i];
		work->jobs[kept++] = job;
	}
	work->count = kept;
}

int
drac_batch_flush(struct drac_state *state, time_t now)
{
	struct drac_work *work = state->work;
	struct drac_why why = { "" };
	int result = 0;

	leave_out_late(work);
	if (work->count == 0)
		return 0;
	result =
	    drac_store_apply(state->store, work->ops, work->count, now, &why);
	if (result == 0)
		batch_done(state, &why, now);
	else
		batch_failed(state, &why, now);
	work->count = 0;
	return result;
}

struct drac_op *
drac_batch_queue(struct drac_state *state, struct drac_job *job,
    enum drac_op_kind kind, time_t now)
{
	struct drac_work *work = state->work;
	struct drac_op *op;

	if (work->count == DRAC_OPS_MAX)
		(void)drac_batch_flush(state, now);
	op = &work->ops[work->count];
	*op = (struct drac_op){ .kind = kind };
	if (job != NULL)
		op->addr = job->call.addr;
	work->jobs[work->count++] = job;
	return op;
}

unsigned
drac_batch_queue_due(struct drac_state *state, unsigned most, time_t now)
{
	struct drac_addr addr, before = { 0 };
	unsigned taken = 0;

	while (taken < most && drac_due_take(state->due, now, &addr)) {
		if (drac_addr_equal(&addr, &before))
			continue;
		drac_batch_queue(state, NULL, DRAC_OP_EXPIRE, now)->addr = addr;
		before = addr;
		taken++;
	}
	return taken;
}
