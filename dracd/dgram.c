/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Datagrams, many at a time. An answer leaves from the socket and the
 * address that were asked, and is never longer than the question: whoever
 * forges a sender's address gains nothing by asking here.
 */

#include <sys/socket.h>

#include <errno.h>
#include <string.h>

#include "front.h"

/* A burst waits here while the disk is waited for. */
#define RECEIVE_ROOM (1 << 20)

#define ANSWER_MAX 64u

int
drac_dgram_prepare(const struct drac_socket *socket)
{
	int on = 1, room = RECEIVE_ROOM;

	if (setsockopt(socket->fd, SOL_SOCKET, SO_RCVBUFFORCE, &room,
		sizeof room) == -1)
		(void)setsockopt(socket->fd, SOL_SOCKET, SO_RCVBUF, &room,
		    sizeof room);
	if (socket->v6)
		return setsockopt(socket->fd, IPPROTO_IPV6, IPV6_RECVPKTINFO,
		    &on, sizeof on);
	return setsockopt(socket->fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
}

/* Asks for an answer from the address that a datagram was sent to. */
static void
put_control(struct drac_back *back, int level, const void *data, size_t size)
{
	struct msghdr message = { .msg_control = back->control,
		.msg_controllen = sizeof back->control };
	struct cmsghdr *made = CMSG_FIRSTHDR(&message);

	memset(back->control, 0, sizeof back->control);
	made->cmsg_level = level;
	made->cmsg_type = level == IPPROTO_IP ? IP_PKTINFO : IPV6_PKTINFO;
	made->cmsg_len = CMSG_LEN(size);
	memcpy(CMSG_DATA(made), data, size);
	back->control_len = CMSG_SPACE(size);
}

static void
reverse4(struct drac_back *back, const struct cmsghdr *head)
{
	struct in_pktinfo info;

	memcpy(&info, CMSG_DATA(head), sizeof info);
	info.ipi_ifindex = 0; /* the way back may be another */
	info.ipi_addr.s_addr = 0;
	put_control(back, head->cmsg_level, &info, sizeof info);
}

static void
reverse6(struct drac_back *back, const struct cmsghdr *head)
{
	struct in6_pktinfo info;

	memcpy(&info, CMSG_DATA(head), sizeof info);
	if (!IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr))
		info.ipi6_ifindex = 0;
	put_control(back, head->cmsg_level, &info, sizeof info);
}

/* The control message that came becomes the one that goes. */
static void
reverse(struct msghdr *message, struct drac_back *back)
{
	struct cmsghdr *head = CMSG_FIRSTHDR(message);

	back->control_len = 0;
	if (head == NULL || (message->msg_flags & MSG_CTRUNC) != 0)
		return;
	if (head->cmsg_level == IPPROTO_IP && head->cmsg_type == IP_PKTINFO &&
	    head->cmsg_len >= CMSG_LEN(sizeof(struct in_pktinfo)))
		reverse4(back, head);
	else if (head->cmsg_level == IPPROTO_IPV6 &&
		 head->cmsg_type == IPV6_PKTINFO &&
		 head->cmsg_len >= CMSG_LEN(sizeof(struct in6_pktinfo)))
		reverse6(back, head);
}

static struct msghdr
addressed(struct drac_back *back, struct iovec *piece)
{
	struct msghdr message = { .msg_name = &back->peer,
		.msg_namelen = back->peer_len,
		.msg_iov = piece,
		.msg_iovlen = 1 };

	if (back->control_len > 0) {
		message.msg_control = back->control;
		message.msg_controllen = back->control_len;
	}
	return message;
}

static int
receive(struct drac_dgrams *dgrams, int fd, struct mmsghdr *heads, size_t most)
{
	struct iovec pieces[DRAC_DGRAMS_MAX];

	for (size_t i = 0; i < most; i++) {
		struct drac_back *from = &dgrams->from[i];

		pieces[i].iov_base = dgrams->octets[i];
		pieces[i].iov_len = sizeof dgrams->octets[i];
		from->peer_len = sizeof from->peer;
		from->control_len = sizeof from->control;
		heads[i].msg_hdr = addressed(from, &pieces[i]);
	}
	return recvmmsg(fd, heads, (unsigned)most, MSG_DONTWAIT, NULL);
}

static void
answer_fault(int fd, struct drac_back *back, const struct drac_call *call,
    enum drac_fault fault)
{
	unsigned char octets[ANSWER_MAX];
	struct iovec piece = { .iov_base = octets };
	struct msghdr message = addressed(back, &piece);

