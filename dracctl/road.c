/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Two roads to one map: through the daemon that keeps it, or to the files.
 * Nothing but this file knows which one a verb is on.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dracctl.h"

#define PATIENT_MS 30000

void
drac_ctl_be_patient(struct drac_ctl *ctl)
{
	if (ctl->opts.timeout_ms < PATIENT_MS)
		ctl->opts.timeout_ms = PATIENT_MS;
}

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

/* ctl->link is set when a daemon keeps this map and lets us change it. */
static int
find_daemon(struct drac_ctl *ctl, struct drac_why *why)
{
	struct drac_link *link = NULL;
	int ours;

	why->text[0] = '\0';
	if (drac_link_open(ctl->conf.socket, ctl->conf.timeout_ms, &link,
		why) == -1)
		return drac_ctl_nobody_there(errno) || errno == EACCES ||
			       errno == EPERM
			   ? 0
			   : -1;
	ours = keeps_our_map(ctl, link, why);
	if (ours == 1)
		ctl->link = link;
	else
		drac_link_close(link);
	return ours == -1 ? -1 : 0;
}

int
drac_ctl_open_map(struct drac_ctl *ctl)
{
	struct drac_why why = { "" };

	if (drac_ctl_become_keeper(ctl) == -1)
		return -1;
	if (drac_store_open(&ctl->opts, &ctl->store, &why) == 0) {
		drac_ctl_warn(&why);
		return 0;
	}
	ctl->store = NULL;
	if (errno == ENOENT && !ctl->opts.may_create)
		drac_ctl_complain("%s (dracctl init makes it)",
		    why.text[0] != '\0' ? why.text : ctl->opts.path);
	else
		drac_ctl_failed(&why);
	return -1;
}

int
drac_ctl_open_to_read(struct drac_ctl *ctl)
{
	struct drac_why why;

	if (find_daemon(ctl, &why) == -1)
		drac_ctl_complain("warning: rpc.dracd does not answer, "
				  "so this is read from the map itself: %s",
		    why.text);
	return ctl->link != NULL ? 0 : drac_ctl_open_map(ctl);
}

int
drac_ctl_find_daemon_to_change(struct drac_ctl *ctl)
{
	struct drac_why why;

	if (find_daemon(ctl, &why) == 0)
		return 0;
	drac_ctl_complain("rpc.dracd does not answer, and nobody else may "
			  "change its map: %s",
	    why.text);
	return -1;
}

int
drac_ctl_open_to_change(struct drac_ctl *ctl)
{
	if (drac_ctl_find_daemon_to_change(ctl) == -1)
		return -1;
	return ctl->link != NULL ? 0 : drac_ctl_open_map(ctl);
}

static int
call_about(struct drac_ctl *ctl, struct drac_call *call,
    struct drac_reply *reply, struct drac_why *why)
{
	call->addr = ctl->addr;
	return drac_ctl_call(ctl->link, call, reply, ctl->opts.timeout_ms, why);
}

int
drac_ctl_map_get(struct drac_ctl *ctl, time_t *expiry, struct drac_why *why)
{
	struct drac_call call = { .procedure = DRAC_PROC_GET };
	struct drac_reply reply = { 0 };

	if (ctl->link == NULL)
		return drac_store_get(ctl->store, &ctl->addr, expiry, why);
	if (call_about(ctl, &call, &reply, why) == -1)
		return -1;
	*expiry = reply.expiry;
	return reply.flag ? 1 : 0;
}

static int
visit_page(const struct drac_reply *page, struct drac_addr *last,
    drac_store_visit *visit, void *arg)
{
	int result = 0;

	for (size_t i = 0; result == 0 && i < page->count; i++) {
		*last = page->listed[i].addr;
		result = visit(last, page->listed[i].expiry, arg);
	}
	return result;
}

int
drac_ctl_map_each(struct drac_ctl *ctl, drac_store_visit *visit, void *arg,
    struct drac_why *why)
{
	struct drac_call call = { .procedure = DRAC_PROC_LIST,
		.count = DRAC_LIST_MAX };
	struct drac_reply page = { 0 };
	struct drac_addr before;
	int result;

