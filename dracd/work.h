/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The work's own parts:
 *
 *   work    a turn: who may ask what, and looking after the map
 *   verbs   what each procedure does
 *   batch   the changes of a turn, written together, and what became of them
 */
#ifndef DRACD_WORK_H
#define DRACD_WORK_H

#include "dracd.h"

/* Reports that can be undone: those of some seconds under the worst load. */
#define DRAC_RECENT_MAX 4096u

/* What a REPORT wrote, for an UNDO; id 0: nothing. */
struct drac_recent {
	uint64_t id;
	struct drac_addr addr;
	time_t expiry;
	time_t previous;
};

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
	struct drac_recent recent[DRAC_RECENT_MAX]; /* the oldest goes first */
	size_t recent_next;
};

/* What a verb works with. */
struct drac_turn {
	struct drac_state *state;
	struct drac_job *job;
	time_t now;
};

/* The answer of a job; the sentence is made printable, as the wire wants it. */
void drac_job_answer(struct drac_job *job, enum drac_answer word);
void drac_job_explain(struct drac_job *job, const char *sentence);
void drac_job_fail(struct drac_job *job, const char *sentence);

/* "alice (dovecot) by user 0, process 77", or the caller alone. */
#define DRAC_WORD     96
#define DRAC_JOB_TEXT (2 * DRAC_WORD + DRAC_CALLER_TEXT + sizeof(" () by "))
void drac_job_whom(const struct drac_job *job, char text[DRAC_JOB_TEXT]);

/* Log it as a failure of ours; without a sentence errno is one. */
void drac_work_complain(struct drac_why *why);

/*
 * One more change, of the job's address, into the batch, which is written
 * when it is full. Good until the next one. job NULL: the daemon's own.
 */
struct drac_op *drac_batch_queue(struct drac_state *state, struct drac_job *job,
    enum drac_op_kind kind, time_t now);

/*
 * At most `most` of what is due into the batch: how many it was. An address
 * that is there twice for the same second is needed once.
 */
unsigned drac_batch_queue_due(struct drac_state *state, unsigned most,
    time_t now);

/*
 * Write the batch, but what is past its deadline by then, and answer its
 * jobs. -1: none of it counts; logged.
 */
int drac_batch_flush(struct drac_state *state, time_t now);

/* What a procedure needs and does; NULL: there is none of that number. */
struct drac_verb {
	enum drac_right right;
	bool batched; /* else what is in the batch has to come first */
	void (*run)(const struct drac_turn *turn);
};
const struct drac_verb *drac_verb_of(uint32_t procedure);

/* The memory of the answers of the turn before. */
void drac_verbs_free(struct drac_work *work);

#endif
