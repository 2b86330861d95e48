/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Lists of networks: which addresses are never recorded, which hosts may
 * ask; and the file of such hosts. A list owns its memory; zero-initialised
 * it is empty.
 */
#ifndef DRAC_ALLOW_H
#define DRAC_ALLOW_H

#include <stddef.h>

#include "addr.h"

struct drac_nets {
	struct drac_net *net;
	size_t count;
};

/* Append a copy; -1 with ENOMEM leaves the list as it was. */
int drac_nets_add(struct drac_nets *nets, const struct drac_net *net);

/* The first network that holds addr, or NULL. Valid until the list changes. */
const struct drac_net *drac_nets_find(const struct drac_nets *nets,
    const struct drac_addr *addr);

/* Where errors and warnings go: one call each, text without a newline. */
struct drac_allow_report {
	void (*error)(const char *text, void *arg);
	void (*warning)(const char *text, void *arg);
	void *arg;
};

/*
 * Append the networks of a file, dracd.allow(5). A line holds a netmask and
 * an address, both as dotted quads, as the original wrote it; or a network
 * as drac_net_parse takes it. `#` at the start of a line or after a blank
 * starts a comment. The original read no more of a line than netmask and
 * address: words after them are taken with a warning, and so are lines that
 * end in CR LF. The file must be safe as lines.h says: a regular file,
 * owned by root (or by the effective user), not writable by group or
 * others, at most 64 KiB. 0 ok; -1 with errno ENOENT when there is no such
 * file (nothing is reported then); -1 with EINVAL after reporting every
 * error as "PATH:LINE: what is wrong: TEXT" or "PATH: what is wrong"; -1
 * with the errno of open(2) or read(2), or ENOMEM, reported too. On -1 nets
 * is as it was.
 */
int drac_allow_load(struct drac_nets *nets, const char *path,
    const struct drac_allow_report *report);

/*
 * The part of drac_allow_load after the reading: len octets of text, which
 * is written over and has room for one octet more. name is what errors
 * call it. Results as above.
 */
int drac_allow_parse(struct drac_nets *nets, const char *name, char *text,
    size_t len, const struct drac_allow_report *report);

/* Release what the list owns and make it empty. */
void drac_nets_free(struct drac_nets *nets);

#endif
