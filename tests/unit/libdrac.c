/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The historic functions, out of libdrac. Names are looked up by a
 * getaddrinfo of our own, which knows some and does not come back from
 * others until it is told to.
 */
#include <sys/wait.h>

#include <arpa/inet.h>
#include <netdb.h>
#include <sched.h>
#include <signal.h>

#include "drac.h"
#include "peer.h"
#include "test.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* What a call may take, and what a loaded machine may add. */
#define CALL_MS  2000
#define SLACK_MS 10000

static char scratch[] = "/tmp/drac-libdrac.XXXXXX";
static char path[64];

/* Names. */

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static atomic_uint looking;
static atomic_bool signals_were_open;

static struct addrinfo *
prepend(const char *text, struct addrinfo *rest)
{
	struct addrinfo *info = calloc(1, sizeof(*info));
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in *at = malloc(sizeof(*at));

	if (info == NULL || at == NULL ||
	    inet_pton(AF_INET, text, &in.sin_addr) != 1)
		abort();
	*at = in;
	info->ai_addr = (struct sockaddr *)at;
	info->ai_addrlen = sizeof(*at);
	info->ai_next = rest;
	return info;
}

/* As those of the C library, for names that are known here alone. */
#define EXPORT __attribute__((visibility("default")))

EXPORT int
getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
    struct addrinfo **list)
{
	sigset_t set;

	(void)service;
	(void)hints;
	(void)pthread_sigmask(SIG_BLOCK, NULL, &set);
	if (!sigismember(&set, SIGTERM) || !sigismember(&set, SIGALRM))
		signals_were_open = true;
	if (strcmp(name, "slow.example.org") == 0) {
		looking++;
		(void)pthread_mutex_lock(&gate);
		(void)pthread_mutex_unlock(&gate);
	}
	if (strcmp(name, "unknown.example.org") == 0)
		return EAI_NONAME;
	*list = prepend("127.0.0.1", NULL);
	/* Nobody is there, so that the one behind it has to be asked. */
	if (strcmp(name, "two.example.org") == 0)
		*list = prepend("127.0.0.2", *list);
	if (strcmp(name, "slow.example.org") == 0)
		looking--;
	return 0;
}

EXPORT void
freeaddrinfo(struct addrinfo *list)
{
	while (list != NULL) {
		struct addrinfo *next = list->ai_next;

		free(list->ai_addr);
		free(list);
		list = next;
	}
}

/* Servers and addresses. */

static unsigned long
v4(const char *text)
{
	struct in_addr addr = { 0 };

	CHECK_ROW(inet_pton(AF_INET, text, &addr) == 1, text);
	return addr.s_addr;
}

static struct in6_addr
v6(const char *text)
{
	struct in6_addr addr = { 0 };

	CHECK_ROW(inet_pton(AF_INET6, text, &addr) == 1, text);
	return addr;
}

static bool
heard_of(const struct peer *peer, const char *text)
{
	struct drac_addr addr;

	return drac_addr_parse(text, &addr) == 0 &&
	       drac_addr_equal(&peer->call.addr, &addr);
}

static const char *
name_of(const char *host, const struct peer *peer)
{
	static char text[80];

	snprintf(text, sizeof(text), "%s:%u", host, (unsigned)peer->port);
	return text;
}

