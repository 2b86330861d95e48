/* SPDX-License-Identifier: BSD-2-Clause */

/* Two questions to the kernel about an address; see route.h. */

#include "route.h"

#include <sys/socket.h>

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <unistd.h>

#define ANSWER_MAX 4096u

/*
 * Where packets go that go anywhere: addresses that nobody has a route for
 * but the default one, be it 0.0.0.0/0, half of that, ::/0 or 2000::/3.
 */
#define ANYWHERE4 0xf0000001u /* 240.0.0.1 */
#define BITS4_MAX 1u
#define ANYWHERE6 0x2f, 0xff
#define BITS6_MAX 3u

enum {
	SEQUENCE_ADDRESS = 1,
	SEQUENCE_DEFAULT = 2
};

struct request {
	struct nlmsghdr header;
	struct rtmsg route;
	struct rtattr attribute;
	unsigned char octet[16];
};

/* How much of it is used for addresses of len octets. */
static size_t
request_size(unsigned char len)
{
	return offsetof(struct request, octet) + len;
}

static struct request
make_request(uint32_t sequence, const struct drac_addr *addr, unsigned flags)
{
	struct request request = {
		.header = { .nlmsg_len = (uint32_t)request_size(addr->len),
		    .nlmsg_type = RTM_GETROUTE,
		    .nlmsg_flags = NLM_F_REQUEST,
		    .nlmsg_seq = sequence },
		.route = { .rtm_family = addr->len == 4 ? AF_INET : AF_INET6,
		    .rtm_dst_len = (unsigned char)(addr->len * 8u),
		    .rtm_flags = flags },
		.attribute = { .rta_len = (unsigned short)RTA_LENGTH(addr->len),
		    .rta_type = RTA_DST },
	};

	memcpy(request.octet, addr->octet, addr->len);
	return request;
}

static struct drac_addr
anywhere(unsigned char len)
{
	struct drac_addr addr = { .len = len };
	static const unsigned char six[] = { ANYWHERE6 };

	if (len == 16)
		memcpy(addr.octet, six, sizeof(six));
	else
		for (unsigned i = 0; i < 4; i++)
			addr.octet[i] =
			    (unsigned char)(ANYWHERE4 >> (24 - 8 * i));
	return addr;
}

/* Reading */

static int
malformed(void)
{
	errno = EBADMSG;
	return -1;
}

/* The next attribute of what is left; NULL: none, or it is too long. */
static const unsigned char *
next_attribute(const unsigned char **at, size_t *left, struct rtattr *attribute)
{
	const unsigned char *data = *at + RTA_LENGTH(0);
	size_t step;

	if (*left < sizeof(*attribute))
		return NULL;
	memcpy(attribute, *at, sizeof(*attribute));
	if (attribute->rta_len < RTA_LENGTH(0) || attribute->rta_len > *left)
		return NULL;
	step = RTA_ALIGN(attribute->rta_len);
	if (step > *left)
		step = *left;
	*at += step;
	*left -= step;
	return data;
}

static void
take_gateway(const unsigned char *octets, size_t length,
    struct drac_route_answer *answer)
{
	struct drac_gateways *gateways = &answer->gateways;
	struct drac_addr *addr = &gateways->addr[gateways->count];

	if (length != answer->len || gateways->count == DRAC_ROUTE_GATEWAYS)
		return;
	*addr = (struct drac_addr){ .len = answer->len };
	memcpy(addr->octet, octets, length);
	gateways->count++;
}

/* Several paths, each with attributes of its own. */
static int
read_paths(const unsigned char *at, size_t left,
    struct drac_route_answer *answer)
{
	while (left >= sizeof(struct rtnexthop)) {
		const unsigned char *inner = at + RTNH_LENGTH(0), *data;
		struct rtnexthop path;
		struct rtattr attribute;
		size_t room, step;

		memcpy(&path, at, sizeof(path));
		if (path.rtnh_len < RTNH_LENGTH(0) || path.rtnh_len > left)
			return malformed();
		room = path.rtnh_len - RTNH_LENGTH(0);
		while (
		    (data = next_attribute(&inner, &room, &attribute)) != NULL)
			if (attribute.rta_type == RTA_GATEWAY)
				take_gateway(data, RTA_PAYLOAD(&attribute),
				    answer);
		step = RTNH_ALIGN(path.rtnh_len);
		if (room > 0)
			return malformed();
		at += step < left ? step : left;
		left -= step < left ? step : left;
	}
	return left == 0 ? 0 : malformed();
}

static int
read_route(const unsigned char *at, size_t left,
    struct drac_route_answer *answer)
{
	struct rtattr attribute;
	struct rtmsg route;
	const unsigned char *data;

	if (left < NLMSG_ALIGN(sizeof(route)))
		return malformed();
	memcpy(&route, at, sizeof(route));
	at += NLMSG_ALIGN(sizeof(route));
	left -= NLMSG_ALIGN(sizeof(route));
	if (route.rtm_family != AF_INET && route.rtm_family != AF_INET6)
		return malformed();
	answer->len = route.rtm_family == AF_INET ? 4 : 16;
	answer->type = route.rtm_type;
	answer->bits = route.rtm_dst_len;
	while ((data = next_attribute(&at, &left, &attribute)) != NULL) {
		if (attribute.rta_type == RTA_GATEWAY)
			take_gateway(data, RTA_PAYLOAD(&attribute), answer);
		else if (attribute.rta_type == RTA_MULTIPATH &&
			 read_paths(data, RTA_PAYLOAD(&attribute), answer) ==
			     -1)
			return -1;
	}
	return left == 0 ? 0 : malformed();
}

