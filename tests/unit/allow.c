/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Lists of networks: order, growth, release. The allow file: every form of
 * a line, every refusal with its sentence, and that it is read safely.
 */
#include "allow.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "test.h"
#include "told.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static struct drac_addr
addr(const char *text)
{
	struct drac_addr found = { 0 };

	CHECK_ROW(drac_addr_parse(text, &found) == 0, text);
	return found;
}

static void
add(struct drac_nets *nets, const char *text)
{
	struct drac_net net = { 0 };

	CHECK_ROW(drac_net_parse(text, &net) == 0, text);
	CHECK_ROW(drac_nets_add(nets, &net) == 0, text);
}

static void
empty_list_holds_nothing(void)
{
	struct drac_nets nets = { 0 };
	struct drac_addr any = addr("192.0.2.7");

	CHECK(drac_nets_find(&nets, &any) == NULL);
	drac_nets_free(&nets);
	CHECK(nets.net == NULL && nets.count == 0);
}

static void
find_names_first_match(void)
{
	static const struct {
		const char *address;
		int index; /* -1: none */
	} rows[] = {
		{ "192.0.2.7", 0 },
		{ "192.0.2.200", 1 },
		{ "::ffff:192.0.2.200", 1 },
		{ "192.0.3.1", -1 },
		{ "198.51.100.9", 2 },
		{ "198.51.100.8", -1 },
		{ "2001:db8::7", 3 },
		{ "2001:db9::7", -1 },
	};
	struct drac_nets nets = { 0 };

	add(&nets, "192.0.2.0/25");
	add(&nets, "192.0.2.0/24");
	add(&nets, "198.51.100.9");
	add(&nets, "2001:db8::/32");
	CHECK(nets.count == 4);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_addr address = addr(rows[i].address);
		const struct drac_net *found = drac_nets_find(&nets, &address);

		CHECK_ROW(found == (rows[i].index == -1
					   ? NULL
					   : &nets.net[rows[i].index]),
		    rows[i].address);
	}
	drac_nets_free(&nets);
}

static void
add_keeps_all_while_growing(void)
{
	struct drac_nets nets = { 0 };
	struct drac_addr address = addr("192.0.2.0");
	char text[DRAC_ADDR_TEXT];

	for (unsigned i = 0; i < 256; i++) {
		snprintf(text, sizeof text, "192.0.2.%u", i);
		add(&nets, text);
		CHECK_ROW(nets.count == i + 1, text);
	}
	for (unsigned i = 0; i < 256; i++) {
		address.octet[3] = (unsigned char)i;
		CHECK(drac_nets_find(&nets, &address) == &nets.net[i]);
	}
	drac_nets_free(&nets);
}

static void
add_copies_own_member(void)
{
	struct drac_nets nets = { 0 };

	add(&nets, "192.0.2.0/24");
	for (int i = 0; i < 8; i++)
		CHECK(drac_nets_add(&nets, &nets.net[0]) == 0);
	CHECK(nets.count == 9);
	CHECK(memcmp(&nets.net[8], &nets.net[0], sizeof nets.net[0]) == 0);
	drac_nets_free(&nets);
}

static void
free_makes_list_usable_again(void)
{
	struct drac_nets nets = { 0 };
	struct drac_addr old = addr("192.0.2.7"), new = addr("198.51.100.7");

	add(&nets, "192.0.2.0/24");
	drac_nets_free(&nets);
	drac_nets_free(&nets);
	add(&nets, "198.51.100.0/24");
	CHECK(drac_nets_find(&nets, &old) == NULL);
	CHECK(drac_nets_find(&nets, &new) == &nets.net[0]);
	drac_nets_free(&nets);
}

static void
take_warning(const char *text, void *arg)
{
	char sentence[600];

	snprintf(sentence, sizeof sentence, "warning: %s", text);
	take(sentence, arg);
}

static int
parse(struct drac_nets *nets, const char *content, size_t len,
    struct told *told)
{
	struct drac_allow_report report = { take, take_warning, told };
	char *text = malloc(len + 1); /* exactly, for the sanitizer */
	int answer;

