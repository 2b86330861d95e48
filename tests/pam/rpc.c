/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Logins that are told to daemons: what becomes of a login, of its line in
 * the log and of the map when some of them or all do not record it; what is
 * remembered of those that do not answer; what pam_end(3) takes back.
 */

#include <sys/syscall.h>

#include <dirent.h>
#include <dlfcn.h>
#include <fnmatch.h>
#include <security/pam_modules.h>

#include "../unit/server.h"
#include "apart.h"
#include "breaker.h"

#define CLIENT "192.0.2.7"

static struct server local, first, second;
static char socket_path[64], stale_path[64], absent[64];
static bool have_run;

/* Seconds that CLOCK_BOOTTIME is ahead: a pause that nobody waits for. */
static time_t ahead;

__attribute__((visibility("default"))) int
clock_gettime(clockid_t clock, struct timespec *now)
{
	int result = (int)syscall(SYS_clock_gettime, clock, now);

	if (result == 0 && clock == CLOCK_BOOTTIME)
		now->tv_sec += ahead;
	return result;
}

/*
 * %A and %B are servers on ports, %C is one that is not there, %D the port
 * of the first, %E a socket without a daemon.
 */
static void
fill(const char *text, char *out, size_t room)
{
	const char *const words[] = { first.name, second.name, absent,
		strrchr(first.name, ':') + 1, stale_path };

	expand(text, words, out, room);
}

static void
write_servers(const char *text)
{
	char filled[1024], conf[1200];

	fill(text, filled, sizeof(filled));
	snprintf(conf, sizeof(conf), "%s%s%s%s", filled,
	    strstr(text, "socket =") == NULL ? "socket = " : "",
	    strstr(text, "socket =") == NULL ? socket_path : "", "\n");
	write_conf(conf);
}

static void
forget_failures(void)
{
	struct dirent *file;
	DIR *dir = have_run ? opendir(DRAC_BREAKER_DIR) : NULL;

	while (dir != NULL && (file = readdir(dir)) != NULL)
		unlinkat(dirfd(dir), file->d_name, 0);
	if (dir != NULL)
		closedir(dir);
}

static void
start_afresh(const char *conf)
{
	forget_failures();
	server_reset(&local);
	server_reset(&first);
	server_reset(&second);
	set_entry(CLIENT, 0);
	write_servers(conf);
	forget_log();
}

/* Does one line of this level match this pattern? */
static bool
said(int level, const char *pattern)
{
	char filled[1024];
	int found = 0;

	fill(pattern, filled, sizeof(filled));
	for (int i = 0; i < caught.count; i++)
		if (caught.level[i] == level &&
		    fnmatch(filled, caught.line[i], 0) == 0)
			found++;
	return found == 1;
}

static bool
told(struct server *server)
{
	return served_expiry(server, CLIENT) > time(NULL);
}

static long
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* What the module answers is seen through a line that is required. */
static void
write_required(void)
{
	write_lines("auth required %S\n"
		    "account required %S\n"
		    "account required %M\n");
}

/* Outcomes */

#define AUTHORISED "authorised " CLIENT " for alice (dovecot) by "
#define UNTIL      "authorised " CLIENT " until ??:??:??Z for alice (dovecot) "
#define NOT        "not recorded for alice (dovecot): "
#define FROM       "; client " CLIENT
#define EXCLUDED   "it is never recorded (excluded)"

