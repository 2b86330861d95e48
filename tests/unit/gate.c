/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Who may ask the daemon: every rule, with addresses of this host and
 * others. Only a caller's road, address, port and uid count, so no socket
 * has to be opened from a reserved port.
 */
#include <sys/socket.h>
#include <sys/syscall.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "dracd.h"
#include "namespace.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* The uid that nobody here has. */
#define STRANGER 3999999999u

struct drac_stats drac_stats;

static char reports[2048];

static void
note(const char *text, void *arg)
{
	(void)arg;
	strncat(reports, text, sizeof reports - strlen(reports) - 2);
	strcat(reports, "\n");
}

static void
allow(struct drac_conf *conf, const char *text)
{
	struct drac_net net;

	CHECK_ROW(drac_net_parse(text, &net) == 0, text);
	CHECK_ROW(drac_nets_add(&conf->allow, &net) == 0, text);
}

static struct drac_gate *
open_gate(const struct drac_conf *conf)
{
	struct drac_gate *gate = NULL;

	reports[0] = '\0';
	if (drac_gate_open(conf, note, NULL, &gate) == -1)
		return NULL;
	return gate;
}

static struct drac_caller
from(enum drac_road road, const char *address, unsigned short port)
{
	struct drac_caller caller = { .road = road, .port = port };

	CHECK_ROW(drac_addr_parse(address, &caller.addr) == 0, address);
	return caller;
}

struct row {
	const char *name;
	enum drac_road road;
	const char *address;
	unsigned short port;
	enum drac_refusal refusal;
};

static void
check_rows(struct drac_gate *gate, const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct drac_caller caller =
		    from(rows[i].road, rows[i].address, rows[i].port);
		enum drac_refusal refusal = DRAC_REFUSALS;
		enum drac_right right, wanted;

		wanted = rows[i].refusal == DRAC_REFUSAL_NONE ? DRAC_RIGHT_ADD
							      : DRAC_RIGHT_NONE;
		/* Asked again it is remembered. */
		for (int time = 0; time < 2; time++) {
			right = drac_gate_ask(gate, &caller, &refusal);
			CHECK_ROW(right == wanted, rows[i].name);
			CHECK_ROW(refusal == rows[i].refusal, rows[i].name);
		}
	}
}

