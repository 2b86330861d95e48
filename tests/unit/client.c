/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Calls to servers that answer, refuse, dawdle, babble or leave. What needs
 * port 111 or reserved ports is tried in a network of its own, where the
 * kernel lets us have one.
 */
#include "client.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>

#include "namespace.h"
#include "peer.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* Long enough for what will happen, short for what will not. */
#define PLENTY_MS 20000
#define SHORT_MS  100

/* What a loaded machine may add. */
#define SLACK_MS 10000

static char scratch[] = "/tmp/drac-client.XXXXXX";
static char path[64];

/* The one that the client calls; this thread's are cut when we say so. */
static _Thread_local size_t most;

ssize_t
send(int fd, const void *octets, size_t size, int flags)
{
	if (most != 0 && size > most)
		size = most;
	return sendto(fd, octets, size, flags, NULL, 0);
}

/* The client asks whether it is root; SELF: as it is. */
#define SELF ((uid_t)-1)
static uid_t played = SELF;

uid_t
geteuid(void)
{
	return played == SELF ? (uid_t)syscall(SYS_geteuid) : played;
}

static struct drac_addr
addr(const char *text)
{
	struct drac_addr value = { 0 };

	CHECK_ROW(drac_addr_parse(text, &value) == 0, text);
	return value;
}

static struct drac_ask
ask_of(const struct peer *peer)
{
	struct drac_ask ask = { .name = "server", .port = peer->port };

	if (peer->road == ROAD_LOCAL)
		ask.socket = peer->path;
	else
		ask.hosts[0] = addr(peer_is_v6(peer) ? "::1" : "127.0.0.1");
	ask.host_count = 1;
	ask.transport = peer->road == ROAD_TCP || peer->road == ROAD_TCP6
			    ? DRAC_TRANSPORT_TCP
			    : DRAC_TRANSPORT_UDP;
	return ask;
}

static bool
begins(const struct drac_why *why, const char *words)
{
	return strncmp(why->text, words, strlen(words)) == 0;
}

/* One server each. */

static const struct row {
	const char *name;
	enum road road;
	enum manner manner;
	uint32_t answer;
	int error;
	const char *why; /* how it begins */
} rows[] = {
	{ "udp", ROAD_UDP, ANSWERS, 0, 0, "" },
	{ "udp6", ROAD_UDP6, ANSWERS, 0, 0, "" },
	{ "tcp", ROAD_TCP, ANSWERS, 0, 0, "" },
	{ "tcp6", ROAD_TCP6, ANSWERS, 0, 0, "" },
	{ "local", ROAD_LOCAL, ANSWERS, 0, 0, "" },
	{ "udp refuses", ROAD_UDP, ANSWERS, 1, EPERM,
	    "server: refused us (permission denied)" },
	{ "tcp refuses", ROAD_TCP, ANSWERS, 1, EPERM,
	    "server: refused us (permission denied)" },
	{ "udp system error", ROAD_UDP, ANSWERS, 2, EIO,
	    "server: could not record it (system error)" },
	{ "udp unknown", ROAD_UDP, ANSWERS, 3, EIO, "server: could not" },
	{ "udp no answer known", ROAD_UDP, ANSWERS, 77, EIO,
	    "server: could not" },
	{ "local refuses", ROAD_LOCAL, ANSWERS, 1, EPERM,
	    "server: refused us (because)" },
	{ "local system error", ROAD_LOCAL, ANSWERS, 2, EIO,
	    "server: could not record it (because)" },
	{ "udp silent", ROAD_UDP, IS_SILENT, 0, ETIMEDOUT,
	    "server: no answer within 100 ms" },
	{ "tcp silent", ROAD_TCP, IS_SILENT, 0, ETIMEDOUT,
	    "server: no answer within 100 ms" },
	{ "local silent", ROAD_LOCAL, IS_SILENT, 0, ETIMEDOUT,
	    "server: no answer within 100 ms" },
	{ "udp rubbish", ROAD_UDP, TALKS_RUBBISH, 0, ETIMEDOUT,
	    "server: no answer" },
	{ "tcp rubbish", ROAD_TCP, TALKS_RUBBISH, 0, ETIMEDOUT,
	    "server: no answer" },
	{ "udp another xid first", ROAD_UDP, ANSWERS_ANOTHER, 0, 0, "" },
	{ "tcp another xid first", ROAD_TCP, ANSWERS_ANOTHER, 0, 0, "" },
	{ "local another xid first", ROAD_LOCAL, ANSWERS_ANOTHER, 0, 0, "" },
	{ "udp version", ROAD_UDP, KNOWS_NO_VERSION, 0, EPROTONOSUPPORT,
	    "server: does not serve DRAC version 1" },
	{ "local version", ROAD_LOCAL, KNOWS_NO_VERSION, 0, EPROTONOSUPPORT,
	    "server: does not serve DRAC version 3" },
	{ "udp nonsense", ROAD_UDP, TALKS_NONSENSE, 0, EBADMSG,
	    "server: its answer makes no sense" },
	{ "tcp nonsense", ROAD_TCP, TALKS_NONSENSE, 0, EBADMSG,
	    "server: its answer makes no sense" },
	{ "tcp hangs up", ROAD_TCP, HANGS_UP_AT_ONCE, 0, ECONNRESET,
	    "server: closed the connection" },
	{ "local hangs up", ROAD_LOCAL, HANGS_UP_AT_ONCE, 0, ECONNRESET,
	    "server: closed the connection" },
	{ "tcp half a record", ROAD_TCP, HANGS_UP_HALFWAY, 0, ECONNRESET,
	    "server: closed the connection" },
	{ "local half a record", ROAD_LOCAL, HANGS_UP_HALFWAY, 0, ECONNRESET,
	    "server: closed the connection" },
	{ "tcp octets", ROAD_TCP, SENDS_OCTETS, 0, 0, "" },
	{ "local octets", ROAD_LOCAL, SENDS_OCTETS, 0, 0, "" },
	{ "tcp fragments", ROAD_TCP, SENDS_FRAGMENTS, 0, 0, "" },
	{ "local fragments", ROAD_LOCAL, SENDS_FRAGMENTS, 0, 0, "" },
	{ "tcp empty fragments", ROAD_TCP, SENDS_EMPTY, 0, EBADMSG,
	    "server: its answer makes no sense" },
	{ "tcp too much", ROAD_TCP, SENDS_TOO_MUCH, 0, EBADMSG,
	    "server: its answer makes no sense" },
	{ "local too much", ROAD_LOCAL, SENDS_TOO_MUCH, 0, EBADMSG,
	    "server: its answer makes no sense" },
};

