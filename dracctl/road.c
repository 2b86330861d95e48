/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Two roads to one map: through the daemon that keeps it, or to the files.
 * Nothing but this file knows which one a verb is on.
 */

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "dracctl.h"
#include "page.h"
#include "sys.h"

#define PATIENT_MS 30000

void
drac_ctl_be_patient(struct drac_ctl *ctl)
{
	if (ctl->opts.timeout_ms < PATIENT_MS)
		ctl->opts.timeout_ms = PATIENT_MS;
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
	(void)drac_ctl_find_daemon_to_read(ctl);
	return ctl->link != NULL ? 0 : drac_ctl_open_map(ctl);
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
visit_page(const struct drac_reply *page, drac_store_visit *visit, void *arg)
{
	int result = 0;

	for (size_t i = 0; result == 0 && i < page->count; i++)
		result =
		    visit(&page->listed[i].addr, page->listed[i].expiry, arg);
	return result;
}

static int
makes_no_sense(const char *what, struct drac_why *why)
{
	drac_why_set(why, "rpc.dracd: %s", what);
	errno = EPROTO;
	return -1;
}

/*
 * Does the page end behind the one before, or does the daemon lead us in a
 * circle? Within a page a map may be out of order: keys of another style.
 */
static bool
rises(const struct drac_ctl *ctl, const struct drac_addr *before,
    const struct drac_reply *page)
{
	struct drac_text old[2], new[2];

	if (page->count == 0)
		return false;
	if (before->len == 0)
		return true;
	(void)drac_key_spell(before, ctl->opts.key_style, ctl->opts.readers,
	    old);
	(void)drac_key_spell(&page->listed[page->count - 1].addr,
	    ctl->opts.key_style, ctl->opts.readers, new);
	return drac_key_order(new->text, new->length, old->text, old->length) >
	       0;
}

/* Page after page into the memory of page. */
static int
list_by_daemon(struct drac_ctl *ctl, struct drac_reply *page,
    drac_store_visit *visit, void *arg, struct drac_why *why)
{
	struct drac_call call = { .procedure = DRAC_PROC_LIST,
		.count = DRAC_LIST_MAX };
	int result;

	do {
		if (drac_ctl_call(ctl->link, &call, page, ctl->opts.timeout_ms,
			why) == -1)
			return -1;
		if (!page->flag && !rises(ctl, &call.addr, page))
			return makes_no_sense("the list does not end", why);
		result = visit_page(page, visit, arg);
		if (page->count > 0)
			call.addr = page->listed[page->count - 1].addr;
	} while (result == 0 && !page->flag);
	return result;
}

int
drac_ctl_map_each(struct drac_ctl *ctl, drac_store_visit *visit, void *arg,
    struct drac_why *why)
{
	struct drac_reply page = { 0 };
	int result;

	if (ctl->link == NULL)
		return drac_store_each(ctl->store, visit, arg, why);
	page.listed = calloc(DRAC_LIST_MAX, sizeof(*page.listed));
	if (page.listed == NULL)
		return -1;
	result = list_by_daemon(ctl, &page, visit, arg, why);
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
	struct drac_call call = { .procedure = DRAC_PROC_GRANT };
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

int
drac_ctl_map_close(struct drac_ctl *ctl, const struct drac_net *net,
    time_t until, struct drac_why *why)
{
	struct drac_call call = { .procedure = DRAC_PROC_CLOSE,
		.addr = net->addr,
		.bits = net->bits,
		.expiry = until };
	struct drac_reply reply = { 0 };

	if (ctl->link == NULL)
		return drac_store_close_net(ctl->store, net, until, ctl->now,
		    why);
	return drac_ctl_call(ctl->link, &call, &reply, ctl->opts.timeout_ms,
	    why);
}

static int
add_closings(struct drac_closed *closed, const struct drac_reply *reply)
{
	for (size_t i = 0; i < reply->count; i++) {
		const struct drac_listed *listed = &reply->listed[i];
		const struct drac_net net = { listed->addr, listed->bits };

		if (drac_closed_set(closed, &net, listed->expiry) == -1)
			return -1;
	}
	return 0;
}

static int
closed_by_daemon(struct drac_ctl *ctl, struct drac_closed *closed,
    struct drac_why *why)
{
	struct drac_call call = { .procedure = DRAC_PROC_CLOSED };
	struct drac_reply reply = { .listed = calloc(DRAC_LIST_MAX,
					sizeof(*reply.listed)) };
	int result = -1;

	if (reply.listed != NULL)
		result = drac_ctl_call(ctl->link, &call, &reply,
		    ctl->opts.timeout_ms, why);
	if (result == 0)
		result = add_closings(closed, &reply);
	free(reply.listed);
	return result;
}

int
drac_ctl_map_closed(struct drac_ctl *ctl, struct drac_closed *closed,
    struct drac_why *why)
{
	*closed = (struct drac_closed){ 0 };
	return ctl->link == NULL ? drac_store_closed(ctl->store, closed, why)
				 : closed_by_daemon(ctl, closed, why);
}

int
drac_ctl_closed_until(struct drac_ctl *ctl, time_t *until)
{
	struct drac_net net = drac_cover_of(&ctl->opts.cover, &ctl->addr);
	const struct drac_closing *closing;
	struct drac_closed closed;
	struct drac_why why = { "" };

	*until = 0;
	if (drac_ctl_map_closed(ctl, &closed, &why) == -1) {
		/* A daemon of before cannot close anything. */
		if (errno == ENOSYS)
			return 0;
		drac_ctl_failed(&why);
		return -1;
	}
	closing = drac_closed_find(&closed, &net, ctl->now);
	if (closing != NULL)
		*until = closing->until;
	drac_closed_free(&closed);
	return 0;
}

/*
 * The daemon removes some thousands at a time, and by itself whatever is
 * left when our time is up.
 */
static int
sweep_by_daemon(struct drac_ctl *ctl, struct drac_swept *swept,
    struct drac_why *why)
{
	struct drac_call call = { .procedure = DRAC_PROC_SWEEP };
	struct drac_reply reply = { 0 };
	int64_t until_ms = drac_sys_ms() + ctl->opts.timeout_ms;

	*swept = (struct drac_swept){ 0 };
	do {
		if (drac_ctl_call(ctl->link, &call, &reply,
			ctl->opts.timeout_ms, why) == -1)
			return -1;
		if (reply.removed > UINT64_MAX - swept->removed)
			return makes_no_sense("removed more than there can be",
			    why);
		swept->removed += reply.removed;
		swept->kept = reply.kept;
		swept->more = reply.removed > 0;
	} while (swept->more && drac_sys_ms() < until_ms);
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
