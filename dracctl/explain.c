/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * explain: what a mail server is told about an address, key by key in the
 * order in which it asks, and what it makes of the answers.
 */

#include "explain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "place.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* Whom it is about, and the configurations that we need not guess. */
struct question {
	struct drac_ctl *ctl;
	struct drac_postfix postfix;
	struct drac_sendmail sendmail;
	struct drac_exim exim;
	struct drac_entry entry;
};

/* The value of the last step as seconds; -1: it is no number. */
static time_t
last_expiry(const struct drac_told *answer)
{
	const struct drac_step *step = &answer->step[answer->steps - 1];
	time_t expiry;

	return drac_value_read(step->raw.value, step->raw.length, &expiry) == 0
		   ? expiry
		   : -1;
}

/* Look for text, with or without a NUL. 1 found, 0, -1. */
static int
look_for(struct drac_ctl *ctl, struct drac_told *answer, const char *text,
    bool nul)
{
	struct drac_step *step = &answer->step[answer->steps];
	struct drac_why why;
	int result;

	if (answer->steps == DRAC_STEPS_MAX)
		return 0;
	answer->steps++;
	step->nul = nul;
	snprintf(step->raw.key.text, sizeof(step->raw.key.text), "%s", text);
	step->raw.key.length = strlen(step->raw.key.text) + nul;
	result = drac_map_raw(ctl, &step->raw, &why);
	if (result == -1)
		drac_ctl_failed(&why);
	step->found = result == 1;
	return result;
}

/* In both spellings; nul_first: in which order. */
static int
look_twice(struct drac_ctl *ctl, struct drac_told *answer, const char *text,
    bool nul_first)
{
	int result = look_for(ctl, answer, text, nul_first);

	return result != 0 ? result : look_for(ctl, answer, text, !nul_first);
}

static const char *
not_there(const struct question *question)
{
	return question->entry.found && question->entry.hidden
		   ? "The map has it under a key that ends in /128, which no "
		     "mail server looks for: to Postfix, which is among "
		     "readers in drac.conf, the plain key would also stand "
		     "for other addresses."
		   : "It is not in the map.";
}

/* One that asks rpc.dracd does not look for keys. */
static int
ask_service(const struct question *question, struct drac_told *answer)
{
	const struct drac_entry *entry = &question->entry;

	answer->note = "Its configuration here asks the lookup service of "
		       "rpc.dracd, not the map.";
	answer->relays = entry->open > question->ctl->now;
	answer->because =
	    answer->relays ? "The service compares the expiry with the clock, "
			     "and it is to come."
	    : entry->open != 0
		? "The service compares the expiry with the clock, "
		  "and it is over."
		: "It is not in the map.";
	return answer->relays;
}

/* Postfix */

static void
judge_postfix(const struct question *question, struct drac_told *answer,
    int found)
{
	if (found == 0) {
		answer->because = not_there(question);
	} else if (last_expiry(answer) == -1) {
		answer->because = "What the map says is no number: every "
				  "recipient gets a 451.";
	} else {
		answer->relays = true;
		answer->because =
		    answer->steps > 2
			? "A beginning of the address is in the map, and "
			  "stands for a whole network."
			: "Postfix takes any number for a yes. It does not "
			  "compare it with the clock: an entry counts until "
			  "it is swept.";
	}
}

/* The address, then ever shorter beginnings of it. */
static int
ask_postfix(const struct question *question, struct drac_told *answer)
{
	struct drac_ctl *ctl = question->ctl;
	char text[DRAC_ADDR_TEXT], *end;
	char separator = ctl->addr.len == 4 ? '.' : ':';
	int found;

	if (!question->postfix.uses_file && question->postfix.uses_service)
		return ask_service(question, answer);
	answer->note = "It looks for the client's name and its domains first; "
		       "our map has no names.";
	drac_addr_text(&ctl->addr, text);
	do {
		found = look_twice(ctl, answer, text, true);
		end = strrchr(text, separator);
		if (end != NULL)
			*end = '\0';
	} while (found == 0 && end != NULL && text[0] != '\0');
	if (found != -1)
		judge_postfix(question, answer, found);
	return found;
}

