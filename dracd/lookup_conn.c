/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * One connection. Replies stand in `out' and are sent before anything more
 * is read, so whoever does not read is not read from. Requests are answered
 * in their order, a share of them in one turn.
 */

#include <sys/socket.h>

#include <errno.h>
#include <string.h>

#include "lookup_parts.h"

/* -1: it is broken. */
static int
send_out(struct drac_lookup_conn *conn)
{
	while (conn->out_at < conn->out_len) {
		ssize_t n = send(conn->fd, conn->out + conn->out_at,
		    conn->out_len - conn->out_at, MSG_NOSIGNAL);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return errno == EAGAIN ? 0 : -1;
		conn->out_at += (size_t)n;
		conn->since_ms = 0;
	}
	conn->out_at = conn->out_len = 0;
	return 0;
}

static int
receive(struct drac_lookup_conn *conn)
{
	ssize_t n;

	if (conn->in_len == sizeof conn->in)
		return 0;
	do
		n = recv(conn->fd, conn->in + conn->in_len,
		    sizeof conn->in - conn->in_len, 0);
	while (n == -1 && errno == EINTR);
	if (n == -1)
		return errno == EAGAIN ? 0 : -1;
	conn->ended = n == 0;
	conn->in_len += (size_t)n;
	return 0;
}

static void
count(const struct drac_lookup_said *said)
{
	switch (said->answer) {
	case DRAC_LOOKUP_FOUND:
		drac_stats.lookup_found++;
		break;
	case DRAC_LOOKUP_NOTFOUND:
		drac_stats.lookup_notfound++;
		break;
	case DRAC_LOOKUP_TEMP:
		drac_stats.lookup_temp++;
		break;
	case DRAC_LOOKUP_PERM:
		drac_stats.lookup_malformed++;
		return;
	}
	drac_stats.lookups++;
}

static void
reply(struct drac_lookup_conn *conn, const struct drac_lookup *asked,
    const struct drac_lookup_said *said)
{
	count(said);
	conn->out_len +=
	    drac_lookup_reply(asked->protocol, said, conn->out + conn->out_len);
}

static void
refuse(struct drac_lookup_conn *conn, const struct drac_lookup *asked)
{
	const struct drac_lookup_said said = { .answer = DRAC_LOOKUP_PERM,
		.reason = asked->fault };

	reply(conn, asked, &said);
	conn->last = true;
	conn->in_len = 0;
}

static bool
has_room(const struct drac_lookup_conn *conn)
{
	return conn->out_len + DRAC_LOOKUP_REPLY_MAX <= sizeof conn->out;
}

/* All requests that are there, or those that the share has room for. */
static void
answer(struct drac_lookup_conn *conn, struct drac_lookups *lookups,
    int64_t now_ms)
{
	struct drac_lookup_moment moment = drac_lookup_moment(lookups);
	struct drac_lookup asked;
	size_t at = 0;
	int got = 1;

	while (has_room(conn) && (got = drac_lookup_read(conn->in + at,
				      conn->in_len - at, &asked)) == 1) {
		struct drac_lookup_said said =
		    drac_lookup_say(lookups, &asked.addr, &moment);

		reply(conn, &asked, &said);
		at += asked.used;
	}
	if (at > 0) {
		conn->asked_ms = now_ms;
		conn->since_ms = 0;
		conn->in_len -= at;
		memmove(conn->in, conn->in + at, conn->in_len);
	}
	conn->rest = got == 1;
	if (got == -1)
		refuse(conn, &asked);
}

/* Nothing can come of it any more. */
static bool
is_done(const struct drac_lookup_conn *conn)
{
	return conn->out_len == 0 && !conn->rest && (conn->last || conn->ended);
}

int
drac_lookup_conn_serve(struct drac_lookup_conn *conn,
    struct drac_lookups *lookups, int64_t now_ms)
{
	if (send_out(conn) == -1)
		return -1;
	if (conn->out_len == 0 && !conn->last) {
		if (!conn->ended && receive(conn) == -1)
			return -1;
		answer(conn, lookups, now_ms);
		if (send_out(conn) == -1)
			return -1;
	}
	if (is_done(conn))
		return -1;
	if (conn->in_len == 0 && conn->out_len == 0)
		conn->since_ms = 0;
	else if (conn->since_ms == 0)
		conn->since_ms = now_ms;
	return conn->out_len > 0 || conn->rest;
}
