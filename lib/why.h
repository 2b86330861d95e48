/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Why something failed, as one sentence for a person. Core rooms never
 * log: they fill this in and return -1 with errno; the shell (module,
 * daemon, tool) decides where the sentence goes.
 */
#ifndef DRAC_WHY_H
#define DRAC_WHY_H

#include <stddef.h>

/* text is always NUL-terminated; cut, never overrun. Caller provides it. */
struct drac_why {
	char text[320];
};

/* Set the sentence. why may be NULL. errno is left as it was. */
__attribute__((format(printf, 2, 3))) void drac_why_set(struct drac_why *why,
    const char *format, ...);

/*
 * Outside text must not forge a log line or drive a terminal: make each
 * octet that is not printable ASCII a `?`.
 */
void drac_why_make_harmless(char *text);

/*
 * Outside text as one word of a sentence: printable ASCII without blanks,
 * quotes and backslashes, anything else as \xNN; cut with dots; "-" for none.
 * room: at least 8 octets.
 */
void drac_why_word(const char *text, char *word, size_t room);

#endif
