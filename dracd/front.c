/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The turn. Whatever epoll says is ready joins the end of a queue and is
 * served from its head, a share at a time: what a turn has no room for is
 * first in the next, so a flood on one socket delays nobody else for long.
 */

#include "front.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A way is a socket's place in its table, then a connection's slot. */
#define WAYS (DRAC_SOCKETS_MAX + DRAC_CONNS_MAX)

/* Shares that one way may have of a turn, and connections in one share. */
#define ROUNDS_MAX  (DRAC_JOBS_MAX / DRAC_DGRAMS_MAX)
#define ACCEPTS_MAX 16u

/* Idle connections are looked for so often; so long nobody is accepted. */
#define LOOK_MS  5000
#define PAUSE_MS 1000

struct drac_front {
	int poll_fd;
	int timer_fd; /* wakes whoever polls, that idle ones are seen to */
	int tick_ms;
	struct drac_sockets sockets;
	struct drac_conns conns;
	size_t head; /* of the queue */
	size_t waiting;
	unsigned short queue[WAYS];
	bool queued[WAYS];
	bool rest; /* a connection has read more than the job it gave */
	bool paused;
	int64_t resume_ms;
	int64_t looked_ms;
	struct drac_dgrams dgrams;
	struct epoll_event events[WAYS + 1];
	unsigned char reply[DRAC_MARK_SIZE + DRAC_REPLY_MAX];
};

struct turn {
	struct drac_front *front;
	int64_t now_ms;
	struct drac_job *jobs;
	size_t max;
	size_t count;
};

/* The queue: each way at most once */

static void
enqueue(struct drac_front *front, size_t way)
{
	if (way >= DRAC_SOCKETS_MAX &&
	    front->conns.at[way - DRAC_SOCKETS_MAX] != NULL)
		front->conns.at[way - DRAC_SOCKETS_MAX]->ready = true;
	if (front->queued[way])
		return;
	front->queued[way] = true;
	front->queue[(front->head + front->waiting++) % WAYS] =
	    (unsigned short)way;
}

static size_t
dequeue(struct drac_front *front)
{
	size_t way = front->queue[front->head];

	front->head = (front->head + 1) % WAYS;
	front->waiting--;
	front->queued[way] = false;
	return way;
}

/* What is polled for */

static int
poll_for(struct drac_front *front, int operation, int fd,
    struct epoll_event event)
{
	return epoll_ctl(front->poll_fd, operation, fd, &event);
}

static struct epoll_event
event_of(uint32_t events, size_t way)
{
	return (struct epoll_event){ .events = events,
		.data = { .u32 = (uint32_t)way } };
}

static void
set_tick(struct drac_front *front)
{
	int tick_ms = front->paused            ? PAUSE_MS
		      : front->conns.count > 0 ? LOOK_MS
					       : 0;
	struct timespec each = { .tv_sec = tick_ms / 1000,
		.tv_nsec = tick_ms % 1000 * 1000000L };
	struct itimerspec timer = { .it_interval = each, .it_value = each };

	if (tick_ms == front->tick_ms)
		return;
	front->tick_ms = tick_ms;
	(void)timerfd_settime(front->timer_fd, 0, &timer, NULL);
}

/* Without a descriptor to spare, accepting would be tried without end. */
static void
set_paused(struct drac_front *front, bool paused)
{
	front->paused = paused;
	for (size_t i = 0; i < front->sockets.count; i++) {
		if (front->sockets.at[i].road != DRAC_ROAD_UDP)
			(void)poll_for(front, EPOLL_CTL_MOD,
			    front->sockets.at[i].fd,
			    event_of(paused ? 0 : EPOLLIN, i));
	}
}

static void
set_writing(struct drac_front *front, size_t slot, bool writing)
{
	struct drac_conn *conn = front->conns.at[slot];

	if (conn->writing == writing)
		return;
	conn->writing = writing;
	(void)poll_for(front, EPOLL_CTL_MOD, conn->fd,
	    event_of(writing ? EPOLLOUT : EPOLLIN, DRAC_SOCKETS_MAX + slot));
}

/* Answers on connections */

size_t
drac_front_encode(const struct drac_job *job, unsigned char *octets)
{
	struct drac_reply reply;

	if (job->call.procedure == DRAC_PROC_NULL)
		return drac_wire_void(job->call.xid, octets);
	if (!job->local)
		return drac_wire_answer(job->call.xid, job->answer, octets);
	reply = job->reply;
	reply.answer = job->answer;
	return drac_wire_reply(job->call.xid, job->call.procedure, &reply,
	    octets);
}

