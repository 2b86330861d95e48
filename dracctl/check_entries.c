/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What is in the map: can all of it be read, is anything there that should
 * not? The last room, because root may have become the map's user by then.
 */

#include <sys/types.h>

#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "route.h"

/* A sweep comes every minute, and rpc.dracd's by sweep_interval. */
#define LATE_S 300

struct entries {
	struct drac_check *check;
	struct drac_addr *own; /* this host's */
	size_t owns;
	struct drac_gateways gateways[2]; /* this host's, IPv4 and IPv6 */
	time_t late; /* what expired before should be gone */
	uint64_t count;
	uint64_t stale;
	uint64_t hidden;
	struct drac_addr first_hidden;
};

/* Where it may be recorded, somebody has said that this is right. */
static void
find_gateway(struct entries *entries, const struct drac_addr *addr)
{
	const struct drac_gateways *gateways =
	    &entries->gateways[addr->len == 4 ? 0 : 1];
	char text[DRAC_ADDR_TEXT];

	if (entries->check->ctl->conf.allow_gateway)
		return;
	for (size_t i = 0; i < gateways->count; i++)
		if (drac_addr_equal(addr, &gateways->addr[i])) {
			drac_addr_text(addr, text);
			drac_check_find(entries->check, "map-gateway", text,
			    "Drop it (dracctl drop ADDRESS) and have the "
			    "client's address passed on, as drac(7) tells; or "
			    "set allow_gateway = yes if clients really come "
			    "from there.",
			    "This host's default gateway is authorised: a "
			    "proxy or address translator there hides its "
			    "clients, and whoever comes by it may relay.");
		}
}

static int
look_at(const struct drac_addr *addr, time_t expiry, void *arg)
{
	struct entries *entries = arg;
	char text[DRAC_ADDR_TEXT];

	entries->count++;
	entries->stale += expiry < entries->late;
	if (expiry > entries->check->ctl->now &&
	    drac_conf_hides(&entries->check->ctl->conf, addr) &&
	    entries->hidden++ == 0)
		entries->first_hidden = *addr;
	find_gateway(entries, addr);
	for (size_t i = 0; i < entries->owns; i++)
		if (drac_addr_equal(addr, &entries->own[i])) {
			drac_addr_text(addr, text);
			drac_check_find(entries->check, "map-own-address", text,
			    "Put it under exclude in drac.conf and drop it "
			    "(dracctl drop ADDRESS); or have the proxy pass "
			    "the client's address on.",
			    "This address of the host itself is authorised: a "
			    "proxy or webmail here hides its clients, and "
			    "whoever comes by it may relay.");
		}
	return 0;
}

static void
find_own(struct entries *entries)
{
	struct ifaddrs *list = NULL, *at;
	struct drac_addr *more;

	if (getifaddrs(&list) == -1)
		return;
	for (at = list; at != NULL; at = at->ifa_next) {
		struct drac_addr addr;
		socklen_t length = sizeof(struct sockaddr_in6);

		if (at->ifa_addr == NULL)
			continue;
		if (at->ifa_addr->sa_family == AF_INET)
			length = sizeof(struct sockaddr_in);
		if (drac_addr_from_sockaddr(at->ifa_addr, length, &addr) == -1)
			continue;
		more = reallocarray(entries->own, entries->owns + 1,
		    sizeof(*more));
		if (more == NULL)
			break;
		entries->own = more;
		more[entries->owns++] = addr;
	}
	freeifaddrs(list);
}

static void
find_damage(struct drac_check *check, const struct drac_why *why)
{
	if (errno == EBADMSG)
		drac_check_find(check, "map-damaged", check->ctl->opts.path,
		    "Run dracctl sweep, or wait for the next one: it mends or "
		    "converts the map and carries over what can be read.",
		    "The map is damaged, or of another type: %s.", why->text);
	else
		drac_check_find(check, "map-unreadable", check->ctl->opts.path,
		    "Run dracctl check as root.",
		    "The map could not be looked into: %s.",
		    why->text[0] != '\0' ? why->text : strerror(errno));
}

/* Authorised, and not found by a server that reads the file. */
static void
find_hidden(const struct entries *entries)
{
	struct drac_check *check = entries->check;
	bool read = check->waits_sweep || check->has_exim ||
		    (check->has_sendmail &&
			check->ctl->conf.key_style != DRAC_KEY_BOTH);
	char text[DRAC_ADDR_TEXT];

	if (entries->hidden == 0 || !read)
		return;
	drac_addr_text(&entries->first_hidden, text);
	drac_check_find(check, "map-left-out", text,
	    "Have the mail server ask the lookup service of rpc.dracd; or, "
	    "where no Postfix reads the map, take postfix out of readers in "
	    "drac.conf.",
	    "This address is authorised (%llu such entries), and a mail server "
	    "that reads the map does not find it: for Postfix its key would "
	    "be the beginning of other addresses.",
	    (unsigned long long)entries->hidden);
}

static void
judge(struct entries *entries)
{
	struct drac_check *check = entries->check;

	drac_check_looked(check, "Entries: %llu.",
	    (unsigned long long)entries->count);
	find_hidden(entries);
	if (entries->stale == 0)
		return;
	drac_check_find(check, "sweep", check->ctl->opts.path,
	    check->kept ? "Look into the log of rpc.dracd, and restart it."
			: "Enable the timer (systemctl enable --now "
			  "drac-sweep.timer) or copy conf/cron.d/drac to "
			  "/etc/cron.d; see in the log why a sweep fails.",
	    "%llu entries expired more than five minutes ago and are still "
	    "there: nobody sweeps the map%s.",
	    (unsigned long long)entries->stale,
	    check->waits_sweep ? ", and the mail server goes on relaying for "
				 "them"
			       : "");
}

void
drac_check_entries(struct drac_check *check)
{
	struct drac_ctl *ctl = check->ctl;
	struct entries entries = { .check = check,
		.late = ctl->now - LATE_S - ctl->conf.sweep_interval_s };
	struct drac_store_info info;
	struct drac_why why = { "" };
	bool root = geteuid() == 0;

	if (!check->has_file || drac_ctl_become_keeper(ctl) == -1)
		return;
	drac_ctl_be_patient(ctl);
	if (drac_store_open(&ctl->opts, &ctl->store, &why) == -1) {
		ctl->store = NULL;
		/* Root became the directory's owner: map-owner says it. */
		if (!root || errno != EACCES)
			find_damage(check, &why);
		return;
	}
	find_own(&entries);
	drac_route_gateways(4, &entries.gateways[0]);
	drac_route_gateways(16, &entries.gateways[1]);
	if (drac_store_info(ctl->store, &info, &why) == -1 ||
	    drac_store_each(ctl->store, look_at, &entries, &why) == -1)
		find_damage(check, &why);
	else
		judge(&entries);
	free(entries.own);
}
