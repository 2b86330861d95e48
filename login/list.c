/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Logins from standard input, `ADDRESS [USER [SERVICE]]` on a line each.
 * Where the map is written directly, those that have arrived go into it
 * together. A line that makes no sense is skipped; one that failed does not
 * stop the rest, unless nobody answers at all.
 */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drac-login.h"

#define LINE_LENGTH 511
#define BLANKS      "\t "

/* After so many whole timeouts in a row the rest is not tried. */
#define PATIENCE 3u

struct list {
	const struct drac_conf *conf;
	const char *service;
	struct drac_post_speaker *speaker;

	char octets[4096]; /* read, up to size; taken, up to at */
	size_t size, at;
	int error; /* of reading */

	char text[LINE_LENGTH + 1]; /* this line */
	unsigned long number;
	unsigned long recorded, refused, failed, malformed;
	unsigned in_vain; /* timeouts in a row */

	struct drac_login *group; /* DRAC_OPS_MAX, waiting for the map */
	size_t waiting;
};

static void
count(struct list *list, struct drac_login *login, enum drac_outcome outcome)
{
	drac_login_conclude(login, outcome);
	if (outcome == DRAC_RECORDED)
		list->recorded++;
	else if (outcome == DRAC_REFUSED)
		list->refused++;
	else
		list->failed++;
}

/* Did it take all of the time that a login has? */
static void
note_time(struct list *list, const struct drac_login *login,
    enum drac_outcome outcome)
{
	if (outcome != DRAC_FAILED || login->spent_ms < list->conf->timeout_ms)
		list->in_vain = 0;
	else if (++list->in_vain == PATIENCE)
		drac_post_tell(list->speaker, DRAC_LOGIN_WARNING,
		    "no answer in time to %u in a row: the rest is not tried",
		    PATIENCE);
}

static void
flush(struct list *list)
{
	struct drac_login *group = list->group;

	if (list->waiting == 0)
		return;
	group->now = time(NULL);
	drac_post_begin_group(list->speaker);
	drac_login_record_all(group, list->waiting);
	for (size_t i = 0; i < list->waiting; i++)
		count(list, &group[i], group[i].outcome);
	note_time(list, group, group->outcome);
	list->waiting = 0;
}

static void
record(struct list *list, struct drac_login *login)
{
	enum drac_outcome outcome = DRAC_FAILED;
	struct drac_mark *mark = drac_login_mark(login);

	drac_post_begin_group(list->speaker);
	if (mark != NULL)
		outcome = drac_login_record(login, mark);
	free(mark);
	count(list, login, outcome);
	note_time(list, login, outcome);
}

static void
take(struct list *list, const struct drac_login *login)
{
	struct drac_login one = *login;

	if (list->conf->server_count > 0) {
		record(list, &one);
		return;
	}
	list->group[list->waiting++] = one;
	if (list->waiting == DRAC_OPS_MAX)
		flush(list);
}

static void
skip(struct list *list, const char *why)
{
	char word[DRAC_LOGIN_WORD], text[256];

	drac_login_word(list->text, word);
	snprintf(text, sizeof(text), "line %lu: %s: \"%s\"", list->number, why,
	    word);
	list->malformed++;
	drac_post_say(DRAC_LOGIN_WARNING, text, UINT_MAX, list->speaker);
}

/* A login like those before, unless policy is against it. */
static void
attend(struct list *list, const struct drac_addr *addr, const char *user,
    const char *service)
{
	struct drac_login login = { .user = "" };

	if (list->in_vain >= PATIENCE) {
		list->failed++;
		return;
	}
	drac_post_begin(&login, list->conf, list->speaker);
	login.renewal = !list->conf->debug;
	drac_login_word(user, login.user);
	drac_login_word(service, login.service);
	drac_login_found(&login, addr);
	if (drac_login_serves(&login, service) &&
	    drac_login_admits(&login, user) && drac_login_may_record(&login))
		take(list, &login);
	else
		count(list, &login, DRAC_REFUSED);
}

