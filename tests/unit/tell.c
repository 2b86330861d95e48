/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * One login told to several daemons: who is asked and where, what becomes
 * of each, and what of it is remembered for the next login.
 */
#include "tell.h"

#include <sys/stat.h>

#include <dirent.h>

#include "breaker.h"
#include "server.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define CLIENT       "192.0.2.7"

static char place[] = "/tmp/drac-tell.XXXXXX";
static char socket_path[64], stale_path[64], hosts_path[64], breaker[64];
static char absent[64]; /* where no server is */
static struct server local, first, second;

static void
forget_failures(void)
{
	struct dirent *entry;
	DIR *dir = opendir(breaker);

	while (dir != NULL && (entry = readdir(dir)) != NULL)
		unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir != NULL)
		closedir(dir);
}

static void
start_afresh(void)
{
	forget_failures();
	server_reset(&local);
	server_reset(&first);
	server_reset(&second);
}

static const char *
port_of(const struct server *server)
{
	return strrchr(server->name, ':') + 1;
}

static void
make_place(void)
{
	FILE *file;

	if (mkdtemp(place) == NULL)
		server_die(place);
	snprintf(socket_path, sizeof(socket_path), "%s/sock", place);
	snprintf(stale_path, sizeof(stale_path), "%s/stale", place);
	snprintf(hosts_path, sizeof(hosts_path), "%s/hosts", place);
	snprintf(breaker, sizeof(breaker), "%s/breaker", place);
	server_on_path(&local, socket_path);
	server_on_port(&first);
	server_on_port(&second);
	close(bind_path(stale_path));
	close(bind_port(absent));
	file = fopen(hosts_path, "we");
	if (file == NULL ||
	    fputs("# names\n127.0.0.1 smtp1.example.org smtp1\n", file) < 0 ||
	    fclose(file) != 0)
		server_die(hosts_path);
}

static void
remove_place(void)
{
	server_stop(&local);
	server_stop(&first);
	server_stop(&second);
	forget_failures();
	unlink(socket_path);
	unlink(stale_path);
	unlink(hosts_path);
	rmdir(breaker);
	rmdir(place);
}

/*
 * A configuration with these servers: %A and %B are those on ports, %C is
 * one that is not there, %D the port of the first.
 */
static void
configure(struct drac_conf *conf, const char *servers)
{
	const char *const words[] = { first.name, second.name, absent,
		port_of(&first) };
	char names[256], text[300], path[128];
	struct drac_why why = { "" };

	expand(servers, words, names, sizeof(names));
	snprintf(text, sizeof(text), "server=%s", names);
	snprintf(path, sizeof(path), "socket=%s", socket_path);
	CHECK_ROW(drac_conf_init(conf) == 0 &&
		      drac_conf_argument(conf, text, &why) == 0 &&
		      drac_conf_argument(conf, path, &why) == 0,
	    why.text);
}

static struct drac_news
tell_at(const char *servers, unsigned timeout_ms, time_t boot)
{
	struct drac_addr addr = { 0 };
	struct drac_conf conf;
	struct drac_news news;
	struct drac_tell tell = { .conf = &conf,
		.hosts = hosts_path,
		.breaker_dir = breaker,
		.boot = boot,
		.user = "alice",
		.service = "dovecot",
		.timeout_ms = timeout_ms };

	configure(&conf, servers);
	drac_addr_parse(CLIENT, &addr);
	errno = 4242;
	drac_tell(&tell, &addr, &news);
	CHECK(errno == 4242);
	for (size_t i = 0; i < news.count; i++)
		CHECK(strcmp(news.told[i].name, conf.servers[i].name) == 0);
	drac_conf_free(&conf);
	return news;
}

static struct drac_news
tell(const char *servers)
{
	return tell_at(servers, 20000, 1000);
}

static long
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void
every_server_is_told(void)
{
	struct drac_news news;
	time_t now = time(NULL);

	start_afresh();
	news = tell("local %A %B");
	CHECK(news.count == 3 && news.kept == 3 && news.excluded == 0);
	CHECK(news.told[0].local && !news.told[1].local);
	for (size_t i = 0; i < news.count; i++)
		CHECK(news.told[i].kept && news.told[i].error == 0 &&
		      news.told[i].why.text[0] == '\0');
	CHECK(news.grant.written && news.grant.previous == 0);
	CHECK(news.grant.expiry >= now + SERVER_LIFETIME);
	CHECK(served_expiry(&local, CLIENT) == news.grant.expiry);
	CHECK(served_expiry(&first, CLIENT) >= now + SERVER_LIFETIME);
	CHECK(served_expiry(&second, CLIENT) >= now + SERVER_LIFETIME);
	CHECK(local.served->adds == 1 && first.served->adds == 1);
}