/* What stands in front->reply behind the mark, size octets. */
static void
send_reply(struct drac_front *front, size_t slot, size_t size)
{
	struct drac_conn *conn = front->conns.at[slot];
	uint32_t mark = DRAC_MARK_LAST | (uint32_t)size;
	int sent;

	for (size_t i = 0; i < DRAC_MARK_SIZE; i++)
		front->reply[i] = (unsigned char)(mark >> (24 - 8 * i));
	sent = drac_conn_send(conn, front->reply, DRAC_MARK_SIZE + size);
	if (sent == -1)
		drac_conns_drop(&front->conns, slot);
	else if (sent == 0)
		set_writing(front, slot, true);
	else if (drac_conn_rest(conn))
		enqueue(front, DRAC_SOCKETS_MAX + slot);
}

static void
answer_conn(struct drac_front *front, const struct drac_job *job)
{
	struct drac_conn *conn = front->conns.at[job->way];

	if (conn == NULL || conn->number != job->way_number)
		return;
	conn->unanswered = false;
	send_reply(front, job->way,
	    drac_front_encode(job, front->reply + DRAC_MARK_SIZE));
}

void
drac_front_answer(struct drac_front *front, const struct drac_job *jobs,
    size_t count)
{
	drac_dgram_answer(&front->dgrams, &front->sockets, jobs, count);
	for (size_t i = 0; i < count; i++) {
		if (jobs[i].caller.road != DRAC_ROAD_UDP)
			answer_conn(front, &jobs[i]);
	}
	set_tick(front);
}

/* Serving */

static void
serve_dgrams(struct turn *turn, size_t way)
{
	struct drac_front *front = turn->front;
	size_t first = turn->count;
	bool more;

	turn->count +=
	    drac_dgram_collect(&front->dgrams, &front->sockets.at[way],
		turn->jobs, first, turn->max - first, &more);
	for (size_t i = first; i < turn->count; i++)
		turn->jobs[i].way = way;
	if (more)
		enqueue(front, way);
}

static int
welcome(struct drac_front *front, size_t slot)
{
	size_t way = DRAC_SOCKETS_MAX + slot;

	if (poll_for(front, EPOLL_CTL_ADD, front->conns.at[slot]->fd,
		event_of(EPOLLIN, way)) == -1) {
		drac_conns_drop(&front->conns, slot);
		return -1;
	}
	enqueue(front, way);
	return 0;
}

static void
serve_listener(struct turn *turn, size_t way)
{
	struct drac_front *front = turn->front;

	for (unsigned i = 0; i < ACCEPTS_MAX; i++) {
		int slot = drac_conns_accept(&front->conns,
		    &front->sockets.at[way], turn->now_ms);

		if (slot == -1 && errno == EAGAIN)
			return;
		if (slot == -1 && errno == EMFILE) {
			front->resume_ms = turn->now_ms + PAUSE_MS;
			set_paused(front, true);
			return;
		}
		if (slot != -1)
			(void)welcome(front, (size_t)slot);
	}
	enqueue(front, way);
}

/* A whole record of a connection: a job, a fault, or nothing of ours. */
static void
judge(struct turn *turn, size_t slot)
{
	struct drac_front *front = turn->front;
	struct drac_conn *conn = front->conns.at[slot];
	struct drac_job *job = &turn->jobs[turn->count];
	uint32_t highest = conn->caller.road == DRAC_ROAD_LOCAL
			       ? DRAC_VERSION_LOCAL
			       : DRAC_VERSION_V6;
	enum drac_fault fault = DRAC_FAULT_NONE;

	*job = (struct drac_job){ .caller = conn->caller,
		.way = slot,
		.way_number = conn->number };
	switch (drac_wire_read_call(conn->record, conn->record_len, highest,
	    &job->call, &fault)) {
	case DRAC_CALL_GOOD:
		job->local = job->call.version == DRAC_VERSION_LOCAL;
		conn->unanswered = true;
		front->rest = front->rest || drac_conn_rest(conn);
		turn->count++;
		return;
	case DRAC_CALL_FAULTY:
		drac_stats.malformed++;
		send_reply(front, slot,
		    drac_wire_fault(job->call.xid, fault, highest,
			front->reply + DRAC_MARK_SIZE));
		return;
	case DRAC_CALL_NOISE:
		drac_stats.malformed++;
		drac_conns_drop(&front->conns, slot);
		return;
	}
}

static void
serve_conn(struct turn *turn, size_t slot)
{
	struct drac_front *front = turn->front;
	struct drac_conn *conn = front->conns.at[slot];
	int got;

	if (conn == NULL || conn->unanswered)
		return;
	conn->ready = false;
	got = drac_conn_flush(conn);
	if (got == 1) {
		set_writing(front, slot, false);
		got = drac_conn_read(conn);
	}
	if (got == -1)
		drac_conns_drop(&front->conns, slot);
	if (got != 1)
		return;
	conn->last_ms = turn->now_ms;
	judge(turn, slot);
}

