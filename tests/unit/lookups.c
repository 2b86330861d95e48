/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The lookup service with its thread and real sockets: what an
 * acknowledgement changes, trouble, slow, greedy and many clients. Waits
 * end when what is waited for happens, or count as a failure.
 */

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "lookup_parts.h"
#include "sys.h"
#include "test.h"
#include "work.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define PATIENCE_MS  10000
#define LIFETIME     1800

#define ASK   "17:drac 198.51.100.7,"
#define OTHER "17:drac 198.51.100.8,"
#define NONE  "9:NOTFOUND ,"

static char base[64];
static char dir[80];
static char path[128];
static struct drac_state state;
static struct drac_why why;

/* The log is of no interest here. */
void
drac_say(int level, const char *format, ...)
{
	(void)level;
	(void)format;
}

bool
drac_say_is_due(enum drac_refusal cause)
{
	(void)cause;
	return true;
}

void
drac_say_limited(enum drac_refusal cause, const char *format, ...)
{
	(void)cause;
	(void)format;
}

/* The service, by itself and with a map */

static void
set(struct drac_conf *conf, const char *key, const char *value)
{
	char argument[256];

	snprintf(argument, sizeof argument, "%s=%s", key, value);
	CHECK_ROW(drac_conf_argument(conf, argument, &why) == 0, why.text);
}

static void
configure_at(const char *lookup)
{
	char database[160];

	memset(&state, 0, sizeof state);
	memset(&drac_stats, 0, sizeof drac_stats);
	CHECK(drac_conf_init(&state.conf) == 0);
	snprintf(database, sizeof database, "%s/dracd.db", dir);
	set(&state.conf, "database", database);
	set(&state.conf, "lookup", lookup);
	set(&state.conf, "allow_file", "");
	set(&state.conf, "sync", "no");
	free(state.conf.user);
	state.conf.user = NULL;
}

static void
configure(void)
{
	configure_at(path);
}

static int
open_service(void)
{
	const struct drac_lookup_fds none = { .count = 0 };

	return drac_lookups_open(&state.conf, &none, &state.lookups, &why);
}

static void
start(void)
{
	configure();
	CHECK_ROW(open_service() == 0, why.text);
	drac_lookups_learn(state.lookups, drac_lookups_table());
	CHECK_ROW(drac_lookups_start(state.lookups, &why) == 0, why.text);
}

static void
stop(void)
{
	drac_lookups_close(state.lookups);
	state.lookups = NULL;
	drac_conf_free(&state.conf);
}

static struct drac_addr
addr(const char *text)
{
	struct drac_addr found = { 0 };

	CHECK_ROW(drac_addr_parse(text, &found) == 0, text);
	return found;
}

static void
tell(const char *text, time_t expiry)
{
	struct drac_addr a = addr(text);

	CHECK(drac_lookups_tell(state.lookups, &a, expiry) == 0);
}

/* Clients */

static int
call(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(sun.sun_path, path);
	CHECK(connect(fd, (struct sockaddr *)&sun, sizeof sun) == 0);
	return fd;
}

/* As many octets as come until the end, or until that many are there. */
static size_t
take(int fd, char *text, size_t most)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	size_t len = 0;
	ssize_t n = 1;

	while (len < most && n > 0 && poll(&pfd, 1, PATIENCE_MS) == 1 &&
	       (n = read(fd, text + len, most - len)) > 0)
		len += (size_t)n;
	return len;
}

static bool
hears(int fd, const char *reply)
{
	char text[256] = "";
	size_t len = strlen(reply);

	if (take(fd, text, len) == len && memcmp(text, reply, len) == 0)
		return true;
	printf("  instead of %s: %s\n", reply, text);
	return false;
}

static bool
is_closed(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	char octet;

	return poll(&pfd, 1, PATIENCE_MS) == 1 && read(fd, &octet, 1) <= 0;
}

static void
say(int fd, const char *text)
{
	size_t len = strlen(text);

	CHECK(send(fd, text, len, MSG_NOSIGNAL) == (ssize_t)len);
}

/* On a connection of its own. */
static bool
answers(const char *request, const char *reply)
{
	int fd = call();
	bool good;

	say(fd, request);
	good = hears(fd, reply);
	close(fd);
	return good;
}

static const char *
found(time_t expiry)
{
	static char text[64];

	snprintf(text, sizeof text, "13:OK %jd,", (intmax_t)expiry);
	return text;
}

/* With the map */

static const struct drac_caller root = { .road = DRAC_ROAD_LOCAL };

