/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What mail servers ask of the lookup service, and how they are answered:
 * octets in, a request out, and back. Three protocols, told apart by the
 * first octet of each request:
 *
 *   map      a digit: a socketmap request, as socketmap_table(5) and
 *            sendmail's `K... socket' send it: LENGTH:NAME KEY,
 *            with whatever word for NAME
 *   policy   `r': attributes NAME=VALUE on a line each up to an empty line,
 *            the first request=smtpd_access_policy (SMTPD_POLICY_README);
 *            client_address decides
 *   line     all others: get ADDRESS, ended by LF or CRLF
 *
 * A key or address is an address in any form that a mail server has for
 * one, with or without [ ] or IPv6: before it; anything else is not found.
 */
#ifndef DRAC_LOOKUP_H
#define DRAC_LOOKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "addr.h"

/* No request is longer; what is longer is refused. */
#define DRAC_LOOKUP_ASKED_MAX 4096u
#define DRAC_LOOKUP_MAP_MAX   1000u /* octets of a netstring */
#define DRAC_LOOKUP_LINE_MAX  256u  /* with its end */

/* No reply is. */
#define DRAC_LOOKUP_REPLY_MAX 128u

enum drac_lookup_protocol {
	DRAC_LOOKUP_MAP,
	DRAC_LOOKUP_LINE,
	DRAC_LOOKUP_POLICY
};

struct drac_lookup {
	enum drac_lookup_protocol protocol;
	struct drac_addr addr; /* len 0: no address was asked for */
	size_t used;           /* octets that it took */
	const char *fault;     /* why it is none, when it is refused */
};

/*
 * The request at the beginning of len octets. 1: it is all there; 0: not
 * yet; -1: it is none, whatever comes: to be answered by a PERM with
 * asked->fault, and no more to be read from there.
 */
int drac_lookup_read(const char *octets, size_t len, struct drac_lookup *asked);

enum drac_lookup_answer {
	DRAC_LOOKUP_FOUND, /* authorised until expiry */
	DRAC_LOOKUP_NOTFOUND,
	DRAC_LOOKUP_TEMP, /* nobody can tell; to be asked again later */
	DRAC_LOOKUP_PERM  /* the request is at fault */
};

struct drac_lookup_said {
	enum drac_lookup_answer answer;
	time_t expiry;      /* FOUND */
	const char *reason; /* TEMP, PERM: printable, at most 80 octets */
};

/*
 * The reply into text, without a NUL; how many octets it is. The policy
 * protocol has no word for PERM: 0 octets, and the end of the connection
 * says it.
 */
size_t drac_lookup_reply(enum drac_lookup_protocol protocol,
    const struct drac_lookup_said *said, char text[DRAC_LOOKUP_REPLY_MAX]);

#endif
