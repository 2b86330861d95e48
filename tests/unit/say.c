/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The log: what a line looks like on each road, and that nobody who reads
 * none makes the daemon wait.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <regex.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "dracd.h"
#include "test.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* A test that waits ends here. */
#define PATIENCE_S 20

struct drac_stats drac_stats;

static char dir[64];
static char path[80];
static char read_text[65536];

static bool
matches(const char *text, const char *pattern)
{
	regex_t compiled;
	bool found;

	CHECK(regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB) == 0);
	found = regexec(&compiled, text, 0, NULL, 0) == 0;
	regfree(&compiled);
	return found;
}

/* Stderr is a pipe, whose other end is returned; *kept is what it was. */
static int
take_stderr(int *kept)
{
	int fds[2];

	CHECK(pipe2(fds, O_CLOEXEC) == 0);
	*kept = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
	CHECK(dup2(fds[1], STDERR_FILENO) == STDERR_FILENO);
	close(fds[1]);
	CHECK(fcntl(fds[0], F_SETFL, O_NONBLOCK) == 0);
	return fds[0];
}

static void
give_back(int kept, int fd)
{
	CHECK(dup2(kept, STDERR_FILENO) == STDERR_FILENO);
	close(kept);
	close(fd);
}

/* What is there now; a datagram, or all of a pipe. */
static const char *
take_text(int fd)
{
	ssize_t n = read(fd, read_text, sizeof read_text - 1);

	read_text[n > 0 ? n : 0] = '\0';
	return read_text;
}

static void
levels_are_words_on_stderr(void)
{
	static const struct {
		int level;
		const char *line;
	} rows[] = {
		{ LOG_ERR, "rpc.dracd: error: text\n" },
		{ LOG_WARNING, "rpc.dracd: warning: text\n" },
		{ LOG_INFO, "rpc.dracd: info: text\n" },
		{ LOG_DEBUG, "" },
	};
	int kept, fd = take_stderr(&kept);

	drac_say_open(NULL, false);
	for (size_t i = 0; i < COUNT(rows); i++) {
		drac_say(rows[i].level, "%s", "text");
		CHECK_ROW(strcmp(take_text(fd), rows[i].line) == 0,
		    rows[i].line);
	}
	drac_say(LOG_INFO, "%s", "a\nb\033\377");
	CHECK_ROW(strcmp(take_text(fd), "rpc.dracd: info: a?b??\n") == 0,
	    read_text);
	give_back(kept, fd);
}

static void
set_journal(uintmax_t dev, uintmax_t ino)
{
	char text[64];

	snprintf(text, sizeof text, "%ju:%ju", dev, ino);
	CHECK(setenv("JOURNAL_STREAM", text, 1) == 0);
}

static void
journal_gets_numbers(void)
{
	int kept, fd = take_stderr(&kept);
	struct stat st;

	CHECK(fstat(STDERR_FILENO, &st) == 0);
	set_journal(st.st_dev, st.st_ino);
	drac_say_open(NULL, true);
	drac_say(LOG_ERR, "text");
	CHECK_ROW(strcmp(take_text(fd), "<3>text\n") == 0, read_text);
	drac_say(LOG_DEBUG, "text");
	CHECK_ROW(strcmp(take_text(fd), "<7>text\n") == 0, read_text);
	/* It was stderr's of another process. */
	set_journal(st.st_dev, st.st_ino + 1);
	drac_say_open(NULL, false);
	drac_say(LOG_ERR, "text");
	CHECK_ROW(strncmp(take_text(fd), "rpc.dracd: ", 11) == 0, read_text);
	CHECK(unsetenv("JOURNAL_STREAM") == 0);
	give_back(kept, fd);
}

