/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The calls against the map. What changes an entry becomes an op of a batch,
 * which is written when the turn's jobs have been looked at, or earlier when
 * a job wants to see the map or change all of it. An op without a job is
 * the daemon's own: an entry whose time is up.
 */

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "dracd.h"

/* Waits for a reader that will not let go of the map delay every caller. */
#define PATIENCE_MS 250u

/* Removed in one turn, so that callers wait little. */
#define EXPIRE_MAX 128u

/* Batches of one SWEEP; the daemon goes on with the rest by itself. */
#define SWEEP_BATCHES 16u

#define STATUS_ROOM 16384u

/* Expiries in memory beyond two an entry, before they are learnt anew. */
#define DUE_SPARE 4096u

struct drac_work {
	struct drac_op ops[DRAC_OPS_MAX];
	struct drac_job *jobs[DRAC_OPS_MAX]; /* whose op; NULL: ours */
	size_t count;
	unsigned taken; /* of what is due, in this turn */
	void *lent[DRAC_JOBS_MAX];
	size_t lent_count;
	bool looked_after;
	int64_t looked_ms;
	bool learn; /* the map may hold what we do not know of */
};

/* What a verb works with. */
struct turn {
	struct drac_state *state;
	struct drac_job *job;
	time_t now;
};

/* Answers. */

static void
answer(struct drac_job *job, enum drac_answer word)
{
	job->answer = word;
	job->reply.answer = word;
}

/* The sentence for version 3, printable as the wire wants it. */
static void
explain(struct drac_job *job, const char *sentence)
{
	drac_why_set(&job->reply.why, "%s", sentence);
	for (char *at = job->reply.why.text; *at != '\0'; at++)
		if (*at < ' ' || *at > '~')
			*at = '?';
}

static void
fail(struct drac_job *job, const char *sentence)
{
	answer(job, DRAC_ANSWER_SYSERR);
	explain(job, sentence);
}

/* Where the store has said nothing, errno has to do. */
static void
complain(struct drac_why *why)
{
	if (why->text[0] == '\0')
		drac_why_set(why, "%s", strerror(errno));
	drac_say_limited(DRAC_REFUSAL_NONE, "%s", why->text);
}

/* The map could not be read or changed: say it, and to whom asked. */
static void
fail_loudly(struct drac_job *job, struct drac_why *why)
{
	complain(why);
	drac_stats.failed++;
	fail(job, why->text);
}

/* The log of what was done. */

