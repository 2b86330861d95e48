/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The verbs that change the map: init, add, drop and sweep. Each says in
 * one line what it did, unless asked to be quiet.
 */

#include <sys/stat.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "dracctl.h"

static enum drac_ctl_status
sweep(struct drac_ctl *ctl, struct drac_swept *swept)
{
	struct drac_why why = { "" };

	if (drac_ctl_map_sweep(ctl, swept, &why) == -1)
		return drac_ctl_failed(&why);
	drac_ctl_warn(&why);
	if (swept->removed > 0 && ctl->link == NULL)
		drac_ctl_log("swept: removed %" PRIu64 " expired",
		    swept->removed);
	return DRAC_CTL_YES;
}

/* A sweep repairs what is there; a new map needs none. */
static enum drac_ctl_status
make_map(struct drac_ctl *ctl)
{
	struct drac_swept swept;
	struct stat st;
	bool there = lstat(ctl->opts.path, &st) == 0;

	ctl->opts.may_create = true;
	if (ctl->link == NULL && drac_ctl_open_map(ctl) == -1)
		return DRAC_CTL_FAILED;
	if (there && sweep(ctl, &swept) != DRAC_CTL_YES)
		return DRAC_CTL_FAILED;
	if (!there && ctl->link == NULL)
		drac_ctl_log("made the map %s", ctl->opts.path);
	if (!ctl->quiet)
		drac_ctl_say(there ? "the map %s is there already\n"
				   : "made the map %s\n",
		    ctl->opts.path);
	return DRAC_CTL_YES;
}

enum drac_ctl_status
drac_ctl_init(struct drac_ctl *ctl)
{
	drac_ctl_be_patient(ctl);
	if (drac_ctl_find_daemon_to_change(ctl) == -1)
		return DRAC_CTL_FAILED;
	if (drac_ctl_settle(ctl, ctl->link != NULL) == -1)
		return DRAC_CTL_FAILED;
	return make_map(ctl);
}

/* What is never recorded is not recorded for an admin's typing error. */
bool
drac_ctl_may_be_recorded(const struct drac_ctl *ctl)
{
	char address[DRAC_ADDR_TEXT];
	struct drac_conf_ban ban;

	if (drac_conf_may_record(&ctl->conf, &ctl->addr, &ban) ||
	    ban.net != NULL)
		return true;
	drac_addr_text(&ctl->addr, address);
	drac_ctl_complain("%s is never recorded (%s)", address,
	    drac_scope_word(ban.scope));
	return false;
}

static bool
is_excluded(const struct drac_ctl *ctl)
{
	struct drac_conf_ban ban;

	return !drac_conf_may_record(&ctl->conf, &ctl->addr, &ban) &&
	       ban.net != NULL;
}

/* What a login from a network of this address would be refused for. */
static const struct drac_closing *
next_closing(const struct drac_ctl *ctl, const struct drac_closed *closed)
{
	struct drac_net net = drac_cover_of(&ctl->opts.cover, &ctl->addr);

	return drac_closed_find(closed, &net, ctl->now);
}

static int
open_again(struct drac_ctl *ctl, const struct drac_closing *closing)
{
	char net[DRAC_CLOSED_NET], until[DRAC_CTL_INSTANT];
	struct drac_why why = { "" };

	if (drac_ctl_map_close(ctl, &closing->net, 0, &why) == -1) {
		drac_ctl_failed(&why);
		return -1;
	}
	drac_closed_net_text(&closing->net, net);
	drac_ctl_instant(closing->until, until);
	if (ctl->link == NULL)
		drac_ctl_log("opened %s again", net);
	if (!ctl->quiet)
		drac_ctl_say("%s is open again; it was closed until %s\n", net,
		    until);
	return 0;
}

/* More than this address and what it opens: not to be opened by the way. */
static bool
is_wider(const struct drac_ctl *ctl, const struct drac_closing *closing)
{
	struct drac_net net = drac_cover_of(&ctl->opts.cover, &ctl->addr);
	char text[DRAC_CLOSED_NET], until[DRAC_CTL_INSTANT];

	if (closing->net.bits >= net.bits)
		return false;
	drac_closed_net_text(&closing->net, text);
	drac_ctl_instant(closing->until, until);
	drac_ctl_complain("%s is closed until %s (dracctl drop --all --for 0s "
			  "opens it)",
	    text, until);
	return true;
}

