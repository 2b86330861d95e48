/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The table of keys and their setters. A default is a text that goes
 * through the setter of its key like any value of the user, so table and
 * behaviour cannot differ. A setter changes conf only when the whole
 * value is good. No locale: ctype.h and strtol(3) are not used here.
 */
#include "conf.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lines.h"

#define BLANKS DRAC_LINES_BLANKS
#define DIGITS "0123456789"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ_"
#define LETTERS                      \
	"abcdefghijklmnopqrstuvwxyz" \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* Octets of the longest host name (RFC 1035, 2.3.4) and a NUL. */
#define HOST_NAME 256

#define NO_ENDPOINT "not loopback, any, ADDRESS or ADDRESS:PORT"

#define NO_LOOKUP "not an absolute path or a loopback ADDRESS:PORT"

#define YEAR_S (365u * 24 * 60 * 60)

_Static_assert(DRAC_CONF_SIZE_MAX == DRAC_LINES_SIZE_MAX, "one limit");

/* A value on its way into conf, and what is wrong with it. */
struct drac_conf_setting {
	struct drac_conf *conf;
	const char *text; /* the whole value */
	bool append;      /* to the values of a repeatable key */
	bool argument;    /* not of the file */
	const char *rest; /* of a list, see next_word */
	const char *word; /* what an error shows: the word, or all of text */
	size_t word_len;
	const char *what;     /* is wrong, in a few words */
	struct drac_why said; /* or a sentence about another file */
};

static int
refuse(struct drac_conf_setting *s, const char *what)
{
	s->what = what;
	errno = EINVAL;
	return -1;
}

static int
no_memory(struct drac_conf_setting *s)
{
	s->what = "out of memory";
	errno = ENOMEM;
	return -1;
}

/* Durations */

static int
number(const char *text, size_t len, uint64_t *value)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9' || sum > UINT64_MAX / 10 - 1)
			return -1;
		sum = sum * 10 + (uint64_t)(text[i] - '0');
	}
	*value = sum;
	return len == 0 ? -1 : 0;
}

/* Milliseconds of a unit, 0 for an unknown one. */
static uint64_t
unit_ms(const char *unit)
{
	static const struct {
		char name[3];
		uint64_t ms;
	} units[] = { { "", 1000 }, { "ms", 1 }, { "s", 1000 }, { "m", 60000 },
		{ "h", 3600000 }, { "d", 86400000 } };

	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		if (strcmp(unit, units[i].name) == 0)
			return units[i].ms;
	}
	return 0;
}

int
drac_duration_parse(const char *text, uint64_t *ms)
{
	size_t digits = strspn(text, DIGITS);
	uint64_t unit = unit_ms(text + digits), value;

	if (unit == 0 || number(text, digits, &value) == -1 ||
	    value > UINT64_MAX / unit) {
		errno = EINVAL;
		return -1;
	}
	*ms = value * unit;
	return 0;
}

static int
whole_seconds(struct drac_conf_setting *s, uint64_t *seconds)
{
	uint64_t ms;

	if (drac_duration_parse(s->text, &ms) == -1)
		return refuse(s, "not a duration");
	if (ms % 1000 != 0)
		return refuse(s, "not whole seconds");
	*seconds = ms / 1000;
	return 0;
}

static int
set_seconds(struct drac_conf_setting *s, unsigned least, unsigned *seconds)
{
	uint64_t value;

	if (whole_seconds(s, &value) == -1)
		return -1;
	if (value < least || value > YEAR_S)
		return refuse(s,
		    least == 0 ? "not 0s to 365d" : "not 1s to 365d");
	*seconds = (unsigned)value;
	return 0;
}

static int
set_lifetime(struct drac_conf_setting *s)
{
	return set_seconds(s, 1, &s->conf->lifetime_s);
}

static int
set_renew(struct drac_conf_setting *s)
{
	return set_seconds(s, 0, &s->conf->renew_s);
}

static int
set_timeout(struct drac_conf_setting *s)
{
	uint64_t ms;

	if (drac_duration_parse(s->text, &ms) == -1)
		return refuse(s, "not a duration");
	if (ms < 10 || ms > 60000)
		return refuse(s, "not 10ms to 60s");
	s->conf->timeout_ms = (unsigned)ms;
	return 0;
}

/* Words */

static int
set_string(struct drac_conf_setting *s, char **slot)
{
	char *copy = strdup(s->text);

	if (copy == NULL)
		return no_memory(s);
	free(*slot);
	*slot = copy;
	return 0;
}

static int
set_path(struct drac_conf_setting *s, size_t most, char **slot)
{
	size_t len = strlen(s->text);

	if (s->text[0] != '/')
		return refuse(s, "not an absolute path");
	if (s->text[len - 1] == '/')
		return refuse(s, "not the path of a file");
	if (len > most)
		return refuse(s, "path too long");
	return set_string(s, slot);
}

static int
set_database(struct drac_conf_setting *s)
{
	return set_path(s, PATH_MAX - 1, &s->conf->database);
}

static int
set_socket(struct drac_conf_setting *s)
{
	return set_path(s, sizeof(((struct sockaddr_un *)0)->sun_path) - 1,
	    &s->conf->socket);
}

/* Empty: no such file is looked for. */
static int
set_allow_file(struct drac_conf_setting *s)
{
	if (s->text[0] != '\0')
		return set_path(s, PATH_MAX - 1, &s->conf->allow_file);
	free(s->conf->allow_file);
	s->conf->allow_file = NULL;
	return 0;
}

static int
set_user(struct drac_conf_setting *s)
{
	if (s->text[0] == '\0' ||
	    s->text[strcspn(s->text, BLANKS ",/:")] != '\0')
		return refuse(s, "not the name of a user");
	return set_string(s, &s->conf->user);
}

