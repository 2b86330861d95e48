/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Postfix as postconf tells it: is our map, or the lookup service, where a
 * client's relaying is decided, and can it be found there?
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define MAIN_CF      "/etc/postfix/main.cf"
#define WORD_ENDS    " \t,{}"

#define NAME_RELAY     "smtpd_relay_restrictions"
#define NAME_RECIPIENT "smtpd_recipient_restrictions"
#define NAME_CLIENT    "smtpd_client_restrictions"
#define NAME_QUEUE     "queue_directory"
#define NAME_CLASSES   "smtpd_restriction_classes"

#define CLASSES_MAX 8 /* those behind are not looked into */

struct postfix {
	const char *relay, *recipient, *client, *queue;
	char *classes; /* names of lists that stand in other lists */
	struct {
		const char *name;
		const char *list;
	} class[CLASSES_MAX];
	size_t class_count;
	bool chroot;
	char *base; /* the map without .db */
	bool used;  /* our map or the service, where relaying is decided */
};

#define ADVICE                                                              \
	"Put `check_client_access btree:%s' into smtpd_relay_restrictions " \
	"before the final reject, as in conf/postfix/main.cf.drac."

static void
find_with_map(struct drac_check *check, const struct postfix *postfix,
    const char *id, const char *text)
{
	char *advice;

	if (asprintf(&advice, ADVICE, postfix->base) == -1) {
		check->no_memory = true;
		return;
	}
	drac_check_find(check, id, MAIN_CF, advice, "%s", text);
	free(advice);
}

/* A word of a list, and the table type before its first colon. */
struct word {
	const char *text;
	size_t length;
};

static bool
next_word(const char **list, struct word *word)
{
	*list += strspn(*list, WORD_ENDS);
	word->text = *list;
	word->length = strcspn(*list, WORD_ENDS);
	*list += word->length;
	return word->length > 0;
}

static bool
is(const struct word *word, const char *text)
{
	return strlen(text) == word->length &&
	       strncmp(word->text, text, word->length) == 0;
}

/* Leave away proxy: and the like; what comes after TYPE:, or NULL. */
static const char *
after_type(struct word *word, struct word *type)
{
	const char *colon = memchr(word->text, ':', word->length);

	*type = (struct word){ word->text, 0 };
	if (colon == NULL)
		return NULL;
	type->length = (size_t)(colon - word->text);
	if (!is(type, "proxy"))
		return colon + 1;
	word->length -= type->length + 1;
	word->text = colon + 1;
	return after_type(word, type);
}

static bool
names(const char *rest, size_t length, const char *path)
{
	return rest != NULL && strlen(path) == length &&
	       strncmp(rest, path, length) == 0;
}

/* Does a path end like one of the lookup service? */
static bool
is_lookup(const struct drac_check *check, const char *rest, size_t length)
{
	const struct drac_conf *conf = &check->ctl->conf;

	for (size_t i = 0; i < conf->lookup_count; i++) {
		const struct drac_lookup_at *at = &conf->lookup[i];
		char port[8];

		snprintf(port, sizeof(port), ":%u", at->here.port);
		if (at->path != NULL
			? memmem(rest, length, at->path + 1,
			      strlen(at->path) - 1) != NULL
			: memmem(rest, length, port, strlen(port)) != NULL)
			return true;
	}
	return memmem(rest, length, "drac", 4) != NULL;
}

/* unix:PATH[:NAME]; a chrooted smtpd looks below the queue directory. */
static void
check_socket(struct drac_check *check, const struct postfix *postfix,
    const struct word *word, bool proxy)
{
	const char *path = memmem(word->text, word->length, "unix:", 5);
	bool below = postfix->chroot && !proxy;
	char *full;
	int length;

	if (path == NULL)
		return;
	path += 5;
	length = (int)strcspn(path, ": \t,{}");
	if (asprintf(&full, "%s%s%s%.*s", check->ctl->root,
		below || *path != '/' ? postfix->queue : "",
		*path == '/' ? "" : "/", length, path) == -1) {
		check->no_memory = true;
		return;
	}
	if (access(full, F_OK) == -1)
		drac_check_find(check, "postfix-socket", full,
		    below ? "Add this path to lookup in drac.conf, and write "
			    "the part below the queue directory here; or use "
			    "proxy:socketmap:, which is not chrooted; or "
			    "inet:127.0.0.1:PORT."
			  : "Start rpc.dracd, or name the path that lookup has "
			    "in drac.conf.",
		    "Postfix asks the lookup service at this path%s, and "
		    "there is no socket: every recipient gets a 451.",
		    below ? ", for its smtpd is chrooted to the queue "
			    "directory"
			  : "");
	free(full);
}

