/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * One login through its hooks: what counts as setting credentials, that an
 * address is recorded once, what pam_end(3) takes back, what a broken
 * configuration, a map out of reach and a lock that is held do to it, and
 * what is logged.
 */

#include <sys/file.h>

#include <dlfcn.h>
#include <fcntl.h>
#include <security/pam_modules.h>

#include "log.h"
#include "login.h"
#include "sys.h"

/* Every group has our line, and libpam can get past all the others. */
static const char everywhere[] = "auth required %S\n"
				 "auth optional %M after_requisite\n"
				 "account required %S\n"
				 "account optional %M\n"
				 "session required %S\n"
				 "session optional %M\n";

static void
end(pam_handle_t **pamh, int status)
{
	pam_end(*pamh, status);
	*pamh = NULL;
}

/* Setting credentials */

static void
setcred_records_when_established_alone(void)
{
	static const struct {
		const char *name;
		int flags;
		bool records;
	} rows[] = {
		{ "establish", PAM_ESTABLISH_CRED, true },
		{ "establish, silent", PAM_ESTABLISH_CRED | PAM_SILENT, true },
		{ "silent", PAM_SILENT, false },
		{ "delete", PAM_DELETE_CRED, false },
		{ "delete, silent", PAM_DELETE_CRED | PAM_SILENT, false },
		{ "reinitialize", PAM_REINITIALIZE_CRED, false },
		{ "refresh", PAM_REFRESH_CRED, false },
		{ "establish and delete", PAM_ESTABLISH_CRED | PAM_DELETE_CRED,
		    false },
		/* libpam makes 0 into establish before we see it */
		{ "none", 0, true },
	};
	pam_handle_t *pamh;

	write_lines("auth required %S\nauth optional %M\n");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		set_entry("192.0.2.7", 0);
		pamh = start("alice", "192.0.2.7");
		CHECK_ROW(pam_authenticate(pamh, 0) == PAM_SUCCESS,
		    rows[i].name);
		CHECK_ROW(entry("192.0.2.7") == 0, rows[i].name);
		pam_setcred(pamh, rows[i].flags);
		CHECK_ROW(recorded("192.0.2.7") == rows[i].records,
		    rows[i].name);
		end(&pamh, PAM_SUCCESS);
	}
}

/* UW IMAP: credentials are deleted after a wrong password. */
static void
setcred_delete_after_wrong_password(void)
{
	struct stack stack = { "auth required %S\nauth optional %M\n", "",
		"auth=auth_err" };
	pam_handle_t *pamh;

	set_entry("192.0.2.7", 0);
	write_stack(&stack);
	pamh = start("alice", "192.0.2.7");
	CHECK(call(pamh, "A") == PAM_AUTH_ERR);
	call(pamh, "D");
	end(&pamh, PAM_SUCCESS);
	CHECK(entry("192.0.2.7") == 0);
}

/* Once */

static void
login_records_once(void)
{
	static const char *const orders[] = { "ACSO", "ASCO", "CO", "AC", "SC",
		"OC", "ASCOX", "CCC" };
	pam_handle_t *pamh;
	char first[2] = "";

	write_conf("debug\n");
	write_lines(everywhere);
	for (size_t i = 0; i < sizeof(orders) / sizeof(*orders); i++) {
		set_entry("192.0.2.7", 0);
		forget_log();
		pamh = start("alice", "192.0.2.7");
		first[0] = orders[i][0];
		call(pamh, first);
		CHECK_ROW(recorded("192.0.2.7"), orders[i]);
		set_entry("192.0.2.7", 0);
		CHECK_ROW(call(pamh, orders[i] + 1) == PAM_SUCCESS, orders[i]);
		CHECK_ROW(entry("192.0.2.7") == 0, orders[i]);
		CHECK_ROW(logged(LOG_INFO, "authorised 192.0.2.7 until ") == 1,
		    orders[i]);
		CHECK_ROW(logged(LOG_INFO, "") == 1, orders[i]);
		end(&pamh, PAM_SUCCESS);
	}
	write_conf("");
}

