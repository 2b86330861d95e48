/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Addresses closed for some time: the file beside the map, what it keeps
 * from being added, and that trouble with it authorises nobody.
 */
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>

#include "closed.h"
#include "maps.h"

/* The steps of saving, in order, and the one that is to fail. */
static char steps[64];
static char failing;

static int
step(char name)
{
	size_t length = strlen(steps);

	if (length + 1 < sizeof(steps)) {
		steps[length] = name;
		steps[length + 1] = '\0';
	}
	errno = EIO;
	return name == failing ? -1 : 0;
}

/* The ones that the list calls; the disk is not waited for. */
int
fsync(int fd)
{
	struct stat st;

	return fstat(fd, &st) == -1 ? -1 : step(S_ISDIR(st.st_mode) ? 'd' : 'f');
}

int
renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	if (step('r') == -1)
		return -1;
	return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, 0);
}

static struct drac_net
net(const char *text)
{
	struct drac_net made = { 0 };

	CHECK_ROW(drac_net_parse(text, &made) == 0, text);
	return made;
}

static int
close_net(struct drac_store *store, const char *text, time_t until)
{
	struct drac_net closing = net(text);
	struct drac_why why;

	return drac_store_close_net(store, &closing, until, NOW, &why);
}

/* Until when it is closed; 0: it was added. */
static time_t
try_to_add(struct drac_store *store, const char *text, time_t now)
{
	struct drac_addr a = addr(text);
	struct drac_grant grant = { 0 };
	struct drac_why why;

	CHECK_ROW(drac_store_add(store, &a, now, now + 1800, 10, &grant,
		      &why) == 0,
	    text);
	CHECK_ROW(grant.written == (grant.closed == 0), text);
	CHECK_ROW((expiry_of(store, &a) == now + 1800) == (grant.closed == 0),
	    text);
	return grant.closed;
}

