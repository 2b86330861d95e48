/* SPDX-License-Identifier: BSD-2-Clause */

/* One sentence for a person; see why.h. */

#include "why.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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

void
drac_why_word(const char *text, char *word, size_t room)
{
	static const char hex[] = "0123456789abcdef";
	size_t used = 0;

	if (*text == '\0')
		text = "-";
	for (; *text != '\0' && used + sizeof("\\xNN...") <= room; text++) {
		unsigned char c = (unsigned char)*text;

		if (c > ' ' && c < 0x7f && c != '"' && c != '\\') {
			word[used++] = (char)c;
			continue;
		}
		word[used++] = '\\';
		word[used++] = 'x';
		word[used++] = hex[c >> 4];
		word[used++] = hex[c & 15];
	}
	memcpy(word + used, *text == '\0' ? "" : "...", *text == '\0' ? 1 : 4);
}