static void
auth_by_each_kind_of_name(void)
{
	static const char *const hosts[] = { "127.0.0.1", "[::ffff:127.0.0.1]",
		"localhost", "one.example.org", "two.example.org" };
	unsigned before = open_descriptors();

	for (size_t i = 0; i < COUNT(hosts); i++) {
		struct peer peer = { .road = ROAD_UDP };
		struct in6_addr six = v6("2001:db8::b8");
		char *errmsg = NULL;

		CHECK(peer_start(&peer) == 0);
		CHECK_ROW(dracauth(name_of(hosts[i], &peer), v4("192.0.2.7"),
			      &errmsg) == 0,
		    hosts[i]);
		CHECK_ROW(heard_of(&peer, "192.0.2.7"), hosts[i]);
		CHECK_ROW(dracauth6(name_of(hosts[i], &peer), six.s6_addr,
			      &errmsg) == 0,
		    hosts[i]);
		CHECK_ROW(heard_of(&peer, "2001:db8::b8"), hosts[i]);
		CHECK_ROW(errmsg == NULL, hosts[i]);
		peer_stop(&peer);
	}
	CHECK(!signals_were_open);
	CHECK(open_descriptors() == before);
}

static void
auth_by_ipv6(void)
{
	struct peer peer = { .road = ROAD_UDP6 };

	if (peer_start(&peer) == -1) {
		test_skipped = "no ::1 here";
		return;
	}
	CHECK(dracauth(name_of("[::1]", &peer), v4("192.0.2.7"), NULL) == 0);
	CHECK(heard_of(&peer, "192.0.2.7"));
	peer_stop(&peer);
}

static void
auth_by_local_socket(void)
{
	struct peer peer = { .road = ROAD_LOCAL, .path = path };
	struct in6_addr mapped = v6("::ffff:192.0.2.9");
	char *errmsg = NULL;

	CHECK(dracauth(path, v4("192.0.2.7"), &errmsg) < 0);
	CHECK(errmsg != NULL && strstr(errmsg, "No such file") != NULL);
	CHECK(peer_start(&peer) == 0);
	CHECK(dracauth(path, v4("192.0.2.7"), NULL) == 0);
	CHECK(heard_of(&peer, "192.0.2.7"));
	CHECK(peer.call.version == DRAC_VERSION_LOCAL);
	CHECK(dracauth6(path, mapped.s6_addr, NULL) == 0);
	CHECK(heard_of(&peer, "192.0.2.9"));
	peer_stop(&peer);
}

static void
result_is_what_the_server_said(void)
{
	static const struct {
		uint32_t answer;
		int result;
	} answers[] = { { 0, 0 }, { 1, 1 }, { 2, 2 }, { 3, 3 }, { 4, 3 },
		{ 0x80000000, 3 } };

	for (size_t i = 0; i < COUNT(answers); i++) {
		struct peer peer = { .road = ROAD_UDP,
			.reply = { .answer = answers[i].answer } };
		char *errmsg = NULL;

		CHECK(peer_start(&peer) == 0);
		CHECK(dracauth(name_of("127.0.0.1", &peer), v4("192.0.2.7"),
			  &errmsg) == answers[i].result);
		CHECK((errmsg != NULL) == (answers[i].result != 0));
		CHECK(dracauth(name_of("two.example.org", &peer),
			  v4("192.0.2.7"), NULL) == answers[i].result);
		peer_stop(&peer);
	}
}

static void
refuses_what_is_no_server(void)
{
	static const char *const servers[] = { "", ":111",
		"127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:+1",
		"127.0.0.1:111x", "127.1:900", "[127.0.0.1]:900", "[::1",
		"[::1]x", "fe80::1%lo", "a b", "a/b", "1234",
		"unknown.example.org", "unknown.example.org:900" };
	static char longest[1000];
	struct in6_addr six = v6("2001:db8::1");
	char *errmsg;

	memset(longest, 'a', sizeof(longest) - 1);
	for (size_t i = 0; i < COUNT(servers) + 2; i++) {
		const char *server = i < COUNT(servers)    ? servers[i]
				     : i == COUNT(servers) ? longest
							   : NULL;
		const char *row = server == NULL ? "NULL" : server;

		errmsg = NULL;
		CHECK_ROW(dracauth(server, v4("192.0.2.7"), &errmsg) < 0, row);
		CHECK_ROW(errmsg != NULL && errmsg[0] != '\0', row);
		errmsg = NULL;
		CHECK_ROW(dracconn6(server, &errmsg) < 0, row);
		CHECK_ROW(errmsg != NULL && errmsg[0] != '\0', row);
		CHECK_ROW(dracsend6(six.s6_addr, NULL) < 0, row);
		CHECK_ROW(dracconn(server, NULL) < 0, row);
	}
	CHECK(dracauth6("127.0.0.1:900", NULL, &errmsg) < 0);
	CHECK(dracsend6(NULL, &errmsg) < 0);
}

