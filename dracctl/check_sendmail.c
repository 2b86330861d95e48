/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * sendmail.cf: the map lines (K) that name our map or the lookup service,
 * and the rules that ask them.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "check.h"

#define NAME_MAX_ 64
#define TAG_MAX   64
#define BLANKS    " \t"

static const char *const paths[] = { "/etc/mail/sendmail.cf",
	"/etc/sendmail.cf" };

/* The K line of ours, and where in the file we are. */
struct reading {
	const struct drac_ctl *ctl;
	struct drac_sendmail *sendmail;
	char *base;
	char name[NAME_MAX_];
	char tag[TAG_MAX]; /* -T */
	bool socket;
	bool strips;  /* in this ruleset, so far */
	bool asked;   /* likewise */
	bool guarded; /* behind the question */
	bool compares;
};

/* sendmail adds .db where it is missing. */
static bool
is_map(const struct reading *reading, const char *path)
{
	const struct drac_ctl *ctl = reading->ctl;
	size_t length = strlen(path);

	reading->sendmail->by_link = strcmp(path, reading->base) != 0 &&
				     strcmp(path, ctl->conf.database) != 0;
	return !reading->sendmail->by_link ||
	       drac_below_leads_to_map(ctl, path, length, ".db") ||
	       drac_below_leads_to_map(ctl, path, length, "");
}

/* Kdrac btree -T<TMPF> /var/lib/drac/dracd */
static void
read_map(struct reading *reading, char *line, unsigned number)
{
	struct drac_sendmail *sendmail = reading->sendmail;
	const char *name = strsep(&line, BLANKS), *class = NULL, *path = "";
	const char *word, *tag = "";
	bool keeps_case = false, socket;

	while ((word = strsep(&line, BLANKS)) != NULL) {
		if (*word == '\0')
			continue;
		if (class == NULL)
			class = word;
		else if (strncmp(word, "-T", 2) == 0)
			tag = word + 2;
		else if (word[0] == '-')
			keeps_case = keeps_case || strcmp(word, "-f") == 0;
		else
			path = word;
	}
	socket = class != NULL && strcmp(class, "socket") == 0;
	if (socket ? strstr(path, "drac") == NULL : !is_map(reading, path))
		return;
	snprintf(reading->name, sizeof(reading->name), "$(%s ", name);
	snprintf(reading->tag, sizeof(reading->tag), "%s", tag);
	reading->socket = socket;
	sendmail->map_line = number;
	sendmail->keeps_case = keeps_case;
	sendmail->hash =
	    !socket && class != NULL && strcmp(class, "btree") != 0;
}

/* What the ruleset that asked did with the answer. */
static void
end_ruleset(struct reading *reading)
{
	struct drac_sendmail *sendmail = reading->sendmail;

	if (reading->asked) {
		sendmail->uses_file = sendmail->uses_file || !reading->socket;
		sendmail->uses_socket =
		    sendmail->uses_socket || reading->socket;
		sendmail->strips = reading->strips;
		sendmail->compares = reading->compares;
		sendmail->tag_unguarded = reading->tag[0] != '\0' &&
					  !reading->guarded &&
					  !reading->compares;
	}
	reading->strips = reading->asked = false;
	reading->guarded = reading->compares = false;
}

/* The columns of a rule stand apart by tabs. */
static void
read_rule(struct reading *reading, const char *line, unsigned number)
{
	size_t left = strcspn(line, "\t");

	if (!reading->asked) {
		if (memmem(line, left, "IPv6 :", 6) != NULL ||
		    memmem(line, left, "IPv6:", 5) != NULL)
			reading->strips = true;
		if (reading->name[0] == '\0' ||
		    strstr(line, reading->name) == NULL)
			return;
		reading->asked = true;
		reading->sendmail->use_line = number;
		return;
	}
	if (reading->tag[0] != '\0' &&
	    memmem(line, left, reading->tag, strlen(reading->tag)) != NULL)
		reading->guarded = true;
	if (strstr(line, "$&{time}") != NULL)
		reading->compares = true;
}

static void
read_option(struct drac_sendmail *sendmail, const char *line)
{
	static const char name[] = "UseCompressedIPv6Addresses=";

	line += strspn(line, BLANKS);
	if (strncasecmp(line, name, sizeof(name) - 1) == 0)
		sendmail->compressed =
		    strncasecmp(line + sizeof(name) - 1, "t", 1) == 0;
}

