/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Lists of users: which names match, which can be none, files of names and
 * how they fail; and the rule of the configuration, by the file and by
 * arguments.
 */
#include "users.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf.h"
#include "test.h"
#include "told.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static void
names_match(void)
{
	static const struct {
		const char *listed, *user;
		bool match;
	} rows[] = {
		{ "alice", "alice", true },
		{ "alice", "ALICE", true },
		{ "Alice", "alicE", true },
		{ "alice", "alice@example.org", true },
		{ "alice", "Alice@Example.Net", true },
		{ "alice@example.org", "alice", true },
		{ "alice@example.org", "alice@EXAMPLE.org", true },
		{ "alice@example.org", "alice@example.net", false },
		{ "alice@example.org", "alice@example.orgs", false },
		{ "alice@example.org", "alice@example.or", false },
		{ "alice", "alic", false },
		{ "alice", "alicea", false },
		{ "alice", "bob", false },
		{ "alice", "bob@alice", false },
		{ "i", "I", true },
		{ "j\xc3\xbcrgen", "j\xc3\xbcrgen", true },
		{ "a@b@c", "a", true },
		{ "a@b@c", "a@b", false },
		{ "a@b", "a@b@c", false },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_users users = { 0 };
		char text[100];

		snprintf(text, sizeof text, "%s, %s", rows[i].listed,
		    rows[i].user);
		CHECK_ROW(drac_users_add(&users, rows[i].listed,
			      strlen(rows[i].listed)) == 0,
		    text);
		CHECK_ROW((drac_users_find(&users, rows[i].user) != NULL) ==
			      rows[i].match,
		    text);
		drac_users_free(&users);
	}
}

static void
name_refuses(void)
{
	static const char *const rows[] = { "", " ", "a b", "a,b", "a:x:1000",
		"a/b", "@group", "%group", "alice@", "a\tb", "a\x7f",
		"a\033[1m" };
	struct drac_users users = { 0 };

	for (size_t i = 0; i < COUNT(rows); i++) {
		errno = 0;
		CHECK_ROW(drac_users_add(&users, rows[i], strlen(rows[i])) ==
				  -1 &&
			      errno == EINVAL,
		    rows[i]);
	}
	CHECK(users.size == 0);
	drac_users_free(&users);
}

static void
list_keeps_all_names(void)
{
	struct drac_users users = { 0 }, more = { .given = true };
	char name[32];

	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof name, "user%d", i);
		CHECK(drac_users_add(i < 500 ? &users : &more, name,
			  strlen(name)) == 0);
	}
	CHECK(drac_users_join(&users, &more) == 0 && users.given);
	for (int i = 0; i < 1000; i += 111) {
		snprintf(name, sizeof name, "USER%d@example.org", i);
		CHECK_ROW(drac_users_find(&users, name) != NULL, name);
	}
	CHECK(drac_users_find(&users, "user1000") == NULL);
	drac_users_free(&users);
	drac_users_free(&more);
	CHECK(users.names == NULL && !users.given);
}

/* Files */

static char file_path[300];