/* The allow list holds loopback too: that must not open it. */
static void
gate_judges_hosts(void)
{
	static const struct row rows[] = {
		{ "loopback, reserved port", DRAC_ROAD_UDP, "127.0.0.1", 757,
		    DRAC_REFUSAL_NONE },
		{ "loopback, first reserved port", DRAC_ROAD_TCP, "127.0.0.1",
		    1, DRAC_REFUSAL_NONE },
		{ "loopback, last reserved port", DRAC_ROAD_TCP, "127.0.0.1",
		    1023, DRAC_REFUSAL_NONE },
		{ "loopback, first other port", DRAC_ROAD_TCP, "127.0.0.1",
		    1024, DRAC_REFUSAL_PORT },
		{ "loopback, any port, though allowed", DRAC_ROAD_UDP,
		    "127.0.0.1", 40000, DRAC_REFUSAL_PORT },
		{ "loopback, no port", DRAC_ROAD_UDP, "127.0.0.1", 0,
		    DRAC_REFUSAL_PORT },
		{ "another loopback address", DRAC_ROAD_UDP, "127.9.8.7", 40000,
		    DRAC_REFUSAL_PORT },
		{ "IPv6 loopback, reserved port", DRAC_ROAD_TCP, "::1", 600,
		    DRAC_REFUSAL_NONE },
		{ "IPv6 loopback, any port", DRAC_ROAD_TCP, "::1", 40000,
		    DRAC_REFUSAL_PORT },
		{ "mapped loopback, any port", DRAC_ROAD_TCP,
		    "::ffff:127.0.0.1", 40000, DRAC_REFUSAL_PORT },
		{ "allowed host, any port", DRAC_ROAD_UDP, "203.0.113.7", 40000,
		    DRAC_REFUSAL_NONE },
		{ "allowed host, reserved port", DRAC_ROAD_TCP, "203.0.113.7",
		    757, DRAC_REFUSAL_NONE },
		{ "allowed host, mapped", DRAC_ROAD_TCP, "::ffff:203.0.113.7",
		    40000, DRAC_REFUSAL_NONE },
		{ "host beside the network", DRAC_ROAD_UDP, "203.0.113.128",
		    40000, DRAC_REFUSAL_HOST },
		{ "unknown host, reserved port", DRAC_ROAD_UDP, "198.51.100.1",
		    757, DRAC_REFUSAL_HOST },
		{ "allowed IPv6 host by TCP, any port", DRAC_ROAD_TCP,
		    "2001:db8:1::5", 40000, DRAC_REFUSAL_NONE },
		{ "allowed IPv6 host by UDP, reserved port", DRAC_ROAD_UDP,
		    "2001:db8:1::5", 1023, DRAC_REFUSAL_NONE },
		{ "allowed IPv6 host by UDP, any port", DRAC_ROAD_UDP,
		    "2001:db8:1::5", 1024, DRAC_REFUSAL_PORT },
		{ "allowed IPv6 host by UDP, no port", DRAC_ROAD_UDP,
		    "2001:db8:1::5", 0, DRAC_REFUSAL_PORT },
		{ "unknown IPv6 host", DRAC_ROAD_UDP, "2001:db8:2::5", 757,
		    DRAC_REFUSAL_HOST },
		{ "link-local host", DRAC_ROAD_UDP, "fe80::1234:5678:9abc:def0",
		    757, DRAC_REFUSAL_HOST },
		{ "unspecified", DRAC_ROAD_UDP, "0.0.0.0", 40000,
		    DRAC_REFUSAL_HOST },
		{ "unspecified, reserved port", DRAC_ROAD_UDP, "0.0.0.0", 757,
		    DRAC_REFUSAL_HOST },
		{ "unspecified IPv6, reserved port", DRAC_ROAD_UDP, "::", 757,
		    DRAC_REFUSAL_HOST },
		{ "multicast, though allowed", DRAC_ROAD_UDP, "224.0.0.1", 757,
		    DRAC_REFUSAL_HOST },
		{ "multicast IPv6", DRAC_ROAD_UDP, "ff02::1", 757,
		    DRAC_REFUSAL_HOST },
		{ "broadcast", DRAC_ROAD_UDP, "255.255.255.255", 757,
		    DRAC_REFUSAL_HOST },
	};
	struct drac_conf conf = { 0 };
	struct drac_gate *gate;

	allow(&conf, "127.0.0.0/8");
	allow(&conf, "::1");
	allow(&conf, "203.0.113.0/25");
	allow(&conf, "224.0.0.0/4");
	allow(&conf, "2001:db8:1::/48");
	gate = open_gate(&conf);
	CHECK(gate != NULL);
	if (gate != NULL)
		check_rows(gate, rows, COUNT(rows));
	drac_gate_close(gate);
	drac_nets_free(&conf.allow);
}

static void
insecure_local_takes_any_port_of_this_host_only(void)
{
	static const struct row rows[] = {
		{ "loopback, any port", DRAC_ROAD_UDP, "127.0.0.1", 40000,
		    DRAC_REFUSAL_NONE },
		{ "IPv6 loopback, any port", DRAC_ROAD_TCP, "::1", 40000,
		    DRAC_REFUSAL_NONE },
		{ "another host", DRAC_ROAD_UDP, "203.0.113.7", 40000,
		    DRAC_REFUSAL_HOST },
	};
	struct drac_conf conf = { .insecure_local = true };
	struct drac_gate *gate = open_gate(&conf);

	CHECK(gate != NULL);
	if (gate != NULL)
		check_rows(gate, rows, COUNT(rows));
	drac_gate_close(gate);
}