static void
check_type(struct drac_check *check, const struct postfix *postfix,
    const struct word *type)
{
	char text[200];

	if (is(type, "btree"))
		return;
	snprintf(text, sizeof(text),
	    "The map is named with type %.*s, but it is a btree: every "
	    "recipient gets a 451.",
	    (int)type->length, type->text);
	find_with_map(check, postfix, "postfix-type", text);
}

/*
 * The map by its name without .db, which Postfix adds, or by a name that
 * leads to it so.
 */
static bool
is_map(struct drac_check *check, const struct postfix *postfix,
    const char *path, size_t length)
{
	const struct drac_ctl *ctl = check->ctl;

	if (names(path, length, postfix->base)) {
		check->adds_db = true;
		return true;
	}
	if (drac_below_leads_to_map(ctl, path, length, ".db"))
		return true;
	if (!names(path, length, ctl->conf.database) &&
	    !drac_below_leads_to_map(ctl, path, length, ""))
		return false;
	check->adds_db = true;
	find_with_map(check, postfix, "postfix-name",
	    "The map is named with its end, to which Postfix adds another "
	    ".db: every recipient gets a 451.");
	return true;
}

/* Is this word our map, or our service? */
static bool
is_ours(struct drac_check *check, const struct postfix *postfix,
    struct word word)
{
	struct word whole = word, type;
	const char *rest = after_type(&word, &type);
	size_t length =
	    rest == NULL ? 0 : word.length - (size_t)(rest - word.text);
	bool proxy = whole.text != word.text;

	if (rest == NULL)
		return false;
	if ((is(&type, "socketmap") || is(&type, "unix") ||
		is(&type, "inet")) &&
	    is_lookup(check, rest, length)) {
		check->asks_service = true;
		check_socket(check, postfix, &word, proxy);
		return true;
	}
	if (!is_map(check, postfix, rest, length))
		return false;
	check->has_proxy = check->has_proxy || proxy;
	check->waits_sweep = true;
	check_type(check, postfix, &type);
	return true;
}

/* The list that a word stands for, or NULL. */
static const char *
find_class(const struct postfix *postfix, const struct word *word)
{
	for (size_t i = 0; i < postfix->class_count; i++)
		if (is(word, postfix->class[i].name))
			return postfix->class[i].list;
	return NULL;
}

/* A word, or a word of the list that it stands for. */
static bool
leads_to_ours(struct drac_check *check, const struct postfix *postfix,
    struct word word)
{
	const char *list = find_class(postfix, &word);
	struct word inner;

	if (list == NULL)
		return is_ours(check, postfix, word);
	while (next_word(&list, &inner))
		if (is_ours(check, postfix, inner))
			return true;
	return false;
}

static bool
refuses(const struct word *word)
{
	static const char *const words[] = { "reject_unauth_destination",
		"defer_unauth_destination", "reject", "defer" };

	for (size_t i = 0; i < COUNT(words); i++)
		if (is(word, words[i]))
			return true;
	return false;
}

/* 1 ours is there, -1 behind one that refuses; 0; what refuses: *refusing. */
static int
look_in(struct drac_check *check, const struct postfix *postfix,
    const char *list, bool *refusing)
{
	struct word word;

	*refusing = false;
	while (next_word(&list, &word)) {
		if (leads_to_ours(check, postfix, word))
			return *refusing ? -1 : 1;
		*refusing = *refusing || refuses(&word);
	}
	return 0;
}