/* The name has another address, and the server a better opinion of it. */
static void
goes_on_after_a_refusal(void)
{
	struct peer first = { .road = ROAD_UDP,
		.host = "127.0.0.2",
		.reply = { .answer = DRAC_ANSWER_PERM } };
	struct peer second = { .road = ROAD_UDP };
	char *errmsg = NULL;

	CHECK(peer_start(&second) == 0);
	first.port = second.port;
	CHECK(peer_start(&first) == 0);
	CHECK(dracauth(name_of("two.example.org", &second), v4("192.0.2.7"),
		  &errmsg) == 0);
	CHECK(errmsg == NULL && first.heard == 1);
	CHECK(heard_of(&second, "192.0.2.7"));
	CHECK(dracconn(name_of("two.example.org", &second), NULL) == 0);
	CHECK(dracsend(v4("192.0.2.8"), NULL) == 0);
	CHECK(dracsend(v4("192.0.2.9"), NULL) == 0);
	/* What let us in is not left again. */
	CHECK(first.heard == 2 && heard_of(&second, "192.0.2.9"));
	CHECK(dracdisc(NULL) == 0);
	peer_stop(&second);
	CHECK(dracauth(name_of("two.example.org", &first), v4("192.0.2.7"),
		  &errmsg) == DRAC_ANSWER_PERM);
	CHECK(errmsg != NULL && strstr(errmsg, "refused us") != NULL);
	peer_stop(&first);
}

/* Connections. */

static void
connection_sends_several(void)
{
	struct peer peer = { .road = ROAD_UDP };
	struct in6_addr six = v6("2001:db8::1");
	unsigned before = open_descriptors();
	unsigned short from;

	CHECK(peer_start(&peer) == 0);
	CHECK(dracconn(name_of("one.example.org", &peer), NULL) == 0);
	CHECK(dracsend(v4("192.0.2.1"), NULL) == 0);
	from = peer.from;
	CHECK(dracsend(v4("192.0.2.2"), NULL) == 0);
	CHECK(peer.from == from && heard_of(&peer, "192.0.2.2"));
	/* The other family has one of its own. */
	CHECK(dracsend6(six.s6_addr, NULL) < 0);
	CHECK(dracconn6(name_of("127.0.0.1", &peer), NULL) == 0);
	CHECK(dracsend6(six.s6_addr, NULL) == 0);
	CHECK(peer.from != from && heard_of(&peer, "2001:db8::1"));
	CHECK(dracdisc6(NULL) == 0);
	CHECK(dracsend(v4("192.0.2.3"), NULL) == 0);
	CHECK(peer.from == from);
	CHECK(dracdisc(NULL) == 0);
	peer_stop(&peer);
	CHECK(open_descriptors() == before);
}

static void
send_needs_a_connection(void)
{
	struct in6_addr six = v6("2001:db8::1");
	char *errmsg = NULL;

	CHECK(dracsend(v4("192.0.2.1"), &errmsg) < 0);
	CHECK(errmsg != NULL && strstr(errmsg, "not connected") != NULL);
	errmsg = NULL;
	CHECK(dracsend6(six.s6_addr, &errmsg) < 0);
	CHECK(errmsg != NULL && strstr(errmsg, "not connected") != NULL);
	CHECK(dracdisc(&errmsg) == 0 && dracdisc6(&errmsg) == 0);
}