int
drac_route_read(const void *datagram, size_t length, uint32_t port,
    struct drac_route_answer *answer)
{
	const unsigned char *octets = datagram;
	struct nlmsghdr header;
	int error;

	*answer = (struct drac_route_answer){ 0 };
	if (length < NLMSG_HDRLEN)
		return malformed();
	memcpy(&header, octets, sizeof(header));
	if (header.nlmsg_len < NLMSG_HDRLEN || header.nlmsg_len > length ||
	    length > NLMSG_ALIGN(header.nlmsg_len) || header.nlmsg_pid != port)
		return malformed();
	answer->sequence = header.nlmsg_seq;
	octets += NLMSG_HDRLEN;
	length = header.nlmsg_len - NLMSG_HDRLEN;
	if (header.nlmsg_type == RTM_NEWROUTE)
		return read_route(octets, length, answer);
	if (header.nlmsg_type != NLMSG_ERROR || length < sizeof(error))
		return malformed();
	memcpy(&error, octets, sizeof(error));
	if (error >= 0 || error < -4095)
		return malformed();
	errno = -error;
	return -1;
}

/* Asking */

/* A socket that only the kernel answers, and the number of its port. */
static int
open_socket(uint32_t *port)
{
	struct sockaddr_nl us = { .nl_family = AF_NETLINK };
	socklen_t length = sizeof(us);
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    NETLINK_ROUTE);

	if (fd == -1)
		return -1;
	if (bind(fd, (struct sockaddr *)&us, sizeof(us)) == -1 ||
	    getsockname(fd, (struct sockaddr *)&us, &length) == -1 ||
	    length != sizeof(us)) {
		(void)close(fd);
		return -1;
	}
	*port = us.nl_pid;
	return fd;
}

/* Both requests in one datagram, to the kernel. */
static int
send_requests(int fd, struct request *request, size_t count, unsigned char len)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct iovec part[2];
	struct msghdr message = { .msg_name = &kernel,
		.msg_namelen = sizeof(kernel),
		.msg_iov = part,
		.msg_iovlen = count };
	size_t size = request_size(len);

	for (size_t i = 0; i < count; i++)
		part[i] = (struct iovec){ &request[i], size };
	return sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) ==
		       (ssize_t)(count * size)
		   ? 0
		   : -1;
}

/* 0 an answer, -1: none, or one that says nothing. */
static int
receive(int fd, uint32_t port, struct drac_route_answer *answer)
{
	union {
		struct nlmsghdr header; /* for its alignment */
		unsigned char octet[ANSWER_MAX];
	} buffer;
	struct sockaddr_nl from = { .nl_family = AF_UNSPEC };
	struct iovec whole = { &buffer, sizeof(buffer) };
	struct msghdr message = { .msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &whole,
		.msg_iovlen = 1 };
	ssize_t got = recvmsg(fd, &message, MSG_DONTWAIT);

	*answer = (struct drac_route_answer){ 0 };
	if (got < 0 || (message.msg_flags & MSG_TRUNC) != 0 ||
	    message.msg_namelen != sizeof(from) ||
	    from.nl_family != AF_NETLINK || from.nl_pid != 0)
		return -1;
	return drac_route_read(&buffer, (size_t)got, port, answer);
}

struct question {
	const struct drac_addr *addr; /* NULL: ask for the default alone */
	unsigned char len;
	bool own;
	struct drac_gateways gateways;
};

static void
note(struct question *question, const struct drac_route_answer *answer)
{
	unsigned most = question->len == 4 ? BITS4_MAX : BITS6_MAX;

	if (answer->len != question->len)
		return;
	if (answer->sequence == SEQUENCE_ADDRESS && question->addr != NULL)
		question->own = answer->type == RTN_LOCAL;
	else if (answer->sequence == SEQUENCE_DEFAULT && answer->bits <= most)
		question->gateways = answer->gateways;
}

static void
ask(struct question *question)
{
	struct drac_addr away = anywhere(question->len);
	struct request request[2];
	struct drac_route_answer answer;
	size_t count = 0;
	uint32_t port;
	int fd = open_socket(&port);

	if (fd == -1)
		return;
	if (question->addr != NULL)
		request[count++] =
		    make_request(SEQUENCE_ADDRESS, question->addr, 0);
	request[count++] =
	    make_request(SEQUENCE_DEFAULT, &away, RTM_F_FIB_MATCH);
	if (send_requests(fd, request, count, question->len) == 0)
		for (size_t i = 0; i < count; i++)
			if (receive(fd, port, &answer) == 0)
				note(question, &answer);
	(void)close(fd);
}

enum drac_route
drac_route_of(const struct drac_addr *addr)
{
	struct question question = { .addr = addr, .len = addr->len };
	enum drac_route route = DRAC_ROUTE_OTHER;
	int saved = errno;

	ask(&question);
	for (size_t i = 0; i < question.gateways.count; i++)
		if (drac_addr_equal(&question.gateways.addr[i], addr))
			route = DRAC_ROUTE_GATEWAY;
	if (question.own)
		route = DRAC_ROUTE_OWN;
	errno = saved;
	return route;
}

void
drac_route_gateways(unsigned char len, struct drac_gateways *gateways)
{
	struct question question = { .len = len };
	int saved = errno;

	ask(&question);
	*gateways = question.gateways;
	errno = saved;
}

const char *
drac_route_text(enum drac_route route)
{
	static const char *const texts[] = {
		[DRAC_ROUTE_OTHER] = "of another host",
		[DRAC_ROUTE_OWN] = "an address of this host",
		[DRAC_ROUTE_GATEWAY] = "this host's default gateway",
	};

	return texts[route];
}