static void
read_cf(struct reading *reading, char *text)
{
	unsigned number = 0;
	char *line;

	while ((line = drac_below_line(&text)) != NULL) {
		number++;
		switch (line[0]) {
		case 'K':
			read_map(reading, line + 1, number);
			break;
		case 'O':
			read_option(reading->sendmail, line + 1);
			break;
		case 'S':
			end_ruleset(reading);
			break;
		case 'R':
			read_rule(reading, line + 1, number);
			break;
		default:
			break;
		}
	}
	end_ruleset(reading);
}

void
drac_sendmail_read(const struct drac_ctl *ctl, struct drac_sendmail *sendmail)
{
	struct reading reading = { .ctl = ctl, .sendmail = sendmail };
	char *text = NULL;

	*sendmail = (struct drac_sendmail){ 0 };
	for (size_t i = 0; text == NULL && i < 2; i++) {
		text = drac_below_read(ctl, paths[i]);
		sendmail->path = text == NULL ? NULL : paths[i];
	}
	reading.base = drac_map_base(ctl);
	if (text != NULL && reading.base != NULL)
		read_cf(&reading, text);
	free(reading.base);
	free(text);
}

#define RECOMMENDED "Take the lines of conf/sendmail/drac.mc"

static void
check_keys(struct drac_check *check, const struct drac_sendmail *sendmail)
{
	enum drac_key_style style = check->ctl->conf.key_style;
	char where[DRAC_CHECK_WHERE];
	bool plain = sendmail->strips && sendmail->compressed;
	bool tagged =
	    !sendmail->strips && !sendmail->compressed && !sendmail->keeps_case;
	bool found;

	if (!sendmail->uses_file)
		return;
	(void)drac_check_at(sendmail->path, sendmail->use_line, where);
	found =
	    (plain && style != DRAC_KEY_SENDMAIL) ||
	    (tagged && (style == DRAC_KEY_SENDMAIL || style == DRAC_KEY_BOTH));
	if (style == DRAC_KEY_CIDR)
		drac_check_find(check, "sendmail-keys", where,
		    "Set key_style = plain in drac.conf.",
		    "sendmail looks for addresses alone, and key_style = cidr "
		    "writes /32 behind them: it finds nobody.");
	else if (!found)
		drac_check_find(check, "sendmail-keys", where,
		    plain ? "Set key_style = plain in drac.conf."
		    : tagged
			? "Set key_style = both in drac.conf; or: " RECOMMENDED
			  "."
			: RECOMMENDED ": the rule that strips IPv6:, and "
				      "confUSE_COMPRESSED_IPV6_ADDRESSES.",
		    "sendmail looks for IPv6 clients in a form that the map "
		    "does not have: it %s the tag IPv6: and %s the address.",
		    sendmail->strips ? "strips" : "keeps",
		    sendmail->compressed ? "compresses" : "does not compress");
	drac_check_prefix(check, "sendmail-keys", where, "sendmail");
}

/* Packages that were removed leave sendmail.cf behind. */
static bool
has_another(const struct drac_check *check)
{
	return check->has_postfix || drac_below_has(check->ctl, "exim4") ||
	       drac_below_has(check->ctl, "exim");
}

void
drac_check_sendmail(struct drac_check *check)
{
	struct drac_sendmail sendmail;
	char where[DRAC_CHECK_WHERE];
	bool used;

	drac_sendmail_read(check->ctl, &sendmail);
	used = sendmail.uses_file || sendmail.uses_socket;
	if (sendmail.path == NULL || (!used && has_another(check))) {
		drac_check_looked(check, "sendmail: not here.");
		return;
	}
	if (!drac_check_has_map(check))
		return;
	check->has_sendmail = sendmail.uses_file;
	check->adds_db =
	    check->adds_db || (sendmail.uses_file && !sendmail.by_link);
	check->waits_sweep =
	    check->waits_sweep || (sendmail.uses_file && !sendmail.compares);
	(void)drac_check_at(sendmail.path, sendmail.map_line, where);
	if (!used)
		drac_check_find(check, "sendmail-none", sendmail.path,
		    RECOMMENDED ".",
		    "No rule asks our map, so nobody may relay because of it.");
	if (sendmail.hash)
		drac_check_find(check, "sendmail-type", where, "Write btree.",
		    "The map is named with another class than btree, and "
		    "sendmail does not open it.");
	if (sendmail.tag_unguarded)
		drac_check_find(check, "sendmail-open-relay", where,
		    "Remove -T from the K line at once; or " RECOMMENDED
		    ", which compare the expiry with the clock.",
		    "This is an open relay as soon as the map is missing or "
		    "the lookup service is down: with -T the short rule takes "
		    "the failure for a grant.");
	check_keys(check, &sendmail);
	if (used)
		drac_check_looked(check, "sendmail: asks %s, by %s.",
		    sendmail.uses_file ? "our map" : "the lookup service",
		    where);
}
