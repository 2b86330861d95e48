/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The module and the real rpc.dracd: a login that was refused while the
 * daemon stood still is never recorded, and whose login it is counts for
 * every program that reports one.
 */

#include <sys/mount.h>
#include <sys/prctl.h>

#include <pwd.h>

#include "../unit/namespace.h"
#include "client.h"
#include "login.h"
#include "sys.h"
#include "wire.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

#define WAIT_MS 20000
#define PORT    "9043"

static char build_path[PATH_MAX], daemon_conf[64], socket_path[64];
static char log_path[64];
static pid_t daemon_pid;

/* The daemon */

static void
sleep_ms(long ms)
{
	struct timespec pause = { .tv_sec = ms / 1000,
		.tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&pause, NULL);
}

/* One call to the daemon; false: there was no answer. */
static bool
ask(struct drac_call *call, struct drac_reply *reply)
{
	struct drac_link *link = NULL;
	struct drac_why why = { "" };
	bool answered;

	call->version = DRAC_VERSION_LOCAL;
	if (drac_link_open(socket_path, 1000, &link, &why) == -1)
		return false;
	answered = drac_link_call(link, call, reply, WAIT_MS, &why) == 0;
	drac_link_close(link);
	return answered;
}

static bool
in_map(const char *text)
{
	struct drac_call call = { .procedure = DRAC_PROC_GET,
		.addr = address(text) };
	struct drac_reply reply = { 0 };

	CHECK_ROW(ask(&call, &reply), text);
	return reply.flag;
}

static void
forget_address(const char *text)
{
	struct drac_call call = { .procedure = DRAC_PROC_DROP,
		.addr = address(text) };
	struct drac_reply reply = { 0 };

	CHECK_ROW(ask(&call, &reply), text);
}

static void
run_daemon(void)
{
	char program[PATH_MAX + 16];

	snprintf(program, sizeof(program), "%s/rpc.dracd", build_path);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (freopen(log_path, "a", stderr) == NULL)
		_exit(1);
	execl(program, "rpc.dracd", "-f", "-c", daemon_conf, (char *)NULL);
	_exit(1);
}

/* With these lines in its configuration, until it answers. */
static void
start_daemon(const char *more)
{
	struct drac_call call = { .procedure = DRAC_PROC_NULL };
	struct drac_reply reply = { 0 };
	const struct passwd *me = getpwuid(geteuid());

	write_file("daemon.conf",
	    "database = %s\nsync = no\nsocket = %s\nuser = %s\nlookup =\n"
	    "allow_gateway = yes\nallow_file =\n%s\n",
	    map_path, socket_path, me != NULL ? me->pw_name : "root", more);
	fflush(stdout);
	daemon_pid = fork();
	if (daemon_pid == 0)
		run_daemon();
	for (int i = 0; i < WAIT_MS / 10 && !ask(&call, &reply); i++)
		sleep_ms(10);
	CHECK_ROW(ask(&call, &reply), more);
}

static void
stop_daemon(void)
{
	kill(daemon_pid, SIGTERM);
	waitpid(daemon_pid, NULL, 0);
}

static bool
in_log(const char *text)
{
	char line[1024];
	bool found = false;
	FILE *file = fopen(log_path, "re");

	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		found = found || strstr(line, text) != NULL;
	if (file != NULL)
		fclose(file);
	return found;
}

/* Refused while the daemon stood still */

#define LATE "192.0.2.7"

static void
stand_still(void)
{
	int status;

	kill(daemon_pid, SIGSTOP);
	waitpid(daemon_pid, &status, WUNTRACED);
}

/* The right password of an account that is expired, by the line before ours. */
static const struct refused {
	const char *name, *lines, *conf;
	int status;
} refused[] = {
	{ "optional",
	    "auth required %S\naccount required %S\naccount optional %M\n", "",
	    PAM_ACCT_EXPIRED },
	{ "ours first",
	    "auth required %S\naccount optional %M\naccount required %S\n", "",
	    PAM_ACCT_EXPIRED },
	{ "strict",
	    "auth required %S\naccount required %S\naccount required %M\n",
	    "strict\n", PAM_SYSTEM_ERR },
};

/* What is remembered of a daemon that stood still. */
static void
forget_breaker(void)
{
	(void)unlink("/run/pam_drac/local");
}