static const struct outcome {
	const char *name;
	const char *conf;
	enum manner manner[3]; /* local, first, second */
	int result;            /* with strict, PAM_SYSTEM_ERR for a failure */
	int level;
	const char *line;
	bool in_map;
} outcomes[] = {
	{ "local", "server = local\n", { ANSWERS }, PAM_SUCCESS, LOG_INFO,
	    UNTIL "by local", false },
	{ "host", "server = %A\n", { ANSWERS }, PAM_SUCCESS, LOG_INFO,
	    AUTHORISED "%A", false },
	{ "all", "server = local %A %B\n", { ANSWERS }, PAM_SUCCESS, LOG_INFO,
	    AUTHORISED "local, %A, %B", false },
	{ "all but a silent one", "server = local %A %B\ntimeout = 300ms\n",
	    { ANSWERS, ANSWERS, SILENT }, PAM_SYSTEM_ERR, LOG_WARNING,
	    AUTHORISED "local, %A; not by %B: no answer within 300 ms", false },
	{ "local alone", "server = local %C\n", { ANSWERS }, PAM_SYSTEM_ERR,
	    LOG_WARNING, UNTIL "by local; not by %C: Connection refused",
	    false },
	{ "all but one that refuses", "server = local %A\n",
	    { ANSWERS, REFUSES }, PAM_SYSTEM_ERR, LOG_ERR,
	    UNTIL "by local; not by %A: refused us (permission denied)",
	    false },
	{ "all silent", "server = local %A\ntimeout = 300ms\n",
	    { SILENT, SILENT }, PAM_SYSTEM_ERR, LOG_WARNING,
	    NOT
	    "local: no answer within 300 ms; %A: no answer within 300 ms" FROM,
	    false },
	{ "refuses", "server = local\n", { REFUSES }, PAM_SYSTEM_ERR, LOG_ERR,
	    NOT "local: refused us (permission denied)" FROM, false },
	{ "cannot", "server = local\n", { FAILS }, PAM_SYSTEM_ERR, LOG_ERR,
	    NOT "local: could not record it (system error)" FROM, false },
	{ "hangs up", "server = local\n", { HANGS_UP }, PAM_SYSTEM_ERR, LOG_ERR,
	    NOT "local: closed the connection" FROM, false },
	{ "no daemon", "server = local\nsocket = %E\n", { ANSWERS },
	    PAM_SYSTEM_ERR, LOG_ERR, NOT "local: %E: Connection refused" FROM,
	    false },
	{ "no host", "server = %C\n", { ANSWERS }, PAM_SYSTEM_ERR, LOG_ERR,
	    NOT "%C: Connection refused" FROM, false },
	{ "no address", "server = smtp9.example.org\n", { ANSWERS },
	    PAM_SYSTEM_ERR, LOG_ERR,
	    NOT "smtp9.example.org: neither an address nor in /etc/hosts" FROM,
	    false },
	{ "excluded", "server = local\n", { EXCLUDES }, PAM_SUCCESS, LOG_INFO,
	    NOT "local: " EXCLUDED, false },
	{ "excluded, kept elsewhere", "server = local %A\n", { EXCLUDES },
	    PAM_SUCCESS, LOG_INFO, AUTHORISED "%A; not by local: " EXCLUDED,
	    false },
	{ "excluded, failed elsewhere", "server = local %C\n", { EXCLUDES },
	    PAM_SYSTEM_ERR, LOG_ERR,
	    NOT "local: " EXCLUDED "; %C: Connection refused" FROM, false },
	{ "fallback", "server = local\nsocket = %E\nfallback = direct\n",
	    { ANSWERS }, PAM_SUCCESS, LOG_WARNING,
	    UNTIL "(directly, for no server answered: local: %E: Connection "
		  "refused)",
	    true },
	{ "fallback after silence",
	    "server = %A %B\nfallback = direct\ntimeout = 400ms\n",
	    { ANSWERS, SILENT, SILENT }, PAM_SUCCESS, LOG_WARNING,
	    UNTIL "(directly, for no server answered: "
		  "%A: no answer within 300 ms; %B: no answer within 300 ms)",
	    true },
	{ "fallback when refused", "server = %A\nfallback = direct\n",
	    { ANSWERS, REFUSES }, PAM_SUCCESS, LOG_WARNING,
	    UNTIL "(directly, for no server answered: "
		  "%A: refused us (permission denied))",
	    true },
	{ "no fallback where one recorded it",
	    "server = local %C\nfallback = direct\n", { ANSWERS },
	    PAM_SYSTEM_ERR, LOG_WARNING,
	    UNTIL "by local; not by %C: Connection refused", false },
	{ "no fallback where it is excluded",
	    "server = local %C\nfallback = direct\n", { EXCLUDES },
	    PAM_SYSTEM_ERR, LOG_ERR,
	    NOT "local: " EXCLUDED "; %C: Connection refused" FROM, false },
};
#define OUTCOMES (sizeof(outcomes) / sizeof(*outcomes))

static void
check_outcome(const struct outcome *row, bool strict)
{
	char conf[512];
	int result;

	snprintf(conf, sizeof(conf), "%s%s", row->conf,
	    strict ? "strict\n" : "");
	start_afresh(conf);
	local.served->manner = row->manner[0];
	first.served->manner = row->manner[1];
	second.served->manner = row->manner[2];
	result = log_in(CLIENT, "AC");
	CHECK_ROW(result == (strict ? row->result : PAM_SUCCESS), row->name);
	CHECK_ROW(said(row->level, row->line), row->name);
	CHECK_ROW(recorded(CLIENT) == (row->in_map && result == PAM_SUCCESS),
	    row->name);
	/* One line a login, and at the end what could not be taken back. */
	CHECK_ROW(caught.count == 1 ||
		      (result != PAM_SUCCESS && caught.count <= 3),
	    row->name);
}