/* A host of our own, in a network namespace of a user's own */

struct in6_ifreq {
	struct in6_addr addr;
	uint32_t prefix;
	int index;
};

static int
give_address4(int fd, const char *name, const char *address)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	struct ifreq request = { 0 };

	strcpy(request.ifr_name, name);
	CHECK(inet_pton(AF_INET, address, &sin.sin_addr) == 1);
	memcpy(&request.ifr_addr, &sin, sizeof sin);
	if (ioctl(fd, SIOCSIFADDR, &request) == -1)
		return -1;
	CHECK(inet_pton(AF_INET, "255.255.255.0", &sin.sin_addr) == 1);
	memcpy(&request.ifr_netmask, &sin, sizeof sin);
	return ioctl(fd, SIOCSIFNETMASK, &request);
}

/* The kernel makes an address usable in its own time. */
static int
wait_for(const struct in6_addr *address)
{
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6,
		.sin6_addr = *address,
		.sin6_scope_id = 1 };
	int result = -1;

	for (int tries = 0; tries < 2000 && result == -1; tries++) {
		int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

		result = bind(fd, (struct sockaddr *)&sin6, sizeof sin6);
		close(fd);
		if (result == -1)
			(void)usleep(1000);
	}
	return result;
}

static int
give_address6(const char *address)
{
	struct in6_ifreq request = { .prefix = 64, .index = 1 };
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0), result;

	if (fd == -1)
		return -1;
	CHECK(inet_pton(AF_INET6, address, &request.addr) == 1);
	result = ioctl(fd, SIOCSIFADDR, &request);
	close(fd);
	return result == 0 ? wait_for(&request.addr) : -1;
}

/* A host with addresses of both families. */
static bool
become_host(void)
{
	bool good;
	int fd;

	if (!enter_network()) {
		test_skipped = "no network namespace";
		return false;
	}
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	good = fd != -1 && give_address4(fd, "lo:1", "198.51.100.1") == 0 &&
	       give_address6("2001:db8::1") == 0 &&
	       give_address6("fe80::1") == 0;
	CHECK(good);
	close(fd);
	return good;
}

static void
own_addresses_in_child(void)
{
	static const struct row rows[] = {
		{ "own address, reserved port", DRAC_ROAD_UDP, "198.51.100.1",
		    757, DRAC_REFUSAL_NONE },
		{ "own address, any port, though allowed", DRAC_ROAD_TCP,
		    "198.51.100.1", 40000, DRAC_REFUSAL_PORT },
		{ "own IPv6 address by TCP, reserved port", DRAC_ROAD_TCP,
		    "2001:db8::1", 757, DRAC_REFUSAL_NONE },
		{ "own IPv6 address by TCP, any port", DRAC_ROAD_TCP,
		    "2001:db8::1", 40000, DRAC_REFUSAL_PORT },
		{ "own IPv6 address by UDP, reserved port", DRAC_ROAD_UDP,
		    "2001:db8::1", 757, DRAC_REFUSAL_PORT },
		{ "::1 by UDP, reserved port", DRAC_ROAD_UDP, "::1", 757,
		    DRAC_REFUSAL_NONE },
		{ "own link-local address by UDP", DRAC_ROAD_UDP, "fe80::1",
		    757, DRAC_REFUSAL_PORT },
		{ "own link-local address by TCP", DRAC_ROAD_TCP, "fe80::1",
		    757, DRAC_REFUSAL_PORT },
		{ "another's link-local address, allowed", DRAC_ROAD_TCP,
		    "fe80::2", 40000, DRAC_REFUSAL_NONE },
	};
	struct drac_conf conf = { 0 };
	struct drac_gate *gate;

	if (!become_host())
		return;
	allow(&conf, "0.0.0.0/0");
	allow(&conf, "::/0");
	gate = open_gate(&conf);
	CHECK(gate != NULL);
	if (gate != NULL)
		check_rows(gate, rows, COUNT(rows));
	drac_gate_close(gate);
	drac_nets_free(&conf.allow);
}