	*told = (struct told){ 0 };
	if (text == NULL)
		abort();
	memcpy(text, content, len);
	errno = 0;
	answer = drac_allow_parse(nets, "f", text, len, &report);
	free(text);
	return answer;
}

static void
check_is(const struct drac_nets *nets, const char *expected, const char *row)
{
	char text[1024] = "", net[DRAC_ADDR_TEXT];

	for (size_t i = 0; i < nets->count; i++) {
		size_t len = strlen(text);

		drac_addr_text(&nets->net[i].addr, net);
		snprintf(text + len, sizeof text - len, "%s%s/%d",
		    i > 0 ? " " : "", net, nets->net[i].bits);
	}
	if (strcmp(text, expected) != 0)
		printf("  [%s]\n  got      %s\n  expected %s\n", row, text,
		    expected);
	CHECK_ROW(strcmp(text, expected) == 0, row);
}

#define LITERAL(text) (text), sizeof(text) - 1

static void
file_parses(void)
{
	static const struct {
		const char *text;
		size_t len;
		const char *nets;
	} rows[] = {
		{ LITERAL(""), "" },
		{ LITERAL("\n \t\n# 255.255.255.0 192.0.2.0\n  # x\n#"), "" },
		{ LITERAL("255.255.255.255\t127.0.0.1\n"), "127.0.0.1/32" },
		{ LITERAL("255.255.255.0 192.0.2.0"), "192.0.2.0/24" },
		{ LITERAL(" \t255.255.255.128 \t 192.0.2.128 \t# half\n"),
		    "192.0.2.128/25" },
		{ LITERAL("128.0.0.0 128.0.0.0\n"), "128.0.0.0/1" },
		{ LITERAL("0.0.0.0 0.0.0.0\n"), "0.0.0.0/0" },
		{ LITERAL("255.255.255.254 192.0.2.6\n"), "192.0.2.6/31" },
		{ LITERAL("192.0.2.7\n"), "192.0.2.7/32" },
		{ LITERAL("192.0.2.0/24 # office\n"), "192.0.2.0/24" },
		{ LITERAL("::ffff:192.0.2.0/120\n"), "192.0.2.0/24" },
		{ LITERAL("2001:db8::7\n2001:db8:1::/48\n"),
		    "2001:db8::7/128 2001:db8:1::/48" },
		{ LITERAL("255.255.255.255 192.0.2.1\n\n198.51.100.0/24\n"
			  "255.255.255.255 192.0.2.1"),
		    "192.0.2.1/32 198.51.100.0/24 192.0.2.1/32" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_nets nets = { 0 };
		struct told told;

		CHECK_ROW(parse(&nets, rows[i].text, rows[i].len, &told) == 0,
		    rows[i].text);
		CHECK_ROW(told.count == 0, told.text);
		check_is(&nets, rows[i].nets, rows[i].text);
		drac_nets_free(&nets);
	}
}

#define CRLF  "warning: f:1: the line ends in CR LF, not in LF\n"
#define WORDS "ignored after netmask and address: "

/* What the original took as well. */
static void
file_warns(void)
{
	static const struct {
		const char *text;
		size_t len;
		const char *nets, *warnings;
	} rows[] = {
		{ LITERAL("255.255.255.0 192.0.2.0 the office"), "192.0.2.0/24",
		    "warning: f:1: " WORDS "the office\n" },
		{ LITERAL("\n255.255.255.0\t192.0.2.0 \t 192.0.3.0\tx # y"),
		    "192.0.2.0/24", "warning: f:2: " WORDS "192.0.3.0?x\n" },
		{ LITERAL("255.255.255.0 192.0.2.0\r\n192.0.3.0\r\n"),
		    "192.0.2.0/24 192.0.3.0/32", CRLF },
		{ LITERAL("\r\n# x\r\n\r\n192.0.2.1 \r\n192.0.2.2\r"),
		    "192.0.2.1/32 192.0.2.2/32", CRLF },
		{ LITERAL("255.255.255.255 192.0.2.1 \x1b[2J\r\n"
			  "255.255.255.255 192.0.2.2 y\r\n"),
		    "192.0.2.1/32 192.0.2.2/32",
		    CRLF "warning: f:1: " WORDS "?[2J\n"
			 "warning: f:2: " WORDS "y\n" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_nets nets = { 0 };
		struct told told;

		CHECK_ROW(parse(&nets, rows[i].text, rows[i].len, &told) == 0,
		    rows[i].text);
		CHECK_ROW(strcmp(told.text, rows[i].warnings) == 0, told.text);
		check_is(&nets, rows[i].nets, rows[i].text);
		drac_nets_free(&nets);
	}
}

#define OUTSIDE "f:1: bits set that the netmask leaves out: "

static void
file_refuses(void)
{
	static const struct {
		const char *text;
		size_t len;
		const char *errors;
	} rows[] = {
		{ LITERAL("255.0.255.0 192.0.2.0"),
		    "f:1: not a netmask: 255.0.255.0\n" },
		{ LITERAL("0.255.255.255 192.0.2.0"),
		    "f:1: not a netmask: 0.255.255.255\n" },
		{ LITERAL("255.255.255.1 192.0.2.1"),
		    "f:1: not a netmask: 255.255.255.1\n" },
		{ LITERAL("192.0.2.0 255.255.255.0"),
		    "f:1: not a netmask: 192.0.2.0\n" },
		{ LITERAL("255.255.255 192.0.2.0"),
		    "f:1: not a netmask: 255.255.255\n" },
		{ LITERAL("255.255.255.256 192.0.2.0"),
		    "f:1: not a netmask: 255.255.255.256\n" },
		{ LITERAL("0xffffff00 192.0.2.0"),
		    "f:1: not a netmask: 0xffffff00\n" },
		{ LITERAL("::ffff:255.255.255.0 192.0.2.0"),
		    "f:1: not a netmask: ::ffff:255.255.255.0\n" },
		{ LITERAL("ffff:: 2001::"), "f:1: not a netmask: ffff::\n" },
		{ LITERAL("/24 192.0.2.0"), "f:1: not a netmask: /24\n" },
		{ LITERAL("255.255.255.0 192.0.2.1"), OUTSIDE "192.0.2.1\n" },
		{ LITERAL("0.0.0.0 192.0.2.0"), OUTSIDE "192.0.2.0\n" },
		{ LITERAL("255.255.255.254 192.0.2.7"), OUTSIDE "192.0.2.7\n" },
		{ LITERAL("255.255.255.0 192.0.2"),
		    "f:1: not an IPv4 address: 192.0.2\n" },
		{ LITERAL("255.255.255.0 010.0.0.0"),
		    "f:1: not an IPv4 address: 010.0.0.0\n" },
		{ LITERAL("255.255.255.0 192.0.2.0/24"),
		    "f:1: not an IPv4 address: 192.0.2.0/24\n" },
		{ LITERAL("255.255.255.255 2001:db8::1"),
		    "f:1: not an IPv4 address: 2001:db8::1\n" },
		{ LITERAL("255.255.255.255 ::ffff:192.0.2.1"),
		    "f:1: not an IPv4 address: ::ffff:192.0.2.1\n" },
		{ LITERAL("255.255.255.255 pop.example.org"),
		    "f:1: not an IPv4 address: pop.example.org\n" },
		{ LITERAL("255.255.255.0 192.0.2.1 the office"),
		    OUTSIDE "192.0.2.1\n" },
		{ LITERAL("255.255.255.0\n192.0.2.0 x\n192.0.2.0/24 x"),
		    "f:2: not a netmask: 192.0.2.0\n"
		    "f:3: not a netmask: 192.0.2.0/24\n" },
		{ LITERAL("255.255.255.0 192.0.2.0\r192.0.3.0"),
		    "f:1: not an IPv4 address: 192.0.2.0?192.0.3.0\n" },
		{ LITERAL("192.0.2.0/24 # a\n192.0.2.0/24 a # b"),
		    "f:2: not a netmask: 192.0.2.0/24\n" },
		{ LITERAL("192.0.2.1/24"),
		    "f:1: bits set after the prefix: 192.0.2.1/24\n" },
		{ LITERAL("192.0.2.0/33"),
		    "f:1: not a network: 192.0.2.0/33\n" },
		{ LITERAL("192.0.2.0/255.255.255.0"),
		    "f:1: not a network: 192.0.2.0/255.255.255.0\n" },
		{ LITERAL("192.0.2.1,192.0.2.2"),
		    "f:1: not a network: 192.0.2.1,192.0.2.2\n" },
		{ LITERAL("192.0.2"), "f:1: not a network: 192.0.2\n" },
		{ LITERAL("127.1"), "f:1: not a network: 127.1\n" },
		{ LITERAL("2001:db8::1/32"),
		    "f:1: bits set after the prefix: 2001:db8::1/32\n" },
		{ LITERAL("[2001:db8::1]"),
		    "f:1: not a network: [2001:db8::1]\n" },
		{ LITERAL("fe80::1%eth0"),
		    "f:1: not a network: fe80::1%eth0\n" },
		{ LITERAL("pop.example.org"),
		    "f:1: not a network: pop.example.org\n" },
		{ LITERAL("192.0.2.1#x"), "f:1: not a network: 192.0.2.1#x\n" },
		{ LITERAL("\x1b[2J\xc3\xa4"), "f:1: not a network: ?[2J??\n" },
		{ LITERAL("192.0.2.1\r\n192.0.2.2\r\nx\r\n"),
		    CRLF "f:3: not a network: x\n" },
		{ LITERAL("192.0.2.1\0\nx\n"),
		    "f:1: a NUL octet\nf:2: not a network: x\n" },
		{ LITERAL("a\n192.0.2.1\n\nb\n255.0.0.255 192.0.0.0\n"),
		    "f:1: not a network: a\nf:4: not a network: b\n"
		    "f:5: not a netmask: 255.0.0.255\n" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct drac_nets nets = { 0 };
		struct told told;

		add(&nets, "203.0.113.0/24");
		CHECK_ROW(parse(&nets, rows[i].text, rows[i].len, &told) == -1,
		    rows[i].text);
		CHECK_ROW(errno == EINVAL, rows[i].text);
		CHECK_ROW(strcmp(told.text, rows[i].errors) == 0, told.text);
		check_is(&nets, "203.0.113.0/24", rows[i].text);
		drac_nets_free(&nets);
	}
}

static void
file_adds_to_the_list(void)
{
	struct drac_nets nets = { 0 };
	struct told told;

	add(&nets, "203.0.113.0/24");
	CHECK(parse(&nets, LITERAL("192.0.2.1\n192.0.2.2\n"), &told) == 0);
	CHECK(parse(&nets, LITERAL("192.0.2.3\nx\n"), &told) == -1);
	CHECK(parse(&nets, LITERAL("192.0.2.4\n"), &told) == 0);
	check_is(&nets, "203.0.113.0/24 192.0.2.1/32 192.0.2.2/32 192.0.2.4/32",
	    "list");
	drac_nets_free(&nets);
}

static void
long_word_is_cut_in_the_sentence(void)
{
	struct drac_nets nets = { 0 };
	struct told told;
	char text[3000];

	memset(text, 'x', sizeof text);
	CHECK(parse(&nets, text, sizeof text, &told) == -1);
	CHECK(strncmp(told.text, "f:1: not a network: xxx", 23) == 0);
	CHECK(strlen(told.text) < 200);
	CHECK(nets.net == NULL && nets.count == 0);
}

/* A directory with room for one file under test. */
struct place {
	char dir[256];
	char file[300];
	char other[300];
};

static void
place_make(struct place *place)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(place->dir, sizeof place->dir, "%.200s/drac-allow.XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(place->dir) == NULL)
		abort();
	snprintf(place->file, sizeof place->file, "%s/dracd.allow", place->dir);
	snprintf(place->other, sizeof place->other, "%s/other", place->dir);
}

static void
place_remove(const struct place *place)
{
	unlink(place->file);
	unlink(place->other);
	CHECK(rmdir(place->dir) == 0);
}

static void
write_file(const char *path, const char *text, size_t len, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CHECK(fd != -1);
	CHECK(write(fd, text, len) == (ssize_t)len);
	CHECK(fchmod(fd, mode) == 0);
	close(fd);
}

/* Load a file of which one error is expected, or NULL for none. */
static void
load_expects(const char *path, const char *error, int number)
{
	struct drac_nets nets = { 0 };
	struct told told = { 0 };
	struct drac_allow_report report = { take, take_warning, &told };
	char sentence[600];
	int answer, reached;

	add(&nets, "203.0.113.0/24");
	errno = 0;
	answer = drac_allow_load(&nets, path, &report);
	reached = errno;
	CHECK_ROW(answer == (number == 0 ? 0 : -1), path);
	CHECK_ROW(number == 0 || reached == number, strerror(reached));
	snprintf(sentence, sizeof sentence, "%s%s\n", path,
	    error != NULL ? error : "");
	CHECK_ROW(strcmp(told.text, error == NULL ? "" : sentence) == 0,
	    told.text);
	check_is(&nets,
	    number == 0 ? "203.0.113.0/24 192.0.2.7/32" : "203.0.113.0/24",
	    path);
	drac_nets_free(&nets);
}

static void
load_reads_safe_file(void)
{
	struct place place;

	place_make(&place);
	write_file(place.file, LITERAL("255.255.255.255 192.0.2.7\n"), 0644);
	load_expects(place.file, NULL, 0);
	write_file(place.file, LITERAL("192.0.2.7\n192.0.2\n"), 0644);
	load_expects(place.file, ":2: not a network: 192.0.2", EINVAL);
	place_remove(&place);
}

static void
load_missing_file_is_enoent_unreported(void)
{
	struct place place;

	place_make(&place);
	load_expects(place.file, NULL, ENOENT);
	place_remove(&place);
}

/* How the file is read is tested with the configuration; that it is read
 * so, here. */
static void
load_refuses_unsafe_file(void)
{
	static char big[65537];
	struct place place;

	place_make(&place);
	write_file(place.file, LITERAL("192.0.2.7\n"), 0664);
	load_expects(place.file, ": writable by group or others", EINVAL);
	memset(big, '#', sizeof big);
	write_file(place.file, big, sizeof big, 0644);
	load_expects(place.file, ": larger than 64 KiB", EINVAL);
	unlink(place.file);
	write_file(place.other, LITERAL("192.0.2.7\n"), 0644);
	CHECK(symlink(place.other, place.file) == 0);
	load_expects(place.file, ": a symbolic link", EINVAL);
	unlink(place.file);
	CHECK(mkfifo(place.file, 0600) == 0);
	load_expects(place.file, ": not a regular file", EINVAL);
	place_remove(&place);
}

static void
load_leaves_no_descriptor(void)
{
	struct place place;
	int before, after;

	place_make(&place);
	before = dup(0);
	close(before);
	write_file(place.file, LITERAL("192.0.2.7\n"), 0644);
	load_expects(place.file, NULL, 0);
	write_file(place.file, LITERAL("x\n"), 0644);
	load_expects(place.file, ":1: not a network: x", EINVAL);
	after = dup(0);
	close(after);
	CHECK(before == after);
	place_remove(&place);
}

int
main(void)
{
	RUN(empty_list_holds_nothing);
	RUN(find_names_first_match);
	RUN(add_keeps_all_while_growing);
	RUN(add_copies_own_member);
	RUN(free_makes_list_usable_again);
	RUN(file_parses);
	RUN(file_warns);
	RUN(file_refuses);
	RUN(file_adds_to_the_list);
	RUN(long_word_is_cut_in_the_sentence);
	RUN(load_reads_safe_file);
	RUN(load_missing_file_is_enoent_unreported);
	RUN(load_refuses_unsafe_file);
	RUN(load_leaves_no_descriptor);
	return TEST_RESULT();
}
