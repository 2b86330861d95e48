/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The verbs that change the map: init, add, drop and sweep. Each says in
 * one line what it did, unless asked to be quiet.
 */

#include <sys/stat.h>

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

static enum drac_ctl_status
drop_all(struct drac_ctl *ctl)
{
	struct drac_why why = { "" };

	drac_ctl_be_patient(ctl);
	if (drac_ctl_open_to_change(ctl) == -1)
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
	openers.net = drac_cover_of(&ctl->opts.cover, &ctl->addr);
	if (!drac_net_is_wide(&openers.net))
		return drop(ctl);
	status = drop_openers(ctl, &openers);
	free(openers.addr);
	return status;
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
