/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * One login recorded: what policy says of it, where it is written or told,
 * how long that may take, and every sentence about it, at its level.
 */
#include "login.h"

#include <sys/file.h>
#include <sys/resource.h>

#include <fcntl.h>
#include <signal.h>

#include "breaker.h"
#include "maps.h"
#include "server.h"

#define CLIENT "192.0.2.7"

static char socket_path[96], breaker[96];
static char absent[64]; /* where no server is */
static struct server local, first, second;
static struct drac_conf conf;

/* What was said, a line each, with the first letter of its level before it. */
static char heard[8192];

static void
hear(enum drac_login_level level, const char *text, unsigned left_ms,
    void *arg)
{
	size_t length = strlen(heard);

	(void)left_ms;

	CHECK(arg == &conf);
	snprintf(heard + length, sizeof(heard) - length, "%c %s\n",
	    "???EW?ID"[level], text);
}

/* Was exactly this said? Then forget it. */
static bool
said(const char *lines)
{
	bool yes = strcmp(heard, lines) == 0;

	if (!yes)
		printf("  said:\n%s  wanted:\n%s", heard, lines);
	heard[0] = '\0';
	return yes;
}

/* Does a line begin so and have this in it? Then forget all of them. */
static bool
said_about(const char *begin, const char *within)
{
	const char *at = strstr(heard, begin);
	bool yes = at != NULL && (at == heard || at[-1] == '\n') &&
		   strstr(at, within) != NULL;

	if (!yes)
		printf("  said:\n%s  wanted: %s ... %s\n", heard, begin,
		    within);
	heard[0] = '\0';
	return yes;
}

static void
set(const char *argument)
{
	const char *const words[] = { first.name, second.name, absent };
	struct drac_why why = { "" };
	char text[512];

	expand(argument, words, text, sizeof(text));
	CHECK_ROW(drac_conf_argument(&conf, text, &why) == 0, why.text);
}

/* This place, no server, and no failure remembered. */
static void
afresh(void)
{
	char text[256];

	drac_conf_free(&conf);
	if (drac_conf_init(&conf) == -1)
		server_die("conf");
	snprintf(text, sizeof(text), "database=%s", path);
	set(text);
	snprintf(text, sizeof(text), "socket=%s", socket_path);
	set(text);
	set("timeout=20s");
	set("allow_gateway"); /* whatever addresses this machine has */
	fresh_dir();
	empty_dir(breaker);
	server_reset(&local);
	server_reset(&first);
	server_reset(&second);
	heard[0] = '\0';
}

static struct drac_login
login_from(const char *text)
{
	struct drac_login login = { .conf = &conf,
		.say = hear,
		.say_arg = &conf,
		.hosts = "/nonexistent/hosts",
		.breaker_dir = breaker,
		.now = NOW,
		.boot = 1000,
		.user = "alice",
		.service = "imap",
		.level = DRAC_LOGIN_INFO };
	struct drac_addr from = addr(text);

	drac_login_found(&login, &from);
	return login;
}

/* The whole of it; free *mark. */
static enum drac_outcome
log_in(struct drac_login *login, struct drac_mark **mark)
{
	enum drac_outcome outcome = DRAC_REFUSED;

	errno = 4242;
	*mark = NULL;
	if (drac_login_may_record(login)) {
		*mark = drac_login_mark(login);
		outcome = drac_login_record(login, *mark);
	}
	drac_login_conclude(login, outcome);
	CHECK(errno == 4242);
	return outcome;
}

static enum drac_outcome
log_in_from(const char *text)
{
	struct drac_login login = login_from(text);
	struct drac_mark *mark;
	enum drac_outcome outcome = log_in(&login, &mark);

	free(mark);
	return outcome;
}

static time_t
in_map(const char *text)
{
	struct drac_store_opts opts = options();
	struct drac_addr a = addr(text);
	struct drac_store *store;
	time_t expiry;

	opts.may_create = true;
	store = open_with(&opts);
	expiry = expiry_of(store, &a);
	drac_store_close(store);
	return expiry;
}

/* Words and policy */

static void
words_are_harmless(void)
{
	static const struct {
		const char *text;
		const char *word;
	} rows[] = {
		{ "alice", "alice" },
		{ "", "-" },
		{ "alice@example.org", "alice@example.org" },
		{ "a b", "a\\x20b" },
		{ "a\nb", "a\\x0ab" },
		{ "\"\\", "\\x22\\x5c" },
		{ "\xc3\xa9", "\\xc3\\xa9" },
		{ "\x7f\x1b[2J", "\\x7f\\x1b[2J" },
		{ "0123456789012345678901234567890123456789"
		  "0123456789012345678901234567890123456789"
		  "012345678901234",
		    "0123456789012345678901234567890123456789"
		    "0123456789012345678901234567890123456789"
		    "012345678..." },
	};
	char word[DRAC_LOGIN_WORD];

	for (size_t i = 0; i < COUNT(rows); i++) {
		drac_login_word(rows[i].text, word);
		CHECK_ROW(strcmp(word, rows[i].word) == 0, rows[i].text);
	}
}