static void
check_row(const struct row *row)
{
	struct peer peer = { .road = row->road,
		.manner = row->manner,
		.path = path,
		.reply = { .answer = row->answer } };
	struct drac_addr whom = addr("192.0.2.7");
	unsigned timeout_ms = row->error == ETIMEDOUT ? SHORT_MS : PLENTY_MS;
	struct drac_ask ask;
	size_t done;

	if (row->answer != 0)
		drac_why_set(&peer.reply.why, "because");
	if (peer_start(&peer) == -1) {
		CHECK_ROW(peer_is_v6(&peer), row->name);
		test_skipped = "no ::1 here for the rows with IPv6";
		return;
	}
	ask = ask_of(&peer);
	errno = E2BIG;
	done = drac_client_add(&ask, 1, &whom, timeout_ms);
	CHECK_ROW(errno == E2BIG, row->name);
	peer_stop(&peer);
	CHECK_ROW(done == (row->error == 0), row->name);
	CHECK_ROW(ask.error == row->error, row->name);
	CHECK_ROW(begins(&ask.why, row->why), row->name);
	CHECK_ROW((ask.why.text[0] == '\0') == (row->error == 0), row->name);
	CHECK_ROW(ask.reply.answer ==
		      (row->error == 0 || row->answer != 0 ? row->answer : 0),
	    row->name);
	CHECK_ROW(peer.heard >= 1 && drac_addr_equal(&peer.call.addr, &whom),
	    row->name);
	CHECK_ROW(ask.took_ms < timeout_ms + SLACK_MS, row->name);
	if (row->error == ETIMEDOUT)
		CHECK_ROW(ask.took_ms >= SHORT_MS, row->name);
}

static void
one_server_of_each_kind(void)
{
	unsigned before = open_descriptors();

	for (size_t i = 0; i < COUNT(rows); i++)
		check_row(&rows[i]);
	CHECK(open_descriptors() == before);
}

static void
calls_are_sent_piece_by_piece(void)
{
	most = 3;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (rows[i].manner == ANSWERS && rows[i].road != ROAD_UDP &&
		    rows[i].road != ROAD_UDP6)
			check_row(&rows[i]);
	most = 0;
}

static void
add_chooses_the_version(void)
{
	static const struct {
		const char *name;
		enum road road;
		const char *address;
		uint32_t version;
	} versions[] = {
		{ "udp v4", ROAD_UDP, "192.0.2.100", DRAC_VERSION_V4 },
		{ "udp v6", ROAD_UDP, "2001:db8::b8", DRAC_VERSION_V6 },
		{ "tcp v6", ROAD_TCP, "2001:db8::b8", DRAC_VERSION_V6 },
		{ "udp mapped", ROAD_UDP, "::ffff:192.0.2.1", DRAC_VERSION_V4 },
		{ "local v4", ROAD_LOCAL, "192.0.2.100", DRAC_VERSION_LOCAL },
		{ "local v6", ROAD_LOCAL, "2001:db8::1", DRAC_VERSION_LOCAL },
	};

	for (size_t i = 0; i < COUNT(versions); i++) {
		struct peer peer = { .road = versions[i].road, .path = path };
		struct drac_addr whom = addr(versions[i].address);
		struct drac_ask ask;

		CHECK(peer_start(&peer) == 0);
		ask = ask_of(&peer);
		CHECK_ROW(drac_client_add(&ask, 1, &whom, PLENTY_MS) == 1,
		    versions[i].name);
		peer_stop(&peer);
		CHECK_ROW(peer.call.version == versions[i].version &&
			      peer.call.procedure == DRAC_PROC_ADD &&
			      drac_addr_equal(&peer.call.addr, &whom),
		    versions[i].name);
	}
}

static void
local_add_tells_what_it_did(void)
{
	struct peer peer = { .road = ROAD_LOCAL,
		.path = path,
		.reply = { .flag = true, .expiry = 5000, .previous = 4000 } };
	struct drac_addr whom = addr("192.0.2.7");
	struct drac_ask ask;

	CHECK(peer_start(&peer) == 0);
	ask = ask_of(&peer);
	CHECK(drac_client_add(&ask, 1, &whom, PLENTY_MS) == 1);
	peer_stop(&peer);
	CHECK(ask.reply.flag && ask.reply.expiry == 5000 &&
	      ask.reply.previous == 4000);
}

static void
lost_datagram_is_sent_again(void)
{
	struct peer peer = { .road = ROAD_UDP, .manner = OVERHEARS_ONE };
	struct drac_addr whom = addr("192.0.2.7");
	struct drac_ask ask;

	CHECK(peer_start(&peer) == 0);
	ask = ask_of(&peer);
	CHECK(drac_client_add(&ask, 1, &whom, PLENTY_MS) == 1);
	peer_stop(&peer);
	CHECK(peer.heard >= 2);
	CHECK(ask.took_ms >= 200);
}

/* At 0, 200, 600 and 1400 ms: no more than three within a second. */
static void
silent_one_is_not_flooded(void)
{
	struct peer peer = { .road = ROAD_UDP, .manner = IS_SILENT };
	struct drac_addr whom = addr("192.0.2.7");
	struct drac_ask ask;

	CHECK(peer_start(&peer) == 0);
	ask = ask_of(&peer);
	CHECK(drac_client_add(&ask, 1, &whom, 1000) == 0);
	peer_stop(&peer);
	CHECK(peer.heard >= 1 && peer.heard <= 3);
}

static void
nobody_listens(void)
{
	static const enum road roads[] = { ROAD_UDP, ROAD_TCP };
	struct drac_addr whom = addr("192.0.2.7");

	for (size_t i = 0; i < COUNT(roads); i++) {
		struct peer peer = { .road = roads[i] };
		struct drac_ask ask;

		CHECK(peer_open(&peer) == 0);
		ask = ask_of(&peer);
		peer_stop(&peer);
		CHECK(drac_client_add(&ask, 1, &whom, PLENTY_MS) == 0);
		CHECK(ask.error == ECONNREFUSED && ask.took_ms < PLENTY_MS);
		CHECK(begins(&ask.why, "server: Connection refused"));
	}
}

