/* SPDX-License-Identifier: BSD-2-Clause */

/* What was found out about an address, said to people and to programs. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "explain.h"
#include "route.h"

/* Could a login record it? Why not is put into text. */
static bool
may_record(const struct drac_ctl *ctl, char *text, size_t size)
{
	enum drac_route route = DRAC_ROUTE_OTHER;
	struct drac_conf_ban ban;
	char net[DRAC_ADDR_TEXT];

	text[0] = '\0';
	if (drac_conf_may_record(&ctl->conf, &ctl->addr, &ban)) {
		if (!ctl->conf.allow_gateway)
			route = drac_route_of(&ctl->addr);
		if (route != DRAC_ROUTE_OTHER)
			snprintf(text, size, "%s, and allow_gateway = no",
			    drac_route_text(route));
		return route == DRAC_ROUTE_OTHER;
	}
	if (ban.net == NULL) {
		snprintf(text, size, "never recorded (%s)",
		    drac_scope_word(ban.scope));
		return false;
	}
	drac_addr_text(&ban.net->addr, net);
	snprintf(text, size, "excluded by %s/%u in drac.conf", net,
	    (unsigned)ban.net->bits);
	return false;
}

/* Said to people */

static void
say_entry(const struct drac_ctl *ctl, const struct drac_entry *entry)
{
	char until[DRAC_CTL_INSTANT], since[DRAC_CTL_INSTANT];
	char span[DRAC_CTL_SPAN];
	bool valid = entry->expiry > ctl->now;

	if (!entry->found) {
		drac_ctl_say("It is not in the map.\n");
		return;
	}
	drac_ctl_instant(entry->expiry, until);
	drac_ctl_instant(entry->expiry - ctl->conf.lifetime_s, since);
	drac_ctl_span((uint64_t)(valid ? entry->expiry - ctl->now
				       : ctl->now - entry->expiry),
	    span);
	drac_ctl_say(valid ? "The map has it until %s (%s left); "
			   : "In the map it expired %s (%s ago), and was not "
			     "swept yet; ",
	    until, span);
	drac_ctl_say("if a login wrote it, that was at %s.\n", since);
}

static void
say_closing(const struct drac_entry *entry, const char *address)
{
	char until[DRAC_CTL_INSTANT];

	drac_ctl_instant(entry->closed, until);
	drac_ctl_say("%s is closed until %s: no login authorises it before "
		     "(dracctl list --closed).\n",
	    address, until);
}

/* What the addresses of its network have opened. */
static void
say_net(const struct drac_ctl *ctl, const struct drac_entry *entry)
{
	char net[DRAC_ADDR_TEXT], until[DRAC_CTL_INSTANT];

	if (!drac_net_is_wide(&entry->net))
		return;
	drac_addr_text(&entry->net.addr, net);
	drac_ctl_instant(entry->open, until);
	if (entry->open > ctl->now)
		drac_ctl_say("Its network %s/%u is open until %s.\n", net,
		    (unsigned)entry->net.bits, until);
	else
		drac_ctl_say("Its network %s/%u is not open.\n", net,
		    (unsigned)entry->net.bits);
}

static void
say_step(const struct drac_step *step)
{
	char text[sizeof(step->raw.value) + 1], instant[DRAC_CTL_INSTANT];
	time_t expiry;

	drac_ctl_say("  It looks for %s%s: ", step->raw.key.text,
	    step->nul ? " and a NUL" : "");
	if (!step->found) {
		drac_ctl_say("not there\n");
		return;
	}
	if (drac_value_read(step->raw.value, step->raw.length, &expiry) == 0) {
		drac_ctl_instant(expiry, instant);
		drac_ctl_say("%jd, which is %s\n", (intmax_t)expiry, instant);
		return;
	}
	memcpy(text, step->raw.value, step->raw.length);
	text[step->raw.length] = '\0';
	drac_why_make_harmless(text);
	drac_ctl_say("`%s', which is no expiry\n", text);
}