static void
nobody_is_named(void)
{
	struct drac_news news = tell("");

	CHECK(news.count == 0 && news.kept == 0);
}

/* What becomes of one server, by how it behaves. */
static void
outcome_of_each_manner(void)
{
	static const struct {
		const char *name;
		const char *server;
		enum manner manner;
		bool kept;
		int error;
		const char *why; /* after the server's name and a colon */
	} rows[] = {
		{ "local yes", "local", ANSWERS, true, 0, "" },
		{ "local refuses", "local", REFUSES, false, EPERM,
		    " refused us (permission denied)" },
		{ "local cannot", "local", FAILS, false, EIO,
		    " could not record it" },
		{ "local excludes", "local", EXCLUDES, false, 0,
		    " it is never recorded (excluded)" },
		{ "local silent", "local", SILENT, false, ETIMEDOUT,
		    " no answer within 200 ms" },
		{ "local hangs up", "local", HANGS_UP, false, ECONNRESET,
		    " closed the connection" },
		{ "host yes", "%A", ANSWERS, true, 0, "" },
		{ "host refuses", "%A", REFUSES, false, EPERM,
		    " refused us (permission denied)" },
		{ "host cannot", "%A", FAILS, false, EIO,
		    " could not record it" },
		{ "host silent", "%A", SILENT, false, ETIMEDOUT,
		    " no answer within 200 ms" },
		{ "host absent", "%C", ANSWERS, false, ECONNREFUSED,
		    " Connection refused" },
		{ "host named", "smtp1.example.org:%D", ANSWERS, true, 0, "" },
		{ "host named short", "SMTP1:%D", ANSWERS, true, 0, "" },
		{ "host not in hosts", "smtp2.example.org:%D", ANSWERS, false,
		    EADDRNOTAVAIL, " neither an address nor in " },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_news news;
		const char *colon, *why;

		start_afresh();
		local.served->manner = first.served->manner = rows[i].manner;
		news = tell_at(rows[i].server,
		    rows[i].manner == SILENT ? 200 : 20000, 1000);
		CHECK_ROW(news.count == 1, rows[i].name);
		CHECK_ROW(news.told[0].kept == rows[i].kept, rows[i].name);
		CHECK_ROW(news.kept == rows[i].kept, rows[i].name);
		CHECK_ROW(news.told[0].error == rows[i].error, rows[i].name);
		CHECK_ROW(news.excluded == (rows[i].manner == EXCLUDES),
		    rows[i].name);
		why = news.told[0].why.text;
		colon = strstr(why, ": ");
		CHECK_ROW((rows[i].why[0] == '\0') == (why[0] == '\0'),
		    rows[i].name);
		CHECK_ROW(why[0] == '\0' ||
			      (colon != NULL && strncmp(colon + 1, rows[i].why,
						    strlen(rows[i].why)) == 0),
		    rows[i].name);
	}
}

static void
no_daemon_on_the_socket(void)
{
	static const struct {
		const char *path;
		int error;
	} rows[] = {
		{ stale_path, ECONNREFUSED },
		{ "/nonexistent/sock", ENOENT },
	};
	char saved[64];

	strcpy(saved, socket_path);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_news news;

		start_afresh();
		strcpy(socket_path, rows[i].path);
		news = tell("local");
		CHECK_ROW(news.kept == 0, rows[i].path);
		CHECK_ROW(news.told[0].error == rows[i].error, rows[i].path);
		CHECK_ROW(strncmp(news.told[0].why.text, "local: ", 7) == 0,
		    rows[i].path);
	}
	strcpy(socket_path, saved);
}

static void
hosts_file_out_of_reach(void)
{
	char saved[64];
	struct drac_news news;

	start_afresh();
	strcpy(saved, hosts_path);
	strcpy(hosts_path, "/nonexistent/hosts");
	news = tell("smtp1.example.org:%D %A");
	CHECK(news.told[0].error == EADDRNOTAVAIL);
	CHECK(strstr(news.told[0].why.text,
		  "/nonexistent/hosts: No such file or directory") != NULL);
	CHECK(news.told[1].kept && news.kept == 1);
	strcpy(hosts_path, saved);
}