static int
set_fallback(struct drac_conf_setting *s)
{
	bool direct = strcmp(s->text, "direct") == 0;

	if (!direct && strcmp(s->text, "none") != 0)
		return refuse(s, "not none or direct");
	s->conf->fallback_direct = direct;
	return 0;
}

static int
set_rhost_env(struct drac_conf_setting *s)
{
	if (s->text[0] == '\0') {
		free(s->conf->rhost_env);
		s->conf->rhost_env = NULL;
		return 0;
	}
	if (strspn(s->text, DIGITS) != 0 ||
	    s->text[strspn(s->text, UPPER DIGITS)] != '\0')
		return refuse(s, "not a variable name (A-Z, 0-9 and _)");
	return set_string(s, &s->conf->rhost_env);
}

static int
set_key_style(struct drac_conf_setting *s)
{
	static const char *const styles[] = {
		[DRAC_KEY_PLAIN] = "plain",
		[DRAC_KEY_NUL] = "nul",
		[DRAC_KEY_CIDR] = "cidr",
		[DRAC_KEY_SENDMAIL] = "sendmail",
		[DRAC_KEY_BOTH] = "both",
	};

	for (size_t i = 0; i < sizeof styles / sizeof styles[0]; i++) {
		if (strcmp(s->text, styles[i]) == 0) {
			s->conf->key_style = (enum drac_key_style)i;
			return 0;
		}
	}
	return refuse(s, "not plain, nul, cidr, sendmail or both");
}

/* The owner reads and writes, nobody else writes, nobody executes. */
static int
set_mode(struct drac_conf_setting *s)
{
	static const struct {
		char text[5];
		mode_t mode;
	} modes[] = { { "0600", 0600 }, { "0604", 0604 }, { "0640", 0640 },
		{ "0644", 0644 } };

	for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
		if (strcmp(s->text, modes[i].text) == 0 ||
		    strcmp(s->text, modes[i].text + 1) == 0) {
			s->conf->mode = modes[i].mode;
			return 0;
		}
	}
	return refuse(s, "not 0600, 0604, 0640 or 0644");
}

static int
set_flag(struct drac_conf_setting *s, bool *flag)
{
	bool yes = strcmp(s->text, "yes") == 0;

	if (!yes && strcmp(s->text, "no") != 0)
		return refuse(s, "not yes or no");
	*flag = yes;
	return 0;
}

static int
set_sync(struct drac_conf_setting *s)
{
	return set_flag(s, &s->conf->sync);
}

static int
set_strict(struct drac_conf_setting *s)
{
	return set_flag(s, &s->conf->strict);
}

static int
set_debug(struct drac_conf_setting *s)
{
	return set_flag(s, &s->conf->debug);
}

static int
set_insecure_local(struct drac_conf_setting *s)
{
	return set_flag(s, &s->conf->insecure_local);
}

static int
set_allow_gateway(struct drac_conf_setting *s)
{
	return set_flag(s, &s->conf->allow_gateway);
}

static int
set_after_requisite(struct drac_conf_setting *s)
{
	return set_flag(s, &s->conf->after_requisite);
}

/* Lists */

/*
 * Put the next word of s->rest into s->word: words stand apart by blanks,
 * by one comma or by both. 1 a word, 0 the end, -1 a comma without a word
 * on each side (and s->word is all of it again).
 */
static int
next_word(struct drac_conf_setting *s)
{
	const char *at = s->rest + strspn(s->rest, BLANKS);
	bool comma = *at == ',' && s->rest != s->text;

	if (comma)
		at += 1 + strspn(at + 1, BLANKS);
	s->word = at;
	s->word_len = strcspn(at, BLANKS ",");
	s->rest = at + s->word_len;
	if (s->word_len > 0)
		return 1;
	s->word = s->text;
	s->word_len = strlen(s->text);
	return comma || *at == ',' ? refuse(s, "a comma without a word") : 0;
}

/* s->word as a string; -1 when it is longer than any good one. */
static int
copy_word(const struct drac_conf_setting *s, char *copy, size_t size)
{
	if (s->word_len >= size)
		return -1;
	memcpy(copy, s->word, s->word_len);
	copy[s->word_len] = '\0';
	return 0;
}

static int
add_nets(struct drac_conf_setting *s, struct drac_nets *nets)
{
	char text[DRAC_ADDR_TEXT + sizeof "/128"];
	struct drac_net net;
	int more;

	while ((more = next_word(s)) == 1) {
		if (copy_word(s, text, sizeof text) == -1)
			return refuse(s, "not a network");
		if (drac_net_parse(text, &net) == -1)
			return refuse(s, errno == EDOM
					     ? "bits set after the prefix"
					     : "not a network");
		if (drac_nets_add(nets, &net) == -1)
			return no_memory(s);
	}
	return more;
}

static int
set_nets(struct drac_conf_setting *s, struct drac_nets *old)
{
	struct drac_nets fresh = { 0 };
	size_t count = old->count;

	if (s->append) {
		if (add_nets(s, old) == 0)
			return 0;
		old->count = count;
		return -1;
	}
	if (add_nets(s, &fresh) == -1) {
		drac_nets_free(&fresh);
		return -1;
	}
	drac_nets_free(old);
	*old = fresh;
	return 0;
}

static int
set_exclude(struct drac_conf_setting *s)
{
	return set_nets(s, &s->conf->exclude);
}

static int
set_allow(struct drac_conf_setting *s)
{
	return set_nets(s, &s->conf->allow);
}

static void
free_words(char **words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(words[i]);
	free(words);
}

/* The number of words in a list; -1 refused. The list is read afresh after. */
static int
count_words(struct drac_conf_setting *s, size_t *count)
{
	int more;

	for (*count = 0; (more = next_word(s)) == 1; ++*count)
		continue;
	s->rest = s->text;
	return more;
}