static void
put_list(const char *text, mode_t mode)
{
	char name[160];
	int fd;

	snprintf(name, sizeof(name), "%s.closed", path);
	(void)unlink(name);
	fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	CHECK(fd != -1 &&
	      write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	CHECK(fchmod(fd, mode) == 0);
	(void)close(fd);
}

static void
parse_takes_what_was_written_and_nothing_else(void)
{
	static const struct {
		const char *name, *text;
		int count; /* -1: refused */
	} rows[] = {
		{ "none", "drac closed 1 0\n", 0 },
		{ "one", "drac closed 1 1\n192.0.2.7/32 5\n", 1 },
		{ "two",
		    "drac closed 1 2\n0.0.0.0/0 9223372036854775807\n::/0 0\n",
		    2 },
		{ "empty", "", -1 },
		{ "cut in the first line", "drac closed 1 1", -1 },
		{ "cut in a line", "drac closed 1 1\n192.0.2.7/32 5", -1 },
		{ "cut between lines",
		    "drac closed 1 2\n192.0.2.7/32 5\n", -1 },
		{ "one too many", "drac closed 1 0\n192.0.2.7/32 5\n", -1 },
		{ "another version", "drac closed 2 0\n", -1 },
		{ "no number", "drac closed 1 \n", -1 },
		{ "negative", "drac closed 1 -1\n", -1 },
		{ "too many", "drac closed 1 1001\n", -1 },
		{ "huge", "drac closed 1 99999999999999999999\n", -1 },
		{ "no bits", "drac closed 1 1\n192.0.2.7 5\n", -1 },
		{ "host bits", "drac closed 1 1\n192.0.2.7/24 5\n", -1 },
		{ "no time", "drac closed 1 1\n192.0.2.7/32\n", -1 },
		{ "blank for a time", "drac closed 1 1\n192.0.2.7/32 \n", -1 },
		{ "time too far", "drac closed 1 1\n192.0.2.7/32 "
				  "9223372036854775808\n", -1 },
		{ "two blanks", "drac closed 1 1\n192.0.2.7/32  5\n", -1 },
		{ "CR", "drac closed 1 1\r\n192.0.2.7/32 5\r\n", -1 },
		{ "long line", "drac closed 1 1\n192.0.2.7/32 "
			       "0000000000000000000000000000000000000000000000"
			       "00000000000000000000000000000000005\n", -1 },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_closed closed;
		struct drac_why why = { "" };
		int result = drac_closed_parse(&closed, rows[i].text,
		    strlen(rows[i].text), &why);

		CHECK_ROW(result == (rows[i].count == -1 ? -1 : 0),
		    rows[i].name);
		CHECK_ROW((int)closed.count ==
			      (rows[i].count == -1 ? 0 : rows[i].count),
		    rows[i].name);
		CHECK_ROW((why.text[0] != '\0') == (result == -1),
		    rows[i].name);
		drac_closed_free(&closed);
	}
}

static void
until_has_the_date_when_it_is_far(void)
{
	static const struct {
		time_t until, now;
		const char *text;
	} rows[] = {
		{ 1700000000, 1699999999, "22:13:20Z" },
		{ 1700000000, 1700000000 - 86399, "22:13:20Z" },
		{ 1700000000, 1700000000 - 86400, "2023-11-14 22:13:20Z" },
		{ 1709164800, 0, "2024-02-29 00:00:00Z" },
		{ 1709251199, 0, "2024-02-29 23:59:59Z" },
		{ 1709251200, 0, "2024-03-01 00:00:00Z" },
		{ 1735689599, 0, "2024-12-31 23:59:59Z" },
		{ 1735689600, 0, "2025-01-01 00:00:00Z" },
		{ 4107542400, 0, "2100-03-01 00:00:00Z" },
		{ 4107542399, 0, "2100-02-28 23:59:59Z" },
		{ 5, 0, "00:00:05Z" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char text[DRAC_CLOSED_UNTIL];

		drac_closed_until_text(rows[i].until, rows[i].now, text);
		CHECK_ROW(strcmp(text, rows[i].text) == 0, rows[i].text);
	}
}

static void
closed_until_its_time_is_over(void)
{
	struct drac_store *store = open_new();

	CHECK(close_net(store, "192.0.2.7/32", NOW + 100) == 0);
	CHECK(try_to_add(store, "192.0.2.7", NOW) == NOW + 100);
	CHECK(try_to_add(store, "192.0.2.7", NOW + 99) == NOW + 100);
	CHECK(try_to_add(store, "192.0.2.8", NOW) == 0);
	CHECK(try_to_add(store, "192.0.2.7", NOW + 100) == 0);
	/* Longer, shorter, and open again. */
	CHECK(close_net(store, "192.0.2.7/32", NOW + 300) == 0);
	CHECK(close_net(store, "192.0.2.7/32", NOW + 200) == 0);
	CHECK(close_net(store, "192.0.2.0/24", NOW + 250) == 0);
	CHECK(try_to_add(store, "192.0.2.9", NOW) == NOW + 250);
	CHECK(close_net(store, "192.0.2.0/24", 0) == 0);
	CHECK(close_net(store, "192.0.2.0/24", 0) == 0);
	CHECK(close_net(store, "192.0.2.7/32", 0) == 0);
	CHECK(!there(".closed"));
	CHECK(try_to_add(store, "192.0.2.9", NOW) == 0);
	drac_store_close(store);
}

/* The entry of a login of moments ago is not taken for granted. */
static void
fresh_entry_of_a_closed_address(void)
{
	struct drac_store_opts opts = options();
	struct drac_addr a = addr("192.0.2.7");
	struct drac_store *store = open_new(), *other;
	struct drac_grant grant;

	CHECK(add(store, &a, NOW + 1800) == 0);
	/* Another process closes it, under our open handle. */
	other = open_with(&opts);
	CHECK(close_net(other, "192.0.2.7/32", NOW + 100) == 0);
	drac_store_close(other);
	CHECK(drac_store_add(store, &a, NOW, NOW + 1800, 10, &grant, NULL) ==
	      0);
	CHECK(grant.closed == NOW + 100 && !grant.written);
	CHECK(drac_store_drop(store, &a, NULL) == 1);
	CHECK(drac_store_set(store, &a, NOW + 5, NULL) == 0);
	drac_store_close(store);
}

static void
all_of_both_families(void)
{
	struct drac_store *store = open_new();

	CHECK(close_net(store, "0.0.0.0/0", NOW + 100) == 0);
	CHECK(try_to_add(store, "192.0.2.7", NOW) == NOW + 100);
	CHECK(try_to_add(store, "2001:db8::7", NOW) == 0);
	CHECK(close_net(store, "::/0", NOW + 90) == 0);
	CHECK(try_to_add(store, "2001:db8::8", NOW) == NOW + 90);
	drac_store_close(store);
}

/* A neighbour's login would open the network, and the address with it. */
static void
neighbour_opens_no_network_with_it(void)
{
	struct drac_store_opts opts = options();
	struct drac_nets exclude = { 0 };
	struct drac_net excluded = net("192.0.3.1/32");
	struct drac_store *store;

	fresh_dir();
	CHECK(drac_nets_add(&exclude, &excluded) == 0);
	opts.cover = (struct drac_cover){ .bits4 = 24,
		.bits6 = 64,
		.exclude = &exclude };
	store = open_with(&opts);
	CHECK(close_net(store, "192.0.2.7/32", NOW + 100) == 0);
	CHECK(close_net(store, "2001:db8::7/128", NOW + 100) == 0);
	CHECK(close_net(store, "192.0.3.7/32", NOW + 100) == 0);
	CHECK(try_to_add(store, "192.0.2.9", NOW) == NOW + 100);
	CHECK(try_to_add(store, "2001:db8::9", NOW) == NOW + 100);
	CHECK(try_to_add(store, "2001:db8:0:1::9", NOW) == 0);
	/* This one opens no network, because of the excluded address. */
	CHECK(try_to_add(store, "192.0.3.9", NOW) == 0);
	CHECK(try_to_add(store, "192.0.3.7", NOW) == NOW + 100);
	drac_store_close(store);
	drac_nets_free(&exclude);
}

/* Of many changes only the closed ones are not made. */
static void
batch_leaves_out_what_is_closed(void)
{
	struct drac_store *store = open_new();
	struct drac_op ops[3];

	CHECK(close_net(store, "192.0.2.2/32", NOW + 100) == 0);
	for (unsigned i = 0; i < 3; i++)
		ops[i] = (struct drac_op){ .kind = DRAC_OP_ADD,
			.addr = { .len = 4,
			    .octet = { 192, 0, 2, (unsigned char)(i + 1) } },
			.expiry = NOW + 50 };
	CHECK(drac_store_apply(store, ops, 3, NOW, NULL) == 0);
	CHECK(ops[0].done && !ops[1].done && ops[2].done);
	CHECK(ops[1].grant.closed == NOW + 100 && !ops[1].grant.written);
	CHECK(expiry_of(store, &ops[1].addr) == -1);
	CHECK(expiry_of(store, &ops[2].addr) == NOW + 50);
	drac_store_close(store);
}

static void
sweep_and_upkeep_forget_what_is_over(void)
{
	struct drac_store_opts opts = options();
	struct drac_store *store = open_new();
	struct drac_closed closed;
	struct drac_swept swept;
	bool anew;

	CHECK(close_net(store, "192.0.2.1/32", NOW + 10) == 0);
	CHECK(close_net(store, "192.0.2.2/32", NOW + 20) == 0);
	CHECK(close_net(store, "192.0.2.3/32", NOW + 30) == 0);
	CHECK(drac_store_sweep(store, NOW + 10, 0, &swept, NULL) == 0);
	CHECK(drac_store_closed(store, &closed, NULL) == 0);
	CHECK(closed.count == 2);
	drac_closed_free(&closed);
	drac_store_close(store);
	opts.owner = true;
	store = open_with(&opts);
	CHECK(drac_store_upkeep(store, NOW + 20, &anew, NULL) == 0);
	CHECK(drac_store_closed(store, &closed, NULL) == 0);
	CHECK(closed.count == 1);
	drac_closed_free(&closed);
	CHECK(drac_store_upkeep(store, NOW + 30, &anew, NULL) == 0);
	CHECK(!there(".closed"));
	drac_store_close(store);
}

/* As a map that was restored may have them: with their networks, too. */
static void
sweep_removes_what_is_closed(void)
{
	static const struct {
		const char *name, *closed, *there, *asked;
		bool wide, stays;
	} rows[] = {
		{ "itself", "192.0.2.7/32", "192.0.2.7", "192.0.2.7", false,
		    false },
		{ "another", "192.0.2.7/32", "192.0.2.8", "192.0.2.8", false,
		    true },
		{ "all", "::/0", "2001:db8::9", "2001:db8::9", false, false },
		{ "other family", "::/0", "192.0.2.7", "192.0.2.7", false,
		    true },
		{ "its network", "192.0.2.7/32", "192.0.2.8", "192.0.2.99",
		    true, false },
		{ "another network", "192.0.2.7/32", "192.0.3.8", "192.0.3.99",
		    true, true },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_store_opts opts = options();
		struct drac_addr a = addr(rows[i].there);
		struct drac_addr asked = addr(rows[i].asked);
		struct drac_store *store, *other;
		struct drac_swept swept;

		fresh_dir();
		if (rows[i].wide)
			opts.cover.bits4 = 24;
		store = open_with(&opts);
		CHECK_ROW(close_net(store, rows[i].closed, NOW + 100) == 0,
		    rows[i].name);
		CHECK_ROW(drac_store_set(store, &a, NOW + 1800, NULL) == 0,
		    rows[i].name);
		CHECK_ROW(expiry_of(store, &asked) == NOW + 1800, rows[i].name);
		CHECK_ROW(drac_store_sweep(store, NOW, 0, &swept, NULL) == 0,
		    rows[i].name);
		CHECK_ROW(expiry_of(store, &asked) ==
			      (rows[i].stays ? NOW + 1800 : -1),
		    rows[i].name);
		/* Opened by another process meanwhile, it stays. */
		other = open_with(&opts);
		CHECK_ROW(close_net(other, rows[i].closed, 0) == 0,
		    rows[i].name);
		drac_store_close(other);
		CHECK_ROW(drac_store_set(store, &a, NOW + 1800, NULL) == 0,
		    rows[i].name);
		CHECK_ROW(drac_store_sweep(store, NOW, 0, &swept, NULL) == 0 &&
			      swept.removed == 0,
		    rows[i].name);
		drac_store_close(store);
	}
}

static void
full_list_refuses_the_next(void)
{
	struct drac_store *store = open_new();
	struct drac_closed closed = { 0 };
	struct drac_place place;
	struct drac_net closing = net("10.0.0.0/32");
	struct drac_why why;

	for (unsigned i = 0; i < DRAC_CLOSED_MAX; i++) {
		closing.addr.octet[2] = (unsigned char)(i >> 8);
		closing.addr.octet[3] = (unsigned char)i;
		CHECK(drac_closed_set(&closed, &closing, NOW + 100 + i) == 0);
	}
	CHECK(drac_place_open(&place, path, NULL) == 0);
	CHECK(drac_closed_save(&place, &closed, 0644, NULL) == 0);
	drac_place_close(&place);
	drac_closed_free(&closed);
	closing = net("192.0.2.7/32");
	CHECK(drac_store_close_net(store, &closing, NOW + 100, NOW, &why) ==
	      -1);
	CHECK(errno == ENOSPC && strstr(why.text, "full") != NULL);
	CHECK(try_to_add(store, "192.0.2.7", NOW) == 0);
	CHECK(try_to_add(store, "10.0.3.231", NOW) == NOW + 100 + 999);
	/* One that is there already may be changed; and one is over now. */
	CHECK(close_net(store, "10.0.0.5/32", NOW + 900) == 0);
	CHECK(drac_store_close_net(store, &closing, NOW + 200, NOW + 100,
		  &why) == 0);
	drac_store_close(store);
}

/* Whatever is wrong with the file: nobody is authorised, all else goes on. */
static void
unreadable_list_authorises_nobody(void)
{
	static const char good[] = "drac closed 1 1\n192.0.2.7/32 1\n";
	static const struct {
		const char *name, *text;
		mode_t mode;
		uid_t owner;
		const char *target; /* of a link in its place */
	} rows[] = {
		{ "empty", "", 0600, 0, NULL },
		{ "nonsense", "hello\n", 0600, 0, NULL },
		{ "cut", "drac closed 1 1\n192.0.2.7/3", 0600, 0, NULL },
		{ "group writes", good, 0620, 0, NULL },
		{ "others write", good, 0602, 0, NULL },
		{ "another user's", good, 0600, 65534, NULL },
		{ "a link", NULL, 0, 0, "dracd.db" },
		{ "a directory", NULL, 0, 0, NULL },
	};
	struct drac_addr a = addr("192.0.2.9"), b = addr("192.0.2.8");
	char name[160];

	snprintf(name, sizeof(name), "%s.closed", path);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_store *store = open_new();
		struct drac_why why = { "" };
		struct drac_swept swept;
		struct drac_grant grant;

		CHECK(add(store, &b, NOW + 5) == 0);
		if (rows[i].text != NULL)
			put_list(rows[i].text, rows[i].mode);
		else if (rows[i].target != NULL)
			CHECK(symlink(rows[i].target, name) == 0);
		else
			CHECK(mkdir(name, 0700) == 0);
		if (rows[i].owner != 0 &&
		    chown(name, rows[i].owner, (gid_t)-1) == -1) {
			drac_store_close(store);
			continue; /* root alone can give it away */
		}
		CHECK_ROW(drac_store_add(store, &a, NOW, NOW + 1800, 10, &grant,
			      &why) == -1,
		    rows[i].name);
		CHECK_ROW(errno != EBADMSG, rows[i].name);
		CHECK_ROW(strstr(why.text, "dracd.db.closed: ") != NULL,
		    rows[i].name);
		CHECK_ROW(expiry_of(store, &a) == -1, rows[i].name);
		CHECK_ROW(drac_store_add(store, &b, NOW, NOW + 5, 10, &grant,
			      &why) == -1,
		    rows[i].name);
		CHECK_ROW(close_net(store, "192.0.2.1/32", NOW + 9) == -1,
		    rows[i].name);
		/* What has expired goes; then the sweep tells. */
		why.text[0] = '\0';
		CHECK_ROW(drac_store_sweep(store, NOW + 5, 0, &swept, &why) ==
			      -1,
		    rows[i].name);
		CHECK_ROW(strstr(why.text, "dracd.db.closed: ") != NULL,
		    rows[i].name);
		CHECK_ROW(swept.removed == 1, rows[i].name);
		CHECK_ROW(expiry_of(store, &b) == -1, rows[i].name);
		drac_store_close(store);
		(void)rmdir(name);
	}
}

/* On the disk before it counts, and one that could not be saved is told. */
static void
closing_is_on_the_disk(void)
{
	static const char *const ways = "frd";
	struct drac_addr a = addr("192.0.2.7");
	time_t until;
	struct drac_store *store = open_new();

	steps[0] = '\0';
	CHECK(close_net(store, "192.0.2.7/32", NOW + 100) == 0);
	CHECK(strcmp(steps, "frd") == 0);
	steps[0] = '\0';
	CHECK(close_net(store, "192.0.2.7/32", 0) == 0);
	CHECK(strcmp(steps, "d") == 0);
	for (const char *way = ways; *way != '\0'; way++) {
		failing = *way;
		CHECK_ROW(close_net(store, "192.0.2.7/32", NOW + 100) == -1,
		    way);
		failing = '\0';
		CHECK_ROW(!there(".closed.new"), way);
		CHECK_ROW(drac_store_is_closed(store, &a, NOW, &until, NULL) ==
			      (there(".closed") ? 1 : 0),
		    way);
	}
	drac_store_close(store);
}

int
main(void)
{
	begin();
	RUN(parse_takes_what_was_written_and_nothing_else);
	RUN(until_has_the_date_when_it_is_far);
	RUN(closed_until_its_time_is_over);
	RUN(fresh_entry_of_a_closed_address);
	RUN(all_of_both_families);
	RUN(neighbour_opens_no_network_with_it);
	RUN(batch_leaves_out_what_is_closed);
	RUN(sweep_and_upkeep_forget_what_is_over);
	RUN(sweep_removes_what_is_closed);
	RUN(full_list_refuses_the_next);
	RUN(unreadable_list_authorises_nobody);
	RUN(closing_is_on_the_disk);
	end();
	return TEST_RESULT();
}
