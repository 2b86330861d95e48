/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The calls against the map: who may ask what, the turn, and the map looked
 * after between the turns.
 */

#include "work.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "import.h"
#include "lookups.h"

/* Waits for a reader that will not let go of the map delay every caller. */
#define PATIENCE_MS 250u

/* Removed in one turn, so that callers wait little. */
#define EXPIRE_MAX 128u

/* Removed in one go at the start, where nobody waits yet. */
#define FIRST_MAX 65536u

/* Expiries in memory beyond two an entry, before they are learnt anew. */
#define DUE_SPARE 4096u

/* Rights. */

static void
refuse(const struct drac_turn *turn, enum drac_refusal refusal)
{
	static const char *const reasons[DRAC_REFUSALS] = {
		[DRAC_REFUSAL_NONE] = "no right to ask",
		[DRAC_REFUSAL_USER] = "not in allow_users",
		[DRAC_REFUSAL_PORT] = "not from a reserved port",
		[DRAC_REFUSAL_HOST] = "not on the allow list",
		[DRAC_REFUSAL_RIGHT] = "may add, but not this",
	};
	char caller[DRAC_CALLER_TEXT], advice[DRAC_ADVICE_TEXT] = "";

	if (refusal == DRAC_REFUSAL_NONE)
		refusal = DRAC_REFUSAL_RIGHT;
	drac_stats.refused[refusal]++;
	drac_status_note(&turn->job->caller, true, turn->now);
	drac_caller_text(&turn->job->caller, caller);
	if (drac_say_is_due(refusal))
		drac_gate_advise(turn->state->gate, &turn->job->caller, refusal,
		    advice);
	drac_say_limited(refusal, "refused %s: %s%s", caller, reasons[refusal],
	    advice);
	drac_job_answer(turn->job, DRAC_ANSWER_PERM);
	drac_job_explain(turn->job, reasons[refusal]);
}

static void
do_job(const struct drac_turn *turn)
{
	const struct drac_verb *verb = drac_verb_of(turn->job->call.procedure);
	enum drac_refusal refusal = DRAC_REFUSAL_NONE;
	enum drac_right right;

	drac_stats.calls[turn->job->caller.road]++;
	memset(&turn->job->reply, 0, sizeof(turn->job->reply));
	if (verb == NULL) {
		drac_job_answer(turn->job, DRAC_ANSWER_UNKNOWN);
		return;
	}
	right = drac_gate_ask(turn->state->gate, &turn->job->caller, &refusal);
	turn->job->right = right;
	if (right < verb->right) {
		refuse(turn,
		    right == DRAC_RIGHT_NONE ? refusal : DRAC_REFUSAL_RIGHT);
		return;
	}
	if (!verb->batched)
		(void)drac_batch_flush(turn->state, turn->now);
	verb->run(turn);
}

void
drac_work_do(struct drac_state *state, struct drac_job *jobs, size_t count,
    time_t now)
{
	struct drac_work *work = state->work;
	size_t room = count < DRAC_OPS_MAX ? DRAC_OPS_MAX - count : 0;

	drac_verbs_free(work);
	work->taken = drac_batch_queue_due(state,
	    room < EXPIRE_MAX ? (unsigned)room : EXPIRE_MAX, now);
	for (size_t i = 0; i < count; i++) {
		const struct drac_turn turn = { state, &jobs[i], now };

		do_job(&turn);
	}
	(void)drac_batch_flush(state, now);
}

/* Looking after the map. */

struct lesson {
	struct drac_due *due;
	struct drac_table *table; /* NULL: nobody looks up */
	struct drac_cover cover;
	struct drac_closed closed;
	time_t now;
	uint64_t entries;
};

static int
learn_entry(const struct drac_addr *addr, time_t expiry, void *arg)
{
	struct lesson *lesson = arg;
	struct drac_net net = drac_cover_of(&lesson->cover, addr);

	lesson->entries++;
	/* A restored map may hold what is closed; nobody is told of it. */
	if (lesson->table != NULL &&
	    drac_closed_find(&lesson->closed, &net, lesson->now) == NULL &&
	    drac_lookups_enter(lesson->table, &lesson->cover, addr, expiry) ==
		-1)
		return -1;
	return drac_due_add(lesson->due, addr, expiry);
}

static int
learn_all(struct drac_state *state, struct lesson *lesson, struct drac_why *why)
{
	lesson->due = drac_due_new();
	if (lesson->due == NULL)
		return -1;
	if (state->lookups != NULL &&
	    (lesson->table = drac_lookups_table()) == NULL)
		return -1;
	/* Where the list cannot be read nothing is added, which is enough. */
	(void)drac_store_closed(state->store, &lesson->closed, NULL);
	return drac_store_each(state->store, learn_entry, lesson, why) == 0
		   ? 0
		   : -1;
}

/* What was known before stays when it fails. */
static int
learn(struct drac_state *state, time_t now, struct drac_why *why)
{
	struct lesson lesson = { .cover = drac_conf_cover(&state->conf),
		.now = now };
	int result = learn_all(state, &lesson, why);

	drac_closed_free(&lesson.closed);
	if (result == -1) {
		drac_due_free(lesson.due);
		drac_table_free(lesson.table);
		return -1;
	}
	drac_lookups_learn(state->lookups, lesson.table);
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
		drac_work_complain(&why);
	else if (why.text[0] != '\0')
		drac_say(LOG_WARNING, "%s", why.text);
	if (!anew && !state->work->learn && !is_overgrown(state))
		return;
	state->work->learn = true;
	why.text[0] = '\0';
	if (learn(state, now, &why) == -1)
		drac_work_complain(&why);
	else
		drac_say(LOG_INFO,
		    "looked through the map again: %" PRIu64 " entries",
		    state->entries);
}

void
drac_work_learn(struct drac_state *state)
{
	state->work->learn = true;
	state->work->looked_after = false;
}

void
drac_work_stepped(struct drac_state *state, time_t now)
{
	look_after(state, now);
	state->work->looked_after = !drac_store_upkeep_more(state->store);
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

	(void)drac_batch_queue_due(state, EXPIRE_MAX - work->taken, now);
	(void)drac_batch_flush(state, now);
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
	opts.import = drac_import;
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
drac_work_sweep(struct drac_state *state, time_t now)
{
	struct drac_swept swept;
	struct drac_why why = { "" };
	bool failed =
	    drac_store_sweep(state->store, now, FIRST_MAX, &swept, &why) == -1;

	drac_stats.expired += swept.removed;
	drac_stats.sweeps += swept.removed > 0;
	if (failed)
		drac_work_complain(&why);
	else if (why.text[0] != '\0')
		drac_say(LOG_WARNING, "%s", why.text);
	if (failed || why.text[0] != '\0' || swept.removed > 0)
		state->work->learn = true;
	if (!failed && swept.more)
		return 1;
	why.text[0] = '\0';
	if (state->work->learn && learn(state, now, &why) == -1)
		drac_work_complain(&why);
	return 0;
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
	if (open_store(state, why) == -1 || learn(state, time(NULL), why) == -1) {
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
		drac_verbs_free(state->work);
	free(state->work);
	state->store = NULL;
	state->due = NULL;
	state->work = NULL;
}