static void
close_and_password_record_nothing(void)
{
	pam_handle_t *pamh;

	set_entry("192.0.2.7", 0);
	write_lines("session required %S\nsession required %M\n"
		    "password required %S\npassword required %M\n");
	forget_log();
	pamh = start("alice", "192.0.2.7");
	CHECK(call(pamh, "X") == PAM_SUCCESS);
	CHECK(pam_chauthtok(pamh, 0) == PAM_SUCCESS);
	end(&pamh, PAM_SUCCESS);
	CHECK(entry("192.0.2.7") == 0);
	CHECK(caught.count == 0);
}

/* A handle may be used for a second try: nothing of the first is in its way. */
static void
second_try_after_refusal(void)
{
	static const char *const refused[] = { NULL, "", "127.0.0.1",
		"fe80::1%eth0", "host.example.org" };
	pam_handle_t *pamh;

	write_usual();
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		set_entry("192.0.2.7", 0);
		pamh = start("alice", refused[i]);
		CHECK(call(pamh, "AC") == PAM_SUCCESS);
		set_rhost(pamh, "192.0.2.7");
		CHECK(call(pamh, "AC") == PAM_SUCCESS);
		CHECK(recorded("192.0.2.7"));
		end(&pamh, PAM_SUCCESS);
	}
}

static void
second_try_after_failure(void)
{
	pam_handle_t *pamh;

	set_entry("192.0.2.7", 0);
	write_usual();
	write_conf("lifetime = never\n");
	pamh = start("alice", "192.0.2.7");
	CHECK(call(pamh, "AC") == PAM_SUCCESS);
	CHECK(entry("192.0.2.7") == 0);
	write_conf("");
	CHECK(call(pamh, "AC") == PAM_SUCCESS);
	CHECK(recorded("192.0.2.7"));
	end(&pamh, PAM_SUCCESS);
}

static void
second_try_from_another_address(void)
{
	pam_handle_t *pamh;

	set_entry("192.0.2.7", 0);
	set_entry("192.0.2.8", 0);
	write_usual();
	pamh = start("alice", "192.0.2.7");
	CHECK(call(pamh, "AC") == PAM_SUCCESS);
	set_rhost(pamh, "192.0.2.8");
	CHECK(call(pamh, "AC") == PAM_SUCCESS);
	CHECK(recorded("192.0.2.7") && recorded("192.0.2.8"));
	end(&pamh, PAM_AUTH_ERR);
	CHECK(entry("192.0.2.7") == 0 && entry("192.0.2.8") == 0);
}

/* Two lines, two maps: the mark of one is not the other's. */
static void
two_maps_are_both_written(void)
{
	char text[512], other[64], saved[64];

	set_entry("192.0.2.7", 0);
	snprintf(other, sizeof(other), "%s/db/other.db", place);
	snprintf(text, sizeof(text),
	    "account required %%S\naccount optional %%M\n"
	    "account optional %%M database=%s\n",
	    other);
	write_lines(text);
	CHECK(log_in("192.0.2.7", "C") == PAM_SUCCESS);
	CHECK(recorded("192.0.2.7"));
	strcpy(saved, map_path);
	strcpy(map_path, other);
	CHECK(recorded("192.0.2.7"));
	strcpy(map_path, saved);
}

/* Taking back */

static void
end_takes_back_on_failure_alone(void)
{
	static const struct {
		const char *name;
		int status;
		bool stays;
	} rows[] = {
		{ "success", PAM_SUCCESS, true },
		{ "success, silent", PAM_SUCCESS | PAM_DATA_SILENT, true },
		{ "wrong password", PAM_AUTH_ERR, false },
		{ "expired", PAM_ACCT_EXPIRED, false },
		{ "must change", PAM_NEW_AUTHTOK_REQD, false },
		{ "denied", PAM_PERM_DENIED, false },
		{ "session", PAM_SESSION_ERR, false },
		{ "ignore", PAM_IGNORE, false },
		{ "denied, silent", PAM_PERM_DENIED | PAM_DATA_SILENT, true },
		{ "replace", PAM_SUCCESS | PAM_DATA_REPLACE, true },
		{ "no PAM code", 1000, false },
		{ "negative", -1, false },
	};
	pam_handle_t *pamh;

	write_usual();
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		set_entry("192.0.2.7", 0);
		forget_log();
		pamh = start("alice", "192.0.2.7");
		CHECK_ROW(call(pamh, "AC") == PAM_SUCCESS, rows[i].name);
		CHECK_ROW(recorded("192.0.2.7"), rows[i].name);
		end(&pamh, rows[i].status);
		CHECK_ROW(recorded("192.0.2.7") == rows[i].stays, rows[i].name);
		CHECK_ROW(logged(LOG_INFO,
			      "pam_drac: took back 192.0.2.7: the login of "
			      "alice (dovecot) failed: ") == !rows[i].stays,
		    rows[i].name);
	}
}

