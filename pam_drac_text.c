/* SPDX-License-Identifier: BSD-2-Clause */

/* PAM items and instants as words of a log line; see pam_drac_login.h. */

#include <stdio.h>
#include <string.h>

#include "pam_drac_login.h"

const char *
drac_text_item(const pam_handle_t *pamh, int type)
{
	const void *value = NULL;

	if (pam_get_item(pamh, type, &value) != PAM_SUCCESS || value == NULL)
		return "";
	return value;
}

void
drac_text_escape(const char *text, char word[DRAC_WORD])
{
	static const char hex[] = "0123456789abcdef";
	size_t used = 0;

	for (; *text != '\0' && used + sizeof("\\xNN...") <= DRAC_WORD;
	     text++) {
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

void
drac_text_escape_item(const pam_handle_t *pamh, int type, char word[DRAC_WORD])
{
	const char *value = drac_text_item(pamh, type);

	drac_text_escape(*value == '\0' ? "-" : value, word);
}

/* By arithmetic: gmtime_r(3) would make the C library read TZ. */
void
drac_text_clock(time_t when, char text[DRAC_CLOCK])
{
	unsigned second = (unsigned)(when % 86400);

	snprintf(text, DRAC_CLOCK, "%02u:%02u:%02uZ", second / 3600 % 24,
	    second / 60 % 60, second % 60);
}

void
drac_text_add(char *list, size_t room, const char *separator, const char *word)
{
	size_t used = strlen(list);
	int more;

	more = snprintf(list + used, room - used, "%s%s",
	    used == 0 ? "" : separator, word);
	if ((size_t)more >= room - used && room > 4)
		memcpy(list + room - 4, "...", 4);
}