static void
connection_tries_the_next_address(void)
{
	struct peer peer = { .road = ROAD_UDP };

	CHECK(peer_start(&peer) == 0);
	CHECK(dracconn(name_of("two.example.org", &peer), NULL) == 0);
	CHECK(dracsend(v4("192.0.2.1"), NULL) == 0);
	CHECK(dracsend(v4("192.0.2.2"), NULL) == 0);
	CHECK(heard_of(&peer, "192.0.2.2"));
	CHECK(dracdisc(NULL) == 0);
	peer_stop(&peer);
}

static void
connection_survives_a_restart(void)
{
	struct peer peer = { .road = ROAD_UDP };
	char *errmsg = NULL;

	CHECK(peer_start(&peer) == 0);
	CHECK(dracconn(name_of("127.0.0.1", &peer), NULL) == 0);
	CHECK(dracsend(v4("192.0.2.1"), NULL) == 0);
	peer_stop(&peer);
	CHECK(dracsend(v4("192.0.2.1"), &errmsg) < 0);
	CHECK(errmsg != NULL && strstr(errmsg, "refused") != NULL);
	CHECK(peer_start(&peer) == 0);
	CHECK(dracsend(v4("192.0.2.1"), NULL) == 0);
	CHECK(dracdisc(NULL) == 0);
	peer_stop(&peer);
}

static void
child_does_not_share_the_socket(void)
{
	struct peer peer = { .road = ROAD_UDP };
	unsigned short from;
	pid_t child;
	int status = -1;

	CHECK(peer_start(&peer) == 0);
	CHECK(dracconn(name_of("127.0.0.1", &peer), NULL) == 0);
	CHECK(dracsend(v4("192.0.2.1"), NULL) == 0);
	from = peer.from;
	fflush(stdout);
	child = fork();
	if (child == 0)
		_exit(dracsend(v4("192.0.2.2"), NULL) == 0 ? 0 : 1);
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	CHECK(peer.from != from && heard_of(&peer, "192.0.2.2"));
	CHECK(dracsend(v4("192.0.2.3"), NULL) == 0);
	CHECK(peer.from == from);
	CHECK(dracdisc(NULL) == 0);
	peer_stop(&peer);
}

/* Threads. */

struct worker {
	const char *server;
	unsigned number;
	bool good;
};

static void *
work(void *arg)
{
	struct worker *worker = arg;
	char text[32], *errmsg = NULL;

	snprintf(text, sizeof(text), "%u.invalid:0", worker->number);
	worker->good = dracsend(v4("192.0.2.1"), NULL) < 0 &&
		       dracconn(worker->server, NULL) == 0;
	for (unsigned i = 0; i < 50 && worker->good; i++)
		worker->good = dracsend(v4("192.0.2.1"), NULL) == 0 &&
			       dracauth(text, v4("192.0.2.1"), &errmsg) < 0 &&
			       strncmp(errmsg, text, strlen(text)) == 0;
	/* What is still open goes with the thread. */
	return NULL;
}

static void
threads_have_their_own(void)
{
	struct peer peer = { .road = ROAD_UDP };
	struct worker workers[4];
	pthread_t threads[4];
	unsigned before = open_descriptors();
	char server[80];

	CHECK(peer_start(&peer) == 0);
	snprintf(server, sizeof(server), "%s",
	    name_of("one.example.org", &peer));
	for (unsigned i = 0; i < 4; i++) {
		workers[i] = (struct worker){ server, i, false };
		CHECK(
		    pthread_create(&threads[i], NULL, work, &workers[i]) == 0);
	}
	for (unsigned i = 0; i < 4; i++) {
		CHECK(pthread_join(threads[i], NULL) == 0);
		CHECK(workers[i].good);
	}
	peer_stop(&peer);
	CHECK(open_descriptors() == before);
}

/* Deadlines. */

