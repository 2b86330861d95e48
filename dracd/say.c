/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the daemon says: to the log, and to systemd. The loop must not wait
 * for the reader of the log, so it gives the log no time: what is not taken
 * at once is lost and counted.
 */

#include <sys/socket.h>
#include <sys/un.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dracd.h"
#include "sys.h"

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

static struct drac_log the_log = { .fd = -1 };
static bool with_debug;
static struct cause causes[DRAC_REFUSALS];

/* What was lost before is still to be reported. */
void
drac_say_open(const char *log, bool debug)
{
	uint64_t lost = the_log.lost;

	drac_log_end(&the_log);
	drac_log_init(&the_log, log, LOG_MAIL, IDENT);
	the_log.lost = lost;
	with_debug = debug;
}

static void
put_line(int level, const char *line)
{
	if (level != LOG_DEBUG || with_debug)
		drac_log_put(&the_log, level, line);
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

bool
drac_say_is_due(enum drac_refusal number)
{
	const struct cause *cause = &causes[number];

	return !cause->said || drac_sys_ms() - cause->said_ms >= MINUTE_MS;
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
	if (!drac_say_is_due(number)) {
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
	drac_log_flush(&the_log);
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
