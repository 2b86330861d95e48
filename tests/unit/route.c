/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Is an address this host's own, or its gateway's: what is read of the
 * kernel's answers, and what a real kernel answers in a network of our own.
 */
#include "route.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "login.h"
#include "namespace.h"
#include "test.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define PORT         77u

static struct drac_addr
addr(const char *text)
{
	struct drac_addr found = { 0 };

	CHECK_ROW(drac_addr_parse(text, &found) == 0, text);
	return found;
}

/* A datagram in the making. */
struct datagram {
	_Alignas(4) unsigned char octet[1024];
	size_t length;
};

static void
put(struct datagram *d, const void *octets, size_t length)
{
	memcpy(d->octet + d->length, octets, length);
	d->length += NLMSG_ALIGN(length);
}

static void
put_attribute(struct datagram *d, unsigned short type, const void *octets,
    size_t length)
{
	struct rtattr attribute = { .rta_len =
					(unsigned short)RTA_LENGTH(length),
		.rta_type = type };

	put(d, &attribute, sizeof(attribute));
	put(d, octets, length);
}

static void
set_length(struct datagram *d, size_t at, unsigned length)
{
	uint32_t all = length;
	uint16_t part = (uint16_t)length;

	if (at == 0)
		memcpy(d->octet, &all, sizeof(all));
	else
		memcpy(d->octet + at, &part, sizeof(part));
}

static struct datagram
begin(uint16_t type, unsigned char family)
{
	struct nlmsghdr header = { .nlmsg_type = type,
		.nlmsg_seq = 5,
		.nlmsg_pid = PORT };
	struct rtmsg route = { .rtm_family = family,
		.rtm_type = RTN_UNICAST,
		.rtm_dst_len = 1 };
	struct datagram d = { .length = 0 };

	put(&d, &header, sizeof(header));
	if (type == RTM_NEWROUTE)
		put(&d, &route, sizeof(route));
	return d;
}

static int
read_it(struct datagram *d, struct drac_route_answer *answer)
{
	set_length(d, 0, (unsigned)d->length);
	errno = 0;
	return drac_route_read(d->octet, d->length, PORT, answer);
}

static void
gateway_is_read(void)
{
	struct drac_addr four = addr("192.0.2.1"), six = addr("2001:db8::1");
	struct drac_route_answer answer;
	struct datagram d = begin(RTM_NEWROUTE, AF_INET);

	put_attribute(&d, RTA_OIF, "\1\0\0\0", 4);
	put_attribute(&d, RTA_GATEWAY, four.octet, 4);
	CHECK(read_it(&d, &answer) == 0);
	CHECK(answer.sequence == 5 && answer.len == 4 && answer.bits == 1);
	CHECK(answer.type == RTN_UNICAST && answer.gateways.count == 1);
	CHECK(drac_addr_equal(&answer.gateways.addr[0], &four));

	d = begin(RTM_NEWROUTE, AF_INET6);
	put_attribute(&d, RTA_GATEWAY, six.octet, 16);
	CHECK(read_it(&d, &answer) == 0);
	CHECK(answer.len == 16 && answer.gateways.count == 1);
	CHECK(drac_addr_equal(&answer.gateways.addr[0], &six));

	/* No gateway, and one of another family. */
	d = begin(RTM_NEWROUTE, AF_INET);
	CHECK(read_it(&d, &answer) == 0 && answer.gateways.count == 0);
	put_attribute(&d, RTA_GATEWAY, six.octet, 16);
	CHECK(read_it(&d, &answer) == 0 && answer.gateways.count == 0);
}

static void
put_path(struct datagram *d, const struct drac_addr *gateway)
{
	struct rtnexthop path = {
		.rtnh_len =
		    (unsigned short)(RTNH_LENGTH(0) + RTA_LENGTH(gateway->len))
	};

	put(d, &path, sizeof(path));
	put_attribute(d, RTA_GATEWAY, gateway->octet, gateway->len);
}

static void
paths_are_read(void)
{
	struct drac_addr four = addr("192.0.2.1");
	struct drac_route_answer answer;
	struct datagram d = begin(RTM_NEWROUTE, AF_INET), inner = { 0 };

	for (unsigned i = 0; i < DRAC_ROUTE_GATEWAYS + 3; i++) {
		four.octet[3] = (unsigned char)i;
		put_path(&inner, &four);
	}
	put_attribute(&d, RTA_MULTIPATH, inner.octet, inner.length);
	CHECK(read_it(&d, &answer) == 0);
	CHECK(answer.gateways.count == DRAC_ROUTE_GATEWAYS);
	CHECK(answer.gateways.addr[7].octet[3] == 7);
}

static void
errors_are_told(void)
{
	static const struct {
		int error, expected;
	} rows[] = {
		{ -ENETUNREACH, ENETUNREACH },
		{ -EPERM, EPERM },
		{ 0, EBADMSG },
		{ 5, EBADMSG },
		{ -4096, EBADMSG },
	};
	struct drac_route_answer answer;

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct datagram d = begin(NLMSG_ERROR, 0);

		put(&d, &rows[i].error, sizeof(rows[i].error));
		CHECK(read_it(&d, &answer) == -1);
		CHECK(errno == rows[i].expected);
		CHECK(answer.sequence == 5);
	}
}