static struct drac_job
ask_daemon(uint32_t procedure, const char *text, time_t expiry)
{
	struct drac_job job = { .caller = root, .local = true };

	job.call.version = DRAC_VERSION_LOCAL;
	job.call.procedure = procedure;
	if (text != NULL)
		job.call.addr = addr(text);
	job.call.expiry = expiry;
	drac_work_do(&state, &job, 1, time(NULL));
	CHECK_ROW(job.answer == DRAC_ANSWER_SUCCESS, job.reply.why.text);
	return job;
}

static void
no_report(const char *text, void *arg)
{
	(void)arg;
	CHECK_ROW(!"a good configuration", text);
}

static void
empty_dir(void)
{
	DIR *d = opendir(dir);
	struct dirent *entry;

	while (d != NULL && (entry = readdir(d)) != NULL)
		if (entry->d_name[0] != '.')
			(void)unlinkat(dirfd(d), entry->d_name, 0);
	(void)closedir(d);
}

static const char *prefixes[2] = { "32", "128" };
static const char *excluded = "";

static void
start_with_map(void)
{
	configure();
	set(&state.conf, "prefix4", prefixes[0]);
	set(&state.conf, "prefix6", prefixes[1]);
	set(&state.conf, "exclude", excluded);
	CHECK_ROW(open_service() == 0, why.text);
	CHECK(drac_gate_open(&state.conf, no_report, NULL, &state.gate) == 0);
	CHECK_ROW(drac_work_open(&state, &why) == 0, why.text);
	CHECK_ROW(drac_lookups_start(state.lookups, &why) == 0, why.text);
}

static void
stop_with_map(void)
{
	drac_lookups_close(state.lookups);
	state.lookups = NULL;
	drac_work_close(&state);
	drac_gate_close(state.gate);
	drac_conf_free(&state.conf);
}

static void
acknowledged_is_seen_by_the_next_lookup(void)
{
	struct drac_job job;
	time_t expiry, later = time(NULL) + 10000;

	empty_dir();
	start_with_map();
	CHECK(answers(ASK, NONE));
	job = ask_daemon(DRAC_PROC_ADD, "198.51.100.7", 0);
	expiry = job.reply.expiry;
	CHECK(answers(ASK, found(expiry)));
	(void)ask_daemon(DRAC_PROC_SET, "198.51.100.7", later);
	CHECK(answers(ASK, found(later)));
	(void)ask_daemon(DRAC_PROC_ADD, "198.51.100.7", 0);
	CHECK(answers(ASK, found(later)));
	(void)ask_daemon(DRAC_PROC_DROP, "198.51.100.7", 0);
	CHECK(answers(ASK, NONE));
	(void)ask_daemon(DRAC_PROC_ADD, "198.51.100.7", 0);
	(void)ask_daemon(DRAC_PROC_ADD, "198.51.100.8", 0);
	(void)ask_daemon(DRAC_PROC_CLEAR, NULL, 0);
	CHECK(answers(ASK, NONE));
	CHECK(answers(OTHER, NONE));
	stop_with_map();
}

static void
taken_back_is_not_found(void)
{
	time_t before = time(NULL) + 100;
	struct drac_job job;

	empty_dir();
	start_with_map();
	(void)ask_daemon(DRAC_PROC_SET, "198.51.100.7", before);
	job = ask_daemon(DRAC_PROC_ADD, "198.51.100.7", 0);
	CHECK(job.reply.previous == before);
	job.call.procedure = DRAC_PROC_TAKE_BACK;
	job.call.expiry = job.reply.expiry;
	job.call.previous = before;
	drac_work_do(&state, &job, 1, time(NULL));
	CHECK(job.reply.flag && answers(ASK, found(before)));
	(void)ask_daemon(DRAC_PROC_DROP, "198.51.100.7", 0);
	job = ask_daemon(DRAC_PROC_ADD, "198.51.100.7", 0);
	job.call.procedure = DRAC_PROC_TAKE_BACK;
	job.call.expiry = job.reply.expiry;
	drac_work_do(&state, &job, 1, time(NULL));
	CHECK(job.reply.flag && answers(ASK, NONE));
	stop_with_map();
}