static void
own_addresses_count_as_local(void)
{
	in_child(own_addresses_in_child);
}

/* What anybody can forge stays shut with insecure_local, too. */
static void
insecure_in_child(void)
{
	static const struct row rows[] = {
		{ "own address, any port", DRAC_ROAD_UDP, "198.51.100.1", 40000,
		    DRAC_REFUSAL_NONE },
		{ "own IPv6 address by UDP", DRAC_ROAD_UDP, "2001:db8::1",
		    40000, DRAC_REFUSAL_PORT },
		{ "own link-local address by TCP", DRAC_ROAD_TCP, "fe80::1",
		    40000, DRAC_REFUSAL_PORT },
		{ "broadcast address, reserved port", DRAC_ROAD_UDP,
		    "198.51.100.255", 757, DRAC_REFUSAL_HOST },
	};
	struct drac_conf conf = { .insecure_local = true };
	struct drac_gate *gate;

	if (!become_host())
		return;
	gate = open_gate(&conf);
	CHECK(gate != NULL);
	if (gate != NULL)
		check_rows(gate, rows, COUNT(rows));
	drac_gate_close(gate);
}

static void
insecure_local_believes_no_forged_address(void)
{
	in_child(insecure_in_child);
}

/* The clock that the gate reads may be ahead. */
static time_t ahead_s;

int
clock_gettime(clockid_t id, struct timespec *now)
{
	if (syscall(SYS_clock_gettime, id, now) == -1)
		return -1;
	now->tv_sec += ahead_s;
	return 0;
}

static void
set_unprivileged_start(const char *port)
{
	int fd = open("/proc/sys/net/ipv4/ip_unprivileged_port_start",
	    O_WRONLY | O_CLOEXEC);

	CHECK_ROW(fd != -1 &&
		      write(fd, port, strlen(port)) == (ssize_t)strlen(port),
	    port);
	close(fd);
	ahead_s += 2;
}

/* From a lowered ip_unprivileged_port_start on, any user has these ports. */
static void
lowered_start_in_child(void)
{
	static const struct {
		const char *start;
		struct row rows[3];
	} starts[] = {
		{ "1024",
		    { { "usual, 1023", DRAC_ROAD_TCP, "127.0.0.1", 1023,
			  DRAC_REFUSAL_NONE },
			{ "usual, 1024", DRAC_ROAD_TCP, "127.0.0.1", 1024,
			    DRAC_REFUSAL_PORT },
			{ "usual, IPv6 by UDP", DRAC_ROAD_UDP, "::1", 1023,
			    DRAC_REFUSAL_NONE } } },
		{ "80",
		    { { "lowered, below", DRAC_ROAD_UDP, "127.0.0.1", 79,
			  DRAC_REFUSAL_NONE },
			{ "lowered, first", DRAC_ROAD_UDP, "127.0.0.1", 80,
			    DRAC_REFUSAL_PORT },
			{ "lowered, IPv6 by UDP", DRAC_ROAD_UDP, "::1", 1023,
			    DRAC_REFUSAL_PORT } } },
		{ "0",
		    { { "none, 1", DRAC_ROAD_TCP, "127.0.0.1", 1,
			  DRAC_REFUSAL_PORT },
			{ "none, 1023", DRAC_ROAD_TCP, "127.0.0.1", 1023,
			    DRAC_REFUSAL_PORT },
			{ "none, own address", DRAC_ROAD_TCP, "198.51.100.1",
			    757, DRAC_REFUSAL_PORT } } },
		{ "2000",
		    { { "raised, 1023", DRAC_ROAD_TCP, "127.0.0.1", 1023,
			  DRAC_REFUSAL_NONE },
			{ "raised, 1024", DRAC_ROAD_TCP, "127.0.0.1", 1024,
			    DRAC_REFUSAL_PORT },
			{ "raised, other host by UDP", DRAC_ROAD_UDP,
			    "2001:db8:1::5", 1023, DRAC_REFUSAL_HOST } } },
	};
	struct drac_conf conf = { 0 };
	struct drac_gate *gate;

	if (!become_host())
		return;
	gate = open_gate(&conf);
	CHECK(gate != NULL);
	for (size_t i = 0; gate != NULL && i < COUNT(starts); i++) {
		set_unprivileged_start(starts[i].start);
		check_rows(gate, starts[i].rows, COUNT(starts[i].rows));
	}
	drac_gate_close(gate);
}

