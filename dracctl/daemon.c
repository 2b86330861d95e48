/* SPDX-License-Identifier: BSD-2-Clause */

/* Is there a daemon, does it keep our map, what does it say to one call? */

#include <errno.h>
#include <string.h>

#include "dracctl.h"

bool
drac_ctl_nobody_there(int error)
{
	return error == ENOENT || error == ENOTDIR || error == ECONNREFUSED;
}

int
drac_ctl_call(struct drac_link *link, struct drac_call *call,
    struct drac_reply *reply, unsigned timeout_ms, struct drac_why *why)
{
	call->version = DRAC_VERSION_LOCAL;
	reply->why.text[0] = '\0';
	if (drac_link_call(link, call, reply, timeout_ms, why) == -1)
		return -1;
	*why = reply->why;
	if (reply->answer == DRAC_ANSWER_SUCCESS)
		return 0;
	errno = reply->answer == DRAC_ANSWER_PERM ? EPERM : EIO;
	if (why->text[0] == '\0')
		drac_why_set(why, "rpc.dracd: %s",
		    errno == EPERM ? "this user may not"
				   : "it could not be done");
	return -1;
}

/* The value of a line `name value` in a text of such lines; NULL: none. */
static const char *
find_line(const char *text, const char *name, size_t *length)
{
	size_t name_length = strlen(name);

	while (*text != '\0') {
		size_t line_length = strcspn(text, "\n");

		if (line_length > name_length && text[name_length] == ' ' &&
		    memcmp(text, name, name_length) == 0) {
			*length = line_length - name_length - 1;
			return text + name_length + 1;
		}
		text += line_length + (text[line_length] == '\n');
	}
	return NULL;
}

/* The daemon says `?` for what is not printable. */
static bool
reads_as(const char *said, const char *path, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		bool printable = path[i] >= ' ' && path[i] <= '~';

		if (said[i] != (printable ? path[i] : '?'))
			return false;
	}
	return true;
}

/* 1: it keeps our map, 0: another one, or we may not ask; -1. */
static int
keeps_our_map(const struct drac_ctl *ctl, struct drac_link *link,
    struct drac_why *why)
{
	char text[DRAC_REPLY_MAX];
	struct drac_call call = { .procedure = DRAC_PROC_STATUS };
	struct drac_reply reply = { .text = text, .text_room = sizeof(text) };
	const char *database;
	size_t length;

	if (drac_ctl_call(link, &call, &reply, ctl->conf.timeout_ms, why) == -1)
		return errno == EPERM ? 0 : -1;
	database = find_line(text, "database", &length);
	return database != NULL && length == strlen(ctl->conf.database) &&
	       reads_as(database, ctl->conf.database, length);
}

int
drac_ctl_find_daemon(struct drac_ctl *ctl, struct drac_why *why)
{
	struct drac_link *link = NULL;
	int ours, saved;

	why->text[0] = '\0';
	if (drac_link_open(ctl->conf.socket, ctl->conf.timeout_ms, &link,
		why) == -1)
		return drac_ctl_nobody_there(errno) || errno == EACCES ||
			       errno == EPERM
			   ? 0
			   : -1;
	ours = keeps_our_map(ctl, link, why);
	saved = errno;
	if (ours == 1)
		ctl->link = link;
	else
		drac_link_close(link);
	errno = saved;
	return ours == -1 ? -1 : 0;
}

int
drac_ctl_find_daemon_to_read(struct drac_ctl *ctl)
{
	struct drac_why why;

	if (drac_ctl_find_daemon(ctl, &why) == 0)
		return 0;
	drac_ctl_complain("warning: rpc.dracd does not answer, so this is "
			  "read from the map itself: %s",
	    why.text);
	return -1;
}

void
drac_ctl_complain_of_silence(const struct drac_why *why)
{
	drac_ctl_complain("rpc.dracd does not answer, and nobody else may "
			  "change its map: %s",
	    why->text);
}

int
drac_ctl_find_daemon_to_change(struct drac_ctl *ctl)
{
	struct drac_why why;

	if (drac_ctl_find_daemon(ctl, &why) == 0)
		return 0;
	drac_ctl_complain_of_silence(&why);
	return -1;
}
