/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The wire of DRAC: ONC RPC messages (RFC 5531) in XDR (RFC 4506), made and
 * read in the caller's memory. No sockets, no clock, no allocation.
 *
 * Program 900101. Version 1 is of 1998: procedure 1 takes one unsigned
 * integer, an IPv4 address (192.0.2.100 travels as c0 00 02 64). Version 2
 * takes an IPv6 address declared as `char drac_addr[16]`, and a char is an
 * integer to XDR: 16 words, 64 octets. Senders with signed chars extend the
 * sign (0xb8 travels as ff ff ff b8), others do not; both are read, the
 * former is written. Both answer with one word, an enum drac_answer.
 *
 * Version 3 is ours, for callers on the same host only: it tells what an
 * add did, takes it back, and lists and changes the map. It is served on
 * the local socket alone and is never registered anywhere.
 *
 * The two questions to a port mapper are here as well: GETPORT of version 2
 * (RFC 1833, 3) and GETADDR of version 3, which knows IPv6.
 */
#ifndef DRAC_WIRE_H
#define DRAC_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "addr.h"
#include "why.h"

#define DRAC_PROGRAM 900101u

enum drac_version {
	DRAC_VERSION_V4 = 1,
	DRAC_VERSION_V6 = 2,
	DRAC_VERSION_LOCAL = 3
};

/* Procedure 0 of each version does nothing and answers nothing. */
enum drac_procedure {
	DRAC_PROC_NULL = 0,
	DRAC_PROC_ADD = 1, /* the only other one of versions 1 and 2 */
	DRAC_PROC_TAKE_BACK = 2,
	DRAC_PROC_GET = 3,
	DRAC_PROC_SET = 4,
	DRAC_PROC_DROP = 5,
	DRAC_PROC_CLEAR = 6,
	DRAC_PROC_LIST = 7,
	DRAC_PROC_SWEEP = 8,
	DRAC_PROC_STATUS = 9,
	DRAC_PROC_CLOSE = 10,
	DRAC_PROC_CLOSED = 11,
	DRAC_PROC_REPORT = 12, /* ADD of a login, by those who know more */
	DRAC_PROC_UNDO = 13,   /* what a REPORT wrote, answered or not */
	DRAC_PROC_GRANT = 14   /* ADD by the administrator: nobody's login */
};

/* The word that versions 1 and 2 answer with. */
enum drac_answer {
	DRAC_ANSWER_SUCCESS = 0,
	DRAC_ANSWER_PERM = 1,   /* this caller may not */
	DRAC_ANSWER_SYSERR = 2, /* it could not be recorded */
	DRAC_ANSWER_UNKNOWN = 3
};

/* The longest message either side makes or takes, without record mark. */
#define DRAC_CALL_MAX  1024u
#define DRAC_REPLY_MAX 65536u

/* Entries of one answer to LIST. */
#define DRAC_LIST_MAX 1000u

/* The record mark of RFC 5531, 11: the top bit says last fragment. */
#define DRAC_MARK_SIZE 4u
#define DRAC_MARK_LAST 0x80000000u

/* Octets of a user and a service in a REPORT. */
#define DRAC_USER_MAX    255u
#define DRAC_SERVICE_MAX 64u

/*
 * A login as REPORT tells it. deadline_ms is on CLOCK_BOOTTIME, which caller
 * and daemon share on one host: the caller waits until then and no longer,
 * so what comes later is not to be served.
 */
struct drac_report {
	uint64_t id; /* random, for UNDO; 0: none */
	uint64_t deadline_ms;
	char user[DRAC_USER_MAX + 1];       /* as it is, any octets but NUL; */
	char service[DRAC_SERVICE_MAX + 1]; /* empty: not known */
};

/* A call. Only what its procedure takes has a meaning; the rest is 0. */
struct drac_call {
	uint32_t xid;
	uint32_t version;
	uint32_t procedure;
	struct drac_addr addr; /* LIST: the last one seen; len 0: from the
				* start. SET, ADD and the like: whom */
	time_t expiry;         /* TAKE_BACK, SET; CLOSE: until when, 0: open */
	time_t previous;       /* TAKE_BACK; 0: none */
	uint32_t count;        /* LIST: entries wanted, 1..DRAC_LIST_MAX */
	uint32_t bits;         /* CLOSE: of the network */
	struct drac_report report; /* REPORT; UNDO: its id */
};

/* What a server makes of the octets it received. */
enum drac_verdict {
	DRAC_CALL_GOOD,
	DRAC_CALL_FAULTY, /* a call that drac_wire_fault answers */
	DRAC_CALL_NOISE   /* no RPC call at all: not to be answered */
};

