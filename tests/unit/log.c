/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The log room: what a line looks like, how long it waits for whom, and what
 * is reported of lines that were lost or left out.
 */
#include "log.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "sys.h"
#include "test.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* A test that waits ends here. */
#define PATIENCE_S 60

/* No line of these tests may wait for so long. */
#define LONG_MS 50000u

static char dir[64], path[80];
static char read_text[8192];

static int
listen_as(int type)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(sun.sun_path, sizeof sun.sun_path, "%s", path);
	(void)unlink(path);
	CHECK(bind(fd, (struct sockaddr *)&sun, sizeof sun) == 0);
	if (type == SOCK_STREAM)
		CHECK(listen(fd, 0) == 0);
	return fd;
}

static struct drac_log
fresh(unsigned wait_ms)
{
	struct drac_log log;

	drac_log_init(&log, path, LOG_AUTHPRIV, "test");
	log.wait_ms = wait_ms;
	errno = 4242;
	return log;
}

/* The next line without what every line begins with; "" for none. */
static const char *
next_line(int fd)
{
	ssize_t n = read(fd, read_text, sizeof read_text - 1);
	intmax_t pid;
	int level, at = 0;

	read_text[n > 0 ? n : 0] = '\0';
	if (n <= 0 ||
	    sscanf(read_text, "<%d>test[%jd]: %n", &level, &pid, &at) != 2 ||
	    at == 0 || pid != getpid())
		return read_text;
	return read_text + at;
}

static bool
is_next(int fd, const char *text)
{
	bool yes = strcmp(next_line(fd), text) == 0;

	if (!yes)
		printf("  read: %s\n", read_text);
	return yes;
}

/* What a line looks like */

static void
line_is_as_of_syslog_but_for_the_time(void)
{
	int fd = listen_as(SOCK_DGRAM);
	struct drac_log log = fresh(0);
	char wanted[64];

	drac_log_put(&log, LOG_INFO, "text");
	snprintf(wanted, sizeof wanted, "<86>test[%jd]: text",
	    (intmax_t)getpid());
	CHECK(read(fd, read_text, sizeof read_text) ==
	      (ssize_t)strlen(wanted));
	CHECK(strncmp(read_text, wanted, strlen(wanted)) == 0);
	drac_log_put(&log, LOG_INFO, "a\nb\033\377");
	CHECK(is_next(fd, "a?b??"));
	CHECK(errno == 4242);
	drac_log_end(&log);
	close(fd);
}

static void
tag_is_the_name_of_the_program(void)
{
	static const struct {
		const char *name;
		const char *tag;
	} rows[] = {
		{ "dovecot", "dovecot" },
		{ "auth: bob [192.0.2.7]", "auth" },
		{ "pop3d[7]", "pop3d" },
		{ "a b", "a" },
		{ "", "pam" },
		{ "\001", "pam" },
		{ "0123456789012345678901234567890123456789012345678901234",
		    "01234567890123456789012345678901234567890123456" },
	};
	char *saved = program_invocation_short_name, name[64];
	struct drac_log log;

	for (size_t i = 0; i < COUNT(rows); i++) {
		snprintf(name, sizeof name, "%s", rows[i].name);
		program_invocation_short_name = name;
		drac_log_init(&log, path, LOG_AUTHPRIV, NULL);
		CHECK_ROW(strcmp(log.tag, rows[i].tag) == 0, rows[i].name);
	}
	program_invocation_short_name = saved;
}

static void
long_line_is_cut(void)
{
	static char text[DRAC_LOG_RECORD * 2];
	int fd = listen_as(SOCK_DGRAM);
	struct drac_log log = fresh(0);

	memset(text, 'x', sizeof text - 1);
	drac_log_put(&log, LOG_INFO, text);
	CHECK(read(fd, read_text, sizeof read_text) == DRAC_LOG_RECORD - 1);
	CHECK(log.lost == 0);
	drac_log_end(&log);
	close(fd);
}