static void
check_lists(struct drac_check *check, struct postfix *postfix)
{
	bool refusing, refusing_late, unused;
	int relay = look_in(check, postfix, postfix->relay, &refusing);
	int late = look_in(check, postfix, postfix->recipient, &refusing_late);
	int client = look_in(check, postfix, postfix->client, &unused);

	if (relay == -1 || late == -1 || (relay == 1 && refusing_late)) {
		if (relay == -1 || late != 1)
			find_with_map(check, postfix, "postfix-order",
			    "reject_unauth_destination, or another word that "
			    "refuses, is come to before our map, which is then "
			    "never asked.");
	} else if (relay == 0 && refusing && (late == 1 || client == 1)) {
		find_with_map(check, postfix, "postfix-order",
		    "smtpd_relay_restrictions refuses by itself, whatever the "
		    "other list that names our map says.");
	} else if (relay == 0 && late == 0) {
		find_with_map(check, postfix, "postfix-none",
		    "No list that decides about relaying names our map, so "
		    "nobody may relay because of it.");
	}
	postfix->used = relay != 0 || late != 0 || client != 0;
}

/* Postfix strips whole octets and groups from the end of an address. */
static void
check_prefix(struct drac_check *check)
{
	const struct drac_conf *conf = &check->ctl->conf;

	if (conf->prefix4 % 8 == 0 && conf->prefix6 % 16 == 0)
		return;
	drac_check_find(check, "postfix-keys", drac_check_conf_path(check),
	    "Set prefix4 to 8, 16, 24 or 32, and prefix6 to a multiple of 16; "
	    "or have Postfix ask the lookup service of rpc.dracd.",
	    "No key in the map can name networks of %u or %u bits to Postfix: "
	    "it finds whoever logged in and nobody else of the network.",
	    (unsigned)conf->prefix4, (unsigned)conf->prefix6);
}

static void
check_keys(struct drac_check *check)
{
	enum drac_key_style style = check->ctl->conf.key_style;

	if (!check->waits_sweep)
		return;
	check_prefix(check);
	if ((check->ctl->conf.readers & DRAC_READER_POSTFIX) == 0)
		drac_check_find(check, "postfix-readers",
		    drac_check_conf_path(check),
		    "Add postfix to readers in drac.conf.",
		    "Postfix reads the map, and readers does not name it: a "
		    "login from 2001:db8::1 also authorises 2001:db8::1:2:3:4 "
		    "and each other address that begins with it.");
	if (style != DRAC_KEY_CIDR && style != DRAC_KEY_SENDMAIL)
		return;
	drac_check_find(check, "postfix-keys", drac_check_conf_path(check),
	    "Set key_style = plain (or both, where a sendmail reads the map, "
	    "too).",
	    style == DRAC_KEY_CIDR
		? "Postfix looks for plain addresses, and key_style = cidr "
		  "writes /32 behind them: it finds nobody."
		: "Postfix looks for plain addresses, and key_style = sendmail "
		  "writes IPv6 in another form: it finds no IPv6 client.");
}

static void
take(struct postfix *postfix, char *text)
{
	char *line;

	while ((line = drac_below_line(&text)) != NULL) {
		char *value = strchr(line, '=');

		if (value == NULL)
			continue;
		*value++ = '\0';
		value += strspn(value, " ");
		line[strcspn(line, " ")] = '\0';
		if (strcmp(line, NAME_RELAY) == 0)
			postfix->relay = value;
		else if (strcmp(line, NAME_RECIPIENT) == 0)
			postfix->recipient = value;
		else if (strcmp(line, NAME_CLIENT) == 0)
			postfix->client = value;
		else if (strcmp(line, NAME_QUEUE) == 0)
			postfix->queue = value;
		else if (strcmp(line, NAME_CLASSES) == 0)
			postfix->classes = value;
		else if (postfix->class_count < CLASSES_MAX) {
			postfix->class[postfix->class_count].name = line;
			postfix->class[postfix->class_count++].list = value;
		}
	}
}