/* Why a call is faulty (RFC 5531, 9). */
enum drac_fault {
	DRAC_FAULT_NONE,
	DRAC_FAULT_RPC_VERSION, /* not 2 */
	DRAC_FAULT_PROGRAM,     /* not ours */
	DRAC_FAULT_VERSION,     /* not among those served there */
	DRAC_FAULT_PROCEDURE,
	DRAC_FAULT_ARGUMENTS
};

/*
 * Read one message of size octets. highest is the highest version served
 * on this transport: DRAC_VERSION_V6, or DRAC_VERSION_LOCAL. Credential and
 * verifier of any flavour up to 400 octets are skipped: nothing in them is
 * proof of anything. Octets behind the arguments make a call faulty. An
 * address of another length than 4 or 16 is a fault of the arguments; a
 * mapped one is folded; an instant before 1970 is a fault. A message whose
 * header is cut or has longer credentials (RFC 5531, 8.2) is no call: it
 * is noise. call->xid is good for a faulty call too.
 */
enum drac_verdict drac_wire_read_call(const unsigned char *octets, size_t size,
    uint32_t highest, struct drac_call *call, enum drac_fault *fault);

/*
 * Each of these writes one message and returns its size: at most
 * DRAC_CALL_MAX for calls, DRAC_REPLY_MAX for replies, for which the
 * caller has the room. 0: what cannot be said, such as an IPv6 address in
 * version 1, an instant before 1970, an entry without an address. An IPv4
 * address in version 2 travels mapped.
 */
size_t drac_wire_fault(uint32_t xid, enum drac_fault fault, uint32_t highest,
    unsigned char *octets); /* <= 64 octets */
size_t drac_wire_call(const struct drac_call *call, unsigned char *octets);

/* The empty answer of procedure 0, any version. */
size_t drac_wire_void(uint32_t xid, unsigned char *octets); /* 24 octets */

/* The one-word answer of versions 1 and 2. */
size_t drac_wire_answer(uint32_t xid, enum drac_answer answer,
    unsigned char *octets); /* 28 octets */

/* An entry of the map as LIST tells it, or a network as CLOSED does. */
struct drac_listed {
	struct drac_addr addr;
	time_t expiry;
	unsigned char bits; /* CLOSED */
};

/*
 * An answer of version 3: the same word, a sentence for a person (empty
 * when all is well, or a warning), then what the procedure tells:
 *   ADD REPORT GRANT      flag (written), expiry, previous
 *   TAKE_BACK UNDO DROP   flag (something was removed or put back)
 *   GET                   flag (found), expiry
 *   LIST                  flag (these are the last), listed, count
 *   SWEEP                 removed, kept
 *   STATUS                text: lines `name value`; cut at 60 KiB
 *   CLOSED                listed, count, at most DRAC_LIST_MAX
 *   SET CLEAR CLOSE       nothing
 * With another answer than SUCCESS nothing follows the sentence.
 */
struct drac_reply {
	uint32_t answer;     /* enum drac_answer */
	struct drac_why why; /* printable ASCII; read, what is not is '?' */
	bool flag;
	time_t expiry;
	time_t previous;
	uint64_t removed;
	uint64_t kept;
	struct drac_listed *listed; /* room for DRAC_LIST_MAX, or NULL; the
				     * caller's own, reading and writing */
	size_t count;
	char *text;       /* the caller's own, reading and writing */
	size_t text_room; /* with its NUL; a longer one is not taken */
};

size_t drac_wire_reply(uint32_t xid, uint32_t procedure,
    const struct drac_reply *reply, unsigned char *octets);

/*
 * Read a reply to a call of ours. 1: it is the reply to xid and is in
 * *reply (for versions 1 and 2 only reply->answer; for procedure 0
 * nothing). 0: not a reply to xid, wait for another. -1: it is one, and
 * the call failed: EPROTONOSUPPORT the server has not this program or
 * version, EACCES credentials refused, ENOSYS no such procedure, EPROTO it
 * did not understand us, EIO an error of its own, EBADMSG the reply makes
 * no sense; what is in *reply is then of no use, listed and text stay.
 */
int drac_wire_read_reply(const unsigned char *octets, size_t size,
    const struct drac_call *call, struct drac_reply *reply);

/*
 * Ask for the UDP or TCP port of program 900101, version 1 or 2. v6: ask
 * for its address on IPv6 by version 3 of the port mapper, else for its
 * port by version 2. Returns the size.
 */
size_t drac_wire_ask_port(uint32_t xid, uint32_t version, bool tcp, bool v6,
    unsigned char *octets);

/* Results as of drac_wire_read_reply; *port 0: not registered. */
int drac_wire_read_port(const unsigned char *octets, size_t size, uint32_t xid,
    bool v6, unsigned short *port);

#endif