/* `#` at the start of a line or after a blank starts a comment. */
static void
cut_comment(char *text)
{
	char *hash = text;

	while ((hash = strchr(hash, '#')) != NULL) {
		if (hash == text || strchr(BLANKS, hash[-1]) != NULL) {
			*hash = '\0';
			return;
		}
		hash++;
	}
}

static void
read_words(struct list *list)
{
	char copy[sizeof(list->text)], *rest = copy, *word[4] = { NULL };
	struct drac_addr addr;

	cut_comment(list->text);
	strcpy(copy, list->text);
	for (size_t i = 0; i < 4; i++)
		word[i] = strtok_r(i == 0 ? copy : NULL, BLANKS, &rest);
	if (word[0] == NULL)
		return;
	if (word[3] != NULL)
		skip(list, "more than three words");
	else if (drac_addr_parse(word[0], &addr) == -1)
		skip(list, "does not begin with an address");
	else
		attend(list, &addr, word[1] != NULL ? word[1] : "",
		    word[2] != NULL ? word[2] : list->service);
}

static bool
must_wait(void)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };

	return poll(&input, 1, 0) == 0;
}

/* Nobody who has arrived waits for those who have not. -1: the end. */
static int
next_octet(struct list *list)
{
	ssize_t got;

	if (list->at == list->size) {
		if (must_wait())
			flush(list);
		got = read(STDIN_FILENO, list->octets, sizeof(list->octets));
		if (got == -1)
			list->error = errno;
		if (got <= 0)
			return -1;
		list->size = (size_t)got;
		list->at = 0;
	}
	return (unsigned char)list->octets[list->at++];
}

/* Into list->text. false: no more. */
static bool
read_line(struct list *list, const char **wrong)
{
	size_t length = 0;
	int octet;

	*wrong = NULL;
	while ((octet = next_octet(list)) != -1 && octet != '\n') {
		if (length == LINE_LENGTH) {
			*wrong = "longer than a line may be";
			continue;
		}
		if (octet == '\0')
			*wrong = "has a NUL";
		list->text[length++] = (char)octet;
	}
	list->text[length] = '\0';
	list->number++;
	return octet != -1 || (length > 0 && list->error == 0);
}

static void
read_all(struct list *list)
{
	const char *wrong;

	while (read_line(list, &wrong)) {
		if (wrong != NULL)
			skip(list, wrong);
		else
			read_words(list);
	}
	flush(list);
}

static enum drac_post_status
sum_up(const struct list *list)
{
	struct drac_post_speaker *speaker = list->speaker;
	bool failed = list->failed > 0 || list->error != 0;

	drac_post_begin_group(speaker);
	if (list->error != 0)
		drac_post_tell(speaker, DRAC_LOGIN_ERR, "standard input: %s",
		    strerrordesc_np(list->error));
	if (speaker->held_back > 0)
		drac_post_tell(speaker, DRAC_LOGIN_WARNING,
		    "%u more sentences of this kind held back",
		    speaker->held_back);
	drac_post_tell(speaker, failed ? DRAC_LOGIN_WARNING : DRAC_LOGIN_INFO,
	    "list: %lu authorised, %lu not to be recorded, %lu failed, "
	    "%lu malformed",
	    list->recorded, list->refused, list->failed, list->malformed);
	return failed ? DRAC_POST_FAILED : DRAC_POST_DONE;
}

enum drac_post_status
drac_post_list(const struct drac_conf *conf, const char *service,
    struct drac_post_speaker *speaker)
{
	struct list list = { .conf = conf,
		.service = service,
		.speaker = speaker };
	enum drac_post_status status;

	list.group = calloc(DRAC_OPS_MAX, sizeof(*list.group));
	if (list.group == NULL) {
		drac_post_tell(speaker, DRAC_LOGIN_ERR, "out of memory");
		return DRAC_POST_FAILED;
	}
	speaker->brief = true;
	read_all(&list);
	status = sum_up(&list);
	free(list.group);
	return status;
}
