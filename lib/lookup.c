/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Nothing is kept from one call to the next: an unfinished request is read
 * again from its beginning. It is short.
 */
#include "lookup.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define TAG     "IPv6:"
#define TAG_LEN (sizeof TAG - 1)

#define REQUEST     "request=smtpd_access_policy"
#define REQUEST_LEN (sizeof REQUEST - 1)
#define CLIENT      "client_address="
#define CLIENT_LEN  (sizeof CLIENT - 1)

#define REASON_MAX 80

#define TROUBLE "action=451 4.3.0 relay authorisation database unavailable\n\n"

/* Part of what was sent. */
struct piece {
	const char *at;
	size_t len;
};

/* addr->len stays 0 when it is none. */
static void
find_address(struct piece key, struct drac_addr *addr)
{
	char text[TAG_LEN + DRAC_ADDR_TEXT];
	const char *bare = text;

	if (key.len >= 2 && key.at[0] == '[' && key.at[key.len - 1] == ']') {
		key.at++;
		key.len -= 2;
	}
	if (key.len >= sizeof text || memchr(key.at, '\0', key.len) != NULL)
		return;
	memcpy(text, key.at, key.len);
	text[key.len] = '\0';
	if (strncasecmp(text, TAG, TAG_LEN) == 0) {
		bare = text + TAG_LEN;
		if (strchr(bare, ':') == NULL)
			return;
	}
	(void)drac_addr_parse(bare, addr);
}

static int
refuse(struct drac_lookup *asked, const char *fault)
{
	asked->fault = fault;
	return -1;
}

/* socketmap */

/*
 * Digits and a colon: 1, and *size is what they say and they are *used
 * octets. As drac_lookup_read.
 */
static int
read_length(struct piece octets, size_t *size, size_t *used)
{
	size_t i;

	*size = 0;
	for (i = 0; i < octets.len; i++) {
		char c = octets.at[i];

		if (c == ':' && i > 0) {
			*used = i + 1;
			return 1;
		}
		if (c < '0' || c > '9' || (i > 0 && octets.at[0] == '0'))
			return -1;
		*size = *size * 10 + (size_t)(c - '0');
		if (*size > DRAC_LOOKUP_MAP_MAX)
			return -1;
	}
	return 0;
}

static int
read_map(struct piece octets, struct drac_lookup *asked)
{
	size_t size, head;
	int got = read_length(octets, &size, &head);
	struct piece key;
	const char *blank;

	if (got == -1)
		return refuse(asked, "not a netstring of at most 1000 octets");
	if (got == 0 || octets.len < head + size + 1)
		return 0;
	if (octets.at[head + size] != ',')
		return refuse(asked, "no comma after the netstring");
	blank = memchr(octets.at + head, ' ', size);
	if (blank == NULL || blank == octets.at + head)
		return refuse(asked, "not a map and a key");
	key.at = blank + 1;
	key.len = (size_t)(octets.at + head + size - key.at);
	find_address(key, &asked->addr);
	asked->used = head + size + 1;
	return 1;
}

/* Lines */

/* A line without its LF; at is NULL when there is no whole one. */
static struct piece
line_of(struct piece octets)
{
	const char *end =
	    octets.len > 0 ? memchr(octets.at, '\n', octets.len) : NULL;

	if (end == NULL)
		return (struct piece){ NULL, 0 };
	return (struct piece){ octets.at, (size_t)(end - octets.at) };
}

static bool
begins(struct piece piece, const char *with, size_t len)
{
	return piece.len >= len && memcmp(piece.at, with, len) == 0;
}

static int
read_line(struct piece octets, struct drac_lookup *asked)
{
	struct piece line = line_of(octets);

	if (line.at == NULL && octets.len < DRAC_LOOKUP_LINE_MAX)
		return 0;
	if (line.at == NULL || line.len >= DRAC_LOOKUP_LINE_MAX)
		return refuse(asked, "line too long");
	asked->used = line.len + 1;
	if (line.len > 0 && line.at[line.len - 1] == '\r')
		line.len--;
	if (!begins(line, "get ", 4) || line.len == 4)
		return refuse(asked, "not get and an address");
	line.at += 4;
	line.len -= 4;
	find_address(line, &asked->addr);
	return 1;
}

/* Policy */

