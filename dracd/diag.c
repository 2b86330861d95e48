/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Questions to the kernel about sockets; see diag.h. Each has a netlink
 * socket of its own, so that no answer meets another question. The kernel
 * answers within send(2): nothing is waited for.
 */

#include "diag.h"

#include <sys/socket.h>

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

/* A list arrives in two parts, its end being one. More of it is not read. */
#define PARTS_MAX  2
#define PART_ROOM  16384u
#define ALL_STATES 0xffffffffu

struct request {
	struct nlmsghdr head;
	struct inet_diag_req_v2 body;
};

/* Answers */

/* Mapped ones are folded, as everywhere. */
static int
addr_of(unsigned family, const uint32_t words[4], struct drac_addr *addr)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6 };

	memcpy(&sin.sin_addr, words, sizeof sin.sin_addr);
	memcpy(&sin6.sin6_addr, words, sizeof sin6.sin6_addr);
	if (family == AF_INET)
		return drac_addr_from_sockaddr((const struct sockaddr *)&sin,
		    sizeof sin, addr);
	if (family == AF_INET6)
		return drac_addr_from_sockaddr((const struct sockaddr *)&sin6,
		    sizeof sin6, addr);
	return -1;
}

static bool
is_at(unsigned family, const uint32_t words[4], const struct drac_addr *addr)
{
	struct drac_addr there;

	return addr_of(family, words, &there) == 0 &&
	       drac_addr_equal(&there, addr);
}

/* Is it what was asked for? For TCP the one established connection. */
static bool
is_asked(const struct inet_diag_msg *body, const struct drac_diag *asked)
{
	const struct inet_diag_sockid *id = &body->id;

	if (ntohs(id->idiag_sport) != asked->from_port)
		return false;
	return !asked->tcp ||
	       (body->idiag_state == TCP_ESTABLISHED &&
		   ntohs(id->idiag_dport) == asked->to_port &&
		   is_at(body->idiag_family, id->idiag_src, &asked->from) &&
		   is_at(body->idiag_family, id->idiag_dst, &asked->to));
}

static void
take_socket(const struct inet_diag_msg *body, const struct drac_diag *asked,
    struct drac_diag_told *told)
{
	if (!is_asked(body, asked) || body->idiag_inode == 0 ||
	    body->idiag_uid == 0 ||
	    (told->sockets > 0 && told->uid != body->idiag_uid))
		told->unclear = true;
	told->uid = body->idiag_uid;
	told->sockets++;
}

/* No such socket is an answer. */
static int
take_error(const unsigned char *octets, size_t len)
{
	struct nlmsgerr body;

	errno = EBADMSG;
	if (len < sizeof body)
		return -1;
	memcpy(&body, octets, sizeof body);
	if (body.error == -ENOENT)
		return 1;
	if (body.error < 0 && body.error > -4096)
		errno = -body.error;
	return -1;
}

/* One message, as drac_diag_read. */
static int
take_message(const struct nlmsghdr *head, const unsigned char *octets,
    const struct drac_diag *asked, struct drac_diag_told *told)
{
	size_t len = head->nlmsg_len - sizeof *head;
	struct inet_diag_msg body;

	if (head->nlmsg_seq != asked->seq || head->nlmsg_pid != asked->portid) {
		errno = EBADMSG;
		return -1;
	}
	if (head->nlmsg_type == NLMSG_DONE)
		return 1;
	if (head->nlmsg_type == NLMSG_ERROR)
		return take_error(octets, len);
	if (head->nlmsg_type != SOCK_DIAG_BY_FAMILY || len < sizeof body) {
		errno = EBADMSG;
		return -1;
	}
	memcpy(&body, octets, sizeof body);
	take_socket(&body, asked, told);
	return asked->tcp ? 1 : 0;
}

int
drac_diag_read(const void *octets, size_t len, const struct drac_diag *asked,
    struct drac_diag_told *told)
{
	const unsigned char *at = octets;
	struct nlmsghdr head;
	int result = 0;

	while (result == 0 && len > 0) {
		size_t size;

		errno = EBADMSG;
		if (len < sizeof head)
			return -1;
		memcpy(&head, at, sizeof head);
		if (head.nlmsg_len < sizeof head || head.nlmsg_len > len)
			return -1;
		result = take_message(&head, at + sizeof head, asked, told);
		size = NLMSG_ALIGN((size_t)head.nlmsg_len);
		if (size > len)
			size = len;
		at += size;
		len -= size;
	}
	return result;
}

/* Questions */

static void
put_words(uint32_t words[4], const struct drac_addr *addr, bool mapped)
{
	if (!mapped) {
		memcpy(words, addr->octet, addr->len);
		return;
	}
	words[2] = htonl(0xffff);
	memcpy(&words[3], addr->octet, 4);
}