static void
say_answer(const struct drac_told *answer)
{
	drac_ctl_say("\n%s: %s.\n", answer->name,
	    answer->relays ? "relays" : "does not relay");
	if (answer->note != NULL)
		drac_ctl_say("  %s\n", answer->note);
	for (size_t i = 0; i < answer->steps; i++)
		say_step(&answer->step[i]);
	drac_ctl_say("  %s\n", answer->because);
}

static void
say_all(const struct drac_ctl *ctl, const struct drac_entry *entry,
    const struct drac_told *answer, size_t count)
{
	char address[DRAC_ADDR_TEXT], why[120];

	drac_addr_text(&ctl->addr, address);
	if (entry->closed != 0)
		say_closing(entry, address);
	else if (may_record(ctl, why, sizeof(why)))
		drac_ctl_say("%s may be recorded by a login.\n", address);
	else
		drac_ctl_say("%s is %s.\n", address, why);
	say_entry(ctl, entry);
	say_net(ctl, entry);
	for (size_t i = 0; i < count; i++)
		say_answer(&answer[i]);
	drac_ctl_say("\nThe lookup service of rpc.dracd, which compares with "
		     "the clock, would say %s.\n",
	    entry->open > ctl->now && entry->closed == 0 ? "yes" : "no");
}

/* Said to programs */

static void
say_step_object(const struct drac_step *step, bool first)
{
	char text[sizeof(step->raw.value) + 1];

	memcpy(text, step->raw.value, step->raw.length);
	text[step->raw.length] = '\0';
	drac_ctl_say("%s{\"key\":", first ? "" : ",");
	drac_ctl_say_string(step->raw.key.text);
	drac_ctl_say(",\"nul\":%s,\"value\":", step->nul ? "true" : "false");
	if (step->found)
		drac_ctl_say_string(text);
	else
		drac_ctl_say("null");
	drac_ctl_say("}");
}

static void
say_answer_object(const struct drac_told *answer, bool first)
{
	drac_ctl_say("%s\n{\"server\":", first ? "" : ",");
	drac_ctl_say_string(answer->as);
	drac_ctl_say(",\"relays\":%s,\"reason\":",
	    answer->relays ? "true" : "false");
	drac_ctl_say_string(answer->because);
	drac_ctl_say(",\"lookups\":[");
	for (size_t i = 0; i < answer->steps; i++)
		say_step_object(&answer->step[i], i == 0);
	drac_ctl_say("]}");
}

static void
say_object(const struct drac_ctl *ctl, const struct drac_entry *entry,
    const struct drac_told *answer, size_t count)
{
	char address[DRAC_ADDR_TEXT], why[120];
	bool may = may_record(ctl, why, sizeof(why));

	drac_addr_text(&ctl->addr, address);
	drac_ctl_say("{\"address\":\"%s\",\"recordable\":%s,\"ban\":", address,
	    may && entry->closed == 0 ? "true" : "false");
	if (may)
		drac_ctl_say("null");
	else
		drac_ctl_say_string(why);
	if (entry->found)
		drac_ctl_say(",\"expires\":%jd", (intmax_t)entry->expiry);
	else
		drac_ctl_say(",\"expires\":null");
	if (entry->closed != 0)
		drac_ctl_say(",\"closed\":%jd", (intmax_t)entry->closed);
	else
		drac_ctl_say(",\"closed\":null");
	drac_ctl_say(",\"lookup\":%s,\"servers\":[",
	    entry->open > ctl->now && entry->closed == 0 ? "true" : "false");
	for (size_t i = 0; i < count; i++)
		say_answer_object(&answer[i], i == 0);
	drac_ctl_say("]}\n");
}

void
drac_explain_say(const struct drac_ctl *ctl, const struct drac_entry *entry,
    const struct drac_told *told, size_t count)
{
	if (ctl->json)
		say_object(ctl, entry, told, count);
	else
		say_all(ctl, entry, told, count);
}
