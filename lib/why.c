/* SPDX-License-Identifier: BSD-2-Clause */

/* One sentence for a person; see why.h. */

#include "why.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

void
drac_why_set(struct drac_why *why, const char *format, ...)
{
	int saved = errno;
	va_list ap;

	if (why == NULL)
		return;
	va_start(ap, format);
	vsnprintf(why->text, sizeof(why->text), format, ap);
	va_end(ap);
	errno = saved;
}

void
drac_why_make_harmless(char *text)
{
	for (; *text != '\0'; text++) {
		if (*text < ' ' || *text > '~')
			*text = '?';
	}
}