static void
policy_decides(void)
{
	static const struct {
		const char *from;
		const char *exclude;
		enum drac_scope scope;
		const char *net;
		const char *why;
	} rows[] = {
		{ "192.0.2.7", NULL, DRAC_SCOPE_HOST, NULL, "" },
		{ "::ffff:192.0.2.7", NULL, DRAC_SCOPE_HOST, NULL, "" },
		{ "2001:db8::7", "2001:db8:1::/48", DRAC_SCOPE_HOST, NULL, "" },
		{ "192.0.2.7", "198.51.100.0/24", DRAC_SCOPE_HOST, NULL, "" },
		{ "192.0.2.7", "192.0.2.8", DRAC_SCOPE_HOST, NULL, "" },
		{ "192.0.2.7", "192.0.2.0/24", DRAC_SCOPE_HOST, "192.0.2.0",
		    "192.0.2.7 is in 192.0.2.0/24, which is excluded" },
		{ "::ffff:192.0.2.7", "192.0.2.7", DRAC_SCOPE_HOST, "192.0.2.7",
		    "192.0.2.7 is in 192.0.2.7/32, which is excluded" },
		{ "2001:db8:1::7", "2001:db8:1::/48", DRAC_SCOPE_HOST,
		    "2001:db8:1::",
		    "2001:db8:1::7 is in 2001:db8:1::/48, which is excluded" },
		{ "127.0.0.1", NULL, DRAC_SCOPE_LOOPBACK, NULL,
		    "127.0.0.1 is never recorded: loopback" },
		{ "127.0.0.1", "127.0.0.0/8", DRAC_SCOPE_LOOPBACK, NULL,
		    "127.0.0.1 is never recorded: loopback" },
		{ "::1", NULL, DRAC_SCOPE_LOOPBACK, NULL,
		    "::1 is never recorded: loopback" },
		{ "0.0.0.0", NULL, DRAC_SCOPE_UNSPECIFIED, NULL,
		    "0.0.0.0 is never recorded: unspecified" },
		{ "fe80::1", NULL, DRAC_SCOPE_LINKLOCAL, NULL,
		    "fe80::1 is never recorded: link-local" },
		{ "ff02::1", NULL, DRAC_SCOPE_MULTICAST, NULL,
		    "ff02::1 is never recorded: multicast" },
		{ "255.255.255.255", NULL, DRAC_SCOPE_RESERVED, NULL,
		    "255.255.255.255 is never recorded: reserved" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		bool may = rows[i].why[0] == '\0';
		struct drac_conf_ban ban;
		struct drac_login login;
		char text[64], net[DRAC_ADDR_TEXT] = "";

		afresh();
		snprintf(text, sizeof(text), "exclude=%s",
		    rows[i].exclude != NULL ? rows[i].exclude : "");
		if (rows[i].exclude != NULL)
			set(text);
		login = login_from(rows[i].from);
		CHECK_ROW(drac_conf_may_record(&conf, &login.addr, &ban) == may,
		    rows[i].from);
		CHECK_ROW(ban.scope == rows[i].scope, rows[i].from);
		if (ban.net != NULL)
			drac_addr_text(&ban.net->addr, net);
		CHECK_ROW(strcmp(net, rows[i].net != NULL ? rows[i].net : "") ==
			      0,
		    rows[i].from);
		CHECK_ROW(drac_login_may_record(&login) == may, rows[i].from);
		CHECK_ROW(strcmp(login.why.text, rows[i].why) == 0,
		    rows[i].from);
	}
}

static void
refused_is_said_and_nothing_done(void)
{
	afresh();
	CHECK(log_in_from("127.0.0.1") == DRAC_REFUSED);
	CHECK(said("I not recorded for alice (imap): 127.0.0.1 is never "
		   "recorded: loopback\n"));
	CHECK(!there(""));
}

static void
services_are_counted(void)
{
	static const struct {
		const char *services;
		const char *service;
		bool counts;
	} rows[] = {
		{ NULL, "imap", true },
		{ NULL, "", true },
		{ "services=imap", "imap", true },
		{ "services=pop3 imap", "IMAP", true },
		{ "services=Dovecot", "dovecot", true },
		{ "services=imap", "imaps", false },
		{ "services=imap", "ima", false },
		{ "services=imap", "", false },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_login login;

		afresh();
		if (rows[i].services != NULL)
			set(rows[i].services);
		login = login_from(CLIENT);
		CHECK_ROW(drac_login_serves(&login, rows[i].service) ==
			      rows[i].counts,
		    rows[i].service);
		CHECK_ROW(strcmp(login.why.text,
			      rows[i].counts
				  ? ""
				  : "the service is not among services=") == 0,
		    rows[i].service);
	}
}

/* The map */

static void
direct_is_written_and_said(void)
{
	afresh();
	CHECK(log_in_from(CLIENT) == DRAC_RECORDED);
	CHECK(said("I authorised 192.0.2.7 until 22:43:20Z for alice "
		   "(imap)\n"));
	CHECK(in_map(CLIENT) == NOW + 1800);
	CHECK(log_in_from("2001:db8:1:2::7") == DRAC_RECORDED);
	CHECK(said("I authorised 2001:db8:1:2::7 until 22:43:20Z for alice "
		   "(imap)\n"));
}

static void
what_postfix_does_not_find_is_said(void)
{
	static const struct {
		const char *setting, *addr, *note;
	} rows[] = {
		{ NULL, "2001:db8::7",
		    ", but not for a Postfix that reads the file (drac(7), "
		    "RISKS)" },
		{ "readers=exim,sendmail", "2001:db8::7", "" },
		{ "readers=postfix", "2001:db8:1:2::7", "" },
		{ "key_style=cidr", "2001:db8::7", "" },
		{ "prefix6=64", "2001:db8::7", "" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char line[256];

		afresh();
		if (rows[i].setting != NULL)
			set(rows[i].setting);
		snprintf(line, sizeof(line),
		    "I authorised %s until 22:43:20Z for alice (imap)%s\n",
		    rows[i].addr, rows[i].note);
		CHECK(log_in_from(rows[i].addr) == DRAC_RECORDED);
		CHECK_ROW(said(line), line);
	}
}

static void
direct_again_names_the_user(void)
{
	struct drac_login login;
	struct drac_mark *mark;

	afresh();
	CHECK(log_in_from(CLIENT) == DRAC_RECORDED);
	heard[0] = '\0';
	login = login_from(CLIENT);
	drac_login_word("bob", login.user);
	CHECK(log_in(&login, &mark) == DRAC_RECORDED);
	CHECK(said("I 192.0.2.7 is already authorised until 22:43:20Z, for "
		   "bob (imap) too\n"));
	free(mark);
}

/* Of those who are logged in: what is opened and what fails. */
static void
renewal_says_what_it_opens(void)
{
	static const struct {
		time_t expiry; /* in the map; 0: none */
		const char *lines;
	} rows[] = {
		{ 0, "I authorised 192.0.2.7 until 22:43:20Z for alice "
		     "(imap)\n" },
		{ NOW, "I authorised 192.0.2.7 until 22:43:20Z for alice "
		       "(imap)\n" },
		{ NOW + 1, "" },
		{ NOW + 1800, "" },
	};
	struct drac_store_opts opts = options();

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_login login;
		struct drac_mark *mark;
		struct drac_store *store;

		afresh();
		store = open_with(&opts);
		if (rows[i].expiry != 0) {
			struct drac_addr a = addr(CLIENT);

			CHECK(drac_store_set(store, &a, rows[i].expiry, NULL) ==
			      0);
		}
		drac_store_close(store);
		login = login_from(CLIENT);
		login.renewal = true;
		CHECK(log_in(&login, &mark) == DRAC_RECORDED);
		CHECK_ROW(said(rows[i].lines), rows[i].lines);
		free(mark);
		login = login_from("127.0.0.1");
		login.renewal = true;
		CHECK(log_in(&login, &mark) == DRAC_REFUSED);
		CHECK(said(""));
		login = login_from(CLIENT);
		login.renewal = true;
		login.spent_ms = conf.timeout_ms;
		CHECK(log_in(&login, &mark) == DRAC_FAILED);
		CHECK(said_about("W not recorded", "used up"));
		free(mark);
	}
}

static void
time_of_the_login_is_spent(void)
{
	struct drac_login login;
	struct drac_mark *mark;

	afresh();
	login = login_from(CLIENT);
	login.spent_ms = conf.timeout_ms;
	CHECK(log_in(&login, &mark) == DRAC_FAILED);
	CHECK(said("W not recorded for alice (imap): the timeout of this "
		   "login is used up; client 192.0.2.7\n"));
	CHECK(!there(""));
	CHECK(!drac_login_is_marked(mark));
	CHECK(mark->opts.timeout_ms == conf.timeout_ms / 4);
	free(mark);
	set("server=%A");
	login = login_from(CLIENT);
	login.spent_ms = conf.timeout_ms + 1;
	CHECK(log_in(&login, &mark) == DRAC_FAILED);
	CHECK(first.served->adds == 0);
	free(mark);
}

/* With a lock that is held the whole time is spent, and no more. */
static void
waiting_ends_with_the_time(void)
{
	struct drac_login login;
	struct drac_mark *mark;
	char name[160];
	int fd;

	afresh();
	CHECK(log_in_from(CLIENT) == DRAC_RECORDED);
	heard[0] = '\0';
	snprintf(name, sizeof(name), "%s.lock", path);
	fd = open(name, O_RDWR | O_CLOEXEC);
	CHECK(fd != -1 && flock(fd, LOCK_EX) == 0);
	conf.timeout_ms = 100;
	login = login_from("192.0.2.8");
	CHECK(log_in(&login, &mark) == DRAC_FAILED);
	CHECK(said_about("W not recorded for alice (imap): ",
	    "; client 192.0.2.8\n"));
	CHECK(login.spent_ms >= 100);
	CHECK(!drac_login_is_marked(mark));
	free(mark);
	(void)close(fd);
	CHECK(in_map("192.0.2.8") == -1);
}

static void
direct_failures(void)
{
	struct drac_store_opts opts = options();
	struct drac_store *owner;

	afresh();
	CHECK(chmod(dir, 0777) == 0);
	CHECK(log_in_from(CLIENT) == DRAC_FAILED);
	CHECK(said_about("E not recorded for alice (imap): ",
	    "; client 192.0.2.7\n"));
	CHECK(!there(""));

	afresh();
	opts.owner = true;
	owner = open_with(&opts);
	CHECK(log_in_from(CLIENT) == DRAC_FAILED);
	CHECK(said_about("E not recorded for alice (imap): ",
	    ": set server = local; client 192.0.2.7\n"));
	drac_store_close(owner);
}

static void
limit_files(rlim_t octets)
{
	struct rlimit limit;

	CHECK(getrlimit(RLIMIT_FSIZE, &limit) == 0);
	limit.rlim_cur = octets;
	CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

static bool
is_pending(void)
{
	sigset_t set;

	CHECK(sigpending(&set) == 0);
	return sigismember(&set, SIGXFSZ) == 1;
}

/*
 * Below the size of the lock's text, of the map and of the journal: whatever
 * the map is, the login is not recorded, nor killed by SIGXFSZ.
 */
static void
file_size_limit_is_an_error(void)
{
	static const rlim_t limits[] = { 0, 1, 4096, 100000, 1048575, 1048576,
		1064959 };
	sigset_t before, after;

	CHECK(sigprocmask(SIG_SETMASK, NULL, &before) == 0);
	for (size_t i = 0; i < COUNT(limits); i++) {
		char row[32];

		snprintf(row, sizeof(row), "%ju", (uintmax_t)limits[i]);
		for (int made = 0; made < 2; made++) {
			afresh();
			if (made == 1)
				CHECK(log_in_from("192.0.2.1") ==
				      DRAC_RECORDED);
			heard[0] = '\0';
			limit_files(limits[i]);
			CHECK_ROW(log_in_from(CLIENT) == DRAC_FAILED, row);
			limit_files(RLIM_INFINITY);
			CHECK(said_about("E not recorded for alice (imap): ",
			    "; client 192.0.2.7\n"));
			CHECK_ROW(in_map(CLIENT) == -1, row);
			CHECK_ROW(made == 0 ||
				      in_map("192.0.2.1") == NOW + 1800,
			    row);
			CHECK_ROW(log_in_from(CLIENT) == DRAC_RECORDED, row);
			CHECK_ROW(in_map(CLIENT) == NOW + 1800, row);
		}
	}
	CHECK(!is_pending());
	CHECK(sigprocmask(SIG_SETMASK, NULL, &after) == 0);
	CHECK(sigismember(&before, SIGXFSZ) == sigismember(&after, SIGXFSZ));
}

/* What a login that is taken back writes, too. */
static void
file_size_limit_at_the_end_is_an_error(void)
{
	struct drac_login login;
	struct drac_mark *mark;

	afresh();
	login = login_from(CLIENT);
	CHECK(log_in(&login, &mark) == DRAC_RECORDED);
	heard[0] = '\0';
	limit_files(0);
	drac_login_take_back(&login, mark, "wrong moon");
	limit_files(RLIM_INFINITY);
	CHECK(said_about("E could not take back 192.0.2.7 of alice (imap): ",
	    "may write files of 0 octets"));
	CHECK(in_map(CLIENT) == NOW + 1800);
	free(mark);
}

static enum drac_outcome
record_all(struct drac_login *logins, size_t count)
{
	drac_login_record_all(logins, count);
	for (size_t i = 1; i < count; i++)
		CHECK(logins[i].outcome == logins[0].outcome);
	return logins[0].outcome;
}

static void
many_beyond_a_file_size_limit(void)
{
	struct drac_login logins[2];

	afresh();
	logins[0] = login_from("192.0.2.1");
	logins[1] = login_from("192.0.2.2");
	limit_files(4096);
	CHECK(record_all(logins, 2) == DRAC_FAILED);
	limit_files(RLIM_INFINITY);
	CHECK(!is_pending());
	CHECK(in_map("192.0.2.1") == -1);
}

/* A program's own signal is not ours to take. */
static void
pending_signal_stays(void)
{
	sigset_t ours, before;

	(void)sigemptyset(&ours);
	(void)sigaddset(&ours, SIGXFSZ);
	CHECK(sigprocmask(SIG_BLOCK, &ours, &before) == 0);
	for (int directed = 0; directed < 2; directed++) {
		afresh();
		CHECK((directed ? raise(SIGXFSZ) : kill(getpid(), SIGXFSZ)) ==
		      0);
		limit_files(4096);
		CHECK(log_in_from(CLIENT) == DRAC_FAILED);
		limit_files(RLIM_INFINITY);
		CHECK(is_pending());
		while (is_pending())
			CHECK(sigwaitinfo(&ours, NULL) == SIGXFSZ);
	}
	CHECK(sigprocmask(SIG_SETMASK, &before, NULL) == 0);
}

static void
direct_is_taken_back(void)
{
	struct drac_login login;
	struct drac_mark *mark, *again;

	afresh();
	login = login_from(CLIENT);
	CHECK(log_in(&login, &mark) == DRAC_RECORDED);
	CHECK(drac_login_is_marked(mark));
	CHECK(strcmp(mark->where, path) == 0);
	heard[0] = '\0';
	drac_login_take_back(&login, mark, "wrong moon");
	CHECK(said("I took back 192.0.2.7: the login of alice (imap) failed: "
		   "wrong moon\n"));
	CHECK(in_map(CLIENT) == -1);
	/* Somebody else's by now */
	drac_login_take_back(&login, mark, "wrong moon");
	CHECK(said(""));
	free(mark);

	login = login_from(CLIENT);
	CHECK(log_in(&login, &mark) == DRAC_RECORDED);
	CHECK(log_in(&login, &again) == DRAC_RECORDED);
	CHECK(!drac_login_is_marked(again));
	free(again);
	heard[0] = '\0';
	CHECK(chmod(dir, 0777) == 0);
	drac_login_take_back(&login, mark, "wrong moon");
	CHECK(said_about("E could not take back 192.0.2.7 of alice (imap): ",
	    dir));
	CHECK(chmod(dir, 0755) == 0);
	free(mark);
}

/* Many at once */

static void
many_are_written_together(void)
{
	static struct drac_login logins[DRAC_OPS_MAX];
	struct drac_store *store;

	afresh();
	for (unsigned i = 0; i < DRAC_OPS_MAX; i++) {
		struct drac_addr from = nth(i);

		logins[i] = login_from(CLIENT);
		drac_login_found(&logins[i], &from);
	}
	errno = 4242;
	CHECK(record_all(logins, DRAC_OPS_MAX) == DRAC_RECORDED);
	CHECK(errno == 4242);
	CHECK(strncmp(heard, "I authorised 2001:db8:", 22) == 0);
	store = open_with(&(struct drac_store_opts){ .path = path,
	    .mode = 0644,
	    .timeout_ms = 5000 });
	for (unsigned i = 0; i < DRAC_OPS_MAX; i++)
		CHECK(expiry_of(store, &logins[i].addr) == NOW + 1800);
	drac_store_close(store);
	drac_login_record_all(logins, 0);
}

static void
many_say_each_its_own(void)
{
	struct drac_login logins[3];

	afresh();
	set("debug");
	logins[0] = login_from(CLIENT);
	logins[1] = login_from("192.0.2.8");
	logins[2] = login_from(CLIENT);
	strcpy(logins[1].user, "bob");
	CHECK(record_all(logins, 3) == DRAC_RECORDED);
	CHECK(said("I authorised 192.0.2.7 until 22:43:20Z for alice (imap)\n"
		   "I authorised 192.0.2.8 until 22:43:20Z for bob (imap)\n"
		   "I 192.0.2.7 is already authorised until 22:43:20Z, for "
		   "alice (imap) too\n"));
}

static void
close_address(const char *text, time_t until)
{
	struct drac_store *store = open_with(&(struct drac_store_opts){
	    .path = path, .mode = 0644, .timeout_ms = 5000 });
	struct drac_net net = { addr(text), 32 };

	CHECK(drac_store_close_net(store, &net, until, NOW, NULL) == 0);
	drac_store_close(store);
}

/* Closed by the administrator: policy, and no failure with strict either. */
static void
closed_address_is_refused(void)
{
	struct drac_login logins[3];
	struct drac_mark *mark;

	afresh();
	set("strict");
	logins[0] = login_from("192.0.2.9");
	CHECK(record_all(logins, 1) == DRAC_RECORDED);
	close_address(CLIENT, NOW + 3600);
	heard[0] = '\0';
	logins[0] = login_from(CLIENT);
	mark = drac_login_mark(&logins[0]);
	CHECK(drac_login_record(&logins[0], mark) == DRAC_REFUSED);
	CHECK(!drac_login_is_marked(mark));
	drac_login_conclude(&logins[0], DRAC_REFUSED);
	CHECK(said("I not recorded for alice (imap): 192.0.2.7 is closed until "
		   "23:13:20Z\n"));
	CHECK(in_map(CLIENT) == -1);
	free(mark);

	/* Among many the others are recorded. */
	heard[0] = '\0';
	logins[0] = login_from("192.0.2.10");
	logins[1] = login_from(CLIENT);
	logins[2] = login_from("192.0.2.11");
	drac_login_record_all(logins, 3);
	CHECK(logins[0].outcome == DRAC_RECORDED);
	CHECK(logins[1].outcome == DRAC_REFUSED);
	CHECK(logins[2].outcome == DRAC_RECORDED);
	drac_login_conclude(&logins[1], logins[1].outcome);
	CHECK(said("I authorised 192.0.2.10 until 22:43:20Z for alice (imap)\n"
		   "I authorised 192.0.2.11 until 22:43:20Z for alice (imap)\n"
		   "I not recorded for alice (imap): 192.0.2.7 is closed until "
		   "23:13:20Z\n"));
	CHECK(in_map(CLIENT) == -1 && in_map("192.0.2.11") == NOW + 1800);
}

static void
many_fail_together(void)
{
	struct drac_login logins[2];

	afresh();
	CHECK(chmod(dir, 0777) == 0);
	logins[0] = login_from(CLIENT);
	logins[1] = login_from("192.0.2.8");
	CHECK(record_all(logins, 2) == DRAC_FAILED);
	CHECK(said(""));
	drac_login_conclude(&logins[0], DRAC_FAILED);
	CHECK(said_about("E not recorded for alice (imap): ",
	    "; client 192.0.2.7\n"));
	drac_login_conclude(&logins[1], DRAC_FAILED);
	CHECK(said_about("E not recorded for alice (imap): ",
	    "; client 192.0.2.8\n"));
	CHECK(!there(""));
}

/* Servers */

static void
outcome_by_server(void)
{
	static const struct {
		const char *name;
		const char *servers;
		enum manner manner; /* of local and the first */
		enum drac_outcome outcome;
		bool marked;
		const char *begin, *within;
	} rows[] = {
		{ "local", "server=local", ANSWERS, DRAC_RECORDED, true,
		    "I authorised 192.0.2.7 until ",
		    "Z for alice (imap) by local\n" },
		{ "host", "server=%A", ANSWERS, DRAC_RECORDED, true,
		    "I authorised 192.0.2.7 for alice (imap) by ",
		    "by 127.0.0.1:" },
		{ "both", "server=local %B", ANSWERS, DRAC_RECORDED, true,
		    "I authorised 192.0.2.7 for alice (imap) by local, ",
		    "127.0.0.1:" },
		{ "local refuses", "server=local", REFUSES, DRAC_FAILED, false,
		    "E not recorded for alice (imap): local: refused us ",
		    "; client 192.0.2.7\n" },
		{ "host refuses", "server=%A", REFUSES, DRAC_FAILED, false,
		    "E not recorded for alice (imap): 127.0.0.1:",
		    "; client 192.0.2.7\n" },
		{ "local cannot", "server=local", FAILS, DRAC_FAILED, false,
		    "E not recorded for alice (imap): local: could not ",
		    "; client 192.0.2.7\n" },
		{ "local excludes", "server=local", EXCLUDES, DRAC_REFUSED,
		    false, "I not recorded for alice (imap): local: it is ",
		    "(excluded)\n" },
		{ "one refuses", "server=%A %B", REFUSES, DRAC_RECORDED, true,
		    "E authorised 192.0.2.7 for alice (imap) by 127.0.0.1:",
		    "; not by 127.0.0.1:" },
		{ "one cannot", "server=%A %B", FAILS, DRAC_RECORDED, true,
		    "W authorised 192.0.2.7 for alice (imap) by 127.0.0.1:",
		    "; not by 127.0.0.1:" },
		{ "one excludes", "server=local %B", EXCLUDES, DRAC_RECORDED,
		    true, "I authorised 192.0.2.7 for alice (imap) by ",
		    "; not by local: it is" },
		{ "absent", "server=%C", ANSWERS, DRAC_FAILED, false,
		    "E not recorded for alice (imap): 127.0.0.1:",
		    "Connection refused; client 192.0.2.7\n" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_login login;
		struct drac_mark *mark;

		afresh();
		set(rows[i].servers);
		local.served->manner = first.served->manner = rows[i].manner;
		login = login_from(CLIENT);
		CHECK_ROW(log_in(&login, &mark) == rows[i].outcome,
		    rows[i].name);
		CHECK_ROW(drac_login_is_marked(mark) == rows[i].marked,
		    rows[i].name);
		CHECK_ROW(said_about(rows[i].begin, rows[i].within),
		    rows[i].name);
		CHECK_ROW(!there(""), rows[i].name);
		free(mark);
	}
}

static void
strict_wants_all_servers(void)
{
	struct drac_login login;
	struct drac_mark *mark;

	afresh();
	set("server=%A %B");
	set("strict");
	first.served->manner = REFUSES;
	login = login_from(CLIENT);
	CHECK(log_in(&login, &mark) == DRAC_FAILED);
	CHECK(drac_login_is_marked(mark));
	CHECK(said_about("E authorised 192.0.2.7 for alice (imap) by ",
	    "; not by "));
	free(mark);
}

static void
silent_server_takes_all_the_time(void)
{
	struct drac_login login;
	struct drac_mark *mark;

	afresh();
	set("server=local");
	conf.timeout_ms = 100;
	local.served->manner = SILENT;
	login = login_from(CLIENT);
	CHECK(log_in(&login, &mark) == DRAC_FAILED);
	CHECK(login.spent_ms >= 100);
	CHECK(said("W not recorded for alice (imap): local: no answer within "
		   "100 ms; client 192.0.2.7\n"));
	free(mark);
}

static void
fallback_when_no_server_answers(void)
{
	static const struct {
		const char *servers;
		enum manner manner;
		enum drac_outcome outcome;
		const char *begin, *within;
	} rows[] = {
		{ "server=%C", ANSWERS, DRAC_RECORDED,
		    "W authorised 192.0.2.7 until 22:43:20Z for alice (imap) "
		    "(directly, for no server answered: 127.0.0.1:",
		    "Connection refused)\n" },
		{ "server=%A", REFUSES, DRAC_RECORDED,
		    "W authorised 192.0.2.7 until 22:43:20Z for alice (imap) "
		    "(directly, for no server answered: 127.0.0.1:",
		    "refused us" },
		{ "server=local", EXCLUDES, DRAC_REFUSED,
		    "I not recorded for alice (imap): local: ", "(excluded)" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		afresh();
		set("fallback=direct");
		set(rows[i].servers);
		local.served->manner = first.served->manner = rows[i].manner;
		CHECK_ROW(log_in_from(CLIENT) == rows[i].outcome,
		    rows[i].servers);
		CHECK_ROW(said_about(rows[i].begin, rows[i].within),
		    rows[i].servers);
		CHECK_ROW(there("") == (rows[i].outcome == DRAC_RECORDED),
		    rows[i].servers);
	}
	afresh();
	set("fallback=direct");
	set("server=%A");
	CHECK(log_in_from(CLIENT) == DRAC_RECORDED);
	CHECK(first.served->adds == 1 && !there(""));
}

/* Each login would say it, and there is one place for all of a process. */
static void
breaker_without_a_place_is_said_once(void)
{
	afresh();
	set("server=%C");
	CHECK(chmod(breaker, 0775) == 0);
	CHECK(log_in_from(CLIENT) == DRAC_FAILED);
	CHECK(strncmp(heard, "W /", 3) == 0);
	CHECK(strstr(heard, ": not root's, or writable by others: each login "
			    "waits for a server that does not answer\n") !=
	      NULL);
	heard[0] = '\0';
	CHECK(log_in_from(CLIENT) == DRAC_FAILED);
	CHECK(said_about("E not recorded for alice (imap): ", "; client"));
	CHECK(chmod(breaker, 0755) == 0);
}

static void
breaker_is_told_of(void)
{
	struct drac_login login;
	struct drac_mark *mark;

	afresh();
	set("server=%C");
	for (int i = 0; i < DRAC_BREAKER_FAILURES; i++) {
		CHECK(strstr(heard, "left alone") == NULL);
		CHECK(log_in_from(CLIENT) == DRAC_FAILED);
	}
	CHECK(strstr(heard, "W 127.0.0.1:") != NULL);
	CHECK(strstr(heard,
		  " has not answered 3 logins in a row: left alone for 30 "
		  "seconds\n") != NULL);
	heard[0] = '\0';
	CHECK(log_in_from(CLIENT) == DRAC_FAILED);
	CHECK(said_about("W not recorded for alice (imap): 127.0.0.1:",
	    "did not answer lately"));

	afresh();
	set("server=local");
	local.served->manner = HANGS_UP;
	for (int i = 0; i < DRAC_BREAKER_FAILURES; i++)
		CHECK(log_in_from(CLIENT) == DRAC_FAILED);
	local.served->manner = ANSWERS;
	heard[0] = '\0';
	login = login_from(CLIENT);
	login.boot += DRAC_BREAKER_PAUSE_S + 1;
	CHECK(log_in(&login, &mark) == DRAC_RECORDED);
	CHECK(said_about("I local answers again\n",
	    "I authorised 192.0.2.7 until "));
	free(mark);
}

static void
servers_take_back_what_they_can(void)
{
	struct drac_login login;
	struct drac_mark *mark;
	char wanted[512];

	afresh();
	set("server=local %A %B");
	login = login_from(CLIENT);
	CHECK(log_in(&login, &mark) == DRAC_RECORDED);
	heard[0] = '\0';
	drac_login_take_back(&login, mark, "wrong moon");
	snprintf(wanted, sizeof(wanted),
	    "I took back 192.0.2.7: the login of alice (imap) failed: wrong "
	    "moon\n"
	    "W could not take back 192.0.2.7 of alice (imap): kept until it "
	    "expires by %s, %s\n",
	    first.name, second.name);
	CHECK(said(wanted));
	CHECK(local.served->backs == 1);
	CHECK(served_expiry(&local, CLIENT) == 0);
	local.served->manner = REFUSES;
	drac_login_take_back(&login, mark, "wrong moon");
	CHECK(said_about("E could not take back 192.0.2.7 of alice (imap): "
			 "local: refused us",
	    "kept until"));
	free(mark);
}

/* The mark outlives the configuration. */
static void
mark_owns_what_it_needs(void)
{
	struct drac_login login;
	struct drac_mark *mark;

	afresh();
	login = login_from(CLIENT);
	CHECK(log_in(&login, &mark) == DRAC_RECORDED);
	drac_conf_free(&conf);
	memset(&conf, 0, sizeof(conf));
	login.conf = NULL;
	heard[0] = '\0';
	drac_login_take_back(&login, mark, "wrong moon");
	CHECK(said_about("I took back 192.0.2.7", "wrong moon"));
	free(mark);
}

static void
make_place(void)
{
	begin();
	snprintf(socket_path, sizeof(socket_path), "%s/sock", base);
	snprintf(breaker, sizeof(breaker), "%s/breaker", base);
	server_on_path(&local, socket_path);
	server_on_port(&first);
	server_on_port(&second);
	close(bind_port(absent));
}

static void
remove_place(void)
{
	server_stop(&local);
	server_stop(&first);
	server_stop(&second);
	drac_conf_free(&conf);
	(void)unlink(socket_path);
	empty_dir(breaker);
	(void)rmdir(breaker);
	end();
}

int
main(void)
{
	make_place();
	RUN(words_are_harmless);
	RUN(policy_decides);
	RUN(refused_is_said_and_nothing_done);
	RUN(services_are_counted);
	RUN(direct_is_written_and_said);
	RUN(what_postfix_does_not_find_is_said);
	RUN(direct_again_names_the_user);
	RUN(renewal_says_what_it_opens);
	RUN(time_of_the_login_is_spent);
	RUN(waiting_ends_with_the_time);
	RUN(direct_failures);
	RUN(file_size_limit_is_an_error);
	RUN(file_size_limit_at_the_end_is_an_error);
	RUN(many_beyond_a_file_size_limit);
	RUN(pending_signal_stays);
	RUN(direct_is_taken_back);
	RUN(many_are_written_together);
	RUN(many_say_each_its_own);
	RUN(closed_address_is_refused);
	RUN(many_fail_together);
	RUN(outcome_by_server);
	RUN(strict_wants_all_servers);
	RUN(silent_server_takes_all_the_time);
	RUN(fallback_when_no_server_answers);
	RUN(breaker_is_told_of);
	RUN(breaker_without_a_place_is_said_once);
	RUN(servers_take_back_what_they_can);
	RUN(mark_owns_what_it_needs);
	remove_place();
	return TEST_RESULT();
}