/* sendmail */

static void
spell_for_sendmail(const struct drac_ctl *ctl,
    const struct drac_sendmail *sendmail, char text[DRAC_KEY_TEXT])
{
	struct drac_text key[2];
	const char *tag = sendmail->keeps_case ? "IPv6:" : "ipv6:";
	bool compressed = sendmail->compressed || ctl->addr.len == 4;
	size_t skip;

	(void)drac_key_spell(&ctl->addr,
	    compressed ? DRAC_KEY_PLAIN : DRAC_KEY_SENDMAIL, 0, key);
	key[0].text[key[0].length] = '\0';
	skip = compressed ? 0 : strlen(tag);
	snprintf(text, DRAC_KEY_TEXT, "%s%.58s",
	    sendmail->strips || ctl->addr.len == 4 ? "" : tag,
	    key[0].text + skip);
}

static void
judge_sendmail(const struct question *question, struct drac_told *answer,
    int found, bool compares)
{
	if (found == 0) {
		answer->because = not_there(question);
	} else if (!compares) {
		answer->relays = true;
		answer->because =
		    "The short rule asks only whether the address is there. "
		    "It does not compare the expiry with the clock: an entry "
		    "counts until it is swept.";
	} else {
		answer->relays = last_expiry(answer) > question->ctl->now;
		answer->because =
		    answer->relays
			? "The rule compares the expiry with the clock, and "
			  "it is to come."
			: "The rule compares the expiry with the clock, and "
			  "it is over.";
	}
}

static int
ask_sendmail(const struct question *question, struct drac_told *answer)
{
	struct drac_ctl *ctl = question->ctl;
	struct drac_sendmail sendmail = question->sendmail;
	char text[DRAC_KEY_TEXT];
	int found;

	if (!sendmail.uses_file && sendmail.uses_socket)
		return ask_service(question, answer);
	if (!sendmail.uses_file) {
		sendmail = (struct drac_sendmail){ .strips = true,
			.compressed = true,
			.compares = true };
		answer->note = "No sendmail.cf here asks our map, so these are "
			       "the rules of conf/sendmail/drac.mc.";
	}
	spell_for_sendmail(ctl, &sendmail, text);
	found = look_twice(ctl, answer, text, false);
	if (found != -1)
		judge_sendmail(question, answer, found, sendmail.compares);
	return found;
}

/* Exim */

static int
ask_exim(const struct question *question, struct drac_told *answer)
{
	struct drac_ctl *ctl = question->ctl;
	struct drac_exim exim = question->exim;
	char text[DRAC_ADDR_TEXT];
	int found;

	if (exim.line == 0 && exim.socket_line != 0)
		return ask_service(question, answer);
	if (exim.line == 0) {
		exim = (struct drac_exim){ .dbmnz = true, .compares = true };
		answer->note = "No configuration here asks our map, so this is "
			       "the condition of conf/exim/drac.acl.";
	}
	drac_addr_text(&ctl->addr, text);
	found = look_for(ctl, answer, text, exim.dbm && !exim.dbmnz);
	if (found == -1)
		return -1;
	answer->relays =
	    found == 1 && (!exim.compares || last_expiry(answer) > ctl->now);
	answer->because =
	    found == 0       ? not_there(question)
	    : !exim.compares ? "It asks only whether the address is there: "
			       "an entry counts until it is swept."
	    : answer->relays ? "The condition compares the expiry with the "
			       "clock, and it is to come."
			     : "The condition compares the expiry with the "
			       "clock, and it is over.";
	return found;
}

/* The map, as we write it */

static int
note_opener(const struct drac_addr *addr, time_t expiry, void *arg)
{
	struct drac_entry *entry = arg;

	if (drac_net_has(&entry->net, addr) && expiry > entry->open)
		entry->open = expiry;
	return 0;
}