static void
ports_that_any_user_may_bind_prove_nothing(void)
{
	in_child(lowered_start_in_child);
}

static void
gate_judges_users(void)
{
	static char daemon_name[] = "daemon", number[] = "2";
	static char *users[] = { daemon_name, number };
	struct drac_conf conf = { .allow_users = users,
		.allow_user_count = COUNT(users) };
	const struct {
		const char *name;
		uid_t uid;
		enum drac_right right;
		enum drac_refusal refusal;
	} rows[] = {
		{ "root", 0, DRAC_RIGHT_ADMIN, DRAC_REFUSAL_NONE },
		{ "the daemon's own", geteuid(), DRAC_RIGHT_ADMIN,
		    DRAC_REFUSAL_NONE },
		{ "by name", 1, DRAC_RIGHT_ADD, DRAC_REFUSAL_NONE },
		{ "by number", 2, DRAC_RIGHT_ADD, DRAC_REFUSAL_NONE },
		{ "another", STRANGER, DRAC_RIGHT_NONE, DRAC_REFUSAL_USER },
		{ "nobody", (uid_t)-1, DRAC_RIGHT_NONE, DRAC_REFUSAL_USER },
	};
	struct drac_gate *gate = open_gate(&conf);

	CHECK_ROW(gate != NULL, reports);
	for (size_t i = 0; gate != NULL && i < COUNT(rows); i++) {
		struct drac_caller caller = { .road = DRAC_ROAD_LOCAL,
			.uid = rows[i].uid };
		enum drac_refusal refusal = DRAC_REFUSALS;

		CHECK_ROW(drac_gate_ask(gate, &caller, &refusal) ==
			      rows[i].right,
		    rows[i].name);
		CHECK_ROW(refusal == rows[i].refusal, rows[i].name);
	}
	drac_gate_close(gate);
}

static void
open_reports_every_unknown_user(void)
{
	static char good[] = "daemon", bad[] = "no-such-user-here";
	static char number[] = "3999999999", huge[] = "4294967295";
	static char *users[] = { bad, good, number, huge };
	struct drac_conf conf = { .allow_users = users,
		.allow_user_count = COUNT(users) };

	CHECK(open_gate(&conf) == NULL);
	CHECK_ROW(strcmp(reports,
		      "allow_users: no such user: no-such-user-here\n"
		      "allow_users: no such user: 3999999999\n"
		      "allow_users: no such user: 4294967295\n") == 0,
	    reports);
}

static void
unknown_users_can_be_left_out(void)
{
	static const char *const names[] = { "no-such-user-here", "daemon",
		"3999999999" };
	char **users = calloc(COUNT(names), sizeof *users);
	struct drac_conf conf = { .allow_users = users,
		.allow_user_count = COUNT(names) };
	struct drac_gate *gate;

	for (size_t i = 0; i < COUNT(names); i++)
		users[i] = strdup(names[i]);
	reports[0] = '\0';
	drac_gate_leave_out(&conf, note, NULL);
	CHECK_ROW(strcmp(reports,
		      "allow_users: no such user: no-such-user-here\n"
		      "allow_users: no such user: 3999999999\n") == 0,
	    reports);
	CHECK(conf.allow_user_count == 1);
	CHECK(strcmp(conf.allow_users[0], "daemon") == 0);
	gate = open_gate(&conf);
	CHECK_ROW(gate != NULL, reports);
	drac_gate_close(gate);
	free(users[0]);
	free(users);
}

