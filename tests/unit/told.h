/* SPDX-License-Identifier: BSD-2-Clause */

/* What a parser reports, gathered for a test. */
#ifndef DRAC_TOLD_H
#define DRAC_TOLD_H

#include <stdio.h>
#include <string.h>

/* Errors reported, one a line. */
struct told {
	char text[4096];
	unsigned count;
};

static void
take(const char *text, void *arg)
{
	struct told *told = arg;
	size_t len = strlen(told->text);

	snprintf(told->text + len, sizeof told->text - len, "%s\n", text);
	told->count++;
}

#endif