static void
silent_server_ends_in_time(void)
{
	static const enum road roads[] = { ROAD_UDP, ROAD_LOCAL };

	for (size_t i = 0; i < COUNT(roads); i++) {
		struct peer peer = { .road = roads[i],
			.path = path,
			.manner = IS_SILENT };
		const char *server = path;
		char *errmsg = NULL;
		int64_t started = peer_clock_ms();

		CHECK(peer_start(&peer) == 0);
		if (roads[i] == ROAD_UDP)
			server = name_of("127.0.0.1", &peer);
		CHECK(dracauth(server, v4("192.0.2.1"), &errmsg) < 0);
		CHECK(peer_clock_ms() - started >= CALL_MS);
		CHECK(peer_clock_ms() - started < CALL_MS + SLACK_MS);
		CHECK(errmsg != NULL && strstr(errmsg, "no answer") != NULL);
		peer_stop(&peer);
	}
}

static void *
ask_slow(void *arg)
{
	int64_t *took_ms = arg;
	int64_t started = peer_clock_ms();

	if (dracauth("slow.example.org:900", v4("192.0.2.1"), NULL) >= 0)
		*took_ms = -1;
	else
		*took_ms = peer_clock_ms() - started;
	return NULL;
}

/* Eight look-ups that hang, and nobody waits for a ninth. */
static void
slow_names_end_in_time(void)
{
	pthread_t threads[8];
	int64_t took_ms[8], started;
	char *errmsg = NULL;
	struct peer peer = { .road = ROAD_UDP };
	int status = -1;
	pid_t child;

	CHECK(peer_start(&peer) == 0);
	(void)pthread_mutex_lock(&gate);
	for (unsigned i = 0; i < 8; i++)
		CHECK(pthread_create(&threads[i], NULL, ask_slow,
			  &took_ms[i]) == 0);
	for (unsigned i = 0; i < 8; i++) {
		CHECK(pthread_join(threads[i], NULL) == 0);
		CHECK(took_ms[i] >= CALL_MS);
		CHECK(took_ms[i] < CALL_MS + SLACK_MS);
	}
	CHECK(looking == 8);
	CHECK(dracauth("slow.example.org:900", v4("192.0.2.1"), &errmsg) < 0);
	CHECK(errmsg != NULL && strstr(errmsg, "too many") != NULL);
	CHECK(looking == 8);
	CHECK(
	    dracauth(name_of("127.0.0.1", &peer), v4("192.0.2.1"), NULL) == 0);
	/* A child has none of them. */
	fflush(stdout);
	child = fork();
	if (child == 0)
		_exit(dracauth(name_of("one.example.org", &peer),
			  v4("192.0.2.1"), NULL) == 0
			  ? 0
			  : 1);
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	(void)pthread_mutex_unlock(&gate);
	/* They come back one by one to calls that are over. */
	started = peer_clock_ms();
	while (dracauth(name_of("one.example.org", &peer), v4("192.0.2.1"),
		   NULL) != 0 &&
	       peer_clock_ms() - started < SLACK_MS)
		(void)sched_yield();
	CHECK(dracauth(name_of("one.example.org", &peer), v4("192.0.2.1"),
		  NULL) == 0);
	peer_stop(&peer);
}

int
main(void)
{
	if (mkdtemp(scratch) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/socket", scratch);
	RUN(auth_by_each_kind_of_name);
	RUN(auth_by_ipv6);
	RUN(auth_by_local_socket);
	RUN(result_is_what_the_server_said);
	RUN(refuses_what_is_no_server);
	RUN(goes_on_after_a_refusal);
	RUN(send_needs_a_connection);
	RUN(connection_sends_several);
	RUN(connection_tries_the_next_address);
	RUN(connection_survives_a_restart);
	RUN(child_does_not_share_the_socket);
	RUN(threads_have_their_own);
	RUN(silent_server_ends_in_time);
	RUN(slow_names_end_in_time);
	(void)rmdir(scratch);
	return TEST_RESULT();
}