static void
local_socket_is_not_there(void)
{
	static const struct {
		const char *name;
		int error;
	} places[] = {
		{ "missing", ENOENT },
		{ "file/below", ENOTDIR },
		{ "dead", ECONNREFUSED },
		{ "a-name-that-has-many-more-characters-than-the-one-hundred-"
		  "and-seven-that-an-address-of-a-local-socket-has-room-for",
		    ENAMETOOLONG },
	};
	struct drac_addr whom = addr("192.0.2.7");
	struct peer dead = { .road = ROAD_LOCAL };
	char text[256];
	int fd;

	snprintf(text, sizeof(text), "%s/file", scratch);
	fd = open(text, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	CHECK(fd != -1);
	(void)close(fd);
	snprintf(text, sizeof(text), "%s/dead", scratch);
	dead.path = text;
	CHECK(peer_open(&dead) == 0);
	(void)close(dead.fd);
	for (size_t i = 0; i < COUNT(places); i++) {
		struct drac_ask ask = { .name = "local", .socket = text };
		struct drac_link *link = NULL;
		struct drac_why why = { "" };

		snprintf(text, sizeof(text), "%s/%s", scratch, places[i].name);
		CHECK(drac_client_add(&ask, 1, &whom, PLENTY_MS) == 0);
		CHECK_ROW(ask.error == places[i].error, places[i].name);
		CHECK_ROW(begins(&ask.why, "local: /tmp/drac-client."),
		    places[i].name);
		errno = 0;
		CHECK(drac_link_open(text, PLENTY_MS, &link, &why) == -1);
		CHECK_ROW(errno == places[i].error && link == NULL,
		    places[i].name);
		CHECK_ROW(begins(&why, "/tmp/drac-client."), places[i].name);
	}
}

/* Nobody accepts, and no more may wait: connect(2) says EAGAIN. */
static void
crowded_socket_is_tried_again(void)
{
	struct peer peer = { .road = ROAD_LOCAL, .path = path };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct drac_addr whom = addr("192.0.2.7");
	int crowd[PEER_CONNS * 2], more = 0;
	struct drac_ask ask;

	CHECK(peer_open(&peer) == 0 && listen(peer.fd, 0) == 0);
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	while (more < PEER_CONNS) {
		crowd[more] = socket(AF_UNIX,
		    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (connect(crowd[more++], (struct sockaddr *)&un,
			sizeof(un)) == -1)
			break;
	}
	CHECK(more > 1 && errno == EAGAIN);
	ask = ask_of(&peer);
	CHECK(drac_client_add(&ask, 1, &whom, SHORT_MS) == 0);
	CHECK(ask.error == ETIMEDOUT && ask.took_ms >= SHORT_MS);
	ask = ask_of(&peer);
	CHECK(peer_run_open(&peer) == 0);
	CHECK(drac_client_add(&ask, 1, &whom, PLENTY_MS) == 1);
	peer_stop(&peer);
	while (more > 0)
		(void)close(crowd[--more]);
}

/* Several servers at the same time. */

static void
sixteen_are_asked_at_once(void)
{
	struct peer peers[DRAC_ASKS_MAX] = { 0 };
	struct drac_ask asks[DRAC_ASKS_MAX + 1] = { 0 };
	struct drac_addr whom = addr("2001:db8::7");
	char paths[DRAC_ASKS_MAX][80];
	unsigned before = open_descriptors();

	for (unsigned i = 0; i < DRAC_ASKS_MAX; i++) {
		static const enum road roads[] = { ROAD_UDP, ROAD_TCP,
			ROAD_LOCAL };

		snprintf(paths[i], sizeof(paths[i]), "%s/%u", scratch, i);
		peers[i].road = roads[i % 3];
		peers[i].path = paths[i];
		CHECK(peer_start(&peers[i]) == 0);
		asks[i] = ask_of(&peers[i]);
	}
	asks[DRAC_ASKS_MAX] = asks[0];
	CHECK(drac_client_add(asks, DRAC_ASKS_MAX + 1, &whom, PLENTY_MS) ==
	      DRAC_ASKS_MAX);
	CHECK(asks[DRAC_ASKS_MAX].error == E2BIG);
	for (unsigned i = 0; i < DRAC_ASKS_MAX; i++) {
		peer_stop(&peers[i]);
		CHECK_ROW(asks[i].error == 0, asks[i].why.text);
		CHECK(peers[i].heard >= 1);
	}
	CHECK(drac_client_add(asks, 0, &whom, PLENTY_MS) == 0);
	CHECK(open_descriptors() == before);
}

/* One deadline for all of them, not one after another. */
static void
silent_ones_delay_nobody(void)
{
	static const enum road roads[] = { ROAD_UDP, ROAD_TCP, ROAD_LOCAL };
	const unsigned count = 8, timeout_ms = 2000;
	struct peer peers[8] = { 0 };
	struct drac_ask asks[8];
	struct drac_addr whom = addr("192.0.2.7");
	char paths[8][80];
	int64_t started;

	for (unsigned i = 0; i < count; i++) {
		snprintf(paths[i], sizeof(paths[i]), "%s/%u", scratch, i);
		peers[i].road = roads[i % 3];
		peers[i].path = paths[i];
		peers[i].manner = i < 5 ? IS_SILENT : ANSWERS;
		CHECK(peer_start(&peers[i]) == 0);
		asks[i] = ask_of(&peers[i]);
	}
	started = peer_clock_ms();
	CHECK(drac_client_add(asks, count, &whom, timeout_ms) == 3);
	CHECK(peer_clock_ms() - started >= timeout_ms);
	CHECK(peer_clock_ms() - started < 3 * timeout_ms);
	for (unsigned i = 0; i < count; i++) {
		peer_stop(&peers[i]);
		CHECK(asks[i].error == (i < 5 ? ETIMEDOUT : 0));
		CHECK((asks[i].took_ms < timeout_ms) == (i >= 5));
	}
}

/* Descriptors. */

static void
no_descriptor_to_be_had(void)
{
	struct drac_addr whom = addr("192.0.2.7");
	struct peer peer = { .road = ROAD_UDP };
	struct rlimit old, none;
	struct drac_ask asks[2];

	CHECK(peer_start(&peer) == 0);
	asks[0] = asks[1] = ask_of(&peer);
	CHECK(getrlimit(RLIMIT_NOFILE, &old) == 0);
	none = old;
	none.rlim_cur = 3;
	CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
	CHECK(drac_client_add(asks, 2, &whom, PLENTY_MS) == 0);
	CHECK(setrlimit(RLIMIT_NOFILE, &old) == 0);
	CHECK(asks[0].error == EMFILE && asks[1].error == EMFILE);
	CHECK(begins(&asks[0].why, "server: Too many open files"));
	peer_stop(&peer);
}

/* In a child, whose 0 to 2 are closed: they must stay so. */
static int
stdio_stays_closed(struct drac_ask *ask)
{
	struct drac_conn *conn = NULL;
	struct stat st;

	(void)close(0);
	(void)close(1);
	(void)close(2);
	if (drac_conn_open(ask, false, PLENTY_MS, &conn) == -1)
		return 1;
	for (int fd = 0; fd <= 2; fd++)
		if (fstat(fd, &st) == 0)
			return 2;
	if (fstat(3, &st) == -1 || !S_ISSOCK(st.st_mode) ||
	    (fcntl(3, F_GETFD) & FD_CLOEXEC) == 0)
		return 3;
	drac_conn_close(conn);
	return fstat(3, &st) == 0 ? 4 : 0;
}

static int
wait_for(pid_t child)
{
	int status;

	if (child == -1 || waitpid(child, &status, 0) != child ||
	    !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

static void
descriptors_are_above_stderr(void)
{
	struct peer peer = { .road = ROAD_TCP };
	struct drac_ask ask;
	pid_t child;

	CHECK(peer_start(&peer) == 0);
	ask = ask_of(&peer);
	fflush(stdout);
	child = fork();
	if (child == 0) {
		for (int fd = 3; fd < 64; fd++)
			(void)close(fd);
		_exit(stdio_stays_closed(&ask));
	}
	CHECK(wait_for(child) == 0);
	peer_stop(&peer);
	CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
}

/* One server, several addresses. */

static void
connection_is_kept(void)
{
	static const enum road roads[] = { ROAD_UDP, ROAD_TCP, ROAD_LOCAL };
	struct drac_addr v4 = addr("192.0.2.7"), v6 = addr("2001:db8::7");
	unsigned before = open_descriptors();

	for (size_t i = 0; i < COUNT(roads); i++) {
		struct peer peer = { .road = roads[i], .path = path };
		struct drac_conn *conn = NULL;
		struct drac_ask ask;
		unsigned short from;

		CHECK(peer_start(&peer) == 0);
		ask = ask_of(&peer);
		errno = E2BIG;
		CHECK(drac_conn_open(&ask, false, PLENTY_MS, &conn) == 0);
		CHECK(peer.heard == 0);
		CHECK(drac_conn_add(conn, &v4, PLENTY_MS) == 0);
		from = peer.from;
		CHECK(drac_conn_add(conn, &v6, PLENTY_MS) == 0);
		CHECK(errno == E2BIG);
		CHECK(peer.heard >= 2 && peer.from == from);
		CHECK(drac_addr_equal(&peer.call.addr, &v6));
		drac_conn_close(conn);
		peer_stop(&peer);
	}
	drac_conn_close(NULL);
	CHECK(open_descriptors() == before);
}

static void
connection_is_made_anew(void)
{
	static const enum road roads[] = { ROAD_TCP, ROAD_LOCAL };
	struct drac_addr whom = addr("192.0.2.7");

	for (size_t i = 0; i < COUNT(roads); i++) {
		struct peer peer = { .road = roads[i],
			.manner = HANGS_UP_POLITELY,
			.path = path };
		struct drac_conn *conn = NULL;
		struct drac_ask ask;

		CHECK(peer_start(&peer) == 0);
		ask = ask_of(&peer);
		CHECK(drac_conn_open(&ask, false, PLENTY_MS, &conn) == 0);
		CHECK(drac_conn_add(conn, &whom, PLENTY_MS) == 0);
		/* That it left has arrived when the peer is gone. */
		peer_stop(&peer);
		CHECK(peer_start(&peer) == 0);
		CHECK(drac_conn_add(conn, &whom, PLENTY_MS) == 0);
		peer_stop(&peer);
		CHECK(drac_conn_add(conn, &whom, PLENTY_MS) == -1);
		CHECK(errno == ask.error && ask.why.text[0] != '\0');
		CHECK(peer_start(&peer) == 0);
		CHECK(drac_conn_add(conn, &whom, PLENTY_MS) == 0);
		CHECK(ask.why.text[0] == '\0');
		drac_conn_close(conn);
		peer_stop(&peer);
	}
}

static void
refusal_does_not_end_a_connection(void)
{
	struct peer peer = { .road = ROAD_LOCAL,
		.path = path,
		.reply = { .answer = DRAC_ANSWER_PERM } };
	struct drac_addr whom = addr("192.0.2.7");
	struct drac_conn *conn = NULL;
	struct drac_ask ask;

	CHECK(peer_start(&peer) == 0);
	ask = ask_of(&peer);
	CHECK(drac_conn_open(&ask, false, PLENTY_MS, &conn) == 0);
	CHECK(drac_conn_add(conn, &whom, PLENTY_MS) == -1 && errno == EPERM);
	peer.reply.answer = DRAC_ANSWER_SUCCESS;
	CHECK(drac_conn_add(conn, &whom, PLENTY_MS) == 0);
	CHECK(ask.error == 0 && ask.reply.answer == 0);
	drac_conn_close(conn);
	peer_stop(&peer);
}

static void
child_has_a_connection_of_its_own(void)
{
	struct peer peer = { .road = ROAD_UDP };
	struct drac_addr whom = addr("192.0.2.7");
	struct drac_conn *conn = NULL;
	unsigned short parents;
	struct drac_ask ask;
	pid_t child;

	CHECK(peer_start(&peer) == 0);
	ask = ask_of(&peer);
	CHECK(drac_conn_open(&ask, false, PLENTY_MS, &conn) == 0);
	CHECK(drac_conn_add(conn, &whom, PLENTY_MS) == 0);
	parents = peer.from;
	fflush(stdout);
	child = fork();
	if (child == 0)
		_exit(drac_conn_add(conn, &whom, PLENTY_MS) == 0 ? 0 : 1);
	CHECK(wait_for(child) == 0);
	CHECK(peer.from != parents);
	CHECK(drac_conn_add(conn, &whom, PLENTY_MS) == 0);
	CHECK(peer.heard >= 3 && peer.from == parents);
	drac_conn_close(conn);
	peer_stop(&peer);
}

/* Calls of version 3. */

static void
link_calls_one_after_another(void)
{
	static struct drac_listed theirs[DRAC_LIST_MAX], ours[DRAC_LIST_MAX];
	struct peer peer = { .road = ROAD_LOCAL, .path = path };
	struct drac_call call = { .version = DRAC_VERSION_LOCAL,
		.procedure = DRAC_PROC_LIST,
		.count = DRAC_LIST_MAX };
	struct drac_reply reply = { .listed = ours };
	struct drac_why why = { "" };
	struct drac_link *link = NULL;
	uint32_t xid;

	for (unsigned i = 0; i < DRAC_LIST_MAX; i++) {
		theirs[i].addr = addr("2001:db8::7");
		theirs[i].expiry = 1000 + i;
	}
	peer.reply.listed = theirs;
	peer.reply.count = DRAC_LIST_MAX;
	CHECK(peer_start(&peer) == 0);
	errno = E2BIG;
	CHECK(drac_link_open(path, PLENTY_MS, &link, &why) == 0);
	CHECK(drac_link_call(link, &call, &reply, PLENTY_MS, &why) == 0);
	CHECK(reply.count == DRAC_LIST_MAX && ours[999].expiry == 1999);
	xid = call.xid;
	reply.count = 0;
	CHECK(drac_link_call(link, &call, &reply, PLENTY_MS, &why) == 0);
	CHECK(reply.count == DRAC_LIST_MAX && call.xid != xid);
	peer.reply.answer = DRAC_ANSWER_PERM;
	CHECK(drac_link_call(link, &call, &reply, PLENTY_MS, &why) == 0);
	CHECK(reply.answer == DRAC_ANSWER_PERM && why.text[0] == '\0');
	CHECK(errno == E2BIG);
	drac_link_close(link);
	drac_link_close(NULL);
	peer_stop(&peer);
	CHECK(peer.heard == 3);
}

static void
link_is_of_no_use_after_an_error(void)
{
	static const struct {
		const char *name;
		enum manner manner;
		int error;
	} cases[] = {
		{ "silent", IS_SILENT, ETIMEDOUT },
		{ "hangs up", HANGS_UP_AT_ONCE, ECONNRESET },
		{ "half", HANGS_UP_HALFWAY, ECONNRESET },
		{ "nonsense", TALKS_NONSENSE, EBADMSG },
		{ "too much", SENDS_TOO_MUCH, EBADMSG },
		{ "version", KNOWS_NO_VERSION, EPROTONOSUPPORT },
	};
	unsigned before = open_descriptors();

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct peer peer = { .road = ROAD_LOCAL,
			.path = path,
			.manner = cases[i].manner };
		struct drac_call call = { .version = DRAC_VERSION_LOCAL,
			.procedure = DRAC_PROC_CLEAR };
		struct drac_reply reply = { 0 };
		struct drac_why why = { "" };
		struct drac_link *link = NULL;

		CHECK(peer_start(&peer) == 0);
		CHECK(drac_link_open(path, PLENTY_MS, &link, &why) == 0);
		CHECK_ROW(drac_link_call(link, &call, &reply,
			      cases[i].error == ETIMEDOUT ? SHORT_MS
							  : PLENTY_MS,
			      &why) == -1 &&
			      errno == cases[i].error,
		    cases[i].name);
		CHECK_ROW(begins(&why, path), cases[i].name);
		CHECK_ROW(drac_link_call(link, &call, &reply, PLENTY_MS,
			      &why) == -1 &&
			      errno == ENOTCONN,
		    cases[i].name);
		drac_link_close(link);
		peer_stop(&peer);
	}
	CHECK(open_descriptors() == before);
}

/*
 * Several ways to one server: two addresses, two transports. What stands at
 * each of them, and who is asked in which order.
 */

enum stand {
	NOBODY, /* refuses the connection, or the datagram */
	SAYS_YES,
	SAYS_NO,
	SAYS_SORRY, /* could not record it */
	SAYS_NOTHING
};

struct stands {
	enum stand udp, tcp, udp2, tcp2;
};

static const struct ways_row {
	const char *name;
	uid_t uid;
	enum drac_transport transport;
	struct stands at;
	int error;
	const char *heard; /* in the order of struct stands: 1 called, 0 not */
} ways_rows[] = {
	{ "root: UDP", 0, DRAC_TRANSPORT_ANY,
	    { SAYS_YES, SAYS_YES, SAYS_YES, SAYS_YES }, 0, "1000" },
	{ "user: TCP", 8, DRAC_TRANSPORT_ANY,
	    { SAYS_YES, SAYS_YES, SAYS_YES, SAYS_YES }, 0, "0100" },
	{ "root: next address after a refusal", 0, DRAC_TRANSPORT_ANY,
	    { SAYS_NO, SAYS_YES, SAYS_YES, SAYS_YES }, 0, "1010" },
	{ "user: next address after a refusal", 8, DRAC_TRANSPORT_ANY,
	    { SAYS_YES, SAYS_NO, SAYS_YES, SAYS_YES }, 0, "0101" },
	{ "root: nobody by UDP", 0, DRAC_TRANSPORT_ANY,
	    { NOBODY, SAYS_YES, NOBODY, SAYS_YES }, 0, "0100" },
	{ "user: nobody by TCP", 8, DRAC_TRANSPORT_ANY,
	    { SAYS_YES, NOBODY, SAYS_YES, NOBODY }, 0, "1000" },
	{ "user: silent by TCP", 8, DRAC_TRANSPORT_ANY,
	    { SAYS_YES, SAYS_NOTHING, SAYS_YES, SAYS_NOTHING }, 0, "1101" },
	{ "root: silent at the first address", 0, DRAC_TRANSPORT_ANY,
	    { SAYS_NOTHING, SAYS_YES, SAYS_YES, SAYS_YES }, 0, "1010" },
	{ "root: refused everywhere", 0, DRAC_TRANSPORT_ANY,
	    { SAYS_NO, SAYS_NO, SAYS_NO, SAYS_NO }, EPERM, "1111" },
	{ "user: refused everywhere", 8, DRAC_TRANSPORT_ANY,
	    { SAYS_NO, SAYS_NO, SAYS_NO, SAYS_NO }, EPERM, "1111" },
	{ "user: refused, then nobody", 8, DRAC_TRANSPORT_ANY,
	    { NOBODY, SAYS_NO, NOBODY, NOBODY }, EPERM, "0100" },
	{ "user: nobody at all", 8, DRAC_TRANSPORT_ANY,
	    { NOBODY, NOBODY, NOBODY, NOBODY }, ECONNREFUSED, "0000" },
	{ "user: it could not, which nobody else can mend", 8,
	    DRAC_TRANSPORT_ANY, { SAYS_YES, SAYS_SORRY, SAYS_YES, SAYS_YES },
	    EIO, "0100" },
	{ "user: refused, then it could not", 8, DRAC_TRANSPORT_ANY,
	    { SAYS_YES, SAYS_NO, SAYS_YES, SAYS_SORRY }, EIO, "0101" },
	{ "TCP alone", 0, DRAC_TRANSPORT_TCP,
	    { SAYS_YES, NOBODY, SAYS_YES, SAYS_NO }, EPERM, "0001" },
	{ "UDP alone", 8, DRAC_TRANSPORT_UDP,
	    { SAYS_NO, SAYS_YES, NOBODY, SAYS_YES }, EPERM, "1000" },
};

/* Four peers that share one port, at 127.0.0.1 and 127.0.0.2. */
static void
start_stands(struct peer peers[4], const struct stands *at)
{
	const enum stand is[] = { at->udp, at->tcp, at->udp2, at->tcp2 };

	for (unsigned tries = 0; tries < 50; tries++) {
		unsigned short port =
		    (unsigned short)(20000 + tries * 7 +
				     (unsigned)getpid() % 9999);
		unsigned good = 0;

		for (unsigned i = 0; i < 4; i++) {
			peers[i] = (struct peer){
				.road = i % 2 == 0 ? ROAD_UDP : ROAD_TCP,
				.manner =
				    is[i] == SAYS_NOTHING ? IS_SILENT : ANSWERS,
				.reply.answer = is[i] == SAYS_NO      ? 1
						: is[i] == SAYS_SORRY ? 2
								      : 0,
				.host = i < 2 ? "127.0.0.1" : "127.0.0.2",
				.port = port,
				.fd = -1,
			};
			memset(peers[i].conns, -1, sizeof(peers[i].conns));
			good += is[i] == NOBODY || peer_start(&peers[i]) == 0;
		}
		if (good == 4)
			return;
		for (unsigned i = 0; i < 4; i++)
			peer_stop(&peers[i]);
	}
	CHECK(!"four free ports");
}

static void
check_ways_row(const struct ways_row *row, bool kept)
{
	const bool silent = strstr(row->name, "silent") != NULL;
	struct drac_addr whom = addr("192.0.2.7");
	struct peer peers[4];
	struct drac_conn *conn = NULL;
	struct drac_ask ask = { .name = "server", .host_count = 2 };
	char heard[5] = "0000";
	int error;

	start_stands(peers, &row->at);
	ask.hosts[0] = addr("127.0.0.1");
	ask.hosts[1] = addr("127.0.0.2");
	ask.port = peers[0].port;
	ask.transport = row->transport;
	played = row->uid;
	if (!kept)
		(void)drac_client_add(&ask, 1, &whom,
		    silent ? 1200 : PLENTY_MS);
	else if (drac_conn_open(&ask, false, PLENTY_MS, &conn) == 0)
		(void)drac_conn_add(conn, &whom, silent ? 1200 : PLENTY_MS);
	error = ask.error;
	drac_conn_close(conn);
	played = SELF;
	for (unsigned i = 0; i < 4; i++) {
		peer_stop(&peers[i]);
		if (peers[i].heard > 0)
			heard[i] = '1';
	}
	CHECK_ROW(error == row->error, row->name);
	CHECK_ROW((ask.why.text[0] == '\0') == (row->error == 0), row->name);
	/* Slow machines may not have let the silent ones hear in time. */
	if (!silent)
		CHECK_ROW(strcmp(heard, row->heard) == 0, row->name);
}

static void
ways_are_tried_in_order(void)
{
	unsigned before = open_descriptors();

	for (size_t i = 0; i < COUNT(ways_rows); i++)
		check_ways_row(&ways_rows[i], false);
	for (size_t i = 0; i < COUNT(ways_rows); i++)
		check_ways_row(&ways_rows[i], true);
	CHECK(open_descriptors() == before);
}

/* All of them together take no longer than one. */
static void
silent_ways_share_the_time(void)
{
	static const uid_t uids[] = { 0, 8 };
	struct drac_addr whom = addr("192.0.2.7");

	for (size_t i = 0; i < COUNT(uids); i++) {
		struct drac_ask ask = { .name = "server", .host_count = 2 };
		struct peer peers[4];

		start_stands(peers,
		    &(struct stands){ SAYS_NOTHING, SAYS_NOTHING, SAYS_NOTHING,
			SAYS_NOTHING });
		ask.hosts[0] = addr("127.0.0.1");
		ask.hosts[1] = addr("127.0.0.2");
		ask.port = peers[0].port;
		played = uids[i];
		CHECK(drac_client_add(&ask, 1, &whom, 400) == 0);
		played = SELF;
		CHECK(ask.error == ETIMEDOUT && ask.took_ms >= 400);
		CHECK(ask.took_ms < 400 + SLACK_MS);
		CHECK(begins(&ask.why, "server: no answer within 400 ms"));
		for (unsigned j = 0; j < 4; j++)
			peer_stop(&peers[j]);
	}
}

static void
server_without_an_address_is_an_error(void)
{
	struct drac_ask ask = { .name = "server", .port = 904 };
	struct drac_addr whom = addr("192.0.2.7");

	CHECK(drac_client_add(&ask, 1, &whom, PLENTY_MS) == 0);
	CHECK(ask.error == EADDRNOTAVAIL && begins(&ask.why, "server: "));
}

/* Names. */

static void
hosts_are_found(void)
{
	static const char text[] = "# 192.0.2.1 commented\n"
				   "192.0.2.2\tone.example.org one # three\n"
				   "  2001:db8::3  two.example.org\tOne\r\n"
				   "192.0.2.4\n"
				   "fe80::1%eth0 zone\n"
				   "192.0.2.5 zone\n"
				   "192.0.2.300 bad\n"
				   "::ffff:192.0.2.6 mapped\n"
				   "\n"
				   "192.0.2.7 last";
	static const struct {
		const char *name, *address; /* NULL: not found */
		const char *second;
	} names[] = {
		{ "one", "192.0.2.2", "2001:db8::3" },
		{ "ONE.example.org", "192.0.2.2", NULL },
		{ "two.example.org", "2001:db8::3", NULL },
		{ "zone", "192.0.2.5", NULL },
		{ "mapped", "192.0.2.6", NULL },
		{ "last", "192.0.2.7", NULL },
		{ "commented", NULL, NULL },
		{ "three", NULL, NULL },
		{ "192.0.2.2", NULL, NULL },
		{ "192.0.2.4", NULL, NULL },
		{ "bad", NULL, NULL },
		{ "on", NULL, NULL },
		{ "", NULL, NULL },
	};
	char file[80];
	FILE *out;

	snprintf(file, sizeof(file), "%s/hosts", scratch);
	out = fopen(file, "we");
	CHECK(out != NULL && fputs(text, out) >= 0 && fclose(out) == 0);
	for (size_t i = 0; i < COUNT(names); i++) {
		struct drac_addr found[DRAC_HOSTS_MAX] = { 0 };
		struct drac_addr wanted[2] = { 0 };
		int count = 0;

		if (names[i].address != NULL)
			wanted[count++] = addr(names[i].address);
		if (names[i].second != NULL)
			wanted[count++] = addr(names[i].second);
		errno = E2BIG;
		CHECK_ROW(drac_client_hosts(file, names[i].name, found) ==
			      count,
		    names[i].name);
		CHECK_ROW(errno == E2BIG, names[i].name);
		for (int j = 0; j < 2; j++)
			CHECK_ROW(drac_addr_equal(&found[j], &wanted[j]),
			    names[i].name);
	}
	CHECK(drac_client_hosts("/nonexistent/hosts", "one",
		  (struct drac_addr[DRAC_HOSTS_MAX]){ 0 }) == -1 &&
	      errno == ENOENT);
}

/* A file is read up to the last address that there is room for. */
static void
many_hosts_are_cut(void)
{
	struct drac_addr found[DRAC_HOSTS_MAX] = { 0 }, last;
	char file[80];
	FILE *out;

	snprintf(file, sizeof(file), "%s/hosts", scratch);
	out = fopen(file, "we");
	CHECK(out != NULL);
	for (unsigned i = 1; i <= DRAC_HOSTS_MAX + 2; i++)
		fprintf(out, "192.0.2.%u many\n", i);
	CHECK(fclose(out) == 0);
	last = addr("192.0.2.8");
	CHECK(drac_client_hosts(file, "many", found) == DRAC_HOSTS_MAX);
	CHECK(drac_addr_equal(&found[DRAC_HOSTS_MAX - 1], &last));
}

/* In a network of our own. */

static void
reserved_ports_are_used(void)
{
	static const enum road roads[] = { ROAD_UDP, ROAD_TCP, ROAD_UDP6,
		ROAD_TCP6 };
	struct drac_addr whom = addr("192.0.2.7");

	for (size_t i = 0; i < COUNT(roads) * 8; i++) {
		struct peer peer = { .road = roads[i % COUNT(roads)] };
		struct drac_ask ask;

		if (peer_start(&peer) == -1)
			continue;
		ask = ask_of(&peer);
		CHECK_ROW(drac_client_add(&ask, 1, &whom, PLENTY_MS) == 1,
		    ask.why.text);
		peer_stop(&peer);
		CHECK(peer.from >= 600 && peer.from <= 1023);
		CHECK(peer.from != 993 && peer.from != 995);
	}
}

/* As if all of them were taken by others. */
static void
without_a_reserved_port_it_goes_on(void)
{
	struct peer peer = { .road = ROAD_UDP };
	struct drac_addr whom = addr("192.0.2.7");
	struct drac_ask ask;
	struct rlimit limit = { 1024, 1024 };
	int taken[424];

	(void)setrlimit(RLIMIT_NOFILE, &limit);
	for (int i = 0; i < 424; i++) {
		struct sockaddr_in in = { .sin_family = AF_INET,
			.sin_port = htons((uint16_t)(600 + i)) };

		taken[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		CHECK(bind(taken[i], (struct sockaddr *)&in, sizeof(in)) == 0);
	}
	CHECK(peer_start(&peer) == 0);
	ask = ask_of(&peer);
	CHECK(drac_client_add(&ask, 1, &whom, PLENTY_MS) == 1);
	CHECK(peer.from > 1023);
	(void)close(taken[777 - 600]);
	ask = ask_of(&peer);
	CHECK(drac_client_add(&ask, 1, &whom, PLENTY_MS) == 1);
	CHECK(peer.from == 777);
	peer_stop(&peer);
	for (int i = 0; i < 424; i++)
		if (i != 777 - 600)
			(void)close(taken[i]);
}

/* 2000 from one port after another: no port waits for a minute. */
static void
tcp_does_not_use_up_the_ports(void)
{
	struct peer peer = { .road = ROAD_TCP };
	struct drac_addr whom = addr("192.0.2.7");
	struct drac_ask ask;

	CHECK(peer_start(&peer) == 0);
	for (unsigned i = 0; i < 2000; i++) {
		ask = ask_of(&peer);
		if (drac_client_add(&ask, 1, &whom, PLENTY_MS) != 1 ||
		    peer.from > 1023) {
			CHECK_ROW(false, ask.why.text);
			break;
		}
	}
	peer_stop(&peer);
}

/* A universal address: the octets of an XDR string. */
#define UADDR_5000 "\0\0\0\x0a::1.19.136\0\0"
#define UADDR_NONE "\0\0\0\0"

static const struct port_row {
	const char *name;
	enum road road; /* of the server */
	bool udp, tcp;  /* where its rpcbind is */
	enum manner manner;
	const char *told;
	size_t told_size;
	int error;
	const char *why;
} port_rows[] = {
	{ "udp", ROAD_UDP, true, false, ANSWERS, "\0\0\x13\x88", 4, 0, "" },
	{ "tcp", ROAD_TCP, true, false, ANSWERS, "\0\0\x13\x88", 4, 0, "" },
	{ "tcp by tcp", ROAD_TCP, false, true, ANSWERS, "\0\0\x13\x88", 4, 0,
	    "" },
	{ "udp not by tcp", ROAD_UDP, false, true, ANSWERS, "\0\0\x13\x88", 4,
	    ECONNREFUSED, "server: its rpcbind: Connection refused" },
	{ "udp6", ROAD_UDP6, true, false, ANSWERS, UADDR_5000, 16, 0, "" },
	{ "tcp6", ROAD_TCP6, false, true, ANSWERS, UADDR_5000, 16, 0, "" },
	{ "tcp6 not by udp", ROAD_TCP6, true, false, ANSWERS, UADDR_5000, 16,
	    ECONNREFUSED, "server: its rpcbind: Connection refused" },
	{ "lost", ROAD_UDP, true, false, OVERHEARS_ONE, "\0\0\x13\x88", 4, 0,
	    "" },
	{ "another", ROAD_UDP, true, false, ANSWERS_ANOTHER, "\0\0\x13\x88", 4,
	    0, "" },
	{ "octets", ROAD_TCP, false, true, SENDS_OCTETS, "\0\0\x13\x88", 4, 0,
	    "" },
	{ "not registered", ROAD_UDP, true, false, ANSWERS, "\0\0\0\0", 4,
	    ENXIO, "server: not registered with its rpcbind" },
	{ "udp6 not registered", ROAD_UDP6, true, false, ANSWERS, UADDR_NONE, 4,
	    ENXIO, "server: not registered with its rpcbind" },
	{ "port too large", ROAD_UDP, true, false, ANSWERS, "\0\1\0\0", 4,
	    EBADMSG, "server: its rpcbind: " },
	{ "cut", ROAD_UDP, true, false, ANSWERS, "\0\0", 2, EBADMSG,
	    "server: its rpcbind: " },
	{ "version", ROAD_UDP, true, false, KNOWS_NO_VERSION, "", 0,
	    EPROTONOSUPPORT, "server: its rpcbind does not know our question" },
	{ "silent", ROAD_UDP, true, false, IS_SILENT, "", 0, ETIMEDOUT,
	    "server: its rpcbind does not answer" },
	{ "tcp silent", ROAD_TCP, false, true, IS_SILENT, "", 0, ETIMEDOUT,
	    "server: its rpcbind does not answer" },
	{ "no rpcbind", ROAD_UDP, false, false, ANSWERS, "", 0, ECONNREFUSED,
	    "server: its rpcbind: Connection refused" },
	{ "no rpcbind tcp", ROAD_TCP, false, false, ANSWERS, "", 0,
	    ECONNREFUSED, "server: its rpcbind: Connection refused" },
};

static void
check_port_row(const struct port_row *row)
{
	struct peer server = { .road = row->road, .port = 5000 };
	struct peer binders[2];
	struct drac_addr whom = addr("192.0.2.7");
	unsigned timeout_ms = row->error == ETIMEDOUT ? SHORT_MS : PLENTY_MS;
	struct drac_ask ask;
	bool v6 = peer_is_v6(&server);

	for (unsigned i = 0; i < 2; i++) {
		binders[i] = (struct peer){ .manner = row->manner,
			.port = 111,
			.fd = -1,
			.rpcbind = true,
			.told = row->told,
			.told_size = row->told_size };
		memset(binders[i].conns, -1, sizeof(binders[i].conns));
	}
	binders[0].road = v6 ? ROAD_UDP6 : ROAD_UDP;
	binders[1].road = v6 ? ROAD_TCP6 : ROAD_TCP;
	CHECK_ROW(peer_start(&server) == 0, row->name);
	CHECK_ROW(!row->udp || peer_start(&binders[0]) == 0, row->name);
	CHECK_ROW(!row->tcp || peer_start(&binders[1]) == 0, row->name);
	ask = ask_of(&server);
	ask.port = 0;
	CHECK_ROW(drac_client_add(&ask, 1, &whom, timeout_ms) ==
		      (row->error == 0),
	    row->name);
	peer_stop(&server);
	peer_stop(&binders[0]);
	peer_stop(&binders[1]);
	CHECK_ROW(ask.error == row->error, row->name);
	CHECK_ROW(begins(&ask.why, row->why), row->name);
	CHECK_ROW((server.heard > 0) == (row->error == 0), row->name);
}

static void
rpcbind_is_asked_for_the_port(void)
{
	unsigned before = open_descriptors();

	for (size_t i = 0; i < COUNT(port_rows); i++)
		check_port_row(&port_rows[i]);
	CHECK(open_descriptors() == before);
}

static void
kept_connection_asks_rpcbind_once(void)
{
	struct peer server = { .road = ROAD_UDP, .port = 5000 };
	struct peer binder = { .road = ROAD_UDP,
		.port = 111,
		.rpcbind = true,
		.told = "\0\0\x13\x88",
		.told_size = 4 };
	struct drac_addr whom = addr("192.0.2.7");
	struct drac_conn *conn = NULL;
	struct drac_ask ask;

	CHECK(peer_start(&server) == 0 && peer_start(&binder) == 0);
	ask = ask_of(&server);
	ask.port = 0;
	CHECK(drac_conn_open(&ask, false, PLENTY_MS, &conn) == 0);
	peer_stop(&binder);
	for (unsigned i = 0; conn != NULL && i < 3; i++)
		CHECK(drac_conn_add(conn, &whom, PLENTY_MS) == 0);
	CHECK(server.heard >= 3);
	drac_conn_close(conn);
	peer_stop(&server);
}

static void
network_in_child(void)
{
	if (!enter_network()) {
		test_skipped = "no network namespace";
		return;
	}
	RUN(reserved_ports_are_used);
	RUN(without_a_reserved_port_it_goes_on);
	RUN(tcp_does_not_use_up_the_ports);
	RUN(rpcbind_is_asked_for_the_port);
	RUN(kept_connection_asks_rpcbind_once);
}

static void
in_a_network_of_our_own(void)
{
	in_child(network_in_child);
}

/* For nftw(3). */
static int
remove_one(const char *name, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(name);
}

int
main(void)
{
	if (mkdtemp(scratch) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/socket", scratch);
	RUN(in_a_network_of_our_own);
	RUN(one_server_of_each_kind);
	RUN(calls_are_sent_piece_by_piece);
	RUN(add_chooses_the_version);
	RUN(local_add_tells_what_it_did);
	RUN(lost_datagram_is_sent_again);
	RUN(silent_one_is_not_flooded);
	RUN(nobody_listens);
	RUN(local_socket_is_not_there);
	RUN(crowded_socket_is_tried_again);
	RUN(sixteen_are_asked_at_once);
	RUN(silent_ones_delay_nobody);
	RUN(no_descriptor_to_be_had);
	RUN(descriptors_are_above_stderr);
	RUN(connection_is_kept);
	RUN(connection_is_made_anew);
	RUN(refusal_does_not_end_a_connection);
	RUN(child_has_a_connection_of_its_own);
	RUN(link_calls_one_after_another);
	RUN(link_is_of_no_use_after_an_error);
	RUN(ways_are_tried_in_order);
	RUN(silent_ways_share_the_time);
	RUN(server_without_an_address_is_an_error);
	RUN(hosts_are_found);
	RUN(many_hosts_are_cut);
	(void)nftw(scratch, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return TEST_RESULT();
}
