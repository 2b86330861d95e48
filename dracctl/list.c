/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The verbs that only read: list and show. They stream, so a million
 * entries need no memory, and they need no more than read permission.
 */

#include "dracctl.h"

/* The longest text of an IPv6 address; wider than a column ever gets. */
#define ADDRESS_WIDTH 39

/* Both are instants after 1970, so the difference fits. */
static uint64_t
distance(time_t a, time_t b)
{
	return a > b ? (uint64_t)(a - b) : (uint64_t)(b - a);
}

static bool
say_row(const struct drac_addr *addr, time_t expiry, time_t now)
{
	char address[DRAC_ADDR_TEXT], instant[DRAC_CTL_INSTANT];
	char span[DRAC_CTL_SPAN];

	drac_addr_text(addr, address);
	drac_ctl_instant(expiry, instant);
	drac_ctl_span(distance(expiry, now), span);
	return drac_ctl_say(expiry > now ? "%-*s  %-20s  %s\n"
					 : "%-*s  %-20s  expired %s ago\n",
	    ADDRESS_WIDTH, address, instant, span);
}

static bool
say_object(const struct drac_addr *addr, time_t expiry, time_t now)
{
	char address[DRAC_ADDR_TEXT];

	drac_addr_text(addr, address);
	return drac_ctl_say("{\"address\":\"%s\",\"expires\":%jd,"
			    "\"remaining\":%jd}",
	    address, (intmax_t)expiry, (intmax_t)(expiry - now));
}

struct listing {
	bool json;
	bool begun;
	time_t now;
};

/* Not before the first entry has been read: a failure prints nothing. */
static void
begin(struct listing *listing)
{
	if (listing->json)
		drac_ctl_say(listing->begun ? ",\n" : "[\n");
	else if (!listing->begun)
		drac_ctl_say("%-*s  %-20s  REMAINING\n", ADDRESS_WIDTH,
		    "ADDRESS", "EXPIRES");
	listing->begun = true;
}

static int
list_entry(const struct drac_addr *addr, time_t expiry, void *arg)
{
	struct listing *listing = arg;
	bool said;

	begin(listing);
	said = listing->json ? say_object(addr, expiry, listing->now)
			     : say_row(addr, expiry, listing->now);
	return said ? 0 : 1;
}

/* What is closed: a network in each line, as it was given. */
static void
say_closing(const struct drac_ctl *ctl, const struct drac_closing *closing,
    bool first)
{
	char net[DRAC_CLOSED_NET], instant[DRAC_CTL_INSTANT];
	char span[DRAC_CTL_SPAN];

	drac_closed_net_text(&closing->net, net);
	drac_ctl_instant(closing->until, instant);
	drac_ctl_span(distance(closing->until, ctl->now), span);
	if (ctl->json)
		drac_ctl_say("%s{\"closed\":\"%s\",\"until\":%jd,"
			     "\"remaining\":%jd}",
		    first ? "" : ",\n", net, (intmax_t)closing->until,
		    (intmax_t)(closing->until - ctl->now));
	else
		drac_ctl_say("%-*s  %-20s  %s\n", ADDRESS_WIDTH, net, instant,
		    span);
}

static enum drac_ctl_status
list_closed(struct drac_ctl *ctl)
{
	struct drac_closed closed;
	struct drac_why why = { "" };
	bool first = true;

	if (drac_ctl_map_closed(ctl, &closed, &why) == -1)
		return drac_ctl_failed(&why);
	if (ctl->json)
		drac_ctl_say("[\n");
	else
		drac_ctl_say("%-*s  %-20s  REMAINING\n", ADDRESS_WIDTH,
		    "CLOSED", "UNTIL");
	for (size_t i = 0; i < closed.count; i++) {
		if (closed.at[i].until <= ctl->now)
			continue;
		say_closing(ctl, &closed.at[i], first);
		first = false;
	}
	if (ctl->json)
		drac_ctl_say(first ? "]\n" : "\n]\n");
	drac_closed_free(&closed);
	return DRAC_CTL_YES;
}