static void
check_refused(const struct refused *row)
{
	struct stack stack = { row->lines, "",
		row->status == PAM_ACCT_EXPIRED ? "account=acct_expired" : "" };
	char conf[256];
	int status;

	snprintf(conf, sizeof(conf),
	    "server = local\nsocket = %s\ntimeout = 300ms\nrenew = 0\n%s",
	    socket_path, row->conf);
	write_conf(conf);
	write_stack(&stack);
	forget_log();
	stand_still();
	status = log_in(LATE, "AC");
	CHECK_ROW(status == row->status, row->name);
	CHECK_ROW(logged(LOG_WARNING, "no answer within") == 1, row->name);
	CHECK_ROW(logged(LOG_INFO, "asked to take back " LATE) == 1, row->name);
	kill(daemon_pid, SIGCONT);
	forget_breaker();
	/* What waited in its sockets comes before this question. */
	CHECK_ROW(!in_map(LATE), row->name);
	sleep_ms(50);
	CHECK_ROW(!in_map(LATE), row->name);
}

static void
refused_login_is_not_recorded_later(void)
{
	start_daemon("");
	for (size_t i = 0; i < COUNT(refused); i++)
		check_refused(&refused[i]);
	CHECK(in_log("not recorded " LATE " for alice (dovecot) by "));
	CHECK(in_log("past its deadline"));
	stop_daemon();
}

/* Reports of our own making */

static struct drac_reply
report(const char *text, uint64_t id, int64_t left_ms, const char *user)
{
	struct drac_call call = { .procedure = DRAC_PROC_REPORT,
		.addr = address(text) };
	struct drac_reply reply = { 0 };

	call.report.id = id;
	call.report.deadline_ms =
	    (uint64_t)((int64_t)drac_sys_boot_ms() + left_ms);
	strcpy(call.report.user, user);
	strcpy(call.report.service, "imap");
	CHECK_ROW(ask(&call, &reply), text);
	return reply;
}

static bool
undo(const char *text, uint64_t id)
{
	struct drac_call call = { .procedure = DRAC_PROC_UNDO,
		.addr = address(text) };
	struct drac_reply reply = { 0 };

	call.report.id = id;
	CHECK_ROW(ask(&call, &reply), text);
	return reply.flag;
}

static void
deadline_is_kept(void)
{
	static const struct {
		const char *name;
		int64_t left_ms;
		bool good;
		const char *reason;
	} rows[] = {
		{ "soon", WAIT_MS, true, "" },
		{ "past", -1, false, "past its deadline" },
		{ "long past", -1000000, false, "past its deadline" },
		{ "of another boot clock", 3600000, false,
		    "another boot clock" },
	};

	start_daemon("");
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_reply reply =
		    report(LATE, 7, rows[i].left_ms, "alice");

		CHECK_ROW((reply.answer == DRAC_ANSWER_SUCCESS) == rows[i].good,
		    rows[i].name);
		CHECK_ROW(strstr(reply.why.text, rows[i].reason) != NULL,
		    rows[i].name);
		CHECK_ROW(in_map(LATE) == rows[i].good, rows[i].name);
		forget_address(LATE);
	}
	stop_daemon();
}

/* Only what the report with this id wrote, and only once. */
static void
undo_takes_back_its_own_report(void)
{
	time_t first;

	start_daemon("renew = 0\n");
	forget_address(LATE);
	CHECK(report(LATE, 11, WAIT_MS, "alice").flag);
	CHECK(!undo(LATE, 12) && in_map(LATE));
	CHECK(!undo("192.0.2.8", 11) && in_map(LATE));
	CHECK(undo(LATE, 11) && !in_map(LATE));
	CHECK(!undo(LATE, 11));

	/* An earlier grant comes back. */
	first = report(LATE, 13, WAIT_MS, "alice").expiry;
	sleep_ms(1100);
	CHECK(report(LATE, 14, WAIT_MS, "bob").expiry > first);
	CHECK(!undo(LATE, 13) && in_map(LATE)); /* bob has renewed it */
	CHECK(undo(LATE, 14) && in_map(LATE));
	CHECK(!undo(LATE, 0));
	forget_address(LATE);
	stop_daemon();
}

static void
log_names_the_user(void)
{
	start_daemon("");
	(void)report("192.0.2.9", 21, WAIT_MS, "eve\n(x) \"");
	CHECK(in_log("authorised 192.0.2.9 until "));
	CHECK(in_log("Z for eve\\x0a(x)\\x20\\x22 (imap) by user "));
	stop_daemon();
}

/* Users */

static bool
by_module(const char *user, const char *addr)
{
	char conf[200];
	pam_handle_t *pamh;

	snprintf(conf, sizeof(conf),
	    "server = local\nsocket = %s\ntimeout = 20s\n", socket_path);
	write_conf(conf);
	write_usual();
	pamh = start(user, addr);
	(void)call(pamh, "AC");
	pam_end(pamh, PAM_SUCCESS);
	return in_map(addr);
}

/* $B/... -c $C with $A and $U */
static bool
by_program(const char *words, const char *user, const char *addr)
{
	char command[512], conf[200];

	snprintf(conf, sizeof(conf),
	    "server = local\nsocket = %s\ntimeout = 20s\n", socket_path);
	write_conf(conf);
	setenv("A", addr, 1);
	setenv("B", build_path, 1);
	setenv("C", conf_path, 1);
	setenv("U", user, 1);
	snprintf(command, sizeof(command), "(%s) >/dev/null 2>&1", words);
	fflush(stdout);
	if (system(command) == -1)
		die(command);
	return in_map(addr);
}