static void
outcome_of_each_row(void)
{
	write_required();
	for (size_t i = 0; i < OUTCOMES; i++)
		check_outcome(&outcomes[i], false);
}

static void
outcome_of_each_row_when_strict(void)
{
	write_required();
	for (size_t i = 0; i < OUTCOMES; i++)
		check_outcome(&outcomes[i], true);
}

static void
names_are_looked_up_in_the_hosts_file(void)
{
	start_afresh("server = smtp1.example.org:%D\n");
	write_usual();
	CHECK(log_in(CLIENT, "AC") == PAM_SUCCESS);
	CHECK(said(LOG_INFO, AUTHORISED "smtp1.example.org:%D"));
	CHECK(told(&first));
}

static void
renewal_is_told_and_recorded(void)
{
	start_afresh("server = local\nstrict\n");
	write_required();
	served_set(&local, CLIENT, time(NULL) + 7200);
	CHECK(log_in(CLIENT, "AC") == PAM_SUCCESS);
	CHECK(said(LOG_INFO, CLIENT " is already authorised until ??:??:??Z, "
				    "for alice (dovecot) too"));
	CHECK(caught.count == 1);
}

static void
fallback_that_fails_says_both(void)
{
	start_afresh("server = %C\nfallback = direct\nstrict\n");
	write_lines("account required %M database=/nonexistent/dracd.db\n");
	CHECK(log_in(CLIENT, "C") == PAM_SYSTEM_ERR);
	CHECK(said(LOG_ERR, NOT "%C: Connection refused; /nonexistent*" FROM));
	CHECK(caught.count == 1);
}

/* A map that a daemon keeps */

