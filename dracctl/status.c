/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * status: the daemon tells lines `name value`, and a line `caller WHO name
 * value ...` for each caller. Names that are not known here are passed on
 * like the others.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dracctl.h"

#define NAME_WIDTH   16
#define CALLER_WIDTH 15

/* Take the next word off a line; an empty one at its end. */
static const char *
take_word(char **line)
{
	char *word = *line;
	size_t length = strcspn(word, " ");

	*line = word + length + (word[length] == ' ');
	word[length] = '\0';
	return word;
}

/* 1985 is a number to JSON, 007 is not. */
static bool
is_number(const char *text)
{
	size_t length = strspn(text, "0123456789");

	return length > 0 && text[length] == '\0' &&
	       (text[0] != '0' || length == 1);
}

static void
say_member(const char *name, const char *value)
{
	drac_ctl_say_string(name);
	drac_ctl_say(":");
	if (is_number(value))
		drac_ctl_say("%s", value);
	else
		drac_ctl_say_string(value);
}

static void
say_caller_object(char *line)
{
	drac_ctl_say("{");
	say_member("name", take_word(&line));
	while (*line != '\0') {
		const char *name = take_word(&line);

		drac_ctl_say(",");
		say_member(name, take_word(&line));
	}
	drac_ctl_say("}");
}

/* A value as people read it. */
static const char *
readable(const char *name, const char *value, char text[DRAC_CTL_SPAN])
{
	if (!is_number(value))
		return value;
	if (strcmp(name, "started") == 0)
		drac_ctl_instant((time_t)strtoll(value, NULL, 10), text);
	else if (strcmp(name, "uptime") == 0 || strcmp(name, "lifetime") == 0 ||
		 strcmp(name, "last") == 0)
		drac_ctl_span(strtoull(value, NULL, 10), text);
	else
		return value;
	return text;
}

static void
say_row(const char *name, const char *value)
{
	char text[DRAC_CTL_SPAN];

	drac_ctl_say("%-*s  %s\n", NAME_WIDTH, name,
	    readable(name, value, text));
}

static void
say_caller_row(char *line)
{
	char text[DRAC_CTL_SPAN];

	drac_ctl_say("%-*s  %-*s", NAME_WIDTH, "caller", CALLER_WIDTH,
	    take_word(&line));
	while (*line != '\0') {
		const char *name = take_word(&line);

		drac_ctl_say("  %s %s", name,
		    readable(name, take_word(&line), text));
	}
	drac_ctl_say("\n");
}

static void
say_table(char *text)
{
	char *line;

	while ((line = strsep(&text, "\n")) != NULL && *line != '\0') {
		const char *name = take_word(&line);

		if (strcmp(name, "caller") == 0)
			say_caller_row(line);
		else
			say_row(name, line);
	}
}

/* The callers come last, and there is always a member before them. */
static void
say_object(const char *socket, char *text)
{
	size_t callers = 0;
	char *line;

	drac_ctl_say("{");
	say_member("socket", socket);
	while ((line = strsep(&text, "\n")) != NULL && *line != '\0') {
		const char *name = take_word(&line);

		drac_ctl_say(",\n");
		if (strcmp(name, "caller") != 0) {
			say_member(name, line);
			continue;
		}
		if (callers++ == 0)
			drac_ctl_say("\"callers\":[\n");
		say_caller_object(line);
	}
	drac_ctl_say(callers > 0 ? "]}\n" : ",\n\"callers\":[]}\n");
}

enum drac_ctl_status
drac_ctl_status(struct drac_ctl *ctl)
{
	char text[DRAC_REPLY_MAX];
	struct drac_call call = { .procedure = DRAC_PROC_STATUS };
	struct drac_reply reply = { .text = text, .text_room = sizeof(text) };
	struct drac_link *link = NULL;
	struct drac_why why = { "" };
	int result;

	if (drac_link_open(ctl->conf.socket, ctl->conf.timeout_ms, &link,
		&why) == -1) {
		if (!drac_ctl_nobody_there(errno))
			return drac_ctl_failed(&why);
		drac_ctl_complain("no rpc.dracd at %s", ctl->conf.socket);
		return DRAC_CTL_NO;
	}
	result = drac_ctl_call(link, &call, &reply, ctl->conf.timeout_ms, &why);
	drac_link_close(link);
	if (result == -1)
		return drac_ctl_failed(&why);
	if (ctl->json)
		say_object(ctl->conf.socket, text);
	else
		say_table(text);
	drac_ctl_warn(&why);
	return DRAC_CTL_YES;
}