/* Whoever else has opened the network that the address is in. */
static int
find_openers(struct drac_ctl *ctl, struct drac_entry *entry)
{
	struct drac_why why = { "" };

	drac_ctl_be_patient(ctl);
	if (drac_store_open(&ctl->opts, &ctl->store, &why) == 0 &&
	    drac_store_each(ctl->store, note_opener, entry, &why) == 0)
		return 0;
	drac_ctl_failed(&why);
	return -1;
}

/* Whoever may not read the list is told so, and the rest all the same. */
static void
find_closing(struct drac_ctl *ctl, struct drac_entry *entry)
{
	const struct drac_closing *closing;
	struct drac_closed closed = { 0 };
	struct drac_place place;
	struct drac_why why = { "" };

	if (drac_place_open_kept(&place, ctl->opts.path, ctl->opts.keeper,
		&why) == -1 ||
	    drac_closed_load(&place, ctl->opts.keeper, &closed, &why) == -1)
		drac_ctl_warn(&why);
	drac_place_close(&place);
	closing = drac_closed_find(&closed, &entry->net, ctl->now);
	entry->closed = closing == NULL ? 0 : closing->until;
	drac_closed_free(&closed);
}

/* Under any spelling: the sweep converts those of before. */
static int
find_entry(struct drac_ctl *ctl, struct drac_entry *entry)
{
	struct drac_text key[DRAC_KEY_SPELLINGS];
	unsigned keys = drac_key_spell_all(&ctl->addr, key);
	struct drac_raw raw = { 0 };
	struct drac_why why;
	time_t expiry;

	for (unsigned i = 0; i < keys; i++) {
		int result;

		raw.key = key[i];
		result = drac_map_raw(ctl, &raw, &why);
		if (result == -1 && errno == ENOENT)
			drac_ctl_complain("%s (dracctl init makes it)",
			    why.text);
		else if (result == -1)
			drac_ctl_failed(&why);
		if (result == -1)
			return -1;
		if (result == 0 ||
		    drac_value_read(raw.value, raw.length, &expiry) == -1)
			continue;
		entry->found = true;
		if (expiry > entry->expiry)
			entry->expiry = expiry;
	}
	entry->hidden = drac_conf_hides(&ctl->conf, &ctl->addr);
	entry->net = drac_cover_of(&ctl->opts.cover, &ctl->addr);
	entry->open = entry->found ? entry->expiry : 0;
	find_closing(ctl, entry);
	return drac_net_is_wide(&entry->net) ? find_openers(ctl, entry) : 0;
}

enum drac_ctl_status
drac_ctl_explain(struct drac_ctl *ctl)
{
	static const struct {
		const char *as;
		const char *name;
		int (*ask)(const struct question *question,
		    struct drac_told *answer);
	} servers[] = {
		{ "postfix", "Postfix", ask_postfix },
		{ "sendmail", "sendmail", ask_sendmail },
		{ "exim", "Exim", ask_exim },
	};
	struct drac_told answer[COUNT(servers)] = { 0 };
	struct question question = { .ctl = ctl };
	size_t count = 0;
	bool relays = true;

	/* Before root becomes the map's user, who may not read them. */
	drac_postfix_read(ctl, &question.postfix);
	drac_sendmail_read(ctl, &question.sendmail);
	drac_exim_read(ctl, &question.exim);
	if (drac_ctl_become_keeper(ctl) == -1 ||
	    find_entry(ctl, &question.entry) == -1)
		return DRAC_CTL_FAILED;
	for (size_t i = 0; i < COUNT(servers); i++) {
		if (ctl->as != NULL && strcmp(ctl->as, servers[i].as) != 0)
			continue;
		answer[count].as = servers[i].as;
		answer[count].name = servers[i].name;
		if (servers[i].ask(&question, &answer[count]) == -1)
			return DRAC_CTL_FAILED;
		relays = relays && answer[count].relays;
		count++;
	}
	drac_explain_say(ctl, &question.entry, answer, count);
	return relays ? DRAC_CTL_YES : DRAC_CTL_NO;
}