static void
end_restores_an_earlier_grant(void)
{
	time_t earlier = time(NULL) + 600;
	pam_handle_t *pamh;

	set_entry("192.0.2.7", earlier);
	write_usual();
	pamh = start("alice", "192.0.2.7");
	CHECK(call(pamh, "AC") == PAM_SUCCESS);
	CHECK(recorded("192.0.2.7"));
	end(&pamh, PAM_ACCT_EXPIRED);
	CHECK(entry("192.0.2.7") == earlier);
}

static void
end_leaves_what_others_renewed(void)
{
	time_t later = time(NULL) + LIFETIME + 60;
	pam_handle_t *pamh;

	set_entry("192.0.2.7", 0);
	write_usual();
	pamh = start("alice", "192.0.2.7");
	CHECK(call(pamh, "AC") == PAM_SUCCESS);
	set_entry("192.0.2.7", later);
	end(&pamh, PAM_ACCT_EXPIRED);
	CHECK(entry("192.0.2.7") == later);
}

/* Recorded by another login moments ago: not ours to take back. */
static void
end_leaves_what_this_login_did_not_write(void)
{
	time_t fresh = time(NULL) + LIFETIME - 2;
	pam_handle_t *pamh;

	set_entry("192.0.2.7", fresh);
	write_conf("debug\n");
	write_usual();
	forget_log();
	pamh = start("alice", "192.0.2.7");
	CHECK(call(pamh, "AC") == PAM_SUCCESS);
	CHECK(logged(LOG_INFO, "192.0.2.7 is already authorised until ") == 1);
	CHECK(logged(LOG_INFO, "") == 1);
	end(&pamh, PAM_ACCT_EXPIRED);
	CHECK(entry("192.0.2.7") == fresh);
	write_conf("");
}

static void
end_in_a_forked_child_does_nothing(void)
{
	pam_handle_t *pamh;
	pid_t child;

	set_entry("192.0.2.7", 0);
	write_usual();
	pamh = start("alice", "192.0.2.7");
	CHECK(call(pamh, "AC") == PAM_SUCCESS);
	fflush(stdout);
	child = fork();
	if (child == 0) {
		pam_end(pamh, PAM_SYSTEM_ERR | PAM_DATA_SILENT);
		_exit(0);
	}
	CHECK(child != -1 && waitpid(child, NULL, 0) == child);
	CHECK(recorded("192.0.2.7"));
	end(&pamh, PAM_SUCCESS);
	CHECK(recorded("192.0.2.7"));
}

/* Configuration */

static void
broken_file_is_reported_whole(void)
{
	set_entry("192.0.2.7", 0);
	write_usual();
	write_conf("lifetime = never\nunheard_of = 1\nmode = 0777\n");
	forget_log();
	CHECK(log_in("192.0.2.7", "AC") == PAM_SUCCESS);
	CHECK(logged(LOG_ERR, "drac.conf:3: lifetime: ") == 1);
	CHECK(logged(LOG_ERR, "drac.conf:4: unheard_of: ") == 1);
	CHECK(logged(LOG_ERR, "drac.conf:5: mode: ") == 1);
	CHECK(logged(LOG_ERR, "not recorded for alice (dovecot): ") == 1);
	CHECK(entry("192.0.2.7") == 0);
	write_conf("");
}

static void
broken_arguments_are_reported(void)
{
	static const struct {
		const char *arguments;
		const char *line;
	} rows[] = {
		{ "unheard_of=1", "unheard_of: " },
		{ "lifetime=never", "lifetime: " },
		{ "lifetime=20m lifetime=10m", "lifetime: given twice" },
		{ "lifetime=5s renew=1m", "renew: " },
		{ "lifetime", "lifetime: " },
		{ "conf=drac.conf", "conf: " },
		{ "conf=", "conf: " },
	};
	char text[256];

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		bool conf = strncmp(rows[i].arguments, "conf", 4) == 0;

		snprintf(text, sizeof(text),
		    "account required %%S\naccount optional %s %s\n",
		    conf ? "%N" : "%M", rows[i].arguments);
		write_lines(text);
		forget_log();
		CHECK_ROW(log_in("192.0.2.7", "C") == PAM_SUCCESS,
		    rows[i].arguments);
		CHECK_ROW(logged(LOG_ERR, rows[i].line) == 1,
		    rows[i].arguments);
		CHECK_ROW(entry("192.0.2.7") == 0, rows[i].arguments);
	}
}