/* One attribute. Which client it is must be said once. */
static int
take_attribute(struct piece line, bool *seen, struct drac_lookup *asked)
{
	if (memchr(line.at, '=', line.len) == NULL)
		return refuse(asked, "not an attribute");
	if (!begins(line, CLIENT, CLIENT_LEN))
		return 0;
	if (*seen)
		return refuse(asked, "two client addresses");
	*seen = true;
	line.at += CLIENT_LEN;
	line.len -= CLIENT_LEN;
	find_address(line, &asked->addr);
	return 0;
}

static int
read_policy(struct piece octets, struct drac_lookup *asked)
{
	struct piece rest = octets, line;
	bool seen = false;

	while ((line = line_of(rest)).at != NULL) {
		if (line.at == octets.at &&
		    (line.len != REQUEST_LEN ||
			!begins(line, REQUEST, REQUEST_LEN)))
			return refuse(asked, "not a policy request");
		rest.at += line.len + 1;
		rest.len -= line.len + 1;
		if (line.len == 0) {
			asked->used = (size_t)(rest.at - octets.at);
			return 1;
		}
		if (take_attribute(line, &seen, asked) == -1)
			return -1;
	}
	return octets.len < DRAC_LOOKUP_ASKED_MAX
		   ? 0
		   : refuse(asked, "request too long");
}

int
drac_lookup_read(const char *octets, size_t len, struct drac_lookup *asked)
{
	struct piece all = { octets, len };

	*asked = (struct drac_lookup){ .protocol = DRAC_LOOKUP_LINE };
	if (len == 0)
		return 0;
	if (len > DRAC_LOOKUP_ASKED_MAX)
		all.len = DRAC_LOOKUP_ASKED_MAX;
	if (octets[0] >= '0' && octets[0] <= '9') {
		asked->protocol = DRAC_LOOKUP_MAP;
		return read_map(all, asked);
	}
	if (octets[0] == 'r') {
		asked->protocol = DRAC_LOOKUP_POLICY;
		return read_policy(all, asked);
	}
	return read_line(all, asked);
}

/* Replies */

/* `NOTFOUND' has a blank where something follows in other answers. */
static size_t
say(const struct drac_lookup_said *said, bool blank,
    char text[DRAC_LOOKUP_REPLY_MAX])
{
	int length = 0;

	switch (said->answer) {
	case DRAC_LOOKUP_FOUND:
		length = snprintf(text, DRAC_LOOKUP_REPLY_MAX, "OK %jd",
		    (intmax_t)said->expiry);
		break;
	case DRAC_LOOKUP_NOTFOUND:
		length = snprintf(text, DRAC_LOOKUP_REPLY_MAX, "NOTFOUND%s",
		    blank ? " " : "");
		break;
	case DRAC_LOOKUP_TEMP:
	case DRAC_LOOKUP_PERM:
		length = snprintf(text, DRAC_LOOKUP_REPLY_MAX, "%s %.*s",
		    said->answer == DRAC_LOOKUP_TEMP ? "TEMP" : "PERM",
		    REASON_MAX, said->reason);
		break;
	}
	return length > 0 ? (size_t)length : 0;
}

/*
 * Trouble is an answer that ends the matter: DEFER_IF_PERMIT would let a
 * later reject turn it into a refusal for good, and DUNNO would, too.
 */
static size_t
say_policy(enum drac_lookup_answer answer, char text[DRAC_LOOKUP_REPLY_MAX])
{
	static const char *const actions[] = {
		[DRAC_LOOKUP_FOUND] = "action=OK\n\n",
		[DRAC_LOOKUP_NOTFOUND] = "action=DUNNO\n\n",
		[DRAC_LOOKUP_TEMP] = TROUBLE,
		[DRAC_LOOKUP_PERM] = "",
	};
	size_t length = strlen(actions[answer]);

	memcpy(text, actions[answer], length);
	return length;
}

size_t
drac_lookup_reply(enum drac_lookup_protocol protocol,
    const struct drac_lookup_said *said, char text[DRAC_LOOKUP_REPLY_MAX])
{
	char word[DRAC_LOOKUP_REPLY_MAX];
	size_t length;
	int whole;

	if (protocol == DRAC_LOOKUP_POLICY)
		return say_policy(said->answer, text);
	length = say(said, protocol == DRAC_LOOKUP_MAP, word);
	if (protocol == DRAC_LOOKUP_MAP)
		whole = snprintf(text, DRAC_LOOKUP_REPLY_MAX, "%zu:%s,", length,
		    word);
	else
		whole = snprintf(text, DRAC_LOOKUP_REPLY_MAX, "%s\n", word);
	return whole > 0 && (size_t)whole < DRAC_LOOKUP_REPLY_MAX
		   ? (size_t)whole
		   : 0;
}