/* No name may hold a slash: what else it may be is for its user to say. */
static int
copy_names(struct drac_conf_setting *s, const char *what, char **names,
    size_t count)
{
	for (size_t i = 0; i < count && next_word(s) == 1; i++) {
		if (memchr(s->word, '/', s->word_len) != NULL)
			return refuse(s, what);
		names[i] = strndup(s->word, s->word_len);
		if (names[i] == NULL)
			return no_memory(s);
	}
	return 0;
}

static int
set_names(struct drac_conf_setting *s, const char *what, char ***slot,
    size_t *slot_count)
{
	char **names = NULL;
	size_t count;

	if (count_words(s, &count) == -1)
		return -1;
	if (count > 0 && (names = calloc(count, sizeof *names)) == NULL)
		return no_memory(s);
	if (copy_names(s, what, names, count) == -1) {
		free_words(names, count);
		return -1;
	}
	free_words(*slot, *slot_count);
	*slot = names;
	*slot_count = count;
	return 0;
}

/* A service is the name of a file under /etc/pam.d. */
static int
set_readers(struct drac_conf_setting *s)
{
	static const struct {
		const char *name;
		enum drac_reader reader;
	} known[] = { { "postfix", DRAC_READER_POSTFIX },
		{ "sendmail", DRAC_READER_SENDMAIL },
		{ "exim", DRAC_READER_EXIM } };
	unsigned readers = 0;
	int more;

	while ((more = next_word(s)) == 1) {
		size_t i = 0;

		while (i < sizeof known / sizeof known[0] &&
		       (strlen(known[i].name) != s->word_len ||
			   memcmp(known[i].name, s->word, s->word_len) != 0))
			i++;
		if (i == sizeof known / sizeof known[0])
			return refuse(s, "not postfix, sendmail or exim");
		if ((readers & known[i].reader) != 0)
			return refuse(s, "named twice");
		readers |= known[i].reader;
	}
	if (more == 0 && readers == 0)
		return refuse(s, "no value");
	if (more == 0)
		s->conf->readers = readers;
	return more;
}

static int
set_services(struct drac_conf_setting *s)
{
	return set_names(s, "not the name of a PAM service", &s->conf->services,
	    &s->conf->service_count);
}

static int
set_allow_users(struct drac_conf_setting *s)
{
	struct drac_conf *conf = s->conf;

	if (set_names(s, "not the name of a user", &conf->allow_users,
		&conf->allow_user_count) == -1)
		return -1;
	conf->allow_any_user = false;
	for (size_t i = 0; i < conf->allow_user_count; i++)
		if (strcmp(conf->allow_users[i], "any") == 0)
			conf->allow_any_user = true;
	if (conf->allow_any_user) {
		free_words(conf->allow_users, conf->allow_user_count);
		conf->allow_users = NULL;
		conf->allow_user_count = 0;
	}
	return 0;
}

/* A word that begins with a slash is a file of names. */
static int
add_user(struct drac_conf_setting *s, struct drac_users *users)
{
	char path[PATH_MAX];

	if (s->word[0] != '/') {
		if (drac_users_add(users, s->word, s->word_len) == 0)
			return 0;
		return errno == ENOMEM ? no_memory(s)
				       : refuse(s, "not the name of a user");
	}
	if (copy_word(s, path, sizeof path) == -1)
		return refuse(s, "path too long");
	if (drac_users_load(users, path, &s->said) == 0)
		return 0;
	/* ENOENT would mean that there is no drac.conf: nobody is denied. */
	errno = errno == ENOMEM ? ENOMEM : EINVAL;
	return -1;
}

static int
set_user_list(struct drac_conf_setting *s, struct drac_users *users)
{
	struct drac_users fresh = { 0 };
	int more, result;

	while ((more = next_word(s)) == 1 && (more = add_user(s, &fresh)) == 0)
		fresh.given = true;
	if (more == -1) {
		drac_users_free(&fresh);
		return -1;
	}
	if (!s->append)
		drac_users_free(users);
	result = drac_users_join(users, &fresh);
	drac_users_free(&fresh);
	return result == -1 ? no_memory(s) : 0;
}

/* An argument makes the file's list shorter, never longer. */
static int
set_users(struct drac_conf_setting *s)
{
	return set_user_list(s,
	    s->argument ? &s->conf->users_too : &s->conf->users);
}

static int
set_deny_users(struct drac_conf_setting *s)
{
	return set_user_list(s, &s->conf->deny_users);
}

static int
set_anonymous_reports(struct drac_conf_setting *s)
{
	return set_flag(s, &s->conf->anonymous_reports);
}

static int
copy_ports(struct drac_conf_setting *s, unsigned short *ports, size_t count)
{
	uint64_t port;

	for (size_t i = 0; i < count && next_word(s) == 1; i++) {
		if (number(s->word, s->word_len, &port) == -1 || port < 1 ||
		    port > 65535)
			return refuse(s, "not a port");
		ports[i] = (unsigned short)port;
	}
	return 0;
}

static int
parse_ports(struct drac_conf_setting *s, unsigned short **ports, size_t *count)
{
	if (strncmp(s->text, "port:", 5) != 0)
		return refuse(s, "not port:NUMBER,NUMBER...");
	if (s->text[5 + strspn(s->text + 5, BLANKS)] == '\0')
		return refuse(s, "no port after it");
	s->text = s->rest = s->text + 5;
	if (count_words(s, count) == -1)
		return -1;
	if ((*ports = calloc(*count, sizeof **ports)) == NULL)
		return no_memory(s);
	return copy_ports(s, *ports, *count);
}