static void
named_file_must_exist(void)
{
	write_lines("account required %S\n"
		    "account optional %N conf=/nonexistent/drac.conf\n");
	forget_log();
	CHECK(log_in("192.0.2.7", "C") == PAM_SUCCESS);
	CHECK(logged(LOG_ERR, "/nonexistent/drac.conf: ") == 1);
	CHECK(entry("192.0.2.7") == 0);
	write_lines("account required %S\naccount optional %M conf=/x\n");
	forget_log();
	CHECK(log_in("192.0.2.7", "C") == PAM_SUCCESS);
	CHECK(logged(LOG_ERR, "conf: given twice") == 1);
	CHECK(entry("192.0.2.7") == 0);
}

static void
default_file_may_be_missing(void)
{
	char text[256];

	if (access("/etc/drac/drac.conf", F_OK) == 0) {
		printf("skip default_file_may_be_missing: this host has one\n");
		return;
	}
	set_entry("192.0.2.7", 0);
	snprintf(text, sizeof(text),
	    "account required %%S\naccount optional %%N database=%s\n",
	    map_path);
	write_lines(text);
	CHECK(log_in("192.0.2.7", "C") == PAM_SUCCESS);
	CHECK(recorded("192.0.2.7"));
}

static void
arguments_override_the_file(void)
{
	time_t now = time(NULL), found;

	set_entry("192.0.2.7", 0);
	write_conf("lifetime = 1h\n");
	write_lines("account required %S\naccount optional %M lifetime=10m\n");
	CHECK(log_in("192.0.2.7", "C") == PAM_SUCCESS);
	found = entry("192.0.2.7");
	CHECK(found >= now + 600 && found < now + 660);
	write_conf("");
}

static void
services_limit_what_counts(void)
{
	static const struct {
		const char *services;
		bool records;
	} rows[] = {
		{ "services = dovecot\n", true },
		{ "services = pop3 dovecot\n", true },
		{ "services = Dovecot\n", true },
		{ "services = pop3\n", false },
		{ "services = dove\n", false },
		{ "services = dovecot2\n", false },
		{ "services =\n", true },
	};

	write_usual();
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		set_entry("192.0.2.7", 0);
		write_conf(rows[i].services);
		forget_log();
		CHECK_ROW(log_in("192.0.2.7", "AC") == PAM_SUCCESS,
		    rows[i].services);
		CHECK_ROW(recorded("192.0.2.7") == rows[i].records,
		    rows[i].services);
		CHECK_ROW(logged(LOG_INFO,
			      "not recorded for alice (dovecot): the service "
			      "is not among services=") == !rows[i].records,
		    rows[i].services);
	}
	write_conf("");
}

/* A map out of reach */

static void
no_directory_is_an_error(void)
{
	write_file("drac.conf", "database = %s/missing/dracd.db\n", place);
	write_usual();
	forget_log();
	CHECK(log_in("192.0.2.7", "AC") == PAM_SUCCESS);
	CHECK(logged(LOG_ERR, "not recorded for alice (dovecot): ") == 1);
	CHECK(logged(LOG_ERR, "/missing") == 1);
	write_conf("");
}

static void
unsafe_directory_is_an_error(void)
{
	char path[PATH_MAX];

	set_entry("192.0.2.7", 0);
	snprintf(path, sizeof(path), "%s/db", place);
	write_usual();
	forget_log();
	CHECK(chmod(path, 0777) == 0);
	CHECK(log_in("192.0.2.7", "AC") == PAM_SUCCESS);
	CHECK(chmod(path, 0755) == 0);
	CHECK(logged(LOG_ERR, "not recorded for alice (dovecot): ") == 1);
	CHECK(entry("192.0.2.7") == 0);
}

/*
 * As a server without rights on the map (Exim) would: in a child. Where we
 * are not root, the directory has been closed to ourselves.
 */