static void
expired_is_not_found_though_the_map_has_it(void)
{
	struct drac_job job;

	empty_dir();
	start_with_map();
	(void)ask_daemon(DRAC_PROC_SET, "198.51.100.7", time(NULL));
	CHECK(answers(ASK, NONE));
	job = (struct drac_job){ .caller = root, .local = true };
	job.call.version = DRAC_VERSION_LOCAL;
	job.call.procedure = DRAC_PROC_GET;
	job.call.addr = addr("198.51.100.7");
	drac_work_do(&state, &job, 1, 1);
	CHECK(job.reply.flag && drac_table_count(state.lookups->table) == 1);
	(void)drac_work_idle(&state, time(NULL), drac_sys_ms());
	CHECK(drac_stats.expired == 1);
	CHECK(drac_table_count(state.lookups->table) == 0);
	CHECK(answers(ASK, NONE));
	stop_with_map();
}

/* What the file holds at the start is known, and known again. */
static void
map_is_learnt(void)
{
	time_t expiry = time(NULL) + 1000;

	empty_dir();
	start_with_map();
	(void)ask_daemon(DRAC_PROC_SET, "198.51.100.7", expiry);
	(void)ask_daemon(DRAC_PROC_SET, "2001:db8::7", expiry);
	stop_with_map();
	start_with_map();
	CHECK(answers(ASK, found(expiry)));
	CHECK(answers("16:drac 2001:db8::7,", found(expiry)));
	drac_lookups_learn(state.lookups, NULL);
	CHECK(answers(ASK, "31:TEMP rpc.dracd is out of memory,"));
	CHECK(drac_stats.lookup_temp == 1);
	state.work->learn = true;
	(void)drac_work_idle(&state, time(NULL), drac_sys_ms() + 20000);
	CHECK(answers(ASK, found(expiry)));
	stop_with_map();
}

/* Networks: 192.0.2.0/24, and one of IPv6 that no key in the map can name. */

static time_t
open_until(const char *text, time_t now)
{
	struct drac_addr a = addr(text);

	return drac_lookups_get(state.lookups, &a, now);
}

static void
start_with_prefixes(const char *bits4, const char *bits6, const char *exclude)
{
	prefixes[0] = bits4;
	prefixes[1] = bits6;
	excluded = exclude;
	start_with_map();
	prefixes[0] = "32";
	prefixes[1] = "128";
	excluded = "";
}

static void
login_opens_its_net(void)
{
	time_t now = time(NULL), expiry;

	empty_dir();
	start_with_prefixes("24", "56", "");
	expiry = ask_daemon(DRAC_PROC_ADD, "198.51.100.7", 0).reply.expiry;
	(void)ask_daemon(DRAC_PROC_ADD, "2001:db8:0:1::7", 0);
	CHECK(answers(ASK, found(expiry)));
	CHECK(answers(OTHER, found(expiry)));
	CHECK(answers("17:drac 198.51.101.7,", NONE));
	CHECK(open_until("2001:db8:0:ff::9", now) >= expiry);
	CHECK(open_until("2001:db8:0:100::7", now) == 0);
	CHECK(ask_daemon(DRAC_PROC_GET, "2001:db8:0:ff::9", 0).reply.expiry >=
	      expiry);
	CHECK(!ask_daemon(DRAC_PROC_GET, "2001:db8:0:100::7", 0).reply.flag);
	stop_with_map();
	start_with_prefixes("24", "56", "");
	CHECK(answers(OTHER, found(expiry)));
	CHECK(open_until("2001:db8:0:ff::9", now) >= expiry);
	stop_with_map();
	start_with_prefixes("32", "128", "");
	CHECK(answers(ASK, found(expiry)));
	CHECK(answers(OTHER, NONE));
	CHECK(open_until("2001:db8:0:1::7", now) >= expiry);
	CHECK(open_until("2001:db8:0:ff::9", now) == 0);
	stop_with_map();
}

static void
net_is_open_until_its_last_address_expires(void)
{
	time_t now = time(NULL);

	empty_dir();
	start_with_prefixes("24", "64", "");
	(void)ask_daemon(DRAC_PROC_ADD, "198.51.100.7", 0);
	drac_work_idle(&state, now, drac_sys_ms());
	state.conf.lifetime_s = LIFETIME / 2;
	(void)ask_daemon(DRAC_PROC_ADD, "198.51.100.8", 0);
	CHECK(open_until("198.51.100.9", now) >= now + LIFETIME);
	CHECK(drac_table_count(state.lookups->table) == 1);
	(void)drac_work_idle(&state, now + LIFETIME - 60, drac_sys_ms());
	CHECK(drac_stats.expired == 1);
	CHECK(open_until("198.51.100.9", now) >= now + LIFETIME);
	(void)drac_work_idle(&state, now + LIFETIME + 60, drac_sys_ms());
	CHECK(drac_stats.expired == 2);
	CHECK(drac_table_count(state.lookups->table) == 0);
	stop_with_map();
}