static void
log_done(const char *what, const struct drac_job *job, time_t expiry)
{
	char address[DRAC_ADDR_TEXT], caller[DRAC_CALLER_TEXT], until[40] = "";
	struct tm tm;

	drac_addr_text(&job->call.addr, address);
	drac_caller_text(&job->caller, caller);
	if (expiry != 0 && gmtime_r(&expiry, &tm) != NULL)
		(void)strftime(until, sizeof(until), " until %H:%M:%SZ", &tm);
	drac_say(LOG_INFO, "%s %s%s for %s", what, address, until, caller);
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
count_gone(struct drac_state *state)
{
	if (state->entries > 0)
		state->entries--;
}

static void
settle_add(struct drac_state *state, const struct drac_op *op,
    struct drac_job *job)
{
	const struct drac_grant *grant = &op->grant;

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
		settle_add(state, op, job);
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

/* Nothing of the batch counts. What was due is tried again in a second. */
static void
batch_failed(struct drac_state *state, struct drac_why *why, time_t now)
{
	struct drac_work *work = state->work;

	complain(why);
	for (size_t i = 0; i < work->count; i++) {
		if (work->jobs[i] == NULL) {
			due_add(state, &work->ops[i].addr, now + 1);
			continue;
		}
		drac_stats.failed++;
		fail(work->jobs[i], why->text);
	}
}

/* It counts, but there is something to tell: a reader in the way, a repair. */
static void
batch_warned(struct drac_state *state, struct drac_why *why)
{
	struct drac_work *work = state->work;
	bool deferred = false;

	complain(why);
	for (size_t i = 0; i < work->count; i++) {
		deferred = deferred || work->ops[i].grant.deferred;
		if (work->jobs[i] != NULL)
			explain(work->jobs[i], why->text);
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
			answer(work->jobs[i], DRAC_ANSWER_SUCCESS);
		settle(state, &work->ops[i], work->jobs[i], now);
	}
	if (changed)
		drac_stats.batches++;
	if (drac_stats.expired != expired)
		drac_stats.sweeps++;
	if (why->text[0] != '\0')
		batch_warned(state, why);
}

static int
flush(struct drac_state *state, time_t now)
{
	struct drac_work *work = state->work;
	struct drac_why why = { "" };
	int result = 0;

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

static struct drac_op *
queue(struct drac_state *state, struct drac_job *job, enum drac_op_kind kind,
    time_t now)
{
	struct drac_work *work = state->work;
	struct drac_op *op;

	if (work->count == DRAC_OPS_MAX)
		(void)flush(state, now);
	op = &work->ops[work->count];
	*op = (struct drac_op){ .kind = kind };
	if (job != NULL)
		op->addr = job->call.addr;
	work->jobs[work->count++] = job;
	return op;
}

/*
 * At most `most` of what is due into the batch. An address that is there
 * twice for the same second is needed once.
 */
static unsigned
queue_due(struct drac_state *state, unsigned most, time_t now)
{
	struct drac_addr addr, before = { 0 };
	unsigned taken = 0;

	while (taken < most && drac_due_take(state->due, now, &addr)) {
		if (drac_addr_equal(&addr, &before))
			continue;
		queue(state, NULL, DRAC_OP_EXPIRE, now)->addr = addr;
		before = addr;
		taken++;
	}
	return taken;
}

/* The verbs. */

static void
do_null(const struct turn *turn)
{
	answer(turn->job, DRAC_ANSWER_SUCCESS);
}

/* Why an address is not recorded, or NULL. */
static const char *
never_recorded(const struct turn *turn)
{
	enum drac_scope scope = drac_addr_scope(&turn->job->call.addr);

	if (scope != DRAC_SCOPE_HOST)
		return drac_scope_word(scope);
	return drac_nets_find(&turn->state->conf.exclude,
		   &turn->job->call.addr) != NULL
		   ? "excluded"
		   : NULL;
}

static void
exclude(struct drac_job *job, const char *reason)
{
	char address[DRAC_ADDR_TEXT], sentence[128];

	drac_addr_text(&job->call.addr, address);
	snprintf(sentence, sizeof(sentence), "%s is never recorded (%s)",
	    address, reason);
	explain(job, sentence);
}

static void
do_add(const struct turn *turn)
{
	const struct drac_conf *conf = &turn->state->conf;
	const char *reason = never_recorded(turn);
	struct drac_op *op;

	drac_status_note(&turn->job->caller, false, turn->now);
	if (reason != NULL) {
		drac_stats.excluded++;
		answer(turn->job, DRAC_ANSWER_SUCCESS);
		exclude(turn->job, reason);
		return;
	}
	op = queue(turn->state, turn->job, DRAC_OP_ADD, turn->now);
	op->expiry = turn->now + (time_t)conf->lifetime_s;
	op->renew_s = conf->renew_s;
}

/* What was there before never lasted as long as what an add wrote. */
static void
do_take_back(const struct turn *turn)
{
	const struct drac_call *call = &turn->job->call;
	struct drac_op *op;

	if (call->expiry <= 0 || call->previous < 0 ||
	    call->previous >= call->expiry) {
		fail(turn->job, "not what an add answered");
		return;
	}
	op = queue(turn->state, turn->job, DRAC_OP_TAKE_BACK, turn->now);
	op->grant = (struct drac_grant){ .expiry = call->expiry,
		.previous = call->previous,
		.written = true };
}

static void
do_set(const struct turn *turn)
{
	struct drac_job *job = turn->job;
	const char *reason = never_recorded(turn);

	if (job->call.expiry <= 0) {
		fail(job, "not a time to expire at");
		return;
	}
	if (drac_addr_scope(&job->call.addr) != DRAC_SCOPE_HOST) {
		answer(job, DRAC_ANSWER_SYSERR);
		exclude(job, reason);
		return;
	}
	queue(turn->state, job, DRAC_OP_SET, turn->now)->expiry =
	    job->call.expiry;
}

static void
do_drop(const struct turn *turn)
{
	(void)queue(turn->state, turn->job, DRAC_OP_DROP, turn->now);
}

static void
do_get(const struct turn *turn)
{
	struct drac_reply *reply = &turn->job->reply;
	struct drac_why why = { "" };
	int found = drac_store_get(turn->state->store, &turn->job->call.addr,
	    &reply->expiry, &why);

	if (found == -1) {
		fail_loudly(turn->job, &why);
		return;
	}
	if (found == 0)
		reply->expiry = 0;
	reply->flag = found == 1;
	answer(turn->job, DRAC_ANSWER_SUCCESS);
}

static void
do_clear(const struct turn *turn)
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
	drac_caller_text(&turn->job->caller, caller);
	drac_say(LOG_INFO, "dropped every entry for %s", caller);
	answer(turn->job, DRAC_ANSWER_SUCCESS);
}

/* Memory for an answer, until the next turn; NULL: the job has failed. */
static void *
lend(const struct turn *turn, size_t size)
{
	struct drac_work *work = turn->state->work;
	void *memory = NULL;

	if (work->lent_count < DRAC_JOBS_MAX)
		memory = calloc(1, size);
	if (memory == NULL)
		fail(turn->job, "out of memory");
	else
		work->lent[work->lent_count++] = memory;
	return memory;
}

static void
take_what_was_lent(struct drac_work *work)
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
do_list(const struct turn *turn)
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
	answer(turn->job, DRAC_ANSWER_SUCCESS);
}

static void
do_sweep(const struct turn *turn)
{
	struct drac_state *state = turn->state;
	struct drac_reply *reply = &turn->job->reply;
	uint64_t expired = drac_stats.expired, sweeps = drac_stats.sweeps;
	unsigned batches = 0;
	time_t next;

	while (batches++ < SWEEP_BATCHES &&
	       queue_due(state, DRAC_OPS_MAX, turn->now) > 0)
		if (flush(state, turn->now) == -1) {
			fail(turn->job, "could not remove what has expired");
			return;
		}
	drac_stats.sweeps = sweeps + 1;
	reply->removed = drac_stats.expired - expired;
	reply->kept = state->entries;
	if (drac_due_next(state->due, &next) && next <= turn->now)
		explain(turn->job, "there is more to remove, at once");
	answer(turn->job, DRAC_ANSWER_SUCCESS);
}

static void
do_status(const struct turn *turn)
{
	char *text = lend(turn, STATUS_ROOM);

	if (text == NULL)
		return;
	drac_status_text(turn->state, turn->now, text, STATUS_ROOM);
	turn->job->reply.text = text;
	turn->job->reply.text_room = STATUS_ROOM;
	answer(turn->job, DRAC_ANSWER_SUCCESS);
}

static const struct verb {
	enum drac_right right;
	bool batched; /* else what is in the batch has to come first */
	void (*run)(const struct turn *turn);
} verbs[] = {
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
};

/* Rights. */

static void
refuse(const struct turn *turn, enum drac_refusal refusal)
{
	static const char *const reasons[DRAC_REFUSALS] = {
		[DRAC_REFUSAL_NONE] = "no right to ask",
		[DRAC_REFUSAL_USER] = "not in allow_users",
		[DRAC_REFUSAL_PORT] = "not from a reserved port",
		[DRAC_REFUSAL_HOST] = "not on the allow list",
		[DRAC_REFUSAL_RIGHT] = "may add, but not this",
	};
	char caller[DRAC_CALLER_TEXT];

	if (refusal == DRAC_REFUSAL_NONE)
		refusal = DRAC_REFUSAL_RIGHT;
	drac_stats.refused[refusal]++;
	drac_status_note(&turn->job->caller, true, turn->now);
	drac_caller_text(&turn->job->caller, caller);
	drac_say_limited(refusal, "refused %s: %s", caller, reasons[refusal]);
	answer(turn->job, DRAC_ANSWER_PERM);
	explain(turn->job, reasons[refusal]);
}

static void
do_job(const struct turn *turn)
{
	uint32_t procedure = turn->job->call.procedure;
	enum drac_refusal refusal = DRAC_REFUSAL_NONE;
	enum drac_right right;

	drac_stats.calls[turn->job->caller.road]++;
	memset(&turn->job->reply, 0, sizeof(turn->job->reply));
	if (procedure >= sizeof(verbs) / sizeof(verbs[0])) {
		answer(turn->job, DRAC_ANSWER_UNKNOWN);
		return;
	}
	right = drac_gate_ask(turn->state->gate, &turn->job->caller, &refusal);
	turn->job->right = right;
	if (right < verbs[procedure].right) {
		refuse(turn,
		    right == DRAC_RIGHT_NONE ? refusal : DRAC_REFUSAL_RIGHT);
		return;
	}
	if (!verbs[procedure].batched)
		(void)flush(turn->state, turn->now);
	verbs[procedure].run(turn);
}

void
drac_work_do(struct drac_state *state, struct drac_job *jobs, size_t count,
    time_t now)
{
	struct drac_work *work = state->work;
	size_t room = count < DRAC_OPS_MAX ? DRAC_OPS_MAX - count : 0;

	take_what_was_lent(work);
	work->taken = queue_due(state,
	    room < EXPIRE_MAX ? (unsigned)room : EXPIRE_MAX, now);
	for (size_t i = 0; i < count; i++) {
		const struct turn turn = { state, &jobs[i], now };

		do_job(&turn);
	}
	(void)flush(state, now);
}

/* Looking after the map. */

struct lesson {
	struct drac_due *due;
	uint64_t entries;
};

static int
learn_entry(const struct drac_addr *addr, time_t expiry, void *arg)
{
	struct lesson *lesson = arg;

	lesson->entries++;
	return drac_due_add(lesson->due, addr, expiry);
}

/* What was known before stays when it fails. */
static int
learn(struct drac_state *state, struct drac_why *why)
{
	struct lesson lesson = { .due = drac_due_new() };

	if (lesson.due == NULL ||
	    drac_store_each(state->store, learn_entry, &lesson, why) != 0) {
		drac_due_free(lesson.due);
		return -1;
	}
	drac_due_free(state->due);
	state->due = lesson.due;
	state->entries = lesson.entries;
	state->work->learn = false;
	return 0;
}

/* Adds that are taken back leave their expiry behind. */
static bool
is_overgrown(const struct drac_state *state)
{
	return drac_due_count(state->due) > 2 * state->entries + DUE_SPARE;
}

static void
look_after(struct drac_state *state, time_t now)
{
	struct drac_why why = { "" };
	bool anew = false;

	if (drac_store_upkeep(state->store, now, &anew, &why) == -1)
		complain(&why);
	else if (why.text[0] != '\0')
		drac_say(LOG_WARNING, "%s", why.text);
	if (!anew && !state->work->learn && !is_overgrown(state))
		return;
	state->work->learn = true;
	why.text[0] = '\0';
	if (learn(state, &why) == -1)
		complain(&why);
	else
		drac_say(LOG_INFO,
		    "looked through the map again: %" PRIu64 " entries",
		    state->entries);
}

/* Milliseconds until the next entry is due, INT64_MAX for none. */
static int64_t
until_due(const struct drac_state *state, time_t now)
{
	time_t next;

	if (!drac_due_next(state->due, &next))
		return INT64_MAX;
	return next <= now ? 0 : (int64_t)(next - now) * 1000;
}

int
drac_work_idle(struct drac_state *state, time_t now, int64_t now_ms)
{
	struct drac_work *work = state->work;
	int64_t interval_ms = (int64_t)state->conf.sweep_interval_s * 1000;
	int64_t wait_ms, due_ms;

	(void)queue_due(state, EXPIRE_MAX - work->taken, now);
	(void)flush(state, now);
	work->taken = 0;
	if (!work->looked_after || now_ms - work->looked_ms >= interval_ms) {
		look_after(state, now);
		work->looked_after = !drac_store_upkeep_more(state->store);
		work->looked_ms = now_ms;
	}
	wait_ms = work->looked_ms + interval_ms - now_ms;
	if (!work->looked_after)
		wait_ms = 0;
	due_ms = until_due(state, now);
	return (int)(due_ms < wait_ms ? due_ms : wait_ms);
}

/* Opening. */

/* The likeliest reasons have one remedy. */
static void
advise(struct drac_why *why)
{
	struct drac_why inner = *why;

	if (errno == EPERM)
		drac_why_set(why,
		    "%.200s; have the directory belong to root and nobody "
		    "else write there, then `dracctl init --daemon`",
		    inner.text);
	else if (errno == EACCES)
		drac_why_set(why,
		    "%.220s; `dracctl init --daemon` gives the directory to "
		    "the daemon's user",
		    inner.text);
	else if (errno == ENOENT)
		drac_why_set(why,
		    "%.220s; `dracctl init --daemon` makes the directory",
		    inner.text);
}

/* Root's directory will do for the store, but not for us. */
static int
check_directory(const char *database, struct drac_why *why)
{
	const char *slash = strrchr(database, '/');
	char *dir;
	int result;

	dir = strndup(database,
	    slash == database ? 1 : (size_t)(slash - database));
	if (dir == NULL) {
		drac_why_set(why, "out of memory");
		return -1;
	}
	result = access(dir, W_OK | X_OK);
	if (result == -1)
		drac_why_set(why, "%.160s: %s", dir, strerror(errno));
	free(dir);
	return result;
}

static int
open_store(struct drac_state *state, struct drac_why *why)
{
	struct drac_store_opts opts = { 0 };

	drac_conf_store_opts(&state->conf, &opts);
	opts.timeout_ms = PATIENCE_MS;
	opts.may_create = true;
	opts.owner = true;
	if (check_directory(opts.path, why) == -1 ||
	    drac_store_open(&opts, &state->store, why) == -1) {
		advise(why);
		return -1;
	}
	if (why->text[0] != '\0')
		drac_say(LOG_WARNING, "%s", why->text);
	why->text[0] = '\0';
	return state->empty_first ? drac_store_clear(state->store, why) : 0;
}

int
drac_work_open(struct drac_state *state, struct drac_why *why)
{
	why->text[0] = '\0';
	state->work = calloc(1, sizeof(*state->work));
	if (state->work == NULL) {
		drac_why_set(why, "out of memory");
		return -1;
	}
	if (open_store(state, why) == -1 || learn(state, why) == -1) {
		if (why->text[0] == '\0')
			drac_why_set(why, "%s: %s", state->conf.database,
			    strerror(errno));
		return -1;
	}
	return 0;
}

void
drac_work_close(struct drac_state *state)
{
	drac_store_close(state->store);
	drac_due_free(state->due);
	if (state->work != NULL)
		take_what_was_lent(state->work);
	free(state->work);
	state->store = NULL;
	state->due = NULL;
	state->work = NULL;
}