static void
what_is_no_answer_is_refused(void)
{
	struct drac_addr four = addr("192.0.2.1");
	struct drac_route_answer answer;
	struct datagram whole = begin(RTM_NEWROUTE, AF_INET), d;

	put_attribute(&whole, RTA_GATEWAY, four.octet, 4);
	set_length(&whole, 0, (unsigned)whole.length);
	CHECK(drac_route_read(whole.octet, whole.length, PORT, &answer) == 0);
	/* Every length that is too short, and one octet more. */
	for (size_t n = 0; n < whole.length; n++) {
		d = whole;
		CHECK(drac_route_read(d.octet, n, PORT, &answer) == -1);
		set_length(&d, 0, (unsigned)n);
		errno = 0;
		if (n != 28)
			CHECK(
			    drac_route_read(d.octet, n, PORT, &answer) == -1 &&
			    errno == EBADMSG);
	}
	CHECK(drac_route_read(whole.octet, whole.length + 4, PORT, &answer) ==
	      -1);
	CHECK(drac_route_read(whole.octet, whole.length, PORT + 1, &answer) ==
	      -1);
	/* Attributes and paths of wrong lengths. */
	for (unsigned length = 0; length < 100; length++) {
		d = whole;
		set_length(&d, 28, length);
		if (length != 8)
			CHECK(drac_route_read(d.octet, d.length, PORT,
				  &answer) == -1 ||
			      answer.gateways.count == 0);
		d = begin(RTM_NEWROUTE, AF_INET);
		put_attribute(&d, RTA_MULTIPATH, "\0\0\0\0\0\0\0\0\0\0\0\0",
		    12);
		set_length(&d, 32, length);
		CHECK(read_it(&d, &answer) == -1 && errno == EBADMSG);
	}
	d = begin(RTM_NEWROUTE, AF_UNIX);
	CHECK(read_it(&d, &answer) == -1 && errno == EBADMSG);
	d = begin(RTM_DELROUTE, AF_INET);
	CHECK(read_it(&d, &answer) == -1 && errno == EBADMSG);
	d = begin(NLMSG_DONE, AF_INET);
	CHECK(read_it(&d, &answer) == -1 && errno == EBADMSG);
}

/* A real kernel. */

static int
run(const char *commands)
{
	char text[512];

	snprintf(text, sizeof(text), "(%s) >/dev/null 2>&1", commands);
	return system(text);
}

static bool
become_host(void)
{
	if (enter_network() &&
	    run("ip link set lo up && "
		"ip link add wire type veth peer name end && "
		"ip link set wire up && ip link set end up && "
		"ip addr add 198.51.100.1/24 dev wire && "
		"ip addr add 2001:db8:7::1/64 dev wire nodad") == 0)
		return true;
	test_skipped = "no network namespace with a wire";
	return false;
}

static enum drac_route
route_of(const char *text)
{
	struct drac_addr a = addr(text);
	enum drac_route route;

	errno = ENOTTY;
	route = drac_route_of(&a);
	CHECK(errno == ENOTTY);
	return route;
}

static void
no_default_in_child(void)
{
	struct drac_gateways gateways;

	if (!become_host())
		return;
	CHECK(route_of("198.51.100.1") == DRAC_ROUTE_OWN);
	CHECK(route_of("2001:db8:7::1") == DRAC_ROUTE_OWN);
	CHECK(route_of("127.0.0.1") == DRAC_ROUTE_OWN);
	CHECK(route_of("198.51.100.9") == DRAC_ROUTE_OTHER);
	CHECK(route_of("203.0.113.9") == DRAC_ROUTE_OTHER);
	drac_route_gateways(4, &gateways);
	CHECK(gateways.count == 0);
	CHECK(run("ip route add 192.0.2.0/24 via 198.51.100.9") == 0);
	CHECK(route_of("198.51.100.9") == DRAC_ROUTE_OTHER);
	CHECK(route_of("192.0.2.7") == DRAC_ROUTE_OTHER);
}