static int
set_peer(struct drac_conf_setting *s)
{
	unsigned short *ports = NULL;
	size_t count = 0;

	if (s->text[0] != '\0' && parse_ports(s, &ports, &count) == -1) {
		free(ports);
		return -1;
	}
	free(s->conf->peer_ports);
	s->conf->peer_ports = ports;
	s->conf->peer_port_count = count;
	return 0;
}

/* Hosts */

/*
 * `HOST`, `HOST:PORT`, `[IPV6]:PORT` or a bare IPv6 address, cut in place:
 * *host is left without port and brackets. -1: no host, no port.
 */
static int
split_port(char *word, char **host, unsigned short *port)
{
	char *colon = strchr(word, ':'), *end;
	uint64_t value = 0;

	*host = word;
	*port = 0;
	if (*word == '[') {
		end = strchr(word, ']');
		if (end == NULL || (end[1] != ':' && end[1] != '\0'))
			return -1;
		colon = end[1] == ':' ? end + 1 : NULL;
		*end = '\0';
		(*host)++;
		if (strchr(*host, ':') == NULL)
			return -1;
	} else if (colon != NULL && strchr(colon + 1, ':') != NULL) {
		colon = NULL; /* an IPv6 address as it is */
	}
	if (colon != NULL) {
		if (number(colon + 1, strlen(colon + 1), &value) == -1 ||
		    value < 1 || value > 65535)
			return -1;
		*colon = '\0';
	}
	*port = (unsigned short)value;
	return **host == '\0' ? -1 : 0;
}

/* An address, or what can be the name of a host and no mistyped address. */
static bool
is_host(const char *host)
{
	struct drac_addr addr;

	if (drac_addr_parse(host, &addr) == 0)
		return drac_addr_scope(&addr) == DRAC_SCOPE_HOST ||
		       drac_addr_scope(&addr) == DRAC_SCOPE_LOOPBACK;
	return strlen(host) < HOST_NAME &&
	       host[strspn(host, LETTERS DIGITS "-._")] == '\0' &&
	       strpbrk(host, LETTERS) != NULL;
}

/* False: it is none of them. */
static bool
take_bits(const struct drac_conf_setting *s, unsigned least, unsigned most,
    unsigned char *bits)
{
	uint64_t value;

	if (number(s->text, strlen(s->text), &value) == -1 || value < least ||
	    value > most)
		return false;
	*bits = (unsigned char)value;
	return true;
}

static int
set_prefix4(struct drac_conf_setting *s)
{
	return take_bits(s, 8, 32, &s->conf->prefix4)
		   ? 0
		   : refuse(s, "not 8 to 32");
}

static int
set_prefix6(struct drac_conf_setting *s)
{
	return take_bits(s, 32, 128, &s->conf->prefix6)
		   ? 0
		   : refuse(s, "not 32 to 128");
}

/* Leave the first keep of them. */
static void
cut_servers(struct drac_server **servers, size_t *count, size_t keep)
{
	while (*count > keep) {
		struct drac_server *last = &(*servers)[--*count];

		free(last->name);
		free(last->host);
	}
	if (keep == 0) {
		free(*servers);
		*servers = NULL;
	}
}

static int
copy_server(struct drac_conf_setting *s, struct drac_server *server)
{
	char word[HOST_NAME + sizeof "[]:65535"], *host;

	if (copy_word(s, word, sizeof word) == -1)
		return refuse(s, "not a server");
	server->name = strdup(word);
	if (server->name == NULL)
		return no_memory(s);
	if (strcmp(word, "local") == 0)
		return 0;
	/* `local:700` is no host of that name, but a misunderstanding. */
	if (split_port(word, &host, &server->port) == -1 || !is_host(host) ||
	    strcmp(host, "local") == 0)
		return refuse(s, "not local, HOST or HOST:PORT");
	server->host = strdup(host);
	return server->host == NULL ? no_memory(s) : 0;
}

static bool
is_named(const struct drac_conf_setting *s, const struct drac_server *servers,
    size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strlen(servers[i].name) == s->word_len &&
		    memcmp(servers[i].name, s->word, s->word_len) == 0)
			return true;
	}
	return false;
}

static int
add_servers(struct drac_conf_setting *s, struct drac_server **servers,
    size_t *count)
{
	struct drac_server *more_room;
	int more;

	while ((more = next_word(s)) == 1) {
		if (is_named(s, *servers, *count))
			return refuse(s, "named twice");
		if (*count == DRAC_SERVERS_MAX)
			return refuse(s, "more than 16 servers");
		more_room =
		    reallocarray(*servers, *count + 1, sizeof **servers);
		if (more_room == NULL)
			return no_memory(s);
		*servers = more_room;
		more_room[*count] = (struct drac_server){ 0 };
		if (copy_server(s, &more_room[(*count)++]) == -1)
			return -1;
	}
	return more;
}

static int
set_server(struct drac_conf_setting *s)
{
	struct drac_conf *conf = s->conf;
	struct drac_server *fresh = NULL;
	size_t old = conf->server_count, count = 0;

	if (s->append) {
		if (add_servers(s, &conf->servers, &conf->server_count) == 0)
			return 0;
		cut_servers(&conf->servers, &conf->server_count, old);
		return -1;
	}
	if (add_servers(s, &fresh, &count) == -1) {
		cut_servers(&fresh, &count, 0);
		return -1;
	}
	cut_servers(&conf->servers, &conf->server_count, 0);
	conf->servers = fresh;
	conf->server_count = count;
	return 0;
}

/* Every address, or one that can be this host's. */
static bool
can_listen(const struct drac_addr *addr)
{
	static const unsigned char any[sizeof addr->octet];
	enum drac_scope scope = drac_addr_scope(addr);

	return scope == DRAC_SCOPE_HOST || scope == DRAC_SCOPE_LOOPBACK ||
	       memcmp(addr->octet, any, sizeof any) == 0;
}