static void
local_tells_what_it_did(void)
{
	time_t now = time(NULL);
	struct drac_news news;

	start_afresh();
	served_set(&local, CLIENT, now + 600);
	news = tell("local");
	CHECK(news.grant.written && news.grant.previous == now + 600);
	CHECK(news.grant.expiry >= now + SERVER_LIFETIME);
	served_set(&local, CLIENT, now + 7200);
	news = tell("local");
	CHECK(news.kept == 1 && !news.grant.written);
	CHECK(news.grant.expiry == now + 7200);
	news = tell("%A");
	CHECK(news.kept == 1 && !news.grant.written && news.grant.expiry == 0);
}

static void
excluded_here_is_kept_elsewhere(void)
{
	struct drac_news news;

	start_afresh();
	local.served->manner = EXCLUDES;
	news = tell("local %A");
	CHECK(news.kept == 1 && news.excluded == 1);
	CHECK(!news.told[0].kept && news.told[1].kept);
	CHECK(!news.grant.written && news.grant.expiry == 0);
}

/* One after the other they would take 1.5 s. */
static void
all_wait_at_once(void)
{
	struct drac_news news;
	long begin, ms;

	start_afresh();
	local.served->manner = first.served->manner = SILENT;
	second.served->manner = SILENT;
	begin = now_ms();
	news = tell_at("%A local %B", 500, 1000);
	ms = now_ms() - begin;
	CHECK(ms >= 490 && ms < 1400);
	CHECK(news.kept == 0);
	for (size_t i = 0; i < news.count; i++)
		CHECK(news.told[i].error == ETIMEDOUT);
}

/* What is remembered */

static void
three_failures_leave_a_server_alone(void)
{
	struct drac_news news;
	long begin;

	start_afresh();
	first.served->manner = SILENT;
	for (int i = 0; i < DRAC_BREAKER_FAILURES; i++) {
		news = tell_at("local %A", 250, 1000 + i);
		CHECK(news.kept == 1 && news.told[1].error == ETIMEDOUT);
		CHECK(news.told[1].tripped == (i == DRAC_BREAKER_FAILURES - 1));
		CHECK(!news.told[0].tripped && !news.told[0].closed);
	}
	CHECK(first.served->adds == DRAC_BREAKER_FAILURES);
	begin = now_ms();
	news = tell_at("local %A", 20000, 1005);
	CHECK(now_ms() - begin < 10000);
	CHECK(news.kept == 1 && news.told[1].error == EAGAIN);
	CHECK(!news.told[1].tripped);
	CHECK(strncmp(news.told[1].why.text, first.name, strlen(first.name)) ==
	      0);
	CHECK(strstr(news.told[1].why.text,
		  ": did not answer lately, asked again in 27s") != NULL);
	CHECK(first.served->adds == DRAC_BREAKER_FAILURES);
}

static void
it_is_asked_again_and_answers(void)
{
	struct drac_news news;

	first.served->manner = ANSWERS;
	news = tell_at("local %A", 20000, 1002 + DRAC_BREAKER_PAUSE_S);
	CHECK(news.kept == 2 && news.told[1].closed);
	CHECK(!news.told[0].closed);
	news = tell_at("local %A", 20000, 1002 + DRAC_BREAKER_PAUSE_S);
	CHECK(news.kept == 2 && !news.told[1].closed);
}

/* How it fails three times, and whether that makes a pause. */
static void
only_silence_makes_a_pause(void)
{
	static const struct {
		const char *name;
		const char *server;
		enum manner manner;
		bool pauses;
	} rows[] = {
		{ "local silent", "local", SILENT, true },
		{ "local refuses", "local", REFUSES, false },
		{ "local cannot", "local", FAILS, false },
		{ "local excludes", "local", EXCLUDES, false },
		{ "local hangs up", "local", HANGS_UP, true },
		{ "host silent", "%A", SILENT, true },
		{ "host refuses", "%A", REFUSES, false },
		{ "host cannot", "%A", FAILS, false },
		{ "host absent", "%C", ANSWERS, true },
		{ "host unknown", "smtp2.example.org:700", ANSWERS, false },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_news news;

		start_afresh();
		local.served->manner = first.served->manner = rows[i].manner;
		for (int k = 0; k < DRAC_BREAKER_FAILURES; k++)
			news = tell_at(rows[i].server,
			    rows[i].manner == SILENT ? 50 : 20000, 1000);
		CHECK_ROW(news.told[0].tripped == rows[i].pauses, rows[i].name);
		news = tell_at(rows[i].server,
		    rows[i].manner == SILENT ? 50 : 20000, 1000);
		CHECK_ROW((news.told[0].error == EAGAIN) == rows[i].pauses,
		    rows[i].name);
	}
}