static bool
by_drac_login(const char *user, const char *addr)
{
	return by_program("$B/drac-login -c $C -a $A -u $U", user, addr);
}

static bool
by_drac_login_list(const char *user, const char *addr)
{
	return by_program("echo $A $U imap | $B/drac-login -c $C -l", user,
	    addr);
}

static bool
by_dracctl(const char *user, const char *addr)
{
	return by_program("$B/dracctl.bin -c $C add $A", user, addr);
}

/* As a module that is older than REPORT. */
static bool
by_old_module(const char *user, const char *addr)
{
	struct drac_ask ask = { .name = "local", .socket = socket_path };
	struct drac_addr whom = address(addr);

	(void)user;
	(void)drac_client_add(&ask, 1, &whom, WAIT_MS);
	return in_map(addr);
}

/* Version 1, or for IPv6 version 2. */
static bool
by_old_client(const char *user, const char *addr)
{
	struct drac_ask ask = { .name = "127.0.0.1:" PORT,
		.host_count = 1,
		.port = (unsigned short)atoi(PORT),
		.transport = DRAC_TRANSPORT_UDP };
	struct drac_addr whom = address(addr);

	(void)user;
	ask.hosts[0] = address("127.0.0.1");
	(void)drac_client_add(&ask, 1, &whom, WAIT_MS);
	return in_map(addr);
}

static const struct road {
	const char *name, *addr;
	bool (*report)(const char *user, const char *addr);
	bool anonymous; /* names no user */
	bool always;    /* is not asked for one */
} roads[] = {
	{ "module", "198.51.100.1", by_module, false, false },
	{ "drac-login", "198.51.100.2", by_drac_login, false, false },
	{ "drac-login -l", "198.51.100.3", by_drac_login_list, false, false },
	{ "older module", "198.51.100.4", by_old_module, true, false },
	{ "version 1", "198.51.100.5", by_old_client, true, false },
	{ "version 2", "2001:db8::5", by_old_client, true, false },
	{ "dracctl add", "198.51.100.6", by_dracctl, false, true },
};

static const struct {
	const char *conf, *user;
	bool good;
	bool anonymous_good;
} rules[] = {
	{ "", "alice", true, true },
	{ "deny_users = alice", "Alice@example.org", false, false },
	{ "deny_users = alice", "bob", true, false },
	{ "users = bob", "alice", false, false },
	{ "users = bob", "BOB", true, false },
	{ "users = bob\nanonymous_reports = yes", "alice", false, true },
};

/* The configuration of who reports names no user: the daemon's does. */
static void
daemon_asks_for_the_user(void)
{
	char conf[256], row[256];

	for (size_t i = 0; i < COUNT(rules); i++) {
		snprintf(conf, sizeof(conf),
		    "listen = 127.0.0.1\nport = " PORT
		    "\nallow_users = any\n%s\n",
		    rules[i].conf);
		start_daemon(conf);
		for (size_t j = 0; j < COUNT(roads); j++) {
			const struct road *road = &roads[j];
			bool good = road->always ||
				    (road->anonymous ? rules[i].anonymous_good
						     : rules[i].good);

			snprintf(row, sizeof(row), "%s, %s, %s", road->name,
			    rules[i].conf, rules[i].user);
			forget_address(road->addr);
			CHECK_ROW(road->report(rules[i].user, road->addr) ==
				      good,
			    row);
		}
		stop_daemon();
	}
}

int
main(void)
{
	const char *build = getenv("DRAC_BUILD");

	/* What is remembered of servers is below /run. */
	if (!enter_network() || unshare(CLONE_NEWNS) == -1 ||
	    mount("none", "/", "none", MS_REC | MS_PRIVATE, "") == -1 ||
	    mount("none", "/run", "tmpfs", 0, "mode=755") == -1) {
		printf("skip daemon: no namespaces to be had\n");
		return 0;
	}
	make_place();
	if (realpath(build != NULL ? build : "build", build_path) == NULL)
		die("build");
	snprintf(daemon_conf, sizeof(daemon_conf), "%s/daemon.conf", place);
	snprintf(socket_path, sizeof(socket_path), "%s/sock", place);
	snprintf(log_path, sizeof(log_path), "%s/log", place);
	RUN(refused_login_is_not_recorded_later);
	RUN(deadline_is_kept);
	RUN(undo_takes_back_its_own_report);
	RUN(log_names_the_user);
	RUN(daemon_asks_for_the_user);
	remove_place();
	return TEST_RESULT();
}