static int
add_endpoint(struct drac_conf_setting *s, struct drac_endpoint **list,
    size_t *count, const struct drac_endpoint *one)
{
	struct drac_endpoint *more_room;

	for (size_t i = 0; i < *count; i++) {
		if (drac_addr_equal(&(*list)[i].addr, &one->addr) &&
		    (*list)[i].port == one->port)
			return refuse(s, "named twice");
	}
	if (*count == DRAC_LISTEN_MAX)
		return refuse(s, "more than 32 addresses");
	more_room = reallocarray(*list, *count + 1, sizeof **list);
	if (more_room == NULL)
		return no_memory(s);
	*list = more_room;
	more_room[(*count)++] = *one;
	return 0;
}

/* One word is one address, or one of each family. */
static int
add_word(struct drac_conf_setting *s, struct drac_endpoint **list,
    size_t *count)
{
	static const struct {
		const char *word, *text[2];
	} both[] = { { "loopback", { "127.0.0.1", "::1" } },
		{ "any", { "0.0.0.0", "::" } } };
	char word[DRAC_ADDR_TEXT + sizeof "[]:65535"];
	struct drac_endpoint one = { 0 };
	char *host;

	if (copy_word(s, word, sizeof word) == -1 ||
	    split_port(word, &host, &one.port) == -1)
		return refuse(s, NO_ENDPOINT);
	for (size_t i = 0; i < sizeof both / sizeof both[0]; i++) {
		if (strcmp(host, both[i].word) != 0)
			continue;
		for (size_t j = 0; j < 2; j++) {
			if (drac_addr_parse(both[i].text[j], &one.addr) == -1 ||
			    add_endpoint(s, list, count, &one) == -1)
				return -1;
		}
		return 0;
	}
	if (drac_addr_parse(host, &one.addr) == -1 || !can_listen(&one.addr))
		return refuse(s, NO_ENDPOINT);
	return add_endpoint(s, list, count, &one);
}

static int
set_listen(struct drac_conf_setting *s)
{
	struct drac_conf *conf = s->conf;
	struct drac_endpoint *fresh = NULL;
	size_t count = 0;
	int more;

	if (s->append && conf->listen_count > 0) {
		fresh = calloc(conf->listen_count, sizeof *fresh);
		if (fresh == NULL)
			return no_memory(s);
		count = conf->listen_count;
		memcpy(fresh, conf->listen, count * sizeof *fresh);
	}
	while ((more = next_word(s)) == 1 &&
	       (more = add_word(s, &fresh, &count)) == 0)
		continue;
	if (more == -1) {
		free(fresh);
		return -1;
	}
	free(conf->listen);
	conf->listen = fresh;
	conf->listen_count = count;
	return 0;
}

static int
set_port(struct drac_conf_setting *s)
{
	uint64_t port;

	if (number(s->text, strlen(s->text), &port) == -1 || port > 65535)
		return refuse(s, "not a port");
	s->conf->port = (unsigned short)port;
	return 0;
}

static int
set_sweep_interval(struct drac_conf_setting *s)
{
	uint64_t seconds;

	if (whole_seconds(s, &seconds) == -1)
		return -1;
	if (seconds < 1 || seconds > 3600)
		return refuse(s, "not 1s to 1h");
	s->conf->sweep_interval_s = (unsigned)seconds;
	return 0;
}

/* Leave the first keep of them. */
static void
cut_lookups(struct drac_lookup_at **list, size_t *count, size_t keep)
{
	while (*count > keep)
		free((*list)[--*count].path);
	if (keep == 0) {
		free(*list);
		*list = NULL;
	}
}