static void
an_answer_between_starts_the_count_anew(void)
{
	struct drac_news news;

	start_afresh();
	for (int i = 0; i < 2 * DRAC_BREAKER_FAILURES; i++) {
		bool silent = i % DRAC_BREAKER_FAILURES != 0;

		first.served->manner = silent ? SILENT : REFUSES;
		news = tell_at("%A", silent ? 50 : 20000, 1000);
		CHECK(news.told[0].error == (silent ? ETIMEDOUT : EPERM));
	}
}

static void
breaker_out_of_reach_asks(void)
{
	char saved[64];
	struct drac_news news;

	start_afresh();
	strcpy(saved, breaker);
	strcpy(breaker, "/nonexistent/breaker");
	first.served->manner = SILENT;
	for (int i = 0; i < DRAC_BREAKER_FAILURES + 1; i++) {
		news = tell_at("%A", 50, 1000);
		CHECK(news.told[0].error == ETIMEDOUT);
		CHECK(!news.told[0].tripped);
	}
	strcpy(breaker, saved);
}

/* Taking back */

static int
take_back(const char *path, const struct drac_grant *grant,
    struct drac_why *why)
{
	struct drac_tell_back back = { .socket = path,
		.grant = *grant,
		.timeout_ms = 400 };

	drac_addr_parse(CLIENT, &back.addr);
	why->text[0] = '\0';
	return drac_tell_back(&back, why);
}

static void
take_back_puts_back_what_was_there(void)
{
	time_t now = time(NULL);
	struct drac_news news;
	struct drac_why why;

	start_afresh();
	served_set(&local, CLIENT, now + 600);
	news = tell("local");
	CHECK(take_back(socket_path, &news.grant, &why) == 1);
	CHECK(served_expiry(&local, CLIENT) == now + 600);
	CHECK(take_back(socket_path, &news.grant, &why) == 0);
	CHECK(why.text[0] == '\0');
	CHECK(local.served->backs == 2);
}

static void
take_back_that_fails(void)
{
	static const struct {
		const char *name;
		const char *path;
		enum manner manner;
		int error;
		const char *why;
	} rows[] = {
		{ "refused", socket_path, REFUSES, EPERM,
		    "local: refused us (permission denied)" },
		{ "failed", socket_path, FAILS, EIO, "local: " },
		{ "silent", socket_path, SILENT, ETIMEDOUT, "local: " },
		{ "hangs up", socket_path, HANGS_UP, ECONNRESET, "local: " },
		{ "stale", stale_path, ANSWERS, ECONNREFUSED, "local: " },
		{ "none", "/nonexistent/sock", ANSWERS, ENOENT, "local: " },
	};
	struct drac_grant grant = { .written = true, .expiry = 1 };
	struct drac_why why;

	for (size_t i = 0; i < COUNT(rows); i++) {
		start_afresh();
		local.served->manner = rows[i].manner;
		errno = 0;
		CHECK_ROW(take_back(rows[i].path, &grant, &why) == -1,
		    rows[i].name);
		CHECK_ROW(errno == rows[i].error, rows[i].name);
		CHECK_ROW(strncmp(why.text, rows[i].why, strlen(rows[i].why)) ==
			      0,
		    rows[i].name);
	}
}

int
main(void)
{
	make_place();
	RUN(every_server_is_told);
	RUN(nobody_is_named);
	RUN(outcome_of_each_manner);
	RUN(no_daemon_on_the_socket);
	RUN(hosts_file_out_of_reach);
	RUN(local_tells_what_it_did);
	RUN(excluded_here_is_kept_elsewhere);
	RUN(all_wait_at_once);
	RUN(three_failures_leave_a_server_alone);
	RUN(it_is_asked_again_and_answers);
	RUN(only_silence_makes_a_pause);
	RUN(an_answer_between_starts_the_count_anew);
	RUN(breaker_out_of_reach_asks);
	RUN(take_back_puts_back_what_was_there);
	RUN(take_back_that_fails);
	remove_place();
	return TEST_RESULT();
}