static void
dropped_address_closes_its_net(void)
{
	empty_dir();
	start_with_prefixes("24", "64", "");
	(void)ask_daemon(DRAC_PROC_ADD, "198.51.100.8", 0);
	(void)ask_daemon(DRAC_PROC_ADD, "198.51.100.7", 0);
	(void)ask_daemon(DRAC_PROC_DROP, "198.51.100.7", 0);
	CHECK(answers(ASK, NONE));
	CHECK(answers("17:drac 198.51.100.9,", NONE));
	stop_with_map();
}

/* A proxy in the network: each address counts for itself. */
static void
excluded_is_not_opened_by_its_net(void)
{
	time_t now = time(NULL), expiry;

	empty_dir();
	start_with_prefixes("24", "64", "198.51.100.25");
	expiry = ask_daemon(DRAC_PROC_ADD, "198.51.100.7", 0).reply.expiry;
	CHECK(open_until("198.51.100.7", now) == expiry);
	CHECK(open_until("198.51.100.25", now) == 0);
	CHECK(open_until("198.51.100.8", now) == 0);
	/* And when that changes. */
	drac_nets_free(&state.conf.exclude);
	CHECK(drac_lookups_cover(state.lookups, &state.conf) == 0);
	drac_work_learn(&state);
	(void)drac_work_idle(&state, now, drac_sys_ms() + 20000);
	CHECK(open_until("198.51.100.25", now) == expiry);
	stop_with_map();
}

static void
dead_heart_is_temporary(void)
{
	time_t expiry = time(NULL) + 1000;
	struct timespec boot;
	int64_t boot_ms;

	start();
	tell("198.51.100.7", expiry);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	boot_ms = (int64_t)boot.tv_sec * 1000 + boot.tv_nsec / 1000000;
	drac_lookups_beat(state.lookups, boot_ms - DRAC_LOOKUP_HEART_MS - 1);
	CHECK(answers(ASK, "29:TEMP rpc.dracd does not go on,"));
	CHECK(answers(OTHER, "29:TEMP rpc.dracd does not go on,"));
	CHECK(answers("12:drac unknown,", NONE));
	CHECK(answers("get 198.51.100.7\n", "TEMP rpc.dracd does not go on\n"));
	CHECK(answers("request=smtpd_access_policy\n"
		      "client_address=198.51.100.7\n\n",
	    "action=451 4.3.0 relay authorisation database unavailable\n\n"));
	drac_lookups_beat(state.lookups, boot_ms);
	CHECK(answers(ASK, found(expiry)));
	CHECK(drac_stats.lookup_temp == 4 && drac_stats.lookup_found == 1 &&
	      drac_stats.lookup_notfound == 1 && drac_stats.lookups == 6);
	stop();
}

static void
octet_by_octet_in_all_protocols(void)
{
	time_t expiry = time(NULL) + 1000;
	char line[64];
	const struct {
		const char *request;
		const char *reply;
	} rows[] = {
		{ ASK, found(expiry) },
		{ "get 198.51.100.7\r\n", line },
		{ "request=smtpd_access_policy\n"
		  "client_address=198.51.100.7\n\n",
		    "action=OK\n\n" },
		{ OTHER, NONE },
	};
	int fd;

	snprintf(line, sizeof line, "OK %jd\n", (intmax_t)expiry);
	start();
	tell("198.51.100.7", expiry);
	fd = call();
	for (size_t i = 0; i < COUNT(rows); i++) {
		for (const char *at = rows[i].request; *at != '\0'; at++)
			CHECK(send(fd, at, 1, MSG_NOSIGNAL) == 1);
		CHECK_ROW(hears(fd, rows[i].reply), rows[i].request);
	}
	close(fd);
	stop();
}

static void
half_closed_peer_is_answered_and_left(void)
{
	time_t expiry = time(NULL) + 1000;
	int fd;

	start();
	tell("198.51.100.7", expiry);
	fd = call();
	say(fd, ASK OTHER "17:drac 198");
	CHECK(shutdown(fd, SHUT_WR) == 0);
	CHECK(hears(fd, found(expiry)));
	CHECK(hears(fd, NONE));
	CHECK(is_closed(fd));
	close(fd);
	stop();
}