static struct request
compose(const struct drac_diag *asked, int family)
{
	struct request request = { .head = { .nlmsg_len = sizeof request,
				       .nlmsg_type = SOCK_DIAG_BY_FAMILY,
				       .nlmsg_flags =
					   NLM_F_REQUEST |
					   (asked->tcp ? 0 : NLM_F_DUMP),
				       .nlmsg_seq = asked->seq },
		.body = { .sdiag_family = (unsigned char)family,
		    .sdiag_protocol = asked->tcp ? IPPROTO_TCP : IPPROTO_UDP,
		    .idiag_states = ALL_STATES } };
	struct inet_diag_sockid *id = &request.body.id;

	id->idiag_cookie[0] = id->idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	id->idiag_sport = htons(asked->from_port);
	if (!asked->tcp)
		return request;
	id->idiag_dport = htons(asked->to_port);
	put_words(id->idiag_src, &asked->from,
	    family == AF_INET6 && asked->from.len == 4);
	put_words(id->idiag_dst, &asked->to,
	    family == AF_INET6 && asked->to.len == 4);
	return request;
}

/* A socket for one question, known to the kernel by asked->portid. */
static int
open_netlink(struct drac_diag *asked)
{
	struct sockaddr_nl own = { .nl_family = AF_NETLINK };
	socklen_t size = sizeof own;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    NETLINK_SOCK_DIAG);

	if (fd == -1)
		return -1;
	if (bind(fd, (const struct sockaddr *)&own, sizeof own) == 0 &&
	    getsockname(fd, (struct sockaddr *)&own, &size) == 0) {
		asked->portid = own.nl_pid;
		asked->seq++;
		return fd;
	}
	(void)close(fd);
	return -1;
}

/* What the kernel itself said, nothing cut off; else -1. */
static ssize_t
receive(int fd, void *octets, size_t room)
{
	struct sockaddr_nl from = { 0 };
	socklen_t size = sizeof from;
	ssize_t got = recvfrom(fd, octets, room, MSG_DONTWAIT | MSG_TRUNC,
	    (struct sockaddr *)&from, &size);

	if (got == -1)
		return -1;
	if (size == sizeof from && from.nl_pid == 0 && (size_t)got <= room)
		return got;
	errno = EBADMSG;
	return -1;
}

/* Add what is told about one family. A list that is too long is unclear. */
static int
ask(struct drac_diag *asked, int family, struct drac_diag_told *told)
{
	_Alignas(struct nlmsghdr) unsigned char octets[PART_ROOM];
	int fd = open_netlink(asked), result = 0, saved;
	struct request request = compose(asked, family);

	if (fd == -1)
		return -1;
	if (send(fd, &request, sizeof request, MSG_NOSIGNAL) != sizeof request)
		result = -1;
	for (int part = 0; part < PARTS_MAX && result == 0; part++) {
		ssize_t got = receive(fd, octets, sizeof octets);

		result = got == -1
			     ? -1
			     : drac_diag_read(octets, (size_t)got, asked, told);
	}
	if (result == 0)
		told->unclear = true;
	saved = errno;
	(void)close(fd);
	errno = saved;
	return result == -1 ? -1 : 0;
}

static int
verdict(const struct drac_diag_told *told, uid_t *uid)
{
	if (told->unclear || told->sockets == 0)
		return 0;
	*uid = told->uid;
	return 1;
}

/* A socket of IPv6 may send as IPv4, so both families are asked for. */
int
drac_diag_udp(unsigned short port, uid_t *uid)
{
	struct drac_diag asked = { .from_port = port };
	struct drac_diag_told told = { 0 };

	/* To the kernel it would mean every port. */
	if (port == 0)
		return 0;
	if (ask(&asked, AF_INET, &told) == -1 ||
	    ask(&asked, AF_INET6, &told) == -1)
		return -1;
	return verdict(&told, uid);
}

static int
learn_own_end(int fd, struct drac_diag *asked)
{
	union {
		struct sockaddr sa;
		struct sockaddr_in sin;
		struct sockaddr_in6 sin6;
	} own = { 0 };
	socklen_t size = sizeof own;

	if (getsockname(fd, &own.sa, &size) == -1 ||
	    drac_addr_from_sockaddr(&own.sa, size, &asked->to) == -1)
		return -1;
	asked->to_port = ntohs(own.sa.sa_family == AF_INET6 ? own.sin6.sin6_port
							    : own.sin.sin_port);
	return 0;
}

static bool
is_established(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t size = sizeof info;

	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
	       info.tcpi_state == TCP_ESTABLISHED;
}

/*
 * Our end is looked at last. As long as it is established nobody else can
 * have been at the other end: without that, the connection of somebody who
 * has left could be taken for that of the next one on the same port.
 */
int
drac_diag_tcp(int fd, const struct drac_addr *from, unsigned short port,
    uid_t *uid)
{
	struct drac_diag asked = { .tcp = true,
		.from = *from,
		.from_port = port };
	struct drac_diag_told told = { 0 };

	if (learn_own_end(fd, &asked) == -1 || asked.to.len != from->len)
		return 0;
	if (ask(&asked, from->len == 4 ? AF_INET : AF_INET6, &told) == -1)
		return -1;
	return is_established(fd) ? verdict(&told, uid) : 0;
}

int
drac_diag_try(void)
{
	struct drac_diag asked = { .tcp = true,
		.from = { 4, { 127, 0, 0, 1 } },
		.to = { 4, { 127, 0, 0, 1 } },
		.from_port = 1,
		.to_port = 1 };
	struct drac_diag_told told = { 0 };
	uid_t uid;

	return ask(&asked, AF_INET, &told) == -1 || drac_diag_udp(1, &uid) == -1
		   ? -1
		   : 0;
}
