/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the daemon says: to the log, and to systemd. The only room of the
 * daemon that knows syslog(3), but for the names of its levels.
 *
 * Whoever reads the log may hang, and the daemon must not: nothing here
 * waits for a reader of the log. What is not taken at once is lost and
 * counted. So syslog(3) is not used, which waits.
 */

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "dracd.h"
#include "sys.h"

#define IDENT     "rpc.dracd"
#define LINE      512
#define MINUTE_MS 60000

/* A whole line with what stands before it. */
#define RECORD (LINE + 64)
_Static_assert(RECORD <= PIPE_BUF, "a pipe takes a record whole");

/* What was said of one cause, and what was not. */
struct cause {
	bool said;
	int64_t said_ms;
	uint64_t left_out;
	char last[LINE]; /* of those left out */
};

static const char *syslog_path; /* NULL: to stderr */
static int syslog_fd = -1;
static bool to_journal; /* stderr is the journal's */
static bool with_debug;
static uint64_t lost;
static struct cause causes[DRAC_REFUSALS];

/* systemd.exec(5): device and inode of what systemd gave us as stderr. */
static bool
is_journal(int fd)
{
	const char *named = getenv("JOURNAL_STREAM");
	char text[64];
	struct stat st;

	if (named == NULL || fstat(fd, &st) == -1)
		return false;
	snprintf(text, sizeof(text), "%ju:%ju", (uintmax_t)st.st_dev,
	    (uintmax_t)st.st_ino);
	return strcmp(named, text) == 0;
}

void
drac_say_open(const char *log, bool debug)
{
	syslog_path = log;
	with_debug = debug;
	to_journal = log == NULL && is_journal(STDERR_FILENO);
	if (log == NULL && syslog_fd != -1) {
		(void)close(syslog_fd);
		syslog_fd = -1;
	}
}

static const char *
level_word(int level)
{
	return level <= LOG_ERR       ? "error"
	       : level == LOG_WARNING ? "warning"
	       : level == LOG_DEBUG   ? "debug"
				      : "info";
}

/* Without waiting; a pipe that polls as writable takes a record whole. */
static bool
put_stderr(int level, const char *line)
{
	struct pollfd pfd = { .fd = STDERR_FILENO, .events = POLLOUT };
	char record[RECORD];
	int length;

	if (to_journal)
		length =
		    snprintf(record, sizeof(record), "<%d>%s\n", level, line);
	else
		length = snprintf(record, sizeof(record), IDENT ": %s: %s\n",
		    level_word(level), line);
	return poll(&pfd, 1, 0) == 1 && (pfd.revents & POLLOUT) != 0 &&
	       write(STDERR_FILENO, record, (size_t)length) == length;
}

static int
connect_syslog(void)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	if (syslog_fd != -1)
		(void)close(syslog_fd);
	syslog_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (syslog_fd == -1)
		return -1;
	snprintf(to.sun_path, sizeof(to.sun_path), "%s", syslog_path);
	return connect(syslog_fd, (const struct sockaddr *)&to, sizeof(to));
}

static bool
send_syslog(const char *record, size_t length)
{
	return syslog_fd != -1 && send(syslog_fd, record, length,
				      MSG_DONTWAIT | MSG_NOSIGNAL) != -1;
}

/* As syslog(3) of glibc does it; a daemon of its own may come again. */
static bool
put_syslog(int level, const char *line)
{
	time_t now = time(NULL);
	char when[32] = "", record[RECORD];
	struct tm tm;
	int length;

	if (localtime_r(&now, &tm) != NULL)
		(void)strftime(when, sizeof(when), "%b %e %H:%M:%S ", &tm);
	length = snprintf(record, sizeof(record), "<%d>%s" IDENT "[%jd]: %s",
	    LOG_MAIL | level, when, (intmax_t)getpid(), line);
	if (send_syslog(record, (size_t)length))
		return true;
	if (syslog_fd != -1 && (errno == EAGAIN || errno == ENOBUFS))
		return false;
	return connect_syslog() == 0 && send_syslog(record, (size_t)length);
}

static bool
put_line(int level, char *line)
{
	bool taken;

	drac_why_make_harmless(line);
	if (level == LOG_DEBUG && !with_debug)
		return true;
	taken = syslog_path != NULL ? put_syslog(level, line)
				    : put_stderr(level, line);
	if (!taken)
		lost++;
	return taken;
}

void
drac_say(int level, const char *format, ...)
{
	char line[LINE];
	va_list ap;

	va_start(ap, format);
	vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	(void)put_line(level, line);
}

static int
level_of(enum drac_refusal cause)
{
	return cause == DRAC_REFUSAL_NONE ? LOG_ERR : LOG_WARNING;
}

/* A minute has passed since the last line: say what was left out. */
static void
catch_up(enum drac_refusal number, int64_t now_ms)
{
	struct cause *cause = &causes[number];

	if (cause->left_out == 0 || now_ms - cause->said_ms < MINUTE_MS)
		return;
	drac_say(level_of(number), "%s (the last of %ju like it)", cause->last,
	    (uintmax_t)cause->left_out);
	cause->left_out = 0;
	cause->said_ms = now_ms;
}

void
drac_say_limited(enum drac_refusal number, const char *format, ...)
{
	struct cause *cause = &causes[number];
	int64_t now_ms = drac_sys_ms();
	va_list ap;

	catch_up(number, now_ms);
	va_start(ap, format);
	vsnprintf(cause->last, sizeof(cause->last), format, ap);
	va_end(ap);
	if (cause->said && now_ms - cause->said_ms < MINUTE_MS) {
		cause->left_out++;
		return;
	}
	(void)put_line(level_of(number), cause->last);
	cause->said = true;
	cause->said_ms = now_ms;
}

/* That itself may be lost, too, and counts no more for it. */
static void
tell_lost(void)
{
	char line[LINE];
	uint64_t count = lost;

	if (count == 0)
		return;
	snprintf(line, sizeof(line),
	    "the log did not take %" PRIu64 " lines before this one", count);
	lost = put_line(LOG_WARNING, line) ? 0 : count;
}

void
drac_say_flush(int64_t now_ms)
{
	tell_lost();
	for (int i = 0; i < DRAC_REFUSALS; i++)
		catch_up((enum drac_refusal)i, now_ms);
}

/* A name that begins with @ is abstract: a NUL in its place. */
void
drac_notify(const char *what)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	const struct timeval patience = { .tv_sec = 1 };
	const char *name = getenv("NOTIFY_SOCKET");
	size_t len = name != NULL ? strlen(name) : 0;
	int fd;

	if (len < 2 || len >= sizeof(to.sun_path) ||
	    (name[0] != '/' && name[0] != '@'))
		return;
	memcpy(to.sun_path, name, len);
	if (name[0] == '@')
		to.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return;
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
	    sizeof(patience));
	(void)sendto(fd, what, strlen(what), MSG_NOSIGNAL,
	    (struct sockaddr *)&to,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	(void)close(fd);
}