/* An administrator who adds an address means it. */
static enum drac_ctl_status
open_address(struct drac_ctl *ctl)
{
	enum drac_ctl_status status = DRAC_CTL_YES;
	const struct drac_closing *closing;
	struct drac_closed closed;
	struct drac_why why = { "" };

	if (drac_ctl_map_closed(ctl, &closed, &why) == -1) {
		/* A daemon of before cannot close anything. */
		return errno == ENOSYS ? DRAC_CTL_YES : drac_ctl_failed(&why);
	}
	while (status == DRAC_CTL_YES &&
	       (closing = next_closing(ctl, &closed)) != NULL) {
		if (is_wider(ctl, closing))
			status = DRAC_CTL_NO;
		else if (open_again(ctl, closing) == -1)
			status = DRAC_CTL_FAILED;
		else
			(void)drac_closed_set(&closed, &closing->net, 0);
	}
	drac_closed_free(&closed);
	return status;
}

static void
say_added(const struct drac_ctl *ctl, const char *address,
    const struct drac_grant *grant)
{
	char instant[DRAC_CTL_INSTANT], span[DRAC_CTL_SPAN];

	drac_ctl_instant(grant->expiry, instant);
	if (grant->written && ctl->link == NULL)
		drac_ctl_log("authorised %s until %s", address, instant);
	if (ctl->quiet)
		return;
	drac_ctl_span((uint64_t)(grant->expiry - ctl->now), span);
	drac_ctl_say(grant->written
			 ? "%s is authorised until %s (%s)\n"
			 : "%s is authorised already until %s (%s)\n",
	    address, instant, span);
}

/* A lifetime on the command line is meant, be it shorter than the entry's. */
enum drac_ctl_status
drac_ctl_add(struct drac_ctl *ctl)
{
	bool exact = ctl->lifetime_s != 0;
	time_t expiry =
	    ctl->now + (exact ? ctl->lifetime_s : ctl->conf.lifetime_s);
	struct drac_grant grant = { .expiry = expiry, .written = true };
	struct drac_why why = { "" };
	char address[DRAC_ADDR_TEXT];
	enum drac_ctl_status status;
	int result;

	if (!drac_ctl_may_be_recorded(ctl))
		return DRAC_CTL_NO;
	drac_addr_text(&ctl->addr, address);
	if (is_excluded(ctl))
		drac_ctl_complain("warning: %s is excluded by the "
				  "configuration: no login would record it",
		    address);
	if (drac_ctl_open_to_change(ctl) == -1)
		return DRAC_CTL_FAILED;
	status = open_address(ctl);
	if (status != DRAC_CTL_YES)
		return status;
	if (exact)
		result = drac_ctl_map_set(ctl, expiry, &why);
	else
		result = drac_ctl_map_add(ctl, expiry, &grant, &why);
	if (result == -1)
		return drac_ctl_failed(&why);
	say_added(ctl, address, &grant);
	drac_ctl_warn(&why);
	return DRAC_CTL_YES;
}

/* Before anything is dropped, or a login could come in between. */
static int
shut(struct drac_ctl *ctl, const struct drac_net *net)
{
	time_t until = ctl->shut_s == 0 ? 0 : ctl->now + (time_t)ctl->shut_s;
	char text[DRAC_CLOSED_NET], instant[DRAC_CTL_INSTANT];
	char span[DRAC_CTL_SPAN];
	struct drac_why why = { "" };

	if (drac_ctl_map_close(ctl, net, until, &why) == -1) {
		if (errno == ENOSYS)
			drac_why_set(&why, "rpc.dracd: too old for --for");
		drac_ctl_failed(&why);
		return -1;
	}
	drac_closed_net_text(net, text);
	drac_ctl_instant(until, instant);
	if (ctl->link == NULL && until == 0)
		drac_ctl_log("opened %s again", text);
	else if (ctl->link == NULL)
		drac_ctl_log("closed %s until %s", text, instant);
	if (ctl->quiet)
		return 0;
	drac_ctl_span(ctl->shut_s, span);
	if (until == 0)
		drac_ctl_say("%s is not closed\n", text);
	else
		drac_ctl_say("%s is closed until %s (%s)\n", text, instant,
		    span);
	return 0;
}

static int
shut_all(struct drac_ctl *ctl)
{
	static const struct drac_net all[] = { { { .len = 4 }, 0 },
		{ { .len = 16 }, 0 } };

	return shut(ctl, &all[0]) == -1 ? -1 : shut(ctl, &all[1]);
}

static int
shut_address(struct drac_ctl *ctl)
{
	const struct drac_net net = { ctl->addr,
		(unsigned char)(8 * ctl->addr.len) };

	return shut(ctl, &net);
}

