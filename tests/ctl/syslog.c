/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Preloaded: what a program logs goes into the file that DRAC_TEST_LOG
 * names, as FACILITY.LEVEL IDENT: TEXT on a line each. A priority without
 * a facility gets the one of openlog(3), as in syslog(3).
 */

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>
#include <unistd.h>

#undef syslog /* a macro with _FORTIFY_SOURCE */
#define EXPORT __attribute__((visibility("default")))

static const char *name = "?";
static int usual = LOG_USER;

__attribute__((format(printf, 2, 0))) static void
put(int priority, const char *format, va_list ap)
{
	static const char *const level[] = { "emerg", "alert", "crit", "err",
		"warning", "notice", "info", "debug" };
	const char *path = getenv("DRAC_TEST_LOG");
	int facility = priority & LOG_FACMASK, fd;
	char text[8192];

	if (path == NULL)
		return;
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	if (fd == -1)
		return;
	vsnprintf(text, sizeof(text), format, ap);
	(void)dprintf(fd, "%s.%s %s: %s\n",
	    (facility != 0 ? facility : usual) == LOG_AUTHPRIV ? "authpriv"
							       : "other",
	    level[LOG_PRI(priority)], name, text);
	(void)close(fd);
}

EXPORT void
openlog(const char *ident, int option, int facility)
{
	(void)option;
	name = ident;
	usual = facility;
}

EXPORT __attribute__((format(printf, 2, 3))) void
syslog(int priority, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	put(priority, format, ap);
	va_end(ap);
}

/* What syslog(3) is with _FORTIFY_SOURCE. */
EXPORT __attribute__((format(printf, 3, 4))) void __syslog_chk(int priority,
    int flag, const char *format, ...);

EXPORT void
__syslog_chk(int priority, int flag, const char *format, ...)
{
	va_list ap;

	(void)flag;
	va_start(ap, format);
	put(priority, format, ap);
	va_end(ap);
}