	piece.iov_len =
	    drac_wire_fault(call->xid, fault, DRAC_VERSION_V6, octets);
	if (piece.iov_len <= back->asked)
		(void)sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static bool
read_caller(const struct drac_back *back, struct drac_caller *caller)
{
	*caller = (struct drac_caller){ .road = DRAC_ROAD_UDP };
	/* Folded it would pass for IPv4, where the kernel checks senders. */
	if (back->peer.sa.sa_family == AF_INET6 &&
	    IN6_IS_ADDR_V4MAPPED(&back->peer.sin6.sin6_addr))
		return false;
	if (drac_addr_from_sockaddr(&back->peer.sa, back->peer_len,
		&caller->addr) == -1)
		return false;
	caller->port = ntohs(back->peer.sa.sa_family == AF_INET6
				 ? back->peer.sin6.sin6_port
				 : back->peer.sin.sin_port);
	return true;
}

/* True: it is a job. */
static bool
judge(int fd, struct drac_back *from, const unsigned char *octets,
    struct drac_job *job)
{
	enum drac_verdict verdict;
	enum drac_fault fault = DRAC_FAULT_NONE;

	*job = (struct drac_job){ 0 };
	verdict = drac_wire_read_call(octets, from->asked, DRAC_VERSION_V6,
	    &job->call, &fault);
	if (!read_caller(from, &job->caller))
		verdict = DRAC_CALL_NOISE;
	if (verdict == DRAC_CALL_GOOD)
		return true;
	drac_stats.malformed++;
	if (verdict == DRAC_CALL_FAULTY)
		answer_fault(fd, from, &job->call, fault);
	return false;
}

size_t
drac_dgram_collect(struct drac_dgrams *dgrams, const struct drac_socket *socket,
    struct drac_job *jobs, size_t first, size_t max, bool *more)
{
	struct mmsghdr heads[DRAC_DGRAMS_MAX];
	size_t most = max < DRAC_DGRAMS_MAX ? max : DRAC_DGRAMS_MAX;
	size_t count = 0;
	int got = receive(dgrams, socket->fd, heads, most);

	*more = got >= 0 && (size_t)got == most;
	for (int i = 0; i < got; i++) {
		struct drac_back *from = &dgrams->from[i];
		struct drac_job *job = &jobs[first + count];

		if ((heads[i].msg_hdr.msg_flags & MSG_TRUNC) != 0) {
			drac_stats.malformed++;
			continue;
		}
		from->peer_len = heads[i].msg_hdr.msg_namelen;
		from->asked = heads[i].msg_len;
		reverse(&heads[i].msg_hdr, from);
		if (!judge(socket->fd, from, dgrams->octets[i], job))
			continue;
		job->way_number = first + count;
		dgrams->back[first + count++] = *from;
	}
	return count;
}

/* What the kernel will not take is lost, as datagrams may be. */
static void
send_all(int fd, struct mmsghdr *heads, unsigned count)
{
	unsigned at = 0;

	while (at < count) {
		int sent = sendmmsg(fd, heads + at, count - at,
		    MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent == -1 && (errno == EAGAIN || errno == ENOBUFS))
			return;
		at += sent > 0 ? (unsigned)sent : 1;
	}
}

/* Jobs that came by one socket, at most DRAC_DGRAMS_MAX. */
static void
answer_some(struct drac_dgrams *dgrams, int fd, const struct drac_job *jobs,
    size_t count)
{
	struct mmsghdr heads[DRAC_DGRAMS_MAX];
	struct iovec pieces[DRAC_DGRAMS_MAX];
	unsigned char octets[DRAC_DGRAMS_MAX][ANSWER_MAX];
	unsigned filled = 0;

	for (size_t i = 0; i < count; i++) {
		struct drac_back *back = &dgrams->back[jobs[i].way_number];
		size_t size = drac_front_encode(&jobs[i], octets[filled]);

		if (size > back->asked)
			continue;
		pieces[filled] = (struct iovec){ octets[filled], size };
		heads[filled].msg_hdr = addressed(back, &pieces[filled]);
		filled++;
	}
	send_all(fd, heads, filled);
}

static bool
same_socket(const struct drac_job *a, const struct drac_job *b)
{
	return a->caller.road == b->caller.road && a->way == b->way;
}

void
drac_dgram_answer(struct drac_dgrams *dgrams,
    const struct drac_sockets *sockets, const struct drac_job *jobs,
    size_t count)
{
	size_t next;

	for (size_t at = 0; at < count; at = next) {
		next = at + 1;
		if (jobs[at].caller.road != DRAC_ROAD_UDP)
			continue;
		while (next < count && next - at < DRAC_DGRAMS_MAX &&
		       same_socket(&jobs[at], &jobs[next]))
			next++;
		answer_some(dgrams, sockets->at[jobs[at].way].fd, jobs + at,
		    next - at);
	}
}