static void
nonsense_is_told_and_left(void)
{
	static const struct {
		const char *request;
		const char *reply;
	} rows[] = {
		{ OTHER "07:x",
		    NONE "43:PERM not a netstring of at most 1000 octets," },
		{ "hello\n" OTHER, "PERM not get and an address\n" },
		{ "request=other\n", "" },
	};
	int bystander;

	start();
	bystander = call();
	say(bystander, OTHER);
	CHECK(hears(bystander, NONE));
	for (size_t i = 0; i < COUNT(rows); i++) {
		int fd = call();

		say(fd, rows[i].request);
		CHECK_ROW(hears(fd, rows[i].reply), rows[i].request);
		CHECK_ROW(is_closed(fd), rows[i].request);
		close(fd);
	}
	say(bystander, OTHER);
	CHECK(hears(bystander, NONE));
	close(bystander);
	CHECK(drac_stats.lookup_malformed == COUNT(rows));
	stop();
}

/* Until the kernel takes no more: whole requests. */
static size_t
send_all_that_goes(int fd)
{
	size_t len = strlen(OTHER), count = 0;
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };

	while (poll(&pfd, 1, 200) == 1) {
		ssize_t n = send(fd, OTHER, len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n == -1 && errno == EAGAIN)
			continue;
		if (n != (ssize_t)len)
			break;
		count++;
	}
	return count;
}

static void
who_does_not_read_is_not_read_from(void)
{
	size_t asked, heard = 0;
	int fd;

	start();
	fd = call();
	asked = send_all_that_goes(fd);
	CHECK(asked > 100);
	CHECK(answers(OTHER, NONE));
	CHECK(drac_stats.lookups < asked);
	while (heard < asked && hears(fd, NONE))
		heard++;
	CHECK(heard == asked);
	close(fd);
	stop();
}

static void
raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static void
next_ms(void)
{
	int64_t now_ms = drac_sys_ms();

	while (drac_sys_ms() == now_ms)
		continue;
}

static void
one_too_many_ends_the_longest_idle(void)
{
	static int fds[DRAC_LOOKUPS_MAX];

	raise_limit();
	start();
	for (size_t i = 0; i < COUNT(fds); i++) {
		fds[i] = call();
		say(fds[i], OTHER);
		CHECK(hears(fds[i], NONE));
		if (i < 3)
			next_ms();
	}
	CHECK(drac_stats.lookup_open == DRAC_LOOKUPS_MAX);
	next_ms();
	say(fds[0], OTHER);
	CHECK(hears(fds[0], NONE));
	CHECK(answers(OTHER, NONE)); /* and makes room again */
	CHECK(is_closed(fds[1]));
	close(fds[1]);
	fds[1] = call();
	say(fds[1], OTHER);
	CHECK(hears(fds[1], NONE));
	for (size_t i = 0; i < COUNT(fds); i += 31) {
		say(fds[i], OTHER);
		CHECK(hears(fds[i], NONE));
	}
	CHECK(drac_stats.lookup_evicted == 1 || drac_stats.lookup_evicted == 2);
	for (size_t i = 0; i < COUNT(fds); i++)
		close(fds[i]);
	stop();
}

/* Nobody is accepted without a descriptor, and all are with one. */
static void
without_descriptors_it_waits(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct pollfd pfd = { .events = POLLIN };
	struct rlimit limit, before;
	int other;

	start();
	other = call();
	say(other, OTHER);
	CHECK(hears(other, NONE));
	pfd.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
	limit = before;
	limit.rlim_cur = (rlim_t)pfd.fd + 1;
	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	strcpy(sun.sun_path, path);
	CHECK(connect(pfd.fd, (struct sockaddr *)&sun, sizeof sun) == 0);
	say(pfd.fd, OTHER);
	CHECK(poll(&pfd, 1, 100) == 0);
	say(other, OTHER);
	CHECK(hears(other, NONE));
	CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
	CHECK(hears(pfd.fd, NONE));
	close(pfd.fd);
	close(other);
	stop();
}

/* A process that asks and reads as fast as it can. */
static pid_t
flood(void)
{
	pid_t pid = fork();
	char many[4096], replies[4096];
	int fd;

	if (pid != 0)
		return pid;
	(void)signal(SIGPIPE, SIG_DFL);
	for (size_t i = 0; i < COUNT(many); i++)
		many[i] = OTHER[i % (sizeof OTHER - 1)];
	fd = call();
	for (size_t at = 0;;) {
		ssize_t n = send(fd, many + at, sizeof many - at, 0);

		if (n <= 0)
			_exit(1);
		at = (at + (size_t)n) % (sizeof OTHER - 1);
		while (recv(fd, replies, sizeof replies, MSG_DONTWAIT) > 0)
			continue;
	}
}