/* s->word as the path of a socket. */
static int
copy_path(struct drac_conf_setting *s, struct drac_lookup_at *at)
{
	if (s->word[s->word_len - 1] == '/')
		return refuse(s, "not the path of a file");
	if (s->word_len >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return refuse(s, "path too long");
	at->path = strndup(s->word, s->word_len);
	return at->path == NULL ? no_memory(s) : 0;
}

/* Whoever asks tells nobody who it is: so nobody from outside. */
static int
copy_lookup(struct drac_conf_setting *s, struct drac_lookup_at *at)
{
	char word[DRAC_ADDR_TEXT + sizeof "[]:65535"], *host;

	*at = (struct drac_lookup_at){ 0 };
	if (s->word[0] == '/')
		return copy_path(s, at);
	if (copy_word(s, word, sizeof word) == -1 ||
	    split_port(word, &host, &at->here.port) == -1 ||
	    at->here.port == 0 || drac_addr_parse(host, &at->here.addr) == -1)
		return refuse(s, NO_LOOKUP);
	if (drac_addr_scope(&at->here.addr) != DRAC_SCOPE_LOOPBACK)
		return refuse(s, "not a loopback address");
	return 0;
}

static bool
same_lookup(const struct drac_lookup_at *a, const struct drac_lookup_at *b)
{
	if (a->path != NULL || b->path != NULL)
		return a->path != NULL && b->path != NULL &&
		       strcmp(a->path, b->path) == 0;
	return a->here.port == b->here.port &&
	       drac_addr_equal(&a->here.addr, &b->here.addr);
}

static int
add_lookup(struct drac_conf_setting *s, struct drac_lookup_at **list,
    size_t *count)
{
	struct drac_lookup_at *more_room;

	if (*count == DRAC_LOOKUP_MAX)
		return refuse(s, "more than 8 sockets");
	more_room = reallocarray(*list, *count + 1, sizeof **list);
	if (more_room == NULL)
		return no_memory(s);
	*list = more_room;
	if (copy_lookup(s, &more_room[*count]) == -1)
		return -1;
	++*count;
	for (size_t i = 0; i + 1 < *count; i++) {
		if (same_lookup(&more_room[i], &more_room[*count - 1]))
			return refuse(s, "named twice");
	}
	return 0;
}

static int
add_lookups(struct drac_conf_setting *s, struct drac_lookup_at **list,
    size_t *count)
{
	int more;

	while ((more = next_word(s)) == 1) {
		if (add_lookup(s, list, count) == -1)
			return -1;
	}
	return more;
}

static int
set_lookup(struct drac_conf_setting *s)
{
	struct drac_conf *conf = s->conf;
	struct drac_lookup_at *fresh = NULL;
	size_t old = conf->lookup_count, count = 0;

	if (s->append) {
		if (add_lookups(s, &conf->lookup, &conf->lookup_count) == 0)
			return 0;
		cut_lookups(&conf->lookup, &conf->lookup_count, old);
		return -1;
	}
	if (add_lookups(s, &fresh, &count) == -1) {
		cut_lookups(&fresh, &count, 0);
		return -1;
	}
	cut_lookups(&conf->lookup, &conf->lookup_count, 0);
	conf->lookup = fresh;
	conf->lookup_count = count;
	return 0;
}

/* The table */

static const struct drac_conf_key keys[] = {
	{ .name = "database",
	    .fallback = "/var/lib/drac/dracd.db",
	    .set = set_database },
	{ .name = "lifetime", .fallback = "30m", .set = set_lifetime },
	{ .name = "renew", .fallback = "10s", .set = set_renew },
	{ .name = "timeout", .fallback = "1s", .set = set_timeout },
	{ .name = "exclude",
	    .fallback = "",
	    .set = set_exclude,
	    .repeatable = true,
	    .adds = true },
	{ .name = "allow_gateway",
	    .fallback = "no",
	    .set = set_allow_gateway,
	    .flag = true },
	{ .name = "prefix4", .fallback = "32", .set = set_prefix4 },
	{ .name = "prefix6", .fallback = "128", .set = set_prefix6 },
	{ .name = "services", .fallback = "", .set = set_services },
	{ .name = "users",
	    .fallback = "",
	    .set = set_users,
	    .repeatable = true },
	{ .name = "deny_users",
	    .fallback = "",
	    .set = set_deny_users,
	    .repeatable = true,
	    .adds = true },
	{ .name = "anonymous_reports",
	    .fallback = "no",
	    .set = set_anonymous_reports,
	    .flag = true,
	    .file_only = true },
	{ .name = "peer", .fallback = "", .set = set_peer },
	{ .name = "rhost_env", .fallback = "", .set = set_rhost_env },
	{ .name = "key_style", .fallback = "plain", .set = set_key_style },
	{ .name = "readers",
	    .fallback = "postfix,sendmail,exim",
	    .set = set_readers },
	{ .name = "mode", .fallback = "0600", .set = set_mode },
	{ .name = "sync", .fallback = "yes", .set = set_sync, .flag = true },
	{ .name = "strict", .fallback = "no", .set = set_strict, .flag = true },
	{ .name = "debug", .fallback = "no", .set = set_debug, .flag = true },
	{ .name = "server",
	    .fallback = "",
	    .set = set_server,
	    .repeatable = true },
	{ .name = "fallback", .fallback = "none", .set = set_fallback },
	{ .name = "socket",
	    .fallback = "/run/drac/dracd.sock",
	    .set = set_socket },
	{ .name = "listen",
	    .fallback = "loopback",
	    .set = set_listen,
	    .repeatable = true },
	{ .name = "port", .fallback = "0", .set = set_port },
	{ .name = "allow",
	    .fallback = "",
	    .set = set_allow,
	    .repeatable = true },
	{ .name = "allow_file",
	    .fallback = "/etc/mail/dracd.allow",
	    .set = set_allow_file },
	{ .name = "allow_users", .fallback = "", .set = set_allow_users },
	{ .name = "insecure_local",
	    .fallback = "no",
	    .set = set_insecure_local,
	    .flag = true,
	    .instead = "allow_users = any" },
	{ .name = "sweep_interval",
	    .fallback = "10s",
	    .set = set_sweep_interval },
	{ .name = "lookup",
	    .fallback = "/run/drac/lookup.sock",
	    .set = set_lookup,
	    .repeatable = true },
	{ .name = "user", .fallback = "drac", .set = set_user },
	{ .name = "after_requisite",
	    .fallback = "no",
	    .set = set_after_requisite,
	    .flag = true,
	    .argument_only = true },
};

#define KEYS (sizeof keys / sizeof keys[0])

_Static_assert(KEYS <= 64, "conf->given has a bit for each key");

const struct drac_conf_key *
drac_conf_keys(size_t *count)
{
	*count = KEYS;
	return keys;
}

static const struct drac_conf_key *
find_key(const char *name, size_t len)
{
	for (size_t i = 0; i < KEYS; i++) {
		if (strlen(keys[i].name) == len &&
		    memcmp(keys[i].name, name, len) == 0)
			return &keys[i];
	}
	return NULL;
}

static uint64_t
bit(const struct drac_conf_key *key)
{
	return UINT64_C(1) << (key - keys);
}

/* s->text, NULL for a bare word, into s->conf. */
static int
assign(const struct drac_conf_key *key, struct drac_conf_setting *s,
    struct drac_why *why)
{
	if (s->text == NULL && !key->flag) {
		drac_why_set(why, "%s: no value", key->name);
		errno = EINVAL;
		return -1;
	}
	if (s->text == NULL)
		s->text = "yes";
	s->rest = s->word = s->text;
	s->word_len = strlen(s->text);
	if (key->set(s) == 0)
		return 0;
	if (s->said.text[0] != '\0')
		drac_why_set(why, "%s: %s", key->name, s->said.text);
	else if (s->text[0] == '\0')
		drac_why_set(why, "%s: no value", key->name);
	else
		drac_why_set(why, "%s: %s: %.*s", key->name, s->what,
		    s->word_len < DRAC_LINES_SHOWN ? (int)s->word_len
						   : DRAC_LINES_SHOWN,
		    s->word);
	return -1;
}

/*
 * `KEY = VALUE` or `KEY` into a key and the place of the value (NULL if
 * there is none). NULL with EINVAL and why set.
 */
static const struct drac_conf_key *
split(const char *text, const char **value, struct drac_why *why)
{
	size_t len = strcspn(text, "=" BLANKS);
	const char *rest = text + len + strspn(text + len, BLANKS);
	const struct drac_conf_key *key = find_key(text, len);

	*value = NULL;
	if (*rest == '=')
		*value = rest + 1 + strspn(rest + 1, BLANKS);
	if (key != NULL && (*rest == '=' || *rest == '\0'))
		return key;
	if (len == 0)
		drac_why_set(why, "no key before '='");
	else
		drac_why_set(why, "%.*s: %s",
		    len < DRAC_LINES_SHOWN ? (int)len : DRAC_LINES_SHOWN, text,
		    key == NULL ? "unknown key" : "no '=' after it");
	errno = EINVAL;
	return NULL;
}

int
drac_conf_init(struct drac_conf *conf)
{
	*conf = (struct drac_conf){ 0 };
	for (size_t i = 0; i < KEYS; i++) {
		struct drac_conf_setting s = { .conf = conf,
			.text = keys[i].fallback };

		if (assign(&keys[i], &s, NULL) == -1) {
			drac_conf_free(conf);
			errno = ENOMEM;
			return -1;
		}
	}
	return 0;
}

void
drac_conf_free(struct drac_conf *conf)
{
	free(conf->database);
	drac_nets_free(&conf->exclude);
	free_words(conf->services, conf->service_count);
	drac_users_free(&conf->users);
	drac_users_free(&conf->users_too);
	drac_users_free(&conf->deny_users);
	free(conf->peer_ports);
	free(conf->rhost_env);
	cut_servers(&conf->servers, &conf->server_count, 0);
	free(conf->socket);
	free(conf->listen);
	drac_nets_free(&conf->allow);
	free(conf->allow_file);
	free_words(conf->allow_users, conf->allow_user_count);
	free(conf->user);
	cut_lookups(&conf->lookup, &conf->lookup_count, 0);
	*conf = (struct drac_conf){ 0 };
}

int
drac_conf_check(const struct drac_conf *conf, struct drac_why *why)
{
	if (conf->renew_s >= conf->lifetime_s) {
		drac_why_set(why, "renew: not shorter than lifetime (%us): %us",
		    conf->lifetime_s, conf->renew_s);
		errno = EINVAL;
		return -1;
	}
	for (size_t i = 0; i < conf->lookup_count; i++) {
		if (conf->lookup[i].path == NULL ||
		    strcmp(conf->lookup[i].path, conf->socket) != 0)
			continue;
		drac_why_set(why, "lookup: is the local socket: %s",
		    conf->socket);
		errno = EINVAL;
		return -1;
	}
	return 0;
}

static int
take_argument(struct drac_conf *conf, const char *argument,
    struct drac_why *why)
{
	struct drac_conf_setting s = { .conf = conf, .argument = true };
	const struct drac_conf_key *key = split(argument, &s.text, why);
	bool again;

	if (key == NULL)
		return -1;
	again = (conf->by_argument & bit(key)) != 0;
	errno = EINVAL;
	if (key->file_only) {
		drac_why_set(why, "%s: for the file only", key->name);
		return -1;
	}
	if (again && !key->repeatable) {
		drac_why_set(why, "%s: given twice", key->name);
		return -1;
	}
	s.append = again || key->adds;
	conf->by_argument |= bit(key);
	if (assign(key, &s, why) == -1)
		return -1;
	conf->given |= bit(key);
	return 0;
}

int
drac_conf_argument(struct drac_conf *conf, const char *argument,
    struct drac_why *why)
{
	if (take_argument(conf, argument, why) == 0)
		return 0;
	if (why != NULL)
		drac_why_make_harmless(why->text);
	return -1;
}

/* The file */

/* A file on its way into conf. */
struct reader {
	struct drac_conf *conf;
	unsigned first[KEYS]; /* line where each key was seen first, or 0 */
};

static int
take_setting(char *line, unsigned number, void *arg, struct drac_why *why)
{
	struct reader *r = arg;
	struct drac_conf_setting s = { .conf = r->conf };
	const struct drac_conf_key *key = split(line, &s.text, why);
	unsigned *first;

	if (key == NULL)
		return -1;
	errno = EINVAL;
	if (key->argument_only) {
		drac_why_set(why, "%s: for module arguments only", key->name);
		return -1;
	}
	first = &r->first[key - keys];
	if (*first != 0 && !key->repeatable) {
		drac_why_set(why, "%s: given twice (first at line %u)",
		    key->name, *first);
		return -1;
	}
	s.append = *first != 0;
	if (*first == 0)
		*first = number;
	if (assign(key, &s, why) == -1)
		return -1;
	r->conf->given |= bit(key);
	return 0;
}

/* After the last line, and only when all of them were good. */
static int
check_all(const struct drac_conf *conf, struct drac_lines *lines)
{
	struct drac_why why;

	if (drac_conf_check(conf, &why) == 0)
		return 0;
	drac_lines_tell(lines, why.text);
	errno = EINVAL;
	return -1;
}

int
drac_conf_parse(struct drac_conf *conf, const char *name, char *text,
    size_t len, drac_conf_report *report, void *arg)
{
	struct reader r = { .conf = conf };
	struct drac_lines t = { .name = name,
		.take = take_setting,
		.take_arg = &r,
		.report = report,
		.report_arg = arg };

	return drac_lines_parse(&t, text, len) == -1 ? -1 : check_all(conf, &t);
}

int
drac_conf_load(struct drac_conf *conf, const char *path,
    drac_conf_report *report, void *arg)
{
	struct reader r = { .conf = conf };
	struct drac_lines t = { .name = path,
		.take = take_setting,
		.take_arg = &r,
		.report = report,
		.report_arg = arg };

	return drac_lines_load(&t) == -1 ? -1 : check_all(conf, &t);
}

bool
drac_conf_given_up(const struct drac_conf *conf, size_t *at,
    struct drac_why *why)
{
	for (; *at < KEYS; (*at)++) {
		const struct drac_conf_key *key = &keys[*at];

		if (key->instead == NULL || (conf->given & bit(key)) == 0)
			continue;
		(*at)++;
		drac_why_set(why,
		    "%s: was given up and counts for this release alone: remove it, or write %s",
		    key->name, key->instead);
		return true;
	}
	return false;
}

bool
drac_conf_takes_any_user(const struct drac_conf *conf)
{
	return conf->allow_any_user || conf->insecure_local;
}

bool
drac_conf_takes_users(const struct drac_conf *conf)
{
	return conf->allow_user_count > 0 || drac_conf_takes_any_user(conf);
}

bool
drac_conf_is_given(const struct drac_conf *conf, const char *name)
{
	const struct drac_conf_key *key = find_key(name, strlen(name));

	return key != NULL && (conf->given & bit(key)) != 0;
}

int
drac_conf_load_named(struct drac_conf *conf, const char *path,
    drac_conf_report *report, void *arg)
{
	char text[PATH_MAX + 64];

	if (drac_conf_load(conf, path != NULL ? path : DRAC_CONF_PATH, report,
		arg) == 0)
		return 0;
	if (errno != ENOENT)
		return -1;
	if (path == NULL)
		return 0;
	snprintf(text, sizeof text, "%s: %s", path, strerrordesc_np(ENOENT));
	report(text, arg);
	errno = ENOENT;
	return -1;
}

bool
drac_conf_may_record(const struct drac_conf *conf, const struct drac_addr *addr,
    struct drac_conf_ban *ban)
{
	ban->scope = drac_addr_scope(addr);
	ban->net = ban->scope == DRAC_SCOPE_HOST
		       ? drac_nets_find(&conf->exclude, addr)
		       : NULL;
	return ban->scope == DRAC_SCOPE_HOST && ban->net == NULL;
}

enum drac_conf_user
drac_conf_admits(const struct drac_conf *conf, const char *user)
{
	const struct drac_users *lists[] = { &conf->users, &conf->users_too };

	if (!conf->users.given && !conf->users_too.given &&
	    !conf->deny_users.given)
		return DRAC_CONF_USER_GOOD;
	if (user == NULL || *user == '\0')
		return conf->anonymous_reports ? DRAC_CONF_USER_GOOD
					       : DRAC_CONF_USER_ANONYMOUS;
	if (drac_users_find(&conf->deny_users, user) != NULL)
		return DRAC_CONF_USER_DENIED;
	for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
		if (lists[i]->given && drac_users_find(lists[i], user) == NULL)
			return DRAC_CONF_USER_OTHER;
	}
	return DRAC_CONF_USER_GOOD;
}

