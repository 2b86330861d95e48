/* SPDX-License-Identifier: BSD-2-Clause */

/* The log, and the terminal; see drac-login.h. */

#include <stdarg.h>
#include <stdio.h>

#include "drac-login.h"

#define NAME "drac-login"

/* Of a list: what an operator reads of it before the rest is only counted. */
#define SAID_MAX 20u

void
drac_post_open_log(struct drac_post_speaker *speaker)
{
	drac_log_init(&speaker->log, DRAC_LOG_SOCKET, LOG_AUTHPRIV, NAME);
	speaker->log.wait_ms = DRAC_LOG_WAIT_MS;
}

/* While lines are being lost nothing is waited for. */
void
drac_post_begin_group(struct drac_post_speaker *speaker)
{
	if (speaker->log.lost == 0)
		speaker->log.wait_ms = DRAC_LOG_WAIT_MS;
}

static void
put(struct drac_post_speaker *speaker, enum drac_login_level level,
    const char *text)
{
	if (level != DRAC_LOGIN_DEBUG || speaker->debug)
		drac_log_put(&speaker->log, level, text);
	if (speaker->terminal)
		fprintf(stderr, NAME ": %s\n", text);
}

void
drac_post_say_error(const char *text, void *arg)
{
	struct drac_post_speaker *speaker = arg;

	drac_log_put_detail(&speaker->log, LOG_ERR, text);
	if (speaker->terminal)
		fprintf(stderr, NAME ": %s\n", text);
}

void
drac_post_say(enum drac_login_level level, const char *text, unsigned left_ms,
    void *arg)
{
	struct drac_post_speaker *speaker = arg;

	if (speaker->log.wait_ms > left_ms)
		speaker->log.wait_ms = left_ms;

	if (speaker->brief && !speaker->debug && level <= DRAC_LOGIN_WARNING) {
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
drac_post_tell(struct drac_post_speaker *speaker,
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