/* It would wait in a write for ever. */
static void
full_pipe_is_not_waited_for(void)
{
	int kept, fd = take_stderr(&kept), size = fcntl(fd, F_GETPIPE_SZ);
	unsigned said = 0, lost;
	char line[200];

	memset(line, 'x', sizeof line);
	drac_say_open(NULL, false);
	for (int octets = 0; octets < 2 * size; octets += 200, said++)
		drac_say(LOG_INFO, "%.*s", (int)sizeof line, line);
	while (read(fd, read_text, sizeof read_text) > 0)
		continue;
	drac_say_flush(0);
	CHECK_ROW(sscanf(take_text(fd),
		      "rpc.dracd: warning: the log did not take %u lines ",
		      &lost) == 1,
	    read_text);
	CHECK(lost > 0 && lost < said);
	drac_say_flush(0);
	CHECK_ROW(take_text(fd)[0] == '\0', read_text);
	give_back(kept, fd);
}

static void
nobody_at_stderr_is_survived(void)
{
	int kept, fd = take_stderr(&kept), other;

	drac_say_open(NULL, false);
	close(fd);
	drac_say(LOG_INFO, "lost");
	give_back(kept, -1);
	other = take_stderr(&kept);
	drac_say_flush(0);
	CHECK_ROW(matches(take_text(other), "did not take 1 lines"), read_text);
	give_back(kept, other);
}

/* As a syslogd does. */
static int
listen_at(const char *where)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(sun.sun_path, sizeof sun.sun_path, "%s", where);
	(void)unlink(where);
	CHECK(bind(fd, (struct sockaddr *)&sun, sizeof sun) == 0);
	return fd;
}

static void
syslog_gets_what_it_knows(void)
{
	char pattern[128];
	int fd = listen_at(path);

	snprintf(pattern, sizeof pattern,
	    "^<20>rpc\\.dracd\\[%jd\\]: text$",
	    (intmax_t)getpid());
	drac_say_open(path, false);
	drac_say(LOG_WARNING, "text");
	CHECK_ROW(matches(take_text(fd), pattern), read_text);
	drac_say(LOG_DEBUG, "text");
	CHECK_ROW(take_text(fd)[0] == '\0', read_text);
	close(fd);
}

static void
syslog_that_comes_again_is_found(void)
{
	int fd = listen_at(path);

	drac_say_open(path, false);
	drac_say(LOG_INFO, "one");
	close(fd);
	drac_say(LOG_INFO, "two");
	fd = listen_at(path);
	drac_say(LOG_INFO, "three");
	CHECK_ROW(matches(take_text(fd), "did not take 1 lines"), read_text);
	CHECK_ROW(matches(take_text(fd), "three$"), read_text);
	drac_say_flush(0);
	CHECK_ROW(take_text(fd)[0] == '\0', read_text);
	close(fd);
}

static void
hanging_syslog_is_not_waited_for(void)
{
	unsigned lost = 0;
	int fd = listen_at(path);

	drac_say_open(path, false);
	for (int i = 0; i < 10000; i++)
		drac_say(LOG_INFO, "line %d", i);
	while (read(fd, read_text, sizeof read_text) > 0)
		continue;
	drac_say_flush(0);
	CHECK_ROW(sscanf(strstr(take_text(fd), "the log "),
		      "the log did not take %u lines ", &lost) == 1,
	    read_text);
	CHECK(lost > 0 && lost < 10000);
	close(fd);
}

static void
missing_syslog_is_survived(void)
{
	int fd;

	CHECK(unlink(path) == 0);
	drac_say_open(path, false);
	drac_say(LOG_INFO, "lost");
	fd = listen_at(path);
	drac_say_flush(0);
	CHECK_ROW(matches(take_text(fd), "did not take 1 lines"), read_text);
	close(fd);
}

int
main(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	(void)alarm(PATIENCE_S);
	(void)unsetenv("JOURNAL_STREAM");
	strcpy(dir, "/tmp/drac-say-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(path, sizeof path, "%s/log", dir);
	RUN(levels_are_words_on_stderr);
	RUN(journal_gets_numbers);
	RUN(full_pipe_is_not_waited_for);
	RUN(nobody_at_stderr_is_survived);
	RUN(syslog_gets_what_it_knows);
	RUN(syslog_that_comes_again_is_found);
	RUN(hanging_syslog_is_not_waited_for);
	RUN(missing_syslog_is_survived);
	(void)unlink(path);
	(void)rmdir(dir);
	return TEST_RESULT();
}