static enum drac_ctl_status
drop_all(struct drac_ctl *ctl)
{
	struct drac_why why = { "" };

	drac_ctl_be_patient(ctl);
	if (drac_ctl_open_to_change(ctl) == -1)
		return DRAC_CTL_FAILED;
	if (ctl->shut && shut_all(ctl) == -1)
		return DRAC_CTL_FAILED;
	if (drac_ctl_map_clear(ctl, &why) == -1)
		return drac_ctl_failed(&why);
	if (ctl->link == NULL)
		drac_ctl_log("dropped every entry");
	if (!ctl->quiet)
		drac_ctl_say("removed every entry\n");
	drac_ctl_warn(&why);
	return DRAC_CTL_YES;
}

/* One address. */
static enum drac_ctl_status
drop(struct drac_ctl *ctl)
{
	struct drac_why why = { "" };
	char address[DRAC_ADDR_TEXT];
	int dropped = drac_ctl_map_drop(ctl, &why);

	if (dropped == -1)
		return drac_ctl_failed(&why);
	drac_addr_text(&ctl->addr, address);
	if (dropped == 1 && ctl->link == NULL)
		drac_ctl_log("dropped %s", address);
	if (!ctl->quiet)
		drac_ctl_say(dropped == 1 ? "removed %s\n"
					  : "%s was not in the map\n",
		    address);
	drac_ctl_warn(&why);
	return dropped == 1 ? DRAC_CTL_YES : DRAC_CTL_NO;
}

/* Those in the map that open this network. */
struct openers {
	struct drac_net net;
	struct drac_addr *addr;
	size_t count;
};

static int
note_opener(const struct drac_addr *addr, time_t expiry, void *arg)
{
	struct openers *openers = arg;
	struct drac_addr *grown;

	(void)expiry;
	if (!drac_net_has(&openers->net, addr))
		return 0;
	grown = reallocarray(openers->addr, openers->count + 1, sizeof(*grown));
	if (grown == NULL)
		return -1;
	openers->addr = grown;
	grown[openers->count++] = *addr;
	return 0;
}

/* As long as one is left that opens the network, the address may relay. */
static enum drac_ctl_status
drop_openers(struct drac_ctl *ctl, struct openers *openers)
{
	enum drac_ctl_status status = DRAC_CTL_YES;
	struct drac_addr asked = ctl->addr;
	struct drac_why why = { "" };

	if (drac_ctl_map_each(ctl, note_opener, openers, &why) == -1)
		return drac_ctl_failed(&why);
	if (openers->count == 0)
		return drop(ctl);
	for (size_t i = 0; i < openers->count && status != DRAC_CTL_FAILED;
	     i++) {
		ctl->addr = openers->addr[i];
		status = drop(ctl);
	}
	ctl->addr = asked;
	return status;
}

enum drac_ctl_status
drac_ctl_drop(struct drac_ctl *ctl)
{
	struct openers openers = { 0 };
	enum drac_ctl_status status;

	if (ctl->all)
		return drop_all(ctl);
	if (drac_ctl_open_to_change(ctl) == -1)
		return DRAC_CTL_FAILED;
	if (ctl->shut && shut_address(ctl) == -1)
		return DRAC_CTL_FAILED;
	openers.net = drac_cover_of(&ctl->opts.cover, &ctl->addr);
	status = drac_net_is_wide(&openers.net) ? drop_openers(ctl, &openers)
						: drop(ctl);
	free(openers.addr);
	/* It was closed, whether anybody had authorised it or not. */
	return ctl->shut && status == DRAC_CTL_NO ? DRAC_CTL_YES : status;
}

enum drac_ctl_status
drac_ctl_sweep(struct drac_ctl *ctl)
{
	struct drac_swept swept;
	enum drac_ctl_status status;

	drac_ctl_be_patient(ctl);
	if (drac_ctl_open_to_sweep(ctl) == -1)
		return DRAC_CTL_FAILED;
	if (ctl->link != NULL && ctl->limit != 0)
		drac_ctl_complain("warning: rpc.dracd sweeps without --limit");
	status = sweep(ctl, &swept);
	if (status == DRAC_CTL_YES && !ctl->quiet)
		drac_ctl_say("removed %" PRIu64 ", kept %" PRIu64 "%s%s\n",
		    swept.removed, swept.kept,
		    swept.more ? ", more to remove" : "",
		    swept.enlarged ? ", replaced the map by a new copy" : "");
	return status;
}