const char *
drac_conf_user_text(enum drac_conf_user what)
{
	static const char *const texts[] = {
		[DRAC_CONF_USER_GOOD] = "",
		[DRAC_CONF_USER_DENIED] = "this user is in deny_users",
		[DRAC_CONF_USER_OTHER] = "this user is not in users",
		[DRAC_CONF_USER_ANONYMOUS] =
		    "no user is named, but users or deny_users is set",
	};

	return texts[what];
}

/* pam_start(3) folds the service name to lower case. */
bool
drac_conf_counts_service(const struct drac_conf *conf, const char *service)
{
	if (conf->services == NULL)
		return true;
	for (size_t i = 0; i < conf->service_count; i++)
		if (strcasecmp(conf->services[i], service) == 0)
			return true;
	return false;
}

bool
drac_conf_tells_local(const struct drac_conf *conf)
{
	for (size_t i = 0; i < conf->server_count; i++)
		if (conf->servers[i].host == NULL)
			return true;
	return false;
}

struct drac_cover
drac_conf_cover(const struct drac_conf *conf)
{
	return (struct drac_cover){ .bits4 = conf->prefix4,
		.bits6 = conf->prefix6,
		.exclude = &conf->exclude };
}

/* A key of its network lets Postfix find the address all the same. */
bool
drac_conf_hides(const struct drac_conf *conf, const struct drac_addr *addr)
{
	const struct drac_cover cover = drac_conf_cover(conf);
	struct drac_net net;
	struct drac_text key[2];

	if ((conf->readers & DRAC_READER_POSTFIX) == 0 ||
	    drac_key_spell_other(addr, conf->key_style, conf->readers, key) ==
		0)
		return false;
	net = drac_cover_of(&cover, addr);
	return drac_key_spell_net(&net, conf->key_style, key) == 0;
}

void
drac_conf_store_opts(const struct drac_conf *conf, struct drac_store_opts *opts)
{
	*opts = (struct drac_store_opts){
		.path = conf->database,
		.mode = conf->mode,
		.key_style = conf->key_style,
		.readers = conf->readers,
		.cover = drac_conf_cover(conf),
		.sync = conf->sync,
		.timeout_ms = conf->timeout_ms,
		.lifetime_s = conf->lifetime_s,
		.may_create = false,
	};
}