static void
default_in_child(void)
{
	static const char *const rows[] = {
		"ip route add default via 198.51.100.9; "
		"ip -6 route add default via 2001:db8:7::9",
		"ip route add default via 198.51.100.10 metric 9; "
		"ip route add default via 198.51.100.9 metric 3; "
		"ip -6 route add 2000::/3 via 2001:db8:7::9",
		"ip route add default"
		"    nexthop via 198.51.100.8 dev wire"
		"    nexthop via 198.51.100.9 dev wire; "
		"ip -6 route add default"
		"    nexthop via 2001:db8:7::8 dev wire"
		"    nexthop via 2001:db8:7::9 dev wire",
		"ip route add 0.0.0.0/1 via 198.51.100.9; "
		"ip route add 128.0.0.0/1 via 198.51.100.9; "
		"ip -6 route add default via 2001:db8:7::9",
	};
	struct drac_gateways gateways;

	if (!become_host())
		return;
	for (size_t i = 0; i < COUNT(rows); i++) {
		CHECK_ROW(run(rows[i]) == 0, rows[i]);
		CHECK_ROW(route_of("198.51.100.9") == DRAC_ROUTE_GATEWAY,
		    rows[i]);
		CHECK_ROW(route_of("2001:db8:7::9") == DRAC_ROUTE_GATEWAY,
		    rows[i]);
		CHECK_ROW(route_of("198.51.100.1") == DRAC_ROUTE_OWN, rows[i]);
		CHECK_ROW(route_of("198.51.100.7") == DRAC_ROUTE_OTHER,
		    rows[i]);
		CHECK_ROW(route_of("2001:db8:7::7") == DRAC_ROUTE_OTHER,
		    rows[i]);
		CHECK_ROW(route_of("203.0.113.9") == DRAC_ROUTE_OTHER, rows[i]);
		drac_route_gateways(16, &gateways);
		CHECK_ROW(gateways.count == (i == 2 ? 2 : 1), rows[i]);
		CHECK(run("ip route flush table main; "
			  "ip -6 route flush table main; "
			  "ip route add 198.51.100.0/24 dev wire; "
			  "ip -6 route add 2001:db8:7::/64 dev wire") == 0);
	}
	CHECK(run("ip route add default dev wire") == 0);
	CHECK(route_of("198.51.100.9") == DRAC_ROUTE_OTHER);
}

/* What a login makes of it. */
static void
login_in_child(void)
{
	struct drac_conf conf;
	struct drac_login login = { .conf = &conf };
	struct drac_addr gateway = addr("198.51.100.9");
	struct drac_addr own = addr("2001:db8:7::1");
	struct drac_addr client = addr("198.51.100.7");

	if (!become_host() ||
	    run("ip route add default via 198.51.100.9") != 0 ||
	    drac_conf_init(&conf) == -1)
		return;
	drac_login_found(&login, &client);
	CHECK(drac_login_may_record(&login));
	drac_login_found(&login, &gateway);
	CHECK(!drac_login_may_record(&login));
	CHECK_ROW(
	    strcmp(login.why.text,
		"198.51.100.9 is this host's default gateway: set "
		"allow_gateway = yes if clients really come from there") == 0,
	    login.why.text);
	drac_login_found(&login, &own);
	CHECK(!drac_login_may_record(&login));
	CHECK_ROW(strncmp(login.why.text,
		      "2001:db8:7::1 is an address of this host: ", 42) == 0,
	    login.why.text);
	CHECK(drac_conf_argument(&conf, "allow_gateway", NULL) == 0);
	CHECK(drac_login_may_record(&login));
	drac_login_found(&login, &gateway);
	CHECK(drac_login_may_record(&login));
	drac_conf_free(&conf);
}

/* socket(AF_NETLINK) fails with this error, as under systemd's filter. */
static bool
refuse_netlink(unsigned error)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		    offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		    offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { COUNT(filter), filter };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static unsigned refusal;

static void
refused_in_child(void)
{
	struct rlimit none = { 0, 0 };

	if (!become_host() || run("ip route add default via 198.51.100.9") != 0)
		return;
	CHECK(route_of("198.51.100.9") == DRAC_ROUTE_GATEWAY);
	if (!refuse_netlink(refusal)) {
		test_skipped = "no seccomp";
		return;
	}
	CHECK(route_of("198.51.100.9") == DRAC_ROUTE_OTHER);
	CHECK(route_of("198.51.100.1") == DRAC_ROUTE_OTHER);
	CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
	CHECK(route_of("198.51.100.9") == DRAC_ROUTE_OTHER);
}

static int
open_descriptors(void)
{
	int count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) != -1;
	return count;
}

static void
host_without_default_route(void)
{
	in_child(no_default_in_child);
}

static void
default_gateway_is_known(void)
{
	in_child(default_in_child);
}

static void
login_from_the_gateway_is_not_recorded(void)
{
	in_child(login_in_child);
}

static void
who_may_not_ask_records(void)
{
	static const unsigned errors[] = { EPERM, EAFNOSUPPORT, EACCES };

	for (size_t i = 0; i < COUNT(errors); i++) {
		refusal = errors[i];
		in_child(refused_in_child);
	}
}

static void
nothing_stays_open(void)
{
	int before = open_descriptors();

	for (int i = 0; i < 1000; i++)
		(void)route_of(i % 2 == 0 ? "192.0.2.9" : "2001:db8::9");
	CHECK(open_descriptors() == before);
}

int
main(void)
{
	RUN(gateway_is_read);
	RUN(paths_are_read);
	RUN(errors_are_told);
	RUN(what_is_no_answer_is_refused);
	RUN(host_without_default_route);
	RUN(default_gateway_is_known);
	RUN(login_from_the_gateway_is_not_recorded);
	RUN(who_may_not_ask_records);
	RUN(nothing_stays_open);
	return TEST_RESULT();
}
