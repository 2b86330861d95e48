/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the tool says, and whether anybody could hear it; and the lines in the
 * log of what an administrator changed.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dracctl.h"
#include "log.h"

/* Octets of the longest complaint: it has a path, or two. */
#define COMPLAINT 8704

#define NAME "dracctl"

static struct drac_log the_log;
static uid_t who; /* ran us, whoever we become to write the map */

/* errno of the first write to stdout that failed; 0: all is well. */
static int say_errno;

static void
note_failure(void)
{
	if (say_errno == 0)
		say_errno = errno != 0 ? errno : EIO;
}

bool
drac_ctl_say(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	if (vprintf(format, ap) < 0)
		note_failure();
	va_end(ap);
	return say_errno == 0;
}

void
drac_ctl_open_log(void)
{
	who = getuid();
	drac_log_init(&the_log, DRAC_LOG_SOCKET, LOG_AUTHPRIV, NAME);
	the_log.wait_ms = DRAC_LOG_WAIT_MS;
}

/* The whole of text as a uid; none is (uid_t)-1. */
static bool
is_uid(const char *text, uid_t *uid)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	*uid = (uid_t)value;
	return *text >= '0' && *text <= '9' && (*end == '\0' || *end == '\n') &&
	       errno == 0 && value < (uid_t)-1;
}

/*
 * The user of the login session, or the one who called sudo, if it is
 * another one. Whoever runs us could have forged the latter.
 */
static void
spell_who(char text[64])
{
	const char *sudo = getenv("SUDO_UID"), *how = "logged in as";
	FILE *file = fopen("/proc/self/loginuid", "re");
	char line[16] = "";
	uid_t uid;
	bool known;

	known = file != NULL && fgets(line, sizeof(line), file) != NULL &&
		is_uid(line, &uid);
	if (file != NULL)
		(void)fclose(file);
	if (!known && sudo != NULL) {
		how = "by sudo of";
		known = is_uid(sudo, &uid);
	}
	if (known && uid != who)
		snprintf(text, 64, "uid %u (%s uid %u)", (unsigned)who, how,
		    (unsigned)uid);
	else
		snprintf(text, 64, "uid %u", (unsigned)who);
}

/* A notice: the unit of the sweep passes nothing below it to the journal. */
void
drac_ctl_log(const char *format, ...)
{
	char text[COMPLAINT], line[COMPLAINT + 128], by[64];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	spell_who(by);
	snprintf(line, sizeof(line), "%s by %s", text, by);
	drac_log_put(&the_log, LOG_NOTICE, line);
}

enum drac_ctl_status
drac_ctl_finish(enum drac_ctl_status status)
{
	drac_log_end(&the_log);
	if (fclose(stdout) != 0)
		note_failure();
	if (say_errno == 0 || say_errno == EPIPE)
		return status;
	drac_ctl_complain("standard output: %s", strerror(say_errno));
	return DRAC_CTL_FAILED;
}

/* Names of files and what a daemon says must not drive a terminal. */
void
drac_ctl_complain(const char *format, ...)
{
	char text[COMPLAINT];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	for (char *at = text; *at != '\0'; at++)
		if ((unsigned char)*at < ' ' || *at == 127)
			*at = '?';
	fprintf(stderr, NAME ": %s\n", text);
}

enum drac_ctl_status
drac_ctl_failed(const struct drac_why *why)
{
	drac_ctl_complain("%s",
	    why->text[0] != '\0' ? why->text : strerror(errno));
	return DRAC_CTL_FAILED;
}

void
drac_ctl_warn(const struct drac_why *why)
{
	if (why->text[0] != '\0')
		drac_ctl_complain("warning: %s", why->text);
}

void
drac_ctl_instant(time_t instant, char text[DRAC_CTL_INSTANT])
{
	struct tm tm;

	if (gmtime_r(&instant, &tm) == NULL ||
	    strftime(text, DRAC_CTL_INSTANT, "%Y-%m-%d %H:%M:%SZ", &tm) == 0)
		snprintf(text, DRAC_CTL_INSTANT, "%jd", (intmax_t)instant);
}

void
drac_ctl_span(uint64_t span_s, char text[DRAC_CTL_SPAN])
{
	static const struct {
		unsigned seconds;
		char letter;
	} unit[] = { { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };
	size_t i = 0;
	uint64_t rest;

	while (unit[i].seconds > 1 && span_s < unit[i].seconds)
		i++;
	if (unit[i].seconds == 1) {
		snprintf(text, DRAC_CTL_SPAN, "%" PRIu64 "s", span_s);
		return;
	}
	rest = span_s % unit[i].seconds / unit[i + 1].seconds;
	snprintf(text, DRAC_CTL_SPAN, "%" PRIu64 "%c %" PRIu64 "%c",
	    span_s / unit[i].seconds, unit[i].letter, rest, unit[i + 1].letter);
}

void
drac_ctl_say_string(const char *text)
{
	drac_ctl_say("\"");
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			drac_ctl_say("\\");
		drac_ctl_say("%c", *text < ' ' || *text > '~' ? '?' : *text);
	}
	drac_ctl_say("\"");
}
