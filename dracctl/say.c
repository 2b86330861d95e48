/* SPDX-License-Identifier: BSD-2-Clause */

/* What the tool says, and whether anybody could hear it. */

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "dracctl.h"

/* Octets of the longest complaint: it has a path, or two. */
#define COMPLAINT 8704

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

enum drac_ctl_status
drac_ctl_finish(enum drac_ctl_status status)
{
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
	fprintf(stderr, "dracctl: %s\n", text);
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