	if (ctl->link == NULL)
		return drac_store_each(ctl->store, visit, arg, why);
	page.listed = calloc(DRAC_LIST_MAX, sizeof(*page.listed));
	if (page.listed == NULL)
		return -1;
	do {
		before = call.addr;
		result = drac_ctl_call(ctl->link, &call, &page,
		    ctl->opts.timeout_ms, why);
		if (result == 0)
			result = visit_page(&page, &call.addr, visit, arg);
		if (result == 0 && !page.flag &&
		    drac_addr_equal(&call.addr, &before)) {
			drac_why_set(why, "rpc.dracd: the list does not end");
			errno = EPROTO;
			result = -1;
		}
	} while (result == 0 && !page.flag);
	free(page.listed);
	return result;
}

/*
 * The daemon leaves out what it would not write at a login: an excluded
 * address, and one recorded moments ago. An admin means it.
 */
static int
add_by_daemon(struct drac_ctl *ctl, time_t expiry, struct drac_grant *grant,
    struct drac_why *why)
{
	struct drac_call call = { .procedure = DRAC_PROC_ADD };
	struct drac_reply reply = { 0 };

	if (call_about(ctl, &call, &reply, why) == -1)
		return -1;
	grant->written = reply.flag;
	grant->expiry = reply.expiry;
	if (grant->expiry >= expiry)
		return 0;
	*grant = (struct drac_grant){ .expiry = expiry, .written = true };
	return drac_ctl_map_set(ctl, expiry, why);
}

int
drac_ctl_map_add(struct drac_ctl *ctl, time_t expiry, struct drac_grant *grant,
    struct drac_why *why)
{
	if (ctl->link != NULL)
		return add_by_daemon(ctl, expiry, grant, why);
	return drac_store_add(ctl->store, &ctl->addr, ctl->now, expiry, 0,
	    grant, why);
}

int
drac_ctl_map_set(struct drac_ctl *ctl, time_t expiry, struct drac_why *why)
{
	struct drac_call call = { .procedure = DRAC_PROC_SET,
		.expiry = expiry };
	struct drac_reply reply = { 0 };

	if (ctl->link == NULL)
		return drac_store_set(ctl->store, &ctl->addr, expiry, why);
	return call_about(ctl, &call, &reply, why);
}

int
drac_ctl_map_drop(struct drac_ctl *ctl, struct drac_why *why)
{
	struct drac_call call = { .procedure = DRAC_PROC_DROP };
	struct drac_reply reply = { 0 };

	if (ctl->link == NULL)
		return drac_store_drop(ctl->store, &ctl->addr, why);
	if (call_about(ctl, &call, &reply, why) == -1)
		return -1;
	return reply.flag ? 1 : 0;
}

int
drac_ctl_map_clear(struct drac_ctl *ctl, struct drac_why *why)
{
	struct drac_call call = { .procedure = DRAC_PROC_CLEAR };
	struct drac_reply reply = { 0 };

	if (ctl->link == NULL)
		return drac_store_clear(ctl->store, why);
	return drac_ctl_call(ctl->link, &call, &reply, ctl->opts.timeout_ms,
	    why);
}

/* The daemon removes some thousands at a time. */
static int
sweep_by_daemon(struct drac_ctl *ctl, struct drac_swept *swept,
    struct drac_why *why)
{
	struct drac_call call = { .procedure = DRAC_PROC_SWEEP };
	struct drac_reply reply = { 0 };

	*swept = (struct drac_swept){ 0 };
	do {
		if (drac_ctl_call(ctl->link, &call, &reply,
			ctl->opts.timeout_ms, why) == -1)
			return -1;
		swept->removed += reply.removed;
		swept->kept = reply.kept;
	} while (reply.removed > 0);
	return 0;
}

int
drac_ctl_map_sweep(struct drac_ctl *ctl, struct drac_swept *swept,
    struct drac_why *why)
{
	if (ctl->link != NULL)
		return sweep_by_daemon(ctl, swept, why);
	return drac_store_sweep(ctl->store, ctl->now, ctl->limit, swept, why);
}