/* smtp inet n - y - - smtpd: the fifth field; `-' means n since 3.0. */
static bool
is_chrooted(const char *line)
{
	char field[5][12];

	return sscanf(line, "%11s %11s %11s %11s %11s", field[0], field[1],
		   field[2], field[3], field[4]) == 5 &&
	       field[4][0] == 'y';
}

/* What postconf says when it is given these arguments; to be freed. */
static char *
ask(const struct drac_check *check, char *const argv[])
{
	char *dir = drac_below(check->ctl, "/etc/postfix");
	char name[] = "postconf", with[] = "-c";
	char *all[CLASSES_MAX + 5] = { name, with, dir };
	char *text;

	for (size_t i = 0; argv[i] != NULL && i <= CLASSES_MAX; i++)
		all[i + 3] = argv[i];
	text = dir == NULL ? NULL : drac_below_run(check->ctl, all);
	free(dir);
	return text;
}

static char *
ask_lists(const struct drac_check *check)
{
	char x[] = "-x", relay[] = NAME_RELAY, recipient[] = NAME_RECIPIENT;
	char client[] = NAME_CLIENT, queue[] = NAME_QUEUE;
	char classes[] = NAME_CLASSES;
	char *argv[] = { x, relay, recipient, client, queue, classes, NULL };

	return ask(check, argv);
}

/* NULL: there are none. */
static char *
ask_classes(const struct drac_check *check, char *names)
{
	char x[] = "-x";
	char *argv[CLASSES_MAX + 2] = { x };
	size_t count = 1;
	char *name;

	while (
	    count <= CLASSES_MAX && (name = strsep(&names, WORD_ENDS)) != NULL)
		if (*name != '\0' && *name != '-')
			argv[count++] = name;
	return count == 1 ? NULL : ask(check, argv);
}

static bool
ask_chroot(const struct drac_check *check)
{
	char m[] = "-M", smtp[] = "smtp/inet";
	char *argv[] = { m, smtp, NULL };
	char *master = ask(check, argv);
	bool chroot = master != NULL && is_chrooted(master);

	free(master);
	return chroot;
}

static void
look(struct drac_check *check, struct postfix *postfix)
{
	char *classes = ask_classes(check, postfix->classes);

	if (classes != NULL)
		take(postfix, classes);
	postfix->chroot = ask_chroot(check);
	postfix->base = drac_map_base(check->ctl);
	if (postfix->base == NULL) {
		check->no_memory = true;
	} else {
		check_lists(check, postfix);
		check_keys(check);
		if (postfix->used)
			drac_check_looked(check, "Postfix: asks %s, by %s.",
			    check->waits_sweep ? "our map"
					       : "the lookup service",
			    MAIN_CF);
	}
	free(postfix->base);
	free(classes);
}

#define DEFAULTS                                            \
	{                                                   \
		.relay = "", .recipient = "", .client = "", \
		.queue = "/var/spool/postfix"               \
	}

void
drac_postfix_read(struct drac_ctl *ctl, struct drac_postfix *seen)
{
	struct drac_check check = { .ctl = ctl };
	struct postfix postfix = DEFAULTS;
	char *text = ask_lists(&check);

	if (text != NULL) {
		take(&postfix, text);
		look(&check, &postfix);
	}
	free(text);
	*seen = (struct drac_postfix){ .uses_file = check.waits_sweep,
		.uses_service = check.asks_service };
	drac_check_free(&check);
}

void
drac_check_postfix(struct drac_check *check)
{
	struct postfix postfix = DEFAULTS;
	char *text = ask_lists(check);

	if (text == NULL) {
		if (errno == ENOENT)
			drac_check_looked(check, "Postfix: not here.");
		else
			drac_check_looked(check,
			    "Postfix: postconf did not tell its settings: %s.",
			    errno == ECHILD ? "it failed" : strerror(errno));
		return;
	}
	check->has_postfix = true;
	take(&postfix, text);
	if (drac_check_has_map(check))
		look(check, &postfix);
	free(text);
}