static void
log_in_without_rights(void)
{
	if (geteuid() == 0 && (setresgid(65534, 65534, 65534) == -1 ||
				  setresuid(65534, 65534, 65534) == -1))
		die("setresuid");
	forget_log();
	CHECK(log_in("192.0.2.7", "C") == PAM_SYSTEM_ERR);
	CHECK(logged(LOG_ERR, "not recorded for alice (dovecot): ") == 1);
}

static void
no_rights_is_an_error(void)
{
	char path[PATH_MAX];
	int status = -1;
	pid_t child;

	set_entry("192.0.2.7", 0);
	write_lines("account required %M strict\n");
	/* The module stays loaded: the child may not be able to reach it. */
	log_in(NULL, "C");
	snprintf(path, sizeof(path), "%s/db", place);
	CHECK(chmod(path, geteuid() == 0 ? 0755 : 0) == 0);
	fflush(stdout);
	child = fork();
	if (child == 0) {
		test_failures = 0;
		log_in_without_rights();
		fflush(stdout);
		_exit(TEST_RESULT());
	}
	CHECK(child != -1 && waitpid(child, &status, 0) == child);
	CHECK(status == 0);
	CHECK(chmod(path, 0755) == 0);
	CHECK(entry("192.0.2.7") == 0);
}

static void
map_is_made_at_need(void)
{
	char saved[64];

	strcpy(saved, map_path);
	snprintf(map_path, sizeof(map_path), "%s/db/new.db", place);
	write_conf("");
	write_usual();
	CHECK(log_in("192.0.2.7", "AC") == PAM_SUCCESS);
	CHECK(recorded("192.0.2.7"));
	strcpy(map_path, saved);
	write_conf("");
}

/* Time */

static long
since_ms(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - start->tv_sec) * 1000 +
	       (now.tv_nsec - start->tv_nsec) / 1000000;
}

/* Another process that holds the writers' lock until it is killed. */
static pid_t
hold_lock(void)
{
	char path[PATH_MAX], ready;
	int ends[2], fd;
	pid_t child;

	fflush(stdout);
	if (pipe(ends) == -1 || (child = fork()) == -1)
		die("fork");
	if (child != 0) {
		close(ends[1]);
		if (read(ends[0], &ready, 1) != 1)
			die("lock");
		close(ends[0]);
		return child;
	}
	snprintf(path, sizeof(path), "%s.lock", map_path);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd == -1 || flock(fd, LOCK_EX) == -1 || write(ends[1], "", 1) != 1)
		_exit(1);
	pause();
	_exit(0);
}

static void
let_go(pid_t child)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

/* All hooks of a login share one timeout. */
static void
held_lock_delays_a_login_once(void)
{
	struct timespec begin;
	pam_handle_t *pamh;
	pid_t holder;
	long ms;

	set_entry("192.0.2.7", 0);
	write_conf("timeout = 300ms\n");
	write_lines(everywhere);
	forget_log();
	holder = hold_lock();
	pamh = start("alice", "192.0.2.7");
	clock_gettime(CLOCK_MONOTONIC, &begin);
	CHECK(call(pamh, "A") == PAM_SUCCESS);
	ms = since_ms(&begin);
	CHECK(ms >= 250 && ms < 600);
	CHECK(call(pamh, "SCO") == PAM_SUCCESS);
	ms = since_ms(&begin);
	CHECK(ms < 600);
	end(&pamh, PAM_PERM_DENIED);
	CHECK(since_ms(&begin) < 600);
	let_go(holder);
	CHECK(logged(LOG_WARNING, "not recorded for alice (dovecot): ") == 4);
	CHECK(logged(LOG_WARNING, "timeout of this login is used up") == 3);
	CHECK(entry("192.0.2.7") == 0);
	write_conf("");
}

static void
held_lock_bounds_taking_back(void)
{
	struct timespec begin;
	pam_handle_t *pamh;
	pid_t holder;

	set_entry("192.0.2.7", 0);
	write_conf("timeout = 300ms\n");
	write_usual();
	pamh = start("alice", "192.0.2.7");
	CHECK(call(pamh, "AC") == PAM_SUCCESS);
	forget_log();
	holder = hold_lock();
	clock_gettime(CLOCK_MONOTONIC, &begin);
	end(&pamh, PAM_ACCT_EXPIRED);
	CHECK(since_ms(&begin) < 600);
	let_go(holder);
	CHECK(logged(LOG_ERR, "could not take back 192.0.2.7 of alice "
			      "(dovecot): ") == 1);
	CHECK(recorded("192.0.2.7"));
	write_conf("");
}