static void
descriptor_is_nobody_elses(void)
{
	int fd = listen_as(SOCK_DGRAM), kept = dup(STDIN_FILENO), next;
	struct drac_log log = fresh(0);

	close(STDIN_FILENO);
	drac_log_put(&log, LOG_INFO, "text");
	CHECK(log.fd > STDERR_FILENO);
	CHECK((fcntl(log.fd, F_GETFD) & FD_CLOEXEC) != 0);
	next = log.fd;
	drac_log_end(&log);
	CHECK(fcntl(next, F_GETFD) == -1);
	CHECK(fcntl(STDIN_FILENO, F_GETFD) == -1);
	CHECK(dup2(kept, STDIN_FILENO) == STDIN_FILENO);
	close(kept);
	close(fd);
}

/* Nobody reads */

static void
without_a_log_nothing_waits(void)
{
	int fd = listen_as(SOCK_DGRAM);
	struct drac_log log;

	close(fd); /* the name stays */
	log = fresh(LONG_MS);
	drac_log_put(&log, LOG_INFO, "lost");
	CHECK(errno == 4242);
	(void)unlink(path);
	errno = 4242;
	drac_log_put(&log, LOG_INFO, "lost");
	CHECK(log.lost == 2 && log.wait_ms > 0 && errno == 4242);
	fd = listen_as(SOCK_DGRAM);
	errno = 4242;
	drac_log_put(&log, LOG_INFO, "text");
	CHECK(errno == 4242);
	CHECK(is_next(fd, "the log did not take 2 lines before this one"));
	CHECK(is_next(fd, "text"));
	CHECK(log.lost == 0);
	drac_log_end(&log);
	close(fd);
}

static void
reader_that_hangs_is_waited_for_once(void)
{
	int fd = listen_as(SOCK_DGRAM);
	struct drac_log log = fresh(30);
	int64_t start = drac_sys_ms();
	unsigned read_lines = 0;
	char report[96];

	for (int i = 0; i < 10000; i++)
		drac_log_put(&log, LOG_INFO, "text");
	CHECK(drac_sys_ms() - start >= 29);
	CHECK(log.wait_ms == 0 && log.lost > 0 && errno == 4242);
	while (strcmp(next_line(fd), "text") == 0)
		read_lines++;
	CHECK(read_lines + log.lost == 10000);
	snprintf(report, sizeof report,
	    "the log did not take %ju lines before this one",
	    (uintmax_t)log.lost);
	drac_log_put(&log, LOG_INFO, "text");
	CHECK(is_next(fd, report));
	CHECK(is_next(fd, "text"));
	drac_log_end(&log);
	close(fd);
}

/* A child that reads so many lines; its status is 0 when they came. */
static pid_t
read_in_child(int fd, unsigned count)
{
	pid_t child = fork();

	if (child != 0)
		return child;
	(void)alarm(PATIENCE_S);
	(void)fcntl(fd, F_SETFL, 0);
	for (unsigned i = 0; i < count; i++)
		if (read(fd, read_text, sizeof read_text) <= 0)
			_exit(1);
	_exit(0);
}

static void
burst_is_not_lost(void)
{
	int fd = listen_as(SOCK_DGRAM), status = 1;
	struct drac_log log = fresh(0);
	pid_t child;

	while (log.lost == 0)
		drac_log_put(&log, LOG_INFO, "full");
	log.lost = 0;
	log.wait_ms = LONG_MS;
	child = read_in_child(fd, 2000);
	for (int i = 0; i < 2000; i++)
		drac_log_put(&log, LOG_INFO, "text");
	CHECK(log.lost == 0);
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	drac_log_end(&log);
	close(fd);
}

static void
log_that_is_started_again_is_found(void)
{
	int fd = listen_as(SOCK_DGRAM);
	struct drac_log log = fresh(0);

	drac_log_put(&log, LOG_INFO, "one");
	close(fd);
	fd = listen_as(SOCK_DGRAM);
	drac_log_put(&log, LOG_INFO, "two");
	CHECK(is_next(fd, "two"));
	CHECK(log.lost == 0 && errno == 4242);
	drac_log_end(&log);
	close(fd);
}

/* A stream socket in its place */