static void
floods_delay_nobody_for_long(void)
{
	pid_t pids[4];
	int fd;

	start();
	fd = call();
	for (size_t i = 0; i < COUNT(pids); i++)
		pids[i] = flood();
	while (drac_stats.lookups < 10000)
		(void)poll(NULL, 0, 1);
	for (unsigned i = 0; i < 200; i++) {
		say(fd, OTHER);
		CHECK(hears(fd, NONE));
	}
	for (size_t i = 0; i < COUNT(pids); i++) {
		CHECK(kill(pids[i], SIGKILL) == 0);
		CHECK(waitpid(pids[i], NULL, 0) == pids[i]);
	}
	close(fd);
	stop();
}

/* Changes from this thread while another asks: never a wrong word. */
static void
changes_and_lookups_at_once(void)
{
	time_t expiry = time(NULL) + 1000;
	struct drac_addr a = addr("203.0.113.1");
	int fd;

	start();
	tell("198.51.100.7", expiry);
	fd = call();
	for (unsigned i = 0; i < 400; i++) {
		for (unsigned j = 0; j < 25; j++)
			say(fd, j % 2 == 0 ? ASK : OTHER);
		for (unsigned j = 0; j < 100; j++) {
			a.octet[1] = (unsigned char)j;
			a.octet[2] = (unsigned char)i;
			CHECK(drac_lookups_tell(state.lookups, &a,
				  i % 3 == 0 ? 0 : expiry) == 0);
		}
		if (i % 100 == 50) {
			struct drac_table *table = drac_lookups_table();
			struct drac_addr seven = addr("198.51.100.7");

			CHECK(drac_table_set(table, &seven, expiry) == 0);
			drac_lookups_learn(state.lookups, table);
		}
		for (unsigned j = 0; j < 25; j++)
			CHECK(hears(fd, j % 2 == 0 ? found(expiry) : NONE));
	}
	close(fd);
	stop();
}

/* Without the thread, and with a clock of our own */

struct pair {
	struct drac_lookup_conn *conn;
	int peer;
};

static struct pair
pair_up(void)
{
	struct pair made = { .conn = calloc(1, sizeof *made.conn) };
	int fds[2];

	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
		  fds) == 0);
	made.conn->fd = fds[0];
	made.conn->asked_ms = 1000;
	made.peer = fds[1];
	state.lookups->conns.at[0] = made.conn;
	state.lookups->conns.count = 1;
	drac_stats.lookup_open = 1;
	return made;
}

static int
serve(const struct pair *pair, int64_t now_ms)
{
	return drac_lookup_conn_serve(pair->conn, state.lookups, now_ms);
}

static bool
is_dropped(int64_t now_ms)
{
	drac_lookup_conns_drop_idle(state.lookups, now_ms);
	return state.lookups->conns.at[0] == NULL;
}

static void
open_without_thread(void)
{
	configure();
	CHECK(open_service() == 0);
	drac_lookups_learn(state.lookups, drac_lookups_table());
	drac_lookups_beat(state.lookups, INT64_MAX / 2);
}

static void
silent_connection_goes_after_five_minutes(void)
{
	struct pair pair;

	open_without_thread();
	pair = pair_up();
	CHECK(serve(&pair, 2000) == 0);
	CHECK(!is_dropped(1000 + DRAC_LOOKUP_IDLE_MS - 1));
	say(pair.peer, OTHER);
	CHECK(serve(&pair, 5000) == 0);
	CHECK(!is_dropped(5000 + DRAC_LOOKUP_IDLE_MS - 1));
	CHECK(is_dropped(5000 + DRAC_LOOKUP_IDLE_MS));
	CHECK(drac_stats.lookup_evicted == 1);
	close(pair.peer);
	stop();
}

static void
unfinished_request_goes_after_ten_seconds(void)
{
	struct pair pair;

	open_without_thread();
	pair = pair_up();
	say(pair.peer, OTHER "1");
	CHECK(serve(&pair, 3000) == 0);
	say(pair.peer, "7");
	CHECK(serve(&pair, 12000) == 0);
	CHECK(!is_dropped(3000 + DRAC_LOOKUP_UNDONE_MS - 1));
	CHECK(is_dropped(3000 + DRAC_LOOKUP_UNDONE_MS));
	close(pair.peer);
	stop();
}

