/* SPDX-License-Identifier: BSD-2-Clause */

/* The log, and the terminal; see drac-login.h. */

#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>

#include "drac-login.h"

#define NAME "drac-login"

/* Of a list: what an operator reads of it before the rest is only counted. */
#define SAID_MAX 20u

static const int priority[] = {
	[DRAC_LOGIN_ERR] = LOG_ERR,
	[DRAC_LOGIN_WARNING] = LOG_WARNING,
	[DRAC_LOGIN_INFO] = LOG_INFO,
	[DRAC_LOGIN_DEBUG] = LOG_DEBUG,
};

void
drac_post_open_log(void)
{
	openlog(NAME, LOG_PID, LOG_AUTHPRIV);
}

static void
put(const struct drac_post_speaker *speaker, enum drac_login_level level,
    const char *text)
{
	if (level != DRAC_LOGIN_DEBUG || speaker->debug)
		syslog(priority[level], "%s", text);
	if (speaker->terminal)
		fprintf(stderr, NAME ": %s\n", text);
}

void
drac_post_say(enum drac_login_level level, const char *text, void *arg)
{
	struct drac_post_speaker *speaker = arg;

	if (speaker->brief && !speaker->debug) {
		if (level > DRAC_LOGIN_WARNING)
			return;
		if (speaker->said == SAID_MAX) {
			speaker->held_back++;
			return;
		}
		speaker->said++;
	}
	put(speaker, level, text);
}

/* Names of files and variables must not drive a terminal. */
void
drac_post_tell(const struct drac_post_speaker *speaker,
    enum drac_login_level level, const char *format, ...)
{
	char text[DRAC_LOGIN_LINE];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	drac_why_make_harmless(text);
	put(speaker, level, text);
}

void
drac_post_complain(const char *format, ...)
{
	char text[DRAC_LOGIN_LINE];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	drac_why_make_harmless(text);
	fprintf(stderr, NAME ": %s\n", text);
}
