/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Lists of networks, searched from the front: they are short, written by
 * hand, and the first match is the one that a log line names.
 */
#include "allow.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lines.h"

/*
 * Room is doubled whenever count is a power of two, so the list needs no
 * field for its capacity: that is always the next power of two or more.
 */
static int
make_room(struct drac_nets *nets)
{
	size_t room = nets->count == 0 ? 1 : nets->count * 2;
	struct drac_net *net;

	if ((nets->count & (nets->count - 1)) != 0)
		return 0;
	net = reallocarray(nets->net, room, sizeof *net);
	if (net == NULL)
		return -1;
	nets->net = net;
	return 0;
}

int
drac_nets_add(struct drac_nets *nets, const struct drac_net *net)
{
	struct drac_net copy = *net;

	if (make_room(nets) == -1)
		return -1;
	nets->net[nets->count++] = copy;
	return 0;
}

const struct drac_net *
drac_nets_find(const struct drac_nets *nets, const struct drac_addr *addr)
{
	for (size_t i = 0; i < nets->count; i++) {
		if (drac_net_has(&nets->net[i], addr))
			return &nets->net[i];
	}
	return NULL;
}

void
drac_nets_free(struct drac_nets *nets)
{
	free(nets->net);
	nets->net = NULL;
	nets->count = 0;
}

/* The file */

static int
refuse(struct drac_why *why, const char *what, const char *text)
{
	drac_why_set(why, "%s: %.*s", what, DRAC_LINES_SHOWN, text);
	errno = EINVAL;
	return -1;
}

/* A dotted quad, and not the IPv6 form of one. */
static int
parse_quad(const char *text, struct drac_addr *addr)
{
	return strchr(text, ':') != NULL ? -1 : drac_addr_parse(text, addr);
}

/* The bits of a netmask, all ones before all zeros. */
static int
parse_netmask(const char *text, unsigned *bits)
{
	struct drac_addr mask;
	uint32_t value = 0;

	if (parse_quad(text, &mask) == -1)
		return -1;
	for (unsigned i = 0; i < 4; i++)
		value = value << 8 | mask.octet[i];
	for (*bits = 0; *bits < 32 && (value & 0x80000000u) != 0; ++*bits)
		value <<= 1;
	return value == 0 ? 0 : -1;
}

/* With a bit of the address outside the netmask the original never matched. */
static int
parse_pair(const char *mask, const char *quad, struct drac_net *net,
    struct drac_why *why)
{
	char text[sizeof "255.255.255.255/32"];
	struct drac_addr addr;
	unsigned bits;

	if (parse_netmask(mask, &bits) == -1)
		return refuse(why, "not a netmask", mask);
	if (parse_quad(quad, &addr) == -1)
		return refuse(why, "not an IPv4 address", quad);
	snprintf(text, sizeof text, "%s/%u", quad, bits);
	if (drac_net_parse(text, net) == -1)
		return refuse(why, "bits set that the netmask leaves out",
		    quad);
	return 0;
}

/* What a line goes into, and how the reading of it is told. */
struct reading {
	struct drac_nets nets;
	struct drac_lines lines;
};

static void
warn_of_words(struct drac_lines *t, const char *words)
{
	struct drac_why why;

	drac_why_set(&why, "ignored after netmask and address: %.*s",
	    DRAC_LINES_SHOWN, words);
	drac_lines_warn(t, why.text);
}

static int
take_line(char *line, unsigned number, void *arg, struct drac_why *why)
{
	struct reading *r = arg;
	char *rest = line, *first = strsep(&rest, DRAC_LINES_BLANKS), *quad;
	struct drac_net net;

	(void)number;
	if (rest == NULL) {
		if (drac_net_parse(first, &net) == -1)
			return refuse(why,
			    errno == EDOM ? "bits set after the prefix"
					  : "not a network",
			    first);
	} else {
		rest += strspn(rest, DRAC_LINES_BLANKS);
		quad = strsep(&rest, DRAC_LINES_BLANKS);
		if (parse_pair(first, quad, &net, why) == -1)
			return -1;
		if (rest != NULL)
			warn_of_words(&r->lines,
			    rest + strspn(rest, DRAC_LINES_BLANKS));
	}
	if (drac_nets_add(&r->nets, &net) == 0)
		return 0;
	drac_why_set(why, "out of memory");
	return -1;
}

/* What was read goes to the end of nets, if all went well. */
static int
finish(struct drac_nets *nets, struct reading *r, int answer)
{
	size_t count = nets->count;
	int saved;

	for (size_t i = 0; answer == 0 && i < r->nets.count; i++) {
		answer = drac_nets_add(nets, &r->nets.net[i]);
		if (answer == -1)
			drac_lines_tell(&r->lines, "out of memory");
	}
	saved = answer == -1 && r->lines.error != 0 ? r->lines.error : errno;
	if (answer == -1)
		nets->count = count;
	drac_nets_free(&r->nets);
	errno = saved;
	return answer;
}

static void
begin(struct reading *r, const char *name,
    const struct drac_allow_report *report)
{
	*r = (struct reading){ .lines = { .name = name,
				   .take = take_line,
				   .take_arg = r,
				   .report = report->error,
				   .warn = report->warning,
				   .report_arg = report->arg } };
}

int
drac_allow_load(struct drac_nets *nets, const char *path,
    const struct drac_allow_report *report)
{
	struct reading r;

	begin(&r, path, report);
	return finish(nets, &r, drac_lines_load(&r.lines));
}

int
drac_allow_parse(struct drac_nets *nets, const char *name, char *text,
    size_t len, const struct drac_allow_report *report)
{
	struct reading r;

	begin(&r, name, report);
	return finish(nets, &r, drac_lines_parse(&r.lines, text, len));
}