static void
serve(struct turn *turn, size_t way)
{
	if (way >= DRAC_SOCKETS_MAX)
		serve_conn(turn, way - DRAC_SOCKETS_MAX);
	else if (turn->front->sockets.at[way].road == DRAC_ROAD_UDP)
		serve_dgrams(turn, way);
	else if (!turn->front->paused)
		serve_listener(turn, way);
}

/* A round serves each way once that waited at its start. */
static void
serve_rounds(struct turn *turn)
{
	struct drac_front *front = turn->front;

	for (unsigned round = 0; round < ROUNDS_MAX; round++) {
		size_t here = front->waiting;

		for (; here > 0 && turn->count < turn->max; here--)
			serve(turn, dequeue(front));
	}
}

static void
take_events(struct drac_front *front)
{
	int count = epoll_wait(front->poll_fd, front->events, WAYS + 1, 0);
	uint64_t ticks;

	for (int i = 0; i < count; i++) {
		if (front->events[i].data.u32 < WAYS)
			enqueue(front, front->events[i].data.u32);
		else
			(void)!read(front->timer_fd, &ticks, sizeof ticks);
	}
}

size_t
drac_front_collect(struct drac_front *front, int64_t now_ms,
    struct drac_job *jobs, size_t max)
{
	struct turn turn = { .front = front,
		.now_ms = now_ms,
		.jobs = jobs,
		.max = max < DRAC_JOBS_MAX ? max : DRAC_JOBS_MAX };

	front->rest = false;
	if (front->paused && now_ms >= front->resume_ms)
		set_paused(front, false);
	take_events(front);
	serve_rounds(&turn);
	if (now_ms - front->looked_ms >= PAUSE_MS) {
		front->looked_ms = now_ms;
		drac_conns_drop_idle(&front->conns, now_ms);
	}
	set_tick(front);
	return turn.count;
}

bool
drac_front_more(const struct drac_front *front)
{
	return front->waiting > 0 || front->rest;
}

int
drac_front_fd(const struct drac_front *front)
{
	return front->poll_fd;
}

size_t
drac_front_bound(const struct drac_front *front, struct drac_bound *bound,
    size_t max)
{
	size_t count = 0;

	for (size_t i = 0; i < front->sockets.count && count < max; i++) {
		const struct drac_socket *socket = &front->sockets.at[i];

		if (socket->road == DRAC_ROAD_LOCAL)
			continue;
		bound[count++] = (struct drac_bound){
			.tcp = socket->road == DRAC_ROAD_TCP,
			.v6 = socket->v6,
			.addr = socket->addr,
			.port = socket->port,
		};
	}
	return count;
}

size_t
drac_front_lookups(struct drac_front *front, int fds[DRAC_LOOKUP_MAX])
{
	size_t count = front->sockets.lookup_count;

	memcpy(fds, front->sockets.lookup, count * sizeof *fds);
	front->sockets.lookup_count = 0;
	return count;
}

/* Opening and closing */

static int
start_polling(struct drac_front *front)
{
	front->poll_fd = epoll_create1(EPOLL_CLOEXEC);
	front->timer_fd =
	    timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (front->poll_fd == -1 || front->timer_fd == -1 ||
	    poll_for(front, EPOLL_CTL_ADD, front->timer_fd,
		event_of(EPOLLIN, WAYS)) == -1)
		return -1;
	for (size_t i = 0; i < front->sockets.count; i++) {
		if (poll_for(front, EPOLL_CTL_ADD, front->sockets.at[i].fd,
			event_of(EPOLLIN, i)) == -1)
			return -1;
	}
	return 0;
}

int
drac_front_open(const struct drac_conf *conf, struct drac_front **front,
    struct drac_why *why)
{
	struct drac_front *made = calloc(1, sizeof *made);
	int saved;

	if (made == NULL) {
		drac_why_set(why, "out of memory");
		return -1;
	}
	if (drac_sockets_open(&made->sockets, conf, why) == -1) {
		saved = errno;
		free(made);
		errno = saved;
		return -1;
	}
	if (start_polling(made) == -1) {
		saved = errno;
		drac_why_set(why, "cannot poll: %s", strerror(saved));
		drac_front_close(made);
		errno = saved;
		return -1;
	}
	*front = made;
	return 0;
}

int
drac_front_admit(const struct drac_front *front, const struct drac_conf *conf,
    struct drac_why *why)
{
	return drac_local_admit(&front->sockets, conf, why);
}

void
drac_front_close(struct drac_front *front)
{
	if (front == NULL)
		return;
	for (size_t i = 0; i < DRAC_CONNS_MAX; i++)
		drac_conns_drop(&front->conns, i);
	drac_sockets_close(&front->sockets);
	if (front->poll_fd != -1)
		close(front->poll_fd);
	if (front->timer_fd != -1)
		close(front->timer_fd);
	free(front);
}