static void
write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CHECK(fd != -1);
	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	CHECK(close(fd) == 0);
}

/* The file adds to the list; a new gate reads it again. */
static void
allow_file_adds_hosts(void)
{
	static const struct row before[] = {
		{ "in the list", DRAC_ROAD_UDP, "203.0.113.7", 40000,
		    DRAC_REFUSAL_NONE },
		{ "in the file", DRAC_ROAD_UDP, "198.51.100.7", 40000,
		    DRAC_REFUSAL_NONE },
		{ "in neither", DRAC_ROAD_UDP, "198.51.101.7", 40000,
		    DRAC_REFUSAL_HOST },
	};
	static const struct row after[] = {
		{ "in the list", DRAC_ROAD_UDP, "203.0.113.7", 40000,
		    DRAC_REFUSAL_NONE },
		{ "not any more", DRAC_ROAD_UDP, "198.51.100.7", 40000,
		    DRAC_REFUSAL_HOST },
	};
	char dir[] = "/tmp/drac-gate-XXXXXX", path[64];
	struct drac_conf conf = { .allow_file = path };
	struct drac_gate *gate;

	CHECK(mkdtemp(dir) != NULL);
	snprintf(path, sizeof path, "%s/dracd.allow", dir);
	allow(&conf, "203.0.113.0/24");
	write_file(path, "255.255.255.0 198.51.100.0\n");
	gate = open_gate(&conf);
	CHECK_ROW(gate != NULL, reports);
	if (gate != NULL)
		check_rows(gate, before, COUNT(before));
	drac_gate_close(gate);

	CHECK(unlink(path) == 0);
	gate = open_gate(&conf);
	CHECK_ROW(gate != NULL && reports[0] == '\0', reports);
	if (gate != NULL)
		check_rows(gate, after, COUNT(after));
	drac_gate_close(gate);

	write_file(path, "this is no network\n");
	CHECK(open_gate(&conf) == NULL);
	CHECK_ROW(strstr(reports, "dracd.allow:1: ") != NULL, reports);

	CHECK(unlink(path) == 0);
	CHECK(rmdir(dir) == 0);
	drac_nets_free(&conf.allow);
}

static void
caller_text_says_who(void)
{
	const struct {
		struct drac_caller caller;
		const char *text;
	} rows[] = {
		{ from(DRAC_ROAD_UDP, "192.0.2.7", 757),
		    "192.0.2.7 port 757 (udp)" },
		{ from(DRAC_ROAD_TCP, "2001:db8::7", 65535),
		    "2001:db8::7 port 65535 (tcp)" },
		{ { .road = DRAC_ROAD_LOCAL, .uid = 1000, .pid = 77 },
		    "user 1000, process 77" },
		{ { .road = DRAC_ROAD_LOCAL, .uid = STRANGER, .pid = 0 },
		    "user 3999999999, process 0" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char text[DRAC_CALLER_TEXT];

		drac_caller_text(&rows[i].caller, text);
		CHECK_ROW(strcmp(text, rows[i].text) == 0, text);
	}
}

int
main(void)
{
	RUN(gate_judges_hosts);
	RUN(insecure_local_takes_any_port_of_this_host_only);
	RUN(own_addresses_count_as_local);
	RUN(insecure_local_believes_no_forged_address);
	RUN(ports_that_any_user_may_bind_prove_nothing);
	RUN(gate_judges_users);
	RUN(open_reports_every_unknown_user);
	RUN(unknown_users_can_be_left_out);
	RUN(allow_file_adds_hosts);
	RUN(caller_text_says_who);
	return TEST_RESULT();
}