/* The log */

static void
grant_line_says_who_what_and_until_when(void)
{
	unsigned hour, minute, second;
	time_t until;

	set_entry("192.0.2.7", 0);
	write_usual();
	forget_log();
	CHECK(log_in("::ffff:192.0.2.7", "AC") == PAM_SUCCESS);
	until = entry("192.0.2.7") % 86400;
	CHECK(caught.count == 1 && caught.level[0] == LOG_INFO);
	CHECK(sscanf(caught.line[0],
		  "authorised 192.0.2.7 until %2u:%2u:%2uZ for alice (dovecot)",
		  &hour, &minute, &second) == 3);
	CHECK((time_t)(hour * 3600 + minute * 60 + second) == until);
}

/* All hooks of one handle are one login. */
static void
login_has_few_lines(void)
{
	static char text[64100];
	pam_handle_t *pamh;

	for (size_t i = 0; i < 64000; i += 2)
		memcpy(text + i, "x\n", 2);
	write_file("drac.conf", "%s", text);
	write_lines("account required %M\nsession required %M\n");
	forget_log();
	pamh = start("alice", "192.0.2.7");
	call(pamh, "C");
	CHECK(caught.count == DRAC_LOG_LINES + 1);
	CHECK(logged(LOG_ERR, "drac.conf:7: ") == 1);
	CHECK(logged(LOG_ERR, "drac.conf:8: ") == 0);
	CHECK(logged(LOG_ERR, "not recorded for alice (dovecot): the "
			      "configuration is broken") == 1);
	CHECK(logged(LOG_WARNING, "and 31993 more") == 1);
	call(pamh, "O");
	CHECK(caught.count == DRAC_LOG_LINES + 2);
	CHECK(logged(LOG_WARNING, "and 32001 more") == 1);
	end(&pamh, PAM_SUCCESS);
	write_conf("");
}

/* What one hook waited for the log, a later one does not have. */
static void
full_log_is_waited_for_in_time(void)
{
	pam_handle_t *pamh;

	write_conf("timeout = 60ms\n");
	write_lines("account required %M\n");
	forget_log();
	pamh = start("alice", "127.0.0.1");
	log_errno = EAGAIN;
	call(pamh, "C");
	CHECK(caught.count == 0);
	log_errno = 0;
	set_rhost(pamh, "192.0.2.8");
	call(pamh, "C");
	CHECK(logged(LOG_WARNING, "the log did not take 1 lines before") == 1);
	CHECK(logged(LOG_WARNING, "timeout of this login is used up") == 1);
	CHECK(entry("192.0.2.8") == 0);
	end(&pamh, PAM_SUCCESS);
	write_conf("");
}

/* The lines of all hooks and of the end together wait that long. */
static void
full_log_is_waited_for_once(void)
{
	pam_handle_t *pamh;
	int64_t begin;

	set_entry("192.0.2.7", 0);
	write_conf("timeout = 20s\n");
	write_lines("account required %M\nsession required %M\n");
	forget_log();
	pamh = start("alice", "192.0.2.7");
	log_errno = EAGAIN;
	begin = drac_sys_ms();
	for (int i = 0; i < 100; i++) {
		set_rhost(pamh, i % 2 == 0 ? "127.0.0.1" : "192.0.2.7");
		call(pamh, "CO");
	}
	end(&pamh, PAM_PERM_DENIED);
	CHECK(drac_sys_ms() - begin >= DRAC_LOG_WAIT_MS);
	CHECK(drac_sys_ms() - begin < 50 * DRAC_LOG_WAIT_MS);
	log_errno = 0;
	CHECK(caught.count == 0 && entry("192.0.2.7") == 0);
	write_conf("");
}