static void
finished_request_starts_the_time_again(void)
{
	struct pair pair;

	open_without_thread();
	pair = pair_up();
	say(pair.peer, OTHER "1");
	CHECK(serve(&pair, 3000) == 0);
	say(pair.peer, "7:drac 198.51.100.8,1");
	CHECK(serve(&pair, 12000) == 0);
	CHECK(!is_dropped(12000 + DRAC_LOOKUP_UNDONE_MS - 1));
	CHECK(is_dropped(12000 + DRAC_LOOKUP_UNDONE_MS));
	close(pair.peer);
	stop();
}

static void
untaken_replies_go_after_ten_seconds(void)
{
	struct pair pair;
	int64_t now_ms = 3000;

	open_without_thread();
	pair = pair_up();
	for (unsigned i = 0; i < 100000 && pair.conn->out_len == 0; i++) {
		(void)send(pair.peer, OTHER, strlen(OTHER), MSG_NOSIGNAL);
		CHECK(serve(&pair, now_ms) != -1);
	}
	CHECK(pair.conn->out_len > 0 && pair.conn->in_len == 0);
	say(pair.peer, OTHER);
	CHECK(serve(&pair, now_ms + 5000) == 1);
	CHECK(pair.conn->in_len == 0);
	CHECK(!is_dropped(now_ms + DRAC_LOOKUP_UNDONE_MS - 1));
	CHECK(is_dropped(now_ms + DRAC_LOOKUP_UNDONE_MS));
	close(pair.peer);
	stop();
}

/* Many requests in one packet: a share of them each turn, and no more. */
static void
turn_has_a_share_for_each(void)
{
	struct pair pair;
	uint64_t before;
	size_t turns = 0;

	open_without_thread();
	pair = pair_up();
	for (unsigned i = 0; i < 180; i++)
		say(pair.peer, OTHER);
	do {
		before = drac_stats.lookups;
		CHECK(serve(&pair, 2000) == (before < 100));
		CHECK(drac_stats.lookups - before <=
		      DRAC_LOOKUP_SHARE / strlen(NONE));
		turns++;
	} while (drac_stats.lookups < 180 && turns < 10);
	CHECK(turns == 3);
	for (unsigned i = 0; i < 180; i++)
		CHECK(hears(pair.peer, NONE));
	close(pair.peer);
	CHECK(serve(&pair, 2000) == -1);
	stop();
}

/* Sockets */

static void
socket_is_open_to_every_user_whatever_the_mode_of_the_map(void)
{
	const char *const modes[] = { "0644", "0604", "0640", "0600" };
	struct stat st;

	for (size_t i = 0; i < COUNT(modes); i++) {
		configure();
		set(&state.conf, "mode", modes[i]);
		CHECK_ROW(open_service() == 0, why.text);
		CHECK_ROW(lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) &&
			      (st.st_mode & 07777) == 0666,
		    modes[i]);
		stop();
		CHECK(lstat(path, &st) == -1 && errno == ENOENT);
	}
}

static void
named_socket_must_open_the_default_need_not(void)
{
	char nowhere[160];

	snprintf(nowhere, sizeof nowhere, "%s/nowhere/sock", dir);
	configure_at(nowhere);
	CHECK(open_service() == -1 && errno == ENOENT);
	CHECK_ROW(strncmp(why.text, "lookup: /", 9) == 0, why.text);
	CHECK(state.lookups == NULL);
	state.conf.given = 0;
	CHECK(open_service() == 0 && state.lookups == NULL);
	CHECK_ROW(strncmp(why.text, "lookup: /", 9) == 0, why.text);
	stop();
}

static void
without_a_socket_there_is_no_service(void)
{
	struct drac_addr a = addr("192.0.2.7");

	configure_at("");
	CHECK(open_service() == 0 && state.lookups == NULL);
	CHECK(why.text[0] == '\0');
	CHECK(drac_lookups_tell(NULL, &a, 7) == 0);
	drac_lookups_beat(NULL, 7);
	drac_lookups_learn(NULL, NULL);
	stop();
}

static void
socket_that_answers_is_not_replaced(void)
{
	struct drac_lookups *first;

	configure();
	CHECK(open_service() == 0);
	first = state.lookups;
	CHECK(open_service() == -1 && errno == EADDRINUSE);
	CHECK_ROW(strstr(why.text, "another daemon answers there") != NULL,
	    why.text);
	drac_lookups_close(first);
	CHECK(open_service() == 0);
	stop();
}