/* An array that breaks off is left open: half a list must not look whole. */
enum drac_ctl_status
drac_ctl_list(struct drac_ctl *ctl)
{
	struct listing listing = { .json = ctl->json, .now = ctl->now };
	struct drac_why why = { "" };

	drac_ctl_be_patient(ctl);
	if (drac_ctl_open_to_read(ctl) == -1)
		return DRAC_CTL_FAILED;
	if (ctl->closed)
		return list_closed(ctl);
	if (drac_ctl_map_each(ctl, list_entry, &listing, &why) == -1)
		return drac_ctl_failed(&why);
	if (ctl->json)
		drac_ctl_say(listing.begun ? "\n]\n" : "[\n]\n");
	else if (!listing.begun)
		begin(&listing);
	drac_ctl_warn(&why);
	return DRAC_CTL_YES;
}

/* until: it is closed until then; 0: it is not. */
static void
show_json(const struct drac_ctl *ctl, const time_t *expiry, time_t until)
{
	char address[DRAC_ADDR_TEXT];

	drac_addr_text(&ctl->addr, address);
	drac_ctl_say("{\"address\":\"%s\",", address);
	if (expiry == NULL)
		drac_ctl_say("\"expires\":null,\"remaining\":null,");
	else
		drac_ctl_say("\"expires\":%jd,\"remaining\":%jd,",
		    (intmax_t)*expiry, (intmax_t)(*expiry - ctl->now));
	if (until == 0)
		drac_ctl_say("\"closed\":null}\n");
	else
		drac_ctl_say("\"closed\":%jd}\n", (intmax_t)until);
}

static void
show_entry(const struct drac_ctl *ctl, time_t expiry)
{
	char address[DRAC_ADDR_TEXT], instant[DRAC_CTL_INSTANT];
	char span[DRAC_CTL_SPAN];

	drac_addr_text(&ctl->addr, address);
	drac_ctl_instant(expiry, instant);
	drac_ctl_span(distance(expiry, ctl->now), span);
	if (expiry > ctl->now)
		drac_ctl_say("%s is authorised until %s (%s left)\n%s", address,
		    instant, span,
		    drac_conf_hides(&ctl->conf, &ctl->addr)
			? "but not for a Postfix that reads the file (drac(7), "
			  "RISKS)\n"
			: "");
	else
		drac_ctl_say("%s is not authorised: expired %s (%s ago)\n",
		    address, instant, span);
}

static void
show_text(const struct drac_ctl *ctl, const time_t *expiry, time_t until)
{
	char address[DRAC_ADDR_TEXT], instant[DRAC_CTL_INSTANT];
	char span[DRAC_CTL_SPAN];

	drac_addr_text(&ctl->addr, address);
	if (expiry != NULL)
		show_entry(ctl, *expiry);
	else
		drac_ctl_say("%s is not authorised: not in the map\n", address);
	if (until == 0)
		return;
	drac_ctl_instant(until, instant);
	drac_ctl_span(distance(until, ctl->now), span);
	drac_ctl_say("%s is closed until %s (%s left)\n", address, instant,
	    span);
}

enum drac_ctl_status
drac_ctl_show(struct drac_ctl *ctl)
{
	struct drac_why why = { "" };
	time_t expiry, until;
	int found;

	if (drac_ctl_open_to_read(ctl) == -1)
		return DRAC_CTL_FAILED;
	found = drac_ctl_map_get(ctl, &expiry, &why);
	if (found == -1)
		return drac_ctl_failed(&why);
	(void)drac_ctl_closed_until(ctl, &until);
	if (ctl->json)
		show_json(ctl, found == 1 ? &expiry : NULL, until);
	else
		show_text(ctl, found == 1 ? &expiry : NULL, until);
	drac_ctl_warn(&why);
	return found == 1 && expiry > ctl->now ? DRAC_CTL_YES : DRAC_CTL_NO;
}