static void
outside_text_is_escaped(void)
{
	static const struct {
		const char *user;
		const char *shown;
	} rows[] = {
		{ "alice", "for alice (" },
		{ "al ice", "for al\\x20ice (" },
		{ "alice (x)\nroot:", "for alice\\x20(x)\\x0aroot: (" },
		{ "\"al\\ice\"", "for \\x22al\\x5cice\\x22 (" },
		{ "\x1b[2J", "for \\x1b[2J (" },
		{ "\xc3\xa4", "for \\xc3\\xa4 (" },
		{ "%s%n", "for %s%n (" },
	};
	char name[300];
	pam_handle_t *pamh;

	write_usual();
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		forget_log();
		pamh = start(rows[i].user, "127.0.0.1");
		call(pamh, "AC");
		end(&pamh, PAM_SUCCESS);
		CHECK_ROW(logged(LOG_INFO, rows[i].shown) == 1, rows[i].shown);
	}
	memset(name, '\n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	forget_log();
	pamh = start(name, "127.0.0.1");
	call(pamh, "AC");
	end(&pamh, PAM_SUCCESS);
	CHECK(logged(LOG_INFO, "\\x0a\\x0a... (dovecot)") == 1);
	CHECK(strlen(caught.line[0]) < 200);
}

static void
silent_flag_silences_no_log(void)
{
	pam_handle_t *pamh;

	set_entry("192.0.2.7", 0);
	write_lines("account required %M\n");
	forget_log();
	pamh = start("alice", "192.0.2.7");
	pam_acct_mgmt(pamh, PAM_SILENT);
	CHECK(logged(LOG_INFO, "authorised 192.0.2.7") == 1);
	end(&pamh, PAM_SUCCESS);
}

/* Called without libpam between, which does not keep errno. */
static void
errno_is_kept(void)
{
	static const char *const hooks[] = { "pam_sm_authenticate",
		"pam_sm_setcred", "pam_sm_acct_mgmt", "pam_sm_open_session",
		"pam_sm_close_session", "pam_sm_chauthtok" };
	static const char *const rhosts[] = { NULL, "127.0.0.1", "192.0.2.7" };
	const char *good[] = { "database=/nonexistent/dracd.db",
		"after_requisite" };
	const char *broken[] = { "conf=/nonexistent", "after_requisite" };
	int (*hook)(pam_handle_t *, int, int, const char **);
	void *module = dlopen(module_path, RTLD_NOW), *symbol;
	pam_handle_t *pamh;

	CHECK(module != NULL);
	for (size_t i = 0; i < sizeof(hooks) / sizeof(*hooks); i++)
		for (size_t k = 0; module != NULL && k < 3; k++) {
			symbol = dlsym(module, hooks[i]);
			memcpy(&hook, &symbol, sizeof(hook));
			pamh = start("alice", rhosts[k]);
			errno = 4242;
			hook(pamh, PAM_ESTABLISH_CRED, 2, good);
			CHECK_ROW(errno == 4242, hooks[i]);
			hook(pamh, PAM_ESTABLISH_CRED, 2, broken);
			CHECK_ROW(errno == 4242, hooks[i]);
			end(&pamh, PAM_SUCCESS);
		}
	dlclose(module);
}

int
main(void)
{
	make_place();
	RUN(setcred_records_when_established_alone);
	RUN(setcred_delete_after_wrong_password);
	RUN(login_records_once);
	RUN(close_and_password_record_nothing);
	RUN(second_try_after_refusal);
	RUN(second_try_after_failure);
	RUN(second_try_from_another_address);
	RUN(two_maps_are_both_written);
	RUN(end_takes_back_on_failure_alone);
	RUN(end_restores_an_earlier_grant);
	RUN(end_leaves_what_others_renewed);
	RUN(end_leaves_what_this_login_did_not_write);
	RUN(end_in_a_forked_child_does_nothing);
	RUN(broken_file_is_reported_whole);
	RUN(broken_arguments_are_reported);
	RUN(named_file_must_exist);
	RUN(default_file_may_be_missing);
	RUN(arguments_override_the_file);
	RUN(services_limit_what_counts);
	RUN(no_directory_is_an_error);
	RUN(unsafe_directory_is_an_error);
	RUN(no_rights_is_an_error);
	RUN(map_is_made_at_need);
	RUN(held_lock_delays_a_login_once);
	RUN(held_lock_bounds_taking_back);
	RUN(grant_line_says_who_what_and_until_when);
	RUN(login_has_few_lines);
	RUN(full_log_is_waited_for_in_time);
	RUN(full_log_is_waited_for_once);
	RUN(outside_text_is_escaped);
	RUN(silent_flag_silences_no_log);
	RUN(errno_is_kept);
	remove_place();
	return TEST_RESULT();
}