static void
write_names(const char *text, mode_t mode)
{
	int fd =
	    open(file_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CHECK(fd != -1);
	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	CHECK(fchmod(fd, mode) == 0);
	close(fd);
}

static void
file_is_read(void)
{
	struct drac_users users = { 0 };
	struct drac_why why = { "" };

	write_names("# closed\nalice\n  bob@example.org  # since May\n\nEve",
	    0644);
	CHECK_ROW(drac_users_load(&users, file_path, &why) == 0, why.text);
	CHECK(drac_users_find(&users, "alice") != NULL);
	CHECK(drac_users_find(&users, "bob") != NULL);
	CHECK(drac_users_find(&users, "eve@example.org") != NULL);
	CHECK(drac_users_find(&users, "since") == NULL);
	drac_users_free(&users);
}

static void
file_refuses(void)
{
	static const struct {
		const char *text;
		mode_t mode;
		int error;
		const char *sentence; /* behind the path */
	} rows[] = {
		{ "alice\n", 0664, EINVAL, ": writable by group or others" },
		{ "alice\n", 0646, EINVAL, ": writable by group or others" },
		{ "alice\nbob carol\n", 0644, EINVAL,
		    ":2: not the name of a user: bob carol" },
		{ "alice:x:1000:1000::/:/bin/sh\n", 0644, EINVAL,
		    ":1: not the name of a user: alice:x:1000:1000::/:/bin/sh" },
		{ "alice\r\n", 0644, EINVAL,
		    ":1: the line ends in CR LF, not in LF" },
		{ NULL, 0, ENOENT, ": No such file or directory" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_users users = { 0 };
		struct drac_why why = { "" };
		char sentence[500];

		CHECK(drac_users_add(&users, "kept", 4) == 0);
		if (rows[i].text != NULL)
			write_names(rows[i].text, rows[i].mode);
		else
			unlink(file_path);
		snprintf(sentence, sizeof sentence, "%s%s", file_path,
		    rows[i].sentence);
		CHECK_ROW(drac_users_load(&users, file_path, &why) == -1,
		    sentence);
		CHECK_ROW(errno == rows[i].error, sentence);
		CHECK_ROW(strcmp(why.text, sentence) == 0, why.text);
		CHECK_ROW(users.size == sizeof "kept", sentence);
		drac_users_free(&users);
	}
}

/* The rule */

enum {
	GOOD,
	DENIED,
	OTHER,
	ANONYMOUS
};

static const struct {
	const char *file, *argument[2], *user;
	int what;
} rules[] = {
	{ "", { NULL }, "alice", GOOD },
	{ "", { NULL }, "", GOOD },
	{ "deny_users = alice", { NULL }, "Alice@example.org", DENIED },
	{ "deny_users = alice", { NULL }, "bob", GOOD },
	{ "deny_users = alice", { NULL }, "", ANONYMOUS },
	{ "deny_users = alice", { NULL }, NULL, ANONYMOUS },
	{ "deny_users = a\nanonymous_reports = yes", { NULL }, "", GOOD },
	{ "deny_users = a\nanonymous_reports = yes", { NULL }, "a", DENIED },
	{ "users = alice bob", { NULL }, "BOB", GOOD },
	{ "users = alice bob", { NULL }, "eve", OTHER },
	{ "users = alice bob", { NULL }, "", ANONYMOUS },
	{ "users = alice\ndeny_users = alice", { NULL }, "alice", DENIED },
	{ "users =\ndeny_users =", { NULL }, "", GOOD },
	/* What an argument can do. */
	{ "", { "deny_users=alice" }, "alice", DENIED },
	{ "deny_users = eve", { "deny_users=alice" }, "eve", DENIED },
	{ "deny_users = eve", { "deny_users=alice" }, "alice", DENIED },
	{ "deny_users = eve", { "deny_users=" }, "eve", DENIED },
	{ "deny_users = eve", { "deny_users=", "deny_users=x" }, "eve",
	    DENIED },
	{ "deny_users = eve", { "users=eve" }, "eve", DENIED },
	{ "users = alice", { "users=eve" }, "eve", OTHER },
	{ "users = alice", { "users=eve" }, "alice", OTHER },
	{ "users = alice", { "users=" }, "eve", OTHER },
	{ "users = alice bob", { "users=eve", "users=bob" }, "bob", GOOD },
	{ "", { "users=alice" }, "alice", GOOD },
	{ "", { "users=alice" }, "eve", OTHER },
};

static void
arguments_weaken_nothing(void)
{
	for (size_t i = 0; i < COUNT(rules); i++) {
		struct drac_conf conf;
		struct told told = { 0 };
		char file[100], row[200];

		snprintf(row, sizeof row, "%s; %s; %s", rules[i].file,
		    rules[i].argument[0] != NULL ? rules[i].argument[0] : "",
		    rules[i].user != NULL ? rules[i].user : "(null)");
		snprintf(file, sizeof file, "%s\n", rules[i].file);
		CHECK(drac_conf_init(&conf) == 0);
		CHECK_ROW(drac_conf_parse(&conf, "f", file, strlen(file), take,
			      &told) == 0,
		    told.text);
		for (size_t j = 0; j < 2 && rules[i].argument[j] != NULL; j++)
			CHECK_ROW(drac_conf_argument(&conf,
				      rules[i].argument[j], NULL) == 0,
			    row);
		CHECK_ROW((int)drac_conf_admits(&conf, rules[i].user) ==
			      rules[i].what,
		    row);
		drac_conf_free(&conf);
	}
}

int
main(void)
{
	const char *tmp = getenv("TMPDIR");
	char dir[256];

	/* In Turkish `I` is not what `i` is; where there is no such locale
	 * this changes nothing. */
	(void)setlocale(LC_ALL, "tr_TR.ISO-8859-9");
	snprintf(dir, sizeof dir, "%.200s/drac-users.XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(dir) == NULL)
		abort();
	snprintf(file_path, sizeof file_path, "%s/names", dir);
	RUN(names_match);
	RUN(name_refuses);
	RUN(list_keeps_all_names);
	RUN(file_is_read);
	RUN(file_refuses);
	RUN(arguments_weaken_nothing);
	unlink(file_path);
	CHECK(rmdir(dir) == 0);
	return TEST_RESULT();
}