static pid_t
own_map(void)
{
	struct drac_store_opts opts = { .path = map_path,
		.mode = 0644,
		.timeout_ms = 5000,
		.may_create = true,
		.owner = true };
	struct drac_store *store = NULL;
	struct drac_why why = { "" };
	int ends[2];
	pid_t child;
	char ready;

	fflush(stdout);
	if (pipe(ends) == -1 || (child = fork()) == -1)
		die("fork");
	if (child == 0) {
		if (drac_store_open(&opts, &store, &why) == -1)
			server_die(why.text);
		if (write(ends[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	close(ends[1]);
	if (read(ends[0], &ready, 1) != 1)
		die("own_map");
	close(ends[0]);
	return child;
}

static void
owned_map_is_left_alone(void)
{
	static const struct {
		const char *conf;
		const char *line; /* %d: the process */
	} rows[] = {
		{ "",
		    NOT "%s: kept by * (process %d): set server = local" FROM },
		{ "server = local\nsocket = %E\nfallback = direct\n",
		    NOT "local: *: Connection refused; %s: kept by * (process "
			"%d)" FROM },
		{ "server = %C\nfallback = direct\n",
		    NOT "*: Connection refused; %s: kept by * (process %d): "
			"set server = local" FROM },
	};
	char line[512];
	pid_t owner;

	start_afresh("");
	owner = own_map();
	write_required();
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		/* The map cannot be changed now, start_afresh would. */
		forget_failures();
		write_servers(rows[i].conf);
		forget_log();
		CHECK_ROW(log_in(CLIENT, "AC") == PAM_SUCCESS, rows[i].conf);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(line, sizeof(line), rows[i].line, map_path, owner);
#pragma GCC diagnostic pop
		CHECK_ROW(said(LOG_ERR, line), rows[i].conf);
		CHECK_ROW(caught.count == 1, rows[i].conf);
		CHECK_ROW(entry(CLIENT) == 0, rows[i].conf);
	}
	kill(owner, SIGKILL);
	waitpid(owner, NULL, 0);
}

/* Once */

static const char everywhere[] = "auth required %S\n"
				 "auth optional %M after_requisite\n"
				 "account required %S\n"
				 "account optional %M\n"
				 "session required %S\n"
				 "session optional %M\n";

static void
login_is_told_once(void)
{
	static const char *const confs[] = { "server = local %A\ndebug\n",
		"server = local %A %C\ndebug\n",
		"server = local %A %B\ntimeout = 300ms\ndebug\n" };

	write_lines(everywhere);
	for (size_t i = 0; i < sizeof(confs) / sizeof(*confs); i++) {
		start_afresh(confs[i]);
		second.served->manner = SILENT;
		CHECK_ROW(log_in(CLIENT, "ASCOX") == PAM_SUCCESS, confs[i]);
		CHECK_ROW(local.served->adds == 1, confs[i]);
		CHECK_ROW(first.served->adds == 1, confs[i]);
		CHECK_ROW(second.served->adds <= 1, confs[i]);
		CHECK_ROW(logged(LOG_DEBUG, CLIENT " is already authorised by "
						   "this login") == 3,
		    confs[i]);
		CHECK_ROW(caught.count == 4, confs[i]);
	}
}

/* The servers of another line are others. */
static void
two_lines_tell_two_servers(void)
{
	start_afresh("server = %A\n");
	write_lines("account required %S\naccount optional %M\n"
		    "account optional %M server=local\n"
		    "account optional %M server=\n");
	CHECK(log_in(CLIENT, "C") == PAM_SUCCESS);
	CHECK(first.served->adds == 1 && local.served->adds == 1);
	CHECK(recorded(CLIENT));
}

/* Time */

static void
hooks_share_one_timeout(void)
{
	pam_handle_t *pamh;
	long begin, ms;

	start_afresh("server = local %A %B\ntimeout = 300ms\n");
	write_lines(everywhere);
	local.served->manner = first.served->manner = SILENT;
	second.served->manner = SILENT;
	pamh = start("alice", CLIENT);
	begin = now_ms();
	CHECK(call(pamh, "ASCO") == PAM_SUCCESS);
	ms = now_ms() - begin;
	CHECK(ms >= 290 && ms < 600);
	pam_end(pamh, PAM_SUCCESS);
	CHECK(logged(LOG_WARNING, NOT "local: no answer within 300 ms") == 1);
	CHECK(logged(LOG_WARNING, NOT "the timeout of this login is used up") ==
	      3);
	CHECK(local.served->adds == 1);
}

/* What is remembered of servers that do not answer */

static void
three_silences_and_nobody_waits(void)
{
	long begin;

	start_afresh("server = %A\ntimeout = 200ms\n");
	write_usual();
	first.served->manner = SILENT;
	for (int i = 0; i < DRAC_BREAKER_FAILURES; i++) {
		forget_log();
		log_in(CLIENT, "AC");
		CHECK(
		    said(LOG_WARNING, NOT "%A: no answer within 200 ms" FROM));
		CHECK(
		    said(LOG_WARNING,
			"%A has not answered 3 logins in a row: left alone "
			"for 30 seconds") == (i == DRAC_BREAKER_FAILURES - 1));
	}
	write_servers("server = %A\ntimeout = 60s\n");
	forget_log();
	begin = now_ms();
	log_in(CLIENT, "AC");
	CHECK(now_ms() - begin < 30000);
	CHECK(said(LOG_WARNING,
	    NOT "%A: did not answer lately, asked again in *s" FROM));
	CHECK(caught.count == 1);
	CHECK(first.served->adds == DRAC_BREAKER_FAILURES);
}

/* A read-only /run: each login waits, and one line says so. */
static void
read_only_run_is_said_once(void)
{
	start_afresh("server = %A\ntimeout = 100ms\n");
	write_usual();
	first.served->manner = SILENT;
	CHECK(mount(NULL, "/run", NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0);
	for (int i = 0; i < DRAC_BREAKER_FAILURES + 1; i++) {
		forget_log();
		log_in(CLIENT, "AC");
		CHECK(said(LOG_WARNING,
			  "/run/pam_drac: Read-only file system: each login "
			  "waits for a server that does not answer") ==
		      (i == 0));
		CHECK(
		    said(LOG_WARNING, NOT "%A: no answer within 100 ms" FROM));
	}
	CHECK(mount(NULL, "/run", NULL, MS_REMOUNT, NULL) == 0);
}

static void
held_back_beside_others(void)
{
	write_servers("server = local %A\n");
	forget_log();
	log_in(CLIENT, "AC");
	CHECK(said(LOG_WARNING,
	    UNTIL "by local; not by %A: did not answer lately, asked again in "
		  "*s"));
	CHECK(caught.count == 1);
}

static void
it_answers_again(void)
{
	first.served->manner = ANSWERS;
	write_servers("server = %A\n");
	ahead += DRAC_BREAKER_PAUSE_S + 1;
	forget_log();
	log_in(CLIENT, "AC");
	CHECK(said(LOG_INFO, "%A answers again"));
	CHECK(said(LOG_INFO, AUTHORISED "%A"));
	CHECK(caught.count == 2);
	forget_log();
	log_in(CLIENT, "AC");
	CHECK(said(LOG_INFO, AUTHORISED "%A") && caught.count == 1);
}

static void
refusals_are_answers(void)
{
	start_afresh("server = %A\n");
	write_usual();
	first.served->manner = REFUSES;
	for (int i = 0; i < DRAC_BREAKER_FAILURES + 1; i++) {
		forget_log();
		log_in(CLIENT, "AC");
		CHECK(said(LOG_ERR,
		    NOT "%A: refused us (permission denied)" FROM));
		CHECK(caught.count == 1);
	}
	CHECK(first.served->adds == DRAC_BREAKER_FAILURES + 1);
}

/* Taking back */

static pam_handle_t *
logged_in(const char *conf)
{
	pam_handle_t *pamh;

	start_afresh(conf);
	write_usual();
	pamh = start("alice", CLIENT);
	CHECK(call(pamh, "AC") == PAM_SUCCESS);
	return pamh;
}

#define COULD_NOT \
	"pam_drac: could not take back " CLIENT " of alice (dovecot): "

static void
end_takes_back_from_the_daemon(void)
{
	static const struct {
		const char *name;
		long before; /* seconds that the entry had left; 0: none */
	} rows[] = { { "nothing before", 0 }, { "an earlier grant", 600 } };
	pam_handle_t *pamh;
	time_t before;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		start_afresh("server = local\n");
		write_usual();
		before = rows[i].before == 0 ? 0 : time(NULL) + rows[i].before;
		served_set(&local, CLIENT, before);
		pamh = start("alice", CLIENT);
		CHECK_ROW(call(pamh, "AC") == PAM_SUCCESS, rows[i].name);
		CHECK_ROW(served_expiry(&local, CLIENT) > before, rows[i].name);
		forget_log();
		pam_end(pamh, PAM_ACCT_EXPIRED);
		CHECK_ROW(served_expiry(&local, CLIENT) == before,
		    rows[i].name);
		CHECK_ROW(said(LOG_INFO, "pam_drac: took back " CLIENT
					 ": the login of alice (dovecot) "
					 "failed: *"),
		    rows[i].name);
		CHECK_ROW(caught.count == 1, rows[i].name);
	}
}

/* The report was served, but nobody heard of it: one message, no waiting. */
static void
end_undoes_what_was_not_answered(void)
{
	static const struct {
		const char *name;
		enum manner manner;
		int status;
		long before;
	} rows[] = {
		{ "nothing before", DOES_NOT_SAY, PAM_ACCT_EXPIRED, 0 },
		{ "an earlier grant", DOES_NOT_SAY, PAM_ACCT_EXPIRED, 600 },
		{ "hangs up", HANGS_UP, PAM_ACCT_EXPIRED, 0 },
		{ "success", DOES_NOT_SAY, PAM_SUCCESS, 0 },
		{ "refused", REFUSES, PAM_ACCT_EXPIRED, 0 },
	};
	pam_handle_t *pamh;
	time_t before;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		bool undone = rows[i].status != PAM_SUCCESS &&
			      rows[i].manner != REFUSES;

		start_afresh("server = local\ntimeout = 300ms\n");
		write_usual();
		before = rows[i].before == 0 ? 0 : time(NULL) + rows[i].before;
		served_set(&local, CLIENT, before);
		local.served->manner = rows[i].manner;
		pamh = start("alice", CLIENT);
		CHECK_ROW(call(pamh, "AC") == PAM_SUCCESS, rows[i].name);
		CHECK_ROW(told(&local) == (rows[i].manner == DOES_NOT_SAY),
		    rows[i].name);
		forget_log();
		pam_end(pamh, rows[i].status);
		CHECK_ROW(said(LOG_INFO,
			      "pam_drac: asked to take back " CLIENT
			      " of alice (dovecot), which local did not "
			      "acknowledge") == undone,
		    rows[i].name);
		for (int n = 0; n < 1000 && undone && local.served->undos == 0;
		     n++)
			usleep(10000);
		CHECK_ROW(local.served->undos == undone, rows[i].name);
		CHECK_ROW(!undone || served_expiry(&local, CLIENT) == before,
		    rows[i].name);
	}
}

static void
report_names_user_and_deadline(void)
{
	struct drac_report *report = &local.served->report;
	struct timespec boot;
	uint64_t now_ms, id;

	start_afresh("server = local\n");
	write_usual();
	clock_gettime(CLOCK_BOOTTIME, &boot);
	now_ms = (uint64_t)boot.tv_sec * 1000;
	CHECK(log_in(CLIENT, "AC") == PAM_SUCCESS);
	CHECK(strcmp(report->user, "alice") == 0);
	CHECK(strcmp(report->service, "dovecot") == 0);
	CHECK(report->deadline_ms > now_ms &&
	      report->deadline_ms < now_ms + 60000);
	CHECK((id = report->id) != 0);
	CHECK(log_in(CLIENT, "AC") == PAM_SUCCESS);
	CHECK(report->id != id);
}

static void
older_daemon_gets_an_add(void)
{
	pam_handle_t *pamh;

	start_afresh("server = local\n");
	write_usual();
	local.served->manner = IS_OLDER;
	pamh = start("alice", CLIENT);
	CHECK(call(pamh, "AC") == PAM_SUCCESS);
	CHECK(said(LOG_INFO, UNTIL "by local") && told(&local));
	CHECK(local.served->adds == 1 && local.served->report.id == 0);
	local.served->manner = ANSWERS;
	pam_end(pamh, PAM_ACCT_EXPIRED);
	CHECK(served_expiry(&local, CLIENT) == 0);
}

static void
end_leaves_what_is_not_to_be_taken_back(void)
{
	static const struct {
		const char *name;
		long before;
		int status;
	} rows[] = {
		{ "success", 0, PAM_SUCCESS },
		{ "silent", 0, PAM_SYSTEM_ERR | PAM_DATA_SILENT },
		{ "lasted longer already", 7200, PAM_ACCT_EXPIRED },
	};
	pam_handle_t *pamh;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		start_afresh("server = local\n");
		write_usual();
		if (rows[i].before != 0)
			served_set(&local, CLIENT, time(NULL) + rows[i].before);
		pamh = start("alice", CLIENT);
		CHECK_ROW(call(pamh, "AC") == PAM_SUCCESS, rows[i].name);
		forget_log();
		pam_end(pamh, rows[i].status);
		CHECK_ROW(told(&local), rows[i].name);
		CHECK_ROW(local.served->backs == 0, rows[i].name);
		CHECK_ROW(caught.count == 0, rows[i].name);
	}
}

static void
end_leaves_what_others_renewed(void)
{
	pam_handle_t *pamh = logged_in("server = local\n");
	time_t later = time(NULL) + 7200;

	served_set(&local, CLIENT, later);
	forget_log();
	pam_end(pamh, PAM_ACCT_EXPIRED);
	CHECK(served_expiry(&local, CLIENT) == later);
	CHECK(local.served->backs == 1 && caught.count == 0);
}

static void
end_names_the_hosts_that_keep_it(void)
{
	pam_handle_t *pamh = logged_in("server = %A local %B\n");

	forget_log();
	pam_end(pamh, PAM_ACCT_EXPIRED);
	CHECK(served_expiry(&local, CLIENT) == 0);
	CHECK(told(&first) && told(&second));
	CHECK(said(LOG_WARNING, COULD_NOT "kept until it expires by %A, %B"));
	CHECK(logged(LOG_INFO, "took back") == 1 && caught.count == 2);
}

static void
end_takes_back_what_counted_as_a_failure(void)
{
	pam_handle_t *pamh;

	start_afresh("server = local %C\nstrict\n");
	write_required();
	pamh = start("alice", CLIENT);
	CHECK(call(pamh, "A") == PAM_SUCCESS);
	CHECK(call(pamh, "C") == PAM_SYSTEM_ERR);
	CHECK(told(&local));
	/* The application tries again: not settled, so it is told again. */
	CHECK(call(pamh, "C") == PAM_SYSTEM_ERR);
	CHECK(local.served->adds == 2);
	pam_end(pamh, PAM_SYSTEM_ERR);
	CHECK(served_expiry(&local, CLIENT) == 0);
}

static void
end_takes_back_a_fallback_from_the_map(void)
{
	time_t earlier = time(NULL) + 600;
	pam_handle_t *pamh;

	start_afresh("server = %C\nfallback = direct\n");
	write_usual();
	set_entry(CLIENT, earlier);
	pamh = start("alice", CLIENT);
	CHECK(call(pamh, "AC") == PAM_SUCCESS);
	CHECK(recorded(CLIENT));
	pam_end(pamh, PAM_ACCT_EXPIRED);
	CHECK(entry(CLIENT) == earlier);
}

static void
end_waits_no_longer_than_the_timeout(void)
{
	pam_handle_t *pamh = logged_in("server = local\ntimeout = 400ms\n");
	long begin = now_ms(), ms;

	local.served->manner = SILENT;
	forget_log();
	pam_end(pamh, PAM_ACCT_EXPIRED);
	ms = now_ms() - begin;
	CHECK(ms >= 90 && ms < 1000);
	CHECK(said(LOG_ERR, COULD_NOT "local: *: no answer within * ms"));
	CHECK(caught.count == 1);
}

/* Called without libpam between, which does not keep errno. */
static void
errno_is_kept(void)
{
	static const char *const rows[] = { "server = local %A\n",
		"server = local %C\n", "server = %C smtp9.example.org\n" };
	int (*hook)(pam_handle_t *, int, int, const char **);
	void *module = dlopen(module_path, RTLD_NOW), *symbol;
	char argument[96];
	const char *arguments[] = { argument };
	pam_handle_t *pamh;

	snprintf(argument, sizeof(argument), "conf=%s", conf_path);
	symbol = module == NULL ? NULL : dlsym(module, "pam_sm_acct_mgmt");
	CHECK(symbol != NULL);
	memcpy(&hook, &symbol, sizeof(hook));
	for (size_t i = 0; symbol != NULL && i < sizeof(rows) / sizeof(*rows);
	     i++) {
		start_afresh(rows[i]);
		pamh = start("alice", CLIENT);
		errno = 4242;
		hook(pamh, 0, 1, arguments);
		CHECK_ROW(errno == 4242, rows[i]);
		CHECK_ROW(caught.count == 1, rows[i]);
		pam_end(pamh, PAM_SUCCESS);
	}
	if (module != NULL)
		dlclose(module);
}

#define RUN_WITH_RUN(function)                                        \
	do {                                                          \
		if (have_run)                                         \
			RUN(function);                                \
		else                                                  \
			printf("skip " #function                      \
			       ": no mount namespace to be had\n");    \
	} while (0)

int
main(void)
{
	make_place();
	have_run = hide_files("127.0.0.1 smtp1.example.org\n");
	snprintf(socket_path, sizeof(socket_path), "%s/sock", place);
	snprintf(stale_path, sizeof(stale_path), "%s/stale", place);
	server_on_path(&local, socket_path);
	server_on_port(&first);
	server_on_port(&second);
	close(bind_path(stale_path));
	close(bind_port(absent));
	RUN(outcome_of_each_row);
	RUN(outcome_of_each_row_when_strict);
	RUN_WITH_RUN(names_are_looked_up_in_the_hosts_file);
	RUN(renewal_is_told_and_recorded);
	RUN(fallback_that_fails_says_both);
	RUN(owned_map_is_left_alone);
	RUN(login_is_told_once);
	RUN(two_lines_tell_two_servers);
	RUN(hooks_share_one_timeout);
	RUN_WITH_RUN(read_only_run_is_said_once);
	RUN_WITH_RUN(three_silences_and_nobody_waits);
	RUN_WITH_RUN(held_back_beside_others);
	RUN_WITH_RUN(it_answers_again);
	RUN(refusals_are_answers);
	RUN(end_takes_back_from_the_daemon);
	RUN(end_undoes_what_was_not_answered);
	RUN(report_names_user_and_deadline);
	RUN(older_daemon_gets_an_add);
	RUN(end_leaves_what_is_not_to_be_taken_back);
	RUN(end_leaves_what_others_renewed);
	RUN(end_names_the_hosts_that_keep_it);
	RUN(end_takes_back_what_counted_as_a_failure);
	RUN(end_takes_back_a_fallback_from_the_map);
	RUN(end_waits_no_longer_than_the_timeout);
	RUN(errno_is_kept);
	server_stop(&local);
	server_stop(&first);
	server_stop(&second);
	remove_place();
	return TEST_RESULT();
}