static int
listen_at(const char *where)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	strcpy(sun.sun_path, where);
	CHECK(bind(fd, (struct sockaddr *)&sun, sizeof sun) == 0);
	CHECK(listen(fd, 4) == 0);
	return fd;
}

/* It is not bound again, and its file stays when we end. */
static void
handed_over_is_served_and_stays(void)
{
	struct drac_lookup_fds handed = { .count = 1 };
	struct stat st;

	configure();
	handed.fd[0] = listen_at(path);
	CHECK_ROW(drac_lookups_open(&state.conf, &handed, &state.lookups,
		      &why) == 0,
	    why.text);
	CHECK(state.lookups->socket_count == 1);
	drac_lookups_learn(state.lookups, drac_lookups_table());
	CHECK(drac_lookups_start(state.lookups, &why) == 0);
	CHECK(answers(OTHER, NONE));
	stop();
	CHECK(lstat(path, &st) == 0 && unlink(path) == 0);
	CHECK(fcntl(handed.fd[0], F_GETFD) == -1 && errno == EBADF);
}

/* One that was free a moment ago. */
static unsigned short
free_port(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof sin;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(bind(fd, (struct sockaddr *)&sin, sizeof sin) == 0);
	CHECK(getsockname(fd, (struct sockaddr *)&sin, &len) == 0);
	close(fd);
	return ntohs(sin.sin_port);
}

static void
loopback_address_is_served(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	unsigned short port = free_port();
	char where[32];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(where, sizeof where, "127.0.0.1:%u", port);
	configure_at(where);
	CHECK_ROW(open_service() == 0, why.text);
	drac_lookups_learn(state.lookups, drac_lookups_table());
	CHECK(drac_lookups_start(state.lookups, &why) == 0);
	sin.sin_port = htons(port);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(connect(fd, (struct sockaddr *)&sin, sizeof sin) == 0);
	say(fd, OTHER OTHER);
	CHECK(hears(fd, NONE) && hears(fd, NONE));
	close(fd);
	stop();
}

static void
taken_port_is_a_sentence(void)
{
	struct drac_lookups *first;

	configure_at("127.0.0.1:1");
	state.conf.lookup[0].here.port = free_port();
	CHECK_ROW(open_service() == 0, why.text);
	first = state.lookups;
	CHECK(open_service() == -1 && errno == EADDRINUSE);
	CHECK_ROW(strncmp(why.text, "lookup: 127.0.0.1 port ", 23) == 0,
	    why.text);
	drac_lookups_close(first);
	stop();
}

int
main(void)
{
	strcpy(base, "/tmp/drac-lookups-XXXXXX");
	if (mkdtemp(base) == NULL)
		return 1;
	snprintf(dir, sizeof dir, "%s/lib", base);
	snprintf(path, sizeof path, "%s/sock", base);
	if (mkdir(dir, 0755) == -1)
		return 1;
	RUN(acknowledged_is_seen_by_the_next_lookup);
	RUN(taken_back_is_not_found);
	RUN(expired_is_not_found_though_the_map_has_it);
	RUN(map_is_learnt);
	RUN(login_opens_its_net);
	RUN(net_is_open_until_its_last_address_expires);
	RUN(dropped_address_closes_its_net);
	RUN(excluded_is_not_opened_by_its_net);
	RUN(dead_heart_is_temporary);
	RUN(octet_by_octet_in_all_protocols);
	RUN(half_closed_peer_is_answered_and_left);
	RUN(nonsense_is_told_and_left);
	RUN(who_does_not_read_is_not_read_from);
	RUN(one_too_many_ends_the_longest_idle);
	RUN(without_descriptors_it_waits);
	RUN(floods_delay_nobody_for_long);
	RUN(changes_and_lookups_at_once);
	RUN(silent_connection_goes_after_five_minutes);
	RUN(unfinished_request_goes_after_ten_seconds);
	RUN(finished_request_starts_the_time_again);
	RUN(untaken_replies_go_after_ten_seconds);
	RUN(turn_has_a_share_for_each);
	RUN(socket_is_open_to_every_user_whatever_the_mode_of_the_map);
	RUN(named_socket_must_open_the_default_need_not);
	RUN(without_a_socket_there_is_no_service);
	RUN(socket_that_answers_is_not_replaced);
	RUN(handed_over_is_served_and_stays);
	RUN(loopback_address_is_served);
	RUN(taken_port_is_a_sentence);
	empty_dir();
	(void)rmdir(dir);
	(void)rmdir(base);
	return TEST_RESULT();
}
