/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the daemon says: to the log, and to systemd. The only room of the
 * daemon that knows syslog(3), but for the names of its levels.
 */

#include <sys/socket.h>
#include <sys/un.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "dracd.h"

#define IDENT     "rpc.dracd"
#define LINE      512
#define MINUTE_MS 60000

/* What was said of one cause, and what was not. */
struct cause {
	bool said;
	int64_t said_ms;
	uint64_t left_out;
	char last[LINE]; /* of those left out */
};

static bool to_stderr = true;
static bool with_debug;
static struct cause causes[DRAC_REFUSALS];

void
drac_say_open(bool foreground, bool debug)
{
	if (to_stderr != foreground) {
		if (foreground)
			closelog();
		else
			openlog(IDENT, LOG_PID | LOG_NDELAY, LOG_MAIL);
	}
	to_stderr = foreground;
	with_debug = debug;
}

static const char *
level_word(int level)
{
	return level <= LOG_ERR       ? "error"
	       : level == LOG_WARNING ? "warning"
	       : level == LOG_DEBUG   ? "debug"
				      : "info";
}

/* Outside text must not forge a line or drive a terminal. */
static void
make_harmless(char *text)
{
	for (; *text != '\0'; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

static void
put_line(int level, char *line)
{
	make_harmless(line);
	if (level == LOG_DEBUG && !with_debug)
		return;
	if (to_stderr)
		fprintf(stderr, IDENT ": %s: %s\n", level_word(level), line);
	else
		syslog(level, "%s", line);
}

void
drac_say(int level, const char *format, ...)
{
	char line[LINE];
	va_list ap;

	va_start(ap, format);
	vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	put_line(level, line);
}

static int64_t
clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
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
	int64_t now_ms = clock_ms();
	va_list ap;

	catch_up(number, now_ms);
	va_start(ap, format);
	vsnprintf(cause->last, sizeof(cause->last), format, ap);
	va_end(ap);
	if (cause->said && now_ms - cause->said_ms < MINUTE_MS) {
		cause->left_out++;
		return;
	}
	put_line(level_of(number), cause->last);
	cause->said = true;
	cause->said_ms = now_ms;
}

void
drac_say_flush(int64_t now_ms)
{
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
