/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * One connection: fragments become records (RFC 5531, 11), answers wait
 * until they are taken. What is read beyond a record stays in raw, and
 * nothing more is read before that is used up.
 */

#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "front.h"

/* No sender has a reason for a single one. */
#define EMPTY_MAX 16u

static uint32_t
word(const unsigned char *octet)
{
	return (uint32_t)octet[0] << 24 | (uint32_t)octet[1] << 16 |
	       (uint32_t)octet[2] << 8 | octet[3];
}

/* A whole mark is there: a fragment begins. */
static int
begin_fragment(struct drac_conn *conn)
{
	uint32_t mark = word(conn->mark);

	conn->left = mark & ~DRAC_MARK_LAST;
	conn->last = (mark & DRAC_MARK_LAST) != 0;
	if (conn->left > sizeof conn->record - conn->record_len)
		return -1;
	if (conn->left == 0 && !conn->last && ++conn->empty > EMPTY_MAX)
		return -1;
	return 0;
}

/* Move what can be used at once. -1: too much of it. */
static int
use_some(struct drac_conn *conn)
{
	size_t there = conn->raw_len - conn->raw_at;

	if (conn->mark_len < DRAC_MARK_SIZE) {
		conn->mark[conn->mark_len++] = conn->raw[conn->raw_at++];
		return conn->mark_len == DRAC_MARK_SIZE ? begin_fragment(conn)
							: 0;
	}
	if (there > conn->left)
		there = conn->left;
	memcpy(conn->record + conn->record_len, conn->raw + conn->raw_at,
	    there);
	conn->record_len += there;
	conn->raw_at += there;
	conn->left -= there;
	return 0;
}

/* 1: record is whole; 0: raw is used up; -1: too long. */
static int
assemble(struct drac_conn *conn)
{
	for (;;) {
		if (conn->mark_len == DRAC_MARK_SIZE && conn->left == 0) {
			conn->mark_len = 0;
			if (conn->last)
				return 1;
		}
		if (!drac_conn_rest(conn))
			return 0;
		if (use_some(conn) == -1)
			return -1;
	}
}

static int
fill(struct drac_conn *conn)
{
	ssize_t got = recv(conn->fd, conn->raw, sizeof conn->raw, MSG_DONTWAIT);

	if (got == 0)
		return -1;
	if (got == -1)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	conn->raw_at = 0;
	conn->raw_len = (size_t)got;
	return 1;
}

int
drac_conn_read(struct drac_conn *conn)
{
	int result;

	if (conn->complete) {
		conn->complete = false;
		conn->record_len = 0;
		conn->empty = 0;
	}
	result = assemble(conn);
	if (result == 0) {
		result = fill(conn);
		if (result == 1)
			result = assemble(conn);
	}
	conn->complete = result == 1;
	return result;
}

bool
drac_conn_rest(const struct drac_conn *conn)
{
	return conn->raw_at < conn->raw_len;
}

/* Octets taken, or -1. */
static ssize_t
put(struct drac_conn *conn, const unsigned char *octets, size_t size)
{
	ssize_t sent =
	    send(conn->fd, octets, size, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (sent == -1 && (errno == EAGAIN || errno == EINTR))
		return 0;
	return sent;
}

int
drac_conn_send(struct drac_conn *conn, const unsigned char *octets, size_t size)
{
	ssize_t sent = put(conn, octets, size);

	if (sent == -1)
		return -1;
	if ((size_t)sent == size)
		return 1;
	conn->out_at = 0;
	conn->out_len = size - (size_t)sent;
	conn->out = malloc(conn->out_len);
	if (conn->out == NULL)
		return -1;
	memcpy(conn->out, octets + sent, conn->out_len);
	return 0;
}

int
drac_conn_flush(struct drac_conn *conn)
{
	ssize_t sent;

	if (conn->out == NULL)
		return 1;
	sent =
	    put(conn, conn->out + conn->out_at, conn->out_len - conn->out_at);
	if (sent == -1)
		return -1;
	conn->out_at += (size_t)sent;
	if (conn->out_at < conn->out_len)
		return 0;
	free(conn->out);
	conn->out = NULL;
	return 1;
}
