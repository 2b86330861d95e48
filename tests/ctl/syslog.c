/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Preloaded: what a program logs goes into the file that DRAC_TEST_LOG
 * names, as FACILITY.LEVEL TAG: TEXT on a line each.
 */

#include <fcntl.h>

#include "../log_trap.h"

static void
log_caught(int priority, const char *tag, const char *text)
{
	static const char *const level[] = { "emerg", "alert", "crit", "err",
		"warning", "notice", "info", "debug" };
	const char *path = getenv("DRAC_TEST_LOG");
	int fd;

	if (path == NULL)
		return;
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	if (fd == -1)
		return;
	(void)dprintf(fd, "%s.%s %s: %s\n",
	    (priority & LOG_FACMASK) == LOG_AUTHPRIV ? "authpriv" : "other",
	    level[LOG_PRI(priority)], tag, text);
	(void)close(fd);
}