static void
stream_gets_lines_with_a_nul(void)
{
	int fd = listen_as(SOCK_STREAM), peer;
	struct drac_log log = fresh(0);

	drac_log_put(&log, LOG_INFO, "one");
	drac_log_put(&log, LOG_INFO, "two");
	peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	CHECK(is_next(peer, "one"));
	CHECK(strstr(read_text + strlen(read_text) + 1, ": two") != NULL);
	close(peer);
	/* It hangs up: no SIGPIPE, and the line is sent on a new one. */
	drac_log_put(&log, LOG_INFO, "three");
	peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	CHECK(is_next(peer, "three"));
	CHECK(log.lost == 0 && errno == 4242);
	close(peer);
	drac_log_end(&log);
	close(fd);
}

static void
full_stream_is_waited_for_once(void)
{
	static char text[6000];
	int fd = listen_as(SOCK_STREAM), peer, small = 1;
	struct drac_log log = fresh(30);
	bool whole = true;
	ssize_t n;

	memset(text, 'x', sizeof text - 1);
	drac_log_put(&log, LOG_INFO, "text");
	CHECK(setsockopt(log.fd, SOL_SOCKET, SO_SNDBUF, &small,
		  sizeof small) == 0);
	for (int i = 0; i < 20; i++)
		drac_log_put(&log, LOG_INFO, text);
	CHECK(log.wait_ms == 0 && log.lost > 0 && errno == 4242);
	/* No connection goes on after half a line. */
	while ((peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK)) != -1) {
		while ((n = read(peer, read_text, sizeof read_text)) > 0) {
			whole = whole && read_text[0] == '<';
			for (ssize_t i = 1; i < n; i++)
				whole = whole && (read_text[i - 1] != '\0' ||
						     read_text[i] == '<');
			break;
		}
		close(peer);
	}
	CHECK(whole);
	drac_log_end(&log);
	close(fd);
}

static void
full_backlog_is_waited_for_once(void)
{
	int fd = listen_as(SOCK_STREAM);
	struct drac_log logs[64];
	unsigned last = 0;

	do {
		logs[last] = fresh(0);
		drac_log_put(&logs[last], LOG_INFO, "text");
	} while (logs[last].lost == 0 && ++last < COUNT(logs));
	CHECK(last < COUNT(logs) && logs[last].lost == 1);
	logs[last].wait_ms = 30;
	drac_log_put(&logs[last], LOG_INFO, "text");
	CHECK(logs[last].wait_ms == 0 && logs[last].lost == 2);
	for (unsigned i = 0; i <= last; i++)
		drac_log_end(&logs[i]);
	close(fd);
}

/* Few lines a login */

static void
lines_beyond_the_limit_are_counted(void)
{
	int fd = listen_as(SOCK_DGRAM);
	struct drac_log log = fresh(0);

	log.lines = 3;
	for (int i = 0; i < 10; i++)
		drac_log_put_detail(&log, LOG_ERR, "detail");
	drac_log_put(&log, LOG_ERR, "outcome");
	drac_log_put(&log, LOG_ERR, "late");
	drac_log_end(&log);
	CHECK(errno == 4242);
	CHECK(is_next(fd, "detail"));
	CHECK(is_next(fd, "detail"));
	CHECK(is_next(fd, "outcome"));
	CHECK(is_next(fd, "and 9 more"));
	CHECK(is_next(fd, ""));
	drac_log_end(&log);
	CHECK(is_next(fd, ""));
	close(fd);
}

int
main(void)
{
	(void)alarm(PATIENCE_S);
	strcpy(dir, "/tmp/drac-log-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(path, sizeof path, "%s/log", dir);
	RUN(line_is_as_of_syslog_but_for_the_time);
	RUN(tag_is_the_name_of_the_program);
	RUN(long_line_is_cut);
	RUN(descriptor_is_nobody_elses);
	RUN(without_a_log_nothing_waits);
	RUN(reader_that_hangs_is_waited_for_once);
	RUN(burst_is_not_lost);
	RUN(log_that_is_started_again_is_found);
	RUN(stream_gets_lines_with_a_nul);
	RUN(full_stream_is_waited_for_once);
	RUN(full_backlog_is_waited_for_once);
	RUN(lines_beyond_the_limit_are_counted);
	(void)unlink(path);
	*strrchr(path, '/') = '\0';
	(void)rmdir(path);
	return TEST_RESULT();
}
